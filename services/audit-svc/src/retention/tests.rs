//! Logs whose time is over.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use hongyan_proto::audit::v1::{
    ExportRequest, GetConsistencyRequest, GetProofRequest, LogPlace, audit_service_server::AuditService as _,
    get_proof_request::By,
};
use hongyan_tlog::{Tile, empty_root, tile::Kind};
use tonic::{Code, Request};

use super::{Keeper, Retention};
use crate::{
    publish::{
        PublishError, State,
        serve::routes,
        tests::{append, checkpoint, copy, start},
    },
    record::{Class, FinalCheckpoint, LogId, Period},
    recovery::RecoveryError,
    testing::{Kept, event, of_peer},
};

/// 2026-06-30 23:59:59.999 in Beijing, and half a year behind the period's end.
const H1: i64 = 1_782_835_199_999;
const OVER: i64 = 1_798_732_800_000;

fn sms() -> LogId {
    LogId::new(Class::SmsEvent, Period::of(H1))
}

#[test]
fn the_default_is_half_a_year_for_messages_and_three_years_for_the_rest() {
    let mut state = State::default();
    let mut published = std::collections::BTreeMap::new();
    let mut finals = std::collections::BTreeMap::new();
    let verifier = crate::testing::signer().verifier().clone();
    for class in Class::ALL {
        let log = LogId::new(class, Period::of(H1));
        let end = FinalCheckpoint {
            log,
            origin: log.origin("example.org"),
            size: 7,
            root: empty_root(),
            note: "note".into(),
        };
        finals.insert(log, end);
        let size = if class == Class::Meta { 6 } else { 7 };
        published.insert(
            log,
            crate::publish::Published {
                size,
                root: empty_root(),
                note: "note".into(),
                verifier: verifier.clone(),
            },
        );
    }
    state.finals = Arc::new(finals);
    state.logs = Arc::new(published);
    let over = |retention: Retention, now| -> Vec<_> {
        let over = retention.over(&state, now).into_iter();
        over.map(|end| end.log.class()).collect()
    };
    let retention = Retention::default();
    assert_eq!(over(retention, OVER - 1), []);
    assert_eq!(over(retention, OVER), [Class::SmsEvent]);
    let years = Period::of(H1).ended_unix_ms(36);
    assert_eq!(over(retention, years - 1), [Class::SmsEvent]);
    // The end of `meta` is signed and not published.
    assert_eq!(
        over(retention, years),
        [Class::PdAccess, Class::SmsEvent, Class::Cdr]
    );
    let never = Retention {
        sms_event: 0,
        ..retention
    };
    assert_eq!(over(never, OVER), []);
}

async fn keeper(kept: &Kept, now: &Arc<AtomicI64>) -> Keeper {
    let size = kept.record.head().size;
    kept.logs().publication.reaches(size).await.unwrap();
    let now = Arc::clone(now);
    Keeper {
        retention: Retention::default(),
        record: kept.record.clone(),
        publication: kept.logs().publication.clone(),
        pruning: kept.pruning.clone(),
        keys: kept.keys.clone(),
        actor: "spiffe://hongyan.test/svc/audit".to_owned(),
        clock: Arc::new(move || now.load(Ordering::SeqCst)),
    }
}

async fn open(dir: &Path, now: &Arc<AtomicI64>) -> Kept {
    let clock = Arc::clone(now);
    Kept::open_at(dir, Arc::new(move || clock.load(Ordering::SeqCst))).await
}

/// How often the end of the log is told in `meta`.
async fn told(kept: &Kept) -> usize {
    let state = kept.logs().publication.state();
    let mut found = 0;
    for (log, published) in state.logs.iter().filter(|(log, _)| log.class() == Class::Meta) {
        for index in 0..published.size {
            let entry = kept
                .logs()
                .store
                .entry(*log, index, published.size)
                .await
                .unwrap();
            let entry = String::from_utf8_lossy(&entry).into_owned();
            found += usize::from(entry.contains("RECORD_LOG_PRUNED"));
        }
    }
    found
}

fn bundles(dir: &Path, log: LogId) -> Vec<std::path::PathBuf> {
    let size = checkpoint(dir, log).0.size();
    let root = dir.join("tiles").join(log.to_string());
    Tile::all(Kind::Entries, size)
        .map(|tile| root.join(tile.to_string()))
        .collect()
}

/// What is served of a log whose entries went.
async fn served(kept: &Kept) {
    hongyan_identity::install_crypto_provider();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = routes(kept.logs().clone());
    let serving = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (file, status) in [
        ("checkpoint", 200),
        ("tile/0/000", 200),
        ("tile/0/002.p/89", 200),
        ("tile/1/000.p/2", 200),
        ("tile/entries/000", 410),
        ("tile/entries/002.p/89", 410),
        ("tile/0/007", 404),
    ] {
        let url = format!("http://{address}/{}/{file}", sms());
        let answer = client.get(url).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{file}");
    }
    serving.abort();
}

