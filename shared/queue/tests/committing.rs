//! Batches that are committed in one go.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod support;

use hongyan_queue::{Batch, QueueError, Script};
use support::PrivateRedis;

#[tokio::test]
async fn each_step_of_one_commit_has_its_own_result_and_scripts_are_loaded_on_the_way() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let set = Script::new("set", &["redis.call('SET', KEYS[1], ARGV[1]) return ARGV[1]"]);
    let fail = Script::new("fail", &["return redis.call('INCR', KEYS[1])"]);
    let mut batch = Batch::new();
    batch.in_one_commit();
    for n in 0..200 {
        batch.push(&set.prepare().key(format!("k{n}")).arg("x".repeat(2_000)));
    }
    batch.push(&fail.prepare().key("k0"));
    batch.command("GET", &["k199"]);
    let results = batch.run_as::<String>(&mut redis.shared()).await.unwrap();
    assert_eq!(results.len(), 202);
    assert!(
        results[..200]
            .iter()
            .all(|result| result.as_ref().unwrap().len() == 2_000)
    );
    assert!(
        matches!(&results[200], Err(QueueError::Script { .. })),
        "{:?}",
        results[200]
    );
    // Scripts that the server did not know are repeated behind the others.
    assert!(results[201].is_err(), "the key was not there yet");
    let again = batch.run_as::<String>(&mut redis.shared()).await.unwrap();
    assert_eq!(again[201].as_ref().unwrap().len(), 2_000);
}

#[tokio::test]
async fn a_commit_with_a_step_that_cannot_be_queued_has_no_effect() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let mut batch = Batch::new();
    batch
        .command("SET", &["a", "1"])
        .command("NOSUCHCOMMAND", &["a"])
        .in_one_commit();
    let error = batch.run(&mut redis.shared()).await.unwrap_err();
    assert!(
        matches!(
            error,
            QueueError::Unavailable {
                retry_is_safe: true,
                ..
            }
        ),
        "{error:?}"
    );
    let mut look = Batch::new();
    look.command("EXISTS", &["a"]);
    assert_eq!(look.run_as::<u64>(&mut redis.shared()).await.unwrap(), [Ok(0)]);
}
