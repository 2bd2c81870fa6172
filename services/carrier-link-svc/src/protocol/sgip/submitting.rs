//! Segments to the gateway.

use std::{convert::Infallible, sync::Arc};

use hongyan_carrier_wire::{
    field::{FixedStr, TerminalId, TooLong},
    sgip::{
        Initiator, Pdu, Sequence,
        dialect::Opened as LoggedIn,
        pdu::{CHARGE_SP, NOT_CAUSED_BY_UPLINK, REPORT_ALWAYS, Resp, Submit, Users},
        results,
    },
    text::Coding,
};
use hongyan_catalog::Link;
use hongyan_domain::status;

use super::{super::times, VERSION};
use crate::{
    inbound::Inbound,
    protocol::{Direction, Opened, Protocol, Read, Segment, Submitted, Verdict},
};

/// Recipients and charged numbers carry it.
const COUNTRY: &str = "86";
/// Nothing is charged to anybody by this message.
const NO_FEE: &str = "0";

/// The glue of a connection for segments.
pub(super) struct Submitting {
    pub(super) link: Arc<Link>,
    pub(super) corp_id: FixedStr<5>,
}

impl Protocol for Submitting {
    type Dialect = Initiator;
    type Asked = ();

    const CODES: status::Protocol = status::Protocol::Sgip;
    const RESERVES: bool = true;

    fn opened(&self, _: LoggedIn) -> Opened {
        Opened {
            version: VERSION.to_owned(),
            // The gateway proves nothing to who logs in.
            is_proved: false,
        }
    }

    fn verdict(&mut self, login: Infallible) -> Infallible {
        match login {}
    }

    fn submit(&self, segment: &Segment<'_>) -> Result<Pdu, String> {
        self.pdu(segment).map(Pdu::Submit).map_err(|why| why.to_string())
    }

    fn submitted(&self, sequence: Sequence, answer: Pdu) -> Submitted {
        match answer {
            Pdu::SubmitResp(resp) => match resp.result() {
                Some(results::OK) => Submitted::Taken(sequence.to_string()),
                Some(result) => Submitted::Refused(u32::from(result)),
                None => Submitted::Unclear,
            },
            _ => Submitted::Unclear,
        }
    }

    /// The session lets no request of the gateway through on a connection that we made.
    fn delivered(&self, _: Sequence, _: Pdu) -> Read<()> {
        Read {
            asked: (),
            id: None,
            inbound: Inbound::Ignored,
        }
    }

    fn answer(&self, (): &(), _: Verdict) -> Pdu {
        Pdu::DeliverResp(Resp::new(results::LOGIN_TYPE))
    }

    fn number(sequence: Sequence) -> u32 {
        sequence.counter
    }

    fn id_of(sequence: Sequence) -> Option<String> {
        Some(sequence.to_string())
    }

    fn sequence_of(id: &str) -> Option<Sequence> {
        id.parse().ok()
    }

    fn direction(&self) -> Direction {
        Direction::Send
    }
}

impl Submitting {
    fn pdu(&self, segment: &Segment<'_>) -> Result<Submit, TooLong> {
        let Segment { outbound, part, .. } = segment;
        let number = TerminalId::new(format!("{COUNTRY}{}", outbound.phone.national()))?;
        Ok(Submit {
            sp_number: FixedStr::new(&outbound.source)?,
            charge_number: TerminalId::new(CHARGE_SP)?,
            users: Users::one(&number).unwrap_or_default(),
            corp_id: self.corp_id,
            service_type: FixedStr::new(&self.link.service_id)?,
            fee_value: FixedStr::new(NO_FEE)?,
            given_value: FixedStr::new(NO_FEE)?,
            morelateto_mt_flag: NOT_CAUSED_BY_UPLINK,
            expire_time: FixedStr::new(times::valid_time(outbound.valid_until_unix_ms))?,
            report_flag: REPORT_ALWAYS,
            tp_udhi: part.tp_udhi(),
            message_coding: Coding::Ucs2.msg_fmt(),
            content: part.content.clone(),
            ..Submit::default()
        })
    }
}
