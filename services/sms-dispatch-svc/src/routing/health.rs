//! How the links are. The decisions are pure; [`keep_watched`] reads and tells.
//!
//! Every process of the link service tells of each of its links every two seconds, by an event on the receipts stream. The
//! replica that reads it writes it down; every replica reads all of it once a second. A link that no process has told a
//! ready connection of for longer than the bound is *down*: new messages go to another link of the route, where there is
//! one. A replica that has just started lets every link have the bound's time first.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use hongyan_catalog::{LiveCatalog, Readiness};
use hongyan_domain::LinkName;
use hongyan_proto::dispatch::v1::LinkHealthState;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::{clock::now_unix_ms, metric, store::Store};

/// How often the links' health is read.
const READ_EVERY: Duration = Duration::from_secs(1);

/// What one process last told of one link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The link.
    pub link: String,
    /// Names the process.
    pub instance: String,
    /// Connections of that process that can send.
    pub connections_ready: u32,
    /// Configured connections, over all processes.
    pub connections_allowed: u32,
    /// When it was told.
    pub told_at_ms: i64,
}

/// One link over all processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkView {
    /// Connections that can send, of the processes that have told within the bound.
    pub connections_ready: u32,
    /// Configured connections.
    pub connections_allowed: u32,
    /// When a process last told of it; 0 for never.
    pub told_at_ms: i64,
    /// When a process last told of a connection that can send; 0 for never.
    pub ready_at_ms: i64,
}

/// The links at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    links: BTreeMap<String, LinkView>,
    started_ms: i64,
    now_ms: i64,
    bound_ms: i64,
}

impl Health {
    /// Of what the processes told and of when each link was last ready. `started_ms` is when this process began to look.
    pub fn new(
        reports: &[Report],
        ready_at: &HashMap<String, i64>,
        started_ms: i64,
        now_ms: i64,
        bound: Duration,
    ) -> Self {
        let bound_ms = i64::try_from(bound.as_millis()).unwrap_or(i64::MAX);
        let mut links: BTreeMap<String, LinkView> = BTreeMap::new();
        for report in reports {
            let view = links.entry(report.link.clone()).or_default();
            if now_ms.saturating_sub(report.told_at_ms) <= bound_ms {
                view.connections_ready = view.connections_ready.saturating_add(report.connections_ready);
            }
            if report.told_at_ms >= view.told_at_ms {
                view.told_at_ms = report.told_at_ms;
                view.connections_allowed = report.connections_allowed;
            }
        }
        for (link, at_ms) in ready_at {
            links.entry(link.clone()).or_default().ready_at_ms = *at_ms;
        }
        Self {
            links,
            started_ms,
            now_ms,
            bound_ms,
        }
    }

    /// Whether a link can be expected to send soon.
    pub fn readiness(&self, link: &LinkName) -> Readiness {
        let ready_at_ms = self
            .links
            .get(link.as_str())
            .map_or(0, |view| view.ready_at_ms)
            .max(self.started_ms);
        if self.now_ms.saturating_sub(ready_at_ms) > self.bound_ms {
            Readiness::Down
        } else {
            Readiness::Up
        }
    }

    /// As operators see a link.
    pub fn to_proto(&self, link: &LinkName) -> LinkHealthState {
        let view = self.links.get(link.as_str()).cloned().unwrap_or_default();
        LinkHealthState {
            link: link.as_str().to_owned(),
            down: self.readiness(link) == Readiness::Down,
            connections_ready: view.connections_ready,
            connections_allowed: view.connections_allowed,
            told_at_unix_ms: view.told_at_ms,
            ready_at_unix_ms: view.ready_at_ms,
        }
    }
}

/// The links as they were last read. Cheap to clone.
#[derive(Clone, Default)]
pub struct LiveHealth(Arc<RwLock<Arc<Health>>>);

impl LiveHealth {
    /// As last read; before the first reading every link is up.
    pub fn current(&self) -> Arc<Health> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces what was read before.
    pub fn set(&self, health: Health) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(health);
    }
}

/// Reads the links' health, tells the metrics and, where a link goes down or comes back, the log, until the token is
/// cancelled. While Redis is away the links stay as they were last read.
pub async fn keep_watched(
    store: Store,
    catalog: LiveCatalog,
    live: LiveHealth,
    bound: Duration,
    shutdown: CancellationToken,
) {
    let started_ms = now_unix_ms();
    let mut down: BTreeSet<String> = BTreeSet::new();
    let mut ticks = tokio::time::interval(READ_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        let now_ms = now_unix_ms();
        let (reports, ready_at) = match store.health(now_ms).await {
            Ok(read) => read,
            Err(error) => {
                tracing::debug!(%error, "the links' health was not read");
                continue;
            }
        };
        let health = Health::new(&reports, &ready_at, started_ms, now_ms, bound);
        for link in catalog.current().links() {
            let name = link.name.as_str();
            let is_down = health.readiness(&link.name) == Readiness::Down;
            metric::link_up(name, !is_down);
            if is_down && down.insert(name.to_owned()) {
                tracing::warn!(
                    link = name,
                    "the link is down: messages go to another link of their route, where there is one"
                );
            } else if !is_down && down.remove(name) {
                tracing::info!(link = name, "the link is up again");
            }
        }
        live.set(health);
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, time::Duration};

    use hongyan_catalog::Readiness::{Down, Up};
    use hongyan_domain::LinkName;

    use super::{Health, Report};

    const BOUND: Duration = Duration::from_secs(30);

    fn name(link: &str) -> LinkName {
        LinkName::parse(link).unwrap()
    }

    fn report(instance: &str, ready: u32, told_at_ms: i64) -> Report {
        Report {
            link: "a".into(),
            instance: instance.into(),
            connections_ready: ready,
            connections_allowed: 3,
            told_at_ms,
        }
    }

    fn health(reports: &[Report], ready_at_ms: i64, started_ms: i64, now_ms: i64) -> Health {
        let ready_at = HashMap::from([("a".to_owned(), ready_at_ms)]);
        Health::new(reports, &ready_at, started_ms, now_ms, BOUND)
    }

    #[test]
    fn a_link_is_down_when_nobody_has_told_of_a_ready_connection_for_longer_than_the_bound() {
        let told = [report("x", 0, 100_000), report("y", 2, 70_000)];
        assert_eq!(health(&told, 70_000, 0, 100_000).readiness(&name("a")), Up);
        assert_eq!(health(&told, 70_000, 0, 100_001).readiness(&name("a")), Down);
        assert_eq!(
            health(&[], 0, 0, 100_000).readiness(&name("b")),
            Down,
            "never told of"
        );
    }

    #[test]
    fn a_replica_that_has_just_started_gives_every_link_its_time() {
        assert_eq!(health(&[], 0, 90_000, 120_000).readiness(&name("a")), Up);
        assert_eq!(health(&[], 0, 90_000, 120_001).readiness(&name("a")), Down);
        assert_eq!(
            Health::default().readiness(&name("a")),
            Up,
            "nothing was read yet"
        );
    }

    #[test]
    fn connections_are_counted_over_the_processes_that_still_tell() {
        let told = [
            report("x", 1, 100_000),
            report("y", 2, 99_000),
            report("dead", 3, 69_000),
        ];
        let shown = health(&told, 100_000, 0, 100_000).to_proto(&name("a"));
        assert_eq!((shown.connections_ready, shown.connections_allowed), (3, 3));
        assert_eq!(
            (shown.told_at_unix_ms, shown.ready_at_unix_ms),
            (100_000, 100_000)
        );
        assert!(!shown.down);
    }
}
