//! Keys against a real directory.

mod damage;

use std::{
    fs,
    path::{Path, PathBuf},
};

use hongyan_chassis::LiveKeyring;
use hongyan_config::SecretFile;
use hongyan_envelope::Keyring;
use hongyan_proto::audit::v1::AuditEvent;
use uuid::Uuid;

use super::{
    KEY_DESTROYED, KeysError, OpenedKeys, Order, Sealed, SubjectKeys,
    file::{self, KeyFile},
    intake::{PRODUCERS_CONTEXT, Refused},
    keeper::Command,
    slot::{SLOT_OCTETS, Slot, State},
    testing::{self, keyring},
};
use crate::record::{Period, Submission, now_unix_ms};

const PERSONAL: &[u8] = "张三 13800138000 11010519491231002X".as_bytes();

/// A directory with its keyrings.
struct House {
    dir: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("mesh.json"), testing::mesh()).unwrap();
        fs::write(dir.path().join("kek.json"), testing::kek()).unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn wrap_under(&self, keys: &[(&str, u8)]) {
        fs::write(self.path("kek.json"), keyring(keys, 4)).unwrap();
    }

    async fn keyrings(&self) -> (LiveKeyring, LiveKeyring) {
        let load = async |name| LiveKeyring::load(SecretFile::new(self.path(name))).await.unwrap();
        (load("mesh.json").await, load("kek.json").await)
    }

    async fn try_open(&self) -> Result<OpenedKeys, KeysError> {
        let opened = testing::open(self.dir.path()).await?;
        // There is no record to compare them with.
        opened.keys.are_compared();
        Ok(opened)
    }

    async fn open(&self) -> OpenedKeys {
        self.try_open().await.unwrap()
    }

    fn file(&self) -> PathBuf {
        file::path(&self.path("keys"), now())
    }

    fn mesh(&self) -> Keyring {
        Keyring::parse(&fs::read_to_string(self.path("mesh.json")).unwrap()).unwrap()
    }

    /// An event about a person, as a producer submits it.
    fn event(&self, person: u8) -> AuditEvent {
        AuditEvent {
            event_id: Uuid::now_v7().to_string(),
            action: "VERIFY_ANSWERED".into(),
            subject_tag: vec![person; 32].into(),
            sealed: self.mesh().seal(PRODUCERS_CONTEXT, PERSONAL).unwrap().into(),
            ..AuditEvent::default()
        }
    }
}

fn now() -> Period {
    Period::of(now_unix_ms())
}

fn earlier() -> Period {
    Period::of(now_unix_ms() - 200 * 24 * 3_600_000)
}

fn order(person: u8) -> Order {
    Order::new(AuditEvent {
        event_id: Uuid::now_v7().to_string(),
        action: KEY_DESTROYED.into(),
        subject_tag: vec![person; 32].into(),
        ..AuditEvent::default()
    })
    .unwrap()
}

async fn close(opened: OpenedKeys) {
    drop(opened.keys);
    opened.ended.await.unwrap().unwrap();
}

async fn taken_in(keys: &SubjectKeys, mut event: AuditEvent) -> AuditEvent {
    assert_eq!(keys.take_in([&mut event].into_iter()).await.unwrap(), []);
    event
}

async fn opened(keys: &SubjectKeys, event: &AuditEvent) -> Option<Vec<u8>> {
    match keys.look_into(event, true).await.unwrap() {
        Sealed::Open(personal) => personal.map(|personal| personal.to_vec()),
        _ => None,
    }
}

/// A key in the file of a half-year that has ended.
async fn key_of_earlier(house: &House, person: u8) {
    testing::key_of(house.dir.path(), earlier(), person).await;
}

fn slots(path: &Path) -> Vec<Slot> {
    let octets = fs::read(path).unwrap();
    let (slots, rest) = octets.as_chunks::<SLOT_OCTETS>();
    assert!(rest.is_empty());
    (1..)
        .zip(&slots[1..])
        .map(|(number, octets)| Slot::decode(number, octets).unwrap())
        .collect()
}

