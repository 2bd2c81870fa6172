//! What others make of the record: programs that share no line with it, on files that the real service wrote.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use hongyan_integration_tests::harness::mesh::{Mesh, MeshOptions};
use hongyan_proto::audit::v1::{AppendRequest, AuditEvent};
use tokio::process::Command;
use uuid::Uuid;

use crate::support::OPERATOR;

/// Three levels of files: two full tiles, a partial one, and the one above them.
const EVENTS: usize = 700;
const BATCH: usize = 100;

/// A record with one log of so many events, and nothing else that runs.
async fn recorded(events: usize) -> (Mesh, String) {
    let mesh = Mesh::start(MeshOptions::only("audit-svc").unwrap())
        .await
        .unwrap();
    let mut audit = mesh.client("svc/dispatch").await.unwrap().audit().unwrap();
    let mut log = String::new();
    for first in (0..events).step_by(BATCH) {
        let batch = first..events.min(first + BATCH);
        let event = |nth: usize| AuditEvent {
            event_id: Uuid::now_v7().to_string(),
            occurred_at_unix_ms: 1_763_700_000_000,
            action: "MESSAGE_FINAL".to_owned(),
            outcome: "DELIVERED".to_owned(),
            attributes: [("nth".to_owned(), nth.to_string())].into(),
            ..AuditEvent::default()
        };
        let request = AppendRequest {
            producer: "dispatch-svc-1".to_owned(),
            epoch: 1,
            first_seq: first as u64 + 1,
            wait_published: batch.end == events,
            events: batch.map(event).collect(),
        };
        let answer = audit.append(request).await.unwrap().into_inner();
        log.clone_from(&answer.appended[0].log);
    }
    (mesh, log)
}

/// All files below a directory.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// A program that checks a directory with a key, and its way of being called.
struct Verifier {
    program: PathBuf,
    key_option: &'static [&'static str],
}

impl Verifier {
    /// The one in Python, which needs nothing but Python.
    fn python() -> Self {
        Self {
            program: scripts().join("verify_log.py"),
            key_option: &["--key"],
        }
    }

    /// The one in Go, made of the Go project's own packages; `None` where there is no Go.
    #[allow(clippy::print_stdout, reason = "what was not tried is told")]
    async fn go(out: &Path) -> Option<Self> {
        let program = out.join("verify_log");
        let built = Command::new("go")
            .arg("build")
            .arg("-o")
            .arg(&program)
            .arg(".")
            .current_dir(scripts())
            .output()
            .await;
        let why = match built {
            Ok(built) if built.status.success() => {
                return Some(Self {
                    program,
                    key_option: &[],
                });
            }
            Ok(built) => String::from_utf8_lossy(&built.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        println!("the verifier in Go is not tried: {why}");
        None
    }

    async fn run(&self, dir: &Path, key: &str) -> (Option<i32>, String) {
        let output = Command::new(&self.program)
            .arg(dir)
            .args(self.key_option)
            .arg(key)
            .output()
            .await
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&text).into_owned())
    }
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/verify")
}

/// The middle of a file, or where this text begins in it.
fn flip(path: &Path, at: impl FnOnce(&[u8]) -> usize) -> Vec<u8> {
    let before = fs::read(path).unwrap();
    let mut octets = before.clone();
    let at = at(&octets);
    octets[at] ^= 1;
    fs::write(path, octets).unwrap();
    before
}

#[tokio::test]
async fn programs_of_others_verify_what_the_service_wrote_and_find_every_flipped_bit() {
    let (mesh, log) = recorded(EVENTS).await;
    let out = tempfile::tempdir().unwrap();
    let cli = mesh.cli(OPERATOR).unwrap();
    let whole = out.path().join("whole");
    let exported = cli
        .run(&["audit", "export", &log, whole.to_str().unwrap(), "--json"])
        .await
        .unwrap();
    assert!(exported.success, "{exported:?}");

    // What the service keeps is what was exported, octet by octet; it may still hold partial files of smaller sizes.
    let theirs = files(&mesh.layout.audit_data().join("tiles").join(&log));
    for (name, octets) in files(&whole) {
        assert_eq!(Some(&octets), theirs.get(&name), "{}", name.display());
    }
    let part = out.path().join("part");
    let range = ["--from", "300", "--until", "500"];
    let args = ["audit", "export", &log, part.to_str().unwrap()];
    let exported = cli.run(&[&args[..], &range[..]].concat()).await.unwrap();
    assert!(exported.success, "{exported:?}");

    let head = cli.run(&["audit", "head", "--json"]).await.unwrap().stdout;
    let head: serde_json::Value = serde_json::from_str(&head).unwrap();
    let key = head["logs"][0]["verifier_key"].as_str().unwrap();
    for dir in [&whole, &part] {
        let args = ["audit", "verify", dir.to_str().unwrap(), "--key", key];
        let verified = cli.run(&args).await.unwrap();
        assert!(verified.success, "{verified:?}");
    }
    let python = Verifier::python();
    let (code, text) = python.run(&part, key).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("entries 256 to 512 of 700"), "{text}");
    let mut verifiers = vec![python];
    verifiers.extend(Verifier::go(out.path()).await);
    for verifier in &verifiers {
        finds_every_flipped_bit(verifier, &whole, key).await;
        finds_an_entry_that_was_replaced_with_its_hash(verifier, &whole, key).await;
        does_not_pass_over_a_log_without_its_checkpoint(verifier, &whole, key).await;
    }
    let bundle = part.join("tile/entries/001");
    let before = flip(&bundle, |octets| octets.len() - 1);
    let (code, text) = verifiers[0].run(&part, key).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("first wrong at entry 511"), "{text}");
    fs::write(&bundle, before).unwrap();
}

