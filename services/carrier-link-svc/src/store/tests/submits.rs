//! Intents, submits and settling.

use super::*;

#[tokio::test]
async fn only_the_holder_may_write_an_intent() {
    let world = World::new().await;
    let place = world.taken(&world.store, 1).await;
    let other = world.another();
    assert_eq!(
        run(&other, &Job::Intent(place.clone(), attempt(1, 1))).await,
        Reply::Lost
    );
    assert_eq!(
        world.run(Job::Intent(place.clone(), attempt(1, 1))).await,
        Reply::GoOn
    );
    let group = other.join(MessageClass::Notice).await.unwrap();
    assert_eq!(group.reclaim(0, 10).await.unwrap().len(), 1);
    assert_eq!(
        world.run(Job::Intent(place.clone(), attempt(2, 1))).await,
        Reply::Lost
    );
    let intent = world.intent(&place).await;
    assert_eq!(
        (intent.inflight, intent.done, intent.reference),
        (Some(1), 0, Some(7))
    );
}

#[tokio::test]
async fn an_intent_is_taken_back_only_as_it_stands() {
    let world = World::new().await;
    let place = world.taken(&world.store, 1).await;
    world.run(Job::Intent(place.clone(), attempt(1, 2))).await;
    assert_eq!(
        world.run(Job::Clear(place.clone(), attempt(1, 1))).await,
        Reply::Before
    );
    assert_eq!(world.intent(&place).await.inflight, Some(1));
    assert_eq!(
        world.run(Job::Clear(place.clone(), attempt(1, 2))).await,
        Reply::Done
    );
    assert_eq!(world.intent(&place).await.inflight, None);
}

#[tokio::test]
async fn a_taken_segment_is_told_once_and_the_next_ones_intent_stands() {
    let world = World::new().await;
    let place = world.taken(&world.store, 1).await;
    world.run(Job::Intent(place.clone(), attempt(1, 1))).await;
    for _ in 0..2 {
        assert_eq!(
            world.run(submitted(&place, 1, "aa", Left::Next)).await,
            Reply::GoOn
        );
    }
    assert_eq!(world.events().await.len(), 1);
    let intent = world.intent(&place).await;
    assert_eq!((intent.done, intent.inflight, intent.attempt), (1, Some(2), 1));
    for _ in 0..2 {
        assert_eq!(
            world.run(submitted(&place, 2, "bb", Left::Last)).await,
            Reply::Done
        );
    }
    assert_eq!((world.events().await.len(), world.audit().await.len()), (2, 2));
    assert_eq!(
        (world.held(&place).await, world.intent(&place).await.inflight),
        (0, None)
    );
    let entries = world.entries(shared::receipts(partition())).await;
    assert_eq!(entries[0]["tp"], testing::TRACEPARENT.as_bytes());
    let numbers: Vec<_> = world
        .entries(shared::audit(partition()))
        .await
        .into_iter()
        .map(|mut e| e.remove("n").unwrap())
        .collect();
    assert_eq!(numbers, [b"1", b"2"]);
}

#[tokio::test]
async fn a_segment_taken_after_the_message_was_lost_is_told_all_the_same() {
    let world = World::new().await;
    let place = world.taken(&world.store, 1).await;
    world.run(Job::Intent(place.clone(), attempt(1, 1))).await;
    let group = world.another().join(MessageClass::Notice).await.unwrap();
    group.reclaim(0, 10).await.unwrap();
    assert_eq!(
        world.run(submitted(&place, 1, "aa", Left::Next)).await,
        Reply::Lost
    );
    assert_eq!(world.events().await.len(), 1);
    let intent = world.intent(&place).await;
    assert_eq!(
        (intent.done, intent.inflight),
        (1, None),
        "whoever goes on does so with segment 2"
    );
}

#[tokio::test]
async fn settling_happens_once() {
    let world = World::new().await;
    let place = world.taken(&world.store, 1).await;
    world.run(Job::Intent(place.clone(), attempt(1, 1))).await;
    assert_eq!(world.run(settle(&place, Some(1))).await, Reply::Done);
    assert_eq!(world.run(settle(&place, Some(1))).await, Reply::Before);
    let intent = world.intent(&place).await;
    assert_eq!(
        (intent.inflight, intent.attempt, world.held(&place).await),
        (None, 2, 1)
    );
    assert_eq!(world.run(settle(&place, None)).await, Reply::Done);
    assert_eq!(world.run(settle(&place, None)).await, Reply::Before);
    assert_eq!(
        (
            world.events().await.len(),
            world.audit().await.len(),
            world.held(&place).await
        ),
        (2, 2, 0)
    );
}

