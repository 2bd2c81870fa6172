//! What a centre delivers, and over which login.

use std::sync::Arc;

use hongyan_carrier_wire::{
    concat::{Reference, Udh, split},
    field::Content,
    smpp::{
        Pdu, Status,
        pdu::{BindMode, Message, MessageBody},
        tlv::{Tag, Tlvs},
    },
    text::Coding,
};
use hongyan_catalog::{Bind, Link, Smpp};
use hongyan_domain::MessageClass::Notice;

use crate::{
    centre::{Centre, address, declare, receipt, settings},
    support::{PHONE, World, peer::Peer, private::eventually},
};

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
