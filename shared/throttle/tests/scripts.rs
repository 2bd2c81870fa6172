//! The Lua fragments against plain models, on a real server.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

#[path = "../../queue/tests/support/mod.rs"]
mod support;

use std::{cell::Cell, collections::HashMap};

use hongyan_queue::{Redis, Script};
use hongyan_throttle::{Budget, Rate, Windows, lua};
use proptest::{prelude::*, test_runner::TestRunner};
use support::PrivateRedis;

/// Checks all keys, then adds to all: what a service's accept script does.
fn admit() -> Script {
    Script::new(
        "admit",
        &[
            lua::WINDOWS,
            "local spec = windows_spec(ARGV[3])
             local wait = 0
             for _, key in ipairs(KEYS) do wait = math.max(wait, windows_check(key, ARGV[1], spec)) end
             if wait == 0 then for _, key in ipairs(KEYS) do windows_add(key, ARGV[1], ARGV[2], spec) end end
             return wait",
        ],
    )
}

async fn ask(redis: &Redis, keys: &[String], now_ms: u64, member: &str, windows: &Windows) -> u64 {
    let script = admit();
    let mut call = script.prepare();
    for key in keys {
        call = call.key(key);
    }
    call.arg(now_ms)
        .arg(member)
        .arg(windows.to_string())
        .run(&mut redis.shared())
        .await
        .unwrap()
}

/// Keeps every time for ever and counts.
#[derive(Default)]
struct Naive(HashMap<String, Vec<u64>>);

impl Naive {
    fn wait(&self, key: &str, now: u64, windows: &Windows) -> u64 {
        let none = Vec::new();
        let times = self.0.get(key).unwrap_or(&none);
        let needed = windows.windows().iter().map(|window| {
            let mut later: Vec<u64> = times
                .iter()
                .copied()
                .filter(|time| time + window.period_ms > now)
                .collect();
            later.sort_unstable();
            let too_many = (later.len() + 1).saturating_sub(window.max as usize);
            // The oldest ones that must have left the window.
            if too_many == 0 {
                0
            } else {
                later[too_many - 1] + window.period_ms - now
            }
        });
        needed.max().unwrap_or(0)
    }
}

/// One step of the model in milliseconds: so long that no key expires by the server's own clock during the test.
const UNIT_MS: u64 = 100_000;

#[test]
fn windows_agree_with_a_naive_model_and_admit_all_keys_or_none() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = PrivateRedis::start();
    let redis = runtime.block_on(server.connect());
    let case = Cell::new(0_u32);
    let spec = prop::collection::vec((1_u32..6, 1_u64..200), 0..4);
    let steps = prop::collection::vec((0_u64..60, 0_u64..10, 1_usize..4), 1..60);
    TestRunner::new(ProptestConfig::with_cases(64))
        .run(&(spec, steps), |(spec, steps)| {
            case.set(case.get() + 1);
            let text: Vec<String> = spec
                .iter()
                .map(|(max, period)| format!("{max}:{}", period * UNIT_MS))
                .collect();
            let windows: Windows = text.join(",").parse().unwrap();
            let mut naive = Naive::default();
            let mut now = 10_000 * UNIT_MS;
            for (at, (pass, back, which)) in steps.into_iter().enumerate() {
                now = now + pass * UNIT_MS - back * UNIT_MS;
                let keys: Vec<String> = ["a", "b"]
                    .iter()
                    .enumerate()
                    .filter(|(bit, _)| which & (1 << bit) != 0)
                    .map(|(_, name)| format!("{}:{name}", case.get()))
                    .collect();
                let expected = keys
                    .iter()
                    .map(|key| naive.wait(key, now, &windows))
                    .max()
                    .unwrap_or(0);
                let found = runtime.block_on(ask(&redis, &keys, now, &at.to_string(), &windows));
                prop_assert_eq!(found, expected);
                if found == 0 {
                    for key in keys {
                        naive.0.entry(key).or_default().push(now);
                    }
                }
            }
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn the_wait_is_exact_and_the_history_is_bounded() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let windows: Windows = "1:60000,5:3600000".parse().unwrap();
    let key = ["{p0}:thr:x".to_owned()];
    let start = 1_700_000_000_000;
    assert_eq!(ask(&redis, &key, start, "m0", &windows).await, 0);
    assert_eq!(ask(&redis, &key, start + 59_999, "m1", &windows).await, 1);
    for n in 1..5 {
        assert_eq!(
            ask(&redis, &key, start + n * 60_000, &format!("m{n}"), &windows).await,
            0
        );
    }
    assert_eq!(
        ask(&redis, &key, start + 300_000, "m5", &windows).await,
        3_300_000
    );
    assert_eq!(ask(&redis, &key, start + 3_600_000, "m5", &windows).await, 0);
    let kept: u64 = redis::cmd("ZCARD")
        .arg(&key[0])
        .query_async(&mut redis.shared())
        .await
        .unwrap();
    assert_eq!(kept, 5);
    let expires_ms: i64 = redis::cmd("PTTL")
        .arg(&key[0])
        .query_async(&mut redis.shared())
        .await
        .unwrap();
    assert!((3_500_000..=3_600_000).contains(&expires_ms), "{expires_ms}");
}

#[tokio::test]
async fn leases_of_two_holders_never_share_a_slot_and_reach_no_further_than_the_horizon() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let holders = [
        Budget::new(&redis, "{link:x}:pace", 200),
        Budget::new(&redis, "{link:x}:pace", 200),
    ];
    let rate = Rate::per_second(51.0);
    let interval = rate.interval_us();
    let now = 1_700_000_000_000_000;
    let first = holders[0].lease(4, rate, now).await.unwrap();
    assert_eq!((first.first_us, first.granted), (now, 4));
    let second = holders[1].lease(100, rate, now).await.unwrap();
    assert_eq!(second.first_us, now + 4 * interval);
    let last = second.first_us + u64::from(second.granted - 1) * interval;
    assert!(last <= now + 200_000 && last + interval > now + 200_000);
    let none = holders[0].lease(1, rate, now).await.unwrap();
    assert_eq!(
        (none.granted, none.retry_after_us),
        (0, last + interval - now - 200_000)
    );
    let later = holders[0]
        .lease(1, rate, now + none.retry_after_us)
        .await
        .unwrap();
    assert_eq!((later.first_us, later.granted), (last + interval, 1));
}

#[tokio::test]
async fn a_slot_written_by_a_wrong_clock_is_not_believed_and_idle_time_is_not_saved_up() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let budget = Budget::new(&redis, "{link:x}:pace", 100);
    let rate = Rate::per_second(100.0);
    let now = 1_700_000_000_000_000;
    budget.lease(1, rate, now + 3_600_000_000).await.unwrap();
    let lease = budget.lease(1, rate, now).await.unwrap();
    assert_eq!((lease.first_us, lease.granted), (now, 1));
    let later = budget.lease(1_000, rate, now + 60_000_000).await.unwrap();
    assert_eq!((later.first_us, later.granted), (now + 60_000_000, 10));
}
