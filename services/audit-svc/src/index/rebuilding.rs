//! An index that is deleted, cut short or left with fewer logs gives the same answers as before.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use hongyan_chassis::Problem;
use hongyan_proto::audit::v1::{
    AppendRequest, AuditEvent, GetProofRequest, GetStatisticsRequest, QueryRequest, StatisticsRow,
    audit_service_server::AuditService as _, get_proof_request::By,
};
use hongyan_tlog::{Tile, tile::Kind};
use tokio_util::sync::CancellationToken;
use tonic::Request;

use super::{Conditions, Course, Index, IndexError, Progress, search, statistics::Fold, view::View};
use crate::{
    publish::{Publication, State, serve::Served},
    record::{LogId, now_unix_ms},
    retention::{Keeper, Retention},
    rpc::AuditRpc,
    testing::{Kept, event, of_peer},
};

/// Appends these events of one producer, some at a time.
async fn append(rpc: &AuditRpc, producer: &str, first_seq: u64, events: &[AuditEvent], at_a_time: usize) {
    let mut seq = first_seq;
    for some in events.chunks(at_a_time) {
        let request = AppendRequest {
            producer: producer.into(),
            epoch: 1,
            first_seq: seq,
            events: some.to_vec(),
            wait_published: some.len() % 2 == 1,
        };
        seq += some.len() as u64;
        rpc.append(of_peer("svc/dispatch", request)).await.unwrap();
    }
}

/// Messages of two tenants, two carriers and two hours on all their ways, each step an event; some steps come before
/// the ones that they follow.
fn messages(count: u64) -> Vec<AuditEvent> {
    let mut events = Vec::new();
    for nth in 0..count {
        let at = 1_763_700_000_000 + (nth % 2) * 3_600_000;
        let step = |action: &str, outcome: &str, more: &[(&str, &str)]| {
            let begins_elsewhere = nth % 7 == 0 && action == "MESSAGE_ACCEPTED";
            let carrier = if begins_elsewhere {
                "china_telecom"
            } else {
                ["china_mobile", "china_unicom"][(nth % 2) as usize]
            };
            let carrier = [("carrier", carrier)];
            let attributes = carrier
                .iter()
                .chain(more)
                .map(|(name, value)| (*name, (*value).to_owned()));
            let counted = [
                ("class", "otp".to_owned()),
                ("accepted_at_unix_ms", at.to_string()),
            ];
            AuditEvent {
                outcome: outcome.into(),
                actor: format!("spiffe://hongyan.test/caller/{}", nth % 3),
                tenant: format!("t{}", nth % 2),
                message_id: format!("m{nth}"),
                trace_id: format!("{:032x}", nth + 1),
                subject_tag: vec![(nth % 5) as u8; 32].into(),
                attributes: attributes
                    .chain(counted)
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect(),
                ..event(action)
            }
        };
        let accepted = step("MESSAGE_ACCEPTED", "QUEUED", &[]);
        let moved = step("MESSAGE_REROUTED", "QUEUED", &[("from_carrier", "china_telecom")]);
        let ended = match nth % 4 {
            0 => Some(step("MESSAGE_FINAL", "DELIVERED", &[("raw_code", "DELIVRD")])),
            1 => Some(step("MESSAGE_FINAL", "REJECTED", &[("raw_code", "CMPP:13")])),
            2 => Some(step("MESSAGE_FINAL", "UNKNOWN", &[("raw_code", "NO_RECEIPT")])),
            _ => None,
        };
        let before = [
            ("raw_code", "DELIVRD"),
            ("corrects", "UNKNOWN"),
            ("corrects_raw_code", "NO_RECEIPT"),
        ];
        let corrected = (nth % 8 == 2).then(|| step("MESSAGE_CORRECTED", "DELIVERED", &before));
        let mut way = vec![accepted];
        way.extend((nth % 7 == 0).then_some(moved));
        way.extend(ended);
        way.extend(corrected);
        if nth % 5 == 0 {
            way.reverse();
        }
        events.extend(way);
    }
    events
}

