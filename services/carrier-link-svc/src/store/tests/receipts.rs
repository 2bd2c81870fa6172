//! Receipts, doubts and parts of uplinks.

use super::*;

#[tokio::test]
async fn a_receipt_finds_its_segment_before_and_after_and_the_encodings_join() {
    let world = World::new().await;
    let place = world.taken(&world.store, 4).await;
    assert_eq!(
        world.run(receipt("aa", "ACCEPTD")).await,
        Reply::Receipt(ReceiptReply::Parked)
    );
    assert_eq!(
        world.run(receipt("aa", "DELIVRD")).await,
        Reply::Receipt(ReceiptReply::Parked)
    );
    assert_eq!(
        world.run(receipt("aa", "ACCEPTD")).await,
        Reply::Receipt(ReceiptReply::Duplicate)
    );
    assert!(world.events().await.is_empty());
    world.run(submitted(&place, 3, "aa", Left::Last)).await;
    assert_eq!(
        world.run(receipt("aa", "DELIVRD")).await,
        Reply::Receipt(ReceiptReply::Duplicate)
    );
    let matched = world.run(receipt("aa", "UNKNOWN")).await;
    assert_eq!(
        matched,
        Reply::Receipt(ReceiptReply::Matched {
            message_id: place.message_id.to_string(),
            segment: "3".to_owned(),
            traceparent: testing::TRACEPARENT.to_owned(),
        })
    );
    let stats: Vec<_> = world
        .events()
        .await
        .into_iter()
        .map(|event| {
            assert_eq!(
                (event.message_id, event.segment),
                (place.message_id.to_string(), 3)
            );
            match event.event.unwrap() {
                Event::Receipt(receipt) => receipt.stat,
                _ => "submitted".to_owned(),
            }
        })
        .collect();
    assert_eq!(stats, ["submitted", "ACCEPTD", "DELIVRD", "UNKNOWN"]);
    for event in world.audit().await.into_iter().skip(1) {
        assert_eq!(
            (event.message_id, event.trace_id.as_str()),
            (place.message_id.to_string(), testing::TRACE_ID)
        );
        assert_eq!(
            (
                event.attributes["segment"].as_str(),
                event.attributes["link"].as_str()
            ),
            ("3", "cmcc-a")
        );
        assert_eq!(event.subject_tag.len(), 32);
    }
}

#[tokio::test]
async fn what_is_parked_is_bounded() {
    let world = World::new().await;
    for n in 0..4 {
        assert_eq!(
            world.run(receipt("aa", &format!("MK:{n}"))).await,
            Reply::Receipt(ReceiptReply::Parked)
        );
    }
    assert_eq!(
        world.run(receipt("aa", "MK:9")).await,
        Reply::Receipt(ReceiptReply::Full)
    );
    let expires_ms: i64 = redis::cmd("PTTL")
        .arg(keys::parked(partition(), &link(), "aa"))
        .query_async(&mut world.redis.shared())
        .await
        .unwrap();
    assert!(expires_ms > 0);
}

async fn looks(world: &World, now_ms: u64) -> Vec<String> {
    let due = Store::doubts_due(&world.redis, partition(), now_ms, 10)
        .await
        .unwrap();
    due.into_iter()
        .map(|(link, tag)| format!("{link} {tag}"))
        .collect()
}

#[tokio::test]
async fn a_receipt_settles_the_submit_whose_answer_never_came() {
    let world = World::new().await;
    let place = world.taken(&world.store, 1).await;
    world.run(Job::Intent(place.clone(), attempt(1, 1))).await;
    world.run(settle(&place, None)).await;
    assert!(looks(&world, NOW_MS + 999).await.is_empty());
    assert_eq!(looks(&world, NOW_MS + 1_000).await, ["cmcc-a tag"]);
    world.run(receipt("aa", "DELIVRD")).await;

    let about = world.store.doubts_about(partition(), "tag").await.unwrap();
    assert_eq!((about.doubts.len(), about.orphans.len()), (1, 1));
    assert_eq!(about.doubts[0].left_ms, NOW_MS);
    assert_eq!(
        (about.orphans[0].submitted_ms, about.orphans[0].ripe_ms),
        (NOW_MS - 30_000, NOW_MS + 1_000)
    );
    for told in [1, 0] {
        let (doubt, orphan) = (&about.doubts[0], &about.orphans[0]);
        assert_eq!(
            world.store.settle_doubt(&about, doubt, orphan, NOW_MS).await,
            Ok(told)
        );
    }
    world.store.look_again(&about, None).await.unwrap();
    assert!(looks(&world, u64::MAX / 2).await.is_empty());
    let event = world.events().await.remove(1);
    assert_eq!(
        (event.message_id, event.segment),
        (place.message_id.to_string(), 1)
    );
    let entries = world.entries(shared::receipts(partition())).await;
    assert_eq!(entries[1]["tp"], testing::TRACEPARENT.as_bytes());
    // From now on the id is known.
    assert!(matches!(
        world.run(receipt("aa", "UNKNOWN")).await,
        Reply::Receipt(ReceiptReply::Matched { .. })
    ));
    let about = world.store.doubts_about(partition(), "tag").await.unwrap();
    assert_eq!((about.doubts.len(), about.orphans.len()), (0, 0));
}

