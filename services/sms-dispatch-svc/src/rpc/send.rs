//! Streams of batches: several batches at work, their answers in the order of the requests.

use std::sync::Arc;

use futures_util::{FutureExt as _, Stream, StreamExt as _};
use hongyan_chassis::Problem;
use hongyan_proto::dispatch::v1::{SendMessagesRequest, SendMessagesResponse, SendResult, send_result};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::{acceptor::Acceptor, caller::Caller, trace::Origin};

/// The most items of a batch.
const MOST_ITEMS: usize = 256;

/// What bounds the streams. Cheap to clone.
#[derive(Clone)]
pub struct Streams {
    batches_of_stream: usize,
    batches: Arc<Semaphore>,
}

impl Streams {
    /// At most `batches_of_stream` batches of one stream and `batches` of all are at work at once; what comes beyond waits
    /// in the connection, which slows the caller down.
    pub fn new(batches_of_stream: usize, batches: usize) -> Self {
        Self {
            batches_of_stream,
            batches: Arc::new(Semaphore::new(batches)),
        }
    }

    /// The answers to a stream of batches. It ends with the requests, with the first wrong one, or with the shutdown; what
    /// has begun by then is still answered.
    pub fn answer(
        &self,
        requests: impl Stream<Item = Result<SendMessagesRequest, Status>> + Send + 'static,
        acceptor: Acceptor,
        caller: Caller,
        origin: Origin,
        shutdown: CancellationToken,
    ) -> impl Stream<Item = Result<SendMessagesResponse, Status>> + Send + 'static {
        let batches = Arc::clone(&self.batches);
        requests
            .take_until(shutdown.cancelled_owned())
            .map(move |request| {
                let (batches, acceptor, caller) = (Arc::clone(&batches), acceptor.clone(), caller.clone());
                // A task of its own: batches are prepared on several cores, and one that has begun is finished even when
                // the caller has gone.
                tokio::spawn(async move {
                    let request = checked(request?)?;
                    let _permit = batches
                        .acquire()
                        .await
                        .map_err(|error| Problem::internal(&error))?;
                    Ok(respond(&request, &acceptor, &caller, origin).await)
                })
                // The reason is not passed on: a panic's words may quote what the message says.
                .map(|joined| joined.unwrap_or_else(|_| Err(Problem::internal(&BatchEnded).into())))
            })
            .buffered(self.batches_of_stream)
    }
}

/// The task of a batch panicked; the panic itself is counted and told, without its words, where it happened.
#[derive(Debug, thiserror::Error)]
#[error("the task of a batch ended before its time")]
struct BatchEnded;

fn checked(request: SendMessagesRequest) -> Result<SendMessagesRequest, Problem> {
    if (1..=MOST_ITEMS).contains(&request.items.len()) {
        return Ok(request);
    }
    let why = format!("must be 1 to {MOST_ITEMS}, not {}", request.items.len());
    Err(Problem::invalid().field("items", why))
}

async fn respond(
    request: &SendMessagesRequest,
    acceptor: &Acceptor,
    caller: &Caller,
    origin: Origin,
) -> SendMessagesResponse {
    let results = acceptor.accept(&request.items, caller, origin).await;
    let one = |(item, result): (
        &hongyan_proto::dispatch::v1::SendMessageRequest,
        Result<_, Problem>,
    )| SendResult {
        request_id: item.request_id.clone(),
        result: Some(match result {
            Ok(accepted) => send_result::Result::Accepted(accepted),
            Err(problem) => send_result::Result::Problem(problem.to_proto()),
        }),
    };
    SendMessagesResponse {
        results: request.items.iter().zip(results).map(one).collect(),
    }
}
