//! Puts the parts together.

use std::{sync::Arc, time::Duration};

use hongyan_catalog::LiveCatalog;
use hongyan_chassis::{BuildError, Context, HealthFlag, LiveKeyring, MAX_MESSAGE_OCTETS, Service};
use hongyan_proto::dispatch::v1::dispatch_service_server::DispatchServiceServer;
use hongyan_queue::{Consumer, Group, Janitor, Redis, keys};
use tokio_util::sync::CancellationToken;

use crate::{
    acceptor::Acceptor,
    mover::Mover,
    queues,
    rerouter::Rerouter,
    routing::{LiveHealth, keep_watched},
    rpc::{Rpc, Streams, Watchers},
    settings::Settings,
    store::Store,
    sweeper::Sweeper,
    worker::{GROUP, Worker},
};

/// How often readiness asks Redis.
const PING_EVERY: Duration = Duration::from_secs(1);

/// Connects, starts the loops, and gives the methods.
pub async fn build(settings: Settings, ctx: Context) -> Result<Service, BuildError> {
    let keyring_file = settings.keyring_file.ok_or("keyring.file must be set")?;
    let keyring = LiveKeyring::load(keyring_file).await?;
    let catalog = LiveCatalog::start(&settings.catalog_dir, settings.catalog_reload_interval)?;
    let redis = Redis::connect(&settings.redis).await?;
    let store = Store::new(redis.clone());
    let receipts = || redis.partitions().iter().map(keys::receipts);
    let group = Group::join(&redis, receipts(), GROUP, &Consumer::unique("dispatch")).await?;
    let actor: Arc<str> = ctx.credentials.id().as_str().into();

    let health = LiveHealth::default();
    let watch = keep_watched(
        store.clone(),
        catalog.clone(),
        health.clone(),
        settings.link_down_after,
        ctx.shutdown.clone(),
    );
    ctx.spawn("health", watch);
    let rerouter = Rerouter::new(
        store.clone(),
        catalog.clone(),
        keyring.clone(),
        health.clone(),
        actor,
        settings.learned_for,
    );
    let worker = Worker::new(
        store.clone(),
        group,
        rerouter.clone(),
        settings.worker_batch,
        settings.worker_lease,
    );
    ctx.spawn("receipts", worker.run(ctx.shutdown.clone()));
    ctx.spawn(
        "deadlines",
        Sweeper::new(store.clone(), rerouter.clone()).run(ctx.shutdown.clone()),
    );
    ctx.spawn(
        "mover",
        Mover::new(store.clone(), rerouter).run(ctx.shutdown.clone()),
    );
    ctx.spawn(
        "janitor",
        Janitor::new(&redis, receipts()).run(ctx.shutdown.clone()),
    );
    ctx.spawn(
        "queues",
        queues::keep_measured(store.clone(), catalog.clone(), ctx.shutdown.clone()),
    );
    ctx.spawn(
        "redis",
        keep_asking(redis, ctx.health_flag("redis"), ctx.shutdown.clone()),
    );
    let keys = keyring
        .clone()
        .keep_fresh(settings.keyring_reload_interval, ctx.calls_ended.clone());
    ctx.spawn("keys", keys);

    let acceptor = Acceptor::new(
        store.clone(),
        catalog.clone(),
        keyring,
        health.clone(),
        settings.max_entries,
    );
    let streams = Streams::new(settings.batches_per_stream, settings.batches);
    let watchers = Watchers::new(settings.max_watchers);
    let rpc = Rpc::new(
        acceptor,
        store,
        catalog,
        health,
        streams,
        watchers,
        ctx.shutdown.clone(),
    );
    let server = DispatchServiceServer::new(rpc)
        .max_decoding_message_size(MAX_MESSAGE_OCTETS)
        .max_encoding_message_size(MAX_MESSAGE_OCTETS);
    Ok(Service::default().with(server))
}

/// The process is ready while Redis answers: without it nothing can be accepted.
async fn keep_asking(redis: Redis, flag: HealthFlag, shutdown: CancellationToken) {
    loop {
        match redis.ping().await {
            Ok(()) => flag.up(),
            Err(error) => flag.down(&error.to_string()),
        }
        if shutdown
            .run_until_cancelled(tokio::time::sleep(PING_EVERY))
            .await
            .is_none()
        {
            return;
        }
    }
}
