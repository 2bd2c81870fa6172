//! The other end of a connection.

use std::net::SocketAddr;

use crate::spiffe::SpiffeId;

/// Who is calling. Stands in the extensions of every request that came over [`crate::incoming`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Proven by the peer's certificate.
    pub id: SpiffeId,
    /// Where the connection comes from.
    pub address: SocketAddr,
}
