//! China Telecom's protocol, 3.0 and 1.3. Pure but for the secret and the random number in [`open`].

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use hongyan_carrier_wire::{
    concat::Udh,
    field::{FixedStr, TerminalId, TooLong},
    login::Secret,
    smgp::{
        Client, ClientSettings, LoggedIn, MsgId, Pdu, ServerCheck, Version,
        pdu::{Deliver, DeliverResp, LoginMode, Recipients, Submit, has_udh},
        report::Report,
        status as wire_status,
        tlv::{Tlv, Tlvs},
    },
    text::{Coding, Values},
};
use hongyan_catalog::{Link, Smgp as Settings, SmgpVersion};
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

/// Towards a phone.
const MSG_TYPE_MT: u8 = 6;
/// Ask for a status report. Left at 0, no receipt would ever come.
const WITH_REPORT: u8 = 1;
/// Free of charge for the recipient.
const FREE: &str = "00";
const FEE_FEN: &str = "000000";
/// The gateway has had this sequence number already.
const REPEATED: u32 = 12;
/// The content begins with a user data header.
const WITH_HEADER: u8 = 1;

/// A connection to a gateway.
pub(super) fn open(
    link: &LinkShared,
    settings: &Settings,
    version: Option<u8>,
) -> Result<Box<dyn Conversation>, CannotOpen> {
    let declared = match settings.version {
        SmgpVersion::V1_3 => Version::V1,
        SmgpVersion::V3_0 => Version::V3,
    };
    let dialect = Client::new(ClientSettings {
        client_id: FixedStr::new(&link.link.account).map_err(|why| field("account", why))?,
        secret: Secret::new(secret(&link.link.secret_file)?),
        mode: LoginMode::Both,
        version: version.map_or(declared, Version::of_octet),
        server_check: if link.tuning.require_gateway_proof {
            ServerCheck::Required
        } else {
            ServerCheck::TolerateMissing
        },
        // Some gateways remember the numbers of an earlier connection.
        first_sequence: rand::rng().random(),
    });
    let msg_src = settings.msg_src.as_deref().map(FixedStr::new).transpose();
    let protocol = Smgp {
        link: Arc::clone(&link.link),
        msg_src: msg_src.map_err(|why| field("smgp.msg_src", why))?,
    };
    let talk = Talk::new(protocol, dialect, limits(link), link.codes.clone())?;
    Ok(Box::new(talk))
}

/// The glue of SMGP.
pub(super) struct Smgp {
    link: Arc<Link>,
    /// Told with each submit, where the gateway asks for it.
    msg_src: Option<FixedStr<8>>,
}

impl Protocol for Smgp {
    type Dialect = Client;
    type Asked = MsgId;

    const CODES: status::Protocol = status::Protocol::Smgp;
    const REPEATED: Option<u32> = Some(REPEATED);

    fn opened(&self, opened: LoggedIn) -> Opened {
        let version = match opened.version {
            Version::V1 => "SMGP 1.3",
            Version::V3 => "SMGP 3.0",
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
        self.message(segment)
            .map(Pdu::Submit)
            .map_err(|why| why.to_string())
    }

    fn submitted(&self, _sequence: u32, answer: Pdu) -> Submitted {
        match answer {
            Pdu::SubmitResp(resp) if resp.status == wire_status::OK => {
                Submitted::Taken(resp.msg_id.to_string())
            }
            Pdu::SubmitResp(resp) => Submitted::Refused(resp.status),
            _ => Submitted::Unclear,
        }
    }

    fn delivered(&self, _sequence: u32, request: Pdu) -> Read<MsgId> {
        let Pdu::Deliver(deliver) = request else {
            return Read {
                asked: MsgId::default(),
                id: None,
                inbound: Inbound::Ignored,
            };
        };
        Read {
            asked: deliver.msg_id,
            id: (deliver.msg_id != MsgId::default()).then(|| deliver.msg_id.to_string()),
            inbound: read(&deliver),
        }
    }

    fn answer(&self, asked: &MsgId, verdict: Verdict) -> Pdu {
        Pdu::DeliverResp(DeliverResp {
            msg_id: *asked,
            status: match verdict {
                Verdict::Taken => wire_status::OK,
                // The document has one word for "not now", whatever the reason.
                Verdict::SlowDown | Verdict::Other => wire_status::BUSY,
                Verdict::Structure => wire_status::STRUCTURE,
            },
        })
    }

    fn number(sequence: u32) -> u32 {
        sequence
    }
}

impl Smgp {
    fn message(&self, segment: &Segment<'_>) -> Result<Submit, TooLong> {
        let Segment { outbound, part, .. } = segment;
        let recipient = TerminalId::new(outbound.phone.national())?;
        Ok(Submit {
            msg_type: MSG_TYPE_MT,
            need_report: WITH_REPORT,
            service_id: FixedStr::new(&self.link.service_id)?,
            fee_type: FixedStr::new(FREE)?,
            fee_code: FixedStr::new(FEE_FEN)?,
            fixed_fee: FixedStr::new(FEE_FEN)?,
            msg_format: Coding::Ucs2.msg_fmt(),
            valid_time: FixedStr::new(times::valid_time(outbound.valid_until_unix_ms))?,
            src_term_id: FixedStr::new(&outbound.source)?,
            recipients: Recipients::one(&recipient).ok_or(TooLong {
                len: recipient.as_bytes().len(),
                max: hongyan_carrier_wire::smgp::pdu::TERMINAL_LEN,
            })?,
            content: part.content.clone(),
            tlvs: self.parameters(segment)?,
            ..Submit::default()
        })
    }

    /// A part says in its parameters what its header says; a single segment has nothing to say.
    fn parameters(&self, segment: &Segment<'_>) -> Result<Tlvs, TooLong> {
        let mut tlvs = Tlvs::new();
        if segment.part.concat.is_some() {
            tlvs.push(Tlv::TpUdhi(WITH_HEADER))?;
            tlvs.push(Tlv::PkTotal(segment.total))?;
            tlvs.push(Tlv::PkNumber(segment.number))?;
        }
        if let Some(msg_src) = self.msg_src {
            tlvs.push(Tlv::MsgSrc(msg_src))?;
        }
        Ok(tlvs)
    }
}

fn read(deliver: &Deliver) -> Inbound {
    // Of a report, too, the source is the phone: the recipient of the message that it is about.
    let person = Person::of(deliver.src_term_id.national());
    if deliver.is_report() {
        return match Report::decode(deliver.content.as_slice()) {
            Ok(report) => Inbound::Receipt(Receipt {
                carrier_message_id: report.msg_id.to_string(),
                stat: status::Protocol::Smgp.receipt_code(&report.stat_text(), &report.err_text()),
                done_time: printable(&report.done_date.to_text()),
                submitted_ms: times::minute(&report.submit_date.to_text()),
                person,
            }),
            Err(_) => Inbound::Malformed,
        };
    }
    let content = deliver.content.bytes();
    inbound::text(
        person,
        printable(&deliver.dest_term_id.to_text()),
        Values::MsgFormat.coding(deliver.msg_format),
        begins_with_header(&deliver.tlvs, &content),
        &content,
    )
}

/// Gateways leave `TP_udhi` out now and then, or say 0; a header that numbers parts is known by its look then. No text
/// begins with its control characters.
fn begins_with_header(tlvs: &Tlvs, content: &Bytes) -> bool {
    tlvs.tp_udhi().is_some_and(has_udh) || Udh::parse(content).is_ok_and(|header| header.concat.is_some())
}
