//! Slots and names.

use super::*;

#[tokio::test]
async fn a_slot_has_one_holder_and_is_lost_in_time() {
    let world = World::new().await;
    let ttl = std::time::Duration::from_millis(600);
    let lease = world.store.take_slot(3, ttl).await.unwrap().unwrap();
    let other = world.another();
    assert!(other.take_slot(3, ttl).await.unwrap().is_none());
    assert!(other.take_slot(4, ttl).await.unwrap().is_some(), "another slot");
    // Renewed well beyond its time to live.
    tokio::time::sleep(ttl * 2).await;
    assert!(!lease.lost().is_cancelled());
    assert!(other.take_slot(3, ttl).await.unwrap().is_none());
    lease.release().await;
    let taken = other.take_slot(3, ttl).await.unwrap().unwrap();
    // Somebody deletes the key: the holder notices.
    let _: u64 = redis::cmd("DEL")
        .arg("{link:cmcc-a}:slot:3")
        .query_async(&mut world.redis.shared())
        .await
        .unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(10), taken.lost().cancelled())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_slot_is_given_up_before_it_can_run_out() {
    let mut server = PrivateRedis::start();
    let redis = server.connect().await;
    let store = Store::new(&redis, &link(), &Consumer::unique("one"));
    let ttl = std::time::Duration::from_millis(900);
    let asked = std::time::Instant::now();
    let lease = store.take_slot(0, ttl).await.unwrap().unwrap();
    server.kill();
    lease.lost().cancelled().await;
    assert!(asked.elapsed() >= ttl / 3, "a first failure is no loss yet");
}

#[test]
fn the_partition_of_a_queue_is_in_its_name() {
    let queue = shared::out(
        hongyan_domain::Partition::new(12).unwrap(),
        &link(),
        MessageClass::Otp,
    );
    assert_eq!(
        Store::partition_of(&queue).map(hongyan_domain::Partition::number),
        Some(12)
    );
    for other in ["", "out", "{x}:out", "{p9999}:out"] {
        assert_eq!(Store::partition_of(other), None, "{other}");
    }
}
