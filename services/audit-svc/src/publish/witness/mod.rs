//! Witnesses: others who see every checkpoint before it is published, and cosign it where it goes on from the last one that
//! they saw (C2SP tlog-witness). So the log cannot show different histories to different people without their knowing.
//!
//! A checkpoint is published when enough of them have cosigned. Until then publishing of that log waits and is tried again,
//! with a pause that doubles for each witness that failed; appends go on, and the checkpoint that is served stays. Signing
//! goes on too, so the newest is what is sent. Cosignatures stand in the published checkpoint alone: the locks hold what the
//! log's own key signed. Killed between cosigning and publishing, the next start asks again, and a witness cosigns the same
//! checkpoint as often as it is asked.

mod client;
mod protocol;
mod settings;

use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt as _, future::join_all, stream::FuturesUnordered};
use hongyan_tlog::note::{Note, NoteError, Signature};
use reqwest::{Certificate, Client, redirect};
use tokio::time::Instant;

pub use settings::{NoWitness, Witness, WitnessPolicy};

use super::{PublishError, log::Signed, store::TileStore};
use crate::record::LogId;

/// The pause behind the first failure of a witness, and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Why the client of the witnesses cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum WitnessesError {
    /// `witness.ca_file`.
    #[error("witness.ca_file: {}: {reason}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The HTTP client.
    #[error("the client of the witnesses: {0}")]
    Client(#[from] reqwest::Error),
}

/// Why a witness did not cosign.
#[derive(Debug, thiserror::Error)]
enum NotCosigned {
    #[error("it did not answer in time")]
    Late,
    #[error("it cannot be reached: {}", .0.to_string())]
    Away(reqwest::Error),
    #[error("its answer is too long")]
    TooLong,
    #[error("it refuses with status {0}")]
    Refused(u16),
    #[error(
        "it has cosigned {has} leaves, and there are {size}: the log was rolled back, or another one has its name"
    )]
    Ahead { has: u64, size: u64 },
    #[error("it has another root of {0} leaves: the log was rewritten, or another one has its name")]
    OtherRoot(u64),
    #[error("its cosignature: {0}")]
    Signature(#[from] NoteError),
    #[error("the proof for it: {0}")]
    Proof(String),
}

/// How a witness behaved lately.
#[derive(Debug, Default, Clone, Copy)]
struct Lately {
    /// Asked again behind this.
    rests_until: Option<Instant>,
    failures: u32,
}

#[derive(Debug, Default)]
struct Memory {
    lately: Vec<Lately>,
    /// What each has cosigned last, as far as is known. Where it is not, the witness tells.
    sizes: HashMap<(usize, LogId), u64>,
    /// Logs whose publishing waits.
    waiting: BTreeSet<LogId>,
}

/// The witnesses of all logs.
#[derive(Debug)]
pub struct Witnesses {
    policy: WitnessPolicy,
    client: Client,
    memory: Mutex<Memory>,
}

impl Witnesses {
    /// `None` where the policy asks for nobody.
    pub fn new(policy: WitnessPolicy) -> Result<Option<Self>, WitnessesError> {
        if policy.quorum == 0 {
            return Ok(None);
        }
        let mut builder = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .tcp_nodelay(true)
            .timeout(policy.timeout);
        if let Some(path) = &policy.ca_file {
            let refuse = |reason: String| WitnessesError::CaFile {
                path: path.clone(),
                reason,
            };
            let pem = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
            let roots = Certificate::from_pem_bundle(&pem).map_err(|error| refuse(error.to_string()))?;
            builder = builder.tls_certs_only(roots);
        }
        let memory = Memory {
            lately: vec![Lately::default(); policy.witnesses.len()],
            ..Memory::default()
        };
        metrics::gauge!("hongyan_audit_witness_waiting").set(0.0);
        Ok(Some(Self {
            client: builder.build()?,
            policy,
            memory: Mutex::new(memory),
        }))
    }

