//! Status reports.

use hongyan_carrier_wire::field::{Content, FixedStr};
use hongyan_carrier_wire::smgp::MsgId;
use hongyan_carrier_wire::smgp::pdu::Deliver;
use hongyan_carrier_wire::smgp::report::{Report, ReportText};
use time::OffsetDateTime;

use super::msg_id;
use crate::gateway_sim::carrier::report_time;
use crate::gateway_sim::faults::{Padding, ReceiptForm, ReceiptId};
use crate::gateway_sim::message::DELIVERED;
use crate::gateway_sim::outbox::Receipt;

/// The `Deliver` that carries it.
pub(super) fn deliver(receipt: &Receipt, now: OffsetDateTime) -> Deliver {
    Deliver {
        is_report: 1,
        src_term_id: receipt.number,
        dest_term_id: receipt.source,
        content: report(receipt, now),
        ..Deliver::default()
    }
}

fn report(receipt: &Receipt, now: OffsetDateTime) -> Content {
    let report = Report {
        msg_id: match receipt.id_form {
            ReceiptId::Unknown => MsgId(msg_id(receipt.message).0.map(|octet| !octet)),
            ReceiptId::OfProtocol | ReceiptId::Decimal | ReceiptId::Padded => msg_id(receipt.message),
        },
        sub: FixedStr::new("001").unwrap_or_default(),
        dlvrd: FixedStr::new(if is_delivered(receipt) { "001" } else { "000" }).unwrap_or_default(),
        submit_date: FixedStr::new(report_time(receipt.submitted)).unwrap_or_default(),
        done_date: FixedStr::new(report_time(now)).unwrap_or_default(),
        stat: match receipt.padding {
            Padding::Nul => receipt.stat,
            Padding::OfProtocol | Padding::Blank => {
                FixedStr::new(format!("{:<7}", receipt.stat.to_text())).unwrap_or(receipt.stat)
            }
        },
        err: FixedStr::new(format!("{:03}", error(receipt) % 1_000)).unwrap_or_default(),
        text: ReportText::new(text_start(receipt)),
    };
    let whole = report.encode();
    match receipt.form {
        ReceiptForm::OfVersion | ReceiptForm::Long => whole,
        // What is left out is the end of the text.
        ReceiptForm::Short => Content::new(whole.bytes().slice(..SHORT_BODY.min(whole.len()))),
        ReceiptForm::Odd => odd(&report),
    }
}

/// Octets of the short bodies that were seen.
const SHORT_BODY: usize = 110;

/// The body as some gateways spell it: underscores, `txt`, no blank behind the id.
fn odd(report: &Report) -> Content {
    let mut body = Vec::with_capacity(SHORT_BODY);
    for (key, value) in [
        (&b"id:"[..], &report.msg_id.0[..]),
        (b"sub:", report.sub.wire()),
        (b" Dlvrd:", report.dlvrd.wire()),
        (b" submit_date:", report.submit_date.wire()),
        (b" done_date:", report.done_date.wire()),
        (b" stat:", report.stat.wire()),
        (b" err:", report.err.wire()),
        (b" txt:", b"003ok\0"),
    ] {
        body.extend_from_slice(key);
        body.extend_from_slice(value);
    }
    Content::from(body)
}

fn is_delivered(receipt: &Receipt) -> bool {
    receipt.stat.as_str() == Some(DELIVERED)
}

/// The error that the document gives to a status, unless one was set.
fn error(receipt: &Receipt) -> u32 {
    match receipt.stat.as_str() {
        _ if receipt.error != 0 => receipt.error,
        Some(DELIVERED | "ACCEPTD") => 0,
        Some("EXPIRED") => 1,
        Some("UNKNOWN") => 999,
        _ => 3,
    }
}

/// Three digits of length, then the first octets of the text.
fn text_start(receipt: &Receipt) -> FixedStr<20> {
    const OCTETS: usize = 17;
    let start = receipt.text_start.get(..OCTETS).unwrap_or(&receipt.text_start);
    let mut text = format!("{:03}", receipt.text_start.len().min(999)).into_bytes();
    text.extend_from_slice(start);
    FixedStr::new(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway_sim::message::MessageId;
    use bytes::Bytes;
    use hongyan_carrier_wire::field::TerminalId;

    fn receipt(form: ReceiptForm, stat: &str) -> Receipt {
        Receipt {
            message: MessageId::from_octets(&[0x64, 0x95, 0xc3, 0, 0x20, 0xea, 0, 0, 0, 7]),
            number: TerminalId::new("13300133000").unwrap(),
            source: FixedStr::new("10690001").unwrap(),
            service: FixedStr::default(),
            stat: FixedStr::new(stat).unwrap(),
            error: 0,
            submitted: OffsetDateTime::UNIX_EPOCH,
            text_start: Bytes::from_static(b"hello"),
            form,
            padding: Padding::OfProtocol,
            id_form: ReceiptId::OfProtocol,
        }
    }

    #[test]
    fn every_form_of_a_receipt_names_its_message_and_status() {
        let now = OffsetDateTime::UNIX_EPOCH;
        for (form, octets) in [
            (ReceiptForm::OfVersion, Some(122)),
            (ReceiptForm::Short, Some(110)),
            (ReceiptForm::Long, Some(122)),
            (ReceiptForm::Odd, None),
        ] {
            let told = receipt(form, "AF:4");
            let body = report(&told, now);
            assert!(
                octets.is_none_or(|octets| body.len() == octets),
                "{form:?} {}",
                body.len()
            );
            let read = Report::decode(body.as_slice()).unwrap();
            assert_eq!(read.msg_id, msg_id(told.message), "{form:?}");
            assert_eq!(
                (read.stat_text().as_str(), read.err.as_str()),
                ("AF:4", Some("003"))
            );
        }
    }
}