#[tokio::test]
async fn a_late_answer_ends_the_doubt_and_a_matched_receipt_is_no_orphan() {
    let world = World::new().await;
    let place = world.taken(&world.store, 1).await;
    world.run(Job::Intent(place.clone(), attempt(1, 1))).await;
    world.run(settle(&place, None)).await;
    world.run(receipt("aa", "DELIVRD")).await;
    assert_eq!(looks(&world, NOW_MS + 1_000).await, ["cmcc-a tag"], "heard again");
    world.run(submitted(&place, 1, "aa", Left::Late)).await;
    let about = world.store.doubts_about(partition(), "tag").await.unwrap();
    assert_eq!((about.doubts.len(), about.orphans.len()), (0, 0));
    assert_eq!(world.events().await.len(), 3, "uncertain, submitted, receipt");
}

#[tokio::test]
async fn parts_complete_once_and_a_text_is_told_once() {
    let world = World::new().await;
    let parts = parts_key(partition(), &link(), "tag", "10690", "a7", 2);
    let part = |id: &str, number: u8| {
        Job::Part(PartJob {
            partition: partition(),
            carrier_message_id: Some(id.to_owned()),
            parts: parts.clone(),
            number,
            total: 2,
            sealed: vec![number],
            head: b"head".to_vec(),
            traceparent: testing::TRACEPARENT.to_owned(),
            deadline_ms: NOW_MS,
        })
    };
    assert_eq!(world.run(part("m2", 2)).await, Reply::Part(PartReply::Waiting));
    assert_eq!(world.run(part("m2", 2)).await, Reply::Part(PartReply::Waiting));
    let Reply::Part(PartReply::Complete(collected)) = world.run(part("m1", 1)).await else {
        panic!("complete");
    };
    assert_eq!(collected.parts, [Some(vec![1]), Some(vec![2])]);
    assert_eq!(
        (collected.head.as_slice(), collected.traceparent.as_str()),
        (b"head".as_slice(), testing::TRACEPARENT)
    );
    // The process died before the text was told: the carrier sends a part again, and it is complete again.
    assert!(matches!(
        world.run(part("m1", 1)).await,
        Reply::Part(PartReply::Complete(_))
    ));
    let overdue = Store::overdue_parts(&world.redis, partition(), NOW_MS, 10)
        .await
        .unwrap();
    assert_eq!(overdue, std::slice::from_ref(&parts));
    let complete = Job::Complete {
        partition: partition(),
        parts: parts.clone(),
        made_of: 2,
        sealed: b"text".to_vec(),
        traceparent: testing::TRACEPARENT.to_owned(),
        audit: AuditEvent::default().encode_to_vec(),
        now_ms: NOW_MS,
    };
    assert_eq!(world.run(complete.clone()).await, Reply::Done);
    assert_eq!(world.run(complete).await, Reply::Before);
    assert_eq!(world.run(part("m1", 1)).await, Reply::Part(PartReply::Seen));
    assert_eq!(world.entries(shared::uplinks(partition())).await.len(), 1);
    assert!(
        Store::overdue_parts(&world.redis, partition(), NOW_MS, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_part_that_comes_while_the_others_are_given_up_is_not_lost() {
    let world = World::new().await;
    let parts = parts_key(partition(), &link(), "tag", "10690", "a7", 2);
    let part = |number: u8| {
        Job::Part(PartJob {
            partition: partition(),
            carrier_message_id: Some(format!("m{number}")),
            parts: parts.clone(),
            number,
            total: 2,
            sealed: vec![number],
            head: b"head".to_vec(),
            traceparent: String::new(),
            deadline_ms: NOW_MS,
        })
    };
    let told = |made_of| Job::Complete {
        partition: partition(),
        parts: parts.clone(),
        made_of,
        sealed: b"text".to_vec(),
        traceparent: String::new(),
        audit: AuditEvent::default().encode_to_vec(),
        now_ms: NOW_MS,
    };
    world.run(part(1)).await;
    let read = world.store.collected(&parts).await.unwrap().unwrap();
    assert_eq!(read.count(), 1);
    assert!(matches!(
        world.run(part(2)).await,
        Reply::Part(PartReply::Complete(_))
    ));
    assert_eq!(world.run(told(read.count())).await, Reply::Outdated);
    assert_eq!(
        Store::overdue_parts(&world.redis, partition(), NOW_MS, 10)
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(world.run(told(2)).await, Reply::Done);
    assert_eq!(world.entries(shared::uplinks(partition())).await.len(), 1);
}

#[tokio::test]
async fn a_segment_that_was_taken_without_an_id_is_found_by_the_only_receipt_that_can_be_its() {
    let world = World::new().await;
    let place = world.taken(&world.store, 1).await;
    world.run(Job::Intent(place.clone(), attempt(1, 1))).await;
    let mut unnamed = submitted(&place, 1, "none-00000005", Left::Last);
    if let Job::Submitted { doubt, .. } = &mut unnamed {
        *doubt = Some(Doubt {
            tag: "tag".to_owned(),
            segment: 1,
            look_at_ms: NOW_MS + 1_000,
        });
    }
    for _ in 0..2 {
        assert_eq!(world.run(unnamed.clone()).await, Reply::Done);
    }
    assert_eq!(world.held(&place).await, 0);
    world.run(receipt("aa", "DELIVRD")).await;
    let about = world.store.doubts_about(partition(), "tag").await.unwrap();
    let (doubt, orphan) = (&about.doubts[0], &about.orphans[0]);
    assert_eq!(
        world.store.settle_doubt(&about, doubt, orphan, NOW_MS).await,
        Ok(1)
    );
    let events = world.events().await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[1].message_id, place.message_id.to_string());
}
