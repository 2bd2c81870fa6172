//! All tasks of one link, and the end of them in order.

use std::{sync::Arc, time::Duration};

use hongyan_catalog::Protocol;
use hongyan_domain::MessageClass;
use hongyan_queue::Group;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{clock, health, intake, link::LinkShared, sgip_listener, slot};

/// Gauges are renewed so often.
const GAUGES_PERIOD: Duration = Duration::from_secs(2);
/// So long without a connection, and what lies on the desk is given back for other processes.
const IDLE_PERIOD: Duration = Duration::from_secs(2);
/// Besides the drain of the connections: how long outcomes may take to be stored when the process ends.
const STORE_GRACE: Duration = Duration::from_secs(5);

/// Why a link's tasks ended though nobody told them to. Says nothing of what they worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// A mistake of ours.
    #[error("a task of it panicked")]
    Panicked,
    /// The runtime ends.
    #[error("a task of it was cancelled")]
    Cancelled,
    /// A recorder has ended before its time.
    #[error("nothing can be recorded any more")]
    Unrecorded,
}

impl From<JoinError> for Failed {
    fn from(error: JoinError) -> Self {
        // The text of a panic may quote what was worked on.
        if error.is_panic() {
            Self::Panicked
        } else {
            Self::Cancelled
        }
    }
}

/// Runs the link until told to end, then drains it: open answers are awaited, what is not sent is given back. `Err` when a
/// task of it panicked.
pub async fn run(link: Arc<LinkShared>, shutdown: CancellationToken) -> Result<(), Failed> {
    let mut slots = JoinSet::new();
    for number in 0..link.link.connections {
        slots.spawn(slot::run(Arc::clone(&link), number, shutdown.clone()));
    }
    if let Protocol::Sgip(settings) = &link.link.protocol {
        let listener = sgip_listener::run(Arc::clone(&link), settings.clone(), shutdown.clone());
        slots.spawn(listener);
    }
    // These go on until the last connection has ended: it needs pace and leases as long as it works.
    let helpers_end = CancellationToken::new();
    let mut helpers = JoinSet::new();
    helpers.spawn(link.store.janitor().run(helpers_end.clone()));
    helpers.spawn({
        let (link, end) = (Arc::clone(&link), helpers_end.clone());
        async move { link.pace.keep(&link.desk, end).await }
    });
    helpers.spawn(renew(Arc::clone(&link), helpers_end.clone()));
    helpers.spawn(give_back_idle(Arc::clone(&link), helpers_end.clone()));
    helpers.spawn(gauges(Arc::clone(&link), helpers_end.clone()));
    helpers.spawn(health::run(Arc::clone(&link), helpers_end.clone()));
    let mut intakes = JoinSet::new();
    for class in MessageClass::ALL {
        intakes.spawn(intake::run(Arc::clone(&link), class, shutdown.clone()));
    }
    let outcome = tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        outcome = watch(&mut slots) => outcome,
        outcome = watch(&mut intakes) => outcome,
        outcome = watch(&mut helpers) => outcome,
    };
    shutdown.cancel();
    let stop = link.hard_stop.clone();
    let patience = link.tuning.drain + STORE_GRACE;
    let hard_end = tokio::spawn(async move {
        tokio::time::sleep(patience).await;
        stop.cancel();
    });
    let outcome = outcome
        .and(watch(&mut intakes).await)
        .and(watch(&mut slots).await);
    give_back(&link).await;
    helpers_end.cancel();
    let outcome = outcome.and(watch(&mut helpers).await);
    hard_end.abort();
    outcome
}

/// Waits for all; the first failure is the outcome.
async fn watch<T: Into<Outcome> + 'static>(tasks: &mut JoinSet<T>) -> Result<(), Failed> {
    while let Some(ended) = tasks.join_next().await {
        let Outcome(outcome) = ended?.into();
        outcome?;
    }
    Ok(())
}

/// How a task ended.
struct Outcome(Result<(), Failed>);

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self(Ok(()))
    }
}

