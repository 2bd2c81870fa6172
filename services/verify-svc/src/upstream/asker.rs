//! Whom to ask, in which order, and when to stop.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use hongyan_domain::Carrier;
use hongyan_proto::verify::v1::Outcome;
use tokio::{sync::Semaphore, time::timeout_at};
use uuid::Uuid;

use super::{
    Adapter, Attempt, HttpAdapter, NO_API_KEY, UpstreamSettings, UpstreamsSettings,
    breaker::Breaker,
    codes::{Meaning, ResultCodes},
    http::AdapterError,
};
use crate::question::Question;

/// Left alone.
const BREAKER_OPEN: &str = "BREAKER_OPEN";
/// Too many questions are out already.
const NO_PLACE: &str = "NO_PLACE";
/// The deadline passed before it was this upstream's turn.
const NO_TIME: &str = "NO_TIME";

/// Asks the upstreams.
pub struct Asker {
    upstreams: Vec<Upstream>,
    deadline: Duration,
    again_when_charge_unsure: bool,
    started: Instant,
}

struct Upstream {
    name: Arc<str>,
    carriers: Vec<Carrier>,
    codes: ResultCodes,
    adapter: Box<dyn Adapter>,
    places: Semaphore,
    breaker: Mutex<Breaker>,
}

/// What the upstreams said, all attempts together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Of the last attempt that counts.
    pub meaning: Meaning,
    /// The upstream's own; empty where no answer came.
    pub raw_code: String,
    /// Where the upstream said so.
    pub carrier: Option<Carrier>,
    /// Which one answered last, or was asked last.
    pub upstream: Arc<str>,
    /// All attempts together.
    pub latency: Duration,
    /// For the record: `<upstream>:<code or reason>:<charge>` of each attempt, parted by spaces.
    pub attempts: String,
}

/// Nobody was asked: nothing was charged, and nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unheard {
    /// The settings name no upstream for this carrier.
    NoUpstream,
    /// Those that there are could not be reached, or are left alone because they do not answer.
    Unreachable,
    /// Those that there are had no room for another question in time.
    Busy,
}

impl Asker {
    /// Makes an adapter for each upstream.
    pub fn new(settings: UpstreamsSettings) -> Result<Self, AdapterError> {
        let upstreams = settings
            .upstreams
            .into_iter()
            .map(|upstream| {
                Ok(Upstream::new(
                    &upstream.clone(),
                    Box::new(HttpAdapter::new(upstream)?),
                ))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            upstreams,
            deadline: settings.deadline,
            again_when_charge_unsure: settings.again_when_charge_unsure,
            started: Instant::now(),
        })
    }

