//! Moving what waits for a link that is down.
//!
//! Every second the queues of links that are down are looked at, where another link of a route is up. What no consumer has
//! taken goes there, oldest first, each message by one script that takes the entry, writes the record and puts the message
//! into the other queue: killed anywhere, it is in just one of them. What a link's process had taken is that process's to
//! give back. What may not go (it went another way before, or its end is told) stays for the link.
//!
//! Any number of replicas may run: an entry that another one was faster with is not the next of its queue any more.

use std::time::Duration;

use hongyan_catalog::{Catalog, Readiness};
use hongyan_domain::{LinkName, MessageClass, MessageId, Partition};
use hongyan_proto::carrier::v1::ReturnReason;
use hongyan_queue::{QueueError, StreamId, keys as shared};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::now_unix_ms,
    metric, reroute,
    reroute::Wish,
    rerouter::{Rerouter, World},
    settling::{Meaning, Open},
    store::{Change, Claim, Settled, Store, Untaken},
};

const PERIOD: Duration = Duration::from_secs(1);

/// Entries looked at together.
const BATCH: usize = 64;

/// Batches of one queue in one round, so that a round ends.
const BATCHES: usize = 64;

/// Moves what waits for links that are down.
pub struct Mover {
    store: Store,
    rerouter: Rerouter,
}

/// What becomes of an entry.
enum Verdict {
    Goes(Box<(Change, Meaning)>),
    Stays,
}

impl Mover {
    /// Over the store that the rerouter has.
    pub fn new(store: Store, rerouter: Rerouter) -> Self {
        Self { store, rerouter }
    }

    /// Moves until the token is cancelled.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            if let Err(error) = self.round(&shutdown).await {
                tracing::warn!(%error, "what waits for links that are down stays until the next round");
            }
        }
    }

    /// One look at all queues; gives how many messages went another way.
    pub async fn round(&self, shutdown: &CancellationToken) -> Result<usize, QueueError> {
        let mut moved = 0;
        for (link, class) in stranded(&self.rerouter.world()) {
            for partition in self.store.partitions().iter() {
                let queue = shared::out(partition, &link, class);
                for _ in 0..BATCHES {
                    if shutdown.is_cancelled() {
                        return Ok(moved);
                    }
                    let (gone, more) = self.batch(&queue, partition, &link).await?;
                    moved += gone;
                    if !more {
                        break;
                    }
                }
            }
        }
        if moved > 0 {
            tracing::info!(
                messages = moved,
                "messages went another way from links that are down"
            );
        }
        Ok(moved)
    }

    /// Gives how many went, and whether to look again at once.
    async fn batch(
        &self,
        queue: &str,
        partition: Partition,
        link: &LinkName,
    ) -> Result<(usize, bool), QueueError> {
        let world = self.rerouter.world();
        let entries = self.store.untaken(queue, BATCH).await?;
        let full = entries.len() == BATCH;
        let ids: Vec<Option<MessageId>> = entries
            .iter()
            .map(|entry| message_id(entry, partition, &world))
            .collect();
        let known: Vec<MessageId> = ids.iter().copied().flatten().collect();
        let mut stored = self.store.load(known).await?.into_iter();
        let now_ms = now_unix_ms();
        let mut moved = 0;
        let mut going = Vec::new();
        for (entry, id) in entries.iter().zip(ids) {
            let stored = id.and_then(|_| stored.next()).flatten().and_then(Result::ok);
            let open = id.zip(stored).map(|(id, stored)| Open::new(id, stored));
            match open.map_or(Verdict::Stays, |open| {
                decide(open, entry, queue, link, &world, now_ms)
            }) {
                Verdict::Goes(change) => going.push(*change),
                Verdict::Stays => {
                    // Those before it go first: it is the next one only then.
                    let (gone, all) = self.go(std::mem::take(&mut going)).await?;
                    moved += gone;
                    if !all || !self.store.skip(queue, entry.id).await? {
                        return Ok((moved, false));
                    }
                }
            }
        }
        let (gone, all) = self.go(going).await?;
        Ok((moved + gone, full && all))
    }

    /// Gives how many went, and whether all did.
    async fn go(&self, going: Vec<(Change, Meaning)>) -> Result<(usize, bool), QueueError> {
        let (changes, meanings): (Vec<Change>, Vec<Meaning>) = going.into_iter().unzip();
        let (mut gone, mut all) = (0, true);
        for (settled, meaning) in self.store.settle(&changes).await?.into_iter().zip(meanings) {
            if matches!(settled?, Settled::Done { .. }) {
                gone += 1;
                if let Some(rerouted) = &meaning.rerouted {
                    metric::rerouted(rerouted);
                }
            } else {
                all = false;
            }
        }
        Ok((gone, all))
    }
}

fn decide(
    mut open: Open,
    entry: &Untaken,
    queue: &str,
    link: &LinkName,
    world: &World,
    now_ms: i64,
) -> Verdict {
    if !reroute::still_waits(&open.record, link, now_ms, world.codes()) {
        return Verdict::Stays;
    }
    let wish = Wish {
        reason: ReturnReason::LinkDown,
        raw_code: String::new(),
        at_unix_ms: now_ms,
        was_returned: true,
    };
    let way = entry
        .sealed
        .as_ref()
        .and_then(|sealed| world.way(&open.record, open.id, sealed, wish.reason, None, now_ms));
    let Some((way, sealed)) = way else {
        return Verdict::Stays;
    };
    world.take(&mut open, &way, sealed, &wish, now_ms);
    open.claim = Some(Claim::Queue {
        queue: queue.to_owned(),
        id: entry.id,
    });
    let message_id = open.id;
    open.into_change(Vec::<StreamId>::new(), world.terms(now_ms))
        .inspect_err(|error| tracing::error!(%message_id, %error, "a message cannot go another way"))
        .map_or(Verdict::Stays, |change| Verdict::Goes(Box::new(change)))
}

/// Which message an entry is; `None` for what is none of this partition.
fn message_id(entry: &Untaken, partition: Partition, world: &World) -> Option<MessageId> {
    let plain = world.open(entry.sealed.as_ref()?)?;
    let id: MessageId = plain.message_id.parse().ok()?;
    (id.partition() == partition).then_some(id)
}

/// The queues of links that are down where another link of a route with them is up.
fn stranded(world: &World) -> Vec<(LinkName, MessageClass)> {
    let is_up = |link: &LinkName| world.health.readiness(link) == Readiness::Up;
    let leaves = |catalog: &Catalog, down: &LinkName, class: MessageClass| {
        hongyan_domain::Carrier::ALL.into_iter().any(|carrier| {
            catalog.route(carrier, class).is_some_and(|route| {
                route.links.iter().any(|link| link.name == *down)
                    && route.links.iter().any(|link| is_up(&link.name))
            })
        })
    };
    let down = world.catalog.links().filter(|link| !is_up(&link.name));
    down.flat_map(|link| {
        MessageClass::ALL
            .into_iter()
            .filter(|class| leaves(&world.catalog, &link.name, *class))
            .map(|class| (link.name.clone(), class))
            .collect::<Vec<_>>()
    })
    .collect()
}
