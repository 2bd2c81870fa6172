//! Whom a command is about: the tag of a number, computed here.

use std::io::BufRead;

use hongyan_config::SecretFile;
use hongyan_domain::Msisdn;
use hongyan_envelope::{Keyring, SUBJECT};

use super::input;
use crate::answer::Failure;

/// The tag of a number (`-` for the first line of `stdin`), or the one that was given; empty where neither was. `name` is
/// what the argument with the number is called.
pub(super) fn tag(
    name: &str,
    phone: Option<String>,
    tag: Option<String>,
    keyring: Option<&SecretFile>,
    stdin: &mut impl BufRead,
) -> Result<Vec<u8>, Failure> {
    match (phone, tag) {
        (Some(phone), _) => {
            let phone = if phone == "-" { input::line(stdin)? } else { phone };
            tag_of(name, &phone, keyring)
        }
        (None, Some(tag)) => hex::decode(&tag)
            .ok()
            .filter(|tag| tag.len() == 32)
            .ok_or_else(|| Failure::Usage("--subject-tag must be 64 hexadecimal digits".to_owned())),
        (None, None) => Ok(Vec::new()),
    }
}

/// The tag by which everything about a number is found. The number goes no further.
fn tag_of(name: &str, phone: &str, keyring: Option<&SecretFile>) -> Result<Vec<u8>, Failure> {
    let usage = |why: String| Failure::Usage(why);
    let phone = Msisdn::parse(phone).map_err(|error| usage(format!("{name}: {error}")))?;
    let file = keyring.ok_or_else(|| usage(format!("keyring.file must be set for {name}")))?;
    let text = file.read().map_err(|error| usage(error.to_string()))?;
    let keyring =
        Keyring::parse(&text).map_err(|error| usage(format!("{}: {error}", file.path().display())))?;
    Ok(keyring.tag(SUBJECT, &phone.e164()).as_bytes().to_vec())
}
