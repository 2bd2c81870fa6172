//! A panic in one call is that call's INTERNAL, and nobody else's.

use std::{
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::{Code, Status, body::Body};
use tower_service::Service;

use super::{Answer, Inner};
use crate::{methods::Methods, problem::Problem};

/// Catches panics of the handler and of the stream that it answers.
#[derive(Clone)]
pub(crate) struct Panics<S> {
    inner: S,
    methods: Arc<Methods>,
}

impl<S> Panics<S> {
    pub(crate) fn new(inner: S, methods: Arc<Methods>) -> Self {
        Self { inner, methods }
    }
}

impl<S: Inner> Service<Request<Body>> for Panics<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        let method = self.methods.label(request.uri().path());
        let called = catch_unwind(AssertUnwindSafe(|| self.inner.call(request)));
        Box::pin(async move {
            let answered = match called {
                Ok(future) => AssertUnwindSafe(future).catch_unwind().await,
                Err(panic) => Err(panic),
            };
            match answered {
                Ok(Ok(response)) => Ok(response.map(|inner| {
                    Body::new(Guarded {
                        inner,
                        method,
                        over: false,
                    })
                })),
                // The payload may quote the data that it stumbled over; the hook has logged where it happened.
                Err(_panic) => Ok(panicked(&method).into_http()),
            }
        })
    }
}

fn panicked(method: &Arc<str>) -> Status {
    metrics::counter!("hongyan_rpc_panics_total", "method" => method.clone()).increment(1);
    tracing::error!(method = &**method, "a handler panicked");
    Problem::new(
        Code::Internal,
        "INTERNAL",
        "an internal error; it is in the log under this trace",
    )
    .into()
}

/// A streamed answer is made while it is polled, so it can panic long after its head was sent.
struct Guarded {
    inner: Body,
    method: Arc<str>,
    over: bool,
}

impl HttpBody for Guarded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        catch_unwind(AssertUnwindSafe(|| Pin::new(&mut this.inner).poll_frame(cx))).unwrap_or_else(|_panic| {
            this.over = true;
            this.inner = Body::empty();
            Poll::Ready(Some(last_words(&panicked(&this.method))))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A status as the trailers that end a stream.
pub(super) fn last_words(status: &Status) -> Result<Frame<Bytes>, Status> {
    let mut trailers = http::HeaderMap::new();
    status.add_header(&mut trailers)?;
    Ok(Frame::trailers(trailers))
}
