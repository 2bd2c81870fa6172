//! What waits for something that does not come: long uplinks without their last parts, which are told as far as they came
//! rather than lost, and receipts under unknown ids, which may settle a submit whose answer was lost.

use std::time::Duration;

use hongyan_domain::Partition;
use hongyan_queue::QueueError;
use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    doubt::{Verdict, judge},
    events::Teller,
    link::Common,
    store::{Collected, Job, Reply, Store, link_of_parts},
    uplink,
};

const PERIOD: Duration = Duration::from_secs(1);
const MOST_AT_ONCE: usize = 64;

/// Looks every second, for all links, also for those that other processes have begun.
pub async fn run(common: Common, shutdown: CancellationToken) {
    while shutdown
        .run_until_cancelled(tokio::time::sleep(PERIOD))
        .await
        .is_some()
    {
        for partition in common.redis.partitions().iter() {
            if let Err(error) = sweep(&common, partition, clock::unix_ms()).await {
                tracing::debug!(%error, "overdue parts wait for the next look");
            }
            if let Err(error) = settle_doubts(&common, partition, clock::unix_ms()).await {
                tracing::debug!(%error, "doubts wait for the next look");
            }
        }
    }
}

/// One look at one partition; gives how many texts were told.
pub async fn sweep(common: &Common, partition: Partition, now_ms: u64) -> Result<usize, QueueError> {
    let mut told = 0;
    for key in Store::overdue_parts(&common.redis, partition, now_ms, MOST_AT_ONCE).await? {
        let Some(link) = link_of_parts(&key) else { continue };
        let store = Store::new(&common.redis, &link, &common.consumer);
        let teller = Teller {
            link,
            actor: common.actor.clone(),
        };
        let collected = store.collected(&key).await?.unwrap_or_default();
        let job = job(common, &teller, partition, &key, &collected, now_ms);
        for reply in store.run([&job]).await? {
            if reply? != Reply::Done {
                continue;
            }
            told += 1;
            metrics::counter!("hongyan_link_uplinks_total", "link" => teller.link.as_str().to_owned(), "outcome" => "partial")
                .increment(1);
        }
    }
    Ok(told)
}

/// One look at the doubts of one partition; gives how many were settled.
pub async fn settle_doubts(common: &Common, partition: Partition, now_ms: u64) -> Result<usize, QueueError> {
    let wait_ms = u64::try_from(common.tuning.doubt_wait.as_millis()).unwrap_or(u64::MAX);
    let mut settled = 0;
    for (link, tag) in Store::doubts_due(&common.redis, partition, now_ms, MOST_AT_ONCE).await? {
        let store = Store::new(&common.redis, &link, &common.consumer);
        let about = store.doubts_about(partition, &tag).await?;
        let again = match judge(&about, now_ms, wait_ms) {
            Verdict::Settles(doubt, orphan) => {
                if store.settle_doubt(&about, doubt, orphan, now_ms).await? > 0 {
                    settled += 1;
                    tracing::info!(link = link.as_str(), message_id = %doubt.message_id, "a receipt settled an uncertain submit");
                    metrics::counter!("hongyan_link_doubts_settled_total", "link" => link.as_str().to_owned()).increment(1);
                }
                None
            }
            Verdict::TooEarly(at_ms) => Some(at_ms),
            Verdict::Nothing => None,
        };
        store.look_again(&about, again).await?;
    }
    Ok(settled)
}

fn job(
    common: &Common,
    teller: &Teller,
    partition: Partition,
    key: &str,
    collected: &Collected,
    now_ms: u64,
) -> Job {
    let assembled = uplink::assembled(
        &common.keyring.current(),
        teller,
        partition,
        key,
        collected,
        now_ms,
    );
    if let Some(Ok(job)) = assembled {
        return job;
    }
    if !collected.head.is_empty() {
        tracing::error!(
            link = teller.link.as_str(),
            "the parts of an uplink cannot be opened; they are dropped"
        );
    }
    // The parts are gone or cannot be read: only their deadline is forgotten.
    Job::Complete {
        partition,
        parts: key.to_owned(),
        made_of: collected.count(),
        sealed: Vec::new(),
        traceparent: String::new(),
        audit: Vec::new(),
        now_ms,
    }
}
