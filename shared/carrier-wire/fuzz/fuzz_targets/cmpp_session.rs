//! Any events in any order against both ends of a session. Every message sent gets its outcome, once unless the answer
//! is late, and whatever goes out is whole PDUs.
#![no_main]

use std::collections::HashMap;

use arbitrary::Arbitrary;
use bytes::BytesMut;
use hongyan_carrier_wire::cmpp::auth::{self, Secret, Timestamp};
use hongyan_carrier_wire::cmpp::pdu::{
    ActiveTestResp, ConnectResp, Deliver, DeliverResp, Recipients, Submit, SubmitResp,
};
use hongyan_carrier_wire::cmpp::session::client::{self, ClientSession, ClientSettings, IsmgCheck};
use hongyan_carrier_wire::cmpp::session::server::{
    self, HigherVersion, LoginAnswer, ServerSession, ServerSettings,
};
use hongyan_carrier_wire::cmpp::session::{Actions, SessionLimits};
use hongyan_carrier_wire::cmpp::{FRAME_LIMITS, MsgId, Pdu, Version, decode, encode};
use hongyan_carrier_wire::field::{FixedStr, TerminalId};
use hongyan_carrier_wire::frame::next_frame;
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Story {
    old: bool,
    login: bool,
    small: bool,
    steps: Vec<Step>,
}

#[derive(Debug, Arbitrary)]
enum Step {
    Octets(Vec<u8>),
    Peer(PeerPdu, u8),
    Send,
    Answer { sequence: u8, msg_id: u8, result: u32 },
    Wait(u16),
    Terminate,
    Disconnected,
}

#[derive(Debug, Arbitrary)]
enum PeerPdu {
    Connect,
    SubmitResp(u32),
    DeliverResp(u32),
    Submit,
    Deliver(u8),
    ActiveTest,
    ActiveTestResp(Option<u8>),
    Terminate,
    TerminateResp,
    Unknown(u32),
}

impl PeerPdu {
    fn pdu(&self) -> Pdu {
        match self {
            Self::Connect => Pdu::Connect(auth::connect(
                account(),
                &secret(),
                Version::V3,
                Timestamp::from_wire(1),
            )),
            Self::SubmitResp(result) => Pdu::SubmitResp(SubmitResp {
                msg_id: MsgId(1),
                result: *result,
            }),
            Self::DeliverResp(result) => Pdu::DeliverResp(DeliverResp {
                msg_id: MsgId(1),
                result: *result,
            }),
            Self::Submit => Pdu::Submit(Box::new(message())),
            Self::Deliver(id) => Pdu::Deliver(Box::new(Deliver {
                msg_id: MsgId(u64::from(*id)),
                ..Deliver::default()
            })),
            Self::ActiveTest => Pdu::ActiveTest,
            Self::ActiveTestResp(reserved) => Pdu::ActiveTestResp(ActiveTestResp { reserved: *reserved }),
            Self::Terminate => Pdu::Terminate,
            Self::TerminateResp => Pdu::TerminateResp,
            Self::Unknown(command) => Pdu::Unknown {
                command: *command,
                body: bytes::Bytes::new(),
            },
        }
    }
}

fn account() -> FixedStr<6> {
    FixedStr::from_wire(*b"900001")
}

fn secret() -> Secret {
    Secret::new("888888")
}

fn message() -> Submit {
    let number = TerminalId::new("13800138000").expect("eleven digits fit");
    Submit {
        recipients: Recipients::one(number),
        ..Submit::default()
    }
}

fn limits(small: bool) -> SessionLimits {
    let defaults = SessionLimits::default();
    if small {
        SessionLimits {
            window: 2,
            max_unanswered_inbound: 2,
            max_oddities_per_minute: 3,
            ..defaults
        }
    } else {
        defaults
    }
}

fn check_output(version: Version, send: &mut BytesMut) {
    while let Some(frame) = next_frame(send, FRAME_LIMITS).expect("what goes out is framed") {
        decode(version, &frame).expect("what goes out can be read");
    }
    assert!(send.is_empty());
}

