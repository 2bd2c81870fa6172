//! Logs whose checkpoints need others.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use hongyan_proto::audit::v1::{
    AppendRequest, AuditEvent, GetProofRequest, LogPlace, audit_service_server::AuditService as _,
    get_proof_request::By,
};
use hongyan_tlog::{key::Verifier, leaf_hash, note::Note, proof_text::TlogProof};
use tonic::{Code, Request};

use super::{
    Witness,
    testing::{Manner, TestWitness, witnesses},
};
use crate::{
    publish::tests::{append, check, checkpoint},
    record::{Class, Clock, LogId, Submission},
    testing::{Kept, Outfit, event, of_peer, signer},
};

/// 2026-06-30 23:59:59.999 in Beijing.
const H1: i64 = 1_782_835_199_999;

fn log(unix_ms: i64) -> LogId {
    LogId::of_class(Class::SmsEvent, unix_ms)
}

fn at(unix_ms: i64) -> (Arc<AtomicI64>, Clock) {
    let now = Arc::new(AtomicI64::new(unix_ms));
    let clock = Arc::clone(&now);
    (now, Arc::new(move || clock.load(Ordering::SeqCst)))
}

async fn open(dir: &Path, of: &[&TestWitness], quorum: usize) -> Kept {
    let outfit = Outfit {
        witnesses: witnesses(of, quorum),
        ..Outfit::default()
    };
    Kept::open_with(dir, at(H1).1, outfit).await
}

async fn start(count: u8) -> Vec<TestWitness> {
    let mut started = Vec::new();
    for seed in 1..=count {
        started.push(TestWitness::start(seed, signer().verifier()).await);
    }
    started
}

fn keys(of: &[TestWitness]) -> Vec<Verifier> {
    of.iter()
        .map(|witness| witness.witness.verifier.clone())
        .collect()
}

/// Who of them cosigned the published checkpoint.
fn cosigned(dir: &Path, of: &[TestWitness]) -> Vec<String> {
    let path = dir.join("tiles").join(log(H1).to_string()).join("checkpoint");
    let note = Note::parse(&std::fs::read(path).unwrap()).unwrap();
    let keys = keys(of);
    let by = note.verified_by(&keys).unwrap_or_default();
    let mut names: Vec<_> = by.iter().map(|(key, _)| key.name().to_owned()).collect();
    names.sort();
    names
}

async fn put(kept: &Kept, count: usize) {
    let events = (0..count).map(|_| Submission::Own(event("MESSAGE_ACCEPTED")));
    kept.record.append(events.collect()).await.unwrap();
}

