//! Keyrings for tests.

use std::{fs, path::Path, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hongyan_chassis::LiveKeyring;
use hongyan_config::SecretFile;
use hongyan_envelope::Keyring;

use hongyan_proto::audit::v1::AuditEvent;
use tokio::sync::{mpsc, oneshot};

use super::{
    KeysError, OpenedKeys,
    file::{self, KeyFile},
    intake::PRODUCERS_CONTEXT,
    keeper::{Command, Keeper},
    sealed::{self, SubjectKey},
    wrapping,
};
use crate::record::{Period, now_unix_ms};

/// A key file with keys of one repeated octet each, the last one active.
pub(crate) fn keyring(keys: &[(&str, u8)], tag: u8) -> String {
    let key = |octet: u8| STANDARD.encode([octet; 32]);
    let active = keys.last().map_or("", |(id, _)| id);
    let keys: Vec<_> = keys
        .iter()
        .map(|(id, octet)| format!("\"{id}\": \"{}\"", key(*octet)))
        .collect();
    format!(
        "{{\"active\": \"{active}\", \"keys\": {{{}}}, \"tag_key\": \"{}\"}}",
        keys.join(", "),
        key(tag)
    )
}

/// What producers seal with.
pub(crate) fn mesh() -> String {
    keyring(&[("m1", 1)], 2)
}

/// What wraps keys at first.
pub(crate) fn kek() -> String {
    keyring(&[("kek1", 3)], 4)
}

/// Personal data as a producer submits it.
pub(crate) fn sealed(personal: &[u8]) -> Bytes {
    let mesh = Keyring::parse(&mesh()).unwrap();
    mesh.seal(PRODUCERS_CONTEXT, personal).unwrap().into()
}

fn write_keyrings(dir: &Path) {
    fs::create_dir_all(dir).unwrap();
    for (name, text) in [("mesh.json", mesh()), ("kek.json", kek())] {
        let path = dir.join(name);
        if !path.exists() {
            fs::write(&path, text).unwrap();
        }
    }
}

/// Opens the keys in `dir/keys`; their keyrings are written where they are missing.
pub(crate) async fn open(dir: &Path) -> Result<OpenedKeys, KeysError> {
    write_keyrings(dir);
    let mut keyrings = Vec::new();
    for name in ["mesh.json", "kek.json"] {
        let file = SecretFile::new(dir.join(name));
        keyrings.push(LiveKeyring::load(file).await.unwrap());
    }
    let kek = keyrings.pop().unwrap();
    let mesh = keyrings.pop().unwrap();
    super::open(
        &dir.join("keys"),
        "hongyan.test",
        mesh,
        kek,
        Arc::new(now_unix_ms),
    )
}

/// Makes a person's key of any half-year in `dir/keys`, which nobody else has open.
pub(crate) async fn key_of(dir: &Path, period: Period, person: u8) {
    write_keyrings(dir);
    let kek = LiveKeyring::load(SecretFile::new(dir.join("kek.json")))
        .await
        .unwrap();
    fs::create_dir_all(dir.join("keys")).unwrap();
    let keeper = Keeper::open(&dir.join("keys"), kek).unwrap();
    let (commands, queue) = mpsc::channel(1);
    let (answer, answered) = oneshot::channel();
    let thread = std::thread::spawn(move || keeper.run(queue));
    let tags = vec![[person; 32]];
    let command = Command::Keys { period, tags, answer };
    commands
        .send(command)
        .await
        .unwrap_or_else(|_| panic!("the thread ended"));
    answered.await.unwrap().unwrap();
    drop(commands);
    thread.join().unwrap().unwrap();
}

/// Tries to open the personal data of events with all that there is below `dir`: the mesh's keyring, the key-encryption
/// keys themselves, and every key in every slot that opens under them. As whoever got hold of everything would.
pub(crate) fn open_with_everything(dir: &Path, events: &[AuditEvent]) -> Vec<Option<Vec<u8>>> {
    let rings = ["mesh.json", "kek.json"]
        .map(|name| Keyring::parse(&fs::read_to_string(dir.join(name)).unwrap()).unwrap());
    let keys_dir = dir.join("keys");
    let mut keys = Vec::new();
    for period in file::periods(&keys_dir).unwrap() {
        let file = KeyFile::open_earlier(&keys_dir, period).unwrap();
        let mut slots = Vec::new();
        file.scan(1, u32::MAX, |slot| slots.push(slot)).unwrap();
        let opened = slots
            .iter()
            .filter_map(|slot| wrapping::unwrap(&rings[1], period, file.path(), slot).ok());
        keys.extend(opened);
    }
    let open = |event: &AuditEvent| {
        let under_ring = rings
            .iter()
            .find_map(|ring| ring.open(PRODUCERS_CONTEXT, &event.sealed).ok());
        let under_key = || {
            // Whatever key the event names: any might have been copied to another slot.
            keys.iter().find_map(|key| {
                let needed = sealed::needed(&event.sealed)?;
                let tried = SubjectKey {
                    period: needed.period,
                    id: needed.id,
                    key: key.key.clone(),
                };
                sealed::open(&tried, "hongyan.test", event)
            })
        };
        under_ring.or_else(under_key).map(|personal| personal.to_vec())
    };
    events.iter().map(open).collect()
}
