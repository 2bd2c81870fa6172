//! What leaves, and what its answers and receipts tell.

use hongyan_carrier_wire::smpp::{
    Pdu, Status,
    pdu::{MessageId, MessageResp},
};
use hongyan_catalog::{Link, LongMessages, Smpp, SubmitCoding};
use hongyan_domain::MessageClass::{Notice, Otp};

use crate::{
    centre::{Centre, address, declare, refused, settings, submits, text_of},
    support::{PHONE, World, peer::Peer, private::eventually},
};

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
