//! The table of the carriers' codes in force.

use hongyan_catalog::LiveCatalog;
use hongyan_domain::status::CodeTable;

/// The deployment's table where there is a catalog, else the built-in one. Cheap to clone.
#[derive(Clone, Default)]
pub struct Codes(Option<LiveCatalog>);

impl Codes {
    /// Follows a catalog.
    pub fn of(catalog: &LiveCatalog) -> Self {
        Self(Some(catalog.clone()))
    }

    /// Asks the table that is in force now.
    pub fn with<R>(&self, ask: impl FnOnce(&CodeTable) -> R) -> R {
        match &self.0 {
            Some(catalog) => ask(catalog.current().codes()),
            None => ask(CodeTable::built_in()),
        }
    }
}
