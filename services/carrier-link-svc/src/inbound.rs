//! What a carrier's `DELIVER` says. Pure.

use bytes::Bytes;
use hongyan_carrier_wire::{
    cmpp::{
        MsgId,
        pdu::{Deliver, has_udh},
        report::Report,
    },
    concat::{Concat, Reference, Udh},
    field::TerminalId,
    reassembly::{Assembled, PartBody, PartKey},
    text::{Coding, Decoded},
};
use hongyan_domain::{Msisdn, Partition, Partitions};
use time::{Date, Month, PrimitiveDateTime, Time, UtcOffset};

/// Stands for what cannot be read as text.
const UNREADABLE: &str = "\u{fffd}";
/// Stands in the place of missing parts.
pub const GAP: &str = "…";

/// A `DELIVER`, read.
pub enum Inbound {
    /// What became of a segment.
    Receipt(Receipt),
    /// A subscriber's whole text.
    Text(Text),
    /// A part of one.
    Part(Part),
    /// A status report that cannot be read.
    Malformed,
}

/// What became of a segment.
pub struct Receipt {
    /// The id that the carrier gave to the segment.
    pub carrier_message_id: MsgId,
    /// Printable ASCII.
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
    /// `Msg_Fmt`.
    pub coding: Coding,
    /// Behind the header.
    pub octets: Bytes,
}

