//! The fields that a text was found to have.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

/// A value that nobody may write down: wiped when dropped, and `Debug` shows nothing of it, not even its length.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes it over.
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value, for the one who is asked with it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Field names with their values, in the order of the pattern. All values are wiped when dropped, and `Debug` shows the
/// names alone: a card number is no secret of the rule, but personal all the same.
pub struct Fields {
    values: Vec<(String, Value)>,
}

enum Value {
    Plain(Zeroizing<String>),
    Secret(Secret),
}

impl Fields {
    pub(super) fn new() -> Self {
        Self { values: Vec::new() }
    }

    pub(super) fn push(&mut self, name: &str, mut value: String, secret: bool) {
        let kept = if secret {
            Value::Secret(Secret::new(std::mem::take(&mut value)))
        } else {
            Value::Plain(Zeroizing::new(std::mem::take(&mut value)))
        };
        value.zeroize();
        self.values.push((name.to_owned(), kept));
    }

    /// The names, in the order of the pattern.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|(name, _)| name.as_str())
    }

    /// A field that is no secret.
    pub fn plain(&self, name: &str) -> Option<&str> {
        match self.find(name)? {
            Value::Plain(value) => Some(value),
            Value::Secret(_) => None,
        }
    }

    /// A field that is a secret.
    pub fn secret(&self, name: &str) -> Option<&Secret> {
        match self.find(name)? {
            Value::Secret(secret) => Some(secret),
            Value::Plain(_) => None,
        }
    }

    /// All fields with their values, secrets included: for the handler's request and nothing else.
    pub fn exposed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| match value {
            Value::Plain(value) => (name.as_str(), value.as_str()),
            Value::Secret(secret) => (name.as_str(), secret.expose()),
        })
    }

    fn find(&self, name: &str) -> Option<&Value> {
        self.values
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value)
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
