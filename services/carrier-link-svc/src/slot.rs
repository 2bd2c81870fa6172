//! One connection slot: takes its lease, keeps a connection on it, and tries again when it ends.

use std::{sync::Arc, time::Duration};

use hongyan_carrier_wire::cmpp::{Version, session::CloseReason};
use hongyan_catalog::{Cmpp, CmppVersion, Protocol};
use hongyan_queue::Backoff;
use rand::Rng;
use tokio_util::sync::CancellationToken;

use crate::{
    board::Phase,
    connection::{self, Ended, Why},
    line::Line,
    link::LinkShared,
    runner::Failed,
};

const LONGEST_TURN: Duration = Duration::from_secs(3);

/// Runs until told to end.
pub async fn run(link: Arc<LinkShared>, slot: u16, shutdown: CancellationToken) -> Result<(), Failed> {
    let mut traffic = Line::new(Arc::clone(&link), slot);
    let mut version = declared(&link);
    let mut backoff = Backoff::new(link.tuning.reconnect_first, link.tuning.reconnect_most);
    // One after the other, so that replicas that start together share the slots.
    let turn = Duration::from_millis(100) * u32::from(slot);
    let _ = shutdown
        .run_until_cancelled(tokio::time::sleep(turn.min(LONGEST_TURN)))
        .await;
    while !shutdown.is_cancelled() {
        let _ = shutdown
            .run_until_cancelled(tokio::time::sleep(hesitation(&link)))
            .await;
        let wait = match link.store.take_slot(slot, link.tuning.slot_ttl).await {
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
                look_again(&link)
            }
            Err(error) => {
                tracing::debug!(link = link.name(), slot, %error, "the slot was not taken");
                backoff.next_wait()
            }
        };
        let _ = shutdown.run_until_cancelled(tokio::time::sleep(wait)).await;
    }
    traffic.settle().await;
    link.board.leave(slot);
    Ok(())
}

/// Who holds some slots already lets others go first.
fn hesitation(link: &LinkShared) -> Duration {
    let held = u32::try_from(link.board.held()).unwrap_or(u32::MAX);
    (Duration::from_millis(150).saturating_mul(held)).min(link.tuning.slot_ttl / 2)
}

fn declared(link: &LinkShared) -> Version {
    match &link.link.protocol {
        Protocol::Cmpp(Cmpp {
            version: CmppVersion::V2_0,
        }) => Version::V2,
        _ => Version::V3,
    }
}

/// A slot that another process has is looked at about three times in its time to live.
fn look_again(link: &LinkShared) -> Duration {
    (link.tuning.slot_ttl / 3).mul_f64(rand::rng().random_range(0.8..1.2))
}

/// How long to wait after a connection, and with which version to come back.
fn after(ended: &Ended, version: &mut Version, backoff: &mut Backoff) -> Duration {
    if ended.was_ready {
        backoff.reset();
    }
    match ended.why {
        Why::Session(CloseReason::VersionRefused {
            retry_with: Some(lower),
        }) => {
            *version = lower;
            Duration::ZERO
        }
        _ => backoff.next_wait(),
    }
}

fn tell(link: &LinkShared, slot: u16, ended: &Ended) {
    let is_wanted = matches!(
        ended.why,
        Why::ToldToEnd | Why::Session(CloseReason::Terminated | CloseReason::TerminateTimeout)
    );
    let text = ended.why.to_string();
    if is_wanted {
        tracing::info!(link = link.name(), slot, why = text, "the connection ended");
        link.board.enter(slot, Phase::BackingOff);
        return;
    }
    metrics::counter!("hongyan_link_connection_failures_total", "link" => link.name().to_owned())
        .increment(1);
    tracing::warn!(
        link = link.name(),
        slot,
        why = text,
        was_ready = ended.was_ready,
        "the connection ended"
    );
    link.board.failed(slot, &text);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hongyan_carrier_wire::cmpp::{Version, session::CloseReason};
    use hongyan_queue::Backoff;

    use super::after;
    use crate::connection::{Ended, Why};

    fn ended(was_ready: bool, reason: CloseReason) -> Ended {
        Ended {
            was_ready,
            why: Why::Session(reason),
        }
    }

    #[test]
    fn a_refused_version_is_followed_at_once_and_everything_else_waits_longer_each_time() {
        let mut version = Version::V3;
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        let lower = ended(
            false,
            CloseReason::VersionRefused {
                retry_with: Some(Version::V2),
            },
        );
        assert_eq!(after(&lower, &mut version, &mut backoff), Duration::ZERO);
        assert_eq!(version, Version::V2);
        for _ in 0..5 {
            after(
                &ended(false, CloseReason::LoginRefused { status: 3 }),
                &mut version,
                &mut backoff,
            );
        }
        let long = after(
            &ended(false, CloseReason::ConnectionLost),
            &mut version,
            &mut backoff,
        );
        assert!(long >= Duration::from_millis(1_600), "{long:?}");
        let fresh = after(
            &ended(true, CloseReason::ConnectionLost),
            &mut version,
            &mut backoff,
        );
        assert!(fresh <= Duration::from_millis(100), "{fresh:?}");
        assert_eq!(version, Version::V2);
    }
}