#[tokio::test]
async fn a_persons_data_is_under_one_key_a_period_and_opens_after_a_start() {
    let house = House::new();
    let first = house.open().await;
    let plain = AuditEvent::default();
    assert_eq!(taken_in(&first.keys, plain.clone()).await, plain);
    assert!(!house.file().exists(), "who brings no personal data needs no key");
    let one = taken_in(&first.keys, house.event(1)).await;
    let two = taken_in(&first.keys, house.event(1)).await;
    let other = taken_in(&first.keys, house.event(2)).await;
    assert_eq!(one.sealed[..23], two.sealed[..23], "the same key");
    assert_ne!(one.sealed[..23], other.sealed[..23]);
    assert!(house.mesh().open(PRODUCERS_CONTEXT, &one.sealed).is_err());
    close(first).await;

    let second = house.open().await;
    for event in [&one, &two, &other] {
        assert_eq!(
            second.keys.look_into(event, false).await.unwrap(),
            Sealed::Open(None)
        );
        assert_eq!(opened(&second.keys, event).await.as_deref(), Some(PERSONAL));
    }
    let again = taken_in(&second.keys, house.event(1)).await;
    assert_eq!(again.sealed[..23], one.sealed[..23]);
    assert_eq!(slots(&house.file()).len(), 2);
}

#[tokio::test]
async fn what_the_mesh_did_not_seal_for_the_record_is_refused_and_left_as_it_came() {
    let house = House::new();
    let OpenedKeys { keys, .. } = house.open().await;
    let garbage = AuditEvent {
        sealed: vec![7; 100].into(),
        ..house.event(1)
    };
    let other_context = AuditEvent {
        sealed: house.mesh().seal(b"uplink", PERSONAL).unwrap().into(),
        ..house.event(1)
    };
    let other_house = Keyring::parse(&keyring(&[("m9", 9)], 2)).unwrap();
    let unknown_key = AuditEvent {
        sealed: other_house.seal(PRODUCERS_CONTEXT, PERSONAL).unwrap().into(),
        ..house.event(1)
    };
    let no_subject = AuditEvent {
        subject_tag: Vec::new().into(),
        ..house.event(1)
    };
    let mut events = [
        house.event(1),
        garbage,
        other_context,
        no_subject,
        unknown_key,
        AuditEvent::default(),
    ];
    let before = events.clone();
    let refused = keys.take_in(events.iter_mut()).await.unwrap();
    let as_it_is = [
        (1, Refused::NotOurs),
        (2, Refused::NotOurs),
        (3, Refused::NoSubject),
        (4, Refused::UnknownKey),
    ];
    assert_eq!(refused, as_it_is);
    assert_eq!(events[1..], before[1..]);
    assert_eq!(opened(&keys, &events[0]).await.as_deref(), Some(PERSONAL));
}

#[tokio::test]
async fn a_key_that_producers_met_first_is_met_on_the_way() {
    let house = House::new();
    let OpenedKeys { keys, .. } = house.open().await;
    fs::write(house.path("mesh.json"), keyring(&[("m1", 1), ("m2", 5)], 2)).unwrap();
    let event = taken_in(&keys, house.event(1)).await;
    assert_eq!(opened(&keys, &event).await.as_deref(), Some(PERSONAL));
}

#[tokio::test]
async fn requests_side_by_side_share_a_subjects_one_key() {
    let house = House::new();
    let OpenedKeys { keys, .. } = house.open().await;
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let (keys, event) = (keys.clone(), house.event(n % 10));
            tokio::spawn(async move { taken_in(&keys, event).await })
        })
        .collect();
    for task in tasks {
        let event = task.await.unwrap();
        assert_eq!(opened(&keys, &event).await.as_deref(), Some(PERSONAL));
    }
    assert_eq!(slots(&house.file()).len(), 10);
}

