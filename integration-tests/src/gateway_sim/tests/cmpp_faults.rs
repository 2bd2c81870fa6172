//! What goes wrong on demand.

use hongyan_carrier_wire::cmpp::report::Report;
use hongyan_carrier_wire::cmpp::{Client, Pdu, Version};
use hongyan_carrier_wire::session::{CloseReason, Uncertain, Up};

use super::client::{PATIENCE, Sent};
use super::cmpp::{connect, delivers, keep_alive, keep_alives_answered, log_in};
use super::gateway;
use super::speakers::{Speaker as _, cmpp_message as message, cmpp_settings as settings};
use crate::gateway_sim::{
    Answer, Code, ConnectionEffects, ConnectionRule, Cut, Damage, Effects, Faults, GatewaySim, ReceiptChange,
    ReceiptForm, ReceiptTime, Rule, Uplink,
};

const LOST: Sent = Sent::Uncertain(Uncertain::ConnectionLost);

fn rule(then: Effects) -> Faults {
    Faults {
        rules: vec![Rule {
            then,
            ..Rule::default()
        }],
        ..Faults::default()
    }
}

fn receipt(receipt: ReceiptChange) -> Faults {
    rule(Effects {
        receipt: Some(receipt),
        ..Effects::default()
    })
}

async fn logged_in(gateway: &GatewaySim) -> super::client::Client<Client> {
    log_in(gateway, Version::V3).await
}

#[tokio::test]
async fn any_code_for_the_next_n() {
    let gateway = gateway().await;
    let mut client = logged_in(&gateway).await;
    let next = Rule {
        next: Some(2),
        then: Effects {
            result: Some(Code::Number(13)),
            ..Effects::default()
        },
        ..Rule::default()
    };
    gateway.add_rule(next).unwrap();
    for expected in [13, 13] {
        assert_eq!(
            client.send("13800138000", "x").await,
            Sent::Refused { result: expected }
        );
    }
    assert!(matches!(
        client.send("13800138000", "x").await,
        Sent::Accepted { .. }
    ));
    let stats = gateway.stats();
    assert_eq!(stats.by_result.into_iter().collect::<Vec<_>>(), [(0, 1), (13, 2)]);
}

#[tokio::test]
async fn a_rate_above_the_limit_is_slowed_down() {
    let gateway = gateway().await;
    gateway
        .set_faults(Faults {
            throttle_per_second: Some(10),
            ..Faults::default()
        })
        .unwrap();
    let mut client = logged_in(&gateway).await;
    for token in 0..16 {
        client.submit(token, &Client::message("13800138000", "x"));
    }
    client.turn_until(|client| client.outcomes().len() == 16).await;
    let slowed = client
        .outcomes()
        .iter()
        .filter(|(_, outcome)| *outcome == Sent::Refused { result: 8 })
        .count();
    assert_eq!(slowed, 6);
}

#[tokio::test]
async fn answers_come_late_and_out_of_order() {
    let gateway = gateway().await;
    let mut client = logged_in(&gateway).await;
    let late = Rule {
        number: Some("13800138000".to_owned()),
        then: Effects {
            delay_ms: Some(30),
            ..Effects::default()
        },
        ..Rule::default()
    };
    gateway.add_rule(late).unwrap();
    client.submit(1, &Client::message("13800138000", "x"));
    client.submit(2, &Client::message("13900139000", "x"));
    client.turn_until(|client| client.outcomes().len() == 2).await;
    assert_eq!(
        client
            .outcomes()
            .iter()
            .map(|(token, _)| *token)
            .collect::<Vec<_>>(),
        [2, 1]
    );
}

#[tokio::test]
async fn the_connection_drops_before_or_after_the_answer() {
    let gateway = gateway().await;
    let mut client = logged_in(&gateway).await;
    gateway
        .set_faults(rule(Effects {
            cut: Some(Cut::BeforeAnswer),
            ..Effects::default()
        }))
        .unwrap();
    assert_eq!(client.send("13800138000", "x").await, LOST);
    assert_eq!(gateway.stats().accepted, 1, "it was taken all the same");

    let mut client = logged_in(&gateway).await;
    gateway
        .set_faults(rule(Effects {
            cut: Some(Cut::AfterAnswer),
            ..Effects::default()
        }))
        .unwrap();
    assert!(matches!(
        client.send("13800138000", "x").await,
        Sent::Accepted { .. }
    ));
    assert_eq!(client.turn_until_closed().await, CloseReason::ConnectionLost);
}

