//! Who is known.

use anyhow::{Context as _, Result, ensure};
use hongyan_domain::{Carrier, Msisdn};
use serde::Deserialize;

/// The most people.
const MAX_PEOPLE: usize = 1_000_000;

/// One person with one number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// In any usual writing.
    pub phone: String,
    /// As on the card, with U+00B7 between its parts.
    pub name: String,
    /// 18 characters.
    pub id_number: String,
    /// Who serves the number now; by default whoever its prefix was given to.
    #[serde(default)]
    pub carrier: Option<Carrier>,
}

impl Person {
    pub(super) fn number(&self) -> Result<Msisdn> {
        Msisdn::parse(&self.phone).with_context(|| format!("the phone {:?}", self.phone))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    people: Vec<Person>,
}

/// Reads `{"people": [{"phone": "…", "name": "…", "id_number": "…", "carrier": "china_mobile"}, …]}`; the carrier may be
/// left out.
pub fn parse_people(json: &str) -> Result<Vec<Person>> {
    let file: File = serde_json::from_str(json)?;
    ensure!(file.people.len() <= MAX_PEOPLE, "more than {MAX_PEOPLE} people");
    for person in &file.people {
        person.number()?;
    }
    Ok(file.people)
}
