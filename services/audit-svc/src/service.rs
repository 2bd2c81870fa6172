//! Builds the service: recover, index, prove that the disk takes writes, then serve.

use std::{sync::Arc, time::Duration};

use hongyan_chassis::{BuildError, Context, HealthFlag, MAX_MESSAGE_OCTETS, Service, serve_http};
use hongyan_proto::audit::v1::audit_service_server::AuditServiceServer;
use hongyan_queue::Janitor;
use hongyan_tlog::key::Signer;
use tokio::{net::TcpListener, runtime::Handle, task};
use tokio_util::sync::CancellationToken;

use crate::{
    index::{Follower, Index},
    key_tasks,
    log::Cut,
    own,
    publish::{TileStore, Witnesses, serve},
    record::{Host, Placed, Record, WatchedClock, now_unix_ms},
    recovery::{self, Places, Recovered},
    retention::{self, Keeper},
    returned_keys::Comparison,
    rpc::{AuditRpc, GAP_AGE_MS, erase},
    settings::Settings,
    stream::{self, StreamSink},
    turner, upkeep, writing_thread,
};

const GAP_LOOK: Duration = Duration::from_secs(10);
/// How long the start waits for Redis before the streams are left to wait for it alone.
const REDIS_PATIENCE: Duration = Duration::from_secs(2);

/// Makes the service. The future ends when the journal has been read.
pub async fn build(settings: Settings, ctx: Context) -> Result<Service, BuildError> {
    let appends = ctx.health_flag("record");
    appends.down("recovering");
    let actor = ctx.credentials.id().to_string();
    let signer = signer(&settings)?;
    let watched = WatchedClock::new(Arc::new(now_unix_ms), settings.clock_ahead);
    let clock = watched.as_clock();
    let Recovered {
        opened,
        publisher,
        logs,
    } = {
        let epoch = now_unix_ms().unsigned_abs();
        let host = Host {
            clock: Arc::clone(&clock),
            ..Host::new(Arc::clone(&ctx.instance), epoch, &actor)
        };
        let places = Places {
            journal: settings.dir.join("log"),
            segment_octets: settings.segment_octets,
            locks: settings.locks_dir.clone(),
            tiles: TileStore::at(&settings.tiles)?,
            organisation: settings.organisation.clone(),
            signer,
            witnesses: Witnesses::new(settings.witness.clone())?,
        };
        let runtime = Handle::current();
        task::spawn_blocking(move || recovery::recover(places, host, runtime)).await??
    };
    let record = opened.record;
    // Nothing has been stamped yet.
    watched.begin(opened.last_received_unix_ms)?;
    ctx.spawn(
        "clock",
        watch_clock(watched, appends.clone(), ctx.calls_ended.clone()),
    );
    let keys = key_tasks::open(&settings, &ctx, &appends, Arc::clone(&clock)).await?;
    let size = record.head().size;
    tell_recovery(size, opened.cut.as_ref());
    let (index, follower) = {
        let (dir, logs) = (settings.dir.join("index"), logs.clone());
        task::spawn_blocking(move || Index::open(&dir, size, logs)).await??
    };
    ctx.spawn(
        "record",
        writing_thread::watch("a write", opened.ended, appends.clone(), ctx.calls_ended.clone()),
    );
    let keeper = Keeper {
        retention: settings.retention,
        record: record.clone(),
        publication: logs.publication.clone(),
        pruning: publisher.pruning(),
        keys: keys.clone(),
        actor: actor.clone(),
        clock,
    };
    ctx.spawn(
        "retention",
        keeper.run(retention::LOOK_EVERY, ctx.shutdown.clone()),
    );
    ctx.spawn(
        "upkeep",
        upkeep::run(opened.upkeep, logs.publication.clone(), ctx.calls_ended.clone()),
    );
    ctx.spawn(
        "publisher",
        publisher.run(
            record.reader().clone(),
            record.watch_head(),
            settings.publish_interval,
            ctx.calls_ended.clone(),
        ),
    );
    ctx.spawn(
        "turner",
        turner::run(
            record.clone(),
            logs.publication.clone(),
            turner::LOOK_EVERY,
            ctx.calls_ended.clone(),
        ),
    );
    if let Some(address) = settings.tiles_listen {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| format!("tiles.listen {address}: {error}"))?;
        // Nothing is asked of who reads: what is there is signed, and holds no personal data in clear.
        let (routes, end) = (serve::routes(logs.clone()), ctx.calls_ended.clone());
        ctx.spawn(
            "tiles",
            serve_http(listener, "tiles", routes, settings.tiles_limits, end),
        );
    }
    // Questions in flight still need the index during the drain.
    ctx.spawn("index", follow_index(follower, ctx.calls_ended.clone()));
    // A disk that takes no writes shows here, and not with the first caller.
    record_start(&record, &actor, size, opened.cut.as_ref()).await?;
    // What was ordered to be erased is erased before anybody asks.
    erase::finish_all(&keys, &record).await?;
    appends.up();
    let comparison = Comparison {
        record: record.clone(),
        index: index.clone(),
        keys: keys.clone(),
        actor: actor.clone(),
    };
    ctx.spawn("returned keys", comparison.run(ctx.shutdown.clone()));
    ctx.spawn("gaps", watch_gaps(record.clone(), ctx.shutdown.clone()));
    let sink = StreamSink {
        record: record.clone(),
        index: index.clone(),
        keys: keys.clone(),
        actor,
    };
    follow_streams(settings, sink, &ctx).await?;
    let server = AuditServiceServer::new(AuditRpc::new(record, index, logs, keys))
        .max_decoding_message_size(MAX_MESSAGE_OCTETS)
        .max_encoding_message_size(MAX_MESSAGE_OCTETS);
    Ok(Service::default().with(server))
}

