//! The stream of batches: items are verified side by side, and each answer goes as soon as it is there.

use std::{future::Future, time::Duration};

use futures_util::{Stream, StreamExt as _, stream::FuturesUnordered};
use hongyan_chassis::Problem;
use hongyan_proto::verify::v1::{
    VerifyIdentitiesRequest, VerifyIdentitiesResponse, VerifyIdentityRequest, VerifyResult,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// Items of one message.
pub(crate) const MOST_ITEMS: usize = 256;

/// Works a stream off: reads a message, verifies its items, at most `in_flight` of all messages at once, and sends each
/// result. Ends when the caller has sent everything, goes away, or sends a message that is no batch; at the shutdown no
/// further message is read and the stream ends with UNAVAILABLE once the items at work are answered.
pub(crate) async fn work<F, V>(
    mut messages: impl Stream<Item = Result<VerifyIdentitiesRequest, Status>> + Unpin,
    verify: F,
    results: mpsc::Sender<Result<VerifyResult, Status>>,
    in_flight: usize,
    shutdown: CancellationToken,
) where
    F: Fn(VerifyIdentityRequest) -> V,
    V: Future<Output = VerifyResult>,
{
    let mut at_work = FuturesUnordered::new();
    let mut waiting = Vec::new().into_iter();
    let mut end: Option<Result<(), Status>> = None;
    loop {
        while at_work.len() < in_flight
            && let Some(item) = waiting.next()
        {
            at_work.push(verify(item));
        }
        let idle = waiting.len() == 0;
        tokio::select! {
            biased;
            () = results.closed() => return,
            Some(result) = at_work.next(), if !at_work.is_empty() => {
                if results.send(Ok(result)).await.is_err() {
                    return;
                }
            }
            () = shutdown.cancelled(), if end.is_none() => {
                // What was read is answered; what was not, the caller sends elsewhere.
                end = Some(Err(draining()));
            }
            message = messages.next(), if idle && end.is_none() => match message {
                None => end = Some(Ok(())),
                Some(Err(status)) => end = Some(Err(status)),
                Some(Ok(message)) if (1..=MOST_ITEMS).contains(&message.items.len()) => {
                    waiting = message.items.into_iter();
                }
                Some(Ok(_)) => end = Some(Err(not_a_batch())),
            },
            else => break,
        }
        if let Some(end) = &end
            && at_work.is_empty()
            && waiting.len() == 0
        {
            if let Err(status) = end {
                let _ = results.send(Err(status.clone())).await;
            }
            return;
        }
    }
}

/// The results that are ready, in one message; the end of the stream, or its failure, behind them.
pub(crate) async fn next_answer(
    mut results: mpsc::Receiver<Result<VerifyResult, Status>>,
) -> Option<(
    Result<VerifyIdentitiesResponse, Status>,
    mpsc::Receiver<Result<VerifyResult, Status>>,
)> {
    let mut ready = match results.recv().await? {
        Ok(result) => vec![result],
        Err(status) => return Some((Err(status), results)),
    };
    while ready.len() < MOST_ITEMS {
        match results.try_recv() {
            Ok(Ok(result)) => ready.push(result),
            // A failure is always the last thing that is sent. It must not overtake these results, so it goes back behind
            // them: the channel is left with nothing but it.
            Ok(Err(status)) => {
                let (sender, behind) = mpsc::channel(1);
                let _ = sender.try_send(Err(status));
                return Some((Ok(VerifyIdentitiesResponse { results: ready }), behind));
            }
            Err(_) => break,
        }
    }
    Some((Ok(VerifyIdentitiesResponse { results: ready }), results))
}

fn draining() -> Status {
    Problem::unavailable(
        "DRAINING",
        "this process ends; items without an answer can be sent again under their request_id",
        Duration::from_millis(100),
    )
    .into()
}

fn not_a_batch() -> Status {
    Problem::invalid().field("items", "must be 1 to 256 items").into()
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
