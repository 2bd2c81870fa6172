//! The gateway's own connections, by which it delivers.

use std::convert::Infallible;

use anyhow::{Context as _, Result};
use hongyan_carrier_wire::field::{Content, FixedStr, TerminalId};
use hongyan_carrier_wire::session::SessionLimits;
use hongyan_carrier_wire::sgip::dialect::Opened as Admitted;
use hongyan_carrier_wire::sgip::pdu::{Deliver, Report, Resp, UserRpt};
use hongyan_carrier_wire::sgip::{Direction, Initiator, Password, Pdu, Sequence, results};
use time::OffsetDateTime;

use super::super::{Asked, Opened, Protocol, Request};
use super::{ERROR_UNREACHABLE, Sgip, sequence};
use crate::gateway_sim::carrier::Carrier as _;
use crate::gateway_sim::config::{Account, DeliverTo};
use crate::gateway_sim::faults::ReceiptId;
use crate::gateway_sim::message::{DELIVERED, MessageId};
use crate::gateway_sim::outbox::{Body, Outgoing, Receipt, UplinkPart, UserReport};

/// How long the caller keeps a connection that has nothing to do.
const CALLER_IDLE_MS: u64 = 1_000;

/// The gateway's own connections to a client's listener.
#[derive(Debug, Clone)]
pub(in crate::gateway_sim) struct SgipCaller {
    gateway: Sgip,
    name: FixedStr<16>,
    password: Password,
}

impl SgipCaller {
    /// Logs in as the listener wants it.
    pub(in crate::gateway_sim) fn new(gateway: Sgip, to: &DeliverTo) -> Result<Self> {
        Ok(Self {
            gateway,
            name: FixedStr::new(&to.name).context("the login name at the listener")?,
            password: Password::of(&to.secret).context("the password at the listener")?,
        })
    }
}

impl Protocol for SgipCaller {
    type Dialect = Initiator;
    type Key = Infallible;

    fn dialect(&self) -> Initiator {
        Initiator::new(
            Direction::Delivering,
            self.name,
            self.password,
            self.gateway.sequences(),
        )
    }

    fn limits(&self, configured: SessionLimits) -> SessionLimits {
        SessionLimits {
            idle_ms: CALLER_IDLE_MS,
            ..self.gateway.limits(configured)
        }
    }

    fn keep_alives(&self) -> &'static [u32] {
        &[]
    }

    fn account_name(&self, login: &Infallible) -> String {
        match *login {}
    }

    fn admit(&self, _account: &Account) -> Option<Infallible> {
        None
    }

    fn turn_away(&self, _status: u32) -> Option<Infallible> {
        None
    }

    fn opened(&self, _opened: &Admitted) -> Opened {
        Opened {
            version: "1.2".to_owned(),
            submits: false,
            delivers: true,
        }
    }

    fn asked(&self, _request: Request<'_, Self>) -> Asked<Self> {
        // The dialect passes no request up.
        Asked::Answer(Pdu::SubmitResp(Resp::new(results::LOGIN_TYPE)))
    }

    fn answer(&self, key: Infallible, _id: MessageId, _result: u32) -> Pdu {
        match key {}
    }

    fn deliver(
        &self,
        _dialect: &Initiator,
        outgoing: &Outgoing,
        _now: OffsetDateTime,
    ) -> Option<(Option<Sequence>, Pdu)> {
        let pdu = match &outgoing.body {
            Body::Receipt(receipt) => Pdu::Report(report(receipt)),
            Body::Uplink(part) => Pdu::Deliver(self.uplink(part)?),
            Body::UserReport(report) => Pdu::UserRpt(user_report(report)),
        };
        // The same number in every attempt: a client knows repetitions by it.
        Some((Some(sequence(outgoing.id)), pdu))
    }

    fn taken(&self, answer: &Pdu) -> u32 {
        match answer {
            Pdu::DeliverResp(resp) | Pdu::ReportResp(resp) | Pdu::UserRptResp(resp) => {
                resp.result().map_or(results::NONE_TOLD, u32::from)
            }
            _ => results::NONE_TOLD,
        }
    }
}

impl SgipCaller {
    fn uplink(&self, part: &UplinkPart) -> Option<Deliver> {
        let (_, message_coding) = self.gateway.uplink_coding(part.coding).ok()?;
        Some(Deliver {
            user_number: with_country(&part.from),
            sp_number: part.to,
            tp_udhi: u8::from(part.has_udh),
            message_coding,
            content: Content::new(part.content.clone()),
            ..Deliver::default()
        })
    }
}

/// SGIP writes mobile numbers with "86".
fn with_country(number: &TerminalId) -> TerminalId {
    match number.as_str() {
        Some(text) if text.len() == 11 && text.starts_with('1') => {
            TerminalId::new(format!("86{text}")).unwrap_or(*number)
        }
        _ => *number,
    }
}

fn report(receipt: &Receipt) -> Report {
    let submit_sequence = sequence(receipt.message);
    let (state, error_code) = match receipt.stat.as_str() {
        Some(DELIVERED) => (0, 0),
        Some("ACCEPTD" | "ENROUTE") => (1, 0),
        _ => match u8::try_from(receipt.error).unwrap_or(u8::MAX) {
            0 => (2, ERROR_UNREACHABLE),
            error => (2, error),
        },
    };
    Report {
        submit_sequence: match receipt.id_form {
            ReceiptId::Unknown => Sequence {
                counter: !submit_sequence.counter,
                ..submit_sequence
            },
            ReceiptId::OfProtocol | ReceiptId::Decimal | ReceiptId::Padded => submit_sequence,
        },
        report_type: Report::ABOUT_SUBMIT,
        user_number: receipt.number,
        state,
        error_code,
        ..Report::default()
    }
}

fn user_report(report: &UserReport) -> UserRpt {
    UserRpt {
        sp_number: report.access_number,
        user_number: with_country(&report.number),
        user_condition: report.condition,
        ..UserRpt::default()
    }
}
