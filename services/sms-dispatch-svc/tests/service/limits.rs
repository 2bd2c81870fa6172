//! What the accept script counts, at times of the test's own choosing.

use hongyan_sms_dispatch_svc::store::{Accepted, Store};

use crate::{
    draft::draft,
    redis_server::{RedisServer, dump},
};

const START: i64 = 1_700_000_000_000;

async fn accept(store: &Store, serial: u64, tag: &str, now_ms: i64) -> Accepted {
    store
        .accept(&[draft(serial, tag, now_ms)])
        .await
        .unwrap()
        .remove(0)
        .unwrap()
}

#[tokio::test]
async fn codes_go_once_a_minute_five_times_an_hour_and_ten_times_a_day_to_the_millisecond() {
    let server = RedisServer::start();
    let store = Store::new(server.connect().await);
    let mut serial = 0;
    let mut now = START;
    let mut accepted_at: Vec<i64> = Vec::new();
    // Whoever waits just as long as told is let through, and nobody a millisecond earlier.
    while accepted_at.len() < 25 {
        serial += 1;
        match accept(&store, serial, "tag", now).await {
            Accepted::New => accepted_at.push(now),
            Accepted::Throttled(wait_ms) => {
                let early = accept(
                    &store,
                    serial + 1_000,
                    "tag",
                    now + i64::try_from(wait_ms).unwrap() - 1,
                )
                .await;
                assert_eq!(early, Accepted::Throttled(1));
                now += i64::try_from(wait_ms).unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
    for (most, period) in [(1, 60_000), (5, 3_600_000), (10, 86_400_000)] {
        for (at, first) in accepted_at.iter().enumerate() {
            let within = accepted_at[at..]
                .iter()
                .take_while(|next| **next < first + period)
                .count();
            assert!(within <= most, "{within} within {period} ms");
        }
    }
    // And no slower than the windows allow: eleventh and twenty-first a day after first and eleventh.
    assert_eq!(accepted_at[10] - accepted_at[0], 86_400_000);
    assert_eq!(accepted_at[20] - accepted_at[10], 86_400_000);
    assert_eq!(
        accept(&store, 9_000, "another", now).await,
        Accepted::New,
        "each number has its own windows"
    );
}

#[tokio::test]
async fn a_full_queue_and_a_full_tenant_refuse_and_change_nothing() {
    let server = RedisServer::start();
    let redis = server.connect().await;
    let store = Store::new(redis.clone());
    let some = |serial: u64| draft(serial, &format!("tag-{serial}"), START);
    let first = store.accept(&[some(1), some(2), some(3)]).await.unwrap();
    assert!(first.into_iter().all(|verdict| verdict.unwrap() == Accepted::New));
    let before = dump(&redis).await;
    let mut full = some(4);
    full.most_waiting = 3;
    let mut longer = some(5);
    longer.most_entries = 3;
    let verdicts = store.accept(&[full, longer]).await.unwrap();
    let verdicts: Vec<_> = verdicts.into_iter().map(Result::unwrap).collect();
    assert_eq!(verdicts, [Accepted::TenantFull, Accepted::QueueFull]);
    assert_eq!(dump(&redis).await, before);
}

#[tokio::test]
async fn a_repeated_request_is_answered_even_where_a_new_one_would_be_refused() {
    let server = RedisServer::start();
    let store = Store::new(server.connect().await);
    let first = draft(1, "tag", START);
    let answer = first.answer.clone();
    let mut repeated = draft(1, "tag", START + 5);
    repeated.most_entries = 1;
    repeated.most_waiting = 1;
    let verdicts = store.accept(&[first, repeated]).await.unwrap();
    let verdicts: Vec<_> = verdicts.into_iter().map(Result::unwrap).collect();
    assert_eq!(
        verdicts,
        [Accepted::New, Accepted::Before(answer.into())],
        "byte for byte"
    );
}
