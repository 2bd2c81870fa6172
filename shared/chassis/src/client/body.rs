//! The answer of a call, on its way to the caller.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep};
use tonic::{Status, body::Body};

use super::failure;

/// Says a transport's failure in the mesh's words, and keeps the deadline to the last octet.
pub(super) struct AnswerBody {
    inner: Body,
    deadline: Option<(Pin<Box<Sleep>>, Duration)>,
    over: bool,
}

impl AnswerBody {
    pub(super) fn new(inner: Body, deadline: Option<(Instant, Duration)>) -> Self {
        Self {
            inner,
            deadline: deadline.map(|(at, limit)| (Box::pin(tokio::time::sleep_until(at)), limit)),
            over: false,
        }
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        if let Poll::Ready(polled) = Pin::new(&mut this.inner).poll_frame(cx) {
            // The server's own refusals come as trailers; an error here is the connection's.
            return Poll::Ready(polled.map(|frame| {
                frame.map_err(|status| {
                    this.over = true;
                    failure::unreachable(&status)
                })
            }));
        }
        let Some((timer, limit)) = &mut this.deadline else {
            return Poll::Pending;
        };
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        this.over = true;
        Poll::Ready(Some(Err(failure::too_late(*limit))))
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
