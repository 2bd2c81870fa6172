//! Files of a log that were damaged while the service runs: whoever asks is told so, and nobody is answered from them.

use std::{fs, path::Path};

use futures_util::StreamExt as _;
use hongyan_proto::audit::v1::{
    AppendRequest, ExportRequest, GetConsistencyRequest, GetEntryRequest, GetProofRequest, LogPlace,
    QueryRequest, audit_service_server::AuditService as _, get_entry_request, get_proof_request,
};
use tonic::Request;

use crate::testing::{Kept, event, of_peer};

const LEAVES: u64 = 300;

/// Which of the methods answer about the first leaves of the log.
async fn answered(kept: &Kept, log: &str) -> Vec<&'static str> {
    let rpc = kept.rpc();
    let place = || LogPlace {
        log: log.to_owned(),
        log_index: 3,
    };
    let mut answered = Vec::new();
    let by = Some(get_entry_request::By::Place(place()));
    let request = GetEntryRequest { by };
    if rpc.get_entry(of_peer("operator/li", request)).await.is_ok() {
        answered.push("GetEntry");
    }
    let by = Some(get_proof_request::By::Place(place()));
    if rpc.get_proof(Request::new(GetProofRequest { by })).await.is_ok() {
        answered.push("GetProof");
    }
    let request = GetConsistencyRequest {
        log: log.to_owned(),
        old_size: 4,
        new_size: 0,
    };
    if rpc.get_consistency(Request::new(request)).await.is_ok() {
        answered.push("GetConsistency");
    }
    let request = QueryRequest {
        action: "MESSAGE_ACCEPTED".into(),
        ..QueryRequest::default()
    };
    if rpc.query(of_peer("operator/li", request)).await.is_ok() {
        answered.push("Query");
    }
    let request = ExportRequest {
        log: log.to_owned(),
        until: LEAVES,
        ..ExportRequest::default()
    };
    if let Ok(stream) = rpc.export(of_peer("operator/li", request)).await {
        let mut stream = stream.into_inner();
        let mut is_whole = true;
        while let Some(part) = stream.next().await {
            is_whole &= part.is_ok();
        }
        if is_whole {
            answered.push("Export");
        }
    }
    answered
}

fn flip(path: &Path, at: usize) -> Vec<u8> {
    let whole = fs::read(path).unwrap();
    let mut flipped = whole.clone();
    flipped[at] ^= 1;
    fs::write(path, flipped).unwrap();
    whole
}

#[tokio::test]
async fn what_is_damaged_is_told_when_it_is_read_and_never_answered() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    let request = AppendRequest {
        producer: "verify-svc-1".into(),
        epoch: 1,
        first_seq: 1,
        events: (0..LEAVES).map(|_| event("MESSAGE_ACCEPTED")).collect(),
        wait_published: true,
    };
    let appended = kept.rpc().append(of_peer("svc/verify", request)).await.unwrap();
    let log = appended.into_inner().appended[0].log.clone();
    assert!(kept.index.reaches(LEAVES).await);
    let all = ["GetEntry", "GetProof", "GetConsistency", "Query", "Export"];
    assert_eq!(answered(&kept, &log).await, all);

    // What was read while it was sound may be answered; so each time the service starts anew.
    let mut kept = kept;
    let files = dir.path().join("tiles").join(&log).join("tile");
    let entry_octets = fs::metadata(files.join("entries/000")).unwrap().len() as usize / 256;
    for (file, at, sound) in [
        // Octets of the fourth entry, and of its hash.
        (
            "entries/000",
            3 * entry_octets + entry_octets / 2,
            &["GetConsistency"][..],
        ),
        ("0/000", 3 * 32 + 5, &[]),
    ] {
        kept.close().await;
        let whole = flip(&files.join(file), at);
        kept = Kept::open(dir.path()).await;
        assert_eq!(answered(&kept, &log).await, sound, "{file}");
        fs::write(files.join(file), whole).unwrap();
        assert_eq!(answered(&kept, &log).await, all);
    }
    kept.close().await;
}