/// Every page of some questions about what came before `until`, both ways, as octets.
async fn answers(rpc: &AuditRpc, until_unix_ms: i64) -> Vec<Vec<u8>> {
    let questions = [
        QueryRequest::default(),
        QueryRequest {
            action: "MESSAGE_FINAL".into(),
            ..QueryRequest::default()
        },
        QueryRequest {
            actor: "spiffe://hongyan.test/caller/1".into(),
            subject_tag: vec![2; 32].into(),
            ..QueryRequest::default()
        },
        QueryRequest {
            message_id: "m8".into(),
            ..QueryRequest::default()
        },
        QueryRequest {
            trace_id: format!("{:032x}", 11),
            from_unix_ms: 1,
            ..QueryRequest::default()
        },
    ];
    let mut pages = Vec::new();
    for question in questions {
        for newest_first in [false, true] {
            let mut request = QueryRequest {
                until_unix_ms,
                newest_first,
                page_size: 37,
                ..question.clone()
            };
            loop {
                let page = rpc.query(of_peer("operator/li", request.clone())).await;
                let page = page.unwrap().into_inner();
                pages.push(
                    page.leaves
                        .iter()
                        .flat_map(prost::Message::encode_to_vec)
                        .collect(),
                );
                if page.next_page_token.is_empty() {
                    break;
                }
                request.page_token = page.next_page_token;
            }
        }
    }
    pages
}

async fn rows(rpc: &AuditRpc) -> Vec<StatisticsRow> {
    let request = of_peer("operator/li", GetStatisticsRequest::default());
    rpc.get_statistics(request).await.unwrap().into_inner().rows
}

/// Every leaf of the published logs, read from their bundles and from nothing else.
async fn replay(logs: &Served, state: &State) -> Fold {
    let mut fold = Fold::default();
    for (log, published) in state.logs.iter().filter(|(log, _)| !state.pruned.contains(log)) {
        for tile in Tile::all(Kind::Entries, published.size) {
            for leaf in logs.store.entries(*log, tile).await.unwrap() {
                fold.take(&View::of(&leaf).unwrap());
            }
        }
    }
    fold
}

