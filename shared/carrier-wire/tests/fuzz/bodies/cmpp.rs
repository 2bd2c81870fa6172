//! CMPP.

use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::cmpp::auth::{self, Secret, Timestamp};
use hongyan_carrier_wire::cmpp::pdu::{
    ActiveTestResp, Cancel, CancelResp, ConnectResp, Deliver, DeliverResp, Query, QueryResp, Recipients,
    Submit, SubmitResp, has_udh,
};
use hongyan_carrier_wire::cmpp::report::Report;
use hongyan_carrier_wire::cmpp::{
    Client, ClientSettings, FRAME_LIMITS, HigherVersion, IsmgCheck, MsgId, Packet, Pdu, Server,
    ServerSettings, Verdict, Version, codec, decode, encode,
};
use hongyan_carrier_wire::concat::Udh;
use hongyan_carrier_wire::field::{FixedStr, TerminalId};
use hongyan_carrier_wire::text::Coding;

use super::frames::each_frame;
use super::session::{Side, story};

/// Any octets: framed, read, looked into and, whatever could be read, written back the same.
pub(crate) fn decoding(octets: &[u8]) {
    each_frame(octets, FRAME_LIMITS, check);
}

/// Any events against both sides.
pub(crate) fn sessions(octets: &[u8]) {
    story::<OfClient>(octets);
    story::<OfServer>(octets);
}

fn check(frame: &Bytes) {
    for version in [Version::V2, Version::V3] {
        let Ok(Packet { sequence, pdu }) = decode(version, frame) else {
            continue;
        };
        match &pdu {
            Pdu::Submit(submit) => {
                assert_eq!(submit.recipients.iter().count(), submit.recipients.count());
                look_inside(submit.tp_udhi, submit.msg_fmt, submit.content.as_slice());
            }
            Pdu::Deliver(deliver) => {
                look_inside(deliver.tp_udhi, deliver.msg_fmt, deliver.content.as_slice());
            }
            _ => {}
        }
        assert_eq!(codec::encoded_len(version, &pdu), frame.len());
        let mut out = BytesMut::new();
        encode(version, sequence, &pdu, &mut out).expect("what was read can be written");
        assert_eq!(out, frame);
    }
}

fn look_inside(udhi: u8, msg_fmt: u8, content: &[u8]) {
    let udh = if has_udh(udhi) {
        Udh::parse(content).ok()
    } else {
        None
    };
    let text = udh.map_or(content, |udh| udh.text(content));
    let _ = Coding::of_msg_fmt(msg_fmt).decode(text);
    if let Ok(report) = Report::decode(content) {
        assert_eq!(report.encode().as_slice(), content);
        assert!(report.stat_text().len() <= 7);
    }
}

fn account() -> FixedStr<6> {
    FixedStr::from_wire(*b"900001")
}

fn secret() -> Secret {
    Secret::new("888888")
}

fn version(variant: u8) -> Version {
    if variant & 1 == 0 {
        Version::V3
    } else {
        Version::V2
    }
}

fn submit() -> Pdu {
    let number = TerminalId::new("13800138000").expect("eleven digits fit");
    Pdu::Submit(Submit {
        recipients: Recipients::one(number),
        ..Submit::default()
    })
}

fn deliver(msg_id: u64) -> Pdu {
    Pdu::Deliver(Deliver {
        msg_id: MsgId(msg_id),
        ..Deliver::default()
    })
}

/// Every kind of PDU.
fn heard() -> Vec<Pdu> {
    let msg_id = MsgId(1);
    vec![
        submit(),
        deliver(1),
        deliver(2),
        Pdu::SubmitResp(SubmitResp { msg_id, result: 0 }),
        Pdu::DeliverResp(DeliverResp { msg_id, result: 0 }),
        Pdu::SubmitResp(SubmitResp { msg_id, result: 8 }),
        Pdu::Query(Query::default()),
        Pdu::QueryResp(QueryResp::default()),
        Pdu::Cancel(Cancel { msg_id }),
        Pdu::CancelResp(CancelResp { success_id: 0 }),
        Pdu::ActiveTest,
        Pdu::ActiveTestResp(ActiveTestResp { reserved: None }),
        Pdu::Terminate,
        Pdu::TerminateResp,
        Pdu::Connect(auth::connect(
            account(),
            &secret(),
            Version::V3,
            Timestamp::default(),
        )),
        Pdu::Unknown {
            command: 9,
            body: Bytes::new().into(),
        },
    ]
}

fn answer(to: &Pdu) -> Option<Pdu> {
    match to {
        Pdu::Submit(_) => Some(Pdu::SubmitResp(SubmitResp::default())),
        Pdu::Deliver(deliver) => Some(Pdu::DeliverResp(DeliverResp {
            msg_id: deliver.msg_id,
            result: 0x1_0000,
        })),
        Pdu::Query(_) => Some(Pdu::QueryResp(QueryResp::default())),
        Pdu::Cancel(_) => Some(Pdu::CancelResp(CancelResp::default())),
        _ => None,
    }
}

struct OfClient;

impl Side for OfClient {
    type Dialect = Client;

    fn dialect(variant: u8) -> Client {
        Client::new(ClientSettings {
            source_addr: account(),
            secret: secret(),
            version: version(variant),
            ismg_check: IsmgCheck::Required,
            first_sequence: 0,
        })
    }

    fn welcome(_variant: u8, dialect: &Client, said: Option<&Pdu>) -> Pdu {
        let source = match said {
            Some(Pdu::Connect(connect)) => connect.authenticator_source,
            _ => [0; 16],
        };
        let layout = dialect.version();
        Pdu::ConnectResp(ConnectResp {
            layout,
            status: 0,
            authenticator_ismg: auth::authenticator_ismg(layout, 0, &source, &secret()),
            version: layout.octet(),
        })
    }

    fn verdict() -> Option<std::convert::Infallible> {
        None
    }

    fn requests() -> Vec<Pdu> {
        let cancel = Cancel { msg_id: MsgId(1) };
        vec![submit(), Pdu::Query(Query::default()), Pdu::Cancel(cancel)]
    }

    fn answer(to: &Pdu) -> Option<Pdu> {
        answer(to)
    }

    fn heard() -> Vec<Pdu> {
        heard()
    }

    fn sequence(number: u8) -> u32 {
        u32::from(number)
    }
}

struct OfServer;

impl Side for OfServer {
    type Dialect = Server;

    fn dialect(variant: u8) -> Server {
        Server::new(ServerSettings {
            max_version: version(variant),
            on_higher_version: if variant & 2 == 0 {
                HigherVersion::AnswerOwn
            } else {
                HigherVersion::Refuse
            },
        })
    }

    fn welcome(_variant: u8, dialect: &Server, _said: Option<&Pdu>) -> Pdu {
        let timestamp = Timestamp::default();
        Pdu::Connect(auth::connect(account(), &secret(), dialect.version(), timestamp))
    }

    fn verdict() -> Option<Verdict> {
        Some(Verdict::Check(secret()))
    }

    fn requests() -> Vec<Pdu> {
        vec![deliver(1), deliver(2)]
    }

    fn answer(to: &Pdu) -> Option<Pdu> {
        answer(to)
    }

    fn heard() -> Vec<Pdu> {
        heard()
    }

    fn sequence(number: u8) -> u32 {
        u32::from(number)
    }
}
