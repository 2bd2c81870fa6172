//! China Unicom's SGIP 1.2: a listener that is submitted to, and a caller that delivers.

mod caller;

pub(in crate::gateway_sim) use caller::SgipCaller;

use std::ops::Range;

use bytes::Bytes;
use hongyan_carrier_wire::field::{FixedStr, TerminalId};
use hongyan_carrier_wire::login::Timestamp;
use hongyan_carrier_wire::session::SessionLimits;
use hongyan_carrier_wire::sgip::dialect::{Login, Opened as Admitted, Verdict};
use hongyan_carrier_wire::sgip::pdu::{REPORT_NEVER, Resp, Submit};
use hongyan_carrier_wire::sgip::trace::{Hop, Hops, Trace};
use hongyan_carrier_wire::sgip::{Acceptor, Direction, Numbering as Sequences, Pdu, Sequence, results};
use hongyan_carrier_wire::text::Values;
use time::OffsetDateTime;

use super::{Asked, Opened, Protocol, Request};
use crate::gateway_sim::carrier::{Carrier, LoginRefusal, report_time};
use crate::gateway_sim::config::Account;
use crate::gateway_sim::faults::{Damage, Meaning};
use crate::gateway_sim::hub::{Hub, lock};
use crate::gateway_sim::message::{DELIVERED, MessageId, Numbering, ReportWish, Submitted};
use crate::gateway_sim::outbox::Outgoing;
use crate::gateway_sim::take::Fate;

/// Where `MessageLength` and `TP_udhi` of a `DELIVER` stand.
const DELIVER_LENGTH: Range<usize> = 65..69;
const DELIVER_UDHI: usize = 63;
/// The command of a `DELIVER`; a `REPORT` has no content.
const COMMAND_DELIVER: u32 = 4;
/// Unanswered requests, answers, silence: by the document.
const WINDOW: usize = 32;
const RESPONSE_TIMEOUT_MS: u64 = 30_000;
const LISTENER_IDLE_MS: u64 = 60_000;
/// What a gateway says of a phone that cannot be reached.
const ERROR_UNREACHABLE: u8 = results::USER_UNREACHABLE;

/// What both kinds of connection have in common.
#[derive(Debug, Clone, Copy)]
pub(in crate::gateway_sim) struct Sgip {
    node: u32,
}

impl Sgip {
    pub(in crate::gateway_sim) const fn new(node: u32) -> Self {
        Self { node }
    }

    /// For the only requests that are not delivered by the outbox: wishes to log in and to end.
    fn sequences(self) -> Sequences {
        Sequences::new(self.node, 0..=u32::MAX, 0)
    }
}

impl Carrier for Sgip {
    fn name(&self) -> &'static str {
        "SGIP"
    }

    fn code(&self, meaning: Meaning) -> u32 {
        u32::from(match meaning {
            Meaning::Accept => results::OK,
            Meaning::Throttle => results::NODE_BUSY,
            Meaning::NoRoute => results::NO_ROUTE,
            Meaning::Refuse => results::NOT_PROVIDED,
        })
    }

    fn login_refusal(&self, why: LoginRefusal) -> u32 {
        u32::from(match why {
            LoginRefusal::UnknownAccount => results::ILLEGAL_LOGIN,
            LoginRefusal::TooMany => results::TOO_MANY_CONNECTIONS,
        })
    }

    fn fresh_id(&self, now: OffsetDateTime, number: u64, _binary: bool) -> MessageId {
        let unix_ms = u64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or_default();
        let sequence = Sequence {
            node: self.node,
            time: Timestamp::of_unix_ms(unix_ms).wire(),
            counter: u32::try_from(number & u64::from(u32::MAX)).unwrap_or_default(),
        };
        MessageId::from_octets(&sequence.wire())
    }

    fn show(&self, id: MessageId) -> String {
        sequence(id).to_string()
    }

    fn knows(&self, damage: Damage) -> bool {
        !matches!(damage, Damage::UnknownTlv | Damage::CutTlv)
    }

    fn content_length(&self, frame: &[u8]) -> Option<Range<usize>> {
        is_deliver(frame).then_some(DELIVER_LENGTH)
    }

    fn udhi(&self, frame: &[u8]) -> Option<usize> {
        is_deliver(frame).then_some(DELIVER_UDHI)
    }

    fn header_len(&self) -> usize {
        hongyan_carrier_wire::sgip::HEADER_LEN
    }

    fn values(&self) -> Values {
        Values::MsgFmt
    }

    fn reports_phones(&self) -> bool {
        true
    }
}

impl Protocol for Sgip {
    type Dialect = Acceptor;
    type Key = ();

    fn dialect(&self) -> Acceptor {
        Acceptor::new(Direction::Submitting, self.sequences())
    }

    fn limits(&self, configured: SessionLimits) -> SessionLimits {
        SessionLimits {
            window: WINDOW,
            response_timeout_ms: RESPONSE_TIMEOUT_MS,
            idle_ms: LISTENER_IDLE_MS,
            ..configured
        }
    }

