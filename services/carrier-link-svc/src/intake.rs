//! Taking messages off the queues of one class, as far as there is room for them and a connection to send them on.

mod returning;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use hongyan_domain::{MessageClass, MessageId};
use hongyan_envelope::SUBJECT;
use hongyan_queue::{Backoff, Entry, Group};
use hongyan_telemetry::TraceContext;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    events::{About, Told},
    health,
    link::LinkShared,
    outbound::{Outbound, Unreadable, Unsendable},
    policy::{Intent, Resume, sends_again},
    store::{Hold, Job, Place, Reply, Store},
    work::{Work, process_span, traceparent},
};

/// The context of sealed outbound messages.
const OUTBOUND: &[u8] = b"outbound";
/// How long one read waits on the server: also how long the drain waits for it.
const BLOCK_MS: u64 = 500;
/// Abandoned entries are looked for so often.
const RECLAIM_PERIOD: Duration = Duration::from_secs(1);
/// Even where the desk has room for fewer: little, and it must not trickle.
const LEAST_RECLAIMED: usize = 16;
/// An entry that cannot be opened is tried again so often, in case that its key is on its way here.
const MOST_OPENINGS: u64 = 5;
const IDLE_LOOK: Duration = Duration::from_millis(100);

/// Why an entry is not worked on.
enum NotTaken {
    /// Put aside for a person to look at.
    Dead(&'static str),
    /// Left for a later look.
    Later,
    /// The sender is told.
    Unsendable(Place, Unsendable, Option<TraceContext>),
}

/// Runs until told to end.
pub async fn run(link: Arc<LinkShared>, class: MessageClass, shutdown: CancellationToken) {
    let mut backoff = Backoff::for_redis();
    let group = loop {
        match link.store.join(class).await {
            Ok(group) => break group,
            Err(error) => {
                tracing::warn!(link = link.name(), class = class.as_str(), %error, "the queue cannot be joined");
            }
        }
        let pause = tokio::time::sleep(backoff.next_wait());
        if shutdown.run_until_cancelled(pause).await.is_none() {
            return;
        }
    };
    let intake = Intake { link, class, group };
    let mut ready = intake.link.board.ready();
    let mut reclaim_at = Instant::now();
    backoff.reset();
    while !shutdown.is_cancelled() {
        // Without a connection the work is left to processes that have one.
        if *ready.borrow_and_update() == 0 {
            let changed = async {
                tokio::select! {
                    changed = ready.changed() => changed.is_ok(),
                    () = tokio::time::sleep(RECLAIM_PERIOD) => true,
                }
            };
            if shutdown.run_until_cancelled(changed).await != Some(true) {
                return;
            }
            if *ready.borrow() == 0 && health::is_down(&intake.link).await {
                intake.return_all(&shutdown).await;
            }
            continue;
        }
        if let Err(error) = intake.turn(&mut reclaim_at, &shutdown).await {
            tracing::debug!(link = intake.link.name(), class = class.as_str(), %error, "nothing was taken");
            let _ = shutdown
                .run_until_cancelled(tokio::time::sleep(backoff.next_wait()))
                .await;
        } else {
            backoff.reset();
        }
    }
}

/// An entry that was opened.
struct Opened {
    place: Place,
    sealed: Bytes,
    outbound: Outbound,
    carried: Option<TraceContext>,
}

struct Intake {
    link: Arc<LinkShared>,
    class: MessageClass,
    group: Group,
}

impl Intake {
    async fn turn(
        &self,
        reclaim_at: &mut Instant,
        shutdown: &CancellationToken,
    ) -> Result<(), hongyan_queue::QueueError> {
        let room = self.link.desk.room_for(self.class);
        if room == 0 {
            let _ = tokio::time::timeout(IDLE_LOOK, self.link.desk.room_made()).await;
            return Ok(());
        }
        // Counts hold for each stream.
        let share = (room / self.group.streams().len().max(1)).max(1);
        let entries = if Instant::now() >= *reclaim_at {
            let lease_ms = u64::try_from(self.link.tuning.lease.as_millis()).unwrap_or(u64::MAX);
            let reclaimed = self.group.reclaim(lease_ms, share.max(LEAST_RECLAIMED)).await?;
            // What was abandoned is older than what is new: all of it comes first, however full the queue is.
            if reclaimed.is_empty() {
                *reclaim_at = Instant::now() + RECLAIM_PERIOD;
            }
            reclaimed
        } else {
            self.group.read(share, BLOCK_MS).await?
        };
        if !entries.is_empty() {
            self.place(entries, shutdown).await?;
        }
        Ok(())
    }

