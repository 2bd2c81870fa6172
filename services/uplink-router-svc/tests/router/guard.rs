//! The loop guard: the script against its model, and what a loop comes to.

use std::time::Duration;

use hongyan_proto::uplink::v1::UplinkDisposition as D;
use hongyan_uplink_router_svc::{
    loop_guard::{LoopPolicy, Verdict},
    store::{GuardQuestion, Store},
};

use crate::{
    fixture::{Fixture, partition, tenant},
    support::PrivateRedis,
};

#[tokio::test]
async fn two_automata_are_not_fed() {
    let fixture = Fixture::start().await;
    for n in 0..7 {
        fixture.uplink(&format!("自动回复 {n}")).await;
        fixture.worker().await;
        fixture.settled().await;
    }
    assert_eq!(fixture.dispatch.texts().len(), 5);
    let ends: Vec<_> = fixture
        .feed()
        .await
        .iter()
        .map(hongyan_proto::uplink::v1::Uplink::disposition)
        .collect();
    assert_eq!(
        ends,
        [
            D::Help,
            D::Help,
            D::Help,
            D::Help,
            D::Help,
            D::LoopSuppressed,
            D::LoopSuppressed
        ]
    );
    // Another number is not concerned.
    fixture.uplink_from("+8613900139000", "10690", "你好").await;
    fixture.settled().await;
    assert_eq!(fixture.dispatch.texts().len(), 6);
}

#[tokio::test]
async fn the_same_text_thrice_is_an_automaton_but_its_opt_out_counts() {
    let fixture = Fixture::start().await;
    fixture.worker().await;
    for _ in 0..3 {
        fixture.uplink("TD").await;
        fixture.settled().await;
    }
    let ends: Vec<_> = fixture
        .feed()
        .await
        .iter()
        .map(hongyan_proto::uplink::v1::Uplink::disposition)
        .collect();
    assert_eq!(ends, [D::OptedOut, D::OptedOut, D::OptedOut]);
    assert_eq!(
        fixture.dispatch.texts().len(),
        2,
        "the third is in force and not confirmed"
    );
    let told = fixture.dispatch.state().told.len();
    assert_eq!(told, 5, "three opt-outs, two confirmations");
}

/// What the pure model in `loop_guard` promises, asked of the script: a small deterministic walk through texts, repeated
/// uplinks and times.
#[tokio::test]
async fn the_script_decides_as_its_rules_say() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let store = Store::new(redis);
    let policy = LoopPolicy {
        max_replies: 2,
        window: Duration::from_millis(100),
        same_text_row: 3,
    };
    let (tenant, partition) = (tenant(), partition());
    let now = 1_795_000_000_000_u64;
    let steps = [
        (now, "a", "x", Verdict::Reply),
        (now, "a", "x", Verdict::Reply),
        (now + 1, "b", "x", Verdict::Reply),
        (now + 2, "c", "x", Verdict::SameText),
        (now + 3, "c", "x", Verdict::SameText),
        (now + 4, "d", "y", Verdict::TooManyReplies),
        (now + 99, "e", "x", Verdict::TooManyReplies),
        // The first reply leaves the window just now.
        (now + 100, "f", "z", Verdict::Reply),
        (now + 100, "g", "w", Verdict::TooManyReplies),
        (now + 101, "h", "v", Verdict::Reply),
        (now + 102, "f", "z", Verdict::Reply),
    ];
    for (at, uplink_id, text, expected) in steps {
        let question = GuardQuestion {
            partition,
            tenant: &tenant,
            pair: "pair",
            text,
            uplink_id,
        };
        let verdict = store.may_reply(question, policy, at).await.unwrap();
        assert_eq!(verdict, expected, "{uplink_id} {text} at {}", at - now);
    }
}
