//! Status reports: the body that a `Deliver` with `IsReport` 1 carries.
//!
//! The document lays the body out as a line of text with ten octets of binary in it:
//! `id:`…` sub:`3` dlvrd:`3` Submit date:`10` done date:`10` stat:`7` err:`3` Text:`20, 122 octets in all. Gateways
//! write `submit_date`, `done_date` and `txt`, mix the case, leave blanks out or put another octet in their place,
//! shorten the last field (110 octets) or pad with NUL. So the id is taken by its place, never as text, and every
//! other field by its key, wherever that stands.

use bytes::{BufMut, Bytes, BytesMut};

use super::MsgId;
use crate::field::{Content, FieldError, FixedStr};

/// What became of a message. Texts are kept as they came, see [`Report::stat_text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// The id that the `Submit_Resp` gave to the message.
    pub msg_id: MsgId,
    /// Messages submitted, "001".
    pub sub: FixedStr<3>,
    /// Messages delivered, "001" or "000".
    pub dlvrd: FixedStr<3>,
    /// YYMMDDHHMM; may be a dummy.
    pub submit_date: FixedStr<10>,
    /// YYMMDDHHMM; may be a dummy.
    pub done_date: FixedStr<10>,
    /// `DELIVRD`, `EXPIRED`, `MA:0001` and others.
    pub stat: FixedStr<7>,
    /// The SMSC's code: 000 with `DELIVRD`.
    pub err: FixedStr<3>,
    /// The first three characters are the length of the message; what follows is its beginning. Personal data,
    /// so it is masked.
    pub text: ReportText,
}

/// The beginning of the message that a report is about. Personal data: `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportText(FixedStr<20>);

impl ReportText {
    /// Wraps the field's octets.
    pub const fn new(field: FixedStr<20>) -> Self {
        Self(field)
    }

    /// The field as it stands on the wire.
    pub const fn wire(&self) -> &[u8; 20] {
        self.0.wire()
    }
}

impl std::fmt::Debug for ReportText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<{} octets>", self.0.as_bytes().len())
    }
}

impl Report {
    /// Octets of the body as the document has it.
    pub const BODY_LEN: usize = 122;

    /// Reads a report's body. Only the id and a status must be there; a field that is missing is empty, one that is
    /// longer than its place is cut, and garbage inside a field is no error.
    ///
    /// # Errors
    ///
    /// [`FieldError`] when the body does not begin with an id, or has no status.
    pub fn decode(body: &[u8]) -> Result<Self, FieldError> {
        let (msg_id, rest) = split_id(body)?;
        let id_len = body.len().saturating_sub(rest.len());
        let fields = Fields::find(rest);
        if fields.stat.is_none() {
            return Err(FieldError::OutOfBounds {
                field: "stat",
                offset: id_len,
                why: "no key announces it",
            });
        }
        Ok(Self {
            msg_id,
            sub: cut(fields.sub),
            dlvrd: cut(fields.dlvrd),
            submit_date: cut(fields.submit_date),
            done_date: cut(fields.done_date),
            stat: cut(fields.stat),
            err: cut(fields.err),
            text: ReportText(cut(fields.text)),
        })
    }

    /// The body for a `Deliver`, as the document has it: 122 octets.
    pub fn encode(&self) -> Content {
        let mut body = BytesMut::with_capacity(Self::BODY_LEN);
        body.put_slice(b"id:");
        body.put_slice(&self.msg_id.0);
        body.put_slice(b" sub:");
        body.put_slice(self.sub.wire());
        body.put_slice(b" dlvrd:");
        body.put_slice(self.dlvrd.wire());
        body.put_slice(b" Submit date:");
        body.put_slice(self.submit_date.wire());
        body.put_slice(b" done date:");
        body.put_slice(self.done_date.wire());
        body.put_slice(b" stat:");
        body.put_slice(self.stat.wire());
        body.put_slice(b" err:");
        body.put_slice(self.err.wire());
        body.put_slice(b" Text:");
        body.put_slice(self.text.wire());
        Content::new(Bytes::from(body))
    }

