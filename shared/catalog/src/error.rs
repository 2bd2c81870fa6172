//! What is wrong with a catalog, and where.

use std::fmt;

/// More mistakes than these are counted, not listed.
pub(crate) const MAX_LISTED: usize = 200;

/// Where something was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's name within the catalog's directory.
    pub file: &'static str,
    /// From 1; 0 where the whole file is meant.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            f.write_str(self.file)
        } else {
            write!(f, "{}:{}", self.file, self.line)
        }
    }
}

/// One mistake. The reason names what was declared, never a subscriber's number or a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CatalogError {
    /// Where it stands.
    pub place: Place,
    /// What is wrong there.
    pub reason: String,
}

impl CatalogError {
    /// A mistake that only a reader of the catalog can see, such as a pattern outside its grammar.
    pub fn new(place: Place, reason: impl Into<String>) -> Self {
        Self {
            place,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for CatalogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

/// Everything that is wrong with a catalog, by file and line. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct CatalogErrors {
    listed: Vec<CatalogError>,
    omitted: usize,
}

impl CatalogErrors {
    /// Orders the mistakes and keeps the first 200.
    pub fn new(mut all: Vec<CatalogError>) -> Self {
        all.sort();
        all.dedup();
        let omitted = all.len().saturating_sub(MAX_LISTED);
        all.truncate(MAX_LISTED);
        Self { listed: all, omitted }
    }

    /// The mistakes, by file and line; at most 200.
    pub fn iter(&self) -> impl Iterator<Item = &CatalogError> {
        self.listed.iter()
    }

    /// How many mistakes are not listed.
    pub fn omitted(&self) -> usize {
        self.omitted
    }
}

impl fmt::Display for CatalogErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the catalog is refused")?;
        for error in &self.listed {
            write!(f, "\n  {error}")?;
        }
        if self.omitted > 0 {
            write!(f, "\n  and {} more", self.omitted)?;
        }
        Ok(())
    }
}
