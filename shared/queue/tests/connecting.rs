//! Start-up checks, scripts and outages against a real server.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod support;

use std::time::Duration;

use hongyan_queue::{Batch, QueueError, Redis, RedisSettings, Script, lua};
use redis::Value;
use support::{DURABLE, PrivateRedis, eventually};

async fn refusal(options: &[&str]) -> String {
    let server = PrivateRedis::start_with(options);
    let error = Redis::connect(&server.settings()).await.unwrap_err();
    assert!(matches!(error, QueueError::Refused { .. }), "{error:?}");
    let lenient = RedisSettings {
        accept_loss: true,
        ..server.settings()
    };
    Redis::connect(&lenient).await.unwrap();
    error.to_string()
}

#[tokio::test]
async fn a_forgetful_server_is_refused_unless_loss_is_accepted() {
    assert!(refusal(&["--appendonly", "no"]).await.contains("appendonly no"));
    let everysec = ["--appendonly", "yes", "--appendfsync", "everysec"];
    assert!(refusal(&everysec).await.contains("appendfsync everysec"));
    let evicting = [DURABLE, &["--maxmemory-policy", "allkeys-lru"]].concat();
    assert!(refusal(&evicting).await.contains("maxmemory-policy allkeys-lru"));
}

#[tokio::test]
async fn a_server_that_never_comes_up_is_an_error_within_the_limit() {
    let mut server = PrivateRedis::start();
    server.kill();
    let settings = RedisSettings {
        start_timeout: Duration::from_millis(200),
        ..server.settings()
    };
    let error = Redis::connect(&settings).await.unwrap_err();
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
}

#[tokio::test]
async fn a_wrong_password_is_told_and_a_right_one_works() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    redis::cmd("CONFIG")
        .arg(&["SET", "requirepass", "open sesame"])
        .exec_async(&mut redis.shared())
        .await
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "wrong\n").unwrap();
    let settings = RedisSettings {
        start_timeout: Duration::from_millis(100),
        password_file: Some(hongyan_config::SecretFile::new(&file)),
        ..server.settings()
    };
    let error = Redis::connect(&settings).await.unwrap_err().to_string();
    assert!(error.to_lowercase().contains("auth"), "{error}");
    std::fs::write(&file, "open sesame\n").unwrap();
    Redis::connect(&settings).await.unwrap().ping().await.unwrap();
}

#[tokio::test]
async fn scripts_survive_a_server_that_forgot_them() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let connection = &mut redis.shared();
    let add = Script::new("add", &["return redis.call('INCRBY', KEYS[1], ARGV[1])"]);
    let double = Script::new("double", &["return redis.call('GET', KEYS[1]) * 2"]);

    assert_eq!(add.prepare().key("n").arg(5).run::<i64>(connection).await, Ok(5));
    redis::cmd("SCRIPT")
        .arg("FLUSH")
        .exec_async(connection)
        .await
        .unwrap();
    assert_eq!(add.prepare().key("n").arg(5).run::<i64>(connection).await, Ok(10));

    // In a batch: each unknown script is loaded, each step runs exactly once.
    redis::cmd("SCRIPT")
        .arg("FLUSH")
        .exec_async(connection)
        .await
        .unwrap();
    let mut batch = Batch::new();
    for _ in 0..50 {
        batch.push(&add.prepare().key("m").arg(1));
    }
    batch.command("SET", &["other", "x"]);
    batch.push(&double.prepare().key("m"));
    let results = batch.run(connection).await.unwrap();
    let numbers: Vec<_> = results.into_iter().map(|result| result.unwrap()).collect();
    assert_eq!(numbers[49], Value::Int(50));
    assert_eq!(numbers[50], Value::Okay);
    assert_eq!(numbers[51], Value::Int(100));
}

#[tokio::test]
async fn one_failing_step_of_a_batch_does_not_hide_the_others() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let connection = &mut redis.shared();
    let fail = Script::new("fail", &["return redis.error_reply('ERR as asked')"]);
    let mut batch = Batch::new();
    batch.command("SET", &["a", "1"]);
    batch.push(&fail.prepare().key("a"));
    batch.command("GET", "a");
    let results = batch.run(connection).await.unwrap();
    assert!(results[0].is_ok());
    assert!(
        matches!(&results[1], Err(QueueError::Script { operation, detail }) if operation == "fail" && detail.contains("as asked")),
        "{:?}",
        results[1]
    );
    assert_eq!(results[2], Ok(Value::BulkString(b"1".to_vec())));
}

#[tokio::test]
async fn the_connection_comes_back_after_a_restart_and_fails_at_once_in_between() {
    let mut server = PrivateRedis::start();
    let redis = server.connect().await;
    let connection = redis.shared();
    redis::cmd("SET")
        .arg(&["kept", "1"])
        .exec_async(&mut connection.clone())
        .await
        .unwrap();
    server.kill();
    for _ in 0..3 {
        let error = redis.ping().await.unwrap_err();
        assert!(error.is_unavailable(), "{error:?}");
    }
    server.restart();
    eventually("ping after the restart", || async { redis.ping().await.is_ok() }).await;
    let kept: String = redis::cmd("GET")
        .arg("kept")
        .query_async(&mut connection.clone())
        .await
        .unwrap();
    assert_eq!(kept, "1");
    redis.pooled().await.unwrap();
}

#[tokio::test]
async fn a_full_server_is_unavailable_and_has_done_nothing() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let connection = &mut redis.shared();
    redis::cmd("CONFIG")
        .arg(&["SET", "maxmemory", "1"])
        .exec_async(connection)
        .await
        .unwrap();
    let write = Script::new("write", &["redis.call('SET', KEYS[1], 'x') return 1"]);
    let error = write.prepare().key("k").run::<i64>(connection).await.unwrap_err();
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
}

#[tokio::test]
async fn audit_events_are_numbered_without_gap_in_one_epoch() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let connection = &mut redis.shared();
    let script = Script::new(
        "record",
        &[
            lua::AUDIT,
            "return audit(KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3])",
        ],
    );
    for (now_ms, traceparent) in [("1000", "00-aa-bb-01"), ("2000", "")] {
        script
            .prepare()
            .key("{p0}:audit")
            .key("{p0}:audit:seq")
            .arg(now_ms)
            .arg("body")
            .arg(traceparent)
            .run::<String>(connection)
            .await
            .unwrap();
    }
    let entries: Vec<(String, Vec<String>)> = redis::cmd("XRANGE")
        .arg(&["{p0}:audit", "-", "+"])
        .query_async(connection)
        .await
        .unwrap();
    assert_eq!(
        entries[0].1,
        ["e", "1000", "n", "1", "b", "body", "tp", "00-aa-bb-01"]
    );
    assert_eq!(entries[1].1, ["e", "1000", "n", "2", "b", "body"]);
}
