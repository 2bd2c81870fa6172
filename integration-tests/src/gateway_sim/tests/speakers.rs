//! The four protocols from the client's side.

use std::convert::Infallible;
use std::fmt::Debug;

use hongyan_carrier_wire::concat::{Concat, Reference, Udh, split};
use hongyan_carrier_wire::field::{Content, FixedStr, TerminalId};
use hongyan_carrier_wire::login::Secret;
use hongyan_carrier_wire::session::Dialect;
use hongyan_carrier_wire::smpp::CText;
use hongyan_carrier_wire::smpp::pdu::BindMode;
use hongyan_carrier_wire::text::{Coding, Decoded, Values};
use hongyan_carrier_wire::{cmpp, sgip, smgp, smpp};

/// A side that these tests play.
pub(super) trait Speaker: Dialect {
    /// What an acceptor says to a login.
    fn verdict(login: &Self::Login) -> Self::Verdict;

    /// A content (ASCII or UCS-2, perhaps with a header) to a mobile number, given without "86"; a receipt is wanted.
    fn content(number: &str, content: Content, ascii: bool, has_udh: bool) -> Self::Pdu;

    /// A short message.
    fn message(number: &str, text: &str) -> Self::Pdu {
        let (content, ascii) = encoded(text);
        Self::content(number, content, ascii, false)
    }

    /// A long one, in its parts.
    fn long_message(number: &str, text: &str) -> Vec<Self::Pdu> {
        split(text, Coding::Ucs2, Reference::Bits8(0x2e), 9)
            .unwrap()
            .into_iter()
            .map(|part| Self::content(number, part.content, false, part.concat.is_some()))
            .collect()
    }

    /// The result in an answer, and the id where it has one.
    fn answered(answer: &Self::Pdu) -> (u32, Option<String>);

    /// The id that is the request's own number.
    fn show(sequence: Self::Sequence) -> String {
        format!("{sequence:?}")
    }

    /// The answer to what was delivered.
    fn take(delivered: &Self::Pdu, result: u32) -> Self::Pdu;

    /// What it says.
    fn read(delivered: &Self::Pdu) -> Delivered;
}

/// What was delivered, whatever the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Delivered {
    Receipt {
        id: String,
        stat: String,
    },
    /// The part's number, 0 without a header, and its text.
    Uplink {
        from: String,
        part: u8,
        text: String,
    },
    Other,
}

fn uplink(from: Option<&str>, has_udh: bool, coding: Coding, content: &[u8]) -> Delivered {
    let udh = has_udh.then(|| Udh::parse(content).unwrap());
    let header_len = udh.map_or(0, |udh| udh.len);
    let text = match coding.decode_behind(header_len, &content[header_len..]) {
        Decoded::Text { text, .. } => text,
        Decoded::Octets => String::new(),
    };
    Delivered::Uplink {
        from: from.unwrap_or_default().to_owned(),
        part: udh.and_then(|udh| udh.concat).map_or(0, Concat::number),
        text,
    }
}

fn encoded(text: &str) -> (Content, bool) {
    match Coding::Ascii.encode(text) {
        Ok(octets) => (Content::from(octets), true),
        Err(_) => (Content::from(Coding::Ucs2.encode(text).unwrap()), false),
    }
}

pub(super) fn cmpp_settings(version: cmpp::Version) -> cmpp::ClientSettings {
    cmpp::ClientSettings {
        source_addr: FixedStr::new("900001").unwrap(),
        secret: Secret::new("888888"),
        version,
        ismg_check: cmpp::IsmgCheck::Required,
        first_sequence: 1,
    }
}

pub(super) fn cmpp_message(number: &str, text: &str) -> cmpp::pdu::Submit {
    let (content, ascii) = encoded(text);
    cmpp_content(number, content, ascii, false)
}