#[tokio::test]
async fn after_an_erasure_nothing_of_the_person_opens_and_everybody_elses_does() {
    let house = House::new();
    key_of_earlier(&house, 1).await;
    key_of_earlier(&house, 2).await;
    let first = house.open().await;
    let gone = taken_in(&first.keys, house.event(1)).await;
    let stays = taken_in(&first.keys, house.event(2)).await;
    let order = order(1);
    let destroyed = first.keys.erase(&order).await.unwrap();
    assert_eq!((destroyed.keys, &destroyed.periods), (2, &vec![earlier(), now()]));
    first.keys.forget(&order).await.unwrap();
    assert_eq!(first.keys.look_into(&gone, true).await.unwrap(), Sealed::Erased);
    assert_eq!(first.keys.look_into(&gone, false).await.unwrap(), Sealed::Erased);
    assert_eq!(opened(&first.keys, &stays).await.as_deref(), Some(PERSONAL));
    // New data about the person has a new key.
    let new = taken_in(&first.keys, house.event(1)).await;
    assert_ne!(new.sealed[..23], gone.sealed[..23]);
    assert_eq!(opened(&first.keys, &new).await.as_deref(), Some(PERSONAL));
    // A second order finds that one, a third none.
    for keys in [1, 0] {
        assert_eq!(first.keys.erase(&self::order(1)).await.unwrap().keys, keys);
    }
    close(first).await;
    let living = |path: &Path| {
        let living = |slot: &Slot| matches!(slot.state, State::Live { .. });
        slots(path)
            .into_iter()
            .filter(living)
            .map(|slot| slot.tag[0])
            .collect::<Vec<_>>()
    };
    assert_eq!(living(&house.file()), [2]);
    assert_eq!(living(&file::path(&house.path("keys"), earlier())), [2]);
    let second = house.open().await;
    assert_eq!(second.keys.look_into(&gone, true).await.unwrap(), Sealed::Erased);
    assert_eq!(opened(&second.keys, &stays).await.as_deref(), Some(PERSONAL));
}

#[tokio::test]
async fn an_order_that_a_kill_left_is_finished_with_what_it_had_destroyed_before() {
    let house = House::new();
    key_of_earlier(&house, 1).await;
    let first = house.open().await;
    let event = taken_in(&first.keys, house.event(1)).await;
    let order = order(1);
    assert_eq!(first.keys.erase(&order).await.unwrap().keys, 2);
    close(first).await;
    // The process ended before it could say so; and once more while it finished.
    for _ in 0..2 {
        let next = house.open().await;
        let orders = next.keys.unfinished().await.unwrap();
        assert_eq!(orders, std::slice::from_ref(&order));
        let destroyed = next.keys.finish(&orders[0]).await.unwrap();
        assert_eq!((destroyed.keys, &destroyed.periods), (2, &vec![earlier(), now()]));
        let Submission::Numbered(numbered) = order.done(&destroyed) else {
            panic!("not numbered")
        };
        assert_eq!((&*numbered.producer, numbered.seq), ("audit-svc/erasures", 1));
        assert!(numbered.producer.starts_with(crate::record::ONCE));
        assert_eq!(numbered.event.attributes["keys_destroyed"], "2");
        assert_eq!(
            numbered.event.attributes["periods"],
            format!("{} {}", earlier(), now())
        );
        assert_eq!(next.keys.look_into(&event, true).await.unwrap(), Sealed::Erased);
        close(next).await;
    }
    // Killed before the first key was destroyed: the order alone is there.
    let last = house.open().await;
    let living = taken_in(&last.keys, house.event(1)).await;
    last.keys.forget(&order).await.unwrap();
    assert!(last.keys.unfinished().await.unwrap().is_empty());
    let second = self::order(1);
    last.keys.erase(&second).await.unwrap();
    close(last).await;
    let last = house.open().await;
    assert_eq!(last.keys.unfinished().await.unwrap(), [second]);
    assert_eq!(last.keys.look_into(&living, true).await.unwrap(), Sealed::Erased);
}

