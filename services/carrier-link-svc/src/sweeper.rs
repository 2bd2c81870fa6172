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
    uplink::{self, Unassembled},
};

const PERIOD: Duration = Duration::from_secs(1);
const MOST_AT_ONCE: usize = 64;
/// What cannot be told now is looked at again after this time.
const POSTPONE_MS: u64 = 60_000;

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
        let keyring = common.keyring.current();
        let job = match uplink::assembled(&keyring, &teller, partition, &key, &collected, now_ms) {
            Ok(job) => job,
            Err(Unassembled::Damaged) => drop_parts(&teller, partition, &key, &collected, now_ms),
            Err(error) => {
                tracing::warn!(link = teller.link.as_str(), %error, "the parts of an uplink wait");
                store
                    .postpone_parts(partition, &key, now_ms + POSTPONE_MS)
                    .await?;
                continue;
            }
        };
        let outcome = store.run([&job]).await?.pop();
        match outcome {
            Some(Ok(Reply::Done)) => {
                told += 1;
                let link = teller.link.as_str().to_owned();
                metrics::counter!("hongyan_link_uplinks_total", "link" => link, "outcome" => "partial")
                    .increment(1);
            }
            Some(Err(error)) => {
                // The others behind it have their turn; it has its own in a while.
                tracing::error!(link = teller.link.as_str(), %error, "an uplink was not told");
                store
                    .postpone_parts(partition, &key, now_ms + POSTPONE_MS)
                    .await?;
            }
            _ => {}
        }
    }
    Ok(told)
}

/// One look at the doubts of one partition; gives how many were settled.
pub async fn settle_doubts(common: &Common, partition: Partition, now_ms: u64) -> Result<usize, QueueError> {
    let mut settled = 0;
    for (link, tag) in Store::doubts_due(&common.redis, partition, now_ms, MOST_AT_ONCE).await? {
        let store = Store::new(&common.redis, &link, &common.consumer);
        let about = store.doubts_about(partition, &tag).await?;
        let again = match judge(&about, now_ms) {
            Verdict::Settles(doubt, orphan) => {
                if store.settle_doubt(&about, doubt, orphan, now_ms).await? > 0 {
                    settled += 1;
                    tracing::info!(link = link.as_str(), message_id = %doubt.message_id, "a receipt settled an uncertain submit");
                    metrics::counter!("hongyan_link_doubts_settled_total", "link" => link.as_str().to_owned()).increment(1);
                }
                // Others may be told apart now.
                Some(now_ms)
            }
            Verdict::TooEarly(at_ms) => Some(at_ms),
            Verdict::Nothing => None,
        };
        store.look_again(&about, again).await?;
    }
    Ok(settled)
}

/// The parts are gone already, or will never be readable: their deadline is forgotten.
fn drop_parts(teller: &Teller, partition: Partition, key: &str, collected: &Collected, now_ms: u64) -> Job {
    if !collected.head.is_empty() {
        tracing::error!(
            link = teller.link.as_str(),
            "the parts of an uplink are damaged; they are dropped"
        );
    }
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