    /// The status without padding: NUL and blanks at either end are dropped, other octets that are no printable
    /// ASCII become `?`, so that it can be compared, stored and shown.
    pub fn stat_text(&self) -> String {
        printable(self.stat.wire())
    }

    /// The SMSC's code in the same way.
    pub fn err_text(&self) -> String {
        printable(self.err.wire())
    }
}

fn printable(octets: &[u8]) -> String {
    octets
        .iter()
        .map(|octet| match octet {
            0 | b' ' => ' ',
            octet if octet.is_ascii_graphic() => char::from(*octet),
            _ => '?',
        })
        .collect::<String>()
        .trim()
        .to_owned()
}

/// The id, and what follows it.
fn split_id(body: &[u8]) -> Result<(MsgId, &[u8]), FieldError> {
    const KEY: &[u8] = b"id:";
    let (key, rest) = body.split_at_checked(KEY.len()).unwrap_or((body, &[]));
    if !key.eq_ignore_ascii_case(KEY) {
        return Err(FieldError::OutOfBounds {
            field: "id",
            offset: 0,
            why: "a status report begins with it",
        });
    }
    let Some((id, rest)) = rest.split_first_chunk::<{ MsgId::LEN }>() else {
        return Err(FieldError::Truncated {
            field: "id",
            offset: KEY.len(),
            wanted: MsgId::LEN,
            had: rest.len(),
        });
    };
    Ok((MsgId(*id), rest))
}

/// The fields behind the id, each up to the next one's key.
#[derive(Default)]
struct Fields<'a> {
    sub: Option<&'a [u8]>,
    dlvrd: Option<&'a [u8]>,
    submit_date: Option<&'a [u8]>,
    done_date: Option<&'a [u8]>,
    stat: Option<&'a [u8]>,
    err: Option<&'a [u8]>,
    text: Option<&'a [u8]>,
}

/// Where a key begins, and where its value.
#[derive(Clone, Copy)]
struct Place {
    key: usize,
    value: usize,
}

impl<'a> Fields<'a> {
    fn find(rest: &'a [u8]) -> Self {
        // The text comes last and may hold anything, what looks like a key included.
        let text = place(rest, &[b"text:", b"txt:"]);
        let head = text.and_then(|text| rest.get(..text.key)).unwrap_or(rest);
        let places = [
            place(head, &[b"sub:"]),
            place(head, &[b"dlvrd:"]),
            place(head, &[b"submit date:", b"submitdate:"]),
            place(head, &[b"done date:", b"donedate:"]),
            place(head, &[b"stat:"]),
            place(head, &[b"err:"]),
        ];
        let [sub, dlvrd, submit_date, done_date, stat, err] = places.map(|found| {
            let found = found?;
            let end = places
                .iter()
                .flatten()
                .map(|other| other.key)
                .filter(|key| *key >= found.value)
                .min()
                .unwrap_or(head.len());
            head.get(found.value..end)
        });
        Self {
            sub,
            dlvrd,
            submit_date,
            done_date,
            stat,
            err,
            text: text.and_then(|text| rest.get(text.value..)),
        }
    }
}

/// Where one of these spellings stands first.
fn place(octets: &[u8], spellings: &[&[u8]]) -> Option<Place> {
    let found = spellings.iter().filter_map(|key| {
        let at = octets.windows(key.len()).position(|window| {
            window
                .iter()
                .zip(*key)
                .all(|(octet, key)| same_letter(*octet, *key))
        })?;
        Some(Place {
            key: at,
            value: at.saturating_add(key.len()),
        })
    });
    found.min_by_key(|place| place.key)
}

/// Any case, and an underscore for a blank.
const fn same_letter(octet: u8, key: u8) -> bool {
    octet.eq_ignore_ascii_case(&key) || (key == b' ' && octet == b'_')
}

/// As much of a value as its field holds.
fn cut<const N: usize>(value: Option<&[u8]>) -> FixedStr<N> {
    let mut field = [0u8; N];
    for (place, octet) in field.iter_mut().zip(value.unwrap_or_default()) {
        *place = *octet;
    }
    FixedStr::from_wire(field)
}

#[cfg(test)]
mod tests;