#[tokio::test]
async fn what_another_consumer_has_begun_is_not_begun_again() {
    let world = World::new().await;
    let place = world.taken(&world.store, 1).await;
    let other = world.another();
    let (mine, theirs) = (
        world.store.join(MessageClass::Notice).await.unwrap(),
        other.join(MessageClass::Notice).await.unwrap(),
    );
    // Paused for longer than the lease: the other one takes over, submits, and dies; the lease comes back.
    theirs.reclaim(0, 10).await.unwrap();
    assert_eq!(
        run(&other, &Job::Intent(place.clone(), attempt(1, 1))).await,
        Reply::GoOn
    );
    mine.reclaim(0, 10).await.unwrap();
    assert_eq!(
        world.run(Job::Intent(place.clone(), attempt(1, 1))).await,
        Reply::Lost
    );
    assert_eq!(
        world.run(Job::Clear(place.clone(), attempt(1, 1))).await,
        Reply::Before
    );
    assert_eq!(world.intent(&place).await.inflight, Some(1));
    // What is known of it now: uncertain, and told; only the next attempt may leave.
    assert_eq!(world.run(settle(&place, Some(1))).await, Reply::Done);
    assert_eq!(
        world.run(Job::Intent(place.clone(), attempt(1, 1))).await,
        Reply::Lost
    );
    assert_eq!(
        world.run(Job::Intent(place.clone(), attempt(1, 2))).await,
        Reply::GoOn
    );
    assert_eq!(
        world.run(submitted(&place, 1, "aa", Left::Next)).await,
        Reply::GoOn
    );
    assert_eq!(
        world.run(Job::Intent(place.clone(), attempt(1, 3))).await,
        Reply::Lost,
        "it is done"
    );
}

#[tokio::test]
async fn an_answer_changes_no_intent_of_another_consumer() {
    let world = World::new().await;
    let place = world.taken(&world.store, 1).await;
    world.run(Job::Intent(place.clone(), attempt(1, 1))).await;
    let other = world.another();
    let theirs = other.join(MessageClass::Notice).await.unwrap();
    theirs.reclaim(0, 10).await.unwrap();
    assert_eq!(run(&other, &settle(&place, Some(1))).await, Reply::Done);
    assert_eq!(
        run(&other, &Job::Intent(place.clone(), attempt(1, 2))).await,
        Reply::GoOn
    );
    assert_eq!(
        world.run(submitted(&place, 1, "aa", Left::Next)).await,
        Reply::Lost
    );
    let intent = world.intent(&place).await;
    assert_eq!((intent.done, intent.inflight, intent.attempt), (0, Some(1), 2));
    // Settled meanwhile: nothing is left behind for ever.
    assert_eq!(
        run(&other, &submitted(&place, 1, "bb", Left::Last)).await,
        Reply::Done
    );
    assert_eq!(
        world.run(submitted(&place, 1, "cc", Left::Next)).await,
        Reply::Lost
    );
    let kept: u64 = redis::cmd("EXISTS")
        .arg(keys::intent(partition(), &link(), place.message_id))
        .query_async(&mut world.redis.shared())
        .await
        .unwrap();
    assert_eq!(kept, 0);
}

fn returned(place: &Place, hold: Hold) -> Job {
    match settle(place, None) {
        Job::Settle {
            place,
            told,
            traceparent,
            now_ms,
            ..
        } => Job::Settle {
            place,
            goes_on_after: None,
            told,
            traceparent,
            doubt: None,
            hold,
            now_ms,
        },
        other => other,
    }
}

#[tokio::test]
async fn a_message_goes_back_only_from_whom_it_is_with() {
    let world = World::new().await;
    let place = world.taken(&world.store, 1).await;
    let other = world.another();
    for hold in [Hold::Ours, Hold::OursOnce] {
        assert_eq!(run(&other, &returned(&place, hold)).await, Reply::Before);
    }
    assert_eq!((world.held(&place).await, world.events().await.len()), (1, 0));
    assert_eq!(world.run(returned(&place, Hold::Ours)).await, Reply::Done);
    assert_eq!(world.run(returned(&place, Hold::Ours)).await, Reply::Before);
    assert_eq!((world.held(&place).await, world.events().await.len()), (0, 1));
}

#[tokio::test]
async fn what_went_back_for_want_of_a_connection_and_came_back_stays() {
    let world = World::new().await;
    let first = world.taken(&world.store, 1).await;
    assert_eq!(world.run(returned(&first, Hold::OursOnce)).await, Reply::Done);
    let again = world.taken(&world.store, 1).await;
    assert_eq!(world.run(returned(&again, Hold::OursOnce)).await, Reply::Before);
    assert_eq!((world.held(&again).await, world.events().await.len()), (1, 1));
}
