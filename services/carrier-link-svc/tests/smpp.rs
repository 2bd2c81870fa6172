//! A link that speaks SMPP: from the queue to the wire and back, against a message centre, with and without TLS.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod support;
#[path = "support/tls_front.rs"]
mod tls_front;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use hongyan_carrier_wire::{
    concat::{Reference, Udh, split},
    field::Content,
    login::Secret,
    smpp::{
        CText, Pdu, Status,
        dialect::{LoginVerdict, Smsc},
        pdu::{Address, Bind as WireBind, BindMode, Message, MessageBody, MessageId, MessageResp},
        receipt::Receipt,
        tlv::{Tag, Tlvs},
    },
    text::{Coding, Decoded},
};
use hongyan_catalog::{
    Alphabet, Bind, Link, LongMessages, Numbering, Protocol, ReceiptId, Smpp, SubmitCoding, Tls,
};
use hongyan_domain::MessageClass::{Notice, Otp};
use support::{
    PHONE, World,
    gateway::SECRET,
    peer::{Peer, Reaction, Script},
    private::eventually,
};
use tempfile::TempDir;
use tls_front::{Authority, Front, NAME};

/// The centre's answer to its n-th submit, from 1; its receipts say `stat`, with the id in decimal where the response
/// had it in hexadecimal.
struct Centre {
    answer: fn(u32) -> Option<Pdu>,
    stat: Option<&'static str>,
    count: AtomicU32,
    modes: Arc<Mutex<Vec<BindMode>>>,
}

impl Default for Centre {
    fn default() -> Self {
        Self {
            answer: taken,
            stat: None,
            count: AtomicU32::new(0),
            modes: Arc::default(),
        }
    }
}

/// The id that the centre gives to its n-th submit.
const fn id(n: u32) -> u32 {
    0x0386_01f0 + n
}

#[expect(clippy::unnecessary_wraps, reason = "silence is another answer")]
fn taken(n: u32) -> Option<Pdu> {
    let id = MessageId::new(format!("{:08X}", id(n))).unwrap();
    Some(Pdu::SubmitSmResp(MessageResp::with_id(Status::ROK, id)))
}

fn refused(status: Status) -> Pdu {
    Pdu::SubmitSmResp(MessageResp::without_body(status))
}

fn receipt(n: u32, stat: &str, phone: Address) -> Pdu {
    let receipt = Receipt {
        text_id: Some(CText::new(format!("{:010}", id(n))).unwrap()),
        text_stat: CText::new(stat).unwrap(),
        error: CText::new("000").unwrap(),
        submit_date: CText::new("2611220443").unwrap(),
        done_date: CText::new("2611220444").unwrap(),
        ..Receipt::default()
    };
    Pdu::DeliverSm(Message {
        source: phone,
        body: MessageBody {
            esm_class: 0x04,
            short_message: receipt.to_text(b""),
            // An octet too many, as some centres send it.
            tlvs: Tlvs::from_wire(bytes::Bytes::from_static(&[0])),
            ..MessageBody::default()
        },
        ..Message::default()
    })
}

impl Script for Centre {
    type Dialect = Smsc;

    fn dialect(&self) -> Smsc {
        Smsc::new(CText::new("centre").unwrap(), 1)
    }

    fn verdict(&self, login: WireBind) -> LoginVerdict {
        assert_eq!(login.system_id.as_bytes(), b"hongyan");
        assert_eq!(login.system_type.as_bytes(), b"VMA");
        self.modes.lock().unwrap().push(login.mode);
        LoginVerdict::Check(Secret::new(SECRET))
    }

    fn react(&self, request: &Pdu) -> Vec<Reaction<Pdu>> {
        let Pdu::SubmitSm(submit) = request else {
            return Vec::new();
        };
        let n = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let Some(answer) = (self.answer)(n) else {
            return Vec::new();
        };
        let is_taken = answer.status().is_ok();
        let mut reactions = vec![Reaction::Answer(answer)];
        if let Some(stat) = self.stat.filter(|_| is_taken) {
            reactions.push(Reaction::Ask(receipt(n, stat, submit.destination)));
        }
        reactions
    }
}

