//! How full the send queues are.

use std::time::Duration;

use hongyan_catalog::{Catalog, LiveCatalog};
use hongyan_domain::{LinkName, MessageClass};
use hongyan_proto::dispatch::v1::QueueState;
use hongyan_queue::{Depth, QueueError, depth, feed, keys};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::now_unix_ms,
    convert::class_to_proto,
    metric,
    store::{LINK_GROUP, RECEIPTS_FEED, Store},
};

/// How often the queues are measured.
const MEASURED_EVERY: Duration = Duration::from_secs(5);

/// How many measurements lie between two trims of the feeds: ten minutes.
const TRIM_EVERY: u64 = 120;

/// One send queue.
pub struct Queue {
    key: String,
    link: LinkName,
    class: MessageClass,
    depth: Depth,
}

/// All send queues of the catalog's links, in the order of links, classes and partitions.
pub async fn measure(store: &Store, catalog: &Catalog) -> Result<Vec<Queue>, QueueError> {
    let mut connection = store.redis().pooled().await?;
    let mut queues = Vec::new();
    for link in catalog.links() {
        for class in MessageClass::ALL {
            for partition in store.partitions().iter() {
                let key = keys::out(partition, &link.name, class);
                let now = now_unix_ms().unsigned_abs();
                let depth = depth(&mut connection, &key, LINK_GROUP, now).await?;
                queues.push(Queue {
                    key,
                    link: link.name.clone(),
                    class,
                    depth,
                });
            }
        }
    }
    Ok(queues)
}

impl Queue {
    /// As operators see it.
    pub fn to_proto(&self) -> QueueState {
        QueueState {
            queue: self.key.clone(),
            link: self.link.as_str().to_owned(),
            class: class_to_proto(self.class).into(),
            waiting: self.depth.waiting,
            taken: self.depth.taken,
            oldest_age_ms: self.depth.oldest_age_ms,
        }
    }
}

/// Tells the metrics, and keeps the tenants' feeds to their seven days, until the token is cancelled.
pub async fn keep_measured(store: Store, catalog: LiveCatalog, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(MEASURED_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for round in 0_u64.. {
        if shutdown.run_until_cancelled(ticks.tick()).await.is_none() {
            return;
        }
        let catalog = catalog.current();
        match measure(&store, &catalog).await {
            Ok(queues) => tell(&queues),
            Err(error) => tracing::debug!(%error, "the queues were not measured"),
        }
        if round % TRIM_EVERY == 0 {
            trim_feeds(&store, &catalog).await;
        }
    }
}

/// The partitions of one queue are told as one.
fn tell(queues: &[Queue]) {
    for of_queue in queues.chunk_by(|one, other| one.link == other.link && one.class == other.class) {
        let sum = |of: fn(&Depth) -> u64| of_queue.iter().map(|queue| of(&queue.depth)).sum();
        let oldest = of_queue
            .iter()
            .map(|queue| queue.depth.oldest_age_ms)
            .max()
            .unwrap_or(0);
        if let Some(queue) = of_queue.first() {
            metric::queue(
                queue.link.as_str(),
                queue.class,
                sum(|depth| depth.waiting),
                sum(|depth| depth.taken),
                oldest,
            );
        }
    }
}

async fn trim_feeds(store: &Store, catalog: &Catalog) {
    for tenant in catalog.tenants() {
        let now = now_unix_ms().unsigned_abs();
        if let Err(error) = feed::trim(store.redis(), RECEIPTS_FEED, &tenant.id, now).await {
            tracing::debug!(%error, "old receipts stay until the next trim");
        }
    }
}
