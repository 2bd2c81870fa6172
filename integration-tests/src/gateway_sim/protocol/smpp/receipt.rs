//! Delivery receipts, and ids as they are written.

use hongyan_carrier_wire::field::Content;
use hongyan_carrier_wire::smpp::pdu::{Message, MessageBody, MessageId as Id};
use hongyan_carrier_wire::smpp::receipt::{MessageState, NetworkError, Receipt as Wire, Short};
use hongyan_carrier_wire::smpp::tlv::Tlvs;
use time::OffsetDateTime;

use super::address;
use crate::gateway_sim::carrier::report_time;
use crate::gateway_sim::faults::{Padding, ReceiptForm, ReceiptId};
use crate::gateway_sim::message::{DELIVERED, MessageId};
use crate::gateway_sim::outbox::Receipt;

/// The esm_class of a receipt.
const ESM_RECEIPT: u8 = 0x04;
/// GSM's number in a network error.
const NETWORK_GSM: u8 = 3;

/// The id in the answer to a submit: hexadecimal.
pub(super) fn in_response(id: MessageId) -> String {
    format!("{:x}", id.0)
}

/// The id that somebody asks about, as the answer to its submit had it.
pub(super) fn of_response(id: &Id) -> Option<MessageId> {
    u128::from_str_radix(id.as_str()?, 16).ok().map(MessageId)
}

/// The id in a receipt's text.
fn in_receipt(id: MessageId, form: ReceiptId, decimal: bool) -> String {
    match form {
        ReceiptId::OfProtocol if decimal => format!("{:010}", id.0),
        ReceiptId::OfProtocol => in_response(id),
        ReceiptId::Decimal => format!("{:010}", id.0),
        ReceiptId::Padded => format!("{:020X}", id.0),
        ReceiptId::Unknown => format!("{:x}", !id.0 & u128::from(u64::MAX)),
    }
}

/// The `deliver_sm` that carries it.
pub(super) fn message(receipt: &Receipt, decimal: bool, now: OffsetDateTime) -> Option<Message> {
    let wire = wire(receipt, decimal, now);
    let short_message = match receipt.form {
        ReceiptForm::OfVersion | ReceiptForm::Long => wire.to_text(&receipt.text_start),
        ReceiptForm::Short => Content::default(),
        ReceiptForm::Odd => odd(&wire),
    };
    let short_message = padded(short_message, receipt);
    let tlvs = match receipt.form {
        // Many centres send the text alone.
        ReceiptForm::Odd => Tlvs::new(),
        // What is asked for is a receipt whose id does not fit: a TLV must not tell it after all.
        _ if receipt.id_form != ReceiptId::OfProtocol || (decimal && receipt.form != ReceiptForm::Short) => {
            Tlvs::new()
        }
        _ => wire.to_tlvs().ok()?,
    };
    Some(Message {
        source: address(receipt.number.as_bytes())?,
        destination: address(receipt.source.as_bytes())?,
        body: MessageBody {
            esm_class: ESM_RECEIPT,
            short_message,
            tlvs,
            ..MessageBody::default()
        },
        ..Message::default()
    })
}

fn wire(receipt: &Receipt, decimal: bool, now: OffsetDateTime) -> Wire {
    let stat = receipt.stat.to_text();
    Wire {
        receipted_id: Id::new(in_response(receipt.message)).ok(),
        text_id: Id::new(in_receipt(receipt.message, receipt.id_form, decimal)).ok(),
        message_state: MessageState::of_stat(stat.as_bytes()),
        text_stat: Short::new(stat.as_bytes()).unwrap_or_default(),
        error: Short::new(format!("{:03}", receipt.error)).unwrap_or_default(),
        network_error: u16::try_from(receipt.error)
            .ok()
            .filter(|error| *error != 0)
            .map(|code| NetworkError {
                network: NETWORK_GSM,
                code,
            }),
        submit_date: Short::new(report_time(receipt.submitted)).unwrap_or_default(),
        done_date: Short::new(report_time(now)).unwrap_or_default(),
    }
}