fn of_client(story: &Story) {
    let version = if story.old { Version::V2 } else { Version::V3 };
    let settings = ClientSettings {
        source_addr: account(),
        secret: secret(),
        version,
        ismg_check: IsmgCheck::Required,
        limits: limits(story.small),
        first_sequence: 0,
    };
    let mut session = ClientSession::new(settings).expect("the limits are allowed");
    let mut actions = Actions::default();
    session.on(
        client::Event::Connected {
            timestamp: Timestamp::from_wire(1),
        },
        0,
        &mut actions,
    );
    let mut input = BytesMut::new();
    if story.login {
        let source = auth::authenticator_source(&account(), &secret(), Timestamp::from_wire(1));
        let resp = ConnectResp {
            layout: version,
            status: 0,
            authenticator_ismg: auth::authenticator_ismg(version, 0, &source, &secret()),
            version: version.octet(),
        };
        encode(version, 0, &Pdu::ConnectResp(resp), &mut input).expect("fits");
    }
    let (mut now_ms, mut token) = (0u64, 0u64);
    // Outcomes of each message: those in time, and late ones.
    let mut outcomes: HashMap<u64, (u32, u32)> = HashMap::new();
    let end = [Step::Disconnected];
    for step in story.steps.iter().chain(&end) {
        match step {
            Step::Octets(octets) => input.extend_from_slice(octets),
            Step::Peer(pdu, sequence) => {
                let _ = encode(session.version(), u32::from(*sequence), &pdu.pdu(), &mut input);
            }
            Step::Send => {
                outcomes.insert(token, (0, 0));
                session.on(
                    client::Event::Submit {
                        token,
                        submit: &message(),
                    },
                    now_ms,
                    &mut actions,
                );
                token += 1;
            }
            Step::Answer {
                sequence,
                msg_id,
                result,
            } => {
                let (sequence, msg_id) = (u32::from(*sequence), MsgId(u64::from(*msg_id)));
                session.on(
                    client::Event::DeliverAnswered {
                        sequence,
                        msg_id,
                        result: *result,
                    },
                    now_ms,
                    &mut actions,
                );
            }
            Step::Wait(ms) => {
                now_ms += u64::from(*ms);
                session.on(client::Event::Tick, now_ms, &mut actions);
            }
            Step::Terminate => session.on(client::Event::Terminate, now_ms, &mut actions),
            Step::Disconnected => session.on(client::Event::Disconnected, now_ms, &mut actions),
        }
        session.on(client::Event::Received(&mut input), now_ms, &mut actions);
        assert!(
            actions.deadline_ms.is_none() || actions.close.is_none(),
            "nothing is due after the end"
        );
        check_output(session.version(), &mut actions.send);
        for up in actions.up.drain(..) {
            if let client::Up::SubmitOutcome { token, late, .. } = up {
                let (in_time, corrected) = outcomes.get_mut(&token).expect("a token that was given");
                if late { *corrected += 1 } else { *in_time += 1 }
            }
        }
    }
    for (in_time, corrected) in outcomes.values() {
        assert_eq!(*in_time, 1, "each message has one outcome");
        assert!(*corrected <= 1);
    }
}

fn of_server(story: &Story) {
    let max_version = if story.old { Version::V2 } else { Version::V3 };
    let on_higher_version = if story.small {
        HigherVersion::Refuse
    } else {
        HigherVersion::AnswerOwn
    };
    let settings = ServerSettings {
        max_version,
        on_higher_version,
        limits: limits(story.small),
    };
    let mut session = ServerSession::new(settings).expect("the limits are allowed");
    let mut actions = Actions::default();
    session.on(server::Event::Accepted, 0, &mut actions);
    let mut input = BytesMut::new();
    if story.login {
        let connect = auth::connect(account(), &secret(), max_version, Timestamp::from_wire(1));
        encode(max_version, 0, &Pdu::Connect(connect), &mut input).expect("fits");
    }
    let (mut now_ms, mut token) = (0u64, 0u64);
    let mut outcomes: HashMap<u64, u32> = HashMap::new();
    let end = [Step::Disconnected];
    for step in story.steps.iter().chain(&end) {
        match step {
            Step::Octets(octets) => input.extend_from_slice(octets),
            Step::Peer(pdu, sequence) => {
                let _ = encode(session.version(), u32::from(*sequence), &pdu.pdu(), &mut input);
            }
            Step::Send => {
                outcomes.insert(token, 0);
                session.on(
                    server::Event::Deliver {
                        token,
                        deliver: &Deliver::default(),
                    },
                    now_ms,
                    &mut actions,
                );
                token += 1;
            }
            Step::Answer {
                sequence,
                msg_id,
                result,
            } => {
                let (sequence, msg_id) = (u32::from(*sequence), MsgId(u64::from(*msg_id)));
                session.on(
                    server::Event::SubmitAnswered {
                        sequence,
                        msg_id,
                        result: *result,
                    },
                    now_ms,
                    &mut actions,
                );
            }
            Step::Wait(ms) => {
                now_ms += u64::from(*ms);
                session.on(server::Event::Tick, now_ms, &mut actions);
            }
            Step::Terminate => session.on(server::Event::Terminate, now_ms, &mut actions),
            Step::Disconnected => session.on(server::Event::Disconnected, now_ms, &mut actions),
        }
        session.on(server::Event::Received(&mut input), now_ms, &mut actions);
        let told = std::mem::take(&mut actions.up);
        for up in told {
            match up {
                server::Up::LoginRequested(_) => {
                    session.on(
                        server::Event::LoginAnswered(LoginAnswer::Check(&secret())),
                        now_ms,
                        &mut actions,
                    );
                    session.on(server::Event::Received(&mut input), now_ms, &mut actions);
                }
                server::Up::DeliverOutcome { token, .. } => {
                    *outcomes.get_mut(&token).expect("a token that was given") += 1;
                }
                _ => {}
            }
        }
        check_output(session.version(), &mut actions.send);
    }
    session.on(server::Event::Disconnected, now_ms, &mut actions);
    for up in actions.up.drain(..) {
        if let server::Up::DeliverOutcome { token, .. } = up {
            *outcomes.get_mut(&token).expect("a token that was given") += 1;
        }
    }
    // A late answer comes second.
    assert!(outcomes.values().all(|count| (1..=2).contains(count)));
}

fuzz_target!(|story: Story| {
    of_client(&story);
    of_server(&story);
});
