//! What became of key files that were damaged, cut or put back: named, and never read as another key.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt as _,
    path::Path,
};

use super::{House, PERSONAL, close, earlier, key_of_earlier, now, opened, order, slots, taken_in};
use crate::keys::{
    KeysError, Sealed, file,
    keeper::{Command, Keeper},
    slot::{SLOT_OCTETS, State},
};

fn flip(path: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut octet = [0];
    file.read_exact_at(&mut octet, at).unwrap();
    file.write_all_at(&[octet[0] ^ 1], at).unwrap();
}

#[tokio::test]
async fn an_order_that_is_damaged_is_named() {
    let house = House::new();
    let first = house.open().await;
    let order = order(1);
    first.keys.erase(&order).await.unwrap();
    let folder = house.path("keys/erasing");
    let path = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    flip(&path, 20);
    let error = first.keys.unfinished().await.unwrap_err();
    assert!(
        matches!(&error, KeysError::NoOrder(named) if *named == path),
        "{error}"
    );
}

#[tokio::test]
async fn a_flipped_bit_is_named_and_never_read_as_a_key() {
    let house = House::new();
    let first = house.open().await;
    let event = taken_in(&first.keys, house.event(1)).await;
    taken_in(&first.keys, house.event(2)).await;
    // In the tag, the id, the wrapped key.
    for at in [20, 50, 100] {
        flip(&house.file(), SLOT_OCTETS as u64 + at);
        assert_eq!(
            first.keys.look_into(&event, true).await.unwrap(),
            Sealed::Unreadable
        );
        let sealing = first.keys.take_in([&mut house.event(1)].into_iter()).await;
        assert!(
            matches!(sealing, Err(KeysError::Damaged { slot: 1, .. })),
            "{sealing:?}"
        );
        assert!(
            first
                .keys
                .take_in([&mut house.event(2)].into_iter())
                .await
                .unwrap()
                .is_empty()
        );
        flip(&house.file(), SLOT_OCTETS as u64 + at);
    }
    assert_eq!(opened(&first.keys, &event).await.as_deref(), Some(PERSONAL));
    close(first).await;
    for (at, slot) in [
        (3, 0),
        (SLOT_OCTETS as u64 + 100, 1),
        (SLOT_OCTETS as u64 * 2 + 255, 2),
    ] {
        flip(&house.file(), at);
        let refused = house.try_open().await.unwrap_err();
        assert!(
            matches!(&refused, KeysError::Damaged { path, slot: named, .. } if *path == house.file() && *named == slot),
            "{refused}"
        );
        flip(&house.file(), at);
    }
    close(house.open().await).await;
}

#[tokio::test]
async fn damage_in_an_earlier_file_hides_no_other_key_from_an_erasure() {
    let house = House::new();
    for person in [1, 2, 1] {
        key_of_earlier(&house, person).await;
    }
    key_of_earlier(&house, 3).await;
    let path = file::path(&house.path("keys"), earlier());
    let opened = house.open().await;
    // A newer file, so that the damaged one is an earlier.
    taken_in(&opened.keys, house.event(1)).await;
    flip(&path, SLOT_OCTETS as u64 * 2 + 90);
    let order = order(3);
    let refused = opened.keys.erase(&order).await.unwrap_err();
    assert!(matches!(refused, KeysError::Damaged { slot: 2, .. }), "{refused}");
    flip(&path, SLOT_OCTETS as u64 * 2 + 90);
    let of_three = slots(&path).into_iter().find(|slot| slot.tag == [3; 32]).unwrap();
    assert!(matches!(of_three.state, State::Destroyed { .. }));
    assert_eq!(
        opened.keys.unfinished().await.unwrap(),
        std::slice::from_ref(&order)
    );
    assert_eq!(opened.keys.finish(&order).await.unwrap().keys, 1);
}

#[tokio::test]
async fn what_a_crash_left_at_the_end_was_never_used() {
    let house = House::new();
    let first = house.open().await;
    let event = taken_in(&first.keys, house.event(1)).await;
    close(first).await;
    let whole = fs::read(house.file()).unwrap();
    // A cut slot; slots that have their room and not their octets; both.
    let tails = [
        vec![1_u8; 100],
        vec![0; 2 * SLOT_OCTETS],
        vec![0; SLOT_OCTETS + 7],
    ];
    for tail in tails {
        let mut torn = whole.clone();
        torn.extend_from_slice(&tail);
        fs::write(house.file(), &torn).unwrap();
        let next = house.open().await;
        assert_eq!(opened(&next.keys, &event).await.as_deref(), Some(PERSONAL));
        let new = taken_in(&next.keys, house.event(2)).await;
        assert_eq!(opened(&next.keys, &new).await.as_deref(), Some(PERSONAL));
        close(next).await;
        close(house.open().await).await;
    }
    // In front of a slot that was synced later there are no zeros.
    let next = house.open().await;
    taken_in(&next.keys, house.event(3)).await;
    close(next).await;
    let mut zeroed = fs::read(house.file()).unwrap();
    zeroed[SLOT_OCTETS..2 * SLOT_OCTETS].fill(0);
    fs::write(house.file(), &zeroed).unwrap();
    let refused = house.try_open().await.unwrap_err();
    assert!(matches!(refused, KeysError::Damaged { slot: 1, .. }), "{refused}");
}

#[tokio::test]
async fn a_file_that_was_put_back_older_is_missing_keys_and_has_no_wrong_ones() {
    let house = House::new();
    let first = house.open().await;
    taken_in(&first.keys, house.event(1)).await;
    close(first).await;
    let older = fs::read(house.file()).unwrap();
    let second = house.open().await;
    let lost = taken_in(&second.keys, house.event(2)).await;
    close(second).await;
    fs::write(house.file(), &older).unwrap();
    let third = house.open().await;
    assert_eq!(
        third.keys.look_into(&lost, true).await.unwrap(),
        Sealed::Unreadable
    );
    // Another person's key comes to stand in the same slot, then the same person's.
    for person in [3, 2] {
        taken_in(&third.keys, house.event(person)).await;
        assert_eq!(
            third.keys.look_into(&lost, true).await.unwrap(),
            Sealed::Unreadable
        );
    }
}

#[tokio::test]
async fn a_disk_that_refuses_ends_the_thread_and_nobody_gets_a_key() {
    let house = House::new();
    let first = house.open().await;
    taken_in(&first.keys, house.event(1)).await;
    close(first).await;
    let (_, kek) = house.keyrings().await;
    let mut keeper = Keeper::open(&house.path("keys"), kek).unwrap();
    keeper.fill_disk();
    let (commands, queue) = tokio::sync::mpsc::channel(1);
    let (answer, answered) = tokio::sync::oneshot::channel();
    let thread = std::thread::spawn(move || keeper.run(queue));
    let command = Command::Keys {
        period: now(),
        tags: vec![[2; 32]],
        answer,
    };
    commands
        .send(command)
        .await
        .unwrap_or_else(|_| panic!("the thread ended"));
    assert!(answered.await.is_err(), "no answer");
    assert!(matches!(
        thread.join().unwrap(),
        Err(KeysError::Io { doing: "writing", .. })
    ));
}
