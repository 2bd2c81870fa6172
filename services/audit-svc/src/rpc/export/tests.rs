//! What a caller of `Export` gets, checked as anybody else would check it.

use std::{path::Path, time::Duration};

use futures_util::StreamExt as _;
use hongyan_chassis::{MAX_MESSAGE_OCTETS, Problem};
use hongyan_proto::audit::v1::{
    AppendRequest, AuditEvent, ExportLeaves, ExportProof, ExportRequest, ExportResponse, Leaf, QueryRequest,
    audit_service_server::AuditService as _, export_response::Part,
};
use hongyan_tlog::{
    Hash,
    checkpoint::Checkpoint,
    key::Verifier,
    leaf_hash,
    note::Note,
    range::{RangeProof, RangeVerifier},
};
use prost::Message as _;
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    task::JoinHandle,
};
use tonic::Code;

use super::{Bundles, COME_BACK_AFTER, EXPORTS_AT_ONCE, send};
use crate::{
    rpc::AuditRpc,
    testing::{Kept, event, of_peer},
};

/// A record with so many events of one class, all published.
async fn with_events(dir: &Path, count: u64, each: impl Fn(u64) -> AuditEvent) -> (Kept, String) {
    let kept = Kept::open(dir).await;
    let rpc = kept.rpc();
    let mut log = String::new();
    let mut seq = 1;
    while seq <= count {
        let events: Vec<_> = (seq..=count.min(seq + 14)).map(&each).collect();
        let next = seq + events.len() as u64;
        let request = AppendRequest {
            producer: "dispatch-svc-1".into(),
            epoch: 1,
            first_seq: seq,
            events,
            wait_published: next > count,
        };
        let answer = rpc.append(of_peer("svc/dispatch", request)).await.unwrap();
        log.clone_from(&answer.get_ref().appended[0].log);
        seq = next;
    }
    (kept, log)
}

/// An event of about so many thousand octets.
fn large(thousands: usize) -> AuditEvent {
    AuditEvent {
        attributes: (0..thousands)
            .map(|nth| (format!("a{nth}"), "x".repeat(1_000)))
            .collect(),
        ..event("MESSAGE_FINAL")
    }
}

/// All entries of a log, from the first on.
fn bundles(kept: &Kept, log: &str, size: u64) -> Bundles {
    Bundles {
        store: kept.logs().store.clone(),
        log: log.parse().unwrap(),
        size,
        next: 0,
        until: size,
        ready: std::collections::VecDeque::new(),
    }
}

async fn export(
    rpc: &AuditRpc,
    log: &str,
    from: u64,
    until: u64,
) -> Result<<AuditRpc as hongyan_proto::audit::v1::audit_service_server::AuditService>::ExportStream, Problem>
{
    let request = ExportRequest {
        log: log.to_owned(),
        from,
        until,
    };
    let answer = rpc.export(of_peer("operator/li", request)).await;
    answer
        .map(tonic::Response::into_inner)
        .map_err(|status| Problem::from_status(&status))
}

/// All parts of an export; each fits a message of the mesh.
async fn exported(rpc: &AuditRpc, log: &str, from: u64, until: u64) -> (ExportProof, Vec<ExportLeaves>) {
    let mut parts = export(rpc, log, from, until).await.unwrap();
    let Some(Part::Proof(proof)) = parts.next().await.unwrap().unwrap().part else {
        panic!("the proof comes first")
    };
    let mut leaves = Vec::new();
    while let Some(part) = parts.next().await {
        let part: ExportResponse = part.unwrap();
        assert!(part.encoded_len() <= MAX_MESSAGE_OCTETS);
        let Some(Part::Leaves(some)) = part.part else {
            panic!("one proof only")
        };
        leaves.push(some);
    }
    (proof, leaves)
}

/// Checks it and gives the leaves.
fn checked(proof: &ExportProof, parts: &[ExportLeaves]) -> Vec<Leaf> {
    let hashes = |octets: &[prost::bytes::Bytes]| -> Vec<Hash> {
        let hash = |octets: &prost::bytes::Bytes| Hash(octets[..].try_into().unwrap());
        octets.iter().map(hash).collect()
    };
    let verifier: Verifier = proof.verifier_key.parse().unwrap();
    let note = Note::parse(proof.note.as_bytes()).unwrap();
    note.verified_by(std::slice::from_ref(&verifier)).unwrap();
    let checkpoint = Checkpoint::parse_of(verifier.name(), note.text()).unwrap();
    let sides = RangeProof {
        left: hashes(&proof.left_hashes),
        right: hashes(&proof.right_hashes),
    };
    let tree = (checkpoint.size(), *checkpoint.root());
    let mut verifier = RangeVerifier::new((proof.from, proof.until), tree, &sides).unwrap();
    let mut leaves = Vec::new();
    for part in parts {
        assert_eq!(part.first, verifier.next());
        for octets in &part.leaves {
            verifier.push(leaf_hash(octets)).unwrap();
            leaves.push(Leaf::decode(octets.clone()).unwrap());
        }
    }
    verifier.finish().unwrap();
    leaves
}

#[tokio::test]
async fn any_range_comes_whole_and_proves_it() {
    let dir = tempfile::tempdir().unwrap();
    let (kept, log) = with_events(dir.path(), 700, |_| event("MESSAGE_FINAL")).await;
    let rpc = kept.rpc();
    for (from, until) in [
        (0, 0),
        (0, 1),
        (255, 257),
        (256, 512),
        (300, 600),
        (699, 700),
        (511, 0),
    ] {
        let (proof, parts) = exported(&rpc, &log, from, until).await;
        let until = if until == 0 { 700 } else { until };
        assert_eq!((proof.from, proof.until), (from, until));
        let leaves = checked(&proof, &parts);
        let places: Vec<_> = leaves.iter().map(|leaf| leaf.log_index).collect();
        assert_eq!(places, (from..until).collect::<Vec<_>>());
        assert!(leaves.iter().all(|leaf| leaf.log == log));
    }
}

