//! The server's end: TCP, TLS and the peer's identity, before HTTP sees an octet.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

use crate::{credentials::Credentials, peer::Peer, verifier::spiffe_id};

/// A client that has not finished its handshake by then is cut off.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);
/// Handshakes at once; further clients wait in the kernel's backlog.
const HANDSHAKES_AT_ONCE: usize = 256;
/// After a failed accept (usually: no file descriptor left) the loop rests, so that it does not spin.
const REST_AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(50);

/// A connection whose peer is known.
pub struct TlsConn {
    stream: TlsStream<TcpStream>,
    peer: Peer,
}

/// Accepts connections until the token is cancelled: TCP_NODELAY, handshake within 5 s, at most 256 handshakes at once.
/// A refused client sees no more than a closed connection; the reason is logged and counted here, on the server.
pub fn incoming(
    listener: TcpListener,
    credentials: Credentials,
    shutdown: CancellationToken,
) -> ReceiverStream<io::Result<TlsConn>> {
    let (ready, connections) = mpsc::channel(64);
    tokio::spawn(accept_loop(listener, credentials, shutdown, ready));
    ReceiverStream::new(connections)
}

async fn accept_loop(
    listener: TcpListener,
    credentials: Credentials,
    shutdown: CancellationToken,
    ready: mpsc::Sender<io::Result<TlsConn>>,
) {
    let places = Arc::new(Semaphore::new(HANDSHAKES_AT_ONCE));
    loop {
        let Some(Ok(place)) = shutdown.run_until_cancelled(places.clone().acquire_owned()).await else {
            return;
        };
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            () = ready.closed() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                let (credentials, ready) = (credentials.clone(), ready.clone());
                tokio::spawn(async move {
                    let _place = place;
                    match handshake(stream, address, &credentials).await {
                        // The receiver is gone only when the server has stopped; the connection closes with it.
                        Ok(connection) => drop(ready.send(Ok(connection)).await),
                        Err(reason) => {
                            metrics::counter!("hongyan_tls_refused_total").increment(1);
                            tracing::warn!(peer = %address, %reason, "a connection was refused");
                        }
                    }
                });
            }
            Err(error) => {
                metrics::counter!("hongyan_accept_failures_total").increment(1);
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(REST_AFTER_FAILED_ACCEPT).await;
            }
        }
    }
}

async fn handshake(
    stream: TcpStream,
    address: SocketAddr,
    credentials: &Credentials,
) -> Result<TlsConn, String> {
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let acceptor = TlsAcceptor::from(credentials.server_config());
    let stream = tokio::time::timeout(HANDSHAKE_LIMIT, acceptor.accept(stream))
        .await
        .map_err(|_| "no handshake within 5 s".to_owned())?
        .map_err(|error| error.to_string())?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let certificate = certificate.ok_or_else(|| "no client certificate".to_owned())?;
    let id = spiffe_id(certificate).map_err(|error| error.to_string())?;
    Ok(TlsConn {
        stream,
        peer: Peer { id, address },
    })
}

impl Connected for TlsConn {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for TlsConn {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for TlsConn {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, octets)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
