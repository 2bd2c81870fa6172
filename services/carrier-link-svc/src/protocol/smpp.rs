//! SMPP 3.4, towards a message centre. Pure but for the secret and the random number in [`open`].

mod inbound;
mod submit;
#[cfg(test)]
mod tests;

use std::{fmt::Write as _, sync::Arc};

use hongyan_carrier_wire::{
    login::Secret,
    smpp::{
        CText, Pdu, Status, VERSION_3_4,
        dialect::{Esme, EsmeOpened},
        message_id::{MessageIds, ReceiptIdForm},
        pdu::{Bind, BindMode, MessageId, MessageResp, Password},
    },
    text::Coding,
};
use hongyan_catalog::{Alphabet, Bind as DeclaredBind, Link, ReceiptId, Smpp as Settings};
use hongyan_domain::status;
use rand::Rng;

use super::{
    CannotOpen, Conversation, Direction, Learned, Opened, Protocol, Read, Segment, Submitted, Talk, Verdict,
    field, limits, secret,
};
use crate::{inbound::Inbound, link::LinkShared};

/// Most octets of a carrier's id that are kept.
const MAX_ID_LEN: usize = 96;

/// A connection to a message centre.
pub(super) fn open(
    link: &LinkShared,
    settings: &Settings,
    slot: u16,
) -> Result<Box<dyn Conversation>, CannotOpen> {
    let mode = mode(settings.bind, slot, link.link.connections);
    let password = Password::new(&Secret::new(secret(&link.link.secret_file)?));
    let bind = Bind {
        mode,
        system_id: CText::new(&link.link.account).map_err(|why| field("account", why))?,
        password: password.map_err(|why| field("secret_file", why))?,
        system_type: CText::new(&settings.system_type).map_err(|why| field("smpp.system_type", why))?,
        interface_version: VERSION_3_4,
        addr_ton: 0,
        addr_npi: 0,
        address_range: CText::EMPTY,
    };
    let protocol = Smpp {
        link: Arc::clone(&link.link),
        settings: settings.clone(),
        learned: Arc::clone(&link.learned),
        direction: match mode {
            BindMode::Transceiver => Direction::Both,
            BindMode::Transmitter => Direction::Send,
            BindMode::Receiver => Direction::Receive,
        },
    };
    let dialect = Esme::new(bind, rand::rng().random());
    let talk = Talk::new(protocol, dialect, limits(link), link.codes.clone())?;
    Ok(Box::new(talk))
}

/// How the connection in a slot logs in: of separate ones the first half, rounded up, sends.
const fn mode(declared: DeclaredBind, slot: u16, connections: u16) -> BindMode {
    match declared {
        DeclaredBind::Transceiver => BindMode::Transceiver,
        DeclaredBind::TransmitterAndReceiver if slot < connections.div_ceil(2) => BindMode::Transmitter,
        DeclaredBind::TransmitterAndReceiver => BindMode::Receiver,
    }
}

/// Reads ids as this centre writes them.
pub(super) fn message_ids(settings: &Settings) -> MessageIds {
    MessageIds::new(match settings.receipt_id {
        ReceiptId::Auto => ReceiptIdForm::Auto,
        ReceiptId::Same => ReceiptIdForm::Same,
        ReceiptId::Decimal => ReceiptIdForm::Decimal,
        ReceiptId::Hex => ReceiptIdForm::Hex,
    })
}

/// The centre's default alphabet.
const fn alphabet(settings: &Settings) -> Coding {
    match settings.default_alphabet {
        Alphabet::Gsm7 => Coding::Gsm7,
        Alphabet::Gsm7Packed => Coding::Gsm7Packed,
        Alphabet::Ascii => Coding::Ascii,
        Alphabet::Latin1 => Coding::Latin1,
    }
}

/// An id as it can be stored: what is neither visible ASCII nor free of meaning in our keys is written as `%` and two
/// hexadecimal digits. Of an id that is too long then, the end tells more.
fn storable(id: &str) -> String {
    let mut written = String::with_capacity(id.len());
    for octet in id.bytes() {
        if octet.is_ascii_graphic() && !matches!(octet, b':' | b'|' | b'%') {
            written.push(char::from(octet));
        } else {
            let _ = write!(written, "%{octet:02x}");
        }
    }
    let beyond = written.len().saturating_sub(MAX_ID_LEN);
    written.split_off(beyond)
}

/// The glue of SMPP.
pub(super) struct Smpp {
    link: Arc<Link>,
    settings: Settings,
    learned: Arc<Learned>,
    direction: Direction,
}

/// What a delivery came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// `deliver_sm`.
    Deliver,
    /// `data_sm`.
    Data,
}

impl Protocol for Smpp {
    type Dialect = Esme;
    type Asked = Asked;

    const CODES: status::Protocol = status::Protocol::Smpp;

    fn opened(&self, opened: EsmeOpened) -> Opened {
        Opened {
            // A centre that does not tell is older than 3.4; what we send it understands all the same.
            version: match opened.interface_version {
                Some(version) => format!("SMPP {}.{}", version >> 4, version & 0x0f),
                None => "SMPP 3.3".to_owned(),
            },
            is_proved: false,
        }
    }

    fn verdict(&mut self, login: std::convert::Infallible) -> std::convert::Infallible {
        match login {}
    }

    fn submit(&self, segment: &Segment<'_>) -> Result<Pdu, String> {
        submit::message(&self.link, &self.settings, segment).map(Pdu::SubmitSm)
    }

    fn submitted(&self, _sequence: u32, answer: Pdu) -> Submitted {
        let status = answer.status();
        match answer {
            Pdu::SubmitSmResp(MessageResp {
                status: Status::ROK,
                message_id: Some(id),
                ..
            }) if !id.is_empty() => {
                Submitted::Taken(storable(&self.learned.message_ids.of_response(id.as_bytes())))
            }
            Pdu::SubmitSmResp(_) | Pdu::GenericNack(_) if !status.is_ok() => Submitted::Refused(status.0),
            Pdu::SubmitSmResp(_) => Submitted::TakenUnnamed,
            // No answer to a submit.
            _ => Submitted::Unclear,
        }
    }

    fn delivered(&self, _sequence: u32, request: Pdu) -> Read<Asked> {
        let (asked, inbound) = match request {
            Pdu::DeliverSm(message) => (Asked::Deliver, self.read_message(&message)),
            Pdu::DataSm(data) => (Asked::Data, self.read_data(&data)),
            _ => (Asked::Deliver, Inbound::Ignored),
        };
        // A deliver_sm has no id of its own.
        Read {
            asked,
            id: None,
            inbound,
        }
    }

    fn answer(&self, asked: &Asked, verdict: Verdict) -> Pdu {
        let status = match verdict {
            Verdict::Taken => Status::ROK,
            Verdict::SlowDown | Verdict::Other => Status::RX_T_APPN,
            Verdict::Structure => Status::RX_P_APPN,
        };
        let resp = MessageResp::with_id(status, MessageId::EMPTY);
        match asked {
            Asked::Deliver => Pdu::DeliverSmResp(resp),
            Asked::Data => Pdu::DataSmResp(resp),
        }
    }

    fn number(sequence: u32) -> u32 {
        sequence
    }

    fn direction(&self) -> Direction {
        self.direction
    }
}
