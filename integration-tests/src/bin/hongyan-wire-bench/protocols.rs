//! What the benchmark needs of each protocol: both sides, and the PDUs of a day's work.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use hongyan_carrier_wire::cmpp::pdu as cmpp_pdu;
use hongyan_carrier_wire::field::{Content, FixedStr, TerminalId};
use hongyan_carrier_wire::login::Secret;
use hongyan_carrier_wire::session::Dialect;
use hongyan_carrier_wire::sgip::pdu as sgip_pdu;
use hongyan_carrier_wire::smgp::pdu as smgp_pdu;
use hongyan_carrier_wire::smpp::pdu as smpp_pdu;
use hongyan_carrier_wire::{cmpp, sgip, smgp, smpp};

/// A verification code in UCS-2, signed: 31 characters.
const TEXT: &str = "【鸿雁】验证码 123456，五分钟内有效，请勿告诉他人。谢谢";

/// A PDU and the name that the table gives it.
pub(crate) type Named<P> = (&'static str, <<P as Protocol>::Client as Dialect>::Pdu);

/// A protocol as the benchmark plays it.
pub(crate) trait Protocol {
    /// The provider's side.
    type Client: Dialect + Send;
    /// The gateway's side, which speaks the same PDUs.
    type Server: Dialect<Pdu = <Self::Client as Dialect>::Pdu, Sequence = <Self::Client as Dialect>::Sequence>
        + Send;

    /// Its name and version.
    const NAME: &'static str;

    /// The provider.
    fn client() -> Result<Self::Client>;

    /// The gateway.
    fn server() -> Result<Self::Server>;

    /// The gateway lets the provider in.
    fn verdict() -> <Self::Server as Dialect>::Verdict;

    /// A message to one phone.
    fn submit() -> Result<<Self::Client as Dialect>::Pdu>;

    /// The gateway's acceptance.
    fn accepted() -> Result<<Self::Client as Dialect>::Pdu>;

    /// The other PDUs that there are many of, by name.
    fn others() -> Result<Vec<Named<Self>>>
    where
        Self: Sized;
}

fn number() -> Result<TerminalId> {
    Ok(TerminalId::new("13800138000")?)
}

fn text() -> Content {
    Content::from(
        TEXT.encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect::<Vec<u8>>(),
    )
}

fn secret() -> Secret {
    Secret::new("secret88")
}

/// China Mobile's.
pub(crate) struct Cmpp;

impl Protocol for Cmpp {
    type Client = cmpp::Client;
    type Server = cmpp::Server;

    const NAME: &'static str = "CMPP 3.0";

    fn client() -> Result<cmpp::Client> {
        Ok(cmpp::Client::new(cmpp::ClientSettings {
            source_addr: FixedStr::new("900001")?,
            secret: secret(),
            version: cmpp::Version::V3,
            ismg_check: cmpp::IsmgCheck::Required,
            first_sequence: 1,
        }))
    }

    fn server() -> Result<cmpp::Server> {
        Ok(cmpp::Server::new(cmpp::ServerSettings {
            max_version: cmpp::Version::V3,
            on_higher_version: cmpp::HigherVersion::AnswerOwn,
        }))
    }

    fn verdict() -> cmpp::Verdict {
        cmpp::Verdict::Check(secret())
    }

    fn submit() -> Result<cmpp::Pdu> {
        Ok(cmpp::Pdu::Submit(cmpp_pdu::Submit {
            pk_total: 1,
            pk_number: 1,
            registered_delivery: 1,
            service_id: FixedStr::new("HELP")?,
            msg_fmt: 8,
            msg_src: FixedStr::new("900001")?,
            fee_type: FixedStr::new("01")?,
            src_id: FixedStr::new("1069009010053")?,
            recipients: cmpp_pdu::Recipients::one(number()?),
            content: text(),
            ..cmpp_pdu::Submit::default()
        }))
    }

    fn accepted() -> Result<cmpp::Pdu> {
        Ok(cmpp::Pdu::SubmitResp(cmpp_pdu::SubmitResp {
            msg_id: cmpp::MsgId(0xb4c5_5300_0001_0000),
            result: 0,
        }))
    }

    fn others() -> Result<Vec<(&'static str, cmpp::Pdu)>> {
        let uplink = cmpp_pdu::Deliver {
            msg_id: cmpp::MsgId(7),
            dest_id: FixedStr::new("1069009010053")?,
            msg_fmt: 8,
            src_terminal_id: number()?,
            content: text(),
            ..cmpp_pdu::Deliver::default()
        };
        let report = cmpp::report::Report {
            form: cmpp::report::ReportForm::Long,
            msg_id: cmpp::MsgId(0xb4c5_5300_0001_0000),
            stat: FixedStr::new("DELIVRD")?,
            submit_time: FixedStr::new("1511120955")?,
            done_time: FixedStr::new("1511120957")?,
            dest_terminal_id: number()?,
            smsc_sequence: 1,
        };
        let report = cmpp_pdu::Deliver {
            registered_delivery: 1,
            content: report.encode(),
            ..uplink.clone()
        };
        let taken = cmpp_pdu::DeliverResp {
            msg_id: cmpp::MsgId(7),
            result: 0,
        };
        Ok(vec![
            ("DELIVER", cmpp::Pdu::Deliver(uplink)),
            ("report", cmpp::Pdu::Deliver(report)),
            ("DELIVER_RESP", cmpp::Pdu::DeliverResp(taken)),
        ])
    }
}

/// China Unicom's.
pub(crate) struct Sgip;

fn numbering(node: u32) -> sgip::Numbering {
    sgip::Numbering::new(node, 0..=u32::MAX, 0)
}

impl Protocol for Sgip {
    type Client = sgip::Initiator;
    type Server = sgip::Acceptor;

    const NAME: &'static str = "SGIP 1.2";

    fn client() -> Result<sgip::Initiator> {
        let direction = sgip::Direction::Submitting;
        let password = sgip::Password::of(&secret())?;
        let name = FixedStr::new("900001")?;
        Ok(sgip::Initiator::new(
            direction,
            name,
            password,
            numbering(3_010_092_008),
        ))
    }

    fn server() -> Result<sgip::Acceptor> {
        Ok(sgip::Acceptor::new(
            sgip::Direction::Submitting,
            numbering(100_001),
        ))
    }

    fn verdict() -> sgip::dialect::Verdict {
        sgip::dialect::Verdict::Check(secret())
    }

    fn submit() -> Result<sgip::Pdu> {
        Ok(sgip::Pdu::Submit(sgip_pdu::Submit {
            sp_number: FixedStr::new("10655001")?,
            charge_number: TerminalId::new(sgip_pdu::CHARGE_SP)?,
            users: sgip_pdu::Users::one(&TerminalId::new("8613000138000")?).context("fits")?,
            corp_id: FixedStr::new("92008")?,
            service_type: FixedStr::new("HELP")?,
            report_flag: sgip_pdu::REPORT_ALWAYS,
            message_coding: 8,
            content: text(),
            ..sgip_pdu::Submit::default()
        }))
    }

    fn accepted() -> Result<sgip::Pdu> {
        Ok(sgip::Pdu::SubmitResp(sgip_pdu::Resp::new(0)))
    }

    fn others() -> Result<Vec<(&'static str, sgip::Pdu)>> {
        let uplink = sgip_pdu::Deliver {
            user_number: TerminalId::new("8613000138000")?,
            sp_number: FixedStr::new("10655001")?,
            message_coding: 8,
            content: text(),
            ..sgip_pdu::Deliver::default()
        };
        let report = sgip_pdu::Report {
            user_number: TerminalId::new("8613000138000")?,
            ..sgip_pdu::Report::default()
        };
        Ok(vec![
            ("DELIVER", sgip::Pdu::Deliver(uplink)),
            ("REPORT", sgip::Pdu::Report(report)),
            ("DELIVER_RESP", sgip::Pdu::DeliverResp(sgip_pdu::Resp::new(0))),
        ])
    }
}

/// China Telecom's.
pub(crate) struct Smgp;

impl Protocol for Smgp {
    type Client = smgp::Client;
    type Server = smgp::Server;

    const NAME: &'static str = "SMGP 3.0";

    fn client() -> Result<smgp::Client> {
        Ok(smgp::Client::new(smgp::ClientSettings {
            client_id: FixedStr::new("10000001")?,
            secret: secret(),
            mode: smgp_pdu::LoginMode::Both,
            version: smgp::Version::V3,
            server_check: smgp::ServerCheck::Required,
            first_sequence: 1,
        }))
    }

    fn server() -> Result<smgp::Server> {
        Ok(smgp::Server::new(smgp::ServerSettings {
            max_version: smgp::Version::V3,
            on_higher_version: smgp::HigherVersion::AnswerOwn,
        }))
    }

    fn verdict() -> smgp::Verdict {
        smgp::Verdict::Check(secret())
    }

    fn submit() -> Result<smgp::Pdu> {
        Ok(smgp::Pdu::Submit(smgp_pdu::Submit {
            msg_type: 6,
            need_report: 1,
            service_id: FixedStr::new("HELP")?,
            fee_type: FixedStr::new("00")?,
            msg_format: 8,
            src_term_id: FixedStr::new("10659001")?,
            recipients: smgp_pdu::Recipients::one(&number()?).context("fits")?,
            content: text(),
            ..smgp_pdu::Submit::default()
        }))
    }

    fn accepted() -> Result<smgp::Pdu> {
        Ok(smgp::Pdu::SubmitResp(smgp_pdu::SubmitResp::default()))
    }

    fn others() -> Result<Vec<(&'static str, smgp::Pdu)>> {
        let uplink = smgp_pdu::Deliver {
            msg_format: 8,
            src_term_id: number()?,
            dest_term_id: FixedStr::new("10659001")?,
            content: text(),
            ..smgp_pdu::Deliver::default()
        };
        let report = smgp::report::Report {
            stat: FixedStr::new("DELIVRD")?,
            ..smgp::report::Report::default()
        };
        let report = smgp_pdu::Deliver {
            is_report: 1,
            content: report.encode(),
            ..uplink.clone()
        };
        Ok(vec![
            ("Deliver", smgp::Pdu::Deliver(uplink)),
            ("report", smgp::Pdu::Deliver(report)),
            (
                "Deliver_Resp",
                smgp::Pdu::DeliverResp(smgp_pdu::DeliverResp::default()),
            ),
        ])
    }
}

/// Of everybody else.
pub(crate) struct Smpp;

fn address(number: &str) -> Result<smpp_pdu::Address> {
    Ok(smpp_pdu::Address {
        ton: 1,
        npi: 1,
        number: smpp::CText::new(number)?,
    })
}

impl Protocol for Smpp {
    type Client = smpp::dialect::Esme;
    type Server = smpp::dialect::Smsc;

    const NAME: &'static str = "SMPP 3.4";

    fn client() -> Result<smpp::dialect::Esme> {
        let bind = smpp_pdu::Bind {
            mode: smpp_pdu::BindMode::Transceiver,
            system_id: smpp::CText::new("hongyan")?,
            password: smpp_pdu::Password::new(&secret())?,
            system_type: smpp::CText::default(),
            interface_version: 0x34,
            addr_ton: 0,
            addr_npi: 0,
            address_range: smpp::CText::default(),
        };
        Ok(smpp::dialect::Esme::new(bind, 1))
    }

    fn server() -> Result<smpp::dialect::Smsc> {
        Ok(smpp::dialect::Smsc::new(smpp::CText::new("smsc")?, 1))
    }

    fn verdict() -> smpp::dialect::LoginVerdict {
        smpp::dialect::LoginVerdict::Check(secret())
    }

    fn submit() -> Result<smpp::Pdu> {
        Ok(smpp::Pdu::SubmitSm(smpp_pdu::Message {
            source: address("10659001")?,
            destination: address("8613800138000")?,
            body: smpp_pdu::MessageBody {
                registered_delivery: 1,
                data_coding: 8,
                short_message: text(),
                ..smpp_pdu::MessageBody::default()
            },
            ..smpp_pdu::Message::default()
        }))
    }

    fn accepted() -> Result<smpp::Pdu> {
        let id = smpp::CText::new("38601fa")?;
        let resp = smpp_pdu::MessageResp::with_id(smpp::Status::ROK, id);
        Ok(smpp::Pdu::SubmitSmResp(resp))
    }

    fn others() -> Result<Vec<(&'static str, smpp::Pdu)>> {
        let message = |esm_class: u8, content: Content| -> Result<smpp::Pdu> {
            Ok(smpp::Pdu::DeliverSm(smpp_pdu::Message {
                source: address("8613800138000")?,
                destination: address("10659001")?,
                body: smpp_pdu::MessageBody {
                    esm_class,
                    short_message: content,
                    ..smpp_pdu::MessageBody::default()
                },
                ..smpp_pdu::Message::default()
            }))
        };
        let receipt = Bytes::from_static(
            b"id:0059113978 sub:001 dlvrd:001 submit date:1511120955 done date:1511120957 stat:DELIVRD err:000 text:",
        );
        let taken = smpp_pdu::MessageResp::with_id(smpp::Status::ROK, smpp::CText::default());
        Ok(vec![
            ("deliver_sm", message(0, text())?),
            ("receipt", message(4, Content::new(receipt))?),
            ("deliver_sm_resp", smpp::Pdu::DeliverSmResp(taken)),
        ])
    }
}
