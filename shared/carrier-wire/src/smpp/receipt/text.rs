//! The text of a receipt.

use std::borrow::Cow;

use super::{Receipt, Short};
use crate::smpp::pdu::MessageId;

/// A field of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Id,
    SubmitDate,
    DoneDate,
    Stat,
    Error,
    /// The beginning of the message: personal data, not read. Ends the fields.
    Text,
    /// Known, and of no use here.
    Other,
}

/// The spellings that are met, in lower case, without what stands between words.
const KEYS: [(&[u8], Key); 14] = [
    (b"id", Key::Id),
    (b"msgid", Key::Id),
    (b"messageid", Key::Id),
    (b"sub", Key::Other),
    (b"dlvrd", Key::Other),
    (b"submitdate", Key::SubmitDate),
    (b"donedate", Key::DoneDate),
    (b"stat", Key::Stat),
    (b"status", Key::Stat),
    (b"err", Key::Error),
    (b"error", Key::Error),
    (b"errorcode", Key::Error),
    (b"text", Key::Text),
    (b"txt", Key::Text),
];

/// The longest spelling, with what stands between two words.
const MAX_KEY_LEN: usize = 12;

/// Reads the fields of `content` into `receipt`. Of a field that comes twice the first counts.
pub(super) fn read_into(content: &[u8], receipt: &mut Receipt) {
    let content = narrow(content);
    let mut rest: &[u8] = &content;
    // Each turn takes at least one octet.
    while !rest.is_empty() {
        let Some((key, after)) = key(rest) else {
            rest = after_word(rest);
            continue;
        };
        let value = value(after);
        rest = after.get(value.end..).unwrap_or_default();
        let word = after.get(value.begin..value.end).unwrap_or_default();
        match key {
            Key::Text => return,
            Key::Other => {}
            Key::Id => keep(&mut receipt.text_id, word),
            Key::SubmitDate => keep_short(&mut receipt.submit_date, word),
            Key::DoneDate => keep_short(&mut receipt.done_date, word),
            Key::Stat => keep_short(&mut receipt.text_stat, word),
            Key::Error => keep_short(&mut receipt.error, word),
        }
    }
}

fn keep(field: &mut Option<MessageId>, word: &[u8]) {
    if field.is_none() {
        *field = MessageId::before_nul(word).filter(|id| !id.is_empty());
    }
}

/// Keeps the beginning of a value that is longer than any that makes sense.
fn keep_short(field: &mut Short, word: &[u8]) {
    if field.is_empty() {
        *field = Short::before_nul(word.get(..word.len().min(23)).unwrap_or_default()).unwrap_or_default();
    }
}

/// A receipt in UCS-2 is ASCII with a zero before each octet.
fn narrow(content: &[u8]) -> Cow<'_, [u8]> {
    let (pairs, []) = content.as_chunks::<2>() else {
        return Cow::Borrowed(content);
    };
    if pairs.first().is_some_and(|[high, low]| *high == 0 && *low != 0) {
        Cow::Owned(
            pairs
                .iter()
                .map(|[high, low]| if *high == 0 { *low } else { b'?' })
                .collect(),
        )
    } else {
        Cow::Borrowed(content)
    }
}

/// What separates fields.
const fn separates(octet: u8) -> bool {
    octet.is_ascii_whitespace() || matches!(octet, b',' | b';' | 0)
}

/// The octets from the next word on.
fn after_word(octets: &[u8]) -> &[u8] {
    let word = octets.iter().take_while(|octet| !separates(**octet)).count();
    let rest = octets.get(word..).unwrap_or_default();
    let gap = rest.iter().take_while(|octet| separates(**octet)).count();
    rest.get(gap..).unwrap_or_default()
}

/// The field that begins here, and what follows its colon.
fn key(octets: &[u8]) -> Option<(Key, &[u8])> {
    let colon = octets.iter().take(MAX_KEY_LEN).position(|octet| *octet == b':')?;
    let (name, after) = octets.split_at_checked(colon)?;
    let letters = || {
        name.iter()
            .filter(|octet| !matches!(octet, b' ' | b'_' | b'-'))
            .map(u8::to_ascii_lowercase)
    };
    // A name that begins with a blank is what stands before it, not a name.
    if name.first().is_none_or(|octet| separates(*octet)) {
        return None;
    }
    let (_, key) = KEYS
        .iter()
        .find(|(spelling, _)| letters().eq(spelling.iter().copied()))?;
    Some((*key, after.get(1..)?))
}

/// Where a value begins and ends in what follows the colon.
struct Span {
    begin: usize,
    end: usize,
}

/// The word that follows, at once or after blanks; nothing when the next field follows instead.
fn value(after: &[u8]) -> Span {
    let begin = after.iter().take_while(|octet| separates(**octet)).count();
    let rest = after.get(begin..).unwrap_or_default();
    if begin > 0 && key(rest).is_some() {
        return Span { begin, end: begin };
    }
    let len = rest.iter().take_while(|octet| !separates(**octet)).count();
    let end = begin.saturating_add(len);
    Span { begin, end }
}
