//! A person's data: sealed, revealed with a purpose, erased; and nothing of it opens afterwards, while every proof holds.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use hongyan_chassis::Problem;
use hongyan_proto::audit::v1::{
    AppendRequest, AuditEvent, EraseSubjectRequest, EraseSubjectResponse, GetConsistencyRequest,
    GetEntryRequest, GetProofRequest, GetProofResponse, Leaf, LogPlace, QueryRequest, RevealEntryRequest,
    RevealEntryResponse, SealedState, audit_service_server::AuditService as _, get_entry_request,
    get_proof_request, reveal_entry_request,
};
use hongyan_tlog::{
    Hash, TILE_WIDTH, Tile, checkpoint::Checkpoint, leaf_hash, note::Note, proof::verify_consistency,
    proof_text::TlogProof, tile::Kind,
};
use prost::Message as _;
use tonic::{Code, Request};
use uuid::Uuid;

use super::AuditRpc;
use crate::{
    keys::{Order, testing},
    testing::{Kept, event, of_peer},
};

const NAME: &str = "张三丰";
const OTHER_NAME: &str = "李四光";
const OFFICER: &str = "privacy/wang";

pub(super) fn about(person: u8, name: &str) -> AuditEvent {
    AuditEvent {
        message_id: format!("verification-{person}"),
        subject_tag: vec![person; 32].into(),
        sealed: testing::sealed(name.as_bytes()),
        ..event("VERIFY_ANSWERED")
    }
}

pub(super) async fn append(
    rpc: &AuditRpc,
    first_seq: u64,
    events: Vec<AuditEvent>,
) -> Result<Vec<LogPlace>, Problem> {
    let request = AppendRequest {
        producer: "verify-svc-1".into(),
        epoch: 1,
        first_seq,
        events,
        wait_published: true,
    };
    let answer = rpc.append(of_peer("svc/verify", request)).await;
    let answer = answer
        .map_err(|status| Problem::from_status(&status))?
        .into_inner();
    let place = |one: hongyan_proto::audit::v1::AppendedEvent| LogPlace {
        log: one.log,
        log_index: one.log_index,
    };
    Ok(answer.appended.into_iter().map(place).collect())
}

pub(super) async fn reveal(
    rpc: &AuditRpc,
    place: &LogPlace,
    purpose: &str,
) -> Result<RevealEntryResponse, Problem> {
    let request = RevealEntryRequest {
        by: Some(reveal_entry_request::By::Place(place.clone())),
        purpose: purpose.into(),
    };
    let answer = rpc.reveal_entry(of_peer(OFFICER, request)).await;
    answer
        .map(tonic::Response::into_inner)
        .map_err(|status| Problem::from_status(&status))
}

pub(super) async fn revealed(rpc: &AuditRpc, place: &LogPlace) -> (SealedState, Vec<u8>) {
    let answer = reveal(rpc, place, "complaint 17").await.unwrap();
    (answer.sealed_state(), answer.personal.to_vec())
}

async fn state(rpc: &AuditRpc, place: &LogPlace) -> SealedState {
    let by = get_entry_request::By::Place(place.clone());
    let answer = rpc
        .get_entry(Request::new(GetEntryRequest { by: Some(by) }))
        .await;
    answer.unwrap().into_inner().sealed_state()
}

pub(super) async fn erase(rpc: &AuditRpc, person: u8, reason: &str) -> Result<EraseSubjectResponse, Problem> {
    let request = EraseSubjectRequest {
        subject_tag: vec![person; 32].into(),
        reason: reason.into(),
    };
    let answer = rpc.erase_subject(of_peer(OFFICER, request)).await;
    answer
        .map(tonic::Response::into_inner)
        .map_err(|status| Problem::from_status(&status))
}

pub(super) async fn with_action(rpc: &AuditRpc, action: &str) -> Vec<Leaf> {
    let request = QueryRequest {
        action: action.into(),
        ..QueryRequest::default()
    };
    let answer = rpc.query(of_peer("operator/li", request)).await.unwrap();
    answer.into_inner().leaves
}

async fn proof(rpc: &AuditRpc, place: &LogPlace) -> GetProofResponse {
    let by = get_proof_request::By::Place(place.clone());
    let answer = rpc
        .get_proof(Request::new(GetProofRequest { by: Some(by) }))
        .await;
    answer.unwrap().into_inner()
}

/// Checks a proof as somebody else would; the size of its checkpoint.
fn holds(kept: &GetProofResponse) -> u64 {
    let key: hongyan_tlog::key::Verifier = kept.verifier_key.parse().unwrap();
    let proof = TlogProof::parse(kept.proof.as_bytes()).unwrap();
    let (checkpoint, _) = proof
        .verify(&leaf_hash(&kept.leaf), key.name(), &key, &[])
        .unwrap();
    checkpoint.size()
}

