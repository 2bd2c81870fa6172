//! Status reports.

use hongyan_carrier_wire::cmpp::pdu::Deliver;
use hongyan_carrier_wire::cmpp::report::{Report, ReportForm};
use hongyan_carrier_wire::cmpp::{MsgId, Version};
use hongyan_carrier_wire::field::FixedStr;
use time::OffsetDateTime;

use super::msg_id;
use crate::gateway_sim::carrier::report_time;
use crate::gateway_sim::faults::{Padding, ReceiptForm, ReceiptId};
use crate::gateway_sim::outbox::Receipt;

/// The `DELIVER` that carries it.
pub(super) fn deliver(receipt: &Receipt, version: Version, now: OffsetDateTime) -> Deliver {
    Deliver {
        dest_id: receipt.source,
        service_id: receipt.service,
        src_terminal_id: receipt.number,
        registered_delivery: 1,
        content: report(receipt, version, now).encode(),
        ..Deliver::default()
    }
}

fn report(receipt: &Receipt, version: Version, now: OffsetDateTime) -> Report {
    let form = match (receipt.form, version) {
        (ReceiptForm::Short, _) | (ReceiptForm::OfVersion | ReceiptForm::Odd, Version::V2) => {
            ReportForm::Short
        }
        (ReceiptForm::Long, _) | (ReceiptForm::OfVersion | ReceiptForm::Odd, Version::V3) => ReportForm::Long,
    };
    let msg_id = msg_id(receipt.message);
    Report {
        form,
        msg_id: match receipt.id_form {
            ReceiptId::Unknown => MsgId(!msg_id.0),
            ReceiptId::OfProtocol | ReceiptId::Decimal | ReceiptId::Padded => msg_id,
        },
        stat: match receipt.padding {
            Padding::Blank => blank_padded(receipt.stat),
            Padding::OfProtocol | Padding::Nul => receipt.stat,
        },
        submit_time: FixedStr::new(report_time(receipt.submitted)).unwrap_or_default(),
        done_time: FixedStr::new(report_time(now)).unwrap_or_default(),
        dest_terminal_id: receipt.number,
        // The SMSC's number: any will do, the low half of the id is at hand.
        smsc_sequence: msg_id.0 as u32,
    }
}

/// The status with blanks instead of NUL behind it.
fn blank_padded(stat: FixedStr<7>) -> FixedStr<7> {
    FixedStr::new(format!("{:<7}", stat.to_text())).unwrap_or(stat)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway_sim::message::MessageId;
    use bytes::Bytes;
    use hongyan_carrier_wire::field::TerminalId;

    fn receipt(form: ReceiptForm) -> Receipt {
        Receipt {
            message: MessageId(7),
            number: TerminalId::new("13800138000").unwrap(),
            source: FixedStr::default(),
            service: FixedStr::default(),
            stat: FixedStr::new("AF:4").unwrap(),
            error: 0,
            submitted: OffsetDateTime::UNIX_EPOCH,
            text_start: Bytes::new(),
            form,
            padding: Padding::OfProtocol,
            id_form: ReceiptId::OfProtocol,
        }
    }

    #[test]
    fn the_form_of_a_receipt_follows_the_session_unless_set() {
        let now = OffsetDateTime::from_unix_timestamp(1_767_858_948).unwrap();
        let cases = [
            (ReceiptForm::OfVersion, Version::V2, 60),
            (ReceiptForm::OfVersion, Version::V3, 71),
            (ReceiptForm::Short, Version::V3, 60),
            (ReceiptForm::Long, Version::V2, 71),
        ];
        for (form, version, octets) in cases {
            let deliver = super::deliver(&receipt(form), version, now);
            assert!(deliver.is_report());
            assert_eq!(deliver.content.len(), octets);
            let report = Report::decode(deliver.content.as_slice()).unwrap();
            assert_eq!((report.msg_id, report.stat_text().as_str()), (MsgId(7), "AF:4"));
            assert_eq!(report.done_time.as_str(), Some("2601081555"));
            assert_eq!(report.stat.wire(), b"AF:4\0\0\0");
        }
        let blank = Receipt {
            padding: Padding::Blank,
            id_form: ReceiptId::Unknown,
            ..receipt(ReceiptForm::OfVersion)
        };
        let report = report(&blank, Version::V3, now);
        assert_eq!(report.stat.wire(), b"AF:4   ");
        assert_ne!(report.msg_id, MsgId(7));
    }
}
