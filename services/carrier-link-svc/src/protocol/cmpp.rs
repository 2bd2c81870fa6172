//! China Mobile's protocol, 2.0 and 3.0. Pure but for the secret and the random number in [`open`].

#[cfg(test)]
mod tests;

use std::sync::Arc;

use hongyan_carrier_wire::{
    cmpp::{
        Client, ClientSettings, IsmgCheck, LoggedIn, MsgId, Pdu, Version,
        auth::Secret,
        pdu::{Deliver, DeliverResp, Recipients, Submit, has_udh},
        report::Report,
    },
    field::{FixedStr, TerminalId, TooLong},
    text::Coding,
};
use hongyan_catalog::{Cmpp as Settings, CmppVersion, Link};
use hongyan_domain::status;
use rand::Rng;

use super::{
    CannotOpen, Conversation, Opened, Protocol, Read, Segment, Submitted, Talk, Verdict, field, limits,
    secret, times,
};
use crate::{
    inbound::{self, Inbound, Person, Receipt, printable},
    link::LinkShared,
};

/// Ask for a status report. Left at 0, no receipt would ever come.
const WITH_REPORT: u8 = 1;
/// The service provider pays, the recipient never does.
const PAID_BY_SP: u8 = 2;
/// Free of charge for the recipient.
const FREE: &str = "01";
const FEE_FEN: &str = "000000";
/// The gateway has had this sequence number already.
const REPEATED: u32 = 3;

/// A connection to a gateway.
pub(super) fn open(
    link: &LinkShared,
    settings: Settings,
    version: Option<u8>,
) -> Result<Box<dyn Conversation>, CannotOpen> {
    let declared = match settings.version {
        CmppVersion::V2_0 => Version::V2,
        CmppVersion::V3_0 => Version::V3,
    };
    let dialect = Client::new(ClientSettings {
        source_addr: FixedStr::new(&link.link.account).map_err(|why| field("account", why))?,
        secret: Secret::new(secret(&link.link.secret_file)?),
        version: version.map_or(declared, Version::of_octet),
        ismg_check: if link.tuning.require_gateway_proof {
            IsmgCheck::Required
        } else {
            IsmgCheck::TolerateMissing
        },
        // Some gateways remember the numbers of an earlier connection.
        first_sequence: rand::rng().random(),
    });
    let protocol = Cmpp {
        link: Arc::clone(&link.link),
    };
    let talk = Talk::new(protocol, dialect, limits(link), link.codes.clone())?;
    Ok(Box::new(talk))
}

/// The glue of CMPP.
pub(super) struct Cmpp {
    pub(super) link: Arc<Link>,
}

impl Protocol for Cmpp {
    type Dialect = Client;
    type Asked = MsgId;

    const CODES: status::Protocol = status::Protocol::Cmpp;
    const REPEATED: Option<u32> = Some(REPEATED);

    fn opened(&self, opened: LoggedIn) -> Opened {
        let version = match opened.version {
            Version::V2 => "CMPP 2.0",
            Version::V3 => "CMPP 3.0",
        };
        Opened {
            version: version.to_owned(),
            is_proved: opened.gateway_proved,
        }
    }

    fn verdict(&mut self, login: std::convert::Infallible) -> std::convert::Infallible {
        match login {}
    }

    fn submit(&self, segment: &Segment<'_>) -> Result<Pdu, String> {
        submit(&self.link, segment)
            .map(Pdu::Submit)
            .map_err(|why| why.to_string())
    }

    fn submitted(&self, _sequence: u32, answer: Pdu) -> Submitted {
        match answer {
            Pdu::SubmitResp(resp) if resp.result == 0 => Submitted::Taken(resp.msg_id.to_string()),
            Pdu::SubmitResp(resp) => Submitted::Refused(resp.result),
            _ => Submitted::Unclear,
        }
    }

    fn delivered(&self, _sequence: u32, request: Pdu) -> Read<MsgId> {
        let Pdu::Deliver(deliver) = request else {
            return Read {
                asked: MsgId(0),
                id: None,
                inbound: Inbound::Ignored,
            };
        };
        Read {
            asked: deliver.msg_id,
            id: (deliver.msg_id != MsgId(0)).then(|| deliver.msg_id.to_string()),
            inbound: read(&deliver),
        }
    }

    fn answer(&self, asked: &MsgId, verdict: Verdict) -> Pdu {
        Pdu::DeliverResp(DeliverResp {
            msg_id: *asked,
            result: match verdict {
                Verdict::Taken => 0,
                Verdict::Structure => 1,
                Verdict::SlowDown => 8,
                Verdict::Other => 9,
            },
        })
    }

    fn number(sequence: u32) -> u32 {
        sequence
    }
}

fn submit(link: &Link, segment: &Segment<'_>) -> Result<Submit, TooLong> {
    let Segment { outbound, part, .. } = segment;
    Ok(Submit {
        pk_total: segment.total,
        pk_number: segment.number,
        registered_delivery: WITH_REPORT,
        service_id: FixedStr::new(&link.service_id)?,
        fee_user_type: PAID_BY_SP,
        tp_udhi: part.tp_udhi(),
        msg_fmt: Coding::Ucs2.msg_fmt(),
        msg_src: FixedStr::new(&link.account)?,
        fee_type: FixedStr::new(FREE)?,
        fee_code: FixedStr::new(FEE_FEN)?,
        valid_time: FixedStr::new(times::valid_time(outbound.valid_until_unix_ms))?,
        src_id: FixedStr::new(&outbound.source)?,
        // A destination must not carry "86" in 3.0, and need not in 2.0.
        recipients: Recipients::one(TerminalId::new(outbound.phone.national())?),
        content: part.content.clone(),
        ..Submit::default()
    })
}

fn read(deliver: &Deliver) -> Inbound {
    if deliver.is_report() {
        return match Report::decode(deliver.content.as_slice()) {
            Ok(report) => Inbound::Receipt(Receipt {
                carrier_message_id: report.msg_id.to_string(),
                stat: status::Protocol::Cmpp.receipt_code(&report.stat_text(), ""),
                done_time: printable(&report.done_time.to_text()),
                submitted_ms: times::minute(&report.submit_time.to_text()),
                person: Person::of(report.dest_terminal_id.national()),
            }),
            Err(_) => Inbound::Malformed,
        };
    }
    inbound::text(
        Person::of(deliver.src_terminal_id.national()),
        printable(&deliver.dest_id.to_text()),
        Coding::of_msg_fmt(deliver.msg_fmt),
        has_udh(deliver.tp_udhi),
        &deliver.content.bytes(),
    )
}
