//! The whole benchmark: floors, then the mesh, then the table.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use hongyan_proto::verify::v1::VerifyIdentityRequest;
use redis::{aio::MultiplexedConnection, streams::StreamInfoGroupsReply};

use tokio::sync::Semaphore;

use super::{
    drive::Run,
    floors::{Floors, credentials},
    load::{Numbers, Target},
    report::{Cost, Report, Row, machine},
    usage::Usage,
    verify_load::VerifyTarget,
};
use crate::harness::{
    ca::spiffe,
    mesh::{CatalogFiles, Mesh, MeshOptions, SERVICES, Service, replaced_once},
};

const IN_FLIGHT: usize = 64;
const BATCH: usize = 64;
const TENANT: &str = "caller/binhai-hrss";
const VERIFY_TENANT: &str = "caller/xinghe-life";
/// Open runs go at this part of what the closed run reached, so that the latency is not the queue's.
const OPEN_SHARE: f64 = 0.5;
/// Above what the mesh can do, so that its limit shows.
const FLOOD_PER_SECOND: f64 = 40_000.0;
/// Messages without their receipt at once in the closed run end to end.
const IN_FLIGHT_END_TO_END: usize = 4_000;
const DRAIN_LIMIT: Duration = Duration::from_mins(10);
/// What services hand to each other, in the one partition of this mesh.
const STREAMS_THAT_MUST_DRAIN: [&str; 3] = ["{p0}:receipts", "{p0}:audit", "{p0}:out:cmcc-a:notice"];

/// How long to measure, and what share of traces to keep.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Of each run.
    pub length: Duration,
    /// 0 to 1.
    pub sample_ratio: f64,
}

/// Measures everything; `say` is told what is being done.
pub async fn run(plan: Plan, say: impl Fn(&str)) -> Result<Report> {
    let dir = tempfile::Builder::new().prefix("hongyan-bench-").tempdir()?;
    say("floors: bare Redis commands, a bare echo with mutual TLS");
    let floors = Floors::measure(dir.path(), IN_FLIGHT, BATCH, plan.length).await?;
    let mut rows = Vec::new();

    say("accepts: unary, closed and open; streamed");
    let mut mesh = start(plan).await?;
    let target = dispatch_target(&mesh).await?;
    let unary = target.unary_closed(IN_FLIGHT, plan.length).await?;
    let rate = unary.per_second * OPEN_SHARE;
    rows.push(Row::new(
        "accepts, unary, 64 in flight",
        &unary,
        Some(("bare echo", floors.echo_unary)),
    ));
    let open = target.unary_open(rate, plan.length).await?;
    rows.push(Row::new("accepts, unary, open at half of that", &open, None));
    let streamed = target.stream_closed(4, BATCH, plan.length).await?;
    rows.push(Row::new(
        "accepts, 4 streams, batches of 64",
        &streamed,
        Some(("bare echo", floors.echo_streamed)),
    ));
    rows.push(Row::new(
        "the same",
        &streamed,
        Some(("bare XADD, fsync", floors.redis_single)),
    ));
    mesh.must_run()?;
    mesh.stop().await?;

    say("end to end: closed, then open at half of that");
    let mut mesh = start(plan).await?;
    let target = dispatch_target(&mesh).await?;
    let closed = target
        .end_to_end(FLOOD_PER_SECOND, IN_FLIGHT_END_TO_END, plan.length)
        .await?;
    let floor = Some(("bare queue cycle", floors.redis_cycle));
    rows.push(Row::new(
        "messages end to end to the receipt, 4,000 in flight",
        &without_latency(closed),
        floor,
    ));
    drained(&mut mesh).await?;
    let before = usages(&mut mesh)?;
    let steady = target
        .end_to_end(
            closed.per_second * OPEN_SHARE,
            Semaphore::MAX_PERMITS,
            plan.length,
        )
        .await?;
    let messages = steady.per_second * plan.length.as_secs_f64();
    let after = usages(&mut mesh)?;
    rows.push(Row::new(
        "messages end to end, open at half of that",
        &steady,
        None,
    ));
    let costs = after
        .iter()
        .map(|(name, after)| {
            let before = before.get(name).copied().unwrap_or_default();
            Cost::new(name, before, *after, messages)
        })
        .collect();

    say("verifications: closed and open");
    let verify = verify_target(&mesh).await?;
    let asked = verify.closed(IN_FLIGHT, plan.length).await?;
    rows.push(Row::new(
        "verifications, 64 in flight",
        &asked,
        Some(("bare echo", floors.echo_unary)),
    ));
    let open = verify.open(asked.per_second * OPEN_SHARE, plan.length).await?;
    rows.push(Row::new("verifications, open at half of that", &open, None));
    mesh.must_run()?;
    mesh.stop().await?;
    Ok(Report {
        machine: machine(),
        floors,
        rows,
        costs,
    })
}