#[tokio::test]
async fn the_connection_drops_after_so_many_pdus() {
    let gateway = gateway().await;
    gateway
        .set_faults(Faults {
            drop_after_pdus: Some(3),
            ..Faults::default()
        })
        .unwrap();
    let mut client = logged_in(&gateway).await;
    for token in 0..8 {
        let unasked = hongyan_carrier_wire::cmpp::pdu::Submit {
            registered_delivery: 0,
            ..message("13800138000", "x")
        };
        client.submit(token, &Pdu::Submit(unasked));
    }
    client.turn_until_closed().await;
    let accepted = client
        .outcomes()
        .iter()
        .filter(|(_, outcome)| *outcome != LOST)
        .count();
    assert_eq!((accepted, gateway.stats().submits), (3, 3));
}

#[tokio::test]
async fn answers_may_be_missing_truncated_or_garbage() {
    let gateway = gateway().await;
    let answer = |answer| {
        rule(Effects {
            answer: Some(answer),
            ..Effects::default()
        })
    };
    gateway.set_faults(answer(Answer::Truncated)).unwrap();
    assert_eq!(logged_in(&gateway).await.send("13800138000", "x").await, LOST);
    gateway.set_faults(answer(Answer::Garbage)).unwrap();
    let mut client = logged_in(&gateway).await;
    assert_eq!(client.send("13800138000", "x").await, LOST);
    assert!(matches!(client.closed(), Some(CloseReason::Framing(_))));
    gateway.set_faults(answer(Answer::None)).unwrap();
    let mut client = logged_in(&gateway).await;
    client.submit(0, &Client::message("13800138000", "x"));
    // The receipt comes, the answer does not.
    client.turn_until(|client| !client.delivers().is_empty()).await;
    assert_eq!(client.outcomes(), []);
}

#[tokio::test]
async fn receipts_come_early_twice_never_and_with_any_status() {
    let gateway = gateway().await;
    let early = ReceiptChange {
        time: Some(ReceiptTime::Early),
        copies: Some(2),
        stat: Some("MA:0001".to_owned()),
        form: Some(ReceiptForm::Short),
        ..ReceiptChange::default()
    };
    gateway.set_faults(receipt(early)).unwrap();
    let mut client = logged_in(&gateway).await;
    let Sent::Accepted { id } = client.send("13800138000", "x").await else {
        panic!("not accepted")
    };
    assert!(
        matches!(
            client.told.as_slice(),
            [Up::Request { .. }, Up::Request { .. }, Up::Outcome { .. }]
        ),
        "told {:?}",
        client.told
    );
    for deliver in delivers(&client) {
        let report = Report::decode(deliver.content.as_slice()).unwrap();
        assert_eq!(
            (report.msg_id.to_string(), report.stat_text().as_str()),
            (id.clone(), "MA:0001")
        );
        assert_eq!(deliver.content.len(), 60, "the short form in a 3.0 session");
    }
    let never = ReceiptChange {
        time: Some(ReceiptTime::Never),
        ..ReceiptChange::default()
    };
    gateway.set_faults(receipt(never)).unwrap();
    client.send("13800138000", "x").await;
    assert_eq!(gateway.stats().receipts.queued, 2);
}

#[tokio::test]
async fn keep_alives_may_stay_unanswered() {
    let gateway = gateway().await;
    gateway
        .set_faults(Faults {
            ignore_keep_alives: true,
            ..Faults::default()
        })
        .unwrap();
    let mut client = logged_in(&gateway).await;
    client.submit(0, &Client::message("13800138000", "x"));
    client.flush().await;
    client.turn_until(|client| client.outcomes().len() == 1).await;
    let deaf = gateway.stats();
    assert_eq!(deaf.accepted, 1, "everything else is answered");
    // A keep-alive by hand, then a message: only the message is answered.
    client.told.clear();
    client.send_raw(&keep_alive()).await;
    assert!(matches!(
        client.send("13800138000", "y").await,
        Sent::Accepted { .. }
    ));
    assert_eq!(keep_alives_answered(&client), 0);
    gateway.set_faults(Faults::default()).unwrap();
    client.send_raw(&keep_alive()).await;
    assert!(matches!(
        client.send("13800138000", "z").await,
        Sent::Accepted { .. }
    ));
    client
        .turn_until(|client| keep_alives_answered(client) == 1)
        .await;
}

