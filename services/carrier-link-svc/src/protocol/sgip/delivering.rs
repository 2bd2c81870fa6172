//! Receipts and uplinks from the gateway.

use hongyan_carrier_wire::{
    field::FixedStr,
    login::Secret,
    sgip::{
        Acceptor, Pdu, Sequence,
        dialect::{Login, Opened as LoggedIn, Verdict as LoginVerdict},
        pdu::{Deliver, Report, Resp, State, has_udh},
        results,
    },
    text::Coding,
};
use hongyan_domain::status;

use super::VERSION;
use crate::{
    inbound::{self, Inbound, Person, Receipt, printable},
    protocol::{Direction, Opened, Protocol, Read, Segment, Submitted, Verdict},
};

/// The glue of a connection from the gateway.
pub(super) struct Delivering {
    pub(super) peer_account: FixedStr<16>,
    pub(super) peer_secret: Secret,
}

/// What was asked, for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Deliver,
    Report,
    UserRpt,
}

impl Protocol for Delivering {
    type Dialect = Acceptor;
    type Asked = Asked;

    const CODES: status::Protocol = status::Protocol::Sgip;

    fn opened(&self, _: LoggedIn) -> Opened {
        Opened {
            version: VERSION.to_owned(),
            // It has told its password, or it would not be in.
            is_proved: true,
        }
    }

    fn verdict(&mut self, login: Login) -> LoginVerdict {
        if login.login_name.as_bytes() == self.peer_account.as_bytes() {
            LoginVerdict::Check(self.peer_secret.clone())
        } else {
            LoginVerdict::Refuse {
                result: results::ILLEGAL_LOGIN,
            }
        }
    }

    fn submit(&self, _: &Segment<'_>) -> Result<Pdu, String> {
        Err("nothing is sent to who connected to us".to_owned())
    }

    fn submitted(&self, _: Sequence, _: Pdu) -> Submitted {
        Submitted::Unclear
    }

    fn delivered(&self, sequence: Sequence, request: Pdu) -> Read<Asked> {
        let (asked, inbound) = match request {
            Pdu::Report(report) => (Asked::Report, receipt(&report)),
            Pdu::Deliver(deliver) => (Asked::Deliver, text(&deliver)),
            // A user's standing with the carrier changes nothing here.
            _ => (Asked::UserRpt, Inbound::Ignored),
        };
        Read {
            asked,
            id: Some(sequence.to_string()),
            inbound,
        }
    }

    fn answer(&self, asked: &Asked, verdict: Verdict) -> Pdu {
        let resp = Resp::new(match verdict {
            Verdict::Taken => results::OK,
            Verdict::SlowDown => results::NODE_BUSY,
            Verdict::Structure => results::PARAMETER_FORMAT,
            Verdict::Other => results::SYSTEM_FAILURE,
        });
        match asked {
            Asked::Deliver => Pdu::DeliverResp(resp),
            Asked::Report => Pdu::ReportResp(resp),
            Asked::UserRpt => Pdu::UserRptResp(resp),
        }
    }

    fn number(sequence: Sequence) -> u32 {
        sequence.counter
    }

    fn direction(&self) -> Direction {
        Direction::Receive
    }
}

fn receipt(report: &Report) -> Inbound {
    if report.report_type != Report::ABOUT_SUBMIT {
        return Inbound::Ignored;
    }
    let (word, error) = match report.state() {
        State::Delivered => ("DELIVRD", 0),
        State::Waiting => ("ACCEPTD", 0),
        State::Failed { error_code } => ("UNDELIV", error_code),
        State::Other { .. } => ("UNKNOWN", report.error_code),
    };
    Inbound::Receipt(Receipt {
        carrier_message_id: report.submit_sequence.to_string(),
        stat: status::Protocol::Sgip.receipt_code(word, &error.to_string()),
        // The protocol tells none.
        done_time: String::new(),
        submitted_ms: None,
        person: Person::of(report.user_number.national()),
    })
}

fn text(deliver: &Deliver) -> Inbound {
    inbound::text(
        Person::of(deliver.user_number.national()),
        printable(&deliver.sp_number.to_text()),
        Coding::of_msg_fmt(deliver.message_coding),
        has_udh(deliver.tp_udhi),
        &deliver.content.bytes(),
    )
}
