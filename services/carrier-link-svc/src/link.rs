//! One link in this process: what its tasks share.

use std::sync::{
    Arc,
    atomic::{AtomicU16, Ordering},
};

use hongyan_catalog::{Link, LiveCatalog};
use hongyan_chassis::LiveKeyring;
use hongyan_queue::{Consumer, Redis};
use rand::Rng;
use tokio_util::sync::CancellationToken;

use crate::{
    board::Board,
    codes::Codes,
    desk::Desk,
    events::Teller,
    pace::{HORIZON_MS, Pace},
    protocol::Learned,
    settings::Tuning,
    store::{Doubt, Store},
    work::Work,
};

/// What the links of a process have in common.
#[derive(Clone)]
pub struct Common {
    /// The store.
    pub redis: Redis,
    /// The name under which this process takes work and holds slots.
    pub consumer: Consumer,
    /// The keys in force.
    pub keyring: LiveKeyring,
    /// This service's SPIFFE id.
    pub actor: String,
    /// This process's name among its replicas, for operators and for dispatch.
    pub instance: Arc<str>,
    /// The declared world; `None` where a link is run by itself.
    pub catalog: Option<LiveCatalog>,
    /// What the carriers' codes mean.
    pub codes: Codes,
    /// How links are worked.
    pub tuning: Tuning,
}

/// The shared state of one link.
pub struct LinkShared {
    /// As declared.
    pub link: Arc<Link>,
    /// Its store.
    pub store: Store,
    /// Messages on their way to a connection.
    pub desk: Desk,
    /// How fast.
    pub pace: Pace,
    /// Tells others.
    pub teller: Teller,
    /// The keys in force.
    pub keyring: LiveKeyring,
    /// This process's name among its replicas.
    pub instance: Arc<str>,
    /// The declared world.
    pub catalog: Option<LiveCatalog>,
    /// What the carriers' codes mean.
    pub codes: Codes,
    /// How it is worked.
    pub tuning: Tuning,
    /// What its connections do.
    pub board: Board,
    /// What its connections have found out about the carrier.
    pub learned: Arc<Learned>,
    /// Cancelled when even what has to be done is given up.
    pub hard_stop: CancellationToken,
    references: AtomicU16,
}

impl LinkShared {
    /// Nothing is running yet.
    pub fn new(link: &Link, common: &Common) -> Arc<Self> {
        let store = Store::new(&common.redis, &link.name, &common.consumer);
        let pace = Pace::new(store.pace(HORIZON_MS), link.pace_segments_per_second);
        Arc::new(Self {
            desk: Desk::new(desk_capacity(link)),
            pace,
            teller: Teller {
                link: link.name.clone(),
                actor: common.actor.clone(),
            },
            keyring: common.keyring.clone(),
            instance: Arc::clone(&common.instance),
            catalog: common.catalog.clone(),
            codes: common.codes.clone(),
            tuning: common.tuning.clone(),
            board: Board::new(link),
            learned: Arc::new(Learned::of(link)),
            hard_stop: CancellationToken::new(),
            references: AtomicU16::new(rand::rng().random()),
            link: Arc::new(link.clone()),
            store,
        })
    }

    /// The reference for the parts of the next long message: counts on from a random start, so that a recipient's
    /// messages have different ones however many processes send them.
    pub fn next_reference(&self) -> u16 {
        self.references.fetch_add(1, Ordering::Relaxed)
    }

    /// What is kept of a submit without answer.
    pub fn doubt(&self, work: &Work, now_ms: u64) -> Doubt {
        Doubt {
            tag: work.subject.short(),
            segment: work.segment,
            look_at_ms: self.doubt_look_ms(now_ms),
        }
    }

    /// When to look whether a receipt settles a doubt: not before every answer that can come has come, and every submit of
    /// a dead process is in doubt itself.
    pub fn doubt_look_ms(&self, now_ms: u64) -> u64 {
        let answer = self.link.response_timeout * u32::from(self.link.submit_attempts);
        let wait = answer + self.tuning.lease + self.tuning.doubt_wait;
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        now_ms.saturating_add(wait_ms)
    }

    /// The link's name.
    pub fn name(&self) -> &str {
        self.link.name.as_str()
    }
}

/// Enough to keep all connections busy while the next ones are read, and little enough that another process finds work.
fn desk_capacity(link: &Link) -> usize {
    (usize::from(link.window) * usize::from(link.connections) * 2).clamp(32, 512)
}