fn cmpp_content(number: &str, content: Content, ascii: bool, has_udh: bool) -> cmpp::pdu::Submit {
    cmpp::pdu::Submit {
        tp_udhi: u8::from(has_udh),
        pk_total: 1,
        pk_number: 1,
        registered_delivery: 1,
        msg_fmt: if ascii { 0 } else { 8 },
        src_id: FixedStr::new("10690001").unwrap(),
        recipients: cmpp::pdu::Recipients::one(TerminalId::new(number).unwrap()),
        content,
        ..cmpp::pdu::Submit::default()
    }
}

impl Speaker for cmpp::Client {
    fn verdict(login: &Infallible) -> Infallible {
        *login
    }

    fn content(number: &str, content: Content, ascii: bool, has_udh: bool) -> cmpp::Pdu {
        cmpp::Pdu::Submit(cmpp_content(number, content, ascii, has_udh))
    }

    fn answered(answer: &cmpp::Pdu) -> (u32, Option<String>) {
        match answer {
            cmpp::Pdu::SubmitResp(resp) => (resp.result, Some(resp.msg_id.to_string())),
            cmpp::Pdu::CancelResp(resp) => (resp.success_id, None),
            other => panic!("no answer to a submit: {other:?}"),
        }
    }

    fn take(delivered: &cmpp::Pdu, result: u32) -> cmpp::Pdu {
        let cmpp::Pdu::Deliver(deliver) = delivered else {
            panic!("nothing to take: {delivered:?}")
        };
        cmpp::Pdu::DeliverResp(cmpp::pdu::DeliverResp {
            msg_id: deliver.msg_id,
            result,
        })
    }

    fn read(delivered: &cmpp::Pdu) -> Delivered {
        let cmpp::Pdu::Deliver(deliver) = delivered else {
            return Delivered::Other;
        };
        if deliver.is_report() {
            let report = cmpp::report::Report::decode(deliver.content.as_slice()).unwrap();
            return Delivered::Receipt {
                id: report.msg_id.to_string(),
                stat: report.stat_text(),
            };
        }
        uplink(
            deliver.src_terminal_id.national(),
            cmpp::pdu::has_udh(deliver.tp_udhi),
            Values::MsgFmt.coding(deliver.msg_fmt),
            deliver.content.as_slice(),
        )
    }
}

pub(super) fn smgp_settings(version: smgp::Version, mode: smgp::pdu::LoginMode) -> smgp::ClientSettings {
    smgp::ClientSettings {
        client_id: FixedStr::new("900001").unwrap(),
        secret: Secret::new("888888"),
        mode,
        version,
        server_check: smgp::ServerCheck::Required,
        first_sequence: 1,
    }
}

impl Speaker for smgp::Client {
    fn verdict(login: &Infallible) -> Infallible {
        *login
    }

    fn content(number: &str, content: Content, ascii: bool, has_udh: bool) -> smgp::Pdu {
        let mut tlvs = smgp::tlv::Tlvs::new();
        tlvs.push(smgp::tlv::Tlv::TpUdhi(u8::from(has_udh))).unwrap();
        smgp::Pdu::Submit(smgp::pdu::Submit {
            tlvs,
            msg_type: 6,
            need_report: 1,
            msg_format: if ascii { 0 } else { 8 },
            src_term_id: FixedStr::new("10690001").unwrap(),
            recipients: smgp::pdu::Recipients::one(&TerminalId::new(number).unwrap()).unwrap(),
            content,
            ..smgp::pdu::Submit::default()
        })
    }

    fn answered(answer: &smgp::Pdu) -> (u32, Option<String>) {
        match answer {
            smgp::Pdu::SubmitResp(resp) => (resp.status, Some(resp.msg_id.to_string())),
            other => panic!("no answer to a submit: {other:?}"),
        }
    }

    fn take(delivered: &smgp::Pdu, result: u32) -> smgp::Pdu {
        let smgp::Pdu::Deliver(deliver) = delivered else {
            panic!("nothing to take: {delivered:?}")
        };
        smgp::Pdu::DeliverResp(smgp::pdu::DeliverResp {
            msg_id: deliver.msg_id,
            status: result,
        })
    }

