//! The client's end.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tower::Service;

use crate::{credentials::Credentials, spiffe::SpiffeId};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// rustls wants a name; it is neither sent (SNI is off) nor checked (the SPIFFE id is).
const NO_NAME: &str = "spiffe.invalid";

/// Connects to servers of one SPIFFE id and to no other. For `tonic::transport::Endpoint::connect_with_connector_lazy`,
/// with an `http://host:port` address: TLS is this connector's part.
#[derive(Clone)]
pub struct Connector {
    credentials: Credentials,
    expected: SpiffeId,
}

impl Connector {
    /// Credentials are read anew for each connection, so that a rotation needs no new connector.
    pub fn new(credentials: Credentials, expected: SpiffeId) -> Self {
        Self {
            credentials,
            expected,
        }
    }

    /// TCP (TCP_NODELAY) and TLS together within 5 s.
    pub async fn connect(self, address: Uri) -> io::Result<TlsStream<TcpStream>> {
        let invalid = |reason: &str| io::Error::new(io::ErrorKind::InvalidInput, reason.to_owned());
        let host = address.host().ok_or_else(|| invalid("the address has no host"))?;
        let port = address
            .port_u16()
            .ok_or_else(|| invalid("the address has no port"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let config = self
            .credentials
            .client_config(self.expected)
            .map_err(io::Error::other)?;
        let name = ServerName::try_from(NO_NAME).map_err(io::Error::other)?;
        let connected = tokio::time::timeout(CONNECT_LIMIT, async {
            let stream = TcpStream::connect((host, port)).await?;
            stream.set_nodelay(true)?;
            TlsConnector::from(config).connect(name, stream).await
        });
        connected
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no connection within 5 s"))?
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.connect(address).await.map(TokioIo::new) })
    }
}
