//! The way to the record: events of concurrent verifications travel in one `Append`, and each waits for its own answer.
//!
//! A producer's events are numbered without gap, so that the record can tell when one is missing. A batch that may have
//! reached the record is therefore sent again, the same under the same numbers, until it is known to be there; whoever
//! waits for one of its events gives up earlier, at the time limit, and the answer that it stands for is not given.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use hongyan_chassis::Problem;
use hongyan_proto::audit::v1::{AppendRequest, AppendResponse, AuditEvent};
use hongyan_queue::Backoff;
use hongyan_telemetry::{TraceContext, context, names};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tracing::Instrument as _;

/// More events at once make no batch faster; with two thousand octets an event they stay far below the size of a message.
const MOST_OF_A_BATCH: usize = 256;
/// Events that wait for their batch; further ones are refused at once.
const MOST_WAITING: usize = 1_024;
/// After the last call has ended, so many more attempts are made.
const LAST_ATTEMPTS: u32 = 5;
/// How often one batch may begin a new epoch because the record has its numbers already.
const MOST_EPOCHS: u32 = 3;
/// A record that takes nothing for so long is away; one that starts anew is back sooner.
pub(crate) const AWAY_AFTER: Duration = Duration::from_secs(2);

/// One call of the record's `Append`.
pub type Appending = Pin<Box<dyn Future<Output = Result<AppendResponse, Status>> + Send>>;
/// Calls the record's `Append`.
pub type Append = Arc<dyn Fn(AppendRequest) -> Appending + Send + Sync>;

/// Hands events to the writer. Cheap to clone.
#[derive(Clone)]
pub struct Recorder {
    events: mpsc::Sender<Pending>,
    timeout: Duration,
    trouble: watch::Receiver<Option<Trouble>>,
}

/// Since when the record takes no events, and what it says, in plain words.
#[derive(Debug, Clone)]
pub struct Trouble {
    since: Instant,
    /// The record's last words, and what is heard from it now where that is something else.
    pub why: Arc<str>,
}

impl Trouble {
    /// How long it has to go on before the record counts as away.
    pub fn is_away_in(&self) -> Duration {
        AWAY_AFTER.saturating_sub(self.since.elapsed())
    }

    /// The record has taken nothing for so long that nothing should be begun that must be on it.
    pub fn is_away(&self) -> bool {
        self.is_away_in().is_zero()
    }

    /// An attempt failed; `before` is what was known until now.
    fn next(before: Option<&Self>, status: &Status) -> Self {
        Self::told(before, Instant::now(), words(status))
    }

    /// An attempt that began at `begun` is still without an answer: a service that hangs refuses nothing.
    fn silent(before: Option<&Self>, begun: Instant) -> Self {
        let now = format!("no answer for {} s (NO_ANSWER)", AWAY_AFTER.as_secs());
        Self::told(before, begun, now)
    }

    fn told(before: Option<&Self>, since: Instant, now: String) -> Self {
        let Some(before) = before else {
            return Self {
                since,
                why: now.into(),
            };
        };
        let said = before.why.split(THEN).next().unwrap_or_default();
        let why = if said == now {
            now
        } else {
            format!("{said}{THEN}{now}")
        };
        Self {
            since: before.since,
            why: why.into(),
        }
    }
}

/// Between what the record said first and what is heard now.
const THEN: &str = "; now: ";

fn words(status: &Status) -> String {
    let problem = Problem::from_status(status);
    format!("{} ({})", problem.message, problem.reason)
}

/// The event is not known to be on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the event is not known to be on record")]
pub struct NotRecorded;

struct Pending {
    event: AuditEvent,
    trace: Option<TraceContext>,
    done: oneshot::Sender<()>,
}

/// Writes the events; to be run as a task of the process.
pub struct Writer {
    events: mpsc::Receiver<Pending>,
    append: Append,
    producer: Arc<str>,
    epoch: u64,
    next_seq: u64,
    trouble: watch::Sender<Option<Trouble>>,
}

/// A recorder and its writer. `producer` is unique to this process, `epoch` larger at each of its starts; `timeout` is how
/// long a recorder waits.
pub fn recorder(append: Append, producer: Arc<str>, epoch: u64, timeout: Duration) -> (Recorder, Writer) {
    let (sender, receiver) = mpsc::channel(MOST_WAITING);
    let (tell_trouble, trouble) = watch::channel(None);
    let writer = Writer {
        events: receiver,
        append,
        producer,
        epoch,
        next_seq: 1,
        trouble: tell_trouble,
    };
    let recorder = Recorder {
        events: sender,
        timeout,
        trouble,
    };
    (recorder, writer)
}

impl Recorder {
    /// What keeps events from the record; `None` where the last one was taken.
    pub fn trouble(&self) -> Option<Trouble> {
        self.trouble.borrow().clone()
    }

    /// Tells when that changes; ends with the writer.
    pub fn watch_trouble(&self) -> watch::Receiver<Option<Trouble>> {
        self.trouble.clone()
    }

