//! One connection slot: takes its lease, keeps a connection on it, and tries again when it ends.

use std::{sync::Arc, time::Duration};

use hongyan_carrier_wire::session::CloseReason;
use hongyan_queue::Backoff;
use rand::Rng;
use tokio_util::sync::CancellationToken;

use crate::{
    board::Phase,
    connection::{self, Ended, Why},
    line::Line,
    link::LinkShared,
    runner::{self, Failed},
};

const LONGEST_TURN: Duration = Duration::from_secs(3);

/// Runs until told to end.
pub async fn run(link: Arc<LinkShared>, slot: u16, shutdown: CancellationToken) -> Result<(), Failed> {
    let mut traffic = Line::new(Arc::clone(&link), slot);
    // The version octet to ask for where the carrier has refused a higher one.
    let mut version = None;
    let mut backoff = reconnects(&link);
    // One after the other, so that replicas that start together share the slots.
    let turn = Duration::from_millis(100) * u32::from(slot);
    let _ = shutdown
        .run_until_cancelled(tokio::time::sleep(turn.min(LONGEST_TURN)))
        .await;
    while !shutdown.is_cancelled() {
        let _ = shutdown
            .run_until_cancelled(tokio::time::sleep(hesitation(&link)))
            .await;
        let next = match link.store.take_slot(slot, link.tuning.slot_ttl).await {
            Ok(Some(lease)) => {
                let ended =
                    connection::run(&link, &mut traffic, slot, version, lease.lost(), &shutdown).await;
                // The connection is closed: another process may have the slot at once.
                lease.release().await;
                tell(&link, slot, &ended);
                traffic.settle().await;
                if traffic.is_unrecorded() && !link.hard_stop.is_cancelled() {
                    return Err(Failed::Unrecorded);
                }
                after(&ended, &mut version, &mut backoff)
            }
            Ok(None) => {
                link.board.leave(slot);
                // What was taken for a connection that was idle here is for whoever has it now.
                if link.board.down_for().is_some() {
                    runner::give_back(&link).await;
                }
                Next::Wait(look_again(&link))
            }
            Err(error) => {
                tracing::debug!(link = link.name(), slot, %error, "the slot was not taken");
                Next::Wait(backoff.next_wait())
            }
        };
        let until = async {
            match next {
                Next::Wait(wait) => tokio::time::sleep(wait).await,
                Next::Idle => work_comes(&link).await,
            }
        };
        let _ = shutdown.run_until_cancelled(until).await;
    }
    traffic.settle().await;
    link.board.leave(slot);
    Ok(())
}

fn reconnects(link: &LinkShared) -> Backoff {
    match link.link.reconnect {
        Some(reconnect) => Backoff::new(reconnect.first, reconnect.longest),
        None => Backoff::new(link.tuning.reconnect_first, link.tuning.reconnect_most),
    }
}

/// Returns when a message lies on the desk. Its class's intake goes on taking, because an idle connection counts as one
/// that can send.
async fn work_comes(link: &LinkShared) {
    let mut news = link.desk.news.listen();
    while link.desk.count() == 0 {
        news.heard().await;
    }
}

/// What follows the end of a connection.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Connect again after this time.
    Wait(Duration),
    /// Connect again when there is something to send: it ended for want of that, as its protocol asks.
    Idle,
}

/// Who holds some slots already lets others go first.
fn hesitation(link: &LinkShared) -> Duration {
    let held = u32::try_from(link.board.held()).unwrap_or(u32::MAX);
    (Duration::from_millis(150).saturating_mul(held)).min(link.tuning.slot_ttl / 2)
}

/// A slot that another process has is looked at about three times in its time to live.
fn look_again(link: &LinkShared) -> Duration {
    (link.tuning.slot_ttl / 3).mul_f64(rand::rng().random_range(0.8..1.2))
}

/// What to do after a connection, and with which version to come back.
fn after(ended: &Ended, version: &mut Option<u8>, backoff: &mut Backoff) -> Next {
    if ended.was_ready {
        backoff.reset();
    }
    match ended.why {
        Why::Session(CloseReason::Idle) => Next::Idle,
        Why::Session(CloseReason::VersionRefused {
            retry_with: Some(lower),
        }) => {
            *version = Some(lower);
            Next::Wait(Duration::ZERO)
        }
        _ => Next::Wait(backoff.next_wait()),
    }
}

fn tell(link: &LinkShared, slot: u16, ended: &Ended) {
    let is_idle = matches!(ended.why, Why::Session(CloseReason::Idle));
    let is_wanted = is_idle
        || matches!(
            ended.why,
            Why::ToldToEnd | Why::Session(CloseReason::Terminated | CloseReason::TerminateTimeout)
        );
    let text = ended.why.to_string();
    if is_wanted {
        tracing::info!(link = link.name(), slot, why = text, "the connection ended");
        link.board
            .enter(slot, if is_idle { Phase::Idle } else { Phase::BackingOff });
        return;
    }
    tracing::warn!(
        link = link.name(),
        slot,
        why = text,
        was_ready = ended.was_ready,
        "the connection ended"
    );
    link.board.failed(slot, ended.why.kind(), &text);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hongyan_carrier_wire::session::CloseReason;
    use hongyan_queue::Backoff;

    use super::{Next, after};
    use crate::connection::{Ended, Why};

    fn ended(was_ready: bool, reason: CloseReason) -> Ended {
        Ended {
            was_ready,
            why: Why::Session(reason),
        }
    }

    fn wait(next: &Next) -> Duration {
        match next {
            Next::Wait(wait) => *wait,
            Next::Idle => panic!("idle"),
        }
    }

    #[test]
    fn a_refused_version_is_followed_at_once_and_everything_else_waits_longer_each_time() {
        let mut version = None;
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        let lower = ended(
            false,
            CloseReason::VersionRefused {
                retry_with: Some(0x20),
            },
        );
        assert_eq!(
            after(&lower, &mut version, &mut backoff),
            Next::Wait(Duration::ZERO)
        );
        assert_eq!(version, Some(0x20));
        for _ in 0..5 {
            after(
                &ended(false, CloseReason::LoginRefused { status: 3 }),
                &mut version,
                &mut backoff,
            );
        }
        let lost = CloseReason::ConnectionLost;
        let long = wait(&after(&ended(false, lost), &mut version, &mut backoff));
        assert!(long >= Duration::from_millis(1_600), "{long:?}");
        let fresh = wait(&after(&ended(true, lost), &mut version, &mut backoff));
        assert!(fresh <= Duration::from_millis(100), "{fresh:?}");
        assert_eq!(version, Some(0x20));
    }

    #[test]
    fn what_ended_for_want_of_work_waits_for_work() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        assert_eq!(
            after(&ended(true, CloseReason::Idle), &mut None, &mut backoff),
            Next::Idle
        );
    }
}