/// Every leaf of every published log, from the bundles.
async fn all_published(kept: &Kept) -> Vec<AuditEvent> {
    let mut events = Vec::new();
    let logs = kept.logs().publication.state().logs;
    for (log, published) in logs.iter() {
        for tile in Tile::all(Kind::Entries, published.size) {
            let entries = kept.logs().store.entries(*log, tile).await.unwrap();
            assert!(entries.len() <= TILE_WIDTH as usize);
            events.extend(
                entries
                    .iter()
                    .map(|entry| Leaf::decode(entry.clone()).unwrap().event.unwrap()),
            );
        }
    }
    events
}

fn hash_of(octets: &[u8]) -> Hash {
    Hash(octets.try_into().unwrap())
}

fn all_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(all_files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// The files below `dir` that hold these octets.
fn holding(dir: &Path, octets: &[u8]) -> Vec<PathBuf> {
    let holds = |path: &PathBuf| {
        // The service lives: what was staged may have got its name meanwhile.
        let content = fs::read(path).unwrap_or_default();
        content.windows(octets.len()).any(|window| window == octets)
    };
    all_files(dir).into_iter().filter(holds).collect()
}

#[tokio::test]
async fn a_persons_data_is_shown_to_whoever_says_why_and_that_is_on_record_first() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    let places = append(&rpc, 1, vec![about(1, NAME), event("VERIFY_ANSWERED")])
        .await
        .unwrap();
    assert_eq!(state(&rpc, &places[0]).await, SealedState::Sealed);
    assert_eq!(state(&rpc, &places[1]).await, SealedState::None);
    assert!(
        with_action(&rpc, "KEY_USED").await.is_empty(),
        "looking opens nothing"
    );

    let shown = reveal(&rpc, &places[0], "理赔 2026-17").await.unwrap();
    assert_eq!(shown.personal, NAME.as_bytes());
    let leaf = Leaf::decode(shown.octets.clone()).unwrap();
    assert_eq!(Some(&leaf), shown.leaf.as_ref());
    let used = with_action(&rpc, "KEY_USED").await;
    assert_eq!(used.len(), 1);
    let by = used[0].event.as_ref().unwrap();
    assert_eq!(used[0].index, shown.used_index);
    assert_eq!(by.actor, "spiffe://hongyan.test/privacy/wang");
    assert_eq!(
        (by.purpose.as_str(), &by.subject_tag[..]),
        ("理赔 2026-17", &[1; 32][..])
    );
    assert_eq!(by.message_id, "verification-1");
    assert_eq!(by.attributes["entry_log_index"], places[0].log_index.to_string());
    assert_eq!(used[0].log.split('/').next(), Some("pd-access"));

    // Nothing to open, and yet somebody wanted to see a person's data.
    assert_eq!(revealed(&rpc, &places[1]).await, (SealedState::None, Vec::new()));
    assert_eq!(with_action(&rpc, "KEY_USED").await.len(), 2);
    let by_index = RevealEntryRequest {
        by: Some(reveal_entry_request::By::Index(leaf.index)),
        purpose: "again".into(),
    };
    let again = rpc.reveal_entry(of_peer(OFFICER, by_index)).await.unwrap();
    assert_eq!(again.into_inner().personal, NAME.as_bytes());
}

#[tokio::test]
async fn who_says_nothing_or_nonsense_sees_nothing_and_erases_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    let places = append(&rpc, 1, vec![about(1, NAME)]).await.unwrap();
    let size = kept.record.head().size;
    let long = "长".repeat(129);
    for reason in ["", "a\nb", &long] {
        let problem = reveal(&rpc, &places[0], reason).await.unwrap_err();
        assert_eq!(
            (problem.code, problem.fields[0].field.as_str()),
            (Code::InvalidArgument, "purpose")
        );
        let problem = erase(&rpc, 1, reason).await.unwrap_err();
        assert_eq!(
            (problem.code, problem.fields[0].field.as_str()),
            (Code::InvalidArgument, "reason")
        );
    }
    let short = EraseSubjectRequest {
        subject_tag: vec![1; 31].into(),
        reason: "r".into(),
    };
    let status = rpc.erase_subject(of_peer(OFFICER, short)).await.unwrap_err();
    assert_eq!(Problem::from_status(&status).fields[0].field, "subject_tag");
    for place in [
        LogPlace {
            log: "nothing".into(),
            log_index: 0,
        },
        LogPlace {
            log_index: 99,
            ..places[0].clone()
        },
    ] {
        assert_eq!(
            reveal(&rpc, &place, "why").await.unwrap_err().code,
            Code::InvalidArgument
        );
    }
    assert_eq!(kept.record.head().size, size, "nothing is put on record");
    assert_eq!(revealed(&rpc, &places[0]).await.0, SealedState::Sealed);
}