    fn read(delivered: &smgp::Pdu) -> Delivered {
        let smgp::Pdu::Deliver(deliver) = delivered else {
            return Delivered::Other;
        };
        if deliver.is_report() {
            let report = smgp::report::Report::decode(deliver.content.as_slice()).unwrap();
            return Delivered::Receipt {
                id: report.msg_id.to_string(),
                stat: report.stat_text(),
            };
        }
        uplink(
            deliver.src_term_id.national(),
            deliver.tlvs.tp_udhi().is_some_and(smgp::pdu::has_udh),
            Values::MsgFormat.coding(deliver.msg_format),
            deliver.content.as_slice(),
        )
    }
}

pub(super) fn esme(mode: BindMode) -> smpp::dialect::Esme {
    let bind = smpp::pdu::Bind {
        mode,
        system_id: CText::new("900001").unwrap(),
        password: smpp::pdu::Password(CText::new("888888").unwrap()),
        system_type: CText::EMPTY,
        interface_version: smpp::VERSION_3_4,
        addr_ton: 0,
        addr_npi: 0,
        address_range: CText::EMPTY,
    };
    smpp::dialect::Esme::new(bind, 1)
}

pub(super) fn smpp_address(number: &str) -> smpp::pdu::Address {
    smpp::pdu::Address {
        ton: 1,
        npi: 1,
        number: CText::new(number).unwrap(),
    }
}

impl Speaker for smpp::dialect::Esme {
    fn verdict(login: &Infallible) -> Infallible {
        *login
    }

    fn content(number: &str, short_message: Content, ascii: bool, has_udh: bool) -> smpp::Pdu {
        smpp::Pdu::SubmitSm(smpp::pdu::Message {
            source: smpp_address("10690001"),
            destination: smpp_address(&format!("86{number}")),
            body: smpp::pdu::MessageBody {
                esm_class: if has_udh { smpp::pdu::ESM_UDHI } else { 0 },
                registered_delivery: 1,
                data_coding: if ascii { 1 } else { 8 },
                short_message,
                ..smpp::pdu::MessageBody::default()
            },
            ..smpp::pdu::Message::default()
        })
    }

    fn answered(answer: &smpp::Pdu) -> (u32, Option<String>) {
        let id = match answer {
            smpp::Pdu::SubmitSmResp(resp) | smpp::Pdu::DataSmResp(resp) => resp.message_id,
            smpp::Pdu::SubmitMultiResp(resp) => resp.message_id,
            _ => None,
        };
        (
            answer.status().0,
            Some(id.map(|id| id.to_text().into_owned()).unwrap_or_default()),
        )
    }

    fn take(delivered: &smpp::Pdu, result: u32) -> smpp::Pdu {
        delivered.answer(smpp::Status(result)).unwrap()
    }

    fn read(delivered: &smpp::Pdu) -> Delivered {
        let smpp::Pdu::DeliverSm(message) = delivered else {
            return Delivered::Other;
        };
        if message.is_receipt() {
            let receipt = smpp::receipt::Receipt::of_message(message);
            let ids = smpp::message_id::MessageIds::new(smpp::message_id::ReceiptIdForm::Same);
            return Delivered::Receipt {
                id: ids.of_receipt(&receipt).unwrap_or_default(),
                stat: receipt.stat(),
            };
        }
        let values = Values::DataCoding {
            default: Coding::Gsm7,
        };
        uplink(
            message.source.national(),
            message.body.has_udh(),
            values.coding(message.body.data_coding),
            message.body.short_message.as_slice(),
        )
    }
}

/// The node of the SP in these tests.
pub(super) const SP_NODE: u32 = 3_010_092_008;

/// Submits to the gateway.
pub(super) fn sgip_submitter() -> sgip::Initiator {
    sgip::Initiator::new(
        sgip::Direction::Submitting,
        FixedStr::new("900001").unwrap(),
        sgip::Password::of(&Secret::new("888888")).unwrap(),
        sgip::Numbering::new(SP_NODE, 1..=u32::MAX, 1),
    )
}

/// Is delivered to by the gateway.
pub(super) fn sgip_listener() -> sgip::Acceptor {
    sgip::Acceptor::new(
        sgip::Direction::Delivering,
        sgip::Numbering::new(SP_NODE, 1..=u32::MAX, 1),
    )
}