    /// Returns when the event is durable, or when that cannot be said in time.
    pub async fn record(&self, event: AuditEvent) -> Result<(), NotRecorded> {
        let (done, recorded) = oneshot::channel();
        let begun = std::time::Instant::now();
        self.events
            .try_send(Pending {
                event,
                trace: TraceContext::current(),
                done,
            })
            .map_err(|_| not_recorded("QUEUE_FULL"))?;
        match tokio::time::timeout(self.timeout, recorded).await {
            Ok(Ok(())) => {
                metrics::histogram!("hongyan_verify_record_duration_seconds")
                    .record(begun.elapsed().as_secs_f64());
                Ok(())
            }
            Ok(Err(_)) => Err(not_recorded("REFUSED")),
            Err(_) => Err(not_recorded("TIMEOUT")),
        }
    }
}

fn not_recorded(reason: &'static str) -> NotRecorded {
    metrics::counter!("hongyan_verify_not_recorded_total", "reason" => reason).increment(1);
    NotRecorded
}

/// What to do about a failed attempt.
#[derive(Debug, PartialEq, Eq)]
enum Remedy {
    /// The same again: it may be there, or may be there soon.
    Again,
    /// The numbers are taken by others' events: new ones.
    NewEpoch,
    /// The record will never take it, and has not.
    GiveUp,
}

fn remedy(code: Code) -> Remedy {
    match code {
        Code::AlreadyExists | Code::FailedPrecondition | Code::Aborted => Remedy::NewEpoch,
        Code::InvalidArgument | Code::OutOfRange | Code::Unimplemented => Remedy::GiveUp,
        // Among these PERMISSION_DENIED: a method table is mended while the process lives.
        _ => Remedy::Again,
    }
}

impl Writer {
    /// Writes until `ended`, and then what is still waiting.
    pub async fn run(mut self, ended: CancellationToken) {
        let mut batch = Vec::with_capacity(MOST_OF_A_BATCH);
        loop {
            let taken = tokio::select! {
                biased;
                taken = self.events.recv_many(&mut batch, MOST_OF_A_BATCH) => taken,
                () = ended.cancelled() => {
                    self.events.close();
                    self.events.recv_many(&mut batch, MOST_OF_A_BATCH).await
                }
            };
            if taken == 0 {
                return;
            }
            let written = self.write(&batch, &ended).await;
            for pending in batch.drain(..).filter(|_| written) {
                // Whoever has given up waiting is not told.
                let _ = pending.done.send(());
            }
        }
    }

    /// Whether the batch is on record.
    async fn write(&mut self, batch: &[Pending], ended: &CancellationToken) -> bool {
        let span = tracing::info_span!(
            "append to the record",
            { names::MESSAGING_BATCH_MESSAGE_COUNT } = batch.len()
        );
        match batch {
            // Alone, it tells its verification's story; together, a story of their own that links to each of theirs.
            [one] => context::continue_from(&span, one.trace.as_ref()),
            many => context::root_linked_to(&span, many.iter().filter_map(|pending| pending.trace.as_ref())),
        }
        self.write_in_span(batch, ended).instrument(span).await
    }

    /// One call. Its trouble begins before its time is over, for what is asked meanwhile would be asked for nothing.
    async fn attempt(&self, request: AppendRequest) -> Result<AppendResponse, Status> {
        let begun = Instant::now();
        let mut answer = (self.append)(request);
        if let Ok(answer) = tokio::time::timeout(AWAY_AFTER, &mut answer).await {
            return answer;
        }
        self.trouble
            .send_modify(|trouble| *trouble = Some(Trouble::silent(trouble.as_ref(), begun)));
        answer.await
    }

    async fn write_in_span(&mut self, batch: &[Pending], ended: &CancellationToken) -> bool {
        let mut request = AppendRequest {
            producer: self.producer.to_string(),
            epoch: self.epoch,
            first_seq: self.next_seq,
            events: batch.iter().map(|pending| pending.event.clone()).collect(),
            wait_published: false,
        };
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
        let (mut epochs, mut last_attempts) = (0, 0);
        loop {
            let status = match self.attempt(request.clone()).await {
                Ok(response) if response.appended.len() == batch.len() => {
                    self.next_seq += batch.len() as u64;
                    self.trouble.send_if_modified(|trouble| trouble.take().is_some());
                    metrics::counter!("hongyan_verify_recorded_total").increment(batch.len() as u64);
                    return true;
                }
                Ok(_) => Status::unknown("the record answered for another number of events"),
                Err(status) => status,
            };
            metrics::counter!("hongyan_verify_record_failures_total", "code" => format!("{:?}", status.code())).increment(1);
            self.trouble
                .send_modify(|trouble| *trouble = Some(Trouble::next(trouble.as_ref(), &status)));
            match remedy(status.code()) {
                Remedy::NewEpoch if epochs < MOST_EPOCHS => {
                    epochs += 1;
                    self.epoch += 1;
                    self.next_seq = 1;
                    request.epoch = self.epoch;
                    request.first_seq = 1;
                    tracing::warn!(
                        epoch = self.epoch,
                        "the record has these numbers already; a new epoch begins"
                    );
                    continue;
                }
                Remedy::Again => {}
                Remedy::NewEpoch | Remedy::GiveUp => {
                    tracing::error!(code = ?status.code(), events = batch.len(), "the record refuses events");
                    return false;
                }
            }
            if ended.is_cancelled() {
                last_attempts += 1;
                if last_attempts >= LAST_ATTEMPTS {
                    tracing::error!(code = ?status.code(), events = batch.len(), "events did not reach the record before the end");
                    return false;
                }
            }
            tracing::warn!(code = ?status.code(), events = batch.len(), "the record does not answer; the same events go again");
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
