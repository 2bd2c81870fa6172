//! The two ways to put load on a service: as fast as callers can (closed), and at a fixed rate whatever the answers do
//! (open).

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
};

use super::latency::{Arrivals, Latencies, Percentiles};

/// Operations under way at once in an open run; the next one waits for a place, and its latency shows the wait.
const MOST_IN_FLIGHT: usize = 20_000;

/// What one run showed.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct Run {
    /// Operations that succeeded, a second.
    pub per_second: f64,
    /// Operations that did not.
    pub failed: u64,
    /// From the intended start; only of an open run.
    pub latency: Option<Percentiles>,
}

impl Run {
    /// Of a run that took that long.
    pub fn new(ok: u64, failed: u64, took: Duration, latency: Option<Percentiles>) -> Self {
        Self {
            per_second: ok as f64 / took.as_secs_f64().max(1e-3),
            failed,
            latency,
        }
    }
}

/// `in_flight` callers, each of which starts its next operation when its last one has ended. An operation is given its
/// caller's number and answers whether it succeeded.
pub async fn closed<Op, Done>(in_flight: usize, length: Duration, operation: Op) -> anyhow::Result<Run>
where
    Op: Fn(usize) -> Done + Clone + Send + 'static,
    Done: Future<Output = bool> + Send,
{
    let start = Instant::now();
    let mut callers = JoinSet::new();
    for caller in 0..in_flight {
        let operation = operation.clone();
        callers.spawn(async move {
            let (mut ok, mut failed) = (0_u64, 0_u64);
            while start.elapsed() < length {
                if operation(caller).await {
                    ok += 1;
                } else {
                    failed += 1;
                }
            }
            (ok, failed)
        });
    }
    let (mut ok, mut failed) = (0, 0);
    while let Some(counts) = callers.join_next().await {
        let counts = counts?;
        ok += counts.0;
        failed += counts.1;
    }
    Ok(Run::new(ok, failed, start.elapsed(), None))
}

/// Operations at a fixed rate. An operation is given its index and answers whether it succeeded.
pub async fn open<Op, Done>(rate: f64, length: Duration, operation: Op) -> anyhow::Result<Run>
where
    Op: Fn(usize) -> Done + Clone + Send + Sync + 'static,
    Done: Future<Output = bool> + Send,
{
    let places = Arc::new(Semaphore::new(MOST_IN_FLIGHT));
    let arrivals = Arrivals::new(rate, length);
    let (finished, mut results) = mpsc::channel(1024);
    tokio::spawn(async move {
        for index in 0..arrivals.count() {
            let intended = arrivals.intended(index);
            tokio::time::sleep_until(intended.into()).await;
            let Ok(place) = places.clone().acquire_owned().await else {
                return;
            };
            let (operation, finished) = (operation.clone(), finished.clone());
            tokio::spawn(async move {
                let succeeded = operation(index as usize).await;
                let took = intended.elapsed();
                drop(place);
                finished.send((took, succeeded)).await.ok();
            });
        }
    });
    let start = Instant::now();
    let mut latencies = Latencies::new()?;
    let (mut ok, mut failed) = (0_u64, 0_u64);
    while let Some((took, succeeded)) = results.recv().await {
        if succeeded {
            latencies.record(took);
            ok += 1;
        } else {
            failed += 1;
        }
    }
    Ok(Run::new(
        ok,
        failed,
        start.elapsed(),
        Some(latencies.percentiles()),
    ))
}