#[tokio::test]
async fn the_wrapping_key_rotates_while_keys_are_made_and_used() {
    let house = House::new();
    let first = house.open().await;
    let mut events = Vec::new();
    for n in 0..30 {
        events.push(taken_in(&first.keys, house.event(n)).await);
    }
    first.keys.erase(&order(7)).await.unwrap();
    house.wrap_under(&[("kek1", 3), ("kek2", 6)]);
    first.keys.kek.reload().await.unwrap();
    let end = tokio_util::sync::CancellationToken::new();
    let pass = tokio::spawn(first.keys.clone().keep_wrapped(end.clone()));
    events.push(taken_in(&first.keys, house.event(30)).await);
    let under_new = |slot: &Slot| match &slot.state {
        State::Live { wrapped } => hongyan_envelope::key_id(wrapped) == Ok("kek2"),
        _ => true,
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), async {
        while !slots(&house.file()).iter().all(under_new) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    end.cancel();
    pass.await.unwrap();
    close(first).await;
    // The old one can go.
    house.wrap_under(&[("kek2", 6)]);
    let second = house.open().await;
    for (n, event) in events.iter().enumerate() {
        let found = opened(&second.keys, event).await;
        assert_eq!(found.as_deref(), (n != 7).then_some(PERSONAL), "{n}");
    }
    close(second).await;
}

#[tokio::test]
async fn a_start_without_the_wrapping_key_or_with_another_is_refused_and_says_which() {
    let house = House::new();
    let first = house.open().await;
    let event = taken_in(&first.keys, house.event(1)).await;
    close(first).await;
    let before = std::fs::read(house.file()).unwrap();
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(house.file()).unwrap().permissions());
    assert_eq!(mode & 0o077, 0, "nobody else reads it");
    for (keys, told) in [
        ([("kek2", 6)], "needs key kek1"),
        ([("kek1", 6)], "slot 1 does not open"),
    ] {
        house.wrap_under(&keys);
        let error = house.try_open().await.unwrap_err().to_string();
        assert!(error.contains(told) && error.contains("keys.kek_file"), "{error}");
        assert_eq!(std::fs::read(house.file()).unwrap(), before);
    }
    house.wrap_under(&[("kek1", 3), ("kek2", 6)]);
    let second = house.open().await;
    assert_eq!(opened(&second.keys, &event).await.as_deref(), Some(PERSONAL));
}

#[tokio::test]
async fn one_process_has_the_directory() {
    let house = House::new();
    let first = house.open().await;
    assert!(matches!(house.try_open().await, Err(KeysError::Locked(_))));
    close(first).await;
    close(house.open().await).await;
}

#[tokio::test]
async fn a_clock_that_goes_back_makes_no_key_for_a_period_that_has_ended() {
    let house = House::new();
    let OpenedKeys { keys, .. } = house.open().await;
    let event = taken_in(&keys, house.event(1)).await;
    let late = keys
        .ask(|answer| Command::Keys {
            period: earlier(),
            tags: vec![[1; 32]],
            answer,
        })
        .await
        .unwrap();
    assert_eq!(late[0].period, now());
    assert_eq!(event.sealed[7..23], late[0].id.0);
    assert!(KeyFile::open_earlier(&house.path("keys"), earlier()).is_err());
}

#[tokio::test]
async fn a_half_year_whose_time_is_over_loses_all_its_keys_at_once() {
    let house = House::new();
    for person in 1..=3 {
        key_of_earlier(&house, person).await;
    }
    let path = file::path(&house.path("keys"), earlier());
    let first = house.open().await;
    let event = taken_in(&first.keys, house.event(1)).await;
    assert_eq!(first.keys.periods().await.unwrap(), [earlier(), now()]);
    // Killed between the two steps: renamed, and not overwritten.
    fs::copy(&path, house.path("keys/2020h1.keys.expired")).unwrap();
    first.keys.expire(earlier()).await.unwrap();
    first.keys.expire(earlier()).await.unwrap();
    assert_eq!(first.keys.periods().await.unwrap(), [now()]);
    let names = fs::read_dir(house.path("keys")).unwrap();
    let names: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("keys"))
        .collect();
    assert_eq!(names, [format!("{}.keys", now())]);
    assert_eq!(opened(&first.keys, &event).await.as_deref(), Some(PERSONAL));
    assert_eq!(first.keys.erase(&order(2)).await.unwrap().keys, 0);
    // The newest may go as well, where nothing came for so long.
    first.keys.expire(now()).await.unwrap();
    assert_eq!(
        first.keys.look_into(&event, true).await.unwrap(),
        Sealed::Unreadable
    );
    let new = taken_in(&first.keys, house.event(1)).await;
    assert_eq!(opened(&first.keys, &new).await.as_deref(), Some(PERSONAL));
}
