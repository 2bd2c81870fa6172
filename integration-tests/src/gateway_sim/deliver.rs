//! `DELIVER`s out of what is to be delivered.

use hongyan_carrier_wire::cmpp::Version;
use hongyan_carrier_wire::cmpp::pdu::Deliver;
use hongyan_carrier_wire::cmpp::report::{Report, ReportForm};
use hongyan_carrier_wire::field::FixedStr;
use time::{OffsetDateTime, UtcOffset};

use super::ReceiptForm;
use super::outbox::{Outgoing, OutgoingBody, Receipt};

/// The `DELIVER` for a session of this version.
pub(super) fn of(outgoing: &Outgoing, version: Version, now: OffsetDateTime) -> Deliver {
    match &outgoing.body {
        OutgoingBody::Uplink(deliver) => Deliver {
            msg_id: outgoing.deliver_id,
            ..Deliver::clone(deliver)
        },
        OutgoingBody::Receipt(receipt) => Deliver {
            msg_id: outgoing.deliver_id,
            dest_id: receipt.source,
            service_id: receipt.service_id,
            src_terminal_id: receipt.number,
            registered_delivery: 1,
            content: report(receipt, version, now).encode(),
            ..Deliver::default()
        },
    }
}

fn report(receipt: &Receipt, version: Version, now: OffsetDateTime) -> Report {
    let form = match (receipt.form, version) {
        (ReceiptForm::Short, _) | (ReceiptForm::OfVersion, Version::V2) => ReportForm::Short,
        (ReceiptForm::Long, _) | (ReceiptForm::OfVersion, Version::V3) => ReportForm::Long,
    };
    Report {
        form,
        msg_id: receipt.msg_id,
        stat: receipt.stat,
        submit_time: receipt.submit_time,
        done_time: report_time(now),
        dest_terminal_id: receipt.number,
        smsc_sequence: outgoing_sequence(receipt),
    }
}

/// The SMSC's number: any will do, the low half of the id is at hand.
const fn outgoing_sequence(receipt: &Receipt) -> u32 {
    receipt.msg_id.0 as u32
}

/// YYMMDDHHMM of China's clock.
pub(super) fn report_time(now: OffsetDateTime) -> FixedStr<10> {
    let now = china(now);
    let text = format!(
        "{:02}{:02}{:02}{:02}{:02}",
        now.year().rem_euclid(100),
        u8::from(now.month()),
        now.day(),
        now.hour(),
        now.minute()
    );
    FixedStr::new(text).unwrap_or_default()
}

/// The same moment on China's clock.
pub(super) fn china(now: OffsetDateTime) -> OffsetDateTime {
    now.to_offset(UtcOffset::from_hms(8, 0, 0).unwrap_or(UtcOffset::UTC))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hongyan_carrier_wire::cmpp::MsgId;
    use hongyan_carrier_wire::field::TerminalId;

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
            let receipt = Receipt {
                msg_id: MsgId(7),
                number: TerminalId::new("13800138000").unwrap(),
                source: FixedStr::default(),
                service_id: FixedStr::default(),
                stat: FixedStr::new("DELIVRD").unwrap(),
                submit_time: report_time(now),
                form,
            };
            let outgoing = Outgoing {
                body: OutgoingBody::Receipt(Box::new(receipt)),
                deliver_id: MsgId(8),
                attempts: 0,
            };
            let deliver = of(&outgoing, version, now);
            assert!(deliver.is_report());
            let report = Report::decode(deliver.content.as_slice()).unwrap();
            assert_eq!(deliver.content.len(), octets);
            assert_eq!(
                (report.msg_id, report.stat_text().as_str()),
                (MsgId(7), "DELIVRD")
            );
            assert_eq!(report.done_time.as_str(), Some("2601081555"));
        }
    }
}
