//! No unary call is worked on for longer than its caller waits, nor for longer than the settings allow.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use tokio::time::Instant;
use tonic::{Code, body::Body};
use tower_service::Service;

use super::{Answer, Inner};
use crate::{
    grpc_timeout,
    methods::{Methods, Shape},
    problem::Problem,
};

tokio::task_local! {
    static DEADLINE: Instant;
}

/// How long the call that this task is answering may still take; `None` outside of a unary call. Calls made on its behalf
/// must not take longer.
pub(crate) fn remaining() -> Option<Duration> {
    DEADLINE
        .try_with(|deadline| deadline.saturating_duration_since(Instant::now()))
        .ok()
}

/// Answers DEADLINE_EXCEEDED in the handler's place. The handler's future is dropped at its next await then, so a state
/// change is one atomic step or runs in a task of its own.
#[derive(Clone)]
pub(crate) struct Deadline<S> {
    inner: S,
    methods: Arc<Methods>,
    default: Duration,
    most: Duration,
}

impl<S> Deadline<S> {
    pub(crate) fn new(inner: S, methods: Arc<Methods>, default: Duration, most: Duration) -> Self {
        Self {
            inner,
            methods,
            default,
            most,
        }
    }
}

impl<S: Inner> Service<Request<Body>> for Deadline<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        let asked = grpc_timeout::read(request.headers());
        let shape = self.methods.shape(request.uri().path());
        let Some(limit) = limit(shape, asked, self.default, self.most) else {
            return Box::pin(self.inner.call(request));
        };
        let deadline = Instant::now() + limit;
        // Made here and not in the future: tonic has a timer of its own for `grpc-timeout`, around all layers, which would
        // answer CANCELLED. This one is older, so it is the first to ring.
        let timer = tokio::time::sleep_until(deadline);
        let answer = DEADLINE.scope(deadline, self.inner.call(request));
        Box::pin(async move {
            tokio::select! {
                biased;
                response = answer => response,
                () = timer => Ok(tonic::Status::from(exceeded(limit)).into_http()),
            }
        })
    }
}

/// A streaming call lives as long as both sides like, unless its caller said otherwise: then that bounds its beginning, and
/// the caller itself cuts the rest.
fn limit(shape: Shape, asked: Option<Duration>, default: Duration, most: Duration) -> Option<Duration> {
    match shape {
        Shape::Unary => Some(asked.unwrap_or(default).min(most)),
        Shape::Streaming => asked,
    }
}

fn exceeded(limit: Duration) -> Problem {
    let message = format!("not done within {} ms", limit.as_millis());
    Problem::new(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", message)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Shape, limit};

    #[test]
    fn a_unary_call_always_has_a_deadline_and_a_stream_only_its_callers() {
        let ms = Duration::from_millis;
        let (default, most) = (ms(10_000), ms(60_000));
        for (shape, asked, expected) in [
            (Shape::Unary, None, Some(default)),
            (Shape::Unary, Some(ms(50)), Some(ms(50))),
            (Shape::Unary, Some(ms(90_000)), Some(most)),
            (Shape::Streaming, None, None),
            (Shape::Streaming, Some(ms(90_000)), Some(ms(90_000))),
        ] {
            assert_eq!(
                limit(shape, asked, default, most),
                expected,
                "{shape:?} {asked:?}"
            );
        }
    }
}