impl From<Result<(), Failed>> for Outcome {
    fn from(outcome: Result<(), Failed>) -> Self {
        Self(outcome)
    }
}

/// Renews the leases of everything that this process holds. What was lost to another process is noticed by its next
/// intent, which is refused.
async fn renew(link: Arc<LinkShared>, end: CancellationToken) {
    let mut group: Option<Group> = None;
    while end
        .run_until_cancelled(tokio::time::sleep(link.tuning.lease / 3))
        .await
        .is_some()
    {
        let held = link.desk.held();
        let outcome = async {
            let group = match &group {
                Some(group) => group,
                // Any class will do: renewing names the streams itself.
                None => group.insert(link.store.join(MessageClass::Otp).await?),
            };
            group
                .renew(held.iter().map(|place| (place.stream.as_ref(), place.id)))
                .await
        }
        .await;
        match outcome {
            Ok(lost) if lost.is_empty() => {}
            Ok(lost) => {
                let lost = lost.into_iter().collect();
                let forgotten = link.desk.forget(&lost);
                tracing::warn!(
                    link = link.name(),
                    count = lost.len(),
                    forgotten,
                    "leases were lost to another process"
                );
            }
            Err(error) => tracing::warn!(link = link.name(), %error, "leases were not renewed"),
        }
    }
}

/// Without a connection for a while, what lies on the desk is another process's to send.
async fn give_back_idle(link: Arc<LinkShared>, end: CancellationToken) {
    let ready = link.board.ready();
    let mut was_idle = false;
    while end
        .run_until_cancelled(tokio::time::sleep(IDLE_PERIOD))
        .await
        .is_some()
    {
        let is_idle = *ready.borrow() == 0;
        if is_idle && was_idle {
            give_back(&link).await;
        }
        was_idle = is_idle;
    }
}

/// Gives what lies on the desk back to the queues, for other processes.
pub(crate) async fn give_back(link: &LinkShared) {
    let left = link.desk.clear();
    if left.is_empty() {
        return;
    }
    let released = async {
        let group = link.store.join(MessageClass::Otp).await?;
        group
            .release(
                left.iter()
                    .map(|work| (work.place.stream.as_ref(), work.place.id)),
            )
            .await
    }
    .await;
    for work in &left {
        link.desk.let_go(&work.place);
    }
    match released {
        Ok(()) => tracing::info!(
            link = link.name(),
            count = left.len(),
            "unsent messages were given back"
        ),
        Err(error) => {
            tracing::warn!(link = link.name(), count = left.len(), %error, "unsent messages wait until their leases run out");
        }
    }
}

async fn gauges(link: Arc<LinkShared>, end: CancellationToken) {
    let name = || link.name().to_owned();
    while end
        .run_until_cancelled(tokio::time::sleep(GAUGES_PERIOD))
        .await
        .is_some()
    {
        metrics::gauge!("hongyan_link_pace_factor", "link" => name()).set(link.pace.factor());
        let declared = &link.link;
        metrics::gauge!("hongyan_link_pace_allowed_segments", "link" => name())
            .set(f64::from(declared.pace_segments_per_second) * link.pace.factor());
        metrics::gauge!("hongyan_link_window", "link" => name()).set(f64::from(declared.window));
        metrics::gauge!("hongyan_link_desk_messages", "link" => name()).set(link.desk.count() as f64);
        for class in MessageClass::ALL {
            let Ok(depth) = link.store.depth(class, clock::unix_ms()).await else {
                break;
            };
            for (state, count) in [("waiting", depth.waiting), ("taken", depth.taken)] {
                metrics::gauge!(
                    "hongyan_link_queue_entries", "link" => name(), "class" => class.as_str(), "state" => state
                )
                .set(count as f64);
            }
            metrics::gauge!("hongyan_link_queue_oldest_age_seconds", "link" => name(), "class" => class.as_str())
                .set(depth.oldest_age_ms as f64 / 1_000.0);
        }
    }
}
