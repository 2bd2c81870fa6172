//! The octets' way to a carrier.

use std::io;

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

use crate::{connection::Why, link::LinkShared};

/// A connection's octets, over TCP or over TLS.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Connects to the link's gateway.
///
/// # Errors
///
/// [`Why::Connect`] and [`Why::ConnectTimeout`].
pub async fn connect(link: &LinkShared) -> Result<Box<dyn Stream>, Why> {
    let address = (link.link.host.as_str(), link.link.port);
    match timeout(link.tuning.connect_timeout, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => Ok(Box::new(prepared(stream).map_err(Why::Connect)?)),
        Ok(Err(error)) => Err(Why::Connect(error)),
        Err(_) => Err(Why::ConnectTimeout),
    }
}

/// A TCP connection that sends at once: else a small PDU waits for the peer's delayed acknowledgement.
///
/// # Errors
///
/// Where the connection is gone already.
pub fn prepared(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    Ok(stream)
}
