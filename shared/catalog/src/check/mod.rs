//! From what is written to what is meant; every mistake in values and references is noted.

mod codes;
mod keywords;
mod links;
mod numbers;
mod routes;
mod tenants;
mod values;

use std::path::Path;

use hongyan_domain::status::CodeTable;
use serde_saphyr::Spanned;

use crate::{Catalog, CatalogError, Place, load::CODES_FILE, raw};

/// Notes mistakes of one file.
pub(crate) struct Notes<'a> {
    file: &'static str,
    errors: &'a mut Vec<CatalogError>,
}

impl Notes<'_> {
    fn at<T>(&self, spot: &Spanned<T>) -> Place {
        Place {
            file: self.file,
            line: spot.referenced.line(),
        }
    }

    fn add<T>(&mut self, spot: &Spanned<T>, reason: impl Into<String>) {
        let place = self.at(spot);
        self.errors.push(CatalogError::new(place, reason));
    }

    /// Notes a table with more entries than it may have.
    fn bound(&mut self, what: &str, entries: usize, most: usize) {
        if entries > most {
            let place = Place {
                file: self.file,
                line: 0,
            };
            self.errors.push(CatalogError::new(
                place,
                format!("has {entries} {what}, more than the {most} allowed"),
            ));
        }
    }
}

/// The table that `codes.yaml` makes.
pub(crate) fn codes(file: &raw::codes::CodesFile, errors: &mut Vec<CatalogError>) -> CodeTable {
    codes::check(
        file,
        &mut Notes {
            file: CODES_FILE,
            errors,
        },
    )
}

/// A file whose shape was wrong is `None`; what refers to it is then not checked, for it would only repeat the mistake.
pub(crate) fn catalog(
    dir: &Path,
    tenants: Option<raw::TenantsFile>,
    links: Option<raw::LinksFile>,
    routes: Option<raw::RoutesFile>,
    codes: Option<&raw::codes::CodesFile>,
    errors: &mut Vec<CatalogError>,
) -> Catalog {
    let mut catalog = Catalog::default();
    if let Some(file) = tenants {
        tenants::check(
            file,
            &mut catalog,
            &mut Notes {
                file: "tenants.yaml",
                errors,
            },
        );
    }
    let known_links = links.map(|file| {
        links::check(
            dir,
            file,
            &mut catalog,
            &mut Notes {
                file: "links.yaml",
                errors,
            },
        )
    });
    if let Some(file) = routes {
        routes::check(
            &file,
            known_links.as_ref(),
            &mut catalog,
            &mut Notes {
                file: "routes.yaml",
                errors,
            },
        );
    }
    catalog.codes = codes.map(|file| self::codes(file, errors));
    catalog
}