    /// Asks for cosignatures of these checkpoints, side by side; gives those that have enough of them, with these. Takes
    /// no longer than one answer may.
    pub(super) async fn cosign(
        &self,
        store: &TileStore,
        pending: Vec<(LogId, Signed)>,
    ) -> Vec<(LogId, Signed)> {
        let asked = pending.into_iter().map(|(log, signed)| async move {
            let cosigned = self.cosign_one(store, log, &signed).await;
            self.note_waiting(log, cosigned.is_none());
            cosigned.map(|cosigned| (log, cosigned))
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    async fn cosign_one(&self, store: &TileStore, log: LogId, signed: &Signed) -> Option<Signed> {
        let awake = self.awake();
        if awake.len() < self.policy.quorum {
            return None;
        }
        let mut note = Note::parse(signed.note.as_bytes()).ok()?;
        let mut asked: FuturesUnordered<_> = awake
            .into_iter()
            .map(|nth| async move { (nth, self.ask(nth, store, log, signed).await) })
            .collect();
        let mut count = 0;
        while let Some((nth, answer)) = asked.next().await {
            match answer {
                Ok(signature) => {
                    self.lately(nth, true);
                    if note.add(signature).is_ok() {
                        count += 1;
                    }
                }
                Err(error) => {
                    self.lately(nth, false);
                    self.tell(nth, log, &error);
                }
            }
            if count >= self.policy.quorum {
                return Some(Signed {
                    note: note.to_string().into(),
                    checkpoint: signed.checkpoint.clone(),
                });
            }
        }
        None
    }

    /// One witness, within its time.
    async fn ask(
        &self,
        nth: usize,
        store: &TileStore,
        log: LogId,
        signed: &Signed,
    ) -> Result<Signature, NotCosigned> {
        let known = self.memory().sizes.get(&(nth, log)).copied().unwrap_or(0);
        let witness = self.policy.witnesses.get(nth).ok_or(NotCosigned::Refused(0))?;
        let asking = client::Asking {
            client: &self.client,
            witness,
            store,
            log,
            signed,
        };
        let mut size = known;
        let answer = tokio::time::timeout(self.policy.timeout, asking.ask(&mut size)).await;
        self.memory().sizes.insert((nth, log), size);
        answer.unwrap_or(Err(NotCosigned::Late))
    }

    /// Those that do not rest behind a failure.
    fn awake(&self) -> Vec<usize> {
        let now = Instant::now();
        let memory = self.memory();
        let lately = memory.lately.iter().enumerate();
        lately
            .filter(|(_, lately)| lately.rests_until.is_none_or(|until| until <= now))
            .map(|(nth, _)| nth)
            .collect()
    }

    fn lately(&self, nth: usize, did_cosign: bool) {
        if let Some(lately) = self.memory().lately.get_mut(nth) {
            if did_cosign {
                *lately = Lately::default();
            } else {
                let pause = FIRST_PAUSE.saturating_mul(1 << lately.failures.min(8));
                lately.failures = lately.failures.saturating_add(1);
                lately.rests_until = Some(Instant::now() + pause.min(LONGEST_PAUSE));
            }
        }
    }

    fn tell(&self, nth: usize, log: LogId, error: &NotCosigned) {
        let name = self
            .policy
            .witnesses
            .get(nth)
            .map_or_else(String::new, |witness| witness.verifier.name().to_owned());
        let is_alarming = matches!(error, NotCosigned::Ahead { .. } | NotCosigned::OtherRoot(_));
        let first = self
            .memory()
            .lately
            .get(nth)
            .is_some_and(|lately| lately.failures == 1);
        if is_alarming {
            tracing::error!(%error, %log, witness = name, "a witness has seen another history of a log");
        } else if first {
            tracing::warn!(%error, %log, witness = name, "a witness does not cosign; it is asked again");
        }
        metrics::counter!("hongyan_audit_witness_failures_total", "witness" => name).increment(1);
    }

    /// One line when a log begins to wait, and one when it goes on.
    fn note_waiting(&self, log: LogId, is_waiting: bool) {
        let mut memory = self.memory();
        let is_news = if is_waiting {
            memory.waiting.insert(log)
        } else {
            memory.waiting.remove(&log)
        };
        metrics::gauge!("hongyan_audit_witness_waiting").set(memory.waiting.len() as f64);
        if is_news && is_waiting {
            tracing::error!(%log, quorum = self.policy.quorum, "too few witnesses cosign: the log is not published until they do; appends go on");
        } else if is_news {
            tracing::info!(%log, "enough witnesses cosign again: the log is published");
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<PublishError> for NotCosigned {
    fn from(error: PublishError) -> Self {
        Self::Proof(error.to_string())
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
