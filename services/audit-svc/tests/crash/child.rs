//! The process that is killed: a record with its logs, and those who write to it.

use std::{
    collections::BTreeMap,
    env,
    io::Write as _,
    path::{Path, PathBuf},
    process::exit,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hongyan_audit_svc::{
    publish::TileStore,
    record::{Host, Numbered, Placed, Record, Submission},
    recovery::{Places, Recovered, RecoveryError, recover},
    upkeep,
};
use hongyan_proto::audit::v1::AuditEvent;
use hongyan_tlog::key::{Algorithm, Signer};
use rustix::process::{Signal, getpid, kill_process};
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

pub(crate) const ORGANISATION: &str = "hongyan.test";
pub(crate) const DIR: &str = "HONGYAN_CRASH_DIR";
/// `<name>:<nth>`: dies when it comes to this place for the nth time.
pub(crate) const POINT: &str = "HONGYAN_CRASH_POINT";
/// `<name>=<actions>`: what else happens at a place, in the words of the crate `fail`.
pub(crate) const ACTIONS: &str = "HONGYAN_CRASH_ACTIONS";
/// `<producer>=<seq>,…`: who writes, and from which number on. Nobody where it is empty.
pub(crate) const LOAD: &str = "HONGYAN_CRASH_LOAD";
/// What dice say.
pub(crate) const SEED: &str = "HONGYAN_CRASH_SEED";
/// Exit codes: the start was refused; the record or the publisher ended.
pub(crate) const REFUSED: i32 = 3;
pub(crate) const ENDED: i32 = 4;
/// So small that segments come and go all the time.
pub(crate) const SEGMENT_OCTETS: u64 = 64 << 10;
pub(crate) const EPOCH: u64 = 7;

pub(crate) fn signer() -> Signer {
    Signer::from_seed("audit.hongyan.test", Algorithm::Ed25519, &[7; 32]).unwrap()
}

/// Opens the record in a directory. Not on an async thread.
pub(crate) fn open(dir: &Path, runtime: Handle) -> Result<Recovered, RecoveryError> {
    open_with(dir, SEGMENT_OCTETS, runtime)
}

/// The same, with segments of this size.
pub(crate) fn open_with(
    dir: &Path,
    segment_octets: u64,
    runtime: Handle,
) -> Result<Recovered, RecoveryError> {
    let places = Places {
        journal: dir.join("log"),
        segment_octets,
        locks: dir.join("locks"),
        tiles: TileStore::open(&dir.join("tiles"))?,
        organisation: ORGANISATION.to_owned(),
        signer: signer(),
        witnesses: None,
    };
    let host = Host::new(Arc::from("audit-svc-crash"), 1, "spiffe://hongyan.test/svc/audit");
    recover(places, host, runtime)
}

/// Numbers that follow from a seed (xorshift64*, Vigna 2016).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// One of `0..sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }
}

/// The event that a producer has under a number, which is always the same one.
pub(crate) fn event(producer: &str, seq: u64) -> AuditEvent {
    let mut dice = Dice::of(seq ^ producer.len() as u64);
    let actions = [
        "MESSAGE_ACCEPTED",
        "MESSAGE_FINAL",
        "VERIFY_ANSWERED",
        "RECORD_QUERIED",
    ];
    AuditEvent {
        event_id: format!("0197a1b2-c3d4-7000-8000-{seq:012x}"),
        occurred_at_unix_ms: 1_763_700_000_000,
        action: actions[dice.roll(10).min(3) as usize].to_owned(),
        actor: format!("spiffe://hongyan.test/svc/{producer}"),
        attributes: [("filler".to_owned(), "x".repeat(dice.roll(600) as usize))].into(),
        ..AuditEvent::default()
    }
}

/// One line to whoever watches, in one write: a kill leaves it whole or not at all.
fn say(line: &str) {
    let mut error = std::io::stderr().lock();
    let _ = error.write_all(format!("@{line}\n").as_bytes());
}

