//! Puts the parts together.

use std::{sync::Arc, time::Duration};

use hongyan_catalog::LiveCatalog;
use hongyan_chassis::{BuildError, Context, LiveKeyring, MAX_MESSAGE_OCTETS, Service};
use hongyan_proto::uplink::v1::uplink_service_server::UplinkServiceServer;
use hongyan_queue::{Consumer, Janitor, Redis, feed, keys};
use tokio_util::sync::CancellationToken;

use crate::{
    dispatch::Dispatch,
    handlers::Handlers,
    router::{Router, now_unix_ms},
    rpc::UplinkRpc,
    rules::{self, World},
    settings::Settings,
    store::{FEED, Store},
    worker::Worker,
};

/// How often old entries of the feeds are deleted.
const TRIM_EVERY: Duration = Duration::from_mins(1);

/// Builds the service: everything that can be refused at the start is refused here.
pub async fn build(settings: Settings, ctx: Context) -> Result<Service, BuildError> {
    let redis = Redis::connect(&settings.redis).await?;
    let catalog =
        LiveCatalog::start_with_check(&settings.catalog_dir, settings.catalog_interval, rules::check)?;
    let keyring = LiveKeyring::load(settings.keyring_file.ok_or("keyring.file must be set")?).await?;
    ctx.spawn(
        "keyring",
        keyring
            .clone()
            .keep_fresh(settings.keyring_interval, ctx.calls_ended.clone()),
    );
    let dispatch_id = settings.dispatch_id.ok_or("dispatch.spiffe_id must be set")?;
    let dialer = ctx.dialer();
    let channel = dialer.channel(
        &settings.dispatch_address,
        &dispatch_id,
        settings.dispatch_connections,
    )?;
    let router = Arc::new(Router {
        world: World::new(catalog),
        keyring,
        store: Store::new(redis.clone()),
        dispatch: Dispatch::new(channel),
        handlers: Handlers::new(dialer),
        settings: settings.router,
        actor: ctx.credentials.id().to_string(),
    });

    let worker = Worker::join(Arc::clone(&router), &redis, &Consumer::unique("uplink-router")).await?;
    let redis_up = ctx.health_flag("redis");
    let healthy = move |up| {
        if up {
            redis_up.up();
        } else {
            redis_up.down("does not answer");
        }
    };
    ctx.spawn("worker", worker.run(healthy, ctx.shutdown.clone()));
    let janitor = Janitor::new(&redis, redis.partitions().iter().map(keys::uplinks));
    ctx.spawn("janitor", janitor.run(ctx.shutdown.clone()));
    ctx.spawn(
        "feeds",
        trim_feeds(Arc::clone(&router), redis.clone(), ctx.shutdown.clone()),
    );

    let rpc = UplinkRpc::new(
        router,
        redis,
        ctx.shutdown.clone(),
        settings.max_watchers_per_tenant,
    );
    let server = UplinkServiceServer::new(rpc)
        .max_decoding_message_size(MAX_MESSAGE_OCTETS)
        .max_encoding_message_size(MAX_MESSAGE_OCTETS);
    Ok(Service::default().with(server))
}

/// Deletes what the feeds have kept long enough. A round that fails is made up by the next.
async fn trim_feeds(router: Arc<Router>, redis: Redis, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(TRIM_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        let (catalog, _) = router.world.current();
        for tenant in catalog.tenants() {
            match feed::trim(&redis, FEED, &tenant.id, now_unix_ms()).await {
                Ok(deleted) => metrics::counter!("hongyan_uplink_feed_trimmed_total").increment(deleted),
                Err(error) => tracing::debug!(%error, "old entries of a feed stay until the next round"),
            }
        }
    }
}
