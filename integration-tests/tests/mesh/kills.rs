//! kill -9 of each process in turn, with a thousand messages on their way: after the restart everything accepted comes
//! to an end, and what callers were told, what the carrier took and what the record holds agree.

use std::{collections::BTreeMap, time::Duration};

use hongyan_integration_tests::harness::{
    history::Disagreement,
    judge,
    mesh::{Client, Gateway, SERVICES, people, replaced_once},
    traffic::{Answers, ReceiptWatcher, request, send_all},
    wait,
};
use hongyan_proto::{common::v1::MessageClass, dispatch::v1::SendMessageRequest};

use crate::support::{INSURER, OPERATOR, OwnMesh, ids};

const MESSAGES: u32 = 1_000;
/// The carrier tells a receipt a tenth of a second after the submit; at this pace the thousand take some five seconds.
const PACE: &str = "pace_segments_per_second: 200";
/// Everything that can be waited for: leases that run out, connections that come back, queues that empty.
const LIMIT: Duration = Duration::from_mins(4);

/// Which processes die, how far the carrier is when they do.
struct Blow {
    victims: &'static [&'static str],
    redis: bool,
    /// Submits that the carrier took before.
    after: usize,
}

async fn start() -> OwnMesh {
    OwnMesh::with(|options| {
        // Leases as short as is allowed, so that the test waits for seconds where people wait for half a minute.
        for (program, key, value) in [
            ("carrier-link-svc", "link.lease_ms", "2000"),
            ("carrier-link-svc", "link.slot_ttl_ms", "1500"),
            ("carrier-link-svc", "link.reconnect_first_ms", "100"),
            ("carrier-link-svc", "link.reconnect_most_ms", "1000"),
        ] {
            options.set(program, key, value);
        }
        options.catalog = Some(Box::new(|files| {
            files.links = replaced_once(&files.links, "pace_segments_per_second: 2000", PACE)?;
            Ok(())
        }));
    })
    .await
}

/// Three classes, some of them long, each to a number of its own.
fn messages() -> Vec<SendMessageRequest> {
    (0..MESSAGES)
        .map(|n| {
            let class = match n % 10 {
                0..3 => MessageClass::Otp,
                3..7 => MessageClass::Notice,
                _ => MessageClass::Bulk,
            };
            let text = if n % 10 == 9 {
                "您的年度保单报告已生成，请登录查阅。".repeat(6)
            } else {
                format!("您的编号是{n:06}。")
            };
            request(&format!("kill-{n}"), &people::number(n), class, &text)
        })
        .collect()
}

#[allow(clippy::print_stdout, reason = "what a kill did is worth seeing")]
async fn strike(blow: Blow) {
    let mut mesh = start().await;
    let caller = mesh.client(INSURER).await.unwrap();
    let operator = mesh.client(OPERATOR).await.unwrap();
    let watcher = ReceiptWatcher::start(&caller, "kills").unwrap();
    let gateways = mesh.gateways();
    let sent = messages();

    let sending = {
        let (caller, sent) = (caller.clone(), sent.clone());
        tokio::spawn(async move { send_all(&caller, &sent, LIMIT).await })
    };
    wait::until("the carrier is at work", LIMIT, || async {
        (gateways[0].taken(None).await.ok()?.len() >= blow.after).then_some(())
    })
    .await
    .unwrap();
    for victim in blow.victims {
        mesh.kill(victim).unwrap();
    }
    if blow.redis {
        mesh.redis().kill().unwrap();
        mesh.redis().restart().await.unwrap();
    }
    for victim in blow.victims {
        mesh.restart(victim).await.unwrap();
    }

    let answers = sending.await.unwrap().unwrap();
    assert!(answers.refused.is_empty(), "{:?}", answers.refused);
    let accepted = ids(&answers);
    watcher.wait_for(&accepted, LIMIT).await.unwrap();
    let disagreements = settled(&caller, &operator, &gateways, &sent, &answers, &watcher).await;
    let mut fates: BTreeMap<String, usize> = BTreeMap::new();
    for receipt in watcher.receipts() {
        let again = if receipt.possible_duplicate {
            ", perhaps twice"
        } else {
            ""
        };
        let fate = judge::status_word(receipt.status.map_or(0, |status| status.status));
        *fates.entry(format!("{fate}{again}")).or_default() += 1;
    }
    println!(
        "{} messages, {} streams broken off, {fates:?}",
        accepted.len(),
        answers.rounds - 1
    );
    assert!(
        disagreements.is_empty(),
        "{} disagreements: {disagreements:#?}",
        disagreements.len()
    );
    mesh.must_run().unwrap();
}

/// The disagreements when nothing moves any more: the record follows by its stream, so the first look may be early.
async fn settled(
    caller: &Client,
    operator: &Client,
    gateways: &[Gateway],
    sent: &[SendMessageRequest],
    answers: &Answers,
    watcher: &ReceiptWatcher,
) -> Vec<Disagreement> {
    let mut last = Vec::new();
    for _ in 0..30 {
        match judge::gather(caller, operator, gateways, sent, answers, &watcher.receipts()).await {
            Ok(history) => last = history.disagreements(),
            Err(error) => panic!("{error:#}"),
        }
        if last.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    last
}

#[tokio::test(flavor = "multi_thread")]
async fn dispatch_dies_while_it_accepts() {
    strike(Blow {
        victims: &["sms-dispatch-svc"],
        redis: false,
        after: 1,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dispatch_dies() {
    strike(Blow {
        victims: &["sms-dispatch-svc"],
        redis: false,
        after: 100,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_carrier_link_dies() {
    strike(Blow {
        victims: &["carrier-link-svc"],
        redis: false,
        after: 200,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_carrier_link_dies_among_notices() {
    // One-time codes go first: by now only what may be sent again is on its way.
    strike(Blow {
        victims: &["carrier-link-svc"],
        redis: false,
        after: 600,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_dies() {
    strike(Blow {
        victims: &["audit-svc"],
        redis: false,
        after: 200,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_and_the_uplink_router_die() {
    strike(Blow {
        victims: &["verify-svc", "uplink-router-svc"],
        redis: false,
        after: 200,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_dies() {
    strike(Blow {
        victims: &[],
        redis: true,
        after: 200,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_dies_at_once() {
    strike(Blow {
        victims: &SERVICES,
        redis: true,
        after: 200,
    })
    .await;
}