fn settings() -> Smpp {
    Smpp {
        system_type: "VMA".to_owned(),
        bind: Bind::Transceiver,
        source: Numbering { ton: 0, npi: 1 },
        destination: Numbering { ton: 1, npi: 1 },
        destination_prefix: "86".to_owned(),
        ucs2_data_coding: 8,
        default_alphabet: Alphabet::Gsm7,
        submit_coding: SubmitCoding::Ucs2,
        long_messages: LongMessages::Header,
        receipt_id: ReceiptId::Auto,
        tls: None,
    }
}

fn declare(world: &World, gateway: &Peer<Centre>, settings: Smpp) -> Link {
    Link {
        protocol: Protocol::Smpp(settings),
        account: "hongyan".to_owned(),
        service_id: String::new(),
        ..world.declare(gateway.address)
    }
}

fn submits(gateway: &Peer<Centre>) -> Vec<Message> {
    let requests = gateway.requests().into_iter();
    requests
        .filter_map(|request| match request {
            Pdu::SubmitSm(submit) => Some(submit),
            _ => None,
        })
        .collect()
}

fn text_of(submit: &Message) -> String {
    let content = submit.body.short_message.as_slice();
    let octets = if submit.body.has_udh() {
        Udh::parse(content).unwrap().text(content)
    } else {
        content
    };
    let coding = match submit.body.data_coding {
        8 => Coding::Ucs2,
        0 => Coding::Gsm7,
        other => panic!("data_coding {other}"),
    };
    match coding.decode(octets) {
        Decoded::Text { text, lossy: false } => text,
        other => panic!("{other:?}"),
    }
}

fn address(number: &str) -> Address {
    Address {
        ton: 1,
        npi: 1,
        number: CText::new(number).unwrap(),
    }
}

#[tokio::test]
async fn a_long_message_leaves_in_parts_and_its_receipts_find_it() {
    for long_messages in [LongMessages::Header, LongMessages::Sar] {
        let world = World::new().await;
        let gateway = Peer::start(Centre {
            stat: Some("DELIVRD"),
            ..Centre::default()
        })
        .await;
        let settings = Smpp {
            long_messages,
            ..settings()
        };
        let replica = world.run(&declare(&world, &gateway, settings));
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
                "receipt 1 SMPP:DELIVRD",
                "receipt 2 SMPP:DELIVRD",
                "submitted 1 attempt 1",
                "submitted 2 attempt 1"
            ]
        );
        let parts = submits(&gateway);
        let joined: String = parts.iter().map(text_of).collect();
        assert_eq!(joined, text);
        for part in &parts {
            assert_eq!(part.destination, address(&format!("86{PHONE}")));
            assert_eq!(part.body.sar().is_some(), long_messages == LongMessages::Sar);
            assert_eq!(part.body.registered_delivery, 1);
        }
        eventually("the receipts are answered", || async {
            gateway.answers().len() == 2
        })
        .await;
        let answer = Pdu::DeliverSmResp(MessageResp::with_id(Status::ROK, MessageId::EMPTY));
        assert_eq!(gateway.answers(), [answer.clone(), answer]);
        replica.drain().await;
    }
}

#[tokio::test]
async fn a_text_of_the_default_alphabet_leaves_in_it_where_that_is_declared() {
    let world = World::new().await;
    let gateway = Peer::start(Centre::default()).await;
    let settings = Smpp {
        submit_coding: SubmitCoding::Default,
        ..settings()
    };
    let replica = world.run(&declare(&world, &gateway, settings));
    world.queue(Notice, 1, "[Hongyan] Paid: 100.").await;
    world.queue(Notice, 2, "【鸿雁】Paid").await;
    eventually("two submits", || async { submits(&gateway).len() == 2 }).await;
    let mut sent: Vec<(u8, String)> = submits(&gateway)
        .iter()
        .map(|submit| (submit.body.data_coding, text_of(submit)))
        .collect();
    sent.sort();
    assert_eq!(
        sent,
        [
            (0, "[Hongyan] Paid: 100.".to_owned()),
            (8, "【鸿雁】Paid".to_owned())
        ]
    );
    replica.drain().await;
}