#[tokio::test]
async fn logins_may_be_refused_with_any_status() {
    let gateway = gateway().await;
    gateway
        .set_faults(Faults {
            refuse_logins_with: Some(7),
            ..Faults::default()
        })
        .unwrap();
    let mut client = connect(&gateway, settings(Version::V3)).await;
    assert_eq!(
        client.turn_until_closed().await,
        CloseReason::LoginRefused { status: 7 }
    );
}

#[tokio::test]
async fn a_gateway_that_proves_nothing_is_left() {
    for version in [Version::V2, Version::V3] {
        let gateway = gateway().await;
        gateway
            .set_faults(Faults {
                connections: vec![ConnectionRule {
                    next: Some(1),
                    then: ConnectionEffects {
                        wrong_authenticator: Some(true),
                        ..ConnectionEffects::default()
                    },
                    ..ConnectionRule::default()
                }],
                ..Faults::default()
            })
            .unwrap();
        let mut client = connect(&gateway, settings(version)).await;
        assert_eq!(
            client.turn_until_closed().await,
            CloseReason::WrongAuthenticator,
            "{version:?}"
        );
        log_in(&gateway, version).await;
    }
}

#[tokio::test]
async fn uplinks_of_a_wrong_length_are_refused_and_the_session_lives() {
    for version in [Version::V2, Version::V3] {
        for damage in [Damage::ContentLengthMore, Damage::ContentLengthLess] {
            let gateway = gateway().await;
            let mut client = log_in(&gateway, version).await;
            let uplink = Uplink {
                from: "13800138000".to_owned(),
                to: "10690001".to_owned(),
                text: "hi".to_owned(),
                damage: vec![damage],
                ..Uplink::default()
            };
            gateway.uplink(&uplink).unwrap();
            client
                .turn_until(|client| client.told.iter().any(|up| matches!(up, Up::Oddity(_))))
                .await;
            assert_eq!(client.delivers().len(), 0);
            gateway
                .wait_for(PATIENCE, |stats| stats.uplinks.refused == 1)
                .await
                .unwrap();
            assert!(matches!(
                client.send("13800138000", "x").await,
                Sent::Accepted { .. }
            ));
        }
    }
}

#[tokio::test]
async fn a_header_may_be_told_by_the_whole_gsm_octet() {
    let gateway = gateway().await;
    let mut client = logged_in(&gateway).await;
    let uplink = Uplink {
        from: "13800138000".to_owned(),
        to: "10690001".to_owned(),
        text: "查".repeat(80),
        damage: vec![Damage::Udhi64],
        ..Uplink::default()
    };
    gateway.uplink(&uplink).unwrap();
    client.turn_until(|client| client.delivers().len() == 2).await;
    assert!(delivers(&client).iter().all(|deliver| deliver.tp_udhi == 0x40));
}

#[tokio::test]
async fn garbage_can_be_sent_at_any_time() {
    let gateway = gateway().await;
    let mut client = logged_in(&gateway).await;
    // An unknown command is tolerated, a broken length is not.
    assert_eq!(gateway.send_raw(None, &[0, 0, 0, 12, 0, 0, 0, 9, 0, 0, 0, 1]), 1);
    client
        .turn_until(|client| client.told.iter().any(|up| matches!(up, Up::Oddity(_))))
        .await;
    assert_eq!(gateway.send_raw(None, &[0xff; 16]), 1);
    assert!(matches!(
        client.turn_until_closed().await,
        CloseReason::Framing(_)
    ));
    gateway
        .wait_for(PATIENCE, |stats| stats.logins.now == 0)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_gateway_ends_sessions_in_order() {
    let gateway = gateway().await;
    let mut client = logged_in(&gateway).await;
    assert_eq!(gateway.terminate(None), 1);
    assert_eq!(client.turn_until_closed().await, CloseReason::PeerTerminated);
}
