//! The same with every protocol: the conversation, and each fault that all of them can have.

use std::collections::BTreeSet;

use hongyan_carrier_wire::session::{CloseReason, Uncertain};

use super::client::{Client, PATIENCE, Sent};
use super::links::{Cmpp2, Cmpp3, Link, Sgip, Smgp1, Smgp3, Smpp, gateway_of, open};
use super::speakers::{Delivered, Speaker as _};
use crate::gateway_sim::{
    Answer, CloseAt, Code, ConnectionEffects, ConnectionRule, Cut, Effects, Faults, GatewaySim, Meaning,
    MessageFilter, ReceiptChange, ReceiptTime, Rule, Uplink,
};

const NUMBER: &str = "13800138000";
const LOST: Sent = Sent::Uncertain(Uncertain::ConnectionLost);

macro_rules! with_every_protocol {
    ($($test:ident),* $(,)?) => {
        with_every_protocol!(@ cmpp_3 Cmpp3 $($test)*);
        with_every_protocol!(@ cmpp_2 Cmpp2 $($test)*);
        with_every_protocol!(@ sgip Sgip $($test)*);
        with_every_protocol!(@ smgp_3 Smgp3 $($test)*);
        with_every_protocol!(@ smgp_1 Smgp1 $($test)*);
        with_every_protocol!(@ smpp Smpp $($test)*);
    };
    (@ $protocol:ident $link:ident $($test:ident)*) => {
        mod $protocol {
            $(#[tokio::test]
            async fn $test() {
                super::$test::<super::$link>().await;
            })*
        }
    };
}

with_every_protocol!(
    a_long_message_its_receipt_a_long_uplink_and_a_reply,
    results_by_their_meaning,
    answers_cut_or_broken,
    receipts_before_the_answer_and_twice,
    receipts_overtake_each_other,
    a_message_lost_without_a_trace,
    logins_refused_limited_and_cut_off,
    a_peer_that_is_gone,
    traffic_is_counted_by_account,
    ended_in_order,
);

fn rule(then: Effects) -> Faults {
    Faults {
        rules: vec![Rule {
            then,
            ..Rule::default()
        }],
        ..Faults::default()
    }
}

fn connections(then: ConnectionEffects) -> Faults {
    Faults {
        connections: vec![ConnectionRule {
            next: Some(1),
            then,
            ..ConnectionRule::default()
        }],
        ..Faults::default()
    }
}

async fn a_long_message_its_receipt_a_long_uplink_and_a_reply<L: Link>() {
    let (gateway, mut link) = open::<L>().await;
    let long = "您的保单已于今日承保，".repeat(16);
    let parts = L::Submitter::long_message(NUMBER, &long);
    assert_eq!(parts.len(), 3);
    for (token, part) in (0..).zip(&parts) {
        link.submitter().submit(token, part);
    }
    link.submitter()
        .turn_until(|client| client.outcomes().len() == 3)
        .await;
    let ids: BTreeSet<String> = link
        .submitter()
        .outcomes()
        .into_iter()
        .map(|(_, sent)| match sent {
            Sent::Accepted { id } => id,
            other => panic!("not accepted: {other:?}"),
        })
        .collect();
    assert_eq!(ids.len(), 3);
    let told: BTreeSet<String> = link
        .delivered(3)
        .await
        .into_iter()
        .map(|delivered| match delivered {
            Delivered::Receipt { id, stat } => {
                assert_eq!(stat, "DELIVRD");
                id
            }
            other => panic!("no receipt: {other:?}"),
        })
        .collect();
    assert_eq!(told, ids);
    assert_eq!(gateway.texts(NUMBER), [long]);
    let listed = gateway.messages(&MessageFilter {
        number: Some(format!("86{NUMBER}")),
        ..MessageFilter::default()
    });
    let listed_ids: BTreeSet<String> = listed.iter().map(|view| view.msg_id.clone()).collect();
    assert_eq!(listed_ids, ids);
    assert!(
        listed
            .iter()
            .all(|view| view.number == NUMBER && view.source == "10690001")
    );

    let question = "查询".repeat(75);
    let uplink = Uplink {
        from: NUMBER.to_owned(),
        to: "10690001".to_owned(),
        text: question.clone(),
        ..Uplink::default()
    };
    assert_eq!(gateway.uplink(&uplink).unwrap(), 3);
    let mut heard = String::new();
    for (expected, delivered) in (1..).zip(link.delivered(3).await) {
        let Delivered::Uplink { from, part, text } = delivered else {
            panic!("no uplink: {delivered:?}")
        };
        assert_eq!((from.as_str(), part), (NUMBER, expected));
        heard.push_str(&text);
    }
    assert_eq!(heard, question);

    assert!(matches!(
        link.submitter().send(NUMBER, "您好").await,
        Sent::Accepted { .. }
    ));
    assert_eq!(link.delivered(1).await.len(), 1);
    let stats = gateway
        .wait_for(PATIENCE, |stats| {
            (stats.receipts.taken, stats.uplinks.taken) == (4, 3)
        })
        .await
        .unwrap();
    assert_eq!((stats.submits, stats.accepted, stats.oddities), (4, 4, 0));
    gateway.stop().await;
}