#[tokio::test]
async fn an_index_that_was_deleted_gives_the_same_answers() {
    let dir = tempfile::tempdir().unwrap();
    let events = messages(160);
    let (first, second) = events.split_at(200);
    let kept = Kept::open(dir.path()).await;
    append(&kept.rpc(), "dispatch-svc-1", 1, first, 7).await;
    kept.close().await;
    // Begun in one life, ended in another; some events come twice.
    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    append(&rpc, "dispatch-svc-1", 181, &first[180..], 20).await;
    append(&rpc, "dispatch-svc-1", 201, second, 64).await;
    let head = kept.record.head().size;
    assert!(kept.index.reaches(head).await);
    let last = kept
        .index
        .leaf(head - 1)
        .await
        .unwrap()
        .unwrap()
        .leaf
        .received_at_unix_ms;
    while now_unix_ms() <= last {
        tokio::task::yield_now().await;
    }
    let told = (answers(&rpc, last + 1).await, rows(&rpc).await);
    assert!(told.0.len() > 30, "{} pages", told.0.len());
    assert_eq!(
        told.1,
        replay(kept.logs(), &kept.logs().publication.state()).await.rows()
    );
    let sum = |count: fn(&StatisticsRow) -> u64| told.1.iter().map(count).sum::<u64>();
    assert_eq!(
        (
            sum(|row| row.accepted),
            sum(|row| row.delivered),
            sum(|row| row.undelivered.values().sum()),
            sum(|row| row.unknown)
        ),
        (160, 60, 40, 60)
    );
    let counts = kept.index.progress().counts;
    drop(rpc);
    kept.close().await;

    std::fs::remove_dir_all(dir.path().join("index")).unwrap();
    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    assert!((answers(&rpc, last + 1).await, rows(&rpc).await) == told);
    for (action, count) in &*counts {
        assert!(kept.index.progress().counts[action] >= *count, "{action}");
    }
    // An event that comes again is told its first place, and each leaf is proven by its index.
    append(&rpc, "dispatch-svc-1", 1, &events, 64).await;
    for index in [0, 255, 256, head - 1] {
        let request = GetProofRequest {
            by: Some(By::Index(index)),
        };
        let proof = rpc.get_proof(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(View::of(&proof.leaf).unwrap().index, index);
    }
}

/// What an index that follows `state` finds, once it has come so far.
struct Followed {
    found: Vec<Vec<u64>>,
    rows: Vec<StatisticsRow>,
    gone: Vec<u64>,
}

/// Lets an index in `dir` follow these states, one after the other.
async fn follow(dir: &Path, logs: &Served, states: &[State]) -> Result<Followed, IndexError> {
    let (publication, sender, _hurry) = Publication::new();
    let served = Served {
        publication,
        store: logs.store.clone(),
    };
    let size = states.last().unwrap().through;
    let (index, follower) = Index::open(dir, size, served)?;
    let stop = CancellationToken::new();
    let run = tokio::spawn(follower.run(stop.clone()));
    for state in states {
        sender.send_replace(state.clone());
        let mut progress = index.watch_progress();
        let is_there = |told: &Progress| {
            let shown = index.logs();
            told.indexed >= state.through && shown.iter().all(|log| !state.pruned.contains(&log.id))
        };
        // It ends when the follower does.
        if progress.wait_for(is_there).await.is_err() {
            break;
        }
    }
    stop.cancel();
    run.await.unwrap()?;
    let mut seen = Followed {
        found: Vec::new(),
        rows: index.statistics(0..u64::MAX, |_| true)?.unwrap().0.rows(),
        gone: Vec::new(),
    };
    for newest_first in [false, true] {
        let course = Course {
            newest_first,
            size,
            resume: None,
            most: usize::MAX,
        };
        let page = search(&index, &Conditions::default(), course)?;
        seen.found
            .push(page.leaves.into_iter().map(|(index, _)| index).collect());
    }
    for at in 0..size {
        if index.leaf(at).await?.is_none() {
            seen.gone.push(at);
        }
    }
    Ok(seen)
}

#[tokio::test]
async fn a_log_that_is_dropped_leaves_the_same_answers_as_one_that_never_was() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(&dir.path().join("record")).await;
    append(&kept.rpc(), "dispatch-svc-1", 1, &messages(300), 90).await;
    let size = kept.record.head().size;
    kept.logs().publication.reaches(size).await.unwrap();
    let logs = kept.logs().clone();
    let whole = logs.publication.state();
    let expired = *whole
        .logs
        .keys()
        .find(|log| log.to_string().starts_with("sms-event"))
        .unwrap();
    let pruned = State {
        pruned: Arc::new(BTreeSet::from([expired])),
        ..whole.clone()
    };
    let all = follow(&dir.path().join("kept"), &logs, std::slice::from_ref(&whole))
        .await
        .unwrap();
    assert_eq!((all.found[0].len() as u64, all.gone.len()), (size, 0));

    let grown = [whole.clone(), pruned.clone()];
    let dropped = follow(&dir.path().join("grown"), &logs, &grown).await.unwrap();
    remove_bundles(&dir.path().join("record/tiles"), expired);
    let anew = follow(&dir.path().join("anew"), &logs, std::slice::from_ref(&pruned))
        .await
        .unwrap();
    let again = follow(&dir.path().join("grown"), &logs, std::slice::from_ref(&pruned))
        .await
        .unwrap();
    for found in [&anew, &again] {
        assert_eq!(found.found, dropped.found);
        assert_eq!(found.rows, dropped.rows);
        assert_eq!(found.gone, dropped.gone);
    }
    assert_eq!(dropped.gone.len() as u64, whole.logs[&expired].size);
    assert_eq!(dropped.found[0].len() + dropped.gone.len(), all.found[0].len());
    assert_eq!(dropped.rows, replay(&logs, &pruned).await.rows());
    // Messages that had a final status still count.
    let settled = |rows: &[StatisticsRow]| rows.iter().map(|row| row.delivered).sum::<u64>();
    assert_eq!(settled(&dropped.rows), settled(&all.rows));
    // Where nothing says that a log was dropped, its missing bundles are damage.
    let refused = follow(&dir.path().join("damaged"), &logs, &[whole]).await;
    assert!(matches!(refused, Err(IndexError::Published(_))));
    kept.close().await;
}

fn remove_bundles(tiles: &Path, log: LogId) {
    std::fs::remove_dir_all(tiles.join(log.to_string()).join("tile/entries")).unwrap();
}

#[tokio::test]
async fn a_log_that_was_rolled_back_under_the_index_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(&dir.path().join("record")).await;
    let rpc = kept.rpc();
    append(&rpc, "dispatch-svc-1", 1, &messages(20), 20).await;
    kept.logs()
        .publication
        .reaches(kept.record.head().size)
        .await
        .unwrap();
    let (logs, before) = (kept.logs().clone(), kept.logs().publication.state());
    append(&rpc, "dispatch-svc-2", 1, &messages(20), 20).await;
    kept.logs()
        .publication
        .reaches(kept.record.head().size)
        .await
        .unwrap();
    let now = logs.publication.state();
    let index = dir.path().join("index");
    follow(&index, &logs, std::slice::from_ref(&now)).await.unwrap();
    let rolled_back = State {
        through: now.through,
        ..before
    };
    let refused = follow(&index, &logs, &[rolled_back]).await;
    assert!(matches!(refused, Err(IndexError::AheadOfLog { .. })));
    drop(rpc);
    kept.close().await;
}

