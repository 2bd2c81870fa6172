//! A record with its index, for tests.

use std::{path::Path, sync::Arc};

use hongyan_identity::Peer;
use hongyan_proto::audit::v1::AuditEvent;
use tonic::Request;
use uuid::Uuid;

use crate::{
    index::Index,
    record::{self, Record},
};

/// A record in a directory, its index following it.
pub(crate) struct Kept {
    pub(crate) record: Record,
    pub(crate) index: Index,
    ended: tokio::sync::oneshot::Receiver<Result<(), crate::log::LogError>>,
    follower: tokio::task::JoinHandle<()>,
    stop: tokio_util::sync::CancellationToken,
}

impl Kept {
    pub(crate) fn open(dir: &Path) -> Self {
        let own = (Arc::from("audit-svc-test"), Uuid::now_v7().as_u64_pair().0);
        let opened = record::open(&dir.join("log"), 1 << 20, own).unwrap();
        let record = opened.record;
        let (index, follower) = Index::open(&dir.join("index"), &record).unwrap();
        let stop = tokio_util::sync::CancellationToken::new();
        let run = follower.run(stop.clone());
        let follower = tokio::spawn(async move { run.await.unwrap() });
        Self {
            record,
            index,
            ended: opened.ended,
            follower,
            stop,
        }
    }

    /// Lets go of the directory.
    pub(crate) async fn close(self) {
        let Self {
            record,
            index,
            ended,
            follower,
            stop,
        } = self;
        stop.cancel();
        follower.await.unwrap();
        drop((record, index));
        ended.await.unwrap().unwrap();
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