async fn results_by_their_meaning<L: Link>() {
    let (gateway, mut link) = open::<L>().await;
    let mut codes = BTreeSet::new();
    for meaning in [Meaning::Throttle, Meaning::NoRoute, Meaning::Refuse] {
        let only = Rule {
            numbers: Some(vec![NUMBER.to_owned()]),
            next: Some(1),
            then: Effects {
                result: Some(Code::Meaning(meaning)),
                ..Effects::default()
            },
            ..Rule::default()
        };
        gateway.add_rule(only).unwrap();
        assert!(matches!(
            link.submitter().send("13900139000", "x").await,
            Sent::Accepted { .. }
        ));
        let Sent::Refused { result } = link.submitter().send(NUMBER, "x").await else {
            panic!("{meaning:?} was not refused");
        };
        codes.insert(result);
    }
    assert_eq!(codes.len(), 3, "each meaning has a code of its own: {codes:?}");
    let limited = Faults {
        throttle_per_second: Some(1),
        ..Faults::default()
    };
    gateway.set_faults(limited).unwrap();
    assert!(matches!(
        link.submitter().send(NUMBER, "x").await,
        Sent::Accepted { .. }
    ));
    let Sent::Refused { result } = link.submitter().send(NUMBER, "x").await else {
        panic!("not slowed down");
    };
    assert!(codes.contains(&result));
    assert_eq!(gateway.stats().by_result.len(), 4);
}

async fn answers_cut_or_broken<L: Link>() {
    let gateway = gateway_of::<L>().await;
    let answer = |answer| {
        rule(Effects {
            answer: Some(answer),
            receipt: Some(ReceiptChange {
                time: Some(ReceiptTime::Never),
                ..ReceiptChange::default()
            }),
            ..Effects::default()
        })
    };
    let cut = |cut| {
        rule(Effects {
            cut: Some(cut),
            ..Effects::default()
        })
    };
    for faults in [answer(Answer::Truncated), cut(Cut::BeforeAnswer)] {
        gateway.set_faults(faults).unwrap();
        let mut link = L::open(&gateway).await;
        assert_eq!(link.submitter().send(NUMBER, "x").await, LOST);
    }
    gateway.set_faults(cut(Cut::AfterAnswer)).unwrap();
    let mut link = L::open(&gateway).await;
    assert!(matches!(
        link.submitter().send(NUMBER, "x").await,
        Sent::Accepted { .. }
    ));
    assert_eq!(
        link.submitter().turn_until_closed().await,
        CloseReason::ConnectionLost
    );
    gateway.set_faults(answer(Answer::Garbage)).unwrap();
    let mut link = L::open(&gateway).await;
    assert_eq!(link.submitter().send(NUMBER, "x").await, LOST);
    assert!(matches!(link.submitter().closed(), Some(CloseReason::Framing(_))));
    // Nothing answers the first message, and what comes instead belongs to nothing.
    for strange in [Answer::None, Answer::WrongSequence] {
        gateway
            .set_faults(Faults {
                rules: vec![Rule {
                    next: Some(1),
                    ..answer(strange).rules.remove(0)
                }],
                ..Faults::default()
            })
            .unwrap();
        let mut link = L::open(&gateway).await;
        link.submitter().submit(1, &L::Submitter::message(NUMBER, "x"));
        link.submitter().submit(2, &L::Submitter::message(NUMBER, "x"));
        link.submitter()
            .turn_until(|client| !client.outcomes().is_empty())
            .await;
        let outcomes = link.submitter().outcomes();
        assert!(
            matches!(outcomes.as_slice(), [(2, Sent::Accepted { .. })]),
            "{strange:?}: {outcomes:?}"
        );
    }
    gateway.set_faults(answer(Answer::WithoutBody)).unwrap();
    let mut link = L::open(&gateway).await;
    let bodiless = link.submitter().send(NUMBER, "x").await;
    assert!(
        !matches!(&bodiless, Sent::Accepted { id } if !id.is_empty()),
        "{bodiless:?}"
    );
}

