//! From the caller's request to the receipt in the caller's hand: accept, queue, link, carrier, receipt, settle, watch.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::bail;
use hongyan_proto::dispatch::v1::{
    AckReceiptsRequest, Receipt, SendMessagesRequest, WatchReceiptsRequest, send_result,
};
use tokio::sync::{Semaphore, mpsc, oneshot};
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
const LARGEST_BATCH: usize = 256;
/// One for all runs: a new one would begin with the receipts of the runs before.
const SUBSCRIPTION: &str = "bench";

/// What the sending half did.
struct Sent {
    messages: u64,
    refused: u64,
}

/// One run: its mark in each message's reference, its arrivals, its places in flight.
#[derive(Clone)]
struct Course {
    mark: Arc<str>,
    arrivals: Arrivals,
    until: Instant,
    places: Arc<Semaphore>,
}

impl Course {
    fn reference(&self, index: u64) -> String {
        format!("{}/{index}", self.mark)
    }

    fn index(&self, receipt: &Receipt) -> Option<u64> {
        receipt
            .reference
            .strip_prefix(self.mark.as_ref())?
            .strip_prefix('/')?
            .parse()
            .ok()
    }
}

impl Target {
    /// Sends at a fixed rate and measures each message from its intended start to its receipt. At most `in_flight`
    /// messages are without their receipt at once; with a rate above what the mesh can do, `per_second` (of receipts)
    /// says what it can do.
    pub async fn end_to_end(&self, rate: f64, in_flight: usize, length: Duration) -> anyhow::Result<Run> {
        let course = Course {
            mark: Arc::from(format!("run-{}", uuid::Uuid::new_v4().simple())),
            arrivals: Arrivals::new(rate, length),
            until: Instant::now() + length,
            places: Arc::new(Semaphore::new(in_flight)),
        };
        let (told, sent) = oneshot::channel();
        let (sender, sending) = (self.clone(), course.clone());
        tokio::spawn(async move { told.send(sender.send(sending).await).ok() });
        self.collect(&course, sent).await
    }

    async fn send(&self, course: Course) -> anyhow::Result<Sent> {
        let (batches, requests) = mpsc::channel(64);
        let (numbers, producer) = (self.numbers.clone(), course.clone());
        tokio::spawn(async move {
            let mut next = 0;
            while next < producer.arrivals.count() && Instant::now() < producer.until {
                tokio::time::sleep_until(producer.arrivals.intended(next).into()).await;
                let due_by = Instant::now() + TICK;
                let mut items = Vec::new();
                while next < producer.arrivals.count()
                    && producer.arrivals.intended(next) < due_by
                    && items.len() < LARGEST_BATCH
                {
                    let Ok(place) = producer.places.acquire().await else {
                        return;
                    };
                    place.forget();
                    let mut item = numbers.notice();
                    item.reference = producer.reference(next);
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
        let mut sent = Sent {
            messages: 0,
            refused: 0,
        };
        while let Some(answer) = answers.next().await {
            for result in answer?.results {
                sent.messages += 1;
                if !matches!(result.result, Some(send_result::Result::Accepted(_))) {
                    sent.refused += 1;
                    course.places.add_permits(1);
                }
            }
        }
        Ok(sent)
    }

    async fn collect(
        &self,
        course: &Course,
        mut sending: oneshot::Receiver<anyhow::Result<Sent>>,
    ) -> anyhow::Result<Run> {
        let mut client = self.client(1);
        let watch = WatchReceiptsRequest {
            subscription: SUBSCRIPTION.to_owned(),
            cursor: String::new(),
        };
        let mut receipts = client.watch_receipts(watch).await?.into_inner();
        let start = Instant::now();
        let (mut latencies, mut received, mut last) = (Latencies::new()?, 0_u64, start);
        let mut sent: Option<Sent> = None;
        while sent
            .as_ref()
            .is_none_or(|sent| received + sent.refused < sent.messages)
        {
            tokio::select! {
                outcome = &mut sending, if sent.is_none() => sent = Some(outcome??),
                batch = tokio::time::timeout(PATIENCE, receipts.next()) => {
                    let Ok(batch) = batch else { break };
                    let Some(batch) = batch else { bail!("the receipts' stream ended") };
                    let batch = batch?;
                    for index in batch.receipts.iter().filter_map(|receipt| course.index(receipt)) {
                        latencies.record(course.arrivals.intended(index).elapsed());
                        received += 1;
                        last = Instant::now();
                        course.places.add_permits(1);
                    }
                    let ack = AckReceiptsRequest { subscription: SUBSCRIPTION.to_owned(), cursor: batch.cursor };
                    client.ack_receipts(ack).await?;
                }
            }
        }
        let failed = sent.map_or(0, |sent| sent.messages).saturating_sub(received);
        Ok(Run::new(
            received,
            failed,
            last.duration_since(start),
            Some(latencies.percentiles()),
        ))
    }
}