#[tokio::test]
async fn a_published_checkpoint_bears_the_cosignatures_through_every_restart() {
    let dir = tempfile::tempdir().unwrap();
    let three = start(3).await;
    let all: Vec<_> = three.iter().collect();
    let mut first = 1;
    // The witnesses remember what the process forgets at its end: the first question of each run is answered with a size.
    for count in [1, 300, 256] {
        let kept = open(dir.path(), &all, 3).await;
        append(&kept, first, count).await;
        first += count as u64;
        let note = kept.logs().publication.of(log(H1)).unwrap().note;
        kept.close().await;
        assert_eq!(check(dir.path(), log(H1)), Ok(first - 1));
        assert_eq!(cosigned(dir.path(), &three).len(), 3);
        let kept = open(dir.path(), &all, 3).await;
        assert_eq!(kept.logs().publication.of(log(H1)).unwrap().note, note);
        kept.close().await;
    }
    let kept = open(dir.path(), &all, 3).await;
    let place = LogPlace {
        log: log(H1).to_string(),
        log_index: 300,
    };
    let request = GetProofRequest {
        by: Some(By::Place(place)),
    };
    let answer = kept
        .rpc()
        .get_proof(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    let proof = TlogProof::parse(answer.proof.as_bytes()).unwrap();
    let verifier = checkpoint(dir.path(), log(H1)).1;
    let witnesses = keys(&three);
    let by = proof
        .verify(&leaf_hash(&answer.leaf), verifier.name(), &verifier, &witnesses)
        .unwrap();
    assert_eq!(by.1.len(), 3);
    kept.close().await;
}

#[tokio::test]
async fn one_that_misbehaves_holds_nobody_up_where_enough_others_cosign() {
    for manner in [
        Manner::Refuses(403),
        Manner::Refuses(500),
        Manner::Forges,
        Manner::Strange,
        Manner::Hangs,
        Manner::Babbles,
        Manner::Claims(1 << 40),
        Manner::Claims(3),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let three = start(3).await;
        let all: Vec<_> = three.iter().collect();
        three[0].behave(manner);
        let kept = open(dir.path(), &all, 2).await;
        append(&kept, 1, 300).await;
        append(&kept, 301, 300).await;
        kept.close().await;
        assert_eq!(check(dir.path(), log(H1)), Ok(600), "{manner:?}");
        assert_eq!(
            cosigned(dir.path(), &three),
            ["witness.test/2", "witness.test/3"],
            "{manner:?}"
        );
    }
}

#[tokio::test]
async fn without_enough_of_them_nothing_is_published_and_appends_go_on() {
    for manner in [
        Manner::Refuses(503),
        Manner::Hangs,
        Manner::Forges,
        Manner::Claims(1 << 40),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let two = start(2).await;
        let all: Vec<_> = two.iter().collect();
        let (now, clock) = at(H1);
        let outfit = Outfit {
            witnesses: witnesses(&all, 2),
            ..Outfit::default()
        };
        let kept = Kept::open_with(dir.path(), clock, outfit).await;
        append(&kept, 1, 300).await;
        two[1].behave(manner);
        let asked = two[1].requests();
        put(&kept, 300).await;
        while two[1].requests() < asked + 2 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let state = kept.logs().publication.state();
        assert_eq!(state.logs[&log(H1)].size, 300, "{manner:?}");
        assert_eq!(state.through, 300);
        // The other one has seen more than is published: it is not asked to forget it.
        assert!(two[0].seen() >= 300);
        // The turn of a period needs nobody.
        now.store(H1 + 1, Ordering::SeqCst);
        put(&kept, 10).await;
        let logs = kept.record.logs().await.unwrap();
        assert_eq!((logs[&log(H1)], logs[&log(H1 + 1)]), (601, 11), "{manner:?}");
        assert_eq!(kept.logs().publication.of(log(H1)).unwrap().size, 300);

        two[1].behave(Manner::Honest);
        kept.logs()
            .publication
            .reaches(kept.record.head().size)
            .await
            .unwrap();
        kept.close().await;
        assert_eq!(check(dir.path(), log(H1)), Ok(601), "{manner:?}");
        assert_eq!(check(dir.path(), log(H1 + 1)), Ok(11));
        assert_eq!(cosigned(dir.path(), &two).len(), 2);
    }
}

#[tokio::test]
async fn what_waited_at_the_end_is_published_by_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let one = start(1).await;
    one[0].behave(Manner::Refuses(503));
    let kept = open(dir.path(), &[&one[0]], 1).await;
    put(&kept, 300).await;
    let requests = || one[0].requests();
    while requests() < 1 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    kept.close().await;
    let path = dir.path().join("tiles").join(log(H1).to_string());
    assert!(!path.join("checkpoint").exists());
    one[0].behave(Manner::Honest);
    let kept = open(dir.path(), &[&one[0]], 1).await;
    kept.logs().publication.reaches(300).await.unwrap();
    kept.close().await;
    assert_eq!(check(dir.path(), log(H1)), Ok(300));
}

#[tokio::test]
async fn a_witness_that_is_away_is_as_one_that_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let mut two = start(2).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    drop(listener);
    let verifier = two[0].witness.verifier.clone();
    two[0].witness = Witness { verifier, url };
    let kept = open(dir.path(), &[&two[0], &two[1]], 1).await;
    append(&kept, 1, 3).await;
    kept.close().await;
    assert_eq!(cosigned(dir.path(), &two), ["witness.test/2"]);
}

/// A producer whose answer was lost must not wait for witnesses: it asks again, and is told.
#[tokio::test]
async fn what_comes_again_is_known_though_nothing_is_published() {
    let dir = tempfile::tempdir().unwrap();
    let one = start(1).await;
    one[0].behave(Manner::Refuses(503));
    let kept = open(dir.path(), &[&one[0]], 1).await;
    let rpc = kept.rpc();
    let ask = async |events: &[AuditEvent]| {
        let request = AppendRequest {
            producer: "verify-svc-1".into(),
            epoch: 1,
            first_seq: 1,
            events: events.to_vec(),
            wait_published: false,
        };
        let answer = rpc.append(of_peer("svc/verify", request)).await;
        answer.map(|answer| answer.into_inner().appended)
    };
    let mut events: Vec<_> = (0..3).map(|_| event("MESSAGE_ACCEPTED")).collect();
    let first = ask(&events).await.unwrap();
    assert_eq!(ask(&events).await.unwrap(), first);
    events[2] = event("MESSAGE_ACCEPTED");
    assert_eq!(ask(&events).await.unwrap_err().code(), Code::AlreadyExists);
    assert_eq!((kept.index.progress().indexed, kept.record.head().size), (0, 3));
    drop(rpc);
    kept.close().await;
}
