//! Names that may stand in keys, logs and metrics, each with the characters and the length it may have.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// A name that may not be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} {why}")]
pub struct InvalidName {
    /// Which name, e.g. `tenant id`.
    pub what: &'static str,
    /// What a right one looks like. The wrong one is not repeated, because it may hold anything.
    pub why: &'static str,
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $what:literal, $least:literal ..= $most:literal, $alphabet:path, $why:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the characters and the length.
            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                let fits = ($least..=$most).contains(&text.chars().count());
                if fits && text.chars().all($alphabet) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidName { what: $what, why: $why })
                }
            }

            /// As text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.as_str().to_owned()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), self.as_str())
            }
        }
    )*};
}

names! {
    /// Who a message is sent for.
    TenantId = "tenant id", 1..=32, is_label, "must be 1 to 32 of a-z, 0-9 and hyphen";
    /// A carrier's account that messages leave by.
    LinkName = "link name", 1..=32, is_label, "must be 1 to 32 of a-z, 0-9 and hyphen";
    /// A reader of a feed and its cursor.
    Subscription = "subscription", 1..=32, is_label, "must be 1 to 32 of a-z, 0-9 and hyphen";
    /// A text with places to fill.
    TemplateId = "template id", 1..=64, is_identifier, "must be 1 to 64 of A-Z, a-z, 0-9, '.', '_' and hyphen";
    /// A keyword rule; the command that a handler is asked.
    RuleName = "rule name", 1..=64, is_identifier, "must be 1 to 64 of A-Z, a-z, 0-9, '.', '_' and hyphen";
    /// A business's own handler of uplinks.
    HandlerName = "handler name", 1..=64, is_identifier, "must be 1 to 64 of A-Z, a-z, 0-9, '.', '_' and hyphen";
    /// What a caller names a request by, so that a repeated one is the same one.
    RequestId = "request id", 1..=64, is_visible, "must be 1 to 64 visible ASCII characters";
    /// The number that a subscriber sees, without extension.
    AccessNumber = "access number", 3..=21, is_digit, "must be 3 to 21 digits";
    /// Digits behind an access number; may be empty.
    Extension = "extension", 0..=18, is_digit, "must be at most 18 digits";
    /// The caller's own word for a message; may be empty.
    Reference = "reference", 0..=128, is_printable, "must be at most 128 characters, none of them a control character";
}

fn is_label(c: char) -> bool {
    matches!(c, 'a'..='z' | '0'..='9' | '-')
}

fn is_identifier(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

fn is_visible(c: char) -> bool {
    c.is_ascii_graphic()
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

fn is_printable(c: char) -> bool {
    !c.is_control()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        AccessNumber, Extension, InvalidName, LinkName, Reference, RequestId, Subscription, TemplateId,
        TenantId,
    };

    #[test]
    fn right_names_are_kept_as_they_are() {
        assert_eq!(
            TenantId::parse("hangzhou-shebao").unwrap().as_str(),
            "hangzhou-shebao"
        );
        assert_eq!(RequestId::parse("a{b}:c~!").unwrap().to_string(), "a{b}:c~!");
        assert_eq!(
            AccessNumber::parse("106575123456").unwrap().as_str(),
            "106575123456"
        );
        assert_eq!(Extension::parse("").unwrap().as_str(), "");
        assert_eq!(Reference::parse("批次 7").unwrap().as_str(), "批次 7");
        assert_eq!(
            format!("{:?}", LinkName::parse("cmcc-1").unwrap()),
            r#"LinkName("cmcc-1")"#
        );
    }

    #[test]
    fn wrong_names_are_refused_with_what_and_why() {
        let wrong = [
            TenantId::parse("").err(),
            TenantId::parse("A").err(),
            TenantId::parse("a b").err(),
            TenantId::parse(&"a".repeat(33)).err(),
            Subscription::parse("a_b").err(),
            TemplateId::parse("a/b").err(),
            RequestId::parse("a b").err(),
            RequestId::parse("é").err(),
            RequestId::parse(&"a".repeat(65)).err(),
            AccessNumber::parse("10").err(),
            AccessNumber::parse("1065７5").err(),
            AccessNumber::parse(&"1".repeat(22)).err(),
            Extension::parse("1a").err(),
            Reference::parse("a\nb").err(),
            Reference::parse(&"批".repeat(129)).err(),
        ];
        assert!(wrong.iter().all(Option::is_some), "{wrong:?}");
        let error = TenantId::parse("A").unwrap_err();
        assert_eq!(
            error.to_string(),
            "tenant id must be 1 to 32 of a-z, 0-9 and hyphen"
        );
        assert_eq!(
            Reference::parse(&"批".repeat(128)).map(|r| r.as_str().len()),
            Ok(384)
        );
    }

    proptest! {
        #[test]
        fn an_error_never_repeats_what_was_wrong(text in "[A-Z!]{12,40}") {
            let InvalidName { what, why } = TenantId::parse(&text).unwrap_err();
            prop_assert!(!what.contains(&text) && !why.contains(&text));
        }
    }
}