/// What the gateway logs in with at the listener.
pub(super) const SMG_LOGIN: &str = "smg:smgsecret";

fn sgip_content(number: &str, content: Content, ascii: bool, has_udh: bool) -> sgip::Pdu {
    sgip::Pdu::Submit(sgip::pdu::Submit {
        tp_udhi: u8::from(has_udh),
        sp_number: FixedStr::new("10690001").unwrap(),
        users: sgip::pdu::Users::one(&TerminalId::new(format!("86{number}")).unwrap()).unwrap(),
        report_flag: sgip::pdu::REPORT_ALWAYS,
        message_coding: if ascii { 0 } else { 8 },
        content,
        ..sgip::pdu::Submit::default()
    })
}

fn sgip_answered(answer: &sgip::Pdu) -> (u32, Option<String>) {
    match answer {
        sgip::Pdu::SubmitResp(resp) => (resp.result().map_or(u32::MAX, u32::from), None),
        sgip::Pdu::TraceResp(hops) => (0, Some(hops.count().to_string())),
        other => panic!("no answer to a submit: {other:?}"),
    }
}

fn sgip_take(delivered: &sgip::Pdu, result: u32) -> sgip::Pdu {
    let resp = sgip::pdu::Resp::new(u8::try_from(result).unwrap());
    match delivered {
        sgip::Pdu::Deliver(_) => sgip::Pdu::DeliverResp(resp),
        sgip::Pdu::Report(_) => sgip::Pdu::ReportResp(resp),
        sgip::Pdu::UserRpt(_) => sgip::Pdu::UserRptResp(resp),
        other => panic!("nothing to take: {other:?}"),
    }
}

fn sgip_read(delivered: &sgip::Pdu) -> Delivered {
    match delivered {
        sgip::Pdu::Report(report) => Delivered::Receipt {
            id: report.submit_sequence.to_string(),
            stat: match report.state() {
                sgip::pdu::State::Delivered => "DELIVRD".to_owned(),
                sgip::pdu::State::Failed { error_code } => format!("{error_code}"),
                other => format!("{other:?}"),
            },
        },
        sgip::Pdu::Deliver(deliver) => uplink(
            deliver.user_number.national(),
            deliver.tp_udhi != 0,
            Values::MsgFmt.coding(deliver.message_coding),
            deliver.content.as_slice(),
        ),
        _ => Delivered::Other,
    }
}

impl Speaker for sgip::Initiator {
    fn verdict(login: &Infallible) -> Infallible {
        *login
    }
    fn content(number: &str, content: Content, ascii: bool, has_udh: bool) -> sgip::Pdu {
        sgip_content(number, content, ascii, has_udh)
    }
    fn answered(answer: &sgip::Pdu) -> (u32, Option<String>) {
        sgip_answered(answer)
    }
    fn show(sequence: sgip::Sequence) -> String {
        sequence.to_string()
    }
    fn take(delivered: &sgip::Pdu, result: u32) -> sgip::Pdu {
        sgip_take(delivered, result)
    }
    fn read(delivered: &sgip::Pdu) -> Delivered {
        sgip_read(delivered)
    }
}

impl Speaker for sgip::Acceptor {
    fn verdict(login: &sgip::dialect::Login) -> sgip::dialect::Verdict {
        let (name, secret) = SMG_LOGIN.split_once(':').unwrap();
        assert_eq!(login.login_name.as_str(), Some(name));
        sgip::dialect::Verdict::Check(Secret::new(secret))
    }
    fn content(number: &str, content: Content, ascii: bool, has_udh: bool) -> sgip::Pdu {
        sgip_content(number, content, ascii, has_udh)
    }
    fn answered(answer: &sgip::Pdu) -> (u32, Option<String>) {
        sgip_answered(answer)
    }
    fn take(delivered: &sgip::Pdu, result: u32) -> sgip::Pdu {
        sgip_take(delivered, result)
    }
    fn read(delivered: &sgip::Pdu) -> Delivered {
        sgip_read(delivered)
    }
}
