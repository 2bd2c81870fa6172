//! SMPP 3.4, as a message centre speaks it.

mod questions;
mod receipt;
mod submitted;

use std::ops::Range;

use hongyan_carrier_wire::field::Content;
use hongyan_carrier_wire::smpp::dialect::{LoginVerdict, Smsc, SmscOpened};
use hongyan_carrier_wire::smpp::pdu::{
    Address, Bind, BindMode, ESM_UDHI, Message, MessageBody, MessageId as Id, MessageResp, SubmitMultiResp,
    UnsuccessfulList,
};
use hongyan_carrier_wire::smpp::{CText, Command, HEADER_LEN, Pdu, Status};
use hongyan_carrier_wire::text::{Coding, Values};
use time::OffsetDateTime;

use super::{Asked, Opened, Protocol, Request};
use crate::gateway_sim::carrier::{Carrier, LoginRefusal};
use crate::gateway_sim::config::Account;
use crate::gateway_sim::faults::{Damage, Meaning};
use crate::gateway_sim::message::{MessageId, Submitted};
use crate::gateway_sim::outbox::{Body, Outgoing, UplinkPart};

/// What the centre calls itself.
const SYSTEM_ID: &str = "hongyan-sim";
/// Type and plan of mobile numbers: international, ISDN.
const INTERNATIONAL: u8 = 1;
const ISDN: u8 = 1;
/// Where the esm_class of a `deliver_sm` stands behind the addresses, and its `sm_length` behind that.
const SHORT_FIELDS: usize = 3;

/// How the centre speaks it.
#[derive(Debug, Clone, Copy)]
pub(in crate::gateway_sim) struct Smpp {
    decimal_receipts: bool,
}

/// What a submit's answer is.
#[derive(Debug, Clone, Copy)]
pub(in crate::gateway_sim) enum Key {
    Submit,
    Multi,
    Data,
}

impl Smpp {
    pub(in crate::gateway_sim) const fn new(decimal_receipts: bool) -> Self {
        Self { decimal_receipts }
    }
}

impl Carrier for Smpp {
    fn name(&self) -> &'static str {
        "SMPP"
    }

    fn code(&self, meaning: Meaning) -> u32 {
        match meaning {
            Meaning::Accept => Status::ROK,
            Meaning::Throttle => Status::RTHROTTLED,
            Meaning::NoRoute => Status::RINVDSTADR,
            Meaning::Refuse => Status::RSUBMITFAIL,
        }
        .0
    }

    fn login_refusal(&self, why: LoginRefusal) -> u32 {
        match why {
            LoginRefusal::UnknownAccount => Status::RINVSYSID,
            LoginRefusal::TooMany => Status::RBINDFAIL,
        }
        .0
    }

    fn fresh_id(&self, now: OffsetDateTime, number: u64, _binary: bool) -> MessageId {
        // Two simulators at once should not give the same ids: the second of the day stands in front.
        let second = u64::from(now.hour()) * 3_600 + u64::from(now.minute()) * 60 + u64::from(now.second());
        MessageId(u128::from((second + 1) << 32) + u128::from(number))
    }

    fn show(&self, id: MessageId) -> String {
        receipt::in_response(id)
    }

    fn knows(&self, damage: Damage) -> bool {
        !matches!(damage, Damage::Udhi64)
    }

    fn content_length(&self, frame: &[u8]) -> Option<Range<usize>> {
        let at = skip_text(frame, esm_class(frame)?.checked_add(SHORT_FIELDS)?)?;
        // validity_period, then four octets.
        let at = skip_text(frame, at)?.checked_add(4)?;
        (at < frame.len()).then_some(at..at + 1)
    }

    fn udhi(&self, frame: &[u8]) -> Option<usize> {
        esm_class(frame)
    }

    fn header_len(&self) -> usize {
        HEADER_LEN
    }

    fn values(&self) -> Values {
        Values::DataCoding {
            default: Coding::Gsm7,
        }
    }
}

/// Behind the NUL that ends a text.
fn skip_text(frame: &[u8], from: usize) -> Option<usize> {
    let length = frame.get(from..)?.iter().position(|octet| *octet == 0)?;
    from.checked_add(length)?.checked_add(1)
}

/// Where the esm_class of a `deliver_sm` stands.
fn esm_class(frame: &[u8]) -> Option<usize> {
    let mut at = skip_text(frame, HEADER_LEN)?;
    for _ in 0..2 {
        at = skip_text(frame, at.checked_add(2)?)?;
    }
    Some(at)
}

impl Protocol for Smpp {
    type Dialect = Smsc;
    type Key = Key;

    fn dialect(&self) -> Smsc {
        Smsc::new(CText::new(SYSTEM_ID).unwrap_or(CText::EMPTY), 1)
    }

