//! China Telecom's SMGP 3.0 and 1.3.

mod receipt;

use std::ops::Range;

use bytes::Bytes;
use hongyan_carrier_wire::field::{Content, FixedStr};
use hongyan_carrier_wire::smgp::msg_id::MsgIdParts;
use hongyan_carrier_wire::smgp::pdu::{Deliver, Login, Query, QueryResp, Submit, SubmitResp, has_udh};
use hongyan_carrier_wire::smgp::tlv::{Tlv, Tlvs};
use hongyan_carrier_wire::smgp::{
    Admitted, Command, HigherVersion, MsgId, Pdu, Server, ServerSettings, Verdict, Version, status,
};
use hongyan_carrier_wire::text::Values;
use time::OffsetDateTime;

use super::{Asked, Opened, Protocol, Request};
use crate::gateway_sim::carrier::{Carrier, LoginRefusal, china};
use crate::gateway_sim::config::Account;
use crate::gateway_sim::faults::{Damage, Meaning};
use crate::gateway_sim::hub::{Hub, lock};
use crate::gateway_sim::message::{MessageId, Numbering, ReportWish, Submitted};
use crate::gateway_sim::outbox::{Body, Outgoing, UplinkPart};

/// Statuses of the document that the codec has no name for.
const STATUS_TOO_MANY: u32 = 2;
const STATUS_ROUTE: u32 = 39;
const STATUS_SERVICE: u32 = 43;

/// Where `MsgLength` of a `Deliver` stands, and its octets without a content.
const DELIVER_LENGTH: usize = 80;
const DELIVER_FIXED: usize = 89;
/// Where `AuthenticatorServer` stands in a `Login_Resp`.
const AUTHENTICATOR: Range<usize> = 16..32;
/// The tag that says that the content begins with a header.
const TAG_UDHI: u16 = 2;
/// Ids of a minute before they come round.
const IDS: u64 = 1_000_000;

/// How the gateway speaks it.
#[derive(Debug, Clone, Copy)]
pub(in crate::gateway_sim) struct Smgp {
    max_version: Version,
    gateway_code: u32,
}

impl Smgp {
    pub(in crate::gateway_sim) const fn new(three: bool, gateway_code: u32) -> Self {
        Self {
            max_version: if three { Version::V3 } else { Version::V1 },
            gateway_code,
        }
    }
}

impl Carrier for Smgp {
    fn name(&self) -> &'static str {
        "SMGP"
    }

    fn code(&self, meaning: Meaning) -> u32 {
        match meaning {
            Meaning::Accept => status::OK,
            Meaning::Throttle => status::BUSY,
            Meaning::NoRoute => STATUS_ROUTE,
            Meaning::Refuse => STATUS_SERVICE,
        }
    }

    fn login_refusal(&self, why: LoginRefusal) -> u32 {
        match why {
            LoginRefusal::UnknownAccount => status::AUTHENTICATION,
            LoginRefusal::TooMany => STATUS_TOO_MANY,
        }
    }

    fn fresh_id(&self, now: OffsetDateTime, number: u64, binary: bool) -> MessageId {
        if binary {
            // As seen in the field: no digits, with octets that a text would not have, and the number behind them.
            let number = u32::try_from(number & u64::from(u32::MAX)).unwrap_or_default();
            let [a, b, c, d] = number.to_be_bytes();
            return MessageId::from_octets(&[0x64, 0x95, 0xc3, 0x00, 0x20, 0xea, a, b, c, d]);
        }
        let now = china(now);
        let id = MsgId::from_parts(MsgIdParts {
            gateway: self.gateway_code % 1_000_000,
            month: u8::from(now.month()),
            day: now.day(),
            hour: now.hour(),
            // A sequence that comes round within a minute borrows of the next ones, so that ids stay different.
            minute: u8::try_from((u64::from(now.minute()) + number / IDS) % 100).unwrap_or_default(),
            sequence: u32::try_from(number % IDS).unwrap_or_default(),
        });
        MessageId::from_octets(&id.unwrap_or_default().0)
    }

    fn show(&self, id: MessageId) -> String {
        msg_id(id).to_string()
    }

    fn knows(&self, _damage: Damage) -> bool {
        true
    }

    fn content_length(&self, _frame: &[u8]) -> Option<Range<usize>> {
        Some(DELIVER_LENGTH..DELIVER_LENGTH + 1)
    }

    fn udhi(&self, frame: &[u8]) -> Option<usize> {
        let length = usize::from(*frame.get(DELIVER_LENGTH)?);
        let mut at = DELIVER_FIXED.saturating_add(length);
        // Each turn takes four octets at least.
        loop {
            let head = frame.get(at..)?.first_chunk::<4>()?;
            let [tag_high, tag_low, len_high, len_low] = *head;
            let value_at = at.saturating_add(head.len());
            if u16::from_be_bytes([tag_high, tag_low]) == TAG_UDHI {
                return Some(value_at);
            }
            at = value_at.saturating_add(usize::from(u16::from_be_bytes([len_high, len_low])));
        }
    }

    fn authenticator(&self, _frame: &[u8]) -> Option<Range<usize>> {
        Some(AUTHENTICATOR)
    }

    fn proves_itself(&self) -> bool {
        true
    }

    fn values(&self) -> Values {
        Values::MsgFormat
    }
}

impl Protocol for Smgp {
    type Dialect = Server;
    type Key = ();

    fn dialect(&self) -> Server {
        Server::new(ServerSettings {
            max_version: self.max_version,
            on_higher_version: HigherVersion::AnswerOwn,
        })
    }

