//! A witness that really looks at what it cosigns, and can misbehave.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{Router, extract::State, http::StatusCode, routing::post};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hongyan_tlog::{
    Hash,
    checkpoint::Checkpoint,
    key::{Algorithm, Signer, Verifier},
    note::Note,
    proof::verify_consistency,
};
use tokio::{net::TcpListener, task::JoinHandle};

use super::{Witness, WitnessPolicy, Witnesses};

/// How a witness behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Honest,
    /// Answers with this status.
    Refuses(u16),
    /// Cosigns another text.
    Forges,
    /// Cosigns with a key that nobody knows.
    Strange,
    /// Never answers.
    Hangs,
    /// Answers without end.
    Babbles,
    /// Always claims to have this size.
    Claims(u64),
}

struct Inside {
    manner: Manner,
    /// By origin.
    seen: HashMap<String, (u64, Hash)>,
    requests: u64,
}

#[derive(Clone)]
struct Shared {
    signer: Arc<Signer>,
    log_key: Verifier,
    inside: Arc<Mutex<Inside>>,
}

impl Shared {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap()
    }
}

pub(crate) struct TestWitness {
    shared: Shared,
    pub(crate) witness: Witness,
    task: JoinHandle<()>,
}

impl Drop for TestWitness {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl TestWitness {
    /// One that trusts this key for every log, under the log's own name.
    pub(crate) async fn start(seed: u8, log_key: &Verifier) -> Self {
        let name = format!("witness.test/{seed}");
        let signer = Signer::from_seed(&name, Algorithm::CosignatureV1, &[seed; 32]).unwrap();
        let verifier = signer.verifier().clone();
        let inside = Inside {
            manner: Manner::Honest,
            seen: HashMap::new(),
            requests: 0,
        };
        let shared = Shared {
            signer: Arc::new(signer),
            log_key: log_key.clone(),
            inside: Arc::new(Mutex::new(inside)),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/w", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        let routes = Router::new()
            .route("/w/add-checkpoint", post(add_checkpoint))
            .with_state(shared.clone());
        Self {
            shared,
            witness: Witness { verifier, url },
            task: tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() }),
        }
    }

    pub(crate) fn behave(&self, manner: Manner) {
        self.shared.inside().manner = manner;
    }

    /// The largest size that it has cosigned.
    pub(crate) fn seen(&self) -> u64 {
        let inside = self.shared.inside();
        inside.seen.values().map(|(size, _)| *size).max().unwrap_or(0)
    }

    pub(crate) fn requests(&self) -> u64 {
        self.shared.inside().requests
    }
}

/// A policy over these, with a short patience.
pub(crate) fn witnesses(of: &[&TestWitness], quorum: usize) -> Option<Witnesses> {
    hongyan_identity::install_crypto_provider();
    let policy = WitnessPolicy {
        witnesses: of.iter().map(|witness| witness.witness.clone()).collect(),
        quorum,
        timeout: Duration::from_millis(500),
        ca_file: None,
    };
    Witnesses::new(policy).unwrap()
}

async fn add_checkpoint(State(shared): State<Shared>, body: String) -> (StatusCode, String) {
    let manner = {
        let mut inside = shared.inside();
        inside.requests += 1;
        inside.manner
    };
    match manner {
        Manner::Hangs => std::future::pending().await,
        Manner::Refuses(status) => (StatusCode::from_u16(status).unwrap(), String::new()),
        Manner::Claims(size) => (StatusCode::CONFLICT, format!("{size}\n")),
        Manner::Babbles => (StatusCode::OK, "\u{2014} a aaaaaaaa\n".repeat(20_000)),
        Manner::Forges => (StatusCode::OK, lines("another text\n", &shared.signer)),
        Manner::Strange => {
            let name = shared.signer.verifier().name();
            let stranger = Signer::from_seed(name, Algorithm::CosignatureV1, &[99; 32]).unwrap();
            (StatusCode::OK, lines("another text\n", &stranger))
        }
        Manner::Honest => honest(&shared, &body).unwrap_or_else(|refusal| refusal),
    }
}

/// As C2SP tlog-witness wants it.
fn honest(shared: &Shared, body: &str) -> Result<(StatusCode, String), (StatusCode, String)> {
    let refuse = |status: StatusCode| (status, String::new());
    let bad = || refuse(StatusCode::BAD_REQUEST);
    let (head, note) = body.split_once("\n\n").ok_or_else(bad)?;
    let mut lines_of_head = head.lines();
    let old = lines_of_head.next().and_then(|line| line.strip_prefix("old "));
    let old: u64 = old.and_then(|old| old.parse().ok()).ok_or_else(bad)?;
    let proof: Vec<Hash> = lines_of_head
        .map(|line| Hash(STANDARD.decode(line).unwrap().try_into().unwrap()))
        .collect();
    let note = Note::parse(note.as_bytes()).map_err(|_| bad())?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(|_| bad())?;
    let key = shared.log_key.named(checkpoint.origin()).unwrap();
    note.verified_by(&[key])
        .map_err(|_| refuse(StatusCode::FORBIDDEN))?;
    if old > checkpoint.size() || proof.len() > 63 {
        return Err(bad());
    }
    let mut inside = shared.inside();
    let known = inside.seen.get(checkpoint.origin()).copied();
    let (size, root) = known.unwrap_or((0, hongyan_tlog::empty_root()));
    if old != size || (size == checkpoint.size() && size > 0 && root != *checkpoint.root()) {
        return Err((StatusCode::CONFLICT, format!("{size}\n")));
    }
    if size == 0 {
        assert_eq!(proof, [], "from nothing there is nothing to prove");
    } else {
        verify_consistency(size, &root, checkpoint.size(), checkpoint.root(), &proof)
            .map_err(|_| refuse(StatusCode::UNPROCESSABLE_ENTITY))?;
    }
    let now = (checkpoint.size(), *checkpoint.root());
    inside.seen.insert(checkpoint.origin().to_owned(), now);
    Ok((StatusCode::OK, lines(note.text(), &shared.signer)))
}

fn lines(text: &str, signer: &Signer) -> String {
    let note = Note::sign(text, signer, 1_700_000_000).unwrap().to_string();
    note.split_once("\n\n").unwrap().1.to_owned()
}