#[tokio::test]
async fn a_centre_that_is_throttled_gets_the_same_again_and_a_refusal_ends_it() {
    let world = World::new().await;
    let gateway = Peer::start(Centre {
        answer: |n| {
            Some(match n {
                1 => refused(Status::RTHROTTLED),
                2 => refused(Status::RMSGQFUL),
                _ => refused(Status::RSUBMITFAIL),
            })
        },
        ..Centre::default()
    })
    .await;
    let replica = world.run(&declare(&world, &gateway, settings()));
    let id = world.queue(Notice, 1, "缴费成功").await;
    eventually("refused", || async {
        world.story(id).await == ["refused 1 SMPP:0x45"]
    })
    .await;
    assert_eq!(submits(&gateway).len(), 3);
    replica.drain().await;
}

#[tokio::test]
async fn a_generic_nack_refuses_what_it_answers() {
    let world = World::new().await;
    let gateway = Peer::start(Centre {
        answer: |_| Some(Pdu::GenericNack(Status::RINVCMDID)),
        ..Centre::default()
    })
    .await;
    let replica = world.run(&declare(&world, &gateway, settings()));
    let id = world.queue(Notice, 1, "缴费成功").await;
    eventually("refused", || async {
        world.story(id).await == ["refused 1 SMPP:0x03"]
    })
    .await;
    replica.drain().await;
}