    fn keep_alives(&self) -> &'static [u32] {
        const { &[Command::ActiveTest.id()] }
    }

    fn account_name(&self, login: &Login) -> String {
        login.client_id.to_text().into_owned()
    }

    fn admit(&self, account: &Account) -> Option<Verdict> {
        Some(Verdict::Check(account.secret.clone()))
    }

    fn turn_away(&self, status: u32) -> Option<Verdict> {
        Some(Verdict::Refuse { status })
    }

    fn opened(&self, opened: &Admitted) -> Opened {
        let version = match opened.version {
            Version::V1 => "1.3",
            Version::V3 => "3.0",
        };
        Opened {
            version: format!("{version} {:?}", opened.mode).to_lowercase(),
            submits: opened.mode.submits(),
            delivers: opened.mode.delivers(),
        }
    }

    fn asked(&self, request: Request<'_, Self>) -> Asked<Self> {
        match request.pdu {
            Pdu::Submit(submit) => Asked::Submit {
                key: (),
                id: None,
                submitted: Box::new(submitted(&submit)),
            },
            Pdu::Query(query) => Asked::Answer(Pdu::QueryResp(counts(request.hub, &query))),
            // The dialect passes nothing else up as a request.
            _ => Asked::Answer(self.answer((), MessageId::default(), status::COMMAND)),
        }
    }

    fn answer(&self, _key: (), id: MessageId, result: u32) -> Pdu {
        Pdu::SubmitResp(SubmitResp {
            msg_id: msg_id(id),
            status: result,
        })
    }

    fn deliver(
        &self,
        _dialect: &Server,
        outgoing: &Outgoing,
        now: OffsetDateTime,
    ) -> Option<(Option<u32>, Pdu)> {
        let deliver = match &outgoing.body {
            Body::Receipt(receipt) => receipt::deliver(receipt, now),
            Body::Uplink(part) => self.uplink_deliver(part)?,
            Body::UserReport(_) => return None,
        };
        let deliver = Deliver {
            msg_id: msg_id(outgoing.id),
            recv_time: recv_time(now),
            ..deliver
        };
        Some((None, Pdu::Deliver(deliver)))
    }

    fn taken(&self, answer: &Pdu) -> u32 {
        match answer {
            Pdu::DeliverResp(resp) => resp.status,
            _ => status::COMMAND,
        }
    }
}

impl Smgp {
    fn uplink_deliver(self, part: &UplinkPart) -> Option<Deliver> {
        let (_, msg_format) = self.uplink_coding(part.coding).ok()?;
        let mut tlvs = Tlvs::new();
        tlvs.push(Tlv::TpPid(0)).ok()?;
        tlvs.push(Tlv::TpUdhi(u8::from(part.has_udh))).ok()?;
        if !part.link_id.is_empty() {
            tlvs.push(Tlv::LinkId(part.link_id)).ok()?;
        }
        Some(Deliver {
            msg_format,
            src_term_id: part.from,
            dest_term_id: part.to,
            content: Content::new(part.content.clone()),
            tlvs,
            ..Deliver::default()
        })
    }
}

/// The last ten octets.
fn msg_id(id: MessageId) -> MsgId {
    MsgId(id.octets())
}

fn submitted(submit: &Submit) -> Submitted {
    let content: Bytes = submit.content.bytes();
    let mut details = vec![
        ("MsgType", submit.msg_type.to_string()),
        ("NeedReport", submit.need_report.to_string()),
        ("Priority", submit.priority.to_string()),
        ("ServiceID", submit.service_id.to_text().into_owned()),
        ("FeeType", submit.fee_type.to_text().into_owned()),
        ("FixedFee", submit.fixed_fee.to_text().into_owned()),
        ("ValidTime", submit.valid_time.to_text().into_owned()),
    ];
    details.extend(
        submit
            .tlvs
            .iter()
            .map(|tlv| (Tlv::name_of(tlv.tag()), hex::encode(tlv.value()))),
    );
    Submitted {
        source: submit.src_term_id,
        recipients: submit.recipients.iter().collect(),
        numbering: Numbering::of(submit.tlvs.tp_udhi().is_some_and(has_udh), &content),
        content,
        coding: Values::MsgFormat.coding(submit.msg_format),
        coding_octet: submit.msg_format,
        report: if submit.need_report == 1 {
            ReportWish::Always
        } else {
            ReportWish::Never
        },
        service: submit.service_id,
        objection: None,
        details,
    }
}

fn counts(hub: &Hub, query: &Query) -> QueryResp {
    let stats = lock(&hub.ledger).stats(hub.carrier.name(), hub.waiting());
    let narrow = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    QueryResp {
        time: query.time,
        query_type: query.query_type,
        query_code: query.query_code,
        mt_messages: narrow(stats.submits),
        mt_users: narrow(stats.accepted),
        mo_sent: narrow(stats.uplinks.taken),
        reserve: Some(query.reserve),
        ..QueryResp::default()
    }
}

fn recv_time(now: OffsetDateTime) -> FixedStr<14> {
    let now = china(now);
    let text = format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}",
        now.year(),
        u8::from(now.month()),
        now.day(),
        now.hour(),
        now.minute(),
        now.second()
    );
    FixedStr::new(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_different_and_are_digits_unless_asked_otherwise() {
        let smgp = Smgp::new(true, 10_061);
        let now = OffsetDateTime::from_unix_timestamp(1_767_858_948).unwrap();
        let ids: std::collections::HashSet<_> = [0, 1, IDS - 1, IDS, IDS + 1]
            .map(|number| smgp.fresh_id(now, number, false))
            .into();
        assert_eq!(ids.len(), 5);
        assert!(ids.iter().all(|id| msg_id(*id).parts().is_some()));
        assert_eq!(msg_id(smgp.fresh_id(now, 0, true)).parts(), None);
    }
}