#[tokio::test]
async fn entries_go_when_their_time_is_over_and_every_proof_stays() {
    let dir = tempfile::tempdir().unwrap();
    let living = dir.path().join("living");
    let now = Arc::new(AtomicI64::new(H1));
    let kept = open(&living, &now).await;
    append(&kept, 1, 600).await;
    kept.record.append_own(event("MESSAGE_FINAL")).await.unwrap();
    keeper(&kept, &now).await.look().await;
    assert!(kept.logs().publication.state().pruned.is_empty());

    now.store(OVER, Ordering::SeqCst);
    append(&kept, 601, 10).await;
    keeper(&kept, &now).await;
    copy(&living, &dir.path().join("before"));
    let keep = keeper(&kept, &now).await;
    // Killed behind the first step, it is told once all the same.
    let state = kept.logs().publication.state();
    let over = keep.retention.over(&state, OVER);
    assert_eq!(over.iter().map(|end| end.log).collect::<Vec<_>>(), [sms()]);
    keep.put_on_record(&over[0]).await.unwrap();
    assert!(kept.logs().publication.state().pruned.is_empty());
    keep.look().await;
    keep.look().await;
    assert_eq!(told(&kept).await, 1);
    let state = kept.logs().publication.state();
    assert_eq!(state.pruned.iter().copied().collect::<Vec<_>>(), [sms()]);
    let files = bundles(&living, sms());
    assert_eq!(files.len(), 3);
    assert!(files.iter().all(|file| !file.exists()));

    let place = LogPlace {
        log: sms().to_string(),
        log_index: 0,
    };
    let request = GetProofRequest {
        by: Some(By::Place(place)),
    };
    let status = kept.rpc().get_proof(Request::new(request)).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound, "{status:?}");
    let request = ExportRequest {
        log: sms().to_string(),
        from: 0,
        until: 0,
    };
    let status = kept.rpc().export(of_peer("ops/someone", request)).await;
    assert_eq!(status.err().unwrap().code(), Code::NotFound);
    let consistency = GetConsistencyRequest {
        log: sms().to_string(),
        old_size: 257,
        new_size: 0,
    };
    kept.rpc()
        .get_consistency(Request::new(consistency))
        .await
        .unwrap();
    served(&kept).await;
    drop(keep);
    kept.close().await;

    // A start knows it, and goes on with what an interrupted one left.
    for file in &files[1..] {
        let before = dir
            .path()
            .join("before")
            .join(file.strip_prefix(&living).unwrap());
        // The directory went with its last file.
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::copy(before, file).unwrap();
    }
    let kept = open(&living, &now).await;
    assert_eq!(*kept.logs().publication.state().pruned, [sms()].into());
    let gone = kept.logs().store.entry(sms(), 300, 601).await;
    assert!(matches!(gone, Err(PublishError::Expired { .. })), "{gone:?}");
    keeper(&kept, &now).await.look().await;
    assert!(files.iter().all(|file| !file.exists()));
    assert_eq!(told(&kept).await, 1);
    append(&kept, 611, 10).await;
    kept.close().await;

    // Without the mark it is damage.
    let before = dir.path().join("before");
    for file in bundles(&before, sms()) {
        fs::remove_file(file).unwrap();
    }
    let refused = start(&before).await.unwrap_err();
    assert!(
        matches!(refused, RecoveryError::Logs(PublishError::Tile { log, .. }) if log == sms()),
        "{refused}"
    );
}

#[tokio::test]
async fn the_keys_of_a_half_year_go_when_none_of_its_logs_has_entries() {
    let dir = tempfile::tempdir().unwrap();
    let (h1, h2) = (Period::of(H1), Period::of(OVER - 1));
    for period in [h1, h2] {
        crate::keys::testing::key_of(dir.path(), period, 1).await;
    }
    let now = Arc::new(AtomicI64::new(H1));
    let kept = open(dir.path(), &now).await;
    append(&kept, 1, 10).await;
    kept.record.append_own(event("MESSAGE_FINAL")).await.unwrap();
    let file = |period| dir.path().join(format!("keys/{period}.keys"));
    let look = async || keeper(&kept, &now).await.look().await;

    // A day before, and while one log of the time has its entries.
    now.store(h1.ended_unix_ms(36) - 1, Ordering::SeqCst);
    append(&kept, 11, 10).await;
    look().await;
    assert!(file(h1).exists());
    now.store(h1.ended_unix_ms(36), Ordering::SeqCst);
    append(&kept, 21, 10).await;
    look().await;
    look().await;
    let state = kept.logs().publication.state();
    let of_h1 = state.logs.keys().filter(|log| log.period() == h1);
    assert_eq!(of_h1.filter(|log| !state.pruned.contains(log)).count(), 0);
    assert!(!file(h1).exists() && file(h2).exists());
    let never = Retention {
        cdr: 0,
        ..Retention::default()
    };
    assert!(!never.keys_are_over(&state, h1, i64::MAX));
    assert!(Retention::default().keys_are_over(&state, h1, h1.ended_unix_ms(36)));
    let mut found = 0;
    for (log, published) in state.logs.iter().filter(|(log, _)| !state.pruned.contains(log)) {
        for index in 0..published.size {
            let entry = kept.logs().store.entry(*log, index, published.size).await;
            let entry = String::from_utf8_lossy(&entry.unwrap()).into_owned();
            found += usize::from(entry.contains("RECORD_KEYS_EXPIRED"));
        }
    }
    assert_eq!(found, 1);
    kept.close().await;
}