#[tokio::test]
async fn messages_stay_below_the_meshs_largest_whatever_the_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let each = |seq: u64| large(if seq.is_multiple_of(3) { 60 } else { 0 });
    let (kept, log) = with_events(dir.path(), 120, each).await;
    let (proof, parts) = exported(&kept.rpc(), &log, 0, 0).await;
    assert!(parts.len() > 2, "{}", parts.len());
    assert_eq!(checked(&proof, &parts).len(), 120);
}

#[tokio::test]
async fn an_export_is_on_record_and_what_is_refused_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (kept, log) = with_events(dir.path(), 3, |_| event("MESSAGE_FINAL")).await;
    let rpc = kept.rpc();
    for (log, from, until, field) in [
        ("cdr", 0, 0, "log"),
        (log.as_str(), 0, 4, "until"),
        (log.as_str(), 3, 0, "from"),
        (log.as_str(), 2, 2, "from"),
        (log.as_str(), 2, 1, "from"),
    ] {
        let problem = export(&rpc, log, from, until).await.err().unwrap();
        assert_eq!(problem.code, Code::InvalidArgument);
        assert_eq!(problem.fields[0].field, field, "{from}..{until} of {log}");
    }
    let problem = export(&rpc, "cdr/1999h1/0", 0, 0).await.err().unwrap();
    assert_eq!((problem.code, &*problem.reason), (Code::NotFound, "NO_SUCH_LOG"));
    exported(&rpc, &log, 1, 0).await;
    let request = QueryRequest {
        action: "RECORD_EXPORTED".into(),
        ..QueryRequest::default()
    };
    let found = rpc.query(of_peer("operator/li", request)).await.unwrap();
    let leaves = &found.get_ref().leaves;
    assert_eq!(leaves.len(), 1);
    let event = leaves[0].event.as_ref().unwrap();
    assert_eq!(event.actor, "spiffe://hongyan.test/operator/li");
    let asked = ["asked_log", "asked_from", "asked_until"].map(|name| event.attributes[name].as_str());
    assert_eq!(asked, [log.as_str(), "1", "3"]);
}

#[tokio::test]
async fn places_are_few_and_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let (kept, log) = with_events(dir.path(), 3, |_| event("MESSAGE_FINAL")).await;
    let rpc = kept.rpc();
    let mut open = Vec::new();
    for _ in 0..EXPORTS_AT_ONCE {
        open.push(export(&rpc, &log, 0, 0).await.unwrap());
    }
    let problem = export(&rpc, &log, 0, 0).await.err().unwrap();
    assert_eq!(
        (problem.code, &*problem.reason, problem.retry_after),
        (Code::ResourceExhausted, "TOO_MANY_EXPORTS", Some(COME_BACK_AFTER))
    );
    // One that is read to its end, and others whose callers go away.
    let mut first = open.remove(0);
    while let Some(part) = first.next().await {
        part.unwrap();
    }
    open.clear();
    let all = u32::try_from(EXPORTS_AT_ONCE).unwrap();
    let places = tokio::time::timeout(Duration::from_secs(30), rpc.exports.acquire_many(all)).await;
    assert!(places.unwrap().is_ok());
}

#[tokio::test]
async fn whoever_does_not_read_is_let_go_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let (kept, log) = with_events(dir.path(), 60, |_| large(60)).await;
    let bundles = bundles(&kept, &log, 60);
    let places = std::sync::Arc::new(tokio::sync::Semaphore::new(1));
    let place: OwnedSemaphorePermit = places.clone().try_acquire_owned().unwrap();
    let (sender, receiver) = mpsc::channel(1);
    let patience = Duration::from_millis(10);
    let sending: JoinHandle<_> = tokio::spawn(send(ExportProof::default(), bundles, sender, place, patience));
    // Nobody reads until the sender has given up.
    let again = tokio::time::timeout(Duration::from_secs(30), places.acquire()).await;
    assert!(again.unwrap().is_ok());
    let mut parts = Box::pin(futures_util::stream::unfold(
        Some((receiver, sending)),
        super::next_part,
    ));
    assert!(parts.next().await.unwrap().is_ok());
    let status = parts.next().await.unwrap().unwrap_err();
    assert_eq!(&*Problem::from_status(&status).reason, "READ_TOO_SLOWLY");
    assert!(parts.next().await.is_none());
}

#[tokio::test]
async fn entries_that_were_dropped_are_said_to_be_gone_in_the_middle_too() {
    let dir = tempfile::tempdir().unwrap();
    let (kept, log) = with_events(dir.path(), 300, |_| event("MESSAGE_FINAL")).await;
    let mut bundles = bundles(&kept, &log, 300);
    bundles.read().await.unwrap();
    kept.logs().store.expire(log.parse().unwrap());
    let problem = export(&kept.rpc(), &log, 0, 0).await.err().unwrap();
    assert_eq!(&*problem.reason, "ENTRY_EXPIRED");
    let places = std::sync::Arc::new(tokio::sync::Semaphore::new(1));
    let place = places.try_acquire_owned().unwrap();
    let (sender, mut receiver) = mpsc::channel(8);
    let problem = send(
        ExportProof::default(),
        bundles,
        sender,
        place,
        Duration::from_secs(30),
    )
    .await;
    assert_eq!(&*problem.unwrap_err().reason, "ENTRY_EXPIRED");
    assert!(matches!(
        receiver.recv().await.unwrap().part,
        Some(Part::Proof(_))
    ));
    assert!(receiver.recv().await.is_none());
}
