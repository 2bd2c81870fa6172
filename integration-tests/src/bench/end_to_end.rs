//! From the caller's request to the receipt in the caller's hand: accept, queue, link, carrier, receipt, settle, watch.

use std::time::{Duration, Instant};

use anyhow::bail;
use hongyan_proto::dispatch::v1::{
    AckReceiptsRequest, SendMessagesRequest, WatchReceiptsRequest, send_result,
};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};

use super::{
    drive::Run,
    latency::{Arrivals, Latencies},
    load::Target,
};

/// One batch leaves every so often.
const TICK: Duration = Duration::from_millis(10);
/// A message whose receipt has not come by then is counted as failed.
const PATIENCE: Duration = Duration::from_mins(1);
const LARGEST_BATCH: u64 = 256;

impl Target {
    /// Sends at a fixed rate and measures each message from its intended start to its receipt. With a rate above what
    /// the mesh can do this measures what it can do: `per_second` counts receipts.
    pub async fn end_to_end(&self, rate: f64, length: Duration) -> anyhow::Result<Run> {
        let subscription = format!("bench-{}", &uuid::Uuid::new_v4().simple().to_string()[..16]);
        let arrivals = Arrivals::new(rate, length);
        let (told_refused, refused) = oneshot::channel();
        let sender = self.clone();
        let marker = subscription.clone();
        tokio::spawn(async move {
            let outcome = sender.send_at(arrivals, &marker).await;
            told_refused.send(outcome).ok();
        });
        self.collect(arrivals, &subscription, refused).await
    }

    /// Returns how many were refused.
    async fn send_at(&self, arrivals: Arrivals, marker: &str) -> anyhow::Result<u64> {
        let (batches, requests) = mpsc::channel(64);
        let (numbers, marker) = (self.numbers.clone(), marker.to_owned());
        tokio::spawn(async move {
            let mut next = 0;
            while next < arrivals.count() {
                tokio::time::sleep_until(arrivals.intended(next).into()).await;
                let due_by = Instant::now() + TICK;
                let mut items = Vec::new();
                while next < arrivals.count()
                    && arrivals.intended(next) < due_by
                    && (items.len() as u64) < LARGEST_BATCH
                {
                    let mut item = numbers.notice();
                    item.reference = format!("{marker}/{next}");
                    items.push(item);
                    next += 1;
                }
                if batches.send(SendMessagesRequest { items }).await.is_err() {
                    return;
                }
            }
        });
        let mut answers = self
            .client(0)
            .send_messages(ReceiverStream::new(requests))
            .await?
            .into_inner();
        let mut refused = 0;
        while let Some(answer) = answers.next().await {
            let results = answer?.results;
            refused += results
                .iter()
                .filter(|result| !matches!(result.result, Some(send_result::Result::Accepted(_))))
                .count() as u64;
        }
        Ok(refused)
    }

    async fn collect(
        &self,
        arrivals: Arrivals,
        subscription: &str,
        mut refused: oneshot::Receiver<anyhow::Result<u64>>,
    ) -> anyhow::Result<Run> {
        let mut client = self.client(1);
        let watch = WatchReceiptsRequest {
            subscription: subscription.to_owned(),
            cursor: String::new(),
        };
        let mut receipts = client.watch_receipts(watch).await?.into_inner();
        let start = Instant::now();
        let (mut latencies, mut received, mut refusals) = (Latencies::new()?, 0_u64, 0_u64);
        let mut last = Instant::now();
        let mut sender_done = false;
        while !(sender_done && received + refusals >= arrivals.count()) {
            tokio::select! {
                outcome = &mut refused, if !sender_done => {
                    refusals = outcome??;
                    sender_done = true;
                }
                batch = tokio::time::timeout(PATIENCE, receipts.next()) => {
                    let Ok(batch) = batch else { break };
                    let Some(batch) = batch else { bail!("the receipts' stream ended") };
                    let batch = batch?;
                    for receipt in &batch.receipts {
                        let index = receipt.reference.split_once('/').filter(|(run, _)| *run == subscription);
                        let Some(index) = index.and_then(|(_, index)| index.parse().ok()) else { continue };
                        latencies.record(arrivals.intended(index).elapsed());
                        received += 1;
                        last = Instant::now();
                    }
                    let ack = AckReceiptsRequest { subscription: subscription.to_owned(), cursor: batch.cursor };
                    client.ack_receipts(ack).await?;
                }
            }
        }
        let failed = arrivals.count().saturating_sub(received);
        let seconds = last.duration_since(start).as_secs_f64().max(1e-3);
        Ok(Run {
            per_second: received as f64 / seconds,
            failed,
            latency: Some(latencies.percentiles()),
        })
    }
}