#[tokio::test]
async fn what_cannot_be_opened_is_refused_by_its_field_and_the_whole_request_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    let garbage = AuditEvent {
        sealed: vec![7; 90].into(),
        ..about(2, NAME)
    };
    let problem = append(&rpc, 1, vec![about(1, NAME), garbage]).await.unwrap_err();
    assert_eq!(problem.code, Code::InvalidArgument);
    assert_eq!(problem.fields[0].field, "events[1].sealed");
    assert_eq!(kept.record.head().size, 0);
    append(&rpc, 1, vec![about(1, NAME)]).await.unwrap();
}

#[tokio::test]
async fn an_event_that_comes_again_keeps_its_first_place_and_its_first_leaf() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    let event = about(1, NAME);
    let first = append(&rpc, 1, vec![event.clone()]).await.unwrap();
    let leaf = proof(&rpc, &first[0]).await.leaf;
    assert_eq!(append(&rpc, 1, vec![event.clone()]).await.unwrap(), first);
    // Erased meanwhile: the place stays, and so does the erasure.
    erase(&rpc, 1, "asked").await.unwrap();
    assert_eq!(append(&rpc, 1, vec![event]).await.unwrap(), first);
    assert_eq!(proof(&rpc, &first[0]).await.leaf, leaf);
    assert_eq!(revealed(&rpc, &first[0]).await.0, SealedState::Erased);
}

#[tokio::test]
async fn after_an_erasure_nothing_of_the_person_opens_anywhere_and_every_earlier_proof_holds() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    let submitted: Vec<_> = (0..300)
        .map(|n| {
            if n % 3 == 0 {
                about(1, NAME)
            } else {
                about(2, OTHER_NAME)
            }
        })
        .collect();
    let places = append(&rpc, 1, submitted.clone()).await.unwrap();
    let mut proofs = Vec::new();
    for place in places.iter().step_by(7) {
        proofs.push(proof(&rpc, place).await);
    }
    let log = places[0].log.clone();
    let before = kept.logs().publication.of(log.parse().unwrap()).unwrap();

    let erased = erase(&rpc, 1, "request 2026-0042").await.unwrap();
    assert_eq!(erased.keys_destroyed, 1);
    let again = erase(&rpc, 1, "once more").await.unwrap();
    assert_eq!(again.keys_destroyed, 0, "no error, and on record");
    let orders = with_action(&rpc, "KEY_DESTROYED").await;
    assert_eq!(
        orders.iter().map(|leaf| leaf.index).collect::<Vec<_>>(),
        [erased.index, again.index]
    );
    let order = orders[0].event.as_ref().unwrap();
    assert_eq!(order.actor, "spiffe://hongyan.test/privacy/wang");
    assert_eq!(order.subject_tag[..], [1; 32]);
    assert_eq!(
        (
            order.attributes["reason"].as_str(),
            order.attributes["keys_destroyed"].as_str()
        ),
        ("request 2026-0042", "1")
    );
    assert_eq!(order.attributes["periods"], log.split('/').nth(1).unwrap());

    // Through the service.
    assert_eq!(
        revealed(&rpc, &places[0]).await,
        (SealedState::Erased, Vec::new())
    );
    assert_eq!(
        revealed(&rpc, &places[1]).await,
        (SealedState::Sealed, OTHER_NAME.into())
    );
    // New data about the person.
    let new = append(&rpc, 301, vec![about(1, NAME)]).await.unwrap();
    assert_eq!(revealed(&rpc, &new[0]).await.1, NAME.as_bytes());
    erase(&rpc, 1, "again").await.unwrap();

    // Proofs from before, and the way from that checkpoint to the newest.
    for kept in &proofs {
        assert_eq!(holds(kept), before.size);
    }
    assert!(holds(&proof(&rpc, &places[0]).await) > before.size);
    let request = GetConsistencyRequest {
        log: log.clone(),
        old_size: before.size,
        new_size: 0,
    };
    let way = rpc
        .get_consistency(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    let hashes: Vec<_> = way.hashes.iter().map(|hash| hash_of(&hash[..])).collect();
    let newest = hash_of(&way.new_root_hash[..]);
    verify_consistency(before.size, &before.root, way.new_size, &newest, &hashes).unwrap();
    let note = Note::parse(before.note.as_bytes()).unwrap();
    assert_eq!(Checkpoint::parse(note.text()).unwrap().size(), before.size);

    // Everything that is on disk: no clear text, nothing as the producer sealed it, and no key that opens it.
    let published = all_published(&kept).await;
    for event in submitted.iter().take(6) {
        assert_eq!(holding(dir.path(), &event.sealed), Vec::<PathBuf>::new());
    }
    for name in [NAME, OTHER_NAME] {
        assert_eq!(holding(dir.path(), name.as_bytes()), Vec::<PathBuf>::new());
    }
    let opened = testing::open_with_everything(dir.path(), &published);
    let mut by_person = BTreeMap::new();
    for (event, opened) in published.iter().zip(&opened) {
        if !event.sealed.is_empty() {
            let (all, open) = by_person.entry(event.subject_tag[0]).or_insert((0, 0));
            *all += 1;
            *open += usize::from(opened.is_some());
        }
    }
    assert_eq!(by_person, [(1, (101, 0)), (2, (200, 200))].into());
}