fn signer(settings: &Settings) -> Result<Signer, BuildError> {
    let wrong = |error: String| format!("record.signing_key_file: {error}");
    let text = settings
        .signing_key
        .read()
        .map_err(|error| wrong(error.to_string()))?;
    let path = settings.signing_key.path().display();
    Ok(Signer::parse(&text).map_err(|error| wrong(format!("{path}: {error}")))?)
}

fn tell_recovery(size: u64, cut: Option<&Cut>) {
    if let Some(cut) = cut {
        metrics::counter!("hongyan_audit_tails_cut_total").increment(1);
        tracing::warn!(
            file = %cut.path.display(),
            offset = cut.offset,
            octets = cut.octets,
            index = cut.index,
            "an unfinished write was cut off the end of the log; nobody had been told that it was on record"
        );
    }
    tracing::info!(size, "the record is recovered");
}

async fn record_start(record: &Record, actor: &str, size: u64, cut: Option<&Cut>) -> Result<(), BuildError> {
    let mut attributes = vec![
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("recovered_size", size.to_string()),
    ];
    if let Some(cut) = cut {
        attributes.push(("cut_octets", cut.octets.to_string()));
        attributes.push(("cut_index", cut.index.to_string()));
    }
    let event = own::event("AUDIT_STARTED", "OK", actor, attributes);
    match record.append_own(event).await? {
        Placed::Recorded(_) => Ok(()),
        other => Err(format!("the start was not recorded: {other:?}").into()),
    }
}

/// Ends with an error when the clock leaps ahead: what is on record by then is sound, and nothing more may follow it.
async fn watch_clock(
    watched: Arc<WatchedClock>,
    appends: HealthFlag,
    calls_ended: CancellationToken,
) -> Result<(), BuildError> {
    tokio::select! {
        () = calls_ended.cancelled() => Ok(()),
        leapt = watched.leapt() => {
            appends.down(&leapt.to_string());
            Err(leapt.into())
        }
    }
}

/// An index that stands still is an alarm; questions are refused then, and appends go on.
async fn follow_index(follower: Follower, end: CancellationToken) {
    metrics::gauge!("hongyan_audit_index_stopped").set(0.0);
    if let Err(error) = follower.run(end.clone()).await {
        metrics::gauge!("hongyan_audit_index_stopped").set(1.0);
        tracing::error!(%error, "the index stands still; a restart builds it again");
    }
    end.cancelled().await;
}

async fn follow_streams(settings: Settings, sink: StreamSink, ctx: &Context) -> Result<(), BuildError> {
    // A Redis that is configured to forget is refused at the start; one that is away is not.
    let first = tokio::time::timeout(REDIS_PATIENCE, stream::connect(&settings.redis, &ctx.shutdown)).await;
    let connected = match first {
        Ok(connected) => connected?,
        Err(_) => None,
    };
    let context = ctx.clone();
    let streams = async move {
        let shutdown = context.shutdown.clone();
        let redis = match connected {
            Some(redis) => redis,
            None => match stream::connect(&settings.redis, &shutdown).await? {
                Some(redis) => redis,
                None => return Ok(()),
            },
        };
        let janitor = Janitor::new(&redis, stream::streams(&redis));
        context.spawn("janitor", janitor.run(shutdown.clone()));
        stream::run(redis, sink, shutdown).await
    };
    ctx.spawn("streams", streams);
    Ok(())
}

/// A number that never comes is a lost event.
async fn watch_gaps(record: Record, shutdown: CancellationToken) {
    let mut known = 0;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(GAP_LOOK) => {}
        }
        let Ok((gaps, count)) = record.gaps(GAP_AGE_MS, 1).await else {
            // The record has stopped: who knows why ends the process.
            return shutdown.cancelled().await;
        };
        metrics::gauge!("hongyan_audit_gaps").set(count as f64);
        if count > known
            && let Some(gap) = gaps.first()
        {
            tracing::error!(
                count,
                producer = %gap.producer,
                epoch = gap.epoch,
                first = gap.first,
                last = gap.last,
                "numbered events have been missing for a minute; this is the first gap"
            );
        }
        known = count;
    }
}
