//! At a rate that the service keeps easily: how long an append takes, and how long until its checkpoint is signed.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use hongyan_integration_tests::bench::{
    drive::{self, Run},
    latency::{Latencies, Percentiles},
};
use hongyan_proto::audit::v1::{
    AppendedEvent, GetCheckpointRequest, audit_service_client::AuditServiceClient,
};
use hongyan_tlog::{checkpoint::Checkpoint, note::Note};
use tonic::{Status, transport::Channel};

use super::server::Server;

const PRODUCERS: usize = 64;
/// An event without its checkpoint after so long is lost.
const CHECKPOINT_LIMIT: Duration = Duration::from_secs(30);
/// How often the newest checkpoint is asked for; the figure is at most so much too long.
const LOOK: Duration = Duration::from_millis(5);
/// Between two events whose checkpoint is waited for; not in step with the publisher.
const PROBE_EVERY: Duration = Duration::from_millis(37);

/// Appends of `batch` events each, `rate` events a second, whatever the answers do. More than the service has at work at
/// once are refused, which the run counts as failed; gives the first refusal too.
pub(crate) async fn appends(
    server: &mut Server,
    rate: f64,
    batch: usize,
    length: Duration,
    next: &Arc<AtomicU64>,
) -> Result<(Run, Option<Status>)> {
    let producers: Arc<[_]> = server.producers(PRODUCERS)?.into();
    let (next, refusal) = (Arc::clone(next), Arc::new(OnceLock::new()));
    let first_refusal = Arc::clone(&refusal);
    let run = drive::open(rate / batch as f64, length, move |index| {
        let producer = Arc::clone(&producers[index % producers.len()]);
        let first = next.fetch_add(batch as u64, Ordering::Relaxed);
        let refusal = Arc::clone(&refusal);
        async move {
            let answer = producer.append(first, batch, false).await;
            answer.map_err(|status| refusal.set(status)).is_ok()
        }
    })
    .await?;
    server.must_run()?;
    Ok((run, first_refusal.get().cloned()))
}

/// From an append to a signed checkpoint with its event below, while others append at that rate.
pub(crate) async fn checkpoints(
    server: &mut Server,
    rate: f64,
    length: Duration,
    next: &Arc<AtomicU64>,
) -> Result<Percentiles> {
    let probe = server.producers(1)?.swap_remove(0);
    let operator = server.operator()?;
    let number = Arc::clone(next);
    let probing = async move {
        let start = Instant::now();
        let mut waits = tokio::task::JoinSet::new();
        while start.elapsed() < length {
            let begun = Instant::now();
            let first = number.fetch_add(1, Ordering::Relaxed);
            let place = probe.append(first, 1, false).await?;
            waits.spawn(published(operator.clone(), place, begun));
            tokio::time::sleep_until((begun + PROBE_EVERY).into()).await;
        }
        let mut latencies = Latencies::new()?;
        while let Some(took) = waits.join_next().await {
            latencies.record(took??);
        }
        anyhow::Ok(latencies.percentiles())
    };
    let load = appends(server, rate, 16, length, next);
    let (found, _) = tokio::try_join!(probing, load)?;
    Ok(found)
}

async fn published(
    mut operator: AuditServiceClient<Channel>,
    place: AppendedEvent,
    begun: Instant,
) -> Result<Duration> {
    loop {
        let request = GetCheckpointRequest {
            log: place.log.clone(),
        };
        // A log that is new has none yet.
        if let Ok(answer) = operator.get_checkpoint(request).await {
            let note = Note::parse(answer.into_inner().note.as_bytes()).context("a checkpoint")?;
            if Checkpoint::parse(note.text())?.size() > place.log_index {
                return Ok(begun.elapsed());
            }
        }
        ensure!(
            begun.elapsed() < CHECKPOINT_LIMIT,
            "no checkpoint for {}/{}",
            place.log,
            place.log_index
        );
        tokio::time::sleep(LOOK).await;
    }
}