#[tokio::test]
async fn a_code_without_an_answer_is_not_sent_again() {
    let world = World::new().await;
    let gateway = Peer::start(Centre {
        answer: |_| None,
        ..Centre::default()
    })
    .await;
    let link = Link {
        response_timeout: std::time::Duration::from_millis(300),
        submit_attempts: 3,
        ..declare(&world, &gateway, settings())
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
async fn separate_logins_send_and_receive() {
    let world = World::new().await;
    let centre = Centre::default();
    let modes = Arc::clone(&centre.modes);
    let gateway = Peer::start(centre).await;
    let link = Link {
        connections: 2,
        ..declare(
            &world,
            &gateway,
            Smpp {
                bind: Bind::TransmitterAndReceiver,
                ..settings()
            },
        )
    };
    let replica = world.run(&link);
    eventually("both are logged in", || async { gateway.logins() == 2 }).await;
    let seen = modes.lock().unwrap().clone();
    assert!(seen.contains(&BindMode::Transmitter) && seen.contains(&BindMode::Receiver));
    // A submit over the receiver would be refused by the centre.
    let mut ids = Vec::new();
    for n in 1..=8 {
        ids.push(world.queue(Notice, n, "缴费成功").await);
    }
    for id in &ids {
        eventually("submitted", || async {
            world.story(*id).await == ["submitted 1 attempt 1"]
        })
        .await;
    }
    gateway.ask(receipt(1, "EXPIRED", address(&format!("86{PHONE}"))));
    eventually("a receipt of one of them", || async {
        let mut stories = 0;
        for id in &ids {
            stories += usize::from(
                world
                    .story(*id)
                    .await
                    .contains(&"receipt 1 SMPP:EXPIRED".to_owned()),
            );
        }
        stories == 1
    })
    .await;
    replica.drain().await;
}

#[tokio::test]
async fn long_uplinks_are_put_together_by_header_and_by_parameters() {
    let world = World::new().await;
    let gateway = Peer::start(Centre::default()).await;
    let replica = world.run(&declare(&world, &gateway, settings()));
    eventually("logged in", || async { gateway.logins() == 1 }).await;
    let whole = "长".repeat(100);
    let parts = split(&whole, Coding::Ucs2, Reference::Bits8(9), 6).unwrap();
    for (number, part) in (1..).zip(&parts) {
        let content = part.content.as_slice();
        let text = Udh::parse(content).unwrap().text(content).to_vec();
        let sar = Tlvs::builder()
            .u16(Tag::SAR_MSG_REF_NUM, 0x4321)
            .u8(Tag::SAR_TOTAL_SEGMENTS, 2)
            .u8(Tag::SAR_SEGMENT_SEQNUM, number)
            .build();
        for (from, esm_class, short_message, tlvs) in [
            ("8618900000001", 0x40, part.content.clone(), Tlvs::new()),
            ("18900000002", 0, Content::from(text), sar),
        ] {
            gateway.ask(Pdu::DeliverSm(Message {
                source: address(from),
                destination: address("1069012345"),
                body: MessageBody {
                    esm_class,
                    data_coding: 8,
                    short_message,
                    tlvs,
                    ..MessageBody::default()
                },
                ..Message::default()
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
async fn a_receipt_of_nothing_is_refused_and_the_session_goes_on() {
    let world = World::new().await;
    let gateway = Peer::start(Centre::default()).await;
    let replica = world.run(&declare(&world, &gateway, settings()));
    eventually("logged in", || async { gateway.logins() == 1 }).await;
    gateway.ask(Pdu::DeliverSm(Message {
        source: address(PHONE),
        body: MessageBody {
            esm_class: 0x04,
            short_message: Content::from(b"no receipt at all".to_vec()),
            ..MessageBody::default()
        },
        ..Message::default()
    }));
    gateway.ask(receipt(7, "DELIVRD", address(PHONE)));
    eventually("both are answered", || async { gateway.answers().len() == 2 }).await;
    let statuses: Vec<Status> = gateway.answers().iter().map(Pdu::status).collect();
    assert!(
        statuses.contains(&Status::RX_P_APPN) && statuses.contains(&Status::ROK),
        "{statuses:?}"
    );
    assert_eq!(gateway.logins(), 1);
    replica.drain().await;
}

#[tokio::test]
async fn tls_knows_the_carrier_and_is_known_and_its_files_rotate() {
    let world = World::new().await;
    let gateway = Peer::start(Centre {
        stat: Some("DELIVRD"),
        ..Centre::default()
    })
    .await;
    let (carrier, us) = (Authority::new(), Authority::new());
    let front = Front::start(gateway.address, &carrier, &us).await;
    let directory = TempDir::new().unwrap();
    let roots_file = directory.path().join("roots.pem");
    carrier.trust(&roots_file);
    let tls = Tls {
        roots_file: roots_file.clone(),
        server_name: NAME.to_owned(),
        client: Some(us.client(directory.path())),
    };
    let link = Link {
        port: front.address.port(),
        ..declare(
            &world,
            &gateway,
            Smpp {
                tls: Some(tls),
                ..settings()
            },
        )
    };
    let replica = world.run(&link);
    let first = world.queue(Notice, 1, "缴费成功").await;
    eventually("sent and delivered over TLS", || async {
        world.story(first).await.len() == 2
    })
    .await;

    // Both authorities change; the files do not know it yet.
    let (new_carrier, new_us) = (Authority::new(), Authority::new());
    front.change(&new_carrier, &new_us);
    let second = world.queue(Notice, 2, "缴费成功").await;
    eventually("a failure that is told", || async {
        let connections = replica.link.board.state().connections;
        connections
            .iter()
            .any(|connection| connection.last_error.contains("TLS"))
    })
    .await;
    assert_eq!(gateway.logins(), 1);
    assert!(world.story(second).await.is_empty());

    // The files are replaced in place; nothing is restarted.
    new_us.client(directory.path());
    new_carrier.trust(&roots_file);
    eventually("sent and delivered over the new TLS", || async {
        world.story(second).await.len() == 2
    })
    .await;
    assert_eq!(gateway.logins(), 2);
    replica.drain().await;
}

#[tokio::test]
async fn a_carrier_of_another_name_gets_no_password() {
    let world = World::new().await;
    let gateway = Peer::start(Centre::default()).await;
    let (carrier, us) = (Authority::new(), Authority::new());
    let front = Front::start(gateway.address, &carrier, &us).await;
    let directory = TempDir::new().unwrap();
    let roots_file = directory.path().join("roots.pem");
    carrier.trust(&roots_file);
    let tls = Tls {
        roots_file,
        server_name: "other.example".to_owned(),
        client: Some(us.client(directory.path())),
    };
    let link = Link {
        port: front.address.port(),
        ..declare(
            &world,
            &gateway,
            Smpp {
                tls: Some(tls),
                ..settings()
            },
        )
    };
    let replica = world.run(&link);
    eventually("a failure that is told", || async {
        let connections = replica.link.board.state().connections;
        connections
            .iter()
            .any(|connection| connection.last_error.contains("TLS"))
    })
    .await;
    assert_eq!(gateway.logins(), 0);
    replica.drain().await;
}