    fn keep_alives(&self) -> &'static [u32] {
        const { &[Command::EnquireLink.id()] }
    }

    fn account_name(&self, login: &Bind) -> String {
        login.system_id.to_text().into_owned()
    }

    fn admit(&self, account: &Account) -> Option<LoginVerdict> {
        Some(LoginVerdict::Check(account.secret.clone()))
    }

    fn turn_away(&self, status: u32) -> Option<LoginVerdict> {
        // A status of 0 would let it in.
        Some(LoginVerdict::Refuse(Status(status.max(1))))
    }

    fn opened(&self, opened: &SmscOpened) -> Opened {
        let kind = match opened.mode {
            BindMode::Receiver => "receiver",
            BindMode::Transmitter => "transmitter",
            BindMode::Transceiver => "transceiver",
        };
        Opened {
            version: format!("3.4 {kind}"),
            submits: opened.mode.sends(),
            delivers: opened.mode.receives(),
        }
    }

    fn asked(&self, request: Request<'_, Self>) -> Asked<Self> {
        let submit = |key, submitted: Submitted| Asked::Submit {
            key,
            id: None,
            submitted: Box::new(submitted),
        };
        let (hub, account) = (request.hub, request.account);
        match request.pdu {
            Pdu::SubmitSm(message) => submit(Key::Submit, submitted::of_message(&message)),
            Pdu::SubmitMulti(multi) => submit(Key::Multi, submitted::of_multi(&multi)),
            Pdu::DataSm(data) => submit(Key::Data, submitted::of_data(&data)),
            Pdu::QuerySm(query) => Asked::Answer(questions::query(hub, &query)),
            Pdu::CancelSm(cancel) => Asked::Answer(questions::cancel(hub, account, &cancel)),
            Pdu::ReplaceSm(replace) => Asked::Answer(questions::replace(hub, &replace)),
            // The dialect passes nothing else up as a request.
            _ => Asked::Answer(Pdu::GenericNack(Status::RINVCMDID)),
        }
    }

    fn answer(&self, key: Key, id: MessageId, result: u32) -> Pdu {
        let status = Status(result);
        let resp = if status.is_ok() {
            MessageResp::with_id(status, Id::new(receipt::in_response(id)).unwrap_or_default())
        } else {
            // An error's answer may lack its body, and here it does.
            MessageResp::without_body(status)
        };
        match key {
            Key::Submit => Pdu::SubmitSmResp(resp),
            Key::Data => Pdu::DataSmResp(resp),
            Key::Multi => Pdu::SubmitMultiResp(SubmitMultiResp {
                status,
                message_id: resp.message_id,
                unsuccessful: UnsuccessfulList::none(),
                tlvs: resp.tlvs,
            }),
        }
    }

    fn deliver(
        &self,
        _dialect: &Smsc,
        outgoing: &Outgoing,
        now: OffsetDateTime,
    ) -> Option<(Option<u32>, Pdu)> {
        let message = match &outgoing.body {
            Body::Receipt(receipt) => receipt::message(receipt, self.decimal_receipts, now)?,
            Body::Uplink(part) => self.uplink(part)?,
            Body::UserReport(_) => return None,
        };
        Some((None, Pdu::DeliverSm(message)))
    }

    fn taken(&self, answer: &Pdu) -> u32 {
        answer.status().0
    }
}

impl Smpp {
    fn uplink(self, part: &UplinkPart) -> Option<Message> {
        let (_, data_coding) = self.uplink_coding(part.coding).ok()?;
        Some(Message {
            source: address(part.from.as_bytes())?,
            destination: address(part.to.as_bytes())?,
            body: MessageBody {
                esm_class: if part.has_udh { ESM_UDHI } else { 0 },
                data_coding,
                short_message: Content::new(part.content.clone()),
                ..MessageBody::default()
            },
            ..Message::default()
        })
    }
}

fn address(number: &[u8]) -> Option<Address> {
    Some(Address {
        ton: INTERNATIONAL,
        npi: ISDN,
        number: CText::new(number).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use hongyan_carrier_wire::field::{FixedStr, TerminalId};
    use hongyan_carrier_wire::smpp::encode;

    #[test]
    fn the_length_of_a_content_is_found_behind_texts_of_any_length() {
        let smpp = Smpp::new(true);
        let part = UplinkPart {
            from: TerminalId::new("8613800138000").unwrap(),
            to: FixedStr::new("10690001").unwrap(),
            has_udh: true,
            content: bytes::Bytes::from_static(b"\x05\x00\x03\x01\x02\x01hi"),
            ..UplinkPart::default()
        };
        let mut frame = BytesMut::new();
        encode(1, &Pdu::DeliverSm(smpp.uplink(&part).unwrap()), &mut frame).unwrap();
        let place = smpp.content_length(&frame).unwrap();
        assert_eq!(frame[place.clone()], [8]);
        assert_eq!(&frame[place.end..], b"\x05\x00\x03\x01\x02\x01hi");
        assert_eq!(frame[smpp.udhi(&frame).unwrap()], 0x40);
    }
}
