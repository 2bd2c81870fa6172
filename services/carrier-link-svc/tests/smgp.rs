//! A link to China Telecom: from the queue to the wire and back, against a gateway that speaks SMGP.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod support;

use std::sync::atomic::{AtomicU32, Ordering};

use hongyan_carrier_wire::{
    concat::{Reference, Udh, split},
    field::{Content, FixedStr, TerminalId},
    login::Secret,
    smgp::{
        HigherVersion, MsgId, Pdu, Server, ServerSettings, Verdict, Version,
        pdu::{Deliver, DeliverResp, Login, LoginMode, Submit, SubmitResp},
        report::Report,
        tlv::{Tlv, Tlvs},
    },
    text::{Coding, Decoded},
};
use hongyan_catalog::{Link, Protocol, Smgp, SmgpVersion};
use hongyan_domain::MessageClass::{Notice, Otp};
use support::{
    PHONE, World,
    gateway::SECRET,
    peer::{Peer, Reaction, Script},
    private::eventually,
};

/// The gateway's answer to its n-th submit, from 1; its receipts say `stat`.
struct Telecom {
    version: Version,
    on_higher_version: HigherVersion,
    status: fn(u32) -> Option<u32>,
    receipt: Option<(&'static str, &'static str)>,
    count: AtomicU32,
}

impl Default for Telecom {
    fn default() -> Self {
        Self {
            version: Version::V3,
            on_higher_version: HigherVersion::AnswerOwn,
            status: |_| Some(0),
            receipt: None,
            count: AtomicU32::new(0),
        }
    }
}

/// The id that the gateway gives to its n-th submit: binary that is no BCD and no text.
fn msg_id(n: u32) -> MsgId {
    let [_, b, c, d] = n.to_be_bytes();
    MsgId([0x01, 0x20, 0xff, 0x00, b':', b' ', 0x0a, b, c, d])
}

impl Script for Telecom {
    type Dialect = Server;

    fn dialect(&self) -> Server {
        Server::new(ServerSettings {
            max_version: self.version,
            on_higher_version: self.on_higher_version,
        })
    }

    fn verdict(&self, login: Login) -> Verdict {
        assert_eq!(login.client_id.as_str(), Some("10000001"));
        assert_eq!(LoginMode::of_octet(login.login_mode), Some(LoginMode::Both));
        Verdict::Check(Secret::new(SECRET))
    }

    fn react(&self, request: &Pdu) -> Vec<Reaction<Pdu>> {
        let Pdu::Submit(submit) = request else {
            return Vec::new();
        };
        let n = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let Some(status) = (self.status)(n) else {
            return Vec::new();
        };
        let id = msg_id(n);
        let mut reactions = vec![Reaction::Answer(Pdu::SubmitResp(SubmitResp {
            msg_id: id,
            status,
        }))];
        if let (0, Some((stat, err))) = (status, self.receipt) {
            let report = Report {
                msg_id: id,
                stat: FixedStr::new(stat).unwrap(),
                err: FixedStr::new(err).unwrap(),
                ..Report::default()
            };
            reactions.push(Reaction::Ask(Pdu::Deliver(Deliver {
                msg_id: MsgId([0x77; 10]),
                is_report: 1,
                src_term_id: submit.recipients.first(),
                content: report.encode(),
                ..Deliver::default()
            })));
        }
        reactions
    }
}

fn declare(world: &World, gateway: &Peer<Telecom>, version: SmgpVersion) -> Link {
    Link {
        protocol: Protocol::Smgp(Smgp {
            version,
            msg_src: Some("10000001".to_owned()),
        }),
        account: "10000001".to_owned(),
        ..world.declare(gateway.address)
    }
}

fn submits(gateway: &Peer<Telecom>) -> Vec<Submit> {
    let requests = gateway.requests().into_iter();
    requests
        .filter_map(|request| match request {
            Pdu::Submit(submit) => Some(submit),
            _ => None,
        })
        .collect()
}

