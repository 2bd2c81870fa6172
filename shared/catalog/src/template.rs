//! Texts with parameters.

use std::{
    collections::{BTreeSet, HashMap},
    fmt::{self, Write as _},
};

use hongyan_domain::MessageClass;

use crate::keyword::is_field_name;

/// A text with `{parameter}`s, without signature. `{{` and `}}` stand for the braces themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// As declared.
    pub text: String,
    /// The class that messages of this template have; `None` leaves it to the caller.
    pub class: Option<MessageClass>,
    pieces: Vec<Piece>,
    parameters: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Parameter(String),
}

impl Template {
    /// Parses the text; `Err` says what is wrong with it.
    pub(crate) fn parse(text: &str, class: Option<MessageClass>) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(behind) = rest.strip_prefix("{{") {
                literal.push('{');
                rest = behind;
            } else if let Some(behind) = rest.strip_prefix("}}") {
                literal.push('}');
                rest = behind;
            } else if rest.starts_with('}') {
                return Err("the text has a } without its { (a brace itself is written }})".to_owned());
            } else {
                let Some((name, behind)) = rest[1..].split_once('}') else {
                    return Err("the text has a { without its } (a brace itself is written {{)".to_owned());
                };
                if !is_field_name(name) {
                    return Err(format!(
                        "the parameter {name:?} must be a lower-case letter, then letters, digits and underscores, at most 32 \
                         together"
                    ));
                }
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                pieces.push(Piece::Parameter(name.to_owned()));
                rest = behind;
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        let parameters = pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::Parameter(name) => Some(name.clone()),
                Piece::Literal(_) => None,
            })
            .collect();
        Ok(Self {
            text: text.to_owned(),
            class,
            pieces,
            parameters,
        })
    }

    /// The names of its parameters.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().map(String::as_str)
    }

    /// The text without any parameter's value: the least that a filled one will say.
    pub(crate) fn literal_text(&self) -> String {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Literal(text) => text.as_str(),
                Piece::Parameter(_) => "",
            })
            .collect()
    }

    /// The text with its parameters' values. Each parameter must be given, and nothing else.
    pub fn fill(&self, values: &HashMap<String, String>) -> Result<String, TemplateError> {
        let missing: Vec<_> = self
            .parameters
            .iter()
            .filter(|name| !values.contains_key(*name))
            .cloned()
            .collect();
        let mut unknown: Vec<_> = values
            .keys()
            .filter(|name| !self.parameters.contains(*name))
            .cloned()
            .collect();
        unknown.sort();
        if !missing.is_empty() || !unknown.is_empty() {
            return Err(TemplateError { missing, unknown });
        }
        let mut filled = String::with_capacity(self.text.len() + 64);
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => filled.push_str(text),
                Piece::Parameter(name) => filled.push_str(values.get(name).map_or("", String::as_str)),
            }
        }
        Ok(filled)
    }
}

/// The parameters given are not those of the template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TemplateError {
    /// Parameters that were not given.
    pub missing: Vec<String>,
    /// Names given that are no parameters.
    pub unknown: Vec<String>,
}

impl fmt::Display for TemplateError {
    /// Names that no parameter could have are counted and not shown: they may be anything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_SHOWN: usize = 16;
        let mut parts = Vec::new();
        if !self.missing.is_empty() {
            parts.push(format!("missing {}", self.missing.join(", ")));
        }
        if !self.unknown.is_empty() {
            let shown: Vec<_> = self
                .unknown
                .iter()
                .filter(|name| is_field_name(name))
                .take(MAX_SHOWN)
                .map(String::as_str)
                .collect();
            let hidden = self.unknown.len() - shown.len();
            let mut part = "unknown".to_owned();
            if !shown.is_empty() {
                part.push(' ');
                part.push_str(&shown.join(", "));
            }
            if hidden > 0 {
                let _ = write!(part, " ({hidden} not shown)");
            }
            parts.push(part);
        }
        f.write_str(&parts.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::{Template, TemplateError};

    fn values(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_text_is_filled_and_braces_can_be_said() {
        let template = Template::parse("您的验证码是{code}，{{{minutes}}}分钟内有效。{code}", None).unwrap();
        assert_eq!(template.parameters().collect::<Vec<_>>(), ["code", "minutes"]);
        assert_eq!(
            template
                .fill(&values(&[("code", "{minutes}"), ("minutes", "5")]))
                .unwrap(),
            "您的验证码是{minutes}，{5}分钟内有效。{minutes}",
            "a value is not read as a template"
        );
        assert_eq!(template.literal_text(), "您的验证码是，{}分钟内有效。");
    }

    #[test]
    fn missing_and_unknown_parameters_are_named() {
        let template = Template::parse("{a}{b}", None).unwrap();
        let error = template
            .fill(&values(&[("b", "1"), ("c", "2"), ("张三", "3")]))
            .unwrap_err();
        assert_eq!(
            error,
            TemplateError {
                missing: vec!["a".into()],
                unknown: vec!["c".into(), "张三".into()]
            }
        );
        assert_eq!(error.to_string(), "missing a; unknown c (1 not shown)");
    }

    #[test]
    fn a_wrong_syntax_is_refused_with_its_reason() {
        for (text, part) in [
            ("a}b", "} without"),
            ("a{b", "{ without"),
            ("{}", "lower-case letter"),
            ("{Code}", "lower-case letter"),
            ("{验证码}", "lower-case letter"),
        ] {
            let reason = Template::parse(text, None).expect_err(text);
            assert!(reason.contains(part), "{text}: {reason}");
        }
    }

    proptest! {
        #[test]
        fn a_text_of_its_own_braces_says_itself(text in "[^{}]{0,40}") {
            let doubled = format!("{{{{{text}}}}}");
            let template = Template::parse(&doubled, None).unwrap();
            prop_assert_eq!(template.fill(&HashMap::new()).unwrap(), format!("{{{text}}}"));
        }

        #[test]
        fn what_parses_fills_with_its_own_parameters(text in "[a-c{} ]{0,24}") {
            if let Ok(template) = Template::parse(&text, None) {
                let values = template.parameters().map(|name| (name.to_owned(), "x".to_owned())).collect();
                prop_assert!(template.fill(&values).is_ok());
            }
        }
    }
}
