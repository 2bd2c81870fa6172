//! Reading the files of a directory.

use std::{fmt::Write as _, fs, path::Path};

use hongyan_domain::status::CodeTable;
use ring::digest;
use serde::de::DeserializeOwned;

use crate::{Catalog, CatalogError, CatalogErrors, Place, check, raw};

/// The files that make a catalog; all must be there. Anything else in the directory but [`CODES_FILE`] is not looked at.
pub const FILES: [&str; 3] = ["tenants.yaml", "links.yaml", "routes.yaml"];

/// The file that changes what carriers' codes mean; it may be left out.
pub const CODES_FILE: &str = "codes.yaml";

/// A larger file is refused before it is parsed: 8 MiB.
pub const MAX_FILE_OCTETS: u64 = 8 << 20;

/// The texts of the files in the order of [`FILES`], and the digest over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Files {
    texts: [String; 3],
    codes: Option<String>,
    pub(crate) digest: String,
}

/// Reads all of them; reports every file that cannot be read.
pub(crate) fn read(dir: &Path) -> Result<Files, CatalogErrors> {
    let mut errors = Vec::new();
    let mut context = digest::Context::new(&digest::SHA256);
    let mut take = |file: &'static str, read: Result<String, String>| {
        let text = read.unwrap_or_else(|reason| {
            errors.push(CatalogError::new(Place { file, line: 0 }, reason));
            String::new()
        });
        // The length goes first, so that text moved from one file's end to the next one's start is a change.
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
        text
    };
    let texts = FILES.map(|file| take(file, read_one(&dir.join(file))));
    let codes = dir.join(CODES_FILE);
    // What cannot be looked at is read, and so reported.
    let codes = codes
        .try_exists()
        .unwrap_or(true)
        .then(|| take(CODES_FILE, read_one(&codes)));
    if !errors.is_empty() {
        return Err(CatalogErrors::new(errors));
    }
    let digest = context
        .finish()
        .as_ref()
        .iter()
        .fold(String::new(), |mut hex, octet| {
            let _ = write!(hex, "{octet:02x}");
            hex
        });
    Ok(Files { texts, codes, digest })
}

fn read_one(path: &Path) -> Result<String, String> {
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_FILE_OCTETS {
        return Err(format!("is larger than {MAX_FILE_OCTETS} octets"));
    }
    fs::read_to_string(path).map_err(|error| error.to_string())
}

/// Parses and checks what was read. `dir` is what relative paths in the files stand on.
pub(crate) fn parse(dir: &Path, files: &Files) -> Result<Catalog, CatalogErrors> {
    let mut errors = Vec::new();
    let [tenants, links, routes] = &files.texts;
    let tenants = shape::<raw::TenantsFile>("tenants.yaml", tenants, &mut errors);
    let links = shape::<raw::LinksFile>("links.yaml", links, &mut errors);
    let routes = shape::<raw::RoutesFile>("routes.yaml", routes, &mut errors);
    let codes = files
        .codes
        .as_deref()
        .and_then(|text| shape::<raw::codes::CodesFile>(CODES_FILE, text, &mut errors));
    let mut catalog = check::catalog(dir, tenants, links, routes, codes.as_ref(), &mut errors);
    if !errors.is_empty() {
        return Err(CatalogErrors::new(errors));
    }
    catalog.digest.clone_from(&files.digest);
    Ok(catalog)
}

/// Reads and checks what a [`CODES_FILE`] holds, by itself: the built-in table with the file's entries in it. A text above
/// [`MAX_FILE_OCTETS`] is refused.
///
/// # Errors
///
/// Every mistake, with its line.
pub fn parse_codes(text: &str) -> Result<CodeTable, CatalogErrors> {
    let mut errors = Vec::new();
    if text.len() as u64 > MAX_FILE_OCTETS {
        let place = Place {
            file: CODES_FILE,
            line: 0,
        };
        let reason = format!("is larger than {MAX_FILE_OCTETS} octets");
        return Err(CatalogErrors::new(vec![CatalogError::new(place, reason)]));
    }
    let table = shape::<raw::codes::CodesFile>(CODES_FILE, text, &mut errors)
        .map(|file| check::codes(&file, &mut errors));
    match table {
        Some(table) if errors.is_empty() => Ok(table),
        _ => Err(CatalogErrors::new(errors)),
    }
}

fn shape<T: DeserializeOwned>(file: &'static str, text: &str, errors: &mut Vec<CatalogError>) -> Option<T> {
    // The file's size bounds all of these; the defaults are below what a full table of ported numbers needs.
    let mut budget = serde_saphyr::budget::Budget::default();
    budget.max_nodes = 4_000_000;
    budget.max_events = 8_000_000;
    budget.max_documents = 1;
    let options = serde_saphyr::options! {
        budget: Some(budget),
        with_snippet: false,
        strict_booleans: true,
    };
    match serde_saphyr::from_str_with_options(text, options) {
        Ok(value) => Some(value),
        Err(error) => {
            let line = error.location().map_or(0, |location| location.line());
            errors.push(CatalogError::new(
                Place { file, line },
                without_numbers(&error.to_string()),
            ));
            None
        }
    }
}

/// The parser quotes what stands at the wrong place, and that may be a subscriber's number.
fn without_numbers(reason: &str) -> String {
    const MOST_DIGITS: usize = 6;
    let mut shown = String::with_capacity(reason.len());
    let mut digits = String::new();
    for c in reason.chars().chain(std::iter::once('\n')) {
        if c.is_numeric() {
            digits.push(c);
            continue;
        }
        if digits.chars().count() > MOST_DIGITS {
            shown.push('…');
        } else {
            shown.push_str(&digits);
        }
        digits.clear();
        shown.push(c);
    }
    shown.pop();
    // One mistake is one line of the log.
    shown.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::without_numbers;

    #[test]
    fn long_runs_of_digits_are_not_repeated() {
        assert_eq!(
            without_numbers("line 12: 13800138000 and １３８００１３８０００ but 123456"),
            "line 12: … and … but 123456"
        );
        assert_eq!(without_numbers("two\nlines 13800138000"), "two lines …");
        assert_eq!(without_numbers(""), "");
    }
}
