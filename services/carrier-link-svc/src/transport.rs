//! The octets' way to a carrier.

use std::io;

use hongyan_catalog::{Protocol, Tls};
use hongyan_identity::OutsideServer;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

use crate::{connection::Why, link::LinkShared};

/// A connection's octets, over TCP or over TLS.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Connects to the link's gateway, by TLS where the link is declared so; both together within the time for a
/// connection.
///
/// # Errors
///
/// [`Why::Connect`], [`Why::Tls`] and [`Why::ConnectTimeout`].
pub async fn connect(link: &LinkShared) -> Result<Box<dyn Stream>, Why> {
    let connected = timeout(link.tuning.connect_timeout, async {
        let address = (link.link.host.as_str(), link.link.port);
        let stream = TcpStream::connect(address).await.map_err(Why::Connect)?;
        let stream = prepared(stream).map_err(Why::Connect)?;
        let Some(tls) = tls(&link.link.protocol) else {
            return Ok(Box::new(stream) as Box<dyn Stream>);
        };
        // The files are read here, so that they may be replaced while the process runs.
        let server = OutsideServer {
            roots_file: tls.roots_file.clone(),
            name: tls.server_name.clone(),
            client: tls.client.clone(),
        };
        Ok(Box::new(server.connect(stream).await?) as Box<dyn Stream>)
    });
    connected.await.unwrap_or(Err(Why::ConnectTimeout))
}

/// The only protocol whose carriers offer it is SMPP.
const fn tls(protocol: &Protocol) -> Option<&Tls> {
    match protocol {
        Protocol::Smpp(smpp) => smpp.tls.as_ref(),
        Protocol::Cmpp(_) | Protocol::Sgip(_) | Protocol::Smgp(_) => None,
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