fn without_latency(run: Run) -> Run {
    Run { latency: None, ..run }
}

async fn start(plan: Plan) -> Result<Mesh> {
    let mut options = MeshOptions::new()?;
    for service in SERVICES {
        options.set(service, "telemetry.sample_ratio", &plan.sample_ratio.to_string());
        options.set(service, "log.filter", "warn");
    }
    options.catalog = Some(Box::new(fast_catalog));
    Mesh::start(options).await
}

/// The example catalog, its limits out of the way: the mesh is measured, not a contract's pace.
fn fast_catalog(files: &mut CatalogFiles) -> Result<()> {
    files.links = replaced_once(&files.links, "connections: 2 ", "connections: 4 ")?;
    files.links = replaced_once(&files.links, "window: 16 ", "window: 64 ")?;
    let pace = "pace_segments_per_second: 2000 ";
    files.links = replaced_once(&files.links, pace, "pace_segments_per_second: 100000 ")?;
    let verify = "verify_per_second: 200 ";
    files.tenants = replaced_once(&files.tenants, verify, "verify_per_second: 100000 ")?;
    let notices = "- {max: 20, per_seconds: 86400}";
    let no_depth = "- {max: 20, per_seconds: 86400}\n      queue_depth: 10000000";
    files.tenants = replaced_once(&files.tenants, notices, no_depth)?;
    Ok(())
}

async fn dispatch_target(mesh: &Mesh) -> Result<Target> {
    let credentials = credentials(&mesh.identity(TENANT)?).await?;
    let expected = spiffe(Service::Dispatch.path()).parse()?;
    Target::connect(
        &mesh.addresses.dispatch,
        &credentials,
        &expected,
        4,
        Arc::new(Numbers::new()),
    )
    .await
}

async fn verify_target(mesh: &Mesh) -> Result<VerifyTarget> {
    let client = mesh.client(VERIFY_TENANT).await?;
    let channels = (0..4)
        .map(|_| client.channel(Service::Verify))
        .collect::<Result<Vec<_>>>()?;
    let run = uuid::Uuid::now_v7().simple().to_string();
    Ok(VerifyTarget::new(channels, move |n| VerifyIdentityRequest {
        request_id: format!("v{}-{n}", &run[..16]),
        phone: (13_900_000_000 + n).to_string(),
        name: "测试人".to_owned(),
        consent_id: "bench".to_owned(),
        purpose: "benchmark".to_owned(),
        ..Default::default()
    }))
}

/// Waits until nothing of the run before is still under way, the record included.
async fn drained(mesh: &mut Mesh) -> Result<()> {
    let mut redis = mesh.redis().connection().await?;
    let empty = async {
        loop {
            let mut left = 0;
            for stream in STREAMS_THAT_MUST_DRAIN {
                left += unsettled(&mut redis, stream).await?;
            }
            if left == 0 {
                return anyhow::Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(DRAIN_LIMIT, empty)
        .await
        .context("the streams did not drain")?
}

/// Entries that the stream's groups have not taken or not settled.
async fn unsettled(redis: &mut MultiplexedConnection, stream: &str) -> Result<usize> {
    let groups: StreamInfoGroupsReply = redis::cmd("XINFO")
        .arg("GROUPS")
        .arg(stream)
        .query_async(redis)
        .await?;
    Ok(groups
        .groups
        .iter()
        .map(|group| group.pending + group.lag.unwrap_or(0))
        .sum())
}

fn usages(mesh: &mut Mesh) -> Result<BTreeMap<String, Usage>> {
    let mut found = BTreeMap::new();
    found.insert("redis-server".to_owned(), Usage::of(mesh.redis().process().id())?);
    for program in mesh.programs() {
        if SERVICES.iter().any(|service| program.name().starts_with(service)) {
            found.insert(program.name().to_owned(), Usage::of(program.id())?);
        }
    }
    ensure!(found.len() > SERVICES.len(), "a service is missing from the mesh");
    Ok(found)
}