impl Person {
    fn of(terminal: &TerminalId) -> Self {
        let raw = terminal.national().unwrap_or_default();
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

/// Reads it.
pub fn read(deliver: &Deliver) -> Inbound {
    if deliver.is_report() {
        return match Report::decode(deliver.content.as_slice()) {
            Ok(report) => Inbound::Receipt(Receipt {
                carrier_message_id: report.msg_id,
                stat: report.stat_text(),
                done_time: printable(&report.done_time.to_text()),
                submitted_ms: china_minute(&report.submit_time.to_text()),
                person: Person::of(&report.dest_terminal_id),
            }),
            Err(_) => Inbound::Malformed,
        };
    }
    let from = Person::of(&deliver.src_terminal_id);
    let access_number = printable(&deliver.dest_id.to_text());
    let coding = Coding::of_msg_fmt(deliver.msg_fmt);
    let content = deliver.content.bytes();
    // A header that does not fit is taken for text: better a few odd characters than a text that is lost.
    let header = has_udh(deliver.tp_udhi)
        .then(|| Udh::parse(&content).ok())
        .flatten();
    let octets = content.slice(header.map_or(0, |header| header.len.min(content.len()))..);
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
    let mut packed = Vec::with_capacity(octets.len() + 1);
    packed.push(coding.msg_fmt());
    packed.extend_from_slice(octets);
    packed
}

/// The text of stored parts, in their order, `None` for one that is missing.
pub fn join(parts: Vec<Option<Vec<u8>>>) -> String {
    let total = u8::try_from(parts.len()).unwrap_or(u8::MAX);
    let parts = parts.into_iter().map(|part| {
        let (coding, octets) = part.as_deref()?.split_first()?;
        Some(PartBody {
            coding: Coding::of_msg_fmt(*coding),
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

/// `YYMMDDhhmm` in China's time as milliseconds since 1970.
fn china_minute(digits: &str) -> Option<u64> {
    if digits.len() != 10 || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    let part = |at: usize| digits.get(at..at + 2)?.parse::<u8>().ok();
    let month = Month::try_from(part(2)?).ok()?;
    let date = Date::from_calendar_date(2_000 + i32::from(part(0)?), month, part(4)?).ok()?;
    let time = Time::from_hms(part(6)?, part(8)?, 0).ok()?;
    let china = UtcOffset::from_hms(8, 0, 0).ok()?;
    let seconds = PrimitiveDateTime::new(date, time)
        .assume_offset(china)
        .unix_timestamp();
    u64::try_from(seconds).ok()?.checked_mul(1_000)
}

fn printable(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).collect()
}

#[cfg(test)]
mod tests {
    use hongyan_carrier_wire::{
        cmpp::{
            MsgId,
            pdu::Deliver,
            report::{Report, ReportForm},
        },
        concat::{Reference, split},
        field::{Content, FixedStr, TerminalId},
        text::Coding,
    };
    use hongyan_domain::Partitions;

    use super::{Inbound, china_minute, join, pack, read};

    fn deliver(from: &str, msg_fmt: u8, tp_udhi: u8, content: &[u8]) -> Deliver {
        Deliver {
            src_terminal_id: TerminalId::new(from).unwrap(),
            dest_id: FixedStr::new("1069012345").unwrap(),
            msg_fmt,
            tp_udhi,
            content: Content::from(content.to_vec()),
            ..Deliver::default()
        }
    }

    fn text(deliver: &Deliver) -> (String, String) {
        match read(deliver) {
            Inbound::Text(text) => (text.from.number, text.said),
            _ => panic!("not a text"),
        }
    }

    #[test]
    fn texts_are_read_in_their_coding_with_or_without_country_code() {
        for from in ["13800138000", "8613800138000", "+8613800138000"] {
            let ucs2 = deliver(from, 8, 0, &Coding::Ucs2.encode("查余额").unwrap());
            assert_eq!(text(&ucs2), ("+8613800138000".to_owned(), "查余额".to_owned()));
        }
        assert_eq!(text(&deliver("106", 15, 0, b"\xb2\xe9")).1, "查");
        assert_eq!(
            text(&deliver("106", 0, 0, b"SBYE#1")),
            ("106".to_owned(), "SBYE#1".to_owned())
        );
        assert_eq!(text(&deliver("106", 4, 0, b"\x01\x02")).1, "\u{fffd}");
    }

    #[test]
    fn headers_are_taken_off_and_wrong_ones_kept() {
        // A port element and no numbering; the flag as some gateways write it.
        assert_eq!(
            text(&deliver("1", 0, 0x40, b"\x06\x05\x04\x15\x8a\x00\x00hi")).1,
            "hi"
        );
        assert_eq!(text(&deliver("1", 0, 1, b"\x7fhi")).1, "\u{7f}hi");
        // One part of one is a whole text.
        assert_eq!(text(&deliver("1", 0, 1, b"\x05\x00\x03\x07\x01\x01hi")).1, "hi");
    }

    #[test]
    fn parts_join_to_their_text_and_gaps_show() {
        let whole = "长".repeat(100);
        let parts = split(&whole, Coding::Ucs2, Reference::Bits8(9), 6).unwrap();
        let mut stored = Vec::new();
        for part in &parts {
            let Inbound::Part(read) = read(&deliver("13800138000", 8, 1, part.content.as_slice())) else {
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

    #[test]
    fn times_are_chinas_and_garbage_is_none() {
        // 2026-11-21 20:43 UTC is 04:43 on the next day in China.
        assert_eq!(china_minute("2611220443"), Some(1_795_293_780_000));
        for garbage in [
            "",
            "0000000000",
            "2613010000",
            "2611222460",
            "261122044x",
            "26112204433",
        ] {
            assert_eq!(china_minute(garbage), None, "{garbage}");
        }
    }

    #[test]
    fn receipts_of_both_forms_are_read_and_others_are_malformed() {
        for form in [ReportForm::Short, ReportForm::Long] {
            let report = Report {
                form,
                msg_id: MsgId(7),
                stat: FixedStr::new("DELIVRD").unwrap(),
                submit_time: FixedStr::default(),
                done_time: FixedStr::new("2611212043").unwrap(),
                dest_terminal_id: TerminalId::new("13800138000").unwrap(),
                smsc_sequence: 0,
            };
            let mut pdu = deliver("13800138000", 0, 0, report.encode().as_slice());
            pdu.registered_delivery = 1;
            let Inbound::Receipt(receipt) = read(&pdu) else {
                panic!("not a receipt");
            };
            assert_eq!(
                (receipt.carrier_message_id, receipt.stat.as_str()),
                (MsgId(7), "DELIVRD")
            );
            let partitions = Partitions::new(16).unwrap();
            assert_eq!(
                receipt.person.partition(partitions),
                partitions.of(&hongyan_domain::Msisdn::parse("13800138000").unwrap())
            );
            pdu.content = Content::from(vec![0; 61]);
            assert!(matches!(read(&pdu), Inbound::Malformed));
        }
    }
}
