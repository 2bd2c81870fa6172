//! What a tenant does with texts from subscribers.

use crate::Place;

const MAX_FIELD_NAME: usize = 32;
const MAX_FIELD_KIND: usize = 64;

/// A tenant's rules, tried in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keywords {
    /// The first that matches decides.
    pub rules: Vec<KeywordRule>,
    /// The template for a text that no rule matches.
    pub help_template: Option<String>,
    /// The template for a handler that failed or was late.
    pub apology_template: Option<String>,
    /// How a subscriber says stop.
    pub opt_out: Option<OptOut>,
}

/// A form of text, who answers it, and the template of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeywordRule {
    /// Unique to the tenant; the handler is told it as `command`.
    pub name: String,
    /// As declared: fields stand as `{name}` or `{name:kind}`. What matches it is the uplink router's grammar.
    pub pattern: String,
    /// The pattern's fields in their order, with unique names.
    pub fields: Vec<PatternField>,
    /// The tenant's handler; where there is none, the template alone answers.
    pub handler: Option<String>,
    /// The tenant's template.
    pub template: String,
    /// Where the pattern was written.
    pub place: Place,
}

/// A field of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternField {
    /// A lower-case letter, then letters, digits and underscores.
    pub name: String,
    /// What stands behind the colon, uninterpreted.
    pub kind: Option<String>,
}

/// Words that end a tenant's notices to a subscriber, beside those that every tenant has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptOut {
    /// Further words.
    pub words: Vec<String>,
    /// The template of the confirmation; no reply where there is none.
    pub template: Option<String>,
}

/// Whether a text is fit to name a parameter or field: a lower-case letter, then lower-case letters, digits and
/// underscores, at most 32 together.
pub(crate) fn is_field_name(text: &str) -> bool {
    let mut octets = text.bytes();
    text.len() <= MAX_FIELD_NAME
        && octets.next().is_some_and(|first| first.is_ascii_lowercase())
        && octets.all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'_')
}

/// The fields of a pattern; `Err` says what is wrong with its shape.
pub(crate) fn pattern_fields(pattern: &str) -> Result<Vec<PatternField>, String> {
    let mut fields: Vec<PatternField> = Vec::new();
    let mut rest = pattern;
    while let Some(at) = rest.find(['{', '}']) {
        let Some(inside) = rest[at..].strip_prefix('{') else {
            return Err("the pattern has a } without its {".to_owned());
        };
        let Some((field, behind)) = inside.split_once('}') else {
            return Err("the pattern has a { without its }".to_owned());
        };
        if field.contains('{') {
            return Err("the pattern has a { within a field".to_owned());
        }
        let (name, kind) = match field.split_once(':') {
            None => (field, None),
            Some((name, kind)) => (name, Some(kind)),
        };
        if !is_field_name(name) {
            return Err(format!(
                "the pattern's field {name:?} must be a lower-case letter, then letters, digits and underscores, at most \
                 {MAX_FIELD_NAME} together"
            ));
        }
        if kind.is_some_and(|kind| {
            kind.is_empty()
                || kind.len() > MAX_FIELD_KIND
                || !kind.bytes().all(|octet| octet.is_ascii_graphic())
        }) {
            return Err(format!(
                "the kind of the pattern's field {name:?} must be 1 to {MAX_FIELD_KIND} visible ASCII characters"
            ));
        }
        if fields.iter().any(|earlier| earlier.name == name) {
            return Err(format!("the pattern has the field {name:?} twice"));
        }
        fields.push(PatternField {
            name: name.to_owned(),
            kind: kind.map(str::to_owned),
        });
        rest = behind;
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::pattern_fields;

    fn names(pattern: &str) -> Result<Vec<(String, Option<String>)>, String> {
        Ok(pattern_fields(pattern)?
            .into_iter()
            .map(|field| (field.name, field.kind))
            .collect())
    }

    #[test]
    fn fields_are_found_with_their_kinds() {
        assert_eq!(names("TD").unwrap(), []);
        assert_eq!(names("SBYE#{card}").unwrap(), [("card".into(), None)]);
        assert_eq!(
            names("{card:digits}*{password:secret}").unwrap(),
            [
                ("card".into(), Some("digits".into())),
                ("password".into(), Some("secret".into()))
            ]
        );
    }

    #[test]
    fn a_shape_outside_the_rules_is_refused_with_its_reason() {
        for (pattern, part) in [
            ("a}", "} without"),
            ("{a", "{ without"),
            ("{a{b}}", "within a field"),
            ("{}", "lower-case letter"),
            ("{Card}", "lower-case letter"),
            ("{1a}", "lower-case letter"),
            ("{a:}", "kind"),
            ("{a:x y}", "kind"),
            ("{a}{a}", "twice"),
        ] {
            let reason = pattern_fields(pattern).expect_err(pattern);
            assert!(reason.contains(part), "{pattern}: {reason}");
        }
    }
}