/// A record that goes by this clock, and lets go of what is over by it.
struct Aged {
    kept: Kept,
    now: Arc<AtomicI64>,
}

impl Aged {
    async fn open(dir: &Path, now: &Arc<AtomicI64>) -> Self {
        let (now, clock) = (Arc::clone(now), Arc::clone(now));
        let kept = Kept::open_at(dir, Arc::new(move || clock.load(Ordering::SeqCst))).await;
        Self { kept, now }
    }

    async fn let_go(&self) {
        let size = self.kept.record.head().size;
        self.kept.logs().publication.reaches(size).await.unwrap();
        let clock = Arc::clone(&self.now);
        let keeper = Keeper {
            retention: Retention::default(),
            record: self.kept.record.clone(),
            publication: self.kept.logs().publication.clone(),
            pruning: self.kept.pruning.clone(),
            keys: self.kept.keys.clone(),
            actor: "spiffe://hongyan.test/svc/audit".to_owned(),
            clock: Arc::new(move || clock.load(Ordering::SeqCst)),
        };
        keeper.look().await;
    }
}

#[tokio::test]
async fn after_retention_too_a_deleted_index_gives_the_same_answers() {
    // The last millisecond of a half-year in Beijing, and the end of the time for which its messages are kept.
    const H1: i64 = 1_782_835_199_999;
    const OVER: i64 = 1_798_732_800_000;
    let dir = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicI64::new(H1));
    let (old, new) = (messages(80), messages(20));
    let aged = Aged::open(dir.path(), &now).await;
    append(&aged.kept.rpc(), "dispatch-svc-1", 1, &old, 30).await;
    let before = rows(&aged.kept.rpc()).await;
    now.store(OVER, Ordering::SeqCst);
    append(&aged.kept.rpc(), "dispatch-svc-2", 1, &new, 30).await;
    aged.let_go().await;
    let rpc = aged.kept.rpc();
    assert!(aged.kept.index.reaches(aged.kept.record.head().size).await);
    let state = aged.kept.logs().publication.state();
    assert_eq!(state.pruned.len(), 1);
    let pruned = state.pruned.first().unwrap().to_string();
    assert!(pruned.starts_with("sms-event/2026h1"), "{pruned}");
    now.store(OVER + 1, Ordering::SeqCst);
    let told = (answers(&rpc, OVER + 1).await, rows(&rpc).await);
    assert_eq!(told.1, replay(aged.kept.logs(), &state).await.rows());
    let delivered = |rows: &[StatisticsRow]| rows.iter().map(|row| row.delivered).sum::<u64>();
    assert_eq!((delivered(&before), delivered(&told.1)), (30, 38));
    let gone = rpc.get_proof(Request::new(GetProofRequest {
        by: Some(By::Index(first_of(&aged.kept, "MESSAGE_ACCEPTED", &old).await)),
    }));
    let problem = Problem::from_status(&gone.await.unwrap_err());
    assert_eq!(problem.reason, "ENTRY_EXPIRED");
    drop(rpc);
    aged.kept.close().await;

    std::fs::remove_dir_all(dir.path().join("index")).unwrap();
    let aged = Aged::open(dir.path(), &now).await;
    let rpc = aged.kept.rpc();
    assert!((answers(&rpc, OVER + 1).await, rows(&rpc).await) == told);
    // An event that is gone is still no new one.
    let nth = old
        .iter()
        .position(|event| event.action == "MESSAGE_ACCEPTED")
        .unwrap();
    let size = aged.kept.record.head().size;
    let again = AppendRequest {
        producer: "dispatch-svc-1".into(),
        epoch: 1,
        first_seq: nth as u64 + 1,
        events: vec![old[nth].clone()],
        wait_published: false,
    };
    let refused = rpc.append(of_peer("svc/dispatch", again)).await.unwrap_err();
    assert_eq!(Problem::from_status(&refused).reason, "EVENT_GONE");
    assert_eq!(aged.kept.record.head().size, size);
    drop(rpc);
    aged.kept.close().await;
}

/// The index of the first of these events with this action: it was the first producer's, so that its number says it.
async fn first_of(kept: &Kept, action: &str, events: &[AuditEvent]) -> u64 {
    let nth = events.iter().position(|event| event.action == action).unwrap();
    let index = kept.index.clone();
    let seq = nth as u64 + 1;
    let found = tokio::task::spawn_blocking(move || index.index_of("dispatch-svc-1", 1, seq));
    found.await.unwrap().unwrap().unwrap()
}