/// Which octet of a file.
type At<'a> = &'a dyn Fn(&[u8]) -> usize;

async fn finds_every_flipped_bit(verifier: &Verifier, whole: &Path, key: &str) {
    let name = verifier.program.display();
    let (code, text) = verifier.run(whole, key).await;
    assert_eq!(code, Some(0), "{name}: {text}");
    assert!(text.contains("700 entries"), "{name}: {text}");
    // The last octet of a checkpoint's root, and one of its signature; then one file of each kind.
    let line = |nth: usize| {
        move |octets: &[u8]| {
            let ends = octets.iter().enumerate().filter(|(_, octet)| **octet == b'\n');
            ends.map(|(at, _)| at).nth(nth).unwrap() - 5
        }
    };
    let middle = |octets: &[u8]| octets.len() / 2;
    let flips: [(&str, At<'_>, &str); 8] = [
        ("checkpoint", &line(1), "checkpoint"),
        ("checkpoint", &line(2), "checkpoint"),
        ("checkpoint", &line(4), "checkpoint"),
        ("tile/0/001", &middle, "entry"),
        ("tile/0/002.p/188", &middle, "entry"),
        ("tile/1/000.p/2", &middle, "entry"),
        ("tile/entries/001", &middle, "entry"),
        ("tile/entries/002.p/188", &|octets| octets.len() - 1, "entry 699"),
    ];
    for (file, at, told) in flips {
        let path = whole.join(file);
        let before = flip(&path, at);
        let (code, text) = verifier.run(whole, key).await;
        assert_eq!(code, Some(1), "{name}, {file}: {text}");
        assert!(
            text.contains("WRONG") && text.contains(told),
            "{name}, {file}: {text}"
        );
        fs::write(&path, before).unwrap();
    }
    let (code, text) = verifier.run(whole, key).await;
    assert_eq!(code, Some(0), "{name}: {text}");
}

/// Whoever rewrites an entry rewrites its hash as well; the tile above tells. A library that believed a tile of hashes
/// for want of a look at its parent was wrong here (CVE-2026-56865).
async fn finds_an_entry_that_was_replaced_with_its_hash(verifier: &Verifier, whole: &Path, key: &str) {
    let name = verifier.program.display();
    for number in ["000", "001"] {
        let [bundle, hashes] = ["tile/entries", "tile/0"].map(|kind| whole.join(kind).join(number));
        let mut first = 0..0;
        let before = flip(&bundle, |octets| {
            first = 2..2 + usize::from(u16::from_be_bytes([octets[0], octets[1]]));
            first.end - 1
        });
        let entry = &fs::read(&bundle).unwrap()[first];
        let hashes_before = fs::read(&hashes).unwrap();
        let mut octets = hashes_before.clone();
        octets[..32].copy_from_slice(hongyan_tlog::leaf_hash(entry).as_bytes());
        fs::write(&hashes, octets).unwrap();
        let (code, text) = verifier.run(whole, key).await;
        assert_eq!(code, Some(1), "{name}, {number}: {text}");
        assert!(text.contains("first wrong at entry"), "{name}, {number}: {text}");
        fs::write(&bundle, before).unwrap();
        fs::write(&hashes, hashes_before).unwrap();
    }
}

async fn does_not_pass_over_a_log_without_its_checkpoint(verifier: &Verifier, whole: &Path, key: &str) {
    let [there, aside] = ["checkpoint", "aside"].map(|name| whole.join(name));
    fs::rename(&there, &aside).unwrap();
    let (code, text) = verifier.run(whole, key).await;
    assert_eq!(code, Some(1), "{}: {text}", verifier.program.display());
    fs::rename(&aside, &there).unwrap();
}
