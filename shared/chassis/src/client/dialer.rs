//! Opens channels.

use std::{sync::Arc, time::Duration};

use hongyan_identity::{Connector, Credentials, SpiffeId};
use tonic::transport::Endpoint;

use super::channel::{Channel, Peer};
use crate::methods::Methods;

/// A ping as often as this finds a peer that went away without a word …
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// … when it does not answer within this.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);
/// More connections to one address than any service needs; one carries some 50,000 calls a second.
const MOST_CONNECTIONS: usize = 64;

/// Opens channels to other services under this process's identity. Cheap to clone.
#[derive(Clone)]
pub struct Dialer {
    credentials: Credentials,
    methods: Arc<Methods>,
    default_deadline: Duration,
    max_deadline: Duration,
}

/// Why an address cannot be dialled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{address} is not an address such as dispatch.hongyan:8443")]
pub struct DialError {
    /// As it was given.
    pub address: String,
}

impl Dialer {
    /// For programs that are no services (an operator's tool, a test): no chassis around, the given deadline on every unary
    /// call.
    pub fn new(
        credentials: Credentials,
        descriptor_set: &[u8],
        deadline: Duration,
    ) -> Result<Self, prost::DecodeError> {
        let methods = Arc::new(Methods::read(descriptor_set)?);
        Ok(Self::with(credentials, methods, deadline, deadline))
    }

    pub(crate) fn with(
        credentials: Credentials,
        methods: Arc<Methods>,
        default_deadline: Duration,
        max_deadline: Duration,
    ) -> Self {
        Self {
            credentials,
            methods,
            default_deadline,
            max_deadline,
        }
    }

    /// A channel to `address` (`host:port`, with or without `http://`) over 1 to 64 connections, made when they are first
    /// needed and made again when they break. Only a server that proves to be `expected` is spoken to. Inside a runtime.
    pub fn channel(
        &self,
        address: &str,
        expected: &SpiffeId,
        connections: usize,
    ) -> Result<Channel, DialError> {
        let wrong = || DialError {
            address: address.to_owned(),
        };
        let authority: http::uri::Authority = address
            .strip_prefix("http://")
            .unwrap_or(address)
            .trim_end_matches('/')
            .parse()
            .map_err(|_| wrong())?;
        let port = authority.port_u16().ok_or_else(wrong)?;
        let endpoint = Endpoint::from_shared(format!("http://{authority}"))
            .map_err(|_| wrong())?
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .keep_alive_while_idle(true);
        let open = |_| {
            let connector = Connector::new(self.credentials.clone(), expected.clone());
            endpoint.connect_with_connector_lazy(connector)
        };
        let peer = Peer {
            host: authority.host().to_owned(),
            port,
            id: expected.clone(),
        };
        Ok(Channel::new(
            (0..connections.clamp(1, MOST_CONNECTIONS)).map(open).collect(),
            peer,
            self.methods.clone(),
            self.default_deadline,
            self.max_deadline,
        ))
    }
}