async fn receipts_before_the_answer_and_twice<L: Link>() {
    let (gateway, mut link) = open::<L>().await;
    let early = rule(Effects {
        receipt: Some(ReceiptChange {
            time: Some(ReceiptTime::Early),
            copies: Some(2),
            stat: Some("EXPIRED".to_owned()),
            error: Some(7),
            ..ReceiptChange::default()
        }),
        ..Effects::default()
    });
    gateway.set_faults(early).unwrap();
    link.submitter().submit(0, &L::Submitter::message(NUMBER, "x"));
    link.submitter().flush().await;
    let receipts = link.delivered(2).await;
    let Sent::Accepted { id } = link.submitter().outcome().await else {
        panic!("not accepted");
    };
    for receipt in receipts {
        let Delivered::Receipt { id: told, stat } = receipt else {
            panic!("no receipt: {receipt:?}");
        };
        assert_eq!(told, id);
        // SGIP has an error where the others have a status.
        assert!(["EXPIRED", "7"].contains(&stat.as_str()), "{stat}");
    }
}

async fn receipts_overtake_each_other<L: Link>() {
    let (gateway, mut link) = open::<L>().await;
    let order = async |link: &mut L| {
        for token in 0..16 {
            link.submitter()
                .submit(token, &L::Submitter::message(NUMBER, &token.to_string()));
        }
        link.submitter()
            .turn_until(|client| client.outcomes().len() == 16)
            .await;
        let ids: Vec<String> = link
            .submitter()
            .outcomes()
            .into_iter()
            .filter_map(|(_, sent)| match sent {
                Sent::Accepted { id } => Some(id),
                _ => None,
            })
            .collect();
        let told: Vec<String> = link
            .delivered(16)
            .await
            .into_iter()
            .filter_map(|delivered| match delivered {
                Delivered::Receipt { id, .. } => Some(id),
                _ => None,
            })
            .collect();
        link.submitter().told.clear();
        (ids, told)
    };
    let (ids, told) = order(&mut link).await;
    assert_eq!(told, ids, "in order as long as nothing is wrong");
    gateway
        .set_faults(rule(Effects {
            receipt: Some(ReceiptChange {
                jitter_ms: Some(200),
                ..ReceiptChange::default()
            }),
            ..Effects::default()
        }))
        .unwrap();
    let (mut ids, mut told) = order(&mut link).await;
    // Sixteen draws of two hundred in order would be one chance in 10^13.
    assert_ne!(told, ids);
    ids.sort();
    told.sort();
    assert_eq!(told, ids);
}

async fn a_message_lost_without_a_trace<L: Link>() {
    let (gateway, mut link) = open::<L>().await;
    let lost = Rule {
        number: Some(NUMBER.to_owned()),
        then: Effects {
            answer: Some(Answer::Lost),
            ..Effects::default()
        },
        ..Rule::default()
    };
    gateway.add_rule(lost).unwrap();
    link.submitter().submit(1, &L::Submitter::message(NUMBER, "x"));
    link.submitter()
        .submit(2, &L::Submitter::message("13900139000", "x"));
    link.submitter()
        .turn_until(|client| !client.outcomes().is_empty())
        .await;
    let outcomes = link.submitter().outcomes();
    assert!(matches!(outcomes.as_slice(), [(2, Sent::Accepted { .. })]));
    let stats = gateway.stats();
    assert_eq!((stats.lost, stats.submits), (1, 1));
    assert_eq!(gateway.number(NUMBER).submits, 0);
}

