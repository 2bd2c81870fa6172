//! Learns how a call ended from what passes by.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::{Code, Status, body::Body};
use tracing::Span;

/// Told once how a call ended.
pub(crate) trait Completion: Unpin {
    /// The call's final code. CANCELLED where the body was dropped before it said: the other side went away.
    fn ended(&mut self, code: Code);
}

/// The status in headers (an answer without a body) or in trailers.
pub(crate) fn code_in(headers: &HeaderMap) -> Option<Code> {
    headers
        .get(Status::GRPC_STATUS)
        .map(|value| Code::from_bytes(value.as_bytes()))
}

/// A response body that is polled in its call's span and tells the call's code at its end.
pub(crate) struct ObservedBody<C: Completion> {
    inner: Body,
    span: Span,
    completion: Option<C>,
}

impl<C: Completion> ObservedBody<C> {
    pub(crate) fn new(inner: Body, span: Span, completion: C) -> Self {
        Self {
            inner,
            span,
            completion: Some(completion),
        }
    }

    fn end(&mut self, code: Code) {
        if let Some(mut completion) = self.completion.take() {
            completion.ended(code);
        }
    }
}

impl<C: Completion> HttpBody for ObservedBody<C> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let polled = {
            let _in_span = this.span.enter();
            Pin::new(&mut this.inner).poll_frame(cx)
        };
        match ready!(polled) {
            Some(Ok(frame)) => {
                if let Some(code) = frame.trailers_ref().and_then(code_in) {
                    this.end(code);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(status)) => {
                this.end(status.code());
                Poll::Ready(Some(Err(status)))
            }
            None => {
                // An end without a status is no gRPC answer.
                this.end(Code::Unknown);
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<C: Completion> Drop for ObservedBody<C> {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue};
    use http_body::Frame;
    use http_body_util::{BodyExt as _, StreamBody};
    use tonic::{Code, Status, body::Body};
    use tracing::Span;

    use super::{Completion, ObservedBody};

    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<Code>>>);

    impl Completion for Told {
        fn ended(&mut self, code: Code) {
            self.0.lock().unwrap().push(code);
        }
    }

    fn observed(frames: Vec<Result<Frame<Bytes>, Status>>) -> (ObservedBody<Told>, Told) {
        let told = Told::default();
        let body = Body::new(StreamBody::new(tokio_stream::iter(frames)));
        (ObservedBody::new(body, Span::none(), told.clone()), told)
    }

    fn trailers(code: &'static str) -> Frame<Bytes> {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-status", HeaderValue::from_static(code));
        Frame::trailers(headers)
    }

    #[tokio::test]
    async fn the_code_is_told_once_however_the_body_ends() {
        let data = || Ok::<_, Status>(Frame::data(Bytes::from_static(b"x")));
        for (frames, code) in [
            (vec![data(), Ok(trailers("0"))], Code::Ok),
            (vec![Ok(trailers("5"))], Code::NotFound),
            (vec![data(), Err(Status::data_loss("torn"))], Code::DataLoss),
            (vec![data()], Code::Unknown),
        ] {
            let (body, told) = observed(frames);
            // The error of the third case is what this test is not about.
            let _ = body.collect().await;
            assert_eq!(*told.0.lock().unwrap(), [code]);
        }
    }

    #[tokio::test]
    async fn a_body_dropped_before_its_end_was_cancelled() {
        let (body, told) = observed(vec![Ok(trailers("0"))]);
        drop(body);
        assert_eq!(*told.0.lock().unwrap(), [Code::Cancelled]);
    }
}