#[tokio::test]
async fn an_erasure_that_a_kill_broke_off_is_finished_at_the_next_start_and_on_record_once() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    let places = append(&kept.rpc(), 1, vec![about(1, NAME), about(2, NAME)])
        .await
        .unwrap();
    let order = Order::new(AuditEvent {
        event_id: Uuid::now_v7().to_string(),
        subject_tag: vec![1; 32].into(),
        ..event("KEY_DESTROYED")
    })
    .unwrap();
    // Killed behind the destruction, in front of the record.
    assert_eq!(kept.keys.erase(&order).await.unwrap().keys, 1);
    kept.close().await;

    for _ in 0..2 {
        let kept = Kept::open(dir.path()).await;
        let rpc = kept.rpc();
        super::erase::finish_all(&kept.keys, &kept.record).await.unwrap();
        assert!(kept.keys.unfinished().await.unwrap().is_empty());
        let orders = with_action(&rpc, "KEY_DESTROYED").await;
        assert_eq!(orders.len(), 1);
        let event = orders[0].event.as_ref().unwrap();
        assert_eq!(event.attributes["keys_destroyed"], "1");
        assert_eq!(revealed(&rpc, &places[0]).await.0, SealedState::Erased);
        assert_eq!(revealed(&rpc, &places[1]).await.0, SealedState::Sealed);
        // Killed behind the record, in front of forgetting: the order is found again.
        kept.keys.erase(&order).await.unwrap();
        drop(rpc);
        kept.close().await;
    }
}

/// An older copy of the key directory is put back: by mistake, or by somebody who wants to see an erased person.
#[tokio::test]
async fn keys_that_come_back_with_an_older_copy_open_nothing_and_are_destroyed_again() {
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys");
    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    let submitted = vec![about(1, NAME), about(2, OTHER_NAME)];
    let places = append(&rpc, 1, submitted).await.unwrap();
    let older: Vec<_> = all_files(&keys)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "keys"))
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    erase(&rpc, 1, "request 42").await.unwrap();
    append(&rpc, 3, vec![about(1, NAME)]).await.unwrap();
    erase(&rpc, 1, "request 43").await.unwrap();
    let erased = with_action(&rpc, "KEY_DESTROYED").await;
    drop(rpc);
    kept.close().await;
    for (path, octets) in &older {
        fs::write(path, octets).unwrap();
    }
    for _ in 0..2 {
        let kept = Kept::open(dir.path()).await;
        let rpc = kept.rpc();
        assert_eq!(
            revealed(&rpc, &places[0]).await,
            (SealedState::Erased, Vec::new())
        );
        assert_eq!(
            revealed(&rpc, &places[1]).await,
            (SealedState::Sealed, OTHER_NAME.as_bytes().to_vec())
        );
        let returned = with_action(&rpc, "KEY_RETURNED").await;
        assert_eq!(returned.len(), 1, "told once");
        let event = returned[0].event.as_ref().unwrap();
        assert_eq!(event.subject_tag[..], [1; 32]);
        assert_eq!(
            event.attributes["erasure"],
            erased[0].event.as_ref().unwrap().event_id
        );
        drop(rpc);
        kept.close().await;
    }
    // Whoever comes back has a key that no start takes for an old one, though the file was put back again or is lost.
    for restore in [true, false] {
        for (path, octets) in &older {
            if restore {
                fs::write(path, octets).unwrap();
            } else {
                fs::remove_file(path).unwrap();
            }
        }
        let kept = Kept::open(dir.path()).await;
        let rpc = kept.rpc();
        assert_ne!(revealed(&rpc, &places[0]).await.0, SealedState::Sealed);
        let seq = kept.record.head().size + 10;
        let new = append(&rpc, seq, vec![about(1, NAME)]).await.unwrap();
        drop(rpc);
        kept.close().await;
        let kept = Kept::open(dir.path()).await;
        let rpc = kept.rpc();
        let shown = (SealedState::Sealed, NAME.as_bytes().to_vec());
        assert_eq!(revealed(&rpc, &new[0]).await, shown);
        assert_ne!(revealed(&rpc, &places[0]).await.0, SealedState::Sealed);
        drop(rpc);
        kept.close().await;
    }
}
