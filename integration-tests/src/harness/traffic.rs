//! Callers as they should be: they ask again with the same request id until they are answered, and acknowledge receipts
//! only after they have put them away.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use hongyan_proto::{
    common::v1::{MessageClass, Problem},
    dispatch::v1::{
        AckReceiptsRequest, Receipt, SendMessageRequest, SendMessageResponse, SendMessagesRequest,
        WatchReceiptsRequest, dispatch_service_client::DispatchServiceClient, send_message_request::Content,
        send_result,
    },
};
use tokio_stream::StreamExt as _;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tonic::transport::Channel;

use super::mesh::Client;

const BATCH: usize = 64;
const PAUSE: Duration = Duration::from_millis(50);

/// A plain request: everything that is left out is empty.
pub fn request(request_id: &str, phone: &str, class: MessageClass, text: &str) -> SendMessageRequest {
    SendMessageRequest {
        request_id: request_id.to_owned(),
        phone: phone.to_owned(),
        class: class.into(),
        content: Some(Content::Text(text.to_owned())),
        ..SendMessageRequest::default()
    }
}

/// What became of the items: accepted, or refused for good.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// By request id.
    pub accepted: BTreeMap<String, SendMessageResponse>,
    /// By request id.
    pub refused: BTreeMap<String, Problem>,
    /// Streams that it took.
    pub rounds: u32,
}

/// Sends all items through streams, again with the same ids wherever no answer came or the answer said that the service
/// was not there, until each is answered; fails after `limit`.
pub async fn send_all(client: &Client, items: &[SendMessageRequest], limit: Duration) -> Result<Answers> {
    let started = Instant::now();
    let mut answers = Answers::default();
    let mut last_error = None;
    loop {
        let open: Vec<SendMessageRequest> = items
            .iter()
            .filter(|item| {
                !answers.accepted.contains_key(&item.request_id)
                    && !answers.refused.contains_key(&item.request_id)
            })
            .cloned()
            .collect();
        if open.is_empty() {
            return Ok(answers);
        }
        if started.elapsed() >= limit {
            let why =
                last_error.map_or_else(String::new, |error: anyhow::Error| format!("; last: {error:#}"));
            bail!(
                "{} of {} items without an answer after {limit:?}{why}",
                open.len(),
                items.len()
            );
        }
        answers.rounds += 1;
        if let Err(error) = send_once(client.dispatch()?, open, &mut answers).await {
            last_error = Some(error);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn send_once(
    mut dispatch: DispatchServiceClient<Channel>,
    items: Vec<SendMessageRequest>,
    answers: &mut Answers,
) -> Result<()> {
    let batches: Vec<_> = items
        .chunks(BATCH)
        .map(|batch| SendMessagesRequest {
            items: batch.to_vec(),
        })
        .collect();
    let mut results = dispatch
        .send_messages(tokio_stream::iter(batches))
        .await?
        .into_inner();
    while let Some(response) = results.next().await {
        for result in response?.results {
            match result.result.context("a result without content")? {
                send_result::Result::Accepted(accepted) => {
                    answers.accepted.insert(result.request_id, accepted);
                }
                send_result::Result::Problem(problem) if is_passing(&problem) => {}
                send_result::Result::Problem(problem) => {
                    answers.refused.insert(result.request_id, problem);
                }
            }
        }
    }
    Ok(())
}

/// Whether asking again is the right answer: UNAVAILABLE, ABORTED, CANCELLED, DEADLINE_EXCEEDED.
fn is_passing(problem: &Problem) -> bool {
    [
        tonic::Code::Unavailable,
        tonic::Code::Aborted,
        tonic::Code::Cancelled,
        tonic::Code::DeadlineExceeded,
    ]
    .contains(&tonic::Code::from(problem.code))
}

/// Follows a caller's receipts, through outages too.
#[derive(Debug)]
pub struct ReceiptWatcher {
    state: Arc<Mutex<Watched>>,
    shutdown: CancellationToken,
    task: AbortOnDropHandle<()>,
}

#[derive(Debug, Default)]
struct Watched {
    receipts: Vec<Receipt>,
    /// How often the stream was opened, and why it ended last.
    opened: u32,
    last_error: Option<String>,
}

impl ReceiptWatcher {
    /// Begins to follow.
    pub fn start(client: &Client, subscription: &str) -> Result<Self> {
        let state: Arc<Mutex<Watched>> = Arc::default();
        let shutdown = CancellationToken::new();
        let dispatch = client.dispatch()?;
        let follow = follow(dispatch, subscription.to_owned(), state.clone(), shutdown.clone());
        Ok(Self {
            state,
            shutdown,
            task: AbortOnDropHandle::new(tokio::spawn(follow)),
        })
    }

    /// All receipts so far. One that was sent again because its acknowledgement was lost counts once.
    pub fn receipts(&self) -> Vec<Receipt> {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .receipts
            .clone()
    }

    /// Waits until every one of `ids` has a receipt.
    pub async fn wait_for(&self, ids: &[String], limit: Duration) -> Result<()> {
        let started = Instant::now();
        loop {
            let missing = {
                let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                let have: std::collections::BTreeSet<&str> = state
                    .receipts
                    .iter()
                    .map(|receipt| receipt.message_id.as_str())
                    .collect();
                ids.iter().filter(|id| !have.contains(id.as_str())).count()
            };
            if missing == 0 {
                return Ok(());
            }
            if started.elapsed() >= limit {
                let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                bail!(
                    "{missing} of {} messages without a receipt after {limit:?} (stream opened {} times, last error {:?})",
                    ids.len(),
                    state.opened,
                    state.last_error
                );
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Ends the following.
    pub async fn stop(self) -> Vec<Receipt> {
        self.shutdown.cancel();
        let _ = self.task.await;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.receipts)
    }
}

async fn follow(
    mut dispatch: DispatchServiceClient<Channel>,
    subscription: String,
    state: Arc<Mutex<Watched>>,
    shutdown: CancellationToken,
) {
    let mut seen = std::collections::BTreeSet::new();
    loop {
        let ended = tokio::select! {
            () = shutdown.cancelled() => return,
            ended = follow_once(&mut dispatch, &subscription, &state, &mut seen) => ended,
        };
        if let Err(error) = ended {
            state.lock().unwrap_or_else(PoisonError::into_inner).last_error = Some(error.to_string());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

type Seen = std::collections::BTreeSet<(String, i64, i32, bool)>;

async fn follow_once(
    dispatch: &mut DispatchServiceClient<Channel>,
    subscription: &str,
    state: &Mutex<Watched>,
    seen: &mut Seen,
) -> Result<()> {
    let request = WatchReceiptsRequest {
        subscription: subscription.to_owned(),
        cursor: String::new(),
    };
    let mut stream = dispatch.watch_receipts(request).await?.into_inner();
    state.lock().unwrap_or_else(PoisonError::into_inner).opened += 1;
    while let Some(response) = stream.next().await {
        let response = response?;
        {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            for receipt in response.receipts {
                let status = receipt.status.as_ref().map_or(0, |status| status.status);
                if seen.insert((
                    receipt.message_id.clone(),
                    receipt.at_unix_ms,
                    status,
                    receipt.correction,
                )) {
                    state.receipts.push(receipt);
                }
            }
        }
        let ack = AckReceiptsRequest {
            subscription: subscription.to_owned(),
            cursor: response.cursor,
        };
        dispatch.ack_receipts(ack).await?;
    }
    Ok(())
}
