//! SMGP.

use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::concat::Udh;
use hongyan_carrier_wire::field::{FixedStr, TerminalId};
use hongyan_carrier_wire::login::{Secret, Timestamp};
use hongyan_carrier_wire::smgp::pdu::{
    Deliver, DeliverResp, LoginMode, LoginResp, MAX_RECIPIENTS, Query, QueryResp, Recipients, Submit,
    SubmitResp, has_udh,
};
use hongyan_carrier_wire::smgp::report::Report;
use hongyan_carrier_wire::smgp::tlv::Tlvs;
use hongyan_carrier_wire::smgp::{
    Client, ClientSettings, FRAME_LIMITS, HigherVersion, MsgId, Packet, Pdu, Server, ServerCheck,
    ServerSettings, Verdict, Version, auth, codec, decode, encode,
};

use super::frames::each_frame;
use super::session::{Side, story};

/// Any octets: framed, read in both layouts, looked into and, whatever could be read, written back the same.
pub(crate) fn decoding(octets: &[u8]) {
    each_frame(octets, FRAME_LIMITS, check);
}

/// Any octets as the body of a status report: read or refused, and what the document's form can say survives it.
pub(crate) fn reports(octets: &[u8]) {
    check_report(octets);
    let mut body = b"id:".to_vec();
    body.extend_from_slice(octets);
    check_report(&body);
}

/// Any events against both sides.
pub(crate) fn sessions(octets: &[u8]) {
    story::<OfClient>(octets);
    story::<OfServer>(octets);
}

fn look_inside(tlvs: &Tlvs, content: &[u8]) {
    let octets: usize = tlvs.iter().map(|tlv| 4 + tlv.value().len()).sum();
    assert_eq!(octets, tlvs.len(), "all of them are gone through");
    let mut built = Tlvs::new();
    for tlv in tlvs {
        built.push(tlv).expect("what was read can be built");
    }
    assert_eq!(&built, tlvs);
    if tlvs.tp_udhi().is_some_and(has_udh)
        && let Ok(udh) = Udh::parse(content)
    {
        assert!(udh.text(content).len() < content.len());
    }
    let _ = Report::decode(content);
}

fn check(frame: &Bytes) {
    for version in [Version::V1, Version::V3] {
        let Ok(Packet { sequence, pdu }) = decode(version, frame) else {
            continue;
        };
        match &pdu {
            Pdu::Submit(submit) => {
                assert!((1..=MAX_RECIPIENTS).contains(&submit.recipients.count()));
                assert_eq!(submit.recipients.iter().count(), submit.recipients.count());
                look_inside(&submit.tlvs, submit.content.as_slice());
            }
            Pdu::Deliver(deliver) => look_inside(&deliver.tlvs, deliver.content.as_slice()),
            Pdu::SubmitResp(resp) => assert_eq!(resp.msg_id.to_string().len(), 20),
            _ => {}
        }
        assert_eq!(codec::encoded_len(version, &pdu), frame.len());
        let mut out = BytesMut::new();
        encode(version, sequence, &pdu, &mut out).expect("what was read can be written");
        assert_eq!(out, frame);
    }
}

fn check_report(body: &[u8]) {
    let Ok(report) = Report::decode(body) else {
        return;
    };
    assert_eq!(
        body.get(3..13),
        Some(&report.msg_id.0[..]),
        "the id is taken by its place"
    );
    assert!(report.stat_text().len() <= 7 && report.err_text().len() <= 3);
    let written = report.encode();
    assert_eq!(written.len(), Report::BODY_LEN);
    let again = Report::decode(written.as_slice()).expect("the document's form can be read");
    assert_eq!(again.msg_id, report.msg_id);
    // A value with a colon may look like a key where it now stands.
    let values = [
        report.sub.wire().as_slice(),
        report.dlvrd.wire(),
        report.submit_date.wire(),
        report.done_date.wire(),
        report.stat.wire(),
        report.err.wire(),
    ];
    if !values.concat().contains(&b':') {
        assert_eq!(again, report);
    }
}

fn account() -> FixedStr<8> {
    FixedStr::new("10000001").expect("it fits")
}

fn secret() -> Secret {
    Secret::new("12345678")
}

const fn version(variant: u8) -> Version {
    if variant & 1 == 0 {
        Version::V3
    } else {
        Version::V1
    }
}

const fn mode(variant: u8) -> LoginMode {
    match variant >> 1 & 3 {
        0 => LoginMode::Send,
        1 => LoginMode::Receive,
        _ => LoginMode::Both,
    }
}

fn submit() -> Pdu {
    let number = TerminalId::new("13300138000").expect("eleven digits fit");
    Pdu::Submit(Submit {
        recipients: Recipients::one(&number).expect("it fits"),
        ..Submit::default()
    })
}

fn deliver(last: u8) -> Pdu {
    let mut msg_id = MsgId::default();
    msg_id.0[9] = last;
    Pdu::Deliver(Deliver {
        msg_id,
        ..Deliver::default()
    })
}

/// Every kind of PDU.
fn heard() -> Vec<Pdu> {
    let msg_id = MsgId::default();
    let login = auth::login(
        account(),
        &secret(),
        LoginMode::Both,
        Version::V3,
        Timestamp::default(),
    );
    vec![
        submit(),
        deliver(1),
        deliver(2),
        Pdu::SubmitResp(SubmitResp { msg_id, status: 0 }),
        Pdu::SubmitResp(SubmitResp { msg_id, status: 1 }),
        Pdu::DeliverResp(DeliverResp { msg_id, status: 0 }),
        Pdu::Query(Query::default()),
        Pdu::QueryResp(QueryResp::default()),
        Pdu::ActiveTest,
        Pdu::ActiveTestResp,
        Pdu::Exit,
        Pdu::ExitResp,
        Pdu::Login(login),
        Pdu::Unknown {
            command: 8,
            body: Bytes::new().into(),
        },
    ]
}

fn answer(to: &Pdu) -> Option<Pdu> {
    match to {
        Pdu::Submit(_) => Some(Pdu::SubmitResp(SubmitResp::default())),
        Pdu::Deliver(deliver) => Some(Pdu::DeliverResp(DeliverResp {
            msg_id: deliver.msg_id,
            status: 0,
        })),
        Pdu::Query(_) => Some(Pdu::QueryResp(QueryResp::default())),
        _ => None,
    }
}

struct OfClient;

impl Side for OfClient {
    type Dialect = Client;

    fn dialect(variant: u8) -> Client {
        Client::new(ClientSettings {
            client_id: account(),
            secret: secret(),
            mode: mode(variant),
            version: version(variant),
            server_check: ServerCheck::Required,
            first_sequence: 0,
        })
    }

    fn welcome(_variant: u8, dialect: &Client, said: Option<&Pdu>) -> Pdu {
        let client = match said {
            Some(Pdu::Login(login)) => login.authenticator_client,
            _ => [0; 16],
        };
        Pdu::LoginResp(LoginResp {
            status: 0,
            authenticator_server: auth::authenticator_server(0, &client, &secret()),
            server_version: dialect.version().octet(),
        })
    }

    fn verdict() -> Option<std::convert::Infallible> {
        None
    }

    fn requests() -> Vec<Pdu> {
        vec![submit(), Pdu::Query(Query::default())]
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
        let mode = LoginMode::Both;
        let timestamp = Timestamp::default();
        Pdu::Login(auth::login(
            account(),
            &secret(),
            mode,
            dialect.version(),
            timestamp,
        ))
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