fn text_of(submit: &Submit) -> String {
    let content = submit.content.as_slice();
    let octets = if submit.tlvs.tp_udhi() == Some(1) {
        Udh::parse(content).unwrap().text(content)
    } else {
        content
    };
    match Coding::of_msg_fmt(submit.msg_format).decode(octets) {
        Decoded::Text { text, lossy: false } => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_long_message_leaves_in_parts_and_its_receipts_find_it() {
    for version in [SmgpVersion::V3_0, SmgpVersion::V1_3] {
        let world = World::new().await;
        let gateway = Peer::start(Telecom {
            receipt: Some(("DELIVRD", "000")),
            ..Telecom::default()
        })
        .await;
        let replica = world.run(&declare(&world, &gateway, version));
        let text = format!("{}{}", "一".repeat(67), "二".repeat(10));
        let id = world.queue(Notice, 1, &text).await;
        eventually("two segments and two receipts", || async {
            world.story(id).await.len() == 4
        })
        .await;
        let mut story = world.story(id).await;
        story.sort();
        assert_eq!(
            story,
            [
                "receipt 1 SMGP:DELIVRD",
                "receipt 2 SMGP:DELIVRD",
                "submitted 1 attempt 1",
                "submitted 2 attempt 1"
            ]
        );
        let parts = submits(&gateway);
        let joined: String = parts.iter().map(text_of).collect();
        assert_eq!(joined, text);
        for (number, part) in (1..).zip(&parts) {
            assert_eq!(part.recipients.first().as_str(), Some(PHONE));
            let told: Vec<_> = part.tlvs.iter().collect();
            assert_eq!(
                told,
                [
                    Tlv::TpUdhi(1),
                    Tlv::PkTotal(2),
                    Tlv::PkNumber(number),
                    Tlv::MsgSrc(FixedStr::new("10000001").unwrap())
                ]
            );
        }
        eventually("the receipts are answered", || async {
            gateway.answers().len() == 2
        })
        .await;
        for answer in gateway.answers() {
            let taken = DeliverResp {
                msg_id: MsgId([0x77; 10]),
                status: 0,
            };
            assert_eq!(answer, Pdu::DeliverResp(taken));
        }
        replica.drain().await;
    }
}

#[tokio::test]
async fn an_older_gateway_is_spoken_to_in_its_own_version() {
    for on_higher_version in [HigherVersion::AnswerOwn, HigherVersion::Refuse] {
        let world = World::new().await;
        let gateway = Peer::start(Telecom {
            version: Version::V1,
            on_higher_version,
            ..Telecom::default()
        })
        .await;
        let replica = world.run(&declare(&world, &gateway, SmgpVersion::V3_0));
        let id = world.queue(Notice, 1, "【鸿雁】缴费成功").await;
        eventually("submitted", || async {
            world.story(id).await == ["submitted 1 attempt 1"]
        })
        .await;
        // In the other layout the recipient would stand six octets further on.
        assert_eq!(submits(&gateway)[0].recipients.first().as_str(), Some(PHONE));
        assert_eq!(gateway.logins(), 1);
        replica.drain().await;
    }
}

#[tokio::test]
async fn refusals_slow_down_or_end_it() {
    let world = World::new().await;
    let gateway = Peer::start(Telecom {
        status: |n| Some(if n == 1 { 1 } else { 75 }),
        ..Telecom::default()
    })
    .await;
    let replica = world.run(&declare(&world, &gateway, SmgpVersion::V3_0));
    let id = world.queue(Notice, 1, "缴费成功").await;
    // Busy: tried again; then the day's quota is used up: for good.
    eventually("refused", || async {
        world.story(id).await == ["refused 1 SMGP:75"]
    })
    .await;
    assert_eq!(submits(&gateway).len(), 2);
    replica.drain().await;
}

#[tokio::test]
async fn a_code_without_an_answer_is_not_sent_again() {
    let world = World::new().await;
    let gateway = Peer::start(Telecom {
        status: |_| None,
        ..Telecom::default()
    })
    .await;
    let link = Link {
        response_timeout: std::time::Duration::from_millis(300),
        submit_attempts: 3,
        ..declare(&world, &gateway, SmgpVersion::V3_0)
    };
    let replica = world.run(&link);
    let id = world.queue(Otp, 1, "验证码1234").await;
    eventually("uncertain", || async {
        world.story(id).await == ["uncertain 1 resend false"]
    })
    .await;
    assert_eq!(submits(&gateway).len(), 1);
    replica.drain().await;
}

#[tokio::test]
async fn uplinks_are_put_together_with_or_without_the_word_that_they_have_a_header() {
    let world = World::new().await;
    let gateway = Peer::start(Telecom::default()).await;
    let replica = world.run(&declare(&world, &gateway, SmgpVersion::V3_0));
    eventually("logged in", || async { gateway.logins() == 1 }).await;
    let whole = "长".repeat(100);
    let parts = split(&whole, Coding::Ucs2, Reference::Bits8(9), 6).unwrap();
    let mut flagged = Tlvs::new();
    flagged.push(Tlv::TpUdhi(0x40)).unwrap();
    let senders = [("18900000001", flagged), ("8618900000002", Tlvs::new())];
    for (sender, (from, tlvs)) in (1..).zip(senders) {
        for (n, part) in (1..).zip(&parts) {
            gateway.ask(Pdu::Deliver(Deliver {
                msg_id: MsgId([sender, n, 0, 0, 0, 0, 0, 0, 0, 0]),
                msg_format: 8,
                src_term_id: TerminalId::new(from).unwrap(),
                dest_term_id: FixedStr::new("1069012345").unwrap(),
                content: part.content.clone(),
                tlvs: tlvs.clone(),
                ..Deliver::default()
            }));
        }
    }
    eventually("two texts", || async { world.uplinks().await.len() == 2 }).await;
    for uplink in world.uplinks().await {
        assert_eq!(uplink.text, whole);
        assert!(!uplink.partial);
    }
    replica.drain().await;
}

#[tokio::test]
async fn a_report_that_cannot_be_read_is_refused_and_the_next_one_is_taken() {
    let world = World::new().await;
    let gateway = Peer::start(Telecom::default()).await;
    let replica = world.run(&declare(&world, &gateway, SmgpVersion::V3_0));
    eventually("logged in", || async { gateway.logins() == 1 }).await;
    for n in [1, 2] {
        gateway.ask(Pdu::Deliver(Deliver {
            msg_id: MsgId([n; 10]),
            is_report: 1,
            content: if n == 1 {
                Content::from(b"no report at all".to_vec())
            } else {
                Report {
                    stat: FixedStr::new("EXPIRED").unwrap(),
                    ..Report::default()
                }
                .encode()
            },
            src_term_id: TerminalId::new(PHONE).unwrap(),
            ..Deliver::default()
        }));
    }
    eventually("both are answered", || async { gateway.answers().len() == 2 }).await;
    let statuses: Vec<u32> = gateway
        .answers()
        .into_iter()
        .map(|answer| match answer {
            Pdu::DeliverResp(resp) => resp.status,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(statuses.contains(&10) && statuses.contains(&0), "{statuses:?}");
    assert_eq!(gateway.logins(), 1, "the session goes on");
    replica.drain().await;
}
