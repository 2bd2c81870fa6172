//! A record with its index, for tests.

use std::path::Path;

use hongyan_identity::Peer;
use hongyan_proto::audit::v1::AuditEvent;
use tonic::Request;
use uuid::Uuid;

use hongyan_tlog::key::{Algorithm, Signer};
use tokio::runtime::Handle;

use crate::{
    index::Index,
    keys::{self, KeysError, OpenedKeys, SubjectKeys},
    publish::{Pruning, TileStore, Witnesses, serve::Served},
    record::{Clock, Host, Record},
    recovery::{self, Places, Recovered, RecoveryError},
    returned_keys::Comparison,
    rpc::AuditRpc,
    turner, upkeep,
};

/// Whom the records of tests belong to.
pub(crate) const ORGANISATION: &str = "hongyan.test";

/// The key that signs them.
pub(crate) fn signer() -> Signer {
    Signer::from_seed("audit.hongyan.test", Algorithm::Ed25519, &[7; 32]).unwrap()
}

/// What a record of a test has that most do not.
#[derive(Default)]
pub(crate) struct Outfit {
    pub(crate) witnesses: Option<Witnesses>,
    /// Other tiles than a directory of its own.
    pub(crate) tiles: Option<TileStore>,
}

/// Opens record and logs in a directory.
pub(crate) fn open_record(dir: &Path, host: Host, runtime: Handle) -> Result<Recovered, RecoveryError> {
    open_record_with(dir, host, runtime, Outfit::default())
}

fn open_record_with(
    dir: &Path,
    host: Host,
    runtime: Handle,
    outfit: Outfit,
) -> Result<Recovered, RecoveryError> {
    let tiles = match outfit.tiles {
        Some(tiles) => tiles,
        None => TileStore::open(&dir.join("tiles"))?,
    };
    let places = Places {
        journal: dir.join("log"),
        segment_octets: 1 << 20,
        locks: dir.join("locks"),
        tiles,
        organisation: ORGANISATION.to_owned(),
        signer: signer(),
        witnesses: outfit.witnesses,
    };
    recovery::recover(places, host, runtime)
}

/// A record in a directory, its index following it.
pub(crate) struct Kept {
    pub(crate) record: Record,
    pub(crate) index: Index,
    pub(crate) keys: SubjectKeys,
    keys_ended: tokio::sync::oneshot::Receiver<Result<(), KeysError>>,
    ended: tokio::sync::oneshot::Receiver<Result<(), crate::log::LogError>>,
    follower: tokio::task::JoinHandle<()>,
    logs: Served,
    publisher: tokio::task::JoinHandle<()>,
    turner: tokio::task::JoinHandle<()>,
    upkeep: tokio::task::JoinHandle<()>,
    comparison: tokio::task::JoinHandle<()>,
    pub(crate) pruning: Pruning,
    stop: tokio_util::sync::CancellationToken,
}

impl Kept {
    pub(crate) async fn open(dir: &Path) -> Self {
        let host = Host::of_test("audit-svc-test", Uuid::now_v7().as_u64_pair().0);
        Self::open_for(dir, host, Outfit::default()).await
    }

    /// One that goes by this clock.
    pub(crate) async fn open_at(dir: &Path, clock: Clock) -> Self {
        let host = Host::of_test("audit-svc-test", Uuid::now_v7().as_u64_pair().0);
        Self::open_for(dir, Host { clock, ..host }, Outfit::default()).await
    }

    /// One that is fitted out, and goes by this clock.
    pub(crate) async fn open_with(dir: &Path, clock: Clock, outfit: Outfit) -> Self {
        let host = Host::of_test("audit-svc-test", Uuid::now_v7().as_u64_pair().0);
        Self::open_for(dir, Host { clock, ..host }, outfit).await
    }

    async fn open_for(dir: &Path, host: Host, outfit: Outfit) -> Self {
        let (runtime, place) = (Handle::current(), dir.to_owned());
        let opened = tokio::task::spawn_blocking(move || open_record_with(&place, host, runtime, outfit));
        let Recovered {
            opened,
            publisher,
            logs,
        } = opened.await.unwrap().unwrap();
        let record = opened.record;
        let (index, follower) = Index::open(&dir.join("index"), record.head().size, logs.clone()).unwrap();
        let OpenedKeys { keys, ended } = keys::testing::open(dir).await.unwrap();
        let keys_ended = ended;
        let stop = tokio_util::sync::CancellationToken::new();
        let run = follower.run(stop.clone());
        let follower = tokio::spawn(async move { run.await.unwrap() });
        let (reader, head, end) = (record.reader().clone(), record.watch_head(), stop.clone());
        let pruning = publisher.pruning();
        let publisher = tokio::spawn(async move {
            let interval = std::time::Duration::from_millis(20);
            publisher.run(reader, head, interval, end).await.unwrap();
        });
        let turns = turner::run(
            record.clone(),
            logs.publication.clone(),
            std::time::Duration::from_millis(10),
            stop.clone(),
        );
        let upkeep = upkeep::run(opened.upkeep, logs.publication.clone(), stop.clone());
        let comparison = Comparison {
            record: record.clone(),
            index: index.clone(),
            keys: keys.clone(),
            actor: "spiffe://hongyan.test/svc/audit".to_owned(),
        };
        let compared = comparison.run(stop.clone());
        Self {
            comparison: tokio::spawn(compared),
            upkeep: tokio::spawn(async move { upkeep.await.unwrap() }),
            record,
            index,
            keys,
            keys_ended,
            ended: opened.ended,
            follower,
            logs,
            publisher,
            turner: tokio::spawn(turns),
            pruning,
            stop,
        }
    }

    /// Its methods.
    pub(crate) fn rpc(&self) -> AuditRpc {
        AuditRpc::new(
            self.record.clone(),
            self.index.clone(),
            self.logs.clone(),
            self.keys.clone(),
        )
    }

    /// Its logs.
    pub(crate) fn logs(&self) -> &Served {
        &self.logs
    }

    /// Lets go of the directory.
    pub(crate) async fn close(self) {
        let Self {
            record,
            index,
            keys,
            keys_ended,
            ended,
            follower,
            logs,
            publisher,
            turner,
            upkeep,
            comparison,
            pruning,
            stop,
        } = self;
        stop.cancel();
        follower.await.unwrap();
        publisher.await.unwrap();
        turner.await.unwrap();
        upkeep.await.unwrap();
        comparison.await.unwrap();
        drop((record, index, keys, logs, pruning));
        ended.await.unwrap().unwrap();
        keys_ended.await.unwrap().unwrap();
    }
}

/// A request of this peer.
pub(crate) fn of_peer<T>(path: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(Peer {
        id: format!("spiffe://hongyan.test/{path}").parse().unwrap(),
        address: "127.0.0.1:1".parse().unwrap(),
    });
    request
}

/// An event that can go on record.
pub(crate) fn event(action: &str) -> AuditEvent {
    AuditEvent {
        event_id: Uuid::now_v7().to_string(),
        occurred_at_unix_ms: 1_763_700_000_000,
        action: action.to_owned(),
        ..AuditEvent::default()
    }
}
