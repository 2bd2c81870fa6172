//! Puts the service together.

use std::{sync::Arc, time::SystemTime};

use hongyan_catalog::LiveCatalog;
use hongyan_chassis::{BuildError, Channel, Context, LiveKeyring, MAX_MESSAGE_OCTETS, Service};
use hongyan_proto::{
    audit::v1::{AppendRequest, audit_service_client::AuditServiceClient},
    verify::v1::verify_service_server::VerifyServiceServer,
};
use hongyan_queue::Redis;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    record::{self, Append, Trouble},
    rpc::VerifyRpc,
    settings::Settings,
    store::Store,
    upstream::Asker,
    verifier::{Parts, Verifier},
};

/// How often Redis is asked whether it is there.
const PING_INTERVAL: std::time::Duration = std::time::Duration::from_secs(1);

/// Connects, loads, starts the helpers, and gives the service to the chassis.
pub async fn build(settings: Settings, ctx: Context) -> Result<Service, BuildError> {
    let keyring_file = settings.keyring_file.ok_or("keyring.file must be set")?;
    let audit_id = settings.audit_id.ok_or("audit.spiffe_id must be set")?;
    let keyring = LiveKeyring::load(keyring_file).await?;
    ctx.spawn(
        "keys",
        keyring
            .clone()
            .keep_fresh(settings.keyring_reload, ctx.calls_ended.clone()),
    );
    let catalog = LiveCatalog::start(&settings.catalog_dir, settings.catalog_reload)?;
    let asker = Asker::new(settings.upstreams)?;
    let redis = Redis::connect(&settings.redis).await?;
    watch_redis(&ctx, redis.clone());

    let channel = ctx.dialer().channel(&settings.audit_address, &audit_id, 1)?;
    let epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(1, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    let (recorder, writer) = record::recorder(
        append_by(channel),
        ctx.instance.clone(),
        epoch,
        settings.audit_timeout,
    );

    watch_record(&ctx, recorder.watch_trouble());

    // Verifications outlive their callers, and the writer outlives the verifications.
    let at_work = TaskTracker::new();
    let all_answered = CancellationToken::new();
    ctx.spawn("record", writer.run(all_answered.clone()));
    let (tracker, calls_ended) = (at_work.clone(), ctx.calls_ended.clone());
    ctx.spawn("verifications", async move {
        calls_ended.cancelled().await;
        tracker.close();
        tracker.wait().await;
        all_answered.cancel();
    });

    let parts = Parts {
        asker,
        store: Store::new(redis, keyring.clone()),
        recorder,
        catalog,
        keyring,
        at_work,
    };
    let verifier = Verifier::new(parts, settings.audit_timeout);
    let rpc = VerifyRpc::new(
        verifier,
        ctx.shutdown.clone(),
        settings.stream_in_flight,
        settings.stream_patience,
    );
    let server = VerifyServiceServer::new(rpc)
        .max_decoding_message_size(MAX_MESSAGE_OCTETS)
        .max_encoding_message_size(MAX_MESSAGE_OCTETS);
    Ok(Service::default().with(server))
}

fn append_by(channel: Channel) -> Append {
    let client = AuditServiceClient::new(channel).max_encoding_message_size(MAX_MESSAGE_OCTETS);
    Arc::new(move |request: AppendRequest| {
        let mut client = client.clone();
        Box::pin(async move { Ok(client.append(request).await?.into_inner()) })
    })
}

/// Without the record no question is answered, so the process is not ready while that is away, and says what it heard of it.
fn watch_record(ctx: &Context, mut trouble: watch::Receiver<Option<Trouble>>) {
    let flag = ctx.health_flag("record");
    flag.up();
    let shutdown = ctx.shutdown.clone();
    ctx.spawn("record-watch", async move {
        loop {
            let now = trouble.borrow_and_update().clone();
            let is_away_in = now.as_ref().map(Trouble::is_away_in);
            match &now {
                None => flag.up(),
                Some(trouble) if trouble.is_away() => {
                    flag.down(&format!("audit-svc takes no events: {}", trouble.why));
                }
                Some(_) => {}
            }
            let away = async {
                match is_away_in {
                    Some(wait) if !wait.is_zero() => tokio::time::sleep(wait).await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = away => {}
                changed = trouble.changed() => if changed.is_err() {
                    // The writer ends with the process.
                    shutdown.cancelled().await;
                    return;
                },
            }
        }
    });
}

/// Without Redis no verification can begin, so the process is not ready.
fn watch_redis(ctx: &Context, redis: Redis) {
    let flag = ctx.health_flag("redis");
    let shutdown = ctx.shutdown.clone();
    ctx.spawn("redis-watch", async move {
        let mut ticks = tokio::time::interval(PING_INTERVAL);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            match redis.ping().await {
                Ok(()) => flag.up(),
                Err(_) => flag.down("does not answer"),
            }
        }
    });
}
