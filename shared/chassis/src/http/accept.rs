//! Takes connections from the kernel, as many as there are places.

use std::{future::Future, io, net::SocketAddr, time::Duration};

use axum::Router;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinError, JoinSet},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    HttpLimits,
    connection::{Port, tell_cut},
    places::Places,
};

/// Where connections come from.
pub(super) trait Source {
    /// The next one. Dropping the future loses none.
    fn accept(&self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send;
}

impl Source for TcpListener {
    fn accept(&self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send {
        TcpListener::accept(self)
    }
}

pub(super) async fn run<S: Source>(
    source: S,
    name: &'static str,
    routes: Router,
    limits: HttpLimits,
    end: CancellationToken,
) {
    let places = Places::new(name, &limits);
    let port = Port {
        name,
        routes,
        limits,
        end: end.clone(),
    };
    // As many as there are places.
    let mut connections = JoinSet::new();
    let mut rest = Rest::default();
    loop {
        let accepted = tokio::select! {
            () = end.cancelled() => break,
            Some(ended) = connections.join_next() => {
                tell_panic(name, ended);
                continue;
            }
            accepted = source.accept() => accepted,
        };
        let pause = match accepted {
            Ok((stream, address)) => {
                match places.take(address.ip()) {
                    Ok(place) => {
                        let serving = port.clone().serve(stream);
                        connections.spawn(async move {
                            let _place = place;
                            serving.await;
                        });
                    }
                    Err(refused) => {
                        let why = refused.label();
                        metrics::counter!("hongyan_http_refused_total", "port" => name, "why" => why)
                            .increment(1);
                    }
                }
                rest.is_over();
                None
            }
            Err(error) => {
                metrics::counter!("hongyan_accept_failures_total").increment(1);
                tracing::warn!(port = name, %error, "accept failed");
                rest.after(&error)
            }
        };
        if let Some(pause) = pause
            && end.run_until_cancelled(sleep(pause)).await.is_none()
        {
            break;
        }
    }
    drop(source);
    let all_ended = async {
        while let Some(ended) = connections.join_next().await {
            tell_panic(name, ended);
        }
    };
    if timeout(limits.end, all_ended).await.is_err() {
        let left = connections.len();
        tell_cut(name, "end", left as u64);
        tracing::info!(port = name, left, "connections that did not end are cut");
        connections.shutdown().await;
    }
}

/// What it said is in no log: a panic may quote the data that it stumbled over.
fn tell_panic(port: &'static str, ended: Result<(), JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        tracing::error!(port, "a handler panicked");
    }
}

/// How long no connection is asked for after one could not be had, so that the loop does not spin: usually there is no file
/// descriptor left, and every further attempt fails at once.
#[derive(Debug)]
struct Rest(Duration);

impl Default for Rest {
    fn default() -> Self {
        Self(Self::FIRST)
    }
}

impl Rest {
    const FIRST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(1);

    /// The rest after a failure, twice as long from one to the next. None where the failure is that of one connection, which
    /// is gone with it.
    fn after(&mut self, error: &io::Error) -> Option<Duration> {
        if matches!(
            error.kind(),
            io::ErrorKind::ConnectionRefused
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
        ) {
            return None;
        }
        let rest = self.0;
        self.0 = (rest * 2).min(Self::LONGEST);
        Some(rest)
    }

    fn is_over(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::Rest;

    #[test]
    fn who_gets_no_connection_rests_longer_and_longer() {
        let no_descriptor = io::Error::from_raw_os_error(24);
        let mut rest = Rest::default();
        let rests: Vec<_> = (0..8)
            .filter_map(|_| rest.after(&no_descriptor))
            .map(|rest| rest.as_millis())
            .collect();
        assert_eq!(rests, [50, 100, 200, 400, 800, 1_000, 1_000, 1_000]);
        let gone = io::Error::from(io::ErrorKind::ConnectionAborted);
        assert_eq!(rest.after(&gone), None);
        rest.is_over();
        assert_eq!(rest.after(&no_descriptor).map(|rest| rest.as_millis()), Some(50));
    }
}
