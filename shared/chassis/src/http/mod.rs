//! HTTP/1 in plaintext for whoever comes, nobody of whom is trusted: read-only routes, and a limit on everything that a peer
//! can make the process hold or wait for. The admin port is served so, and what a service shows to outsiders.
//!
//! | what a peer may try | what ends it |
//! |---|---|
//! | many connections | [`HttpLimits::connections`], and [`HttpLimits::connections_per_address`] from one address |
//! | a head that never ends, or no head | [`HttpLimits::patience`] and [`HttpLimits::head_octets`] |
//! | an answer that is not taken | [`HttpLimits::patience`]; what is left of it is thrown away, by the kernel as well |
//! | a kept connection, used or not | [`HttpLimits::patience`] between requests, [`HttpLimits::lifetime`] over all of them |
//! | methods that write, bodies, upgrades | `GET` and `HEAD` are answered, everything else is 405; no body is read |
//! | a connection that outlasts the process | [`HttpLimits::end`] |
//!
//! A connection above a limit is taken from the kernel and closed at once, instead of being left in the backlog: only who is
//! taken has an address, so that one address which waits above its own limit does not stand in everybody's way; who is refused
//! knows it now, and tries again; and it shows in a metric. Of an answer a connection holds one at a time, in one piece, so that
//! memory is at most `connections` times the largest answer.

mod accept;
mod connection;
mod limits;
mod places;
mod taken;
#[cfg(test)]
mod tests;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use limits::HttpLimits;

/// Serves the routes until `end` is cancelled and the last connection has ended, which takes [`HttpLimits::end`] at most.
///
/// `port` is the label of the metrics: `hongyan_http_connections` (open now), `hongyan_http_refused_total` (by `why`: `full`,
/// `address`), `hongyan_http_requests_total` (by `status`: its first digit, as in `2xx`) and `hongyan_http_cut_total` (by `why`:
/// `unread`, `no_request`, `malformed`, `lifetime`, `end`). Routes answer in one piece; see [`HttpLimits::patience`].
pub async fn serve_http(
    listener: TcpListener,
    port: &'static str,
    routes: Router,
    limits: HttpLimits,
    end: CancellationToken,
) {
    accept::run(listener, port, routes, limits, end).await;
}
