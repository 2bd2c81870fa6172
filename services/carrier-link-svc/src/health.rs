//! Tells dispatch how a link is, and the link's other processes that somebody can send.

use std::{sync::Arc, time::Duration};

use hongyan_domain::Partition;
use tokio_util::sync::CancellationToken;

use crate::{clock, link::LinkShared, store::Job};

/// Told again so often, though nothing has changed.
const PERIOD: Duration = Duration::from_secs(2);
/// So long at least a process that can send counts after it has said so for the last time.
const READY_KEPT: Duration = Duration::from_secs(6);

/// Runs until told to end, then says that this process no longer counts.
pub async fn run(link: Arc<LinkShared>, end: CancellationToken) {
    let mut ready = link.board.ready();
    loop {
        let count = *ready.borrow_and_update();
        tell(&link, count, false).await;
        let changed = async {
            tokio::select! {
                changed = ready.changed() => changed.is_ok(),
                () = tokio::time::sleep(PERIOD) => true,
            }
        };
        if end.run_until_cancelled(changed).await != Some(true) {
            break;
        }
    }
    tell(&link, 0, true).await;
}

/// What cannot be told now is told at the next turn.
async fn tell(link: &LinkShared, ready: usize, is_gone: bool) {
    let now_ms = clock::unix_ms();
    let told = link
        .teller
        .health(&link.instance, ready, link.link.connections, is_gone, now_ms);
    let Ok(partition) = Partition::new(0) else {
        return;
    };
    let job = Job::Tell {
        partition,
        told,
        traceparent: String::new(),
        now_ms,
    };
    let told = link.store.run([&job]).await;
    let kept = if ready > 0 {
        // The link is down for everybody only when nobody could send for the whole bound: a process that waits for
        // another one's connections has had none itself for as long as it lives.
        link.store
            .tell_ready(READY_KEPT.max(link.tuning.down_after))
            .await
    } else {
        Ok(())
    };
    if let Some(error) = told.err().or(kept.err()) {
        tracing::debug!(link = link.name(), %error, "the link's health was not told");
    }
}

/// No process can send on the link, and none could for longer than the bound. What cannot be asked is not down: then Redis
/// is away, and nothing can be given back either.
pub async fn is_down(link: &LinkShared) -> bool {
    let down_for = link.board.down_for();
    if down_for.is_none_or(|down_for| down_for < link.tuning.down_after) {
        return false;
    }
    matches!(link.store.is_somebody_ready().await, Ok(false))
}