    /// Puts entries on the desk; what another process has begun goes on where that left off.
    async fn place(
        &self,
        entries: Vec<Entry>,
        shutdown: &CancellationToken,
    ) -> Result<(), hongyan_queue::QueueError> {
        let mut again = Vec::new();
        for entry in entries {
            match self.open(&entry) {
                Ok(Some(opened)) if entry.delivery_count > 1 => again.push(opened),
                Ok(Some(opened)) => {
                    let fresh = Intent {
                        attempt: 1,
                        ..Intent::default()
                    };
                    self.begin(opened, &fresh, true, shutdown).await;
                }
                Ok(None) | Err(NotTaken::Later) => {}
                Err(NotTaken::Dead(reason)) => {
                    // A failure leaves the entry to the next look; the others go on.
                    if let Err(error) = self.group.dead_letter(&entry, reason).await {
                        tracing::warn!(link = self.link.name(), id = %entry.id, reason, %error, "not put aside yet");
                    }
                }
                Err(NotTaken::Unsendable(place, why, carried)) => {
                    self.unsendable(place, why, carried, shutdown).await;
                }
            }
        }
        let intents = self.intents(&again).await?;
        for (opened, intent) in again.into_iter().zip(intents) {
            self.begin(opened, &intent, false, shutdown).await;
        }
        Ok(())
    }

    /// What was written down of these; where that cannot be read they are let go.
    async fn intents(&self, opened: &[Opened]) -> Result<Vec<Intent>, hongyan_queue::QueueError> {
        let asked = opened
            .iter()
            .map(|opened| (opened.place.partition, opened.place.message_id));
        let intents = self.link.store.intents(asked).await;
        if intents.is_err() {
            // Their leases run on; the next reclaim finds them again.
            for opened in opened {
                self.link.desk.let_go(&opened.place);
            }
        }
        intents
    }

    /// `Ok(None)` for an entry that this process works on already.
    fn open(&self, entry: &Entry) -> Result<Option<Opened>, NotTaken> {
        let body = entry.body().ok_or(NotTaken::Dead("BODY_MISSING"))?;
        let keyring = self.link.keyring.current();
        let plain = keyring.open(OUTBOUND, body).map_err(|error| {
            tracing::warn!(link = self.link.name(), id = %entry.id, %error, "an entry cannot be opened");
            if entry.delivery_count < MOST_OPENINGS {
                NotTaken::Later
            } else {
                NotTaken::Dead("SEAL_UNOPENABLE")
            }
        })?;
        let partition = Store::partition_of(&entry.stream).ok_or(NotTaken::Dead("STREAM_UNKNOWN"))?;
        let place = |message_id: MessageId| Place {
            partition,
            stream: Arc::clone(&entry.stream),
            id: entry.id,
            message_id,
        };
        let carried = entry.traceparent().and_then(TraceContext::parse);
        match Outbound::read(&plain, &self.link.link) {
            Err(Unreadable::Body) => Err(NotTaken::Dead("BODY_MALFORMED")),
            Err(Unreadable::MessageId) => Err(NotTaken::Dead("MESSAGE_ID_INVALID")),
            Ok(Err((message_id, why))) => Err(NotTaken::Unsendable(place(message_id), why, carried)),
            Ok(Ok(outbound)) => {
                let place = place(outbound.message_id);
                let is_new = self.link.desk.hold(&place);
                Ok(is_new.then(|| Opened {
                    place,
                    sealed: Bytes::copy_from_slice(body),
                    outbound,
                    carried,
                }))
            }
        }
    }

