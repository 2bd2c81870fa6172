//! Where China Unicom's gateway connects to us, to deliver receipts and uplinks.
//!
//! Each replica listens for itself. A connection is worked as any other (see [`crate::connection`]): what it delivers is
//! stored before it is answered, by a line of its own that never sends. Who connects has so long to log in, and there are
//! no more connections than the limit: what comes beyond is closed at once.

mod numbers;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use hongyan_carrier_wire::session::CloseReason;
use hongyan_catalog::Sgip;
use hongyan_queue::Backoff;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use self::numbers::{Number, Numbers};
use crate::{
    board::Phase,
    connection::{self, Ended, Why},
    line::Line,
    link::LinkShared,
    protocol::{self, Direction},
    runner::Failed,
    transport,
};

/// Connections of the gateway have numbers from here on, above those of any connection that we make.
const FIRST_NUMBER: u16 = 1_000;
/// The listener itself, where it has something to say.
const LISTENER: u16 = FIRST_NUMBER - 1;
/// The document speaks of 15 between gateways, and leaves it open between a gateway and us.
const MOST_CONNECTIONS: u16 = 32;
/// From the TCP connection to the login.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// While the port cannot be had, or no connection accepted.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Listens until told to end, then ends the gateway's connections in order.
///
/// # Errors
///
/// [`Failed`] when what a connection delivered cannot be stored any more.
pub async fn run(link: Arc<LinkShared>, settings: Sgip, shutdown: CancellationToken) -> Result<(), Failed> {
    let mut connections = JoinSet::new();
    let numbers = Numbers::new(FIRST_NUMBER, MOST_CONNECTIONS);
    let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    let mut outcome = Ok(());
    while outcome.is_ok() && !shutdown.is_cancelled() {
        let listening = listen(&link, settings.listen, &mut backoff);
        let Some(listener) = shutdown.run_until_cancelled(listening).await else {
            break;
        };
        outcome = accept(&link, &settings, &listener, &numbers, &mut connections, &shutdown).await;
    }
    link.board.leave(LISTENER);
    // Ends: each connection has heard of the shutdown, and the hard stop ends what does not.
    shutdown.cancel();
    while let Some(ended) = connections.join_next().await {
        outcome = outcome.and(ended.map_err(Failed::from).flatten());
    }
    outcome
}

/// Tries until the port is ours: a link that was changed has it for the length of a drain yet.
async fn listen(link: &LinkShared, address: SocketAddr, backoff: &mut Backoff) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => {
                backoff.reset();
                link.board.leave(LISTENER);
                tracing::info!(link = link.name(), %address, "listening for the gateway");
                return listener;
            }
            Err(error) => {
                tracing::warn!(link = link.name(), %address, %error, "cannot listen for the gateway");
                link.board.enter(LISTENER, Phase::Connecting);
                link.board.direction(LISTENER, Direction::Receive);
                link.board.failed(
                    LISTENER,
                    "listen",
                    &format!("cannot listen at {address}: {error}"),
                );
                tokio::time::sleep(backoff.next_wait()).await;
            }
        }
    }
}

/// Accepts until told to end, or until the listener is of no use.
async fn accept(
    link: &Arc<LinkShared>,
    settings: &Sgip,
    listener: &TcpListener,
    numbers: &Numbers,
    connections: &mut JoinSet<Result<(), Failed>>,
    shutdown: &CancellationToken,
) -> Result<(), Failed> {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            Some(ended) = connections.join_next() => ended.map_err(Failed::from).flatten()?,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => match numbers.take() {
                    Some(number) => {
                        let work = work(Arc::clone(link), settings.clone(), number, stream, shutdown.clone());
                        connections.spawn(work);
                    }
                    None => refused(link, "too many connections"),
                },
                Err(error) if is_of_one_connection(&error) => refused(link, "lost before it was accepted"),
                Err(error) => {
                    tracing::warn!(link = link.name(), %error, "the gateway's connections are not accepted");
                    tokio::time::sleep(FIRST_WAIT).await;
                    return Ok(());
                }
            },
        }
    }
}

/// What says nothing about the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

fn refused(link: &LinkShared, why: &'static str) {
    metrics::counter!(
        "hongyan_link_inbound_refused_total", "link" => link.name().to_owned(), "why" => why
    )
    .increment(1);
    tracing::warn!(
        link = link.name(),
        why,
        "a connection to the listener was refused"
    );
}

/// One connection of the gateway, from its acceptance to its end.
async fn work(
    link: Arc<LinkShared>,
    settings: Sgip,
    number: Number,
    stream: TcpStream,
    shutdown: CancellationToken,
) -> Result<(), Failed> {
    let handshake_ms = u64::try_from(HANDSHAKE.as_millis()).unwrap_or(u64::MAX);
    let talk = match protocol::accept_sgip(&link, &settings, handshake_ms) {
        Ok(talk) => talk,
        Err(why) => {
            tracing::error!(link = link.name(), %why, "nobody can log in to the listener");
            refused(&link, "misconfigured");
            return Ok(());
        }
    };
    let Ok(stream) = transport::prepared(stream) else {
        return Ok(());
    };
    let slot = number.get();
    let mut traffic = Line::new(Arc::clone(&link), slot);
    // Nobody else can have it.
    let never = CancellationToken::new();
    let ended = connection::serve(
        &link,
        &mut traffic,
        slot,
        talk,
        Box::new(stream),
        &never,
        &shutdown,
    )
    .await;
    tell(&link, slot, &ended);
    traffic.settle().await;
    link.board.leave(slot);
    if traffic.is_unrecorded() && !link.hard_stop.is_cancelled() {
        return Err(Failed::Unrecorded);
    }
    Ok(())
}

fn tell(link: &LinkShared, slot: u16, ended: &Ended) {
    let why = ended.why.to_string();
    if is_in_order(ended) {
        tracing::info!(link = link.name(), slot, why, "the gateway's connection ended");
        return;
    }
    if !ended.was_ready {
        metrics::counter!(
            "hongyan_link_inbound_refused_total", "link" => link.name().to_owned(), "why" => "not logged in"
        )
        .increment(1);
    }
    link.board.failed(slot, ended.why.kind(), &why);
    tracing::warn!(
        link = link.name(),
        slot,
        why,
        was_ready = ended.was_ready,
        "the gateway's connection ended"
    );
}

/// The gateway connects when it has something to deliver and goes when it has not: that is how it should be.
fn is_in_order(ended: &Ended) -> bool {
    ended.was_ready
        && matches!(
            ended.why,
            Why::ToldToEnd
                | Why::Session(
                    CloseReason::Idle
                        | CloseReason::PeerTerminated
                        | CloseReason::Terminated
                        | CloseReason::TerminateTimeout
                )
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(was_ready: bool, reason: CloseReason) -> Ended {
        Ended {
            was_ready,
            why: Why::Session(reason),
        }
    }

    #[test]
    fn a_gateway_that_goes_when_it_is_done_is_no_failure() {
        for reason in [CloseReason::Idle, CloseReason::PeerTerminated] {
            assert!(is_in_order(&ended(true, reason)));
            assert!(!is_in_order(&ended(false, reason)));
        }
        assert!(!is_in_order(&ended(true, CloseReason::ConnectionLost)));
        assert!(!is_in_order(&ended(false, CloseReason::LoginTimeout)));
    }
}
