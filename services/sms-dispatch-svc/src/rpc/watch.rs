//! Watching and acknowledging receipts.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{Stream, stream};
use hongyan_chassis::Problem;
use hongyan_domain::{Subscription, TenantId};
use hongyan_proto::dispatch::v1::{AckReceiptsRequest, Receipt, WatchReceiptsRequest, WatchReceiptsResponse};
use hongyan_queue::{FeedReader, QueueError, feed};
use prost::Message as _;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::{
    metric, refusal,
    store::{RECEIPTS_FEED, Store},
};

/// Receipts in one answer.
const MOST_RECEIPTS: usize = 256;

/// A read waits so long for the first receipt, then asks again.
const BLOCK_MS: u64 = 5_000;

/// Counts the watchers of each tenant. Cheap to clone.
#[derive(Clone)]
pub struct Watchers {
    most: usize,
    open: Arc<Mutex<HashMap<TenantId, usize>>>,
}

/// One watcher's place; given back when dropped.
struct Place {
    watchers: Watchers,
    tenant: TenantId,
}

impl Watchers {
    /// Each tenant may have so many watchers at this process; each holds a connection to Redis.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            open: Arc::default(),
        }
    }

    fn take(&self, tenant: &TenantId) -> Result<Place, Problem> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(tenant.clone()).or_default();
        if *count >= self.most {
            return Err(Problem::exhausted(
                "TOO_MANY_WATCHERS",
                format!("the tenant has {count} watchers of receipts open here, and may have no more"),
                Duration::from_secs(1),
            ));
        }
        *count += 1;
        metric::watchers(1.0);
        Ok(Place {
            watchers: self.clone(),
            tenant: tenant.clone(),
        })
    }

    /// The tenant's receipts from the request's place on. Ends with the shutdown; a failure of Redis ends it with
    /// UNAVAILABLE, and the last cursor resumes it.
    pub async fn watch(
        &self,
        store: &Store,
        tenant: TenantId,
        request: &WatchReceiptsRequest,
        shutdown: CancellationToken,
    ) -> Result<impl Stream<Item = Result<WatchReceiptsResponse, Status>> + Send + 'static, Problem> {
        let subscription = subscription(&request.subscription)?;
        let place = self.take(&tenant)?;
        let reader = FeedReader::open(
            store.redis(),
            RECEIPTS_FEED,
            &tenant,
            &subscription,
            &request.cursor,
        )
        .await
        .map_err(|error| of_feed(&error))?;
        Ok(stream::unfold(Some((reader, place)), move |state| {
            next(state, shutdown.clone())
        }))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.watchers.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.tenant);
            }
        }
        metric::watchers(-1.0);
    }
}

type State = Option<(FeedReader, Place)>;

async fn next(
    state: State,
    shutdown: CancellationToken,
) -> Option<(Result<WatchReceiptsResponse, Status>, State)> {
    let (mut reader, place) = state?;
    loop {
        let read = shutdown
            .run_until_cancelled(reader.next(MOST_RECEIPTS, BLOCK_MS))
            .await?;
        let (bodies, cursor) = match read {
            Ok(read) => read,
            Err(error) => return Some((Err(of_feed(&error).into()), None)),
        };
        if bodies.is_empty() {
            continue;
        }
        let decode = |body| {
            Receipt::decode(body)
                .inspect_err(|error| tracing::error!(%error, "a receipt in a feed cannot be read; left out"))
                .ok()
        };
        let receipts = bodies.into_iter().filter_map(decode).collect();
        let response = WatchReceiptsResponse {
            receipts,
            cursor: cursor.to_string(),
        };
        return Some((Ok(response), Some((reader, place))));
    }
}

/// Acknowledges all receipts up to a cursor.
pub(super) async fn acknowledge(
    store: &Store,
    tenant: &TenantId,
    request: &AckReceiptsRequest,
) -> Result<(), Problem> {
    let subscription = subscription(&request.subscription)?;
    feed::ack(
        store.redis(),
        RECEIPTS_FEED,
        tenant,
        &subscription,
        &request.cursor,
    )
    .await
    .map_err(|error| of_feed(&error))
}

fn subscription(name: &str) -> Result<Subscription, Problem> {
    Subscription::parse(name).map_err(|error| Problem::invalid().field("subscription", error.to_string()))
}

fn of_feed(error: &QueueError) -> Problem {
    match error {
        QueueError::Cursor(wrong) => Problem::invalid().field("cursor", wrong.to_string()),
        QueueError::TooManySubscriptions(most) => Problem::precondition(
            "TOO_MANY_SUBSCRIPTIONS",
            format!("the tenant has {most} subscriptions already"),
        ),
        other => refusal::of_store(other),
    }
}

#[cfg(test)]
mod tests {
    use hongyan_domain::TenantId;

    use super::Watchers;

    #[test]
    fn a_tenant_has_so_many_watchers_and_gets_their_places_back() {
        let watchers = Watchers::new(2);
        let (one, other) = (TenantId::parse("one").unwrap(), TenantId::parse("other").unwrap());
        let first = watchers.take(&one).unwrap();
        let _second = watchers.take(&one).unwrap();
        assert_eq!(watchers.take(&one).err().unwrap().reason, "TOO_MANY_WATCHERS");
        drop(watchers.take(&other).unwrap());
        drop(first);
        assert!(watchers.take(&one).is_ok());
    }
}