pub(crate) fn run_if_asked() {
    let Some(dir) = env::var_os(DIR).map(PathBuf::from) else {
        return;
    };
    if let Ok(point) = env::var(POINT) {
        die_at(&point);
    }
    if let Ok(actions) = env::var(ACTIONS) {
        let (name, actions) = actions.split_once('=').unwrap();
        fail::cfg(name, actions).unwrap();
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let recovered = match open(&dir, runtime.handle().clone()) {
        Ok(recovered) => recovered,
        Err(error) => {
            say(&format!("refused {error}"));
            exit(REFUSED);
        }
    };
    say(&format!("ready {}", recovered.opened.record.head().size));
    runtime.block_on(serve(recovered));
}

fn die_at(point: &str) {
    let (name, nth) = point.split_once(':').unwrap();
    let left = AtomicU64::new(nth.parse().unwrap());
    if name == "group-half-written" {
        fail::cfg("group-half-written-on", "return").unwrap();
    }
    fail::cfg_callback(name, move || {
        if left.fetch_sub(1, Ordering::SeqCst) == 1 {
            kill_process(getpid(), Signal::KILL).unwrap();
        }
    })
    .unwrap();
}

async fn serve(recovered: Recovered) {
    let Recovered {
        opened,
        publisher,
        logs,
    } = recovered;
    let end = CancellationToken::new();
    let record = opened.record;
    let interval = Duration::from_millis(20);
    let publish = publisher.run(
        record.reader().clone(),
        record.watch_head(),
        interval,
        end.clone(),
    );
    let keep = upkeep::run(opened.upkeep, logs.publication.clone(), end.clone());
    let load = env::var(LOAD).unwrap_or_default();
    let seed: u64 = env::var(SEED).map_or(1, |seed| seed.parse().unwrap());
    for (nth, writer) in load.split(',').filter(|writer| !writer.is_empty()).enumerate() {
        let (producer, next) = writer.split_once('=').unwrap();
        let (producer, next) = (producer.to_owned(), next.parse().unwrap());
        tokio::spawn(write(record.clone(), producer, next, Dice::of(seed + nth as u64)));
    }
    if load.is_empty() {
        let (record, publication) = (record.clone(), logs.publication.clone());
        tokio::spawn(async move {
            let own = AuditEvent {
                action: "AUDIT_STARTED".to_owned(),
                ..event("audit", 1)
            };
            if record.append_own(own).await.is_err() {
                say("stopped");
                return;
            }
            let size = record.head().size;
            publication.reaches(size).await.unwrap();
            say(&format!("published {size}"));
        });
    }
    let ended = tokio::select! {
        ended = opened.ended => format!("record {:?}", ended.map(|ended| ended.map_err(|error| error.to_string()))),
        error = tokio::spawn(failure(publish)) => format!("publisher {error:?}"),
        error = tokio::spawn(failure(keep)) => format!("upkeep {error:?}"),
    };
    say(&format!("ended {ended}"));
    // What waits for an answer gets it before the process is gone.
    tokio::time::sleep(Duration::from_millis(50)).await;
    exit(ENDED);
}

/// Why a task ended. One that ends without a failure does so because the record has, which tells why.
async fn failure<E: std::fmt::Display>(task: impl Future<Output = Result<(), E>>) -> String {
    match task.await {
        Ok(()) => std::future::pending().await,
        Err(error) => error.to_string(),
    }
}

/// One producer: sends, waits for the answer, tells it, goes on.
async fn write(record: Record, producer: String, mut next: u64, mut dice: Dice) {
    let name: Arc<str> = Arc::from(&*producer);
    loop {
        let count = 1 + dice.roll(40);
        let numbered = |seq| {
            Submission::Numbered(Numbered {
                producer: Arc::clone(&name),
                epoch: EPOCH,
                seq,
                event: event(&producer, seq),
            })
        };
        let batch = (next..next + count).map(numbered).collect();
        match record.append_request(batch).await {
            Ok(placed) => say(&format!("answer {producer} {next} {}", answers(&placed))),
            Err(error) => {
                say(&format!("failed {error}"));
                return;
            }
        }
        next += count;
        tokio::time::sleep(Duration::from_millis(dice.roll(4))).await;
    }
}

fn answers(placed: &[Placed]) -> String {
    let one = |placed: &Placed| match placed {
        Placed::Recorded(place) => format!(
            "{}:{}:{}:{}",
            place.index,
            place.log,
            place.log_index,
            hex::encode(place.leaf_hash.as_bytes())
        ),
        Placed::Duplicate => "known".to_owned(),
        other => panic!("{other:?}"),
    };
    placed.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// Who writes, from which number on.
pub(crate) fn load(next: &BTreeMap<String, u64>) -> String {
    let one = |(producer, seq): (&String, &u64)| format!("{producer}={seq}");
    next.iter().map(one).collect::<Vec<_>>().join(",")
}