/// The text with its keys as some centres spell them.
fn odd(wire: &Wire) -> Content {
    let delivered = wire.text_stat.as_str() == Some(DELIVERED);
    let text = format!(
        "Id:{} Sub:001 Dlvrd:{} Submit_Date:{} Done_Date:{} Stat:{} Err:{} Txt:",
        wire.text_id.unwrap_or_default().to_text(),
        if delivered { "001" } else { "000" },
        wire.submit_date.to_text(),
        wire.done_date.to_text(),
        wire.text_stat.to_text(),
        wire.error.to_text(),
    );
    Content::from(text.into_bytes())
}

/// The text with its status filled up to seven octets.
fn padded(text: Content, receipt: &Receipt) -> Content {
    let filler = match receipt.padding {
        Padding::OfProtocol => return text,
        Padding::Nul => 0,
        Padding::Blank => b' ',
    };
    let stat = receipt.stat.as_bytes();
    let key = b"stat:";
    let place = text
        .as_slice()
        .windows(key.len())
        .position(|octets| octets.eq_ignore_ascii_case(key));
    let Some(end) = place.map(|at| at + key.len() + stat.len()) else {
        return text;
    };
    let mut octets = text.as_slice().to_vec();
    let fill = receipt.stat.wire().len().saturating_sub(stat.len());
    octets.splice(
        end.min(octets.len())..end.min(octets.len()),
        std::iter::repeat_n(filler, fill),
    );
    Content::from(octets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use hongyan_carrier_wire::field::{FixedStr, TerminalId};

    fn receipt() -> Receipt {
        Receipt {
            message: MessageId(0x0386_01fa),
            number: TerminalId::new("8613800138000").unwrap(),
            source: FixedStr::new("10690001").unwrap(),
            service: FixedStr::default(),
            stat: FixedStr::new("DELIVRD").unwrap(),
            error: 0,
            submitted: OffsetDateTime::UNIX_EPOCH,
            text_start: Bytes::from_static(b"hello"),
            form: ReceiptForm::OfVersion,
            padding: Padding::OfProtocol,
            id_form: ReceiptId::OfProtocol,
        }
    }

    fn text_of(receipt: &Receipt, decimal: bool) -> (String, Wire) {
        let message = message(receipt, decimal, OffsetDateTime::UNIX_EPOCH).unwrap();
        let text = String::from_utf8_lossy(message.body.short_message.as_slice()).into_owned();
        (text, Wire::of_message(&message))
    }

    #[test]
    fn ids_are_hexadecimal_in_answers_and_decimal_in_receipts_where_asked() {
        assert_eq!(in_response(receipt().message), "38601fa");
        let id = Id::new("38601fa").unwrap();
        assert_eq!(of_response(&id), Some(receipt().message));
        let (text, read) = text_of(&receipt(), true);
        assert!(text.starts_with("id:0059113978 sub:001 dlvrd:001"), "{text}");
        assert_eq!((read.receipted_id, read.stat().as_str()), (None, "DELIVRD"));
        let (text, read) = text_of(&receipt(), false);
        assert!(text.starts_with("id:38601fa "), "{text}");
        assert_eq!(read.receipted_id.unwrap().as_str(), Some("38601fa"));
        let padded_id = Receipt {
            id_form: ReceiptId::Padded,
            ..receipt()
        };
        assert!(text_of(&padded_id, false).0.contains("id:000000000000038601FA "));
    }

    #[test]
    fn odd_and_short_forms_and_padding_are_still_read() {
        let failed = Receipt {
            stat: FixedStr::new("AF:4").unwrap(),
            error: 12,
            form: ReceiptForm::Odd,
            padding: Padding::Nul,
            ..receipt()
        };
        let (text, read) = text_of(&failed, false);
        assert!(text.contains("Stat:AF:4\0\0\0 Err:012"), "{text:?}");
        assert_eq!((read.stat().as_str(), read.error.as_str()), ("AF:4", Some("012")));
        let short = Receipt {
            form: ReceiptForm::Short,
            ..receipt()
        };
        let (text, read) = text_of(&short, true);
        assert_eq!((text.as_str(), read.state()), ("", Some(MessageState::Delivered)));
        assert_eq!(read.receipted_id.unwrap().as_str(), Some("38601fa"));
    }
}
