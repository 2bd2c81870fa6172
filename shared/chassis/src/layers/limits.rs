//! No more work at once than the settings allow: the rest is told at once to come back later.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{
    FutureExt as _,
    future::{Fuse, FusedFuture as _},
};
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::{Status, body::Body};
use tower_service::Service;

use super::{Answer, Inner, StreamEnds, panics::last_words};
use crate::{
    methods::{Methods, Shape},
    problem::Problem,
};

/// What a shed caller is told to wait: long enough for a burst to pass, short enough for a person not to notice.
const COME_BACK_AFTER: Duration = Duration::from_millis(200);
/// What an ending stream may still say, such as its last health status: a stream that is never at a loss for words would
/// otherwise never end.
const LAST_FRAMES: u8 = 16;

/// Which token ends which streams.
#[derive(Debug, Clone)]
pub(crate) struct Ends(StreamEnds);

impl Ends {
    pub(crate) fn new(ends: StreamEnds) -> Self {
        Self(ends)
    }

    fn of(&self, path: &str) -> CancellationToken {
        if Methods::is_own(path) {
            self.0.own.clone()
        } else {
            self.0.all.clone()
        }
    }
}

/// Unary calls and open streams are limited apart, so that watchers, who stay for days, take no place from a call.
/// Nothing waits for a place: whoever finds none is shed with RESOURCE_EXHAUSTED, reason `OVERLOADED`.
#[derive(Clone)]
pub(crate) struct Limits<S> {
    inner: S,
    methods: Arc<Methods>,
    calls: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    ends: Ends,
}

impl<S> Limits<S> {
    pub(crate) fn new(inner: S, methods: Arc<Methods>, calls: usize, streams: usize, ends: Ends) -> Self {
        Self {
            inner,
            methods,
            calls: Arc::new(Semaphore::new(calls)),
            streams: Arc::new(Semaphore::new(streams)),
            ends,
        }
    }
}

impl<S: Inner> Service<Request<Body>> for Limits<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        let path = request.uri().path();
        let shape = self.methods.shape(path);
        if shape == Shape::Unary && Methods::is_own(path) {
            // Asking how a loaded process is doing must not fail because it is loaded.
            return Box::pin(self.inner.call(request));
        }
        let (places, kind) = match shape {
            Shape::Unary => (&self.calls, "call"),
            Shape::Streaming => (&self.streams, "stream"),
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            metrics::counter!("hongyan_rpc_shed_total", "kind" => kind).increment(1);
            return Box::pin(async { Ok(Status::from(overloaded()).into_http()) });
        };
        let end = self.ends.of(path);
        let answer = self.inner.call(request);
        Box::pin(async move {
            match shape {
                Shape::Unary => {
                    let response = answer.await;
                    drop(place);
                    response
                }
                Shape::Streaming => {
                    let response = tokio::select! {
                        biased;
                        response = answer => response?,
                        () = end.cancelled() => return Ok(Status::from(draining()).into_http()),
                    };
                    Ok(response.map(|inner| Body::new(OpenStream::new(inner, end, place))))
                }
            }
        })
    }
}

fn overloaded() -> Problem {
    Problem::exhausted("OVERLOADED", "too much at once; come back later", COME_BACK_AFTER)
}

fn draining() -> Problem {
    Problem::unavailable(
        "DRAINING",
        "this process is ending; call another",
        COME_BACK_AFTER,
    )
}

/// A streamed answer: keeps its place while it is open, and ends with UNAVAILABLE when its time has come.
struct OpenStream {
    inner: Body,
    end: Fuse<Pin<Box<WaitForCancellationFutureOwned>>>,
    over: bool,
    last_frames: u8,
    _place: OwnedSemaphorePermit,
}

impl OpenStream {
    fn new(inner: Body, end: CancellationToken, place: OwnedSemaphorePermit) -> Self {
        Self {
            inner,
            end: Box::pin(end.cancelled_owned()).fuse(),
            over: false,
            last_frames: LAST_FRAMES,
            _place: place,
        }
    }
}

impl HttpBody for OpenStream {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        let ending = this.end.is_terminated() || this.end.poll_unpin(cx).is_ready();
        if !ending || this.last_frames > 0 {
            this.last_frames -= u8::from(ending);
            if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) {
                return Poll::Ready(frame);
            }
        }
        if !ending {
            return Poll::Pending;
        }
        this.over = true;
        Poll::Ready(Some(last_words(&Status::from(draining()))))
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
