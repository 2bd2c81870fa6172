//! Patterns, read from the catalog.

use super::{fold::fold, kind::Kind};

/// A pattern that was read. What it matches is in [`Pattern::matches`].
#[derive(Debug, Clone)]
pub struct Pattern {
    pub(super) pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
pub(super) enum Piece {
    /// Folded; at least one character.
    Literal(Vec<char>),
    Field {
        name: String,
        kind: Kind,
    },
}

/// Why a pattern is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing to match.
    #[error("the pattern is empty")]
    Empty,
    /// Braces that do not pair.
    #[error("the pattern has a brace without its other one")]
    Brace,
    /// A field without a name.
    #[error("the pattern has a field without a name")]
    NoName,
    /// A kind that does not exist.
    #[error(
        "the pattern's field {field} has the kind {kind:?}, which must be {}",
        Kind::NAMES
    )]
    UnknownKind {
        /// The field.
        field: String,
        /// Its kind, as written.
        kind: String,
    },
    /// Two fields side by side: where the first ends cannot be told.
    #[error("the pattern's fields {first} and {second} need something between them")]
    Adjacent {
        /// The field in front.
        first: String,
        /// The one behind.
        second: String,
    },
    /// One name twice.
    #[error("the pattern has the field {field} twice")]
    Twice {
        /// The field.
        field: String,
    },
    /// Nothing but a field of any text: it would swallow every other rule's text.
    #[error(
        "the pattern is a field of kind text alone, which matches everything; use the help template for that"
    )]
    Everything,
}

impl Pattern {
    /// Reads a pattern as declared.
    pub fn parse(declared: &str) -> Result<Self, PatternError> {
        let mut pieces = Vec::new();
        let mut rest = declared;
        while let Some(at) = rest.find(['{', '}']) {
            push_literal(&mut pieces, &rest[..at]);
            let inside = rest[at..].strip_prefix('{').ok_or(PatternError::Brace)?;
            let (field, behind) = inside.split_once('}').ok_or(PatternError::Brace)?;
            if field.contains('{') {
                return Err(PatternError::Brace);
            }
            push_field(&mut pieces, field)?;
            rest = behind;
        }
        push_literal(&mut pieces, rest);
        match pieces.as_slice() {
            [] => Err(PatternError::Empty),
            [Piece::Field { kind: Kind::Text, .. }] => Err(PatternError::Everything),
            _ => Ok(Self { pieces }),
        }
    }

    /// The names of its fields that are no secrets.
    pub fn plain_fields(&self) -> impl Iterator<Item = &str> {
        self.fields()
            .filter(|(_, kind)| *kind != Kind::Secret)
            .map(|(name, _)| name)
    }

    /// Whether one of its fields is a secret.
    pub fn has_secret(&self) -> bool {
        self.fields().any(|(_, kind)| kind == Kind::Secret)
    }

    fn fields(&self) -> impl Iterator<Item = (&str, Kind)> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Field { name, kind } => Some((name.as_str(), *kind)),
            Piece::Literal(_) => None,
        })
    }
}

fn push_literal(pieces: &mut Vec<Piece>, text: &str) {
    let literal = fold(text).chars().to_vec();
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
}

fn push_field(pieces: &mut Vec<Piece>, field: &str) -> Result<(), PatternError> {
    let (name, kind) = match field.split_once(':') {
        None => (field, Kind::of_name(field)),
        Some((name, kind)) => {
            let known = Kind::parse(kind).ok_or_else(|| PatternError::UnknownKind {
                field: name.to_owned(),
                kind: kind.to_owned(),
            })?;
            (name, known)
        }
    };
    if name.is_empty() {
        return Err(PatternError::NoName);
    }
    if pieces
        .iter()
        .any(|piece| matches!(piece, Piece::Field { name: own, .. } if own == name))
    {
        return Err(PatternError::Twice {
            field: name.to_owned(),
        });
    }
    if let Some(Piece::Field { name: first, .. }) = pieces.last() {
        return Err(PatternError::Adjacent {
            first: first.clone(),
            second: name.to_owned(),
        });
    }
    pieces.push(Piece::Field {
        name: name.to_owned(),
        kind,
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Pattern, PatternError};

    #[test]
    fn wrong_patterns_are_refused_with_the_reason() {
        let cases = [
            ("", PatternError::Empty),
            ("  ", PatternError::Empty),
            ("a{card", PatternError::Brace),
            ("a}", PatternError::Brace),
            ("{a{b}}", PatternError::Brace),
            ("a{}", PatternError::NoName),
            ("a{:word}", PatternError::NoName),
            ("{any:text}", PatternError::Everything),
            (
                "a{n:number}",
                PatternError::UnknownKind {
                    field: "n".into(),
                    kind: "number".into(),
                },
            ),
            (
                "{a}{b}",
                PatternError::Adjacent {
                    first: "a".into(),
                    second: "b".into(),
                },
            ),
            (
                "{a} {b}",
                PatternError::Adjacent {
                    first: "a".into(),
                    second: "b".into(),
                },
            ),
            ("{a}#{a}", PatternError::Twice { field: "a".into() }),
        ];
        for (declared, expected) in cases {
            assert_eq!(Pattern::parse(declared).err(), Some(expected), "{declared}");
        }
    }

    #[test]
    fn a_pattern_knows_its_fields() {
        let pattern = Pattern::parse("{card}*{password}").unwrap();
        assert!(pattern.has_secret());
        assert_eq!(pattern.plain_fields().collect::<Vec<_>>(), ["card"]);
        assert!(!Pattern::parse("SBYE#{card}").unwrap().has_secret());
    }
}
