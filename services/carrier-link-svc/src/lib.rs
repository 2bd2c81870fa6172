//! Holds the carriers' sessions: takes messages off the send queues, puts receipts and uplinks on streams.
//!
//! # What this service promises
//!
//! * **Nothing is answered before it is durable.** A receipt or an uplink is in Redis before the carrier hears "taken"; a
//!   segment's intent is in Redis before the segment leaves. While Redis is away nothing is sent, and the carrier gets no
//!   answer, or after a while an error.
//! * **What cannot be known is said.** Where a connection, or this process, dies between submit and answer, the segment is
//!   *uncertain*: a one-time code is not sent again, everything else is, and is marked as a possible duplicate.
//! * **A one-time code waits for nobody.** Classes have queues, desks and lanes of their own; the highest goes first at
//!   every step, and a slot of the window is kept free for it.
//! * **The pace is the link's, not the process's.** Time slots are leased from a budget in Redis, so that no second sees
//!   more segments than agreed with the carrier, however many replicas there are. A carrier that throttles is obeyed: half
//!   the pace, a pause, and the same segment again before any later one.
//! * **Parts stay in order.** The segments of one message leave one after the other on one connection, each when the one
//!   before it was taken.
//! * **Connections are shared.** Each of a carrier's logins is a lease in Redis, held by one replica at a time and closed
//!   before the lease can run out.
//!
//! # What it does not promise
//!
//! Delivery to the carrier is at least once for everything but one-time codes, and at most once for these. Receipts are
//! told as they come, also twice or out of order: the reader must not mind.
//!
//! # Where to look
//!
//! [`runner`] starts what one link needs. [`intake`] takes messages off the queues onto the [`desk`]; a [`mod@line`] takes them
//! from there to its [`connection`]; the [`recorder`] gets its steps done in the [`store`], many in one write. Decisions
//! that need no IO are apart: [`policy`], [`lanes`], [`slowdown`], [`outbound`], [`inbound`]. What is spoken on a connection
//! stands behind one face in [`protocol`]. The [`sgip_listener`] is for carriers that connect to us.
pub mod board;
pub mod clock;
pub mod codes;
pub mod connection;
pub mod desk;
pub mod doubt;
pub mod events;
pub mod health;
pub mod inbound;
pub mod intake;
pub mod lanes;
pub mod latency;
pub mod line;
pub mod link;
pub mod links;
pub mod outbound;
pub mod pace;
pub mod policy;
pub mod protocol;
pub mod rate;
pub mod recorder;
pub mod rpc;
pub mod runner;
pub mod settings;
pub mod sgip_listener;
pub mod signal;
pub mod slot;
pub mod slowdown;
pub mod store;
#[cfg(test)]
#[path = "../../../shared/queue/tests/support/mod.rs"]
mod support;
pub mod sweeper;
#[cfg(test)]
mod testing;
pub mod transport;
pub mod uplink;
pub mod work;

use std::time::Duration;

use hongyan_catalog::LiveCatalog;
use hongyan_chassis::{BuildError, Context, HealthFlag, LiveKeyring, MAX_MESSAGE_OCTETS, Service};
use hongyan_proto::carrier::v1::link_service_server::LinkServiceServer;
use hongyan_queue::{Consumer, Redis};
use tokio_util::sync::CancellationToken;

pub use settings::{Settings, Tuning};

/// The program's name.
pub const NAME: &str = "carrier-link-svc";

const PING_PERIOD: Duration = Duration::from_secs(1);

/// Builds the service: connects to Redis, reads catalog and keys, and starts the links.
pub async fn build(settings: Settings, ctx: Context) -> Result<Service, BuildError> {
    let keyring_file = settings.keyring_file.ok_or("keyring.file is not set")?;
    let keyring = LiveKeyring::load(keyring_file).await?;
    ctx.spawn(
        "keyring",
        keyring
            .clone()
            .keep_fresh(settings.keyring_interval, ctx.calls_ended.clone()),
    );
    let redis = Redis::connect(&settings.redis).await?;
    let catalog = LiveCatalog::start(&settings.catalog_dir, settings.catalog_interval)?;
    ctx.spawn(
        "redis",
        watch_redis(redis.clone(), ctx.health_flag("redis"), ctx.shutdown.clone()),
    );
    let common = link::Common {
        redis,
        consumer: Consumer::unique("link"),
        keyring,
        actor: ctx.credentials.id().to_string(),
        instance: ctx.instance.clone(),
        catalog: Some(catalog.clone()),
        codes: codes::Codes::of(&catalog),
        tuning: settings.tuning,
    };
    let directory = links::Directory::default();
    ctx.spawn("sweeper", sweeper::run(common.clone(), ctx.shutdown.clone()));
    ctx.spawn(
        "links",
        links::run(catalog, common, directory.clone(), ctx.shutdown.clone()),
    );
    let rpc = rpc::LinkRpc {
        instance: ctx.instance.clone(),
        directory,
    };
    Ok(Service::default().with(
        LinkServiceServer::new(rpc)
            .max_decoding_message_size(MAX_MESSAGE_OCTETS)
            .max_encoding_message_size(MAX_MESSAGE_OCTETS),
    ))
}

async fn watch_redis(redis: Redis, flag: HealthFlag, shutdown: CancellationToken) {
    loop {
        match redis.ping().await {
            Ok(()) => flag.up(),
            Err(error) => flag.down(&error.to_string()),
        }
        if shutdown
            .run_until_cancelled(tokio::time::sleep(PING_PERIOD))
            .await
            .is_none()
        {
            return;
        }
    }
}
