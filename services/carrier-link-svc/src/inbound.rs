//! What a carrier delivers, whatever its protocol. Pure.

use std::fmt;

use bytes::Bytes;
use hongyan_carrier_wire::{
    concat::{Concat, Reference, Udh},
    reassembly::{Assembled, PartBody, PartKey},
    text::{Coding, Decoded},
};
use hongyan_domain::{Msisdn, Partition, Partitions};

/// Stands for what cannot be read as text.
const UNREADABLE: &str = "\u{fffd}";
/// Stands in the place of missing parts.
pub const GAP: &str = "…";

/// A delivery, read.
pub enum Inbound {
    /// What became of a segment.
    Receipt(Receipt),
    /// A subscriber's whole text.
    Text(Text),
    /// A part of one.
    Part(Part),
    /// A status report, or a delivery, that cannot be read.
    Malformed,
    /// Nothing that concerns us; it is answered as taken.
    Ignored,
}

impl fmt::Debug for Inbound {
    /// Without what it says.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Receipt(_) => "Receipt",
            Self::Text(_) => "Text",
            Self::Part(_) => "Part",
            Self::Malformed => "Malformed",
            Self::Ignored => "Ignored",
        })
    }
}

/// What became of a segment.
pub struct Receipt {
    /// The id that the carrier gave to the segment, as its submit's answer was read.
    pub carrier_message_id: String,
    /// As [`hongyan_domain::status::Protocol::receipt_code`] writes it.
    pub stat: String,
    /// Printable ASCII; may be garbage.
    pub done_time: String,
    /// When the submit left, to the minute by the carrier's clock; `None` for garbage.
    pub submitted_ms: Option<u64>,
    /// Whose message it was about.
    pub person: Person,
}

/// A subscriber, as the carrier names them. Personal data: no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// E.164 where it is a mobile number, else as the carrier sent it.
    pub number: String,
    /// The mobile number.
    pub msisdn: Option<Msisdn>,
}

/// A whole text. Personal data: no `Debug`.
pub struct Text {
    /// Who wrote.
    pub from: Person,
    /// The number written to.
    pub access_number: String,
    /// What.
    pub said: String,
}

/// A part of a text. Personal data: no `Debug`.
pub struct Part {
    /// Who wrote.
    pub from: Person,
    /// The number written to.
    pub access_number: String,
    /// Its numbering.
    pub concat: Concat,
    /// Of its octets.
    pub coding: Coding,
    /// Behind the header.
    pub octets: Bytes,
}

impl Person {
    /// By the number that the carrier sent, with or without a country code; `None` for one that is no text.
    pub fn of(number: Option<&str>) -> Self {
        let raw = number.unwrap_or_default();
        match Msisdn::parse(raw) {
            Ok(msisdn) => Self {
                number: msisdn.e164(),
                msisdn: Some(msisdn),
            },
            Err(_) => Self {
                number: printable(raw),
                msisdn: None,
            },
        }
    }

    /// Where the person's state lives: the same for what is sent to them and what they send.
    pub fn partition(&self, partitions: Partitions) -> Partition {
        match &self.msisdn {
            Some(msisdn) => partitions.of(msisdn),
            None => partitions.of_digits(&self.number),
        }
    }
}

/// Reads a subscriber's text, or a part of one, behind its header if it is said to have one.
pub fn text(
    from: Person,
    access_number: String,
    coding: Coding,
    has_header: bool,
    content: &Bytes,
) -> Inbound {
    // A header that does not fit is taken for text: better a few odd characters than a text that is lost.
    let header = has_header.then(|| Udh::parse(content).ok()).flatten();
    let header_len = header.map_or(0, |header| header.len.min(content.len()));
    let (coding, octets) = coding.without_header(header_len, content.slice(header_len..));
    match header.and_then(|header| header.concat) {
        Some(concat) if concat.total() > 1 => Inbound::Part(Part {
            from,
            access_number,
            concat,
            coding,
            octets,
        }),
        _ => Inbound::Text(Text {
            from,
            access_number,
            said: text_of(coding, &octets),
        }),
    }
}

fn text_of(coding: Coding, octets: &[u8]) -> String {
    match coding.decode(octets) {
        Decoded::Text { text, .. } => text,
        Decoded::Octets => UNREADABLE.to_owned(),
    }
}