    async fn begin(&self, opened: Opened, intent: &Intent, is_first: bool, shutdown: &CancellationToken) {
        let Opened {
            place,
            sealed,
            outbound,
            carried,
        } = opened;
        // Parts that follow others must have their reference, or the phone cannot join them.
        let reference = intent.reference.unwrap_or_else(|| self.link.next_reference());
        let parts = match outbound.parts(reference, self.link.link.text) {
            Ok(parts) => parts,
            Err(why) => {
                self.link.desk.let_go(&place);
                return self.unsendable(place, why, carried, shutdown).await;
            }
        };
        let subject = self.link.keyring.current().tag(SUBJECT, &outbound.phone.e164());
        let span = process_span(
            self.link.name(),
            &outbound,
            carried.as_ref(),
            is_first,
            clock::unix_ms(),
        );
        let mut work = Work {
            place,
            order: self.link.desk.next_order(),
            sealed,
            outbound,
            parts,
            reference,
            segment: 1,
            attempt: intent.attempt,
            throttled: 0,
            reserved: None,
            subject,
            carried,
            span,
        };
        match intent.resume() {
            Resume::Fresh => self.link.desk.put(work),
            Resume::Next { segment } => {
                work.segment = segment;
                self.link.desk.put(work);
            }
            Resume::Uncertain { segment } => {
                work.segment = segment;
                self.uncertain(work, shutdown).await;
            }
        }
    }

    /// Another process, or an earlier life of this one, died between submit and answer.
    async fn uncertain(&self, mut work: Work, shutdown: &CancellationToken) {
        metrics::counter!(
            "hongyan_link_uncertain_total",
            "link" => self.link.name().to_owned(),
            "class" => work.outbound.class.as_str(),
        )
        .increment(1);
        let resend = sends_again(work.outbound.class, work.attempt, self.link.tuning.max_attempts);
        let now_ms = clock::unix_ms();
        let told = self
            .link
            .teller
            .uncertain(&work.about(), resend, work.attempt, now_ms);
        let job = Job::Settle {
            place: work.place.clone(),
            goes_on_after: resend.then_some(work.attempt),
            told,
            traceparent: work.traceparent(),
            doubt: Some(self.link.doubt(&work, now_ms)),
            hold: Hold::Any,
            now_ms,
        };
        match self.settle(&job, shutdown).await {
            Some(Reply::Done) if resend => {
                work.attempt += 1;
                self.link.desk.put(work);
            }
            // Settled; or somebody has gone on with it since it was read, and the next look finds out how far.
            _ => self.link.desk.let_go(&work.place),
        }
    }

    async fn unsendable(
        &self,
        place: Place,
        why: Unsendable,
        carried: Option<TraceContext>,
        shutdown: &CancellationToken,
    ) {
        let now_ms = clock::unix_ms();
        let reason = why.to_string();
        tracing::warn!(link = self.link.name(), message_id = %place.message_id, reason, "a message cannot be sent");
        let about = About {
            message_id: place.message_id,
            segment: 0,
            segments: 0,
            subject: None,
            trace: carried,
        };
        let told: Told = self.link.teller.unsendable(&about, &reason, now_ms);
        let job = Job::Settle {
            place,
            goes_on_after: None,
            told,
            traceparent: traceparent(carried),
            doubt: None,
            hold: Hold::Any,
            now_ms,
        };
        self.settle(&job, shutdown).await;
    }

    /// Until it is done; `None` where the process ends first or the store refuses: then the entry is reclaimed later.
    async fn settle(&self, job: &Job, shutdown: &CancellationToken) -> Option<Reply> {
        let mut backoff = Backoff::for_redis();
        loop {
            let result = self.link.store.run([job]).await.and_then(|mut replies| {
                replies.pop().unwrap_or_else(|| {
                    Err(hongyan_queue::QueueError::Answer {
                        operation: "link-settle".to_owned(),
                        detail: "no answer".to_owned(),
                    })
                })
            });
            match result {
                Ok(reply) => return Some(reply),
                Err(error) if error.is_unavailable() => {
                    shutdown
                        .run_until_cancelled(tokio::time::sleep(backoff.next_wait()))
                        .await?;
                }
                Err(error) => {
                    tracing::error!(link = self.link.name(), %error, "the store refuses a step");
                    return None;
                }
            }
        }
    }
}