async fn refused<L: Link>(gateway: &GatewaySim) -> u32 {
    let mut client = Client::connect(gateway.addr(), L::submitting()).await;
    match client.turn_until_closed().await {
        CloseReason::LoginRefused { status } => status,
        other => panic!("not refused: {other:?}"),
    }
}

async fn logins_refused_limited_and_cut_off<L: Link>() {
    let (gateway, link) = open::<L>().await;
    let now = |gateway: &GatewaySim| gateway.stats().accounts["900001"].now;
    assert_eq!(now(&gateway), 1);
    let refusing = Faults {
        refuse_logins_with: Some(7),
        ..Faults::default()
    };
    gateway.set_faults(refusing).unwrap();
    assert_eq!(refused::<L>(&gateway).await, 7);
    for close in [CloseAt::Accept, CloseAt::Login] {
        gateway
            .set_faults(connections(ConnectionEffects {
                close: Some(close),
                ..ConnectionEffects::default()
            }))
            .unwrap();
        let mut client = Client::connect(gateway.addr(), L::submitting()).await;
        assert_eq!(
            client.turn_until_closed().await,
            CloseReason::LoginCutOff,
            "{close:?}"
        );
    }
    // As many as the account may have, and not one more.
    gateway.set_faults(Faults::default()).unwrap();
    let mut others = Vec::new();
    for _ in 1..16 {
        others.push(Client::log_in(gateway.addr(), L::submitting()).await);
    }
    refused::<L>(&gateway).await;
    drop((link, others));
    gateway
        .wait_for(PATIENCE, |stats| stats.logins.now == 0)
        .await
        .unwrap();
    let account = &gateway.stats().accounts["900001"];
    assert_eq!(
        (account.most_at_once, account.login_limit, account.now),
        (16, 16, 0)
    );
    assert_eq!((account.refused, account.refused_over_limit), (2, 1));
    drop(L::open(&gateway).await);
}

async fn a_peer_that_is_gone<L: Link>() {
    let (gateway, mut link) = open::<L>().await;
    let gone = Faults {
        half_open: true,
        ..Faults::default()
    };
    gateway.set_faults(gone).unwrap();
    link.submitter().submit(1, &L::Submitter::message(NUMBER, "x"));
    link.submitter().flush().await;
    let ignored = gateway
        .wait_for(PATIENCE, |stats| {
            stats.connections.values().any(|one| one.ignored_octets > 0)
        })
        .await
        .unwrap();
    assert_eq!((ignored.submits, ignored.logins.now), (0, 1));
    gateway.set_faults(Faults::default()).unwrap();
    link.submitter().submit(2, &L::Submitter::message(NUMBER, "x"));
    link.submitter()
        .turn_until(|client| !client.outcomes().is_empty())
        .await;
    assert!(matches!(
        link.submitter().outcomes().as_slice(),
        [(2, Sent::Accepted { .. })]
    ));
}

async fn traffic_is_counted_by_account<L: Link>() {
    let (gateway, mut link) = open::<L>().await;
    for token in 0..10 {
        link.submitter()
            .submit(token, &L::Submitter::message(NUMBER, "x"));
    }
    link.submitter()
        .turn_until(|client| client.outcomes().len() == 10)
        .await;
    let account = &gateway.stats().accounts["900001"];
    assert_eq!((account.segments, account.accepted_segments), (10, 10));
    let histogram = &account.per_second_histogram;
    assert_eq!(histogram.values().sum::<u64>(), 10);
    assert_eq!(histogram.keys().next_back(), Some(&account.peak_per_second));
    gateway.reset();
    let account = &gateway.stats().accounts["900001"];
    assert_eq!(
        (account.segments, account.peak_per_second, account.now),
        (0, 0, 1)
    );
}

async fn ended_in_order<L: Link>() {
    let (gateway, mut link) = open::<L>().await;
    assert_eq!(gateway.terminate(None), 1);
    assert_eq!(
        link.submitter().turn_until_closed().await,
        CloseReason::PeerTerminated
    );
    gateway
        .wait_for(PATIENCE, |stats| stats.logins.now == 0)
        .await
        .unwrap();
}