/// A part as it is stored (sealed): its coding and its octets.
pub fn pack(coding: Coding, octets: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(octets.len() + 2);
    packed.extend_from_slice(&coding.code().to_be_bytes());
    packed.extend_from_slice(octets);
    packed
}

/// The text of stored parts, in their order, `None` for one that is missing.
pub fn join(parts: Vec<Option<Vec<u8>>>) -> String {
    let total = u8::try_from(parts.len()).unwrap_or(u8::MAX);
    let parts = parts.into_iter().map(|part| {
        let (code, octets) = part.as_deref()?.split_first_chunk()?;
        Some(PartBody {
            coding: Coding::of_code(u16::from_be_bytes(*code))?,
            text: Bytes::copy_from_slice(octets),
        })
    });
    let assembled = Assembled {
        key: PartKey::new("", "", "", Reference::Bits8(0), total),
        first_ms: 0,
        parts: parts.collect(),
    };
    assembled.text(GAP).unwrap_or_else(|| UNREADABLE.to_owned())
}

/// A name of the reference for a key.
pub fn reference_name(concat: Concat) -> String {
    match concat.reference() {
        Reference::Bits8(reference) => format!("a{reference}"),
        Reference::Bits16(reference) => format!("b{reference}"),
    }
}

/// The visible ASCII characters of what a carrier sent.
pub fn printable(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hongyan_carrier_wire::{
        concat::{Reference, split},
        text::Coding,
    };

    use super::{Inbound, Person, join, pack, text};

    fn read(from: &str, coding: Coding, has_header: bool, content: &[u8]) -> Inbound {
        let content = Bytes::copy_from_slice(content);
        text(
            Person::of(Some(from)),
            "1069012345".to_owned(),
            coding,
            has_header,
            &content,
        )
    }

    fn said(inbound: Inbound) -> (String, String) {
        match inbound {
            Inbound::Text(text) => (text.from.number, text.said),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn texts_are_read_in_their_coding_and_senders_with_or_without_country_code() {
        for from in ["13800138000", "8613800138000", "+8613800138000"] {
            let ucs2 = read(from, Coding::Ucs2, false, &Coding::Ucs2.encode("查余额").unwrap());
            assert_eq!(said(ucs2), ("+8613800138000".to_owned(), "查余额".to_owned()));
        }
        let of_msg_fmt =
            |msg_fmt, content: &[u8]| said(read("106", Coding::of_msg_fmt(msg_fmt), false, content));
        assert_eq!(of_msg_fmt(15, b"\xb2\xe9").1, "查");
        assert_eq!(of_msg_fmt(0, b"SBYE#1"), ("106".to_owned(), "SBYE#1".to_owned()));
        assert_eq!(of_msg_fmt(4, b"\x01\x02").1, "\u{fffd}");
    }

    #[test]
    fn headers_are_taken_off_and_wrong_ones_kept() {
        let ascii = Coding::of_msg_fmt(0);
        // A port element and no numbering.
        let ports = read("1", ascii, true, b"\x06\x05\x04\x15\x8a\x00\x00hi");
        assert_eq!(said(ports).1, "hi");
        assert_eq!(said(read("1", ascii, true, b"\x7fhi")).1, "\u{7f}hi");
        // One part of one is a whole text.
        let alone = read("1", ascii, true, b"\x05\x00\x03\x07\x01\x01hi");
        assert_eq!(said(alone).1, "hi");
    }

    #[test]
    fn parts_join_to_their_text_and_gaps_show() {
        let whole = "长".repeat(100);
        let parts = split(&whole, Coding::Ucs2, Reference::Bits8(9), 6).unwrap();
        let mut stored = Vec::new();
        for part in &parts {
            let Inbound::Part(read) = read("13800138000", Coding::Ucs2, true, part.content.as_slice()) else {
                panic!("not a part");
            };
            assert_eq!(
                (read.concat.total(), usize::from(read.concat.number())),
                (2, stored.len() + 1)
            );
            stored.push(Some(pack(read.coding, &read.octets)));
        }
        assert_eq!(join(stored.clone()), whole);
        stored[0] = None;
        assert_eq!(join(stored), format!("…{}", "长".repeat(33)));
    }
}
