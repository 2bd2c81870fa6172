//! Segments whose id is known before they leave: a receipt finds them whatever becomes of the process.

use super::*;
use crate::store::Reserved;

const ID: &str = "b3696dd3487cb03700000001";

fn reserving(segment: u8, number: u32) -> Attempt {
    Attempt {
        reserved: Some(Reserved {
            carrier_message_id: ID.to_owned(),
            traceparent: testing::TRACEPARENT.to_owned(),
        }),
        ..attempt(segment, number)
    }
}

fn matched(place: &Place, segment: u8) -> Reply {
    Reply::Receipt(ReceiptReply::Matched {
        message_id: place.message_id.to_string(),
        segment: segment.to_string(),
        traceparent: testing::TRACEPARENT.to_owned(),
    })
}

/// What dispatch was told, in order.
async fn told(world: &World) -> Vec<String> {
    let name = |event: LinkEvent| match event.event.unwrap() {
        Event::Submitted(submitted) => format!("submitted {}", submitted.carrier_message_id),
        Event::Receipt(receipt) => receipt.stat,
        Event::Uncertain(_) => "uncertain".to_owned(),
        other => panic!("{other:?}"),
    };
    world.events().await.into_iter().map(name).collect()
}

#[tokio::test]
async fn a_receipt_that_overtakes_the_answer_is_told_and_the_answer_behind_it_once() {
    let world = World::new().await;
    let place = world.taken(&world.store, 1).await;
    world.run(Job::Intent(place.clone(), reserving(1, 1))).await;
    assert_eq!(world.run(receipt(ID, "DELIVRD")).await, matched(&place, 1));
    for _ in 0..2 {
        assert_eq!(
            world.run(receipt(ID, "DELIVRD")).await,
            Reply::Receipt(ReceiptReply::Duplicate)
        );
    }
    for _ in 0..2 {
        assert_eq!(world.run(submitted(&place, 1, ID, Left::Last)).await, Reply::Done);
    }
    // Still the same receipt.
    assert_eq!(
        world.run(receipt(ID, "DELIVRD")).await,
        Reply::Receipt(ReceiptReply::Duplicate)
    );
    assert_eq!(
        told(&world).await,
        ["DELIVRD".to_owned(), format!("submitted {ID}")]
    );
    assert_eq!(world.audit().await.len(), 2);
}

#[tokio::test]
async fn the_answer_first_and_the_receipt_behind_it() {
    let world = World::new().await;
    let place = world.taken(&world.store, 1).await;
    world.run(Job::Intent(place.clone(), reserving(1, 1))).await;
    world.run(submitted(&place, 1, ID, Left::Last)).await;
    assert_eq!(world.run(receipt(ID, "DELIVRD")).await, matched(&place, 1));
    assert_eq!(
        told(&world).await,
        [format!("submitted {ID}"), "DELIVRD".to_owned()]
    );
}

#[tokio::test]
async fn the_receipt_of_a_submit_that_nobody_lived_to_see_answered_finds_its_message_and_ends_its_doubt() {
    let world = World::new().await;
    let place = world.taken(&world.store, 1).await;
    world.run(Job::Intent(place.clone(), reserving(1, 1))).await;
    // The process is gone; who reclaims the message finds the intent.
    let other = world.another();
    let group = other.join(MessageClass::Notice).await.unwrap();
    assert_eq!(group.reclaim(0, 10).await.unwrap().len(), 1);
    assert_eq!(run(&other, &settle(&place, None)).await, Reply::Done);
    assert_eq!(
        other.doubts_about(partition(), "tag").await.unwrap().doubts.len(),
        1
    );
    assert_eq!(run(&other, &receipt(ID, "DELIVRD")).await, matched(&place, 1));
    assert!(
        other
            .doubts_about(partition(), "tag")
            .await
            .unwrap()
            .doubts
            .is_empty()
    );
    assert_eq!(told(&world).await, ["uncertain", "DELIVRD"]);
}

#[tokio::test]
async fn what_did_not_leave_has_no_receipt() {
    let world = World::new().await;
    let place = world.taken(&world.store, 1).await;
    world.run(Job::Intent(place.clone(), reserving(1, 1))).await;
    assert_eq!(
        world.run(Job::Clear(place.clone(), reserving(1, 1))).await,
        Reply::Done
    );
    assert_eq!(
        world.run(receipt(ID, "DELIVRD")).await,
        Reply::Receipt(ReceiptReply::Parked)
    );
}

#[tokio::test]
async fn who_does_not_hold_the_message_reserves_nothing() {
    let world = World::new().await;
    let place = world.taken(&world.store, 1).await;
    let other = world.another();
    assert_eq!(
        run(&other, &Job::Intent(place.clone(), reserving(1, 1))).await,
        Reply::Lost
    );
    assert_eq!(
        world.run(receipt(ID, "DELIVRD")).await,
        Reply::Receipt(ReceiptReply::Parked)
    );
}

#[tokio::test]
async fn the_intent_of_a_further_attempt_is_taken_back_and_the_id_of_the_first_one_is_kept() {
    let world = World::new().await;
    let place = world.taken(&world.store, 1).await;
    world.run(Job::Intent(place.clone(), reserving(1, 1))).await;
    world.run(settle(&place, Some(1))).await;
    world.run(Job::Intent(place.clone(), reserving(1, 2))).await;
    assert_eq!(
        world.run(Job::Clear(place.clone(), reserving(1, 2))).await,
        Reply::Done
    );
    assert_eq!(world.run(receipt(ID, "DELIVRD")).await, matched(&place, 1));
}