    fn keep_alives(&self) -> &'static [u32] {
        &[]
    }

    fn account_name(&self, login: &Login) -> String {
        login.login_name.to_text().into_owned()
    }

    fn admit(&self, account: &Account) -> Option<Verdict> {
        Some(Verdict::Check(account.secret.clone()))
    }

    fn turn_away(&self, status: u32) -> Option<Verdict> {
        Some(Verdict::Refuse {
            result: u8::try_from(status).unwrap_or(u8::MAX),
        })
    }

    fn opened(&self, _opened: &Admitted) -> Opened {
        Opened {
            version: "1.2".to_owned(),
            submits: true,
            delivers: false,
        }
    }

    fn asked(&self, request: Request<'_, Self>) -> Asked<Self> {
        match request.pdu {
            Pdu::Submit(submit) => Asked::Submit {
                key: (),
                id: Some(MessageId::from_octets(&request.sequence.wire())),
                submitted: Box::new(submitted(&submit)),
            },
            Pdu::Trace(trace) => Asked::Answer(Pdu::TraceResp(self.way(request.hub, &trace))),
            // The dialect passes nothing else up as a request.
            _ => Asked::Answer(Pdu::SubmitResp(Resp::new(results::NOT_PROVIDED))),
        }
    }

    fn answer(&self, _key: (), _id: MessageId, result: u32) -> Pdu {
        Pdu::SubmitResp(Resp::new(u8::try_from(result).unwrap_or(u8::MAX)))
    }

    fn deliver(&self, _: &Acceptor, _: &Outgoing, _: OffsetDateTime) -> Option<(Option<Sequence>, Pdu)> {
        // A connection carries the requests of its initiator only.
        None
    }

    fn taken(&self, _answer: &Pdu) -> u32 {
        u32::from(results::NOT_PROVIDED)
    }
}

impl Sgip {
    /// The way of a message: one node, this one.
    fn way(self, hub: &Hub, trace: &Trace) -> Hops {
        let id = MessageId::from_octets(&trace.submit_sequence.wire());
        let fate = hub.fate(id);
        if fate == Fate::Unknown {
            return Hops::default();
        }
        let received_ms = lock(&hub.ledger)
            .messages
            .find(id)
            .map_or(0, |taken| taken.received_at_unix_ms);
        let received = OffsetDateTime::from_unix_timestamp_nanos(i128::from(received_ms) * 1_000_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let time = FixedStr::new(format!("{}00032+", report_time(received))).unwrap_or_default();
        let hop = Hop {
            result: match &fate {
                Fate::Final(stat) if stat != DELIVERED => ERROR_UNREACHABLE,
                _ => results::OK,
            },
            node_id: FixedStr::new(format!("{:06}", self.node % 1_000_000)).unwrap_or_default(),
            receive_time: time,
            send_time: match fate {
                Fate::Final(_) => time,
                Fate::Unknown | Fate::UnderWay => FixedStr::default(),
            },
            ..Hop::default()
        };
        Hops::new(&[hop]).unwrap_or_default()
    }
}

fn is_deliver(frame: &[u8]) -> bool {
    frame
        .get(4..)
        .and_then(|rest| rest.first_chunk::<4>())
        .is_some_and(|command| u32::from_be_bytes(*command) == COMMAND_DELIVER)
}

fn sequence(id: MessageId) -> Sequence {
    Sequence::from_wire(id.octets())
}

fn submitted(submit: &Submit) -> Submitted {
    let content: Bytes = submit.content.bytes();
    let recipients: Vec<TerminalId> = submit.users.iter().collect();
    let without_country = recipients
        .iter()
        .any(|number| !number.as_bytes().starts_with(b"86"));
    Submitted {
        source: submit.sp_number,
        numbering: Numbering::of(submit.tp_udhi & 0x41 != 0, &content),
        content,
        coding: Values::MsgFmt.coding(submit.message_coding),
        coding_octet: submit.message_coding,
        report: match submit.report_flag {
            0 => ReportWish::OnFailure,
            REPORT_NEVER => ReportWish::Never,
            // 1, and 3 for a monthly fee's record: nothing for the phone, a report all the same.
            _ => ReportWish::Always,
        },
        service: submit.service_type,
        objection: without_country.then_some(u32::from(results::ILLEGAL_NUMBER)),
        details: vec![
            ("UserNumber", first_text(&recipients)),
            (
                "ChargeNumber",
                String::from_utf8_lossy(submit.charge_number.as_bytes()).into_owned(),
            ),
            ("CorpId", submit.corp_id.to_text().into_owned()),
            ("ServiceType", submit.service_type.to_text().into_owned()),
            ("FeeType", submit.fee_type.to_string()),
            ("MorelatetoMTFlag", submit.morelateto_mt_flag.to_string()),
            ("Priority", submit.priority.to_string()),
            ("ExpireTime", submit.expire_time.to_text().into_owned()),
            ("ReportFlag", submit.report_flag.to_string()),
            ("TP_udhi", submit.tp_udhi.to_string()),
        ],
        recipients,
    }
}

fn first_text(recipients: &[TerminalId]) -> String {
    recipients
        .first()
        .map(|number| String::from_utf8_lossy(number.as_bytes()).into_owned())
        .unwrap_or_default()
}