    /// The longest that [`Asker::ask`] takes.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Asks in order until one can tell. The next upstream is asked only where the one before surely does not charge, or
    /// where the settings take the risk.
    pub async fn ask(
        &self,
        question: &Question,
        carrier: Option<Carrier>,
        verification_id: Uuid,
    ) -> Result<Heard, Unheard> {
        let begun = Instant::now();
        let deadline = tokio::time::Instant::now() + self.deadline;
        let mut notes: Vec<String> = Vec::new();
        let mut last: Option<Heard> = None;
        let (mut anybody, mut busy) = (false, false);
        for upstream in self.upstreams.iter().filter(|upstream| upstream.serves(carrier)) {
            anybody = true;
            let attempt = upstream
                .ask(question, verification_id, deadline, self.now_ms())
                .await;
            busy |= matches!(attempt, Attempt::NotSent(NO_PLACE | NO_TIME));
            let judged = upstream.judge(attempt, self.now_ms());
            notes.push(format!(
                "{}:{}:{}",
                upstream.name,
                judged.word(),
                charge_word(judged.charged())
            ));
            let Judged::Sent {
                meaning,
                raw_code,
                carrier,
            } = judged
            else {
                continue;
            };
            let next = meaning.outcome == Outcome::Indeterminate
                && (meaning.charged == Some(false)
                    || (meaning.charged.is_none() && self.again_when_charge_unsure));
            last = Some(Heard {
                meaning,
                raw_code,
                carrier,
                upstream: Arc::clone(&upstream.name),
                latency: Duration::ZERO,
                attempts: String::new(),
            });
            if !next {
                break;
            }
        }
        match last {
            Some(heard) => Ok(Heard {
                latency: begun.elapsed(),
                attempts: notes.join(" "),
                ..heard
            }),
            None if busy => Err(Unheard::Busy),
            None if anybody => Err(Unheard::Unreachable),
            None => Err(Unheard::NoUpstream),
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// One attempt after the upstream's table was asked.
enum Judged {
    NotSent(&'static str),
    Sent {
        meaning: Meaning,
        raw_code: String,
        carrier: Option<Carrier>,
    },
}

impl Judged {
    fn word(&self) -> &str {
        match self {
            Self::NotSent(reason) => reason,
            Self::Sent {
                meaning, raw_code, ..
            } if raw_code.is_empty() => &meaning.reason,
            Self::Sent { raw_code, .. } => raw_code,
        }
    }

    fn charged(&self) -> Option<bool> {
        match self {
            Self::NotSent(_) => Some(false),
            Self::Sent { meaning, .. } => meaning.charged,
        }
    }
}

fn charge_word(charged: Option<bool>) -> &'static str {
    match charged {
        Some(true) => "charged",
        Some(false) => "free",
        None => "unsure",
    }
}

impl Upstream {
    fn new(settings: &UpstreamSettings, adapter: Box<dyn Adapter>) -> Self {
        Self {
            name: Arc::from(settings.name.as_str()),
            carriers: settings.carriers.clone(),
            codes: settings.codes.clone(),
            adapter,
            places: Semaphore::new(settings.max_in_flight),
            breaker: Mutex::new(Breaker::new(settings.breaker_failures, settings.breaker_pause)),
        }
    }

    /// Where the carrier is not known, only upstreams that know everybody's subscribers can help.
    fn serves(&self, carrier: Option<Carrier>) -> bool {
        self.carriers.is_empty() || carrier.is_some_and(|carrier| self.carriers.contains(&carrier))
    }

    async fn ask(
        &self,
        question: &Question,
        verification_id: Uuid,
        deadline: tokio::time::Instant,
        now_ms: u64,
    ) -> Attempt {
        if !self.with_breaker(|breaker| breaker.admits(now_ms)) {
            return Attempt::NotSent(BREAKER_OPEN);
        }
        let Ok(Ok(_place)) = timeout_at(deadline, self.places.acquire()).await else {
            return Attempt::NotSent(NO_PLACE);
        };
        if tokio::time::Instant::now() >= deadline {
            return Attempt::NotSent(NO_TIME);
        }
        let begun = Instant::now();
        let attempt = timeout_at(deadline, self.adapter.ask(question, verification_id))
            .await
            .unwrap_or_else(|_| Attempt::NoAnswer {
                reason: "UPSTREAM_TIMEOUT",
                raw_code: String::new(),
                charged: None,
            });
        metrics::histogram!("hongyan_verify_upstream_duration_seconds", "upstream" => self.name.to_string())
            .record(begun.elapsed().as_secs_f64());
        attempt
    }

    fn judge(&self, attempt: Attempt, now_ms: u64) -> Judged {
        let (failed, judged) = match attempt {
            // Nothing was learned about the upstream itself.
            Attempt::NotSent(reason @ (BREAKER_OPEN | NO_PLACE | NO_TIME | NO_API_KEY)) => {
                (None, Judged::NotSent(reason))
            }
            Attempt::NotSent(reason) => (Some(true), Judged::NotSent(reason)),
            Attempt::NoAnswer {
                reason,
                raw_code,
                charged,
            } => {
                let meaning = Meaning {
                    charged,
                    reason: reason.to_owned(),
                    ..Meaning::unknown_code()
                };
                (
                    Some(true),
                    Judged::Sent {
                        meaning,
                        raw_code,
                        carrier: None,
                    },
                )
            }
            Attempt::Answered(reply) => {
                let mut meaning = self.codes.meaning(&reply.code);
                meaning.charged = self.agreed_charge(meaning.charged, reply.charged);
                let judged = Judged::Sent {
                    meaning,
                    raw_code: reply.code,
                    carrier: reply.carrier,
                };
                (Some(false), judged)
            }
        };
        match failed {
            Some(true) if self.with_breaker(|breaker| breaker.failed(now_ms)) => {
                tracing::warn!(upstream = %self.name, "the upstream does not answer and is left alone for a while");
            }
            Some(false) => self.with_breaker(Breaker::answered),
            _ => {}
        }
        metrics::counter!(
            "hongyan_verify_upstream_attempts_total",
            "upstream" => self.name.to_string(),
            "result" => result_label(&judged),
            "charge" => charge_word(judged.charged())
        )
        .increment(1);
        metrics::gauge!("hongyan_verify_upstream_breaker_open", "upstream" => self.name.to_string()).set(
            f64::from(u8::from(self.with_breaker(|breaker| breaker.is_open()))),
        );
        judged
    }

    /// The answer's own word on the charge, unless the price list contradicts it: then nobody can know before the bill.
    fn agreed_charge(&self, listed: Option<bool>, said: Option<bool>) -> Option<bool> {
        match (listed, said) {
            (Some(listed), Some(said)) if listed != said => {
                metrics::counter!("hongyan_verify_charge_disagreements_total", "upstream" => self.name.to_string())
                    .increment(1);
                tracing::warn!(upstream = %self.name, listed, said, "the upstream's charge is not that of its table");
                None
            }
            (listed, said) => said.or(listed),
        }
    }

    fn with_breaker<T>(&self, what: impl FnOnce(&mut Breaker) -> T) -> T {
        what(&mut self.breaker.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn result_label(judged: &Judged) -> &'static str {
    match judged {
        Judged::NotSent(_) => "NOT_SENT",
        Judged::Sent { meaning, .. } => outcome_word(meaning.outcome),
    }
}

/// An outcome's name without its prefix, as in the record.
pub(crate) fn outcome_word(outcome: Outcome) -> &'static str {
    let name = outcome.as_str_name();
    name.strip_prefix("OUTCOME_").unwrap_or(name)
}

#[cfg(test)]
#[path = "asker_tests.rs"]
mod tests;
