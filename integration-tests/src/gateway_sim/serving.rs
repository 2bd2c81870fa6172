//! What runs: the listener, and in SGIP the caller.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::carrier::Carrier;
use super::config::{Config, ProtocolChoice};
use super::connection::{self, Begin};
use super::hub::{Hub, lock};
use super::protocol::{Cmpp, Protocol, Sgip, Smgp, Smpp};
use super::{caller, tls};

/// The most connections at once, logged in or not.
const MAX_CONNECTIONS: usize = 1_000;
/// How long a client may take to agree on encryption.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the end waits for connections.
pub(super) const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// Starts what the protocol needs.
pub(super) fn start(
    config: Config,
    listener: TcpListener,
    shutdown: &CancellationToken,
) -> Result<(Arc<Hub>, Vec<JoinHandle<()>>)> {
    let code = config.gateway_code;
    Ok(match config.protocol.clone() {
        ProtocolChoice::Cmpp { three, refuse_higher } => listen(
            config,
            Cmpp::new(three, refuse_higher, code),
            listener,
            None,
            shutdown,
        ),
        ProtocolChoice::Smgp { three } => listen(config, Smgp::new(three, code), listener, None, shutdown),
        ProtocolChoice::Smpp {
            decimal_receipts,
            tls,
        } => {
            let tls = tls.as_ref().map(tls::acceptor).transpose()?;
            listen(config, Smpp::new(decimal_receipts), listener, tls, shutdown)
        }
        ProtocolChoice::Sgip => {
            let gateway = Sgip::new(code);
            let (hub, mut tasks) = listen(config, gateway, listener, None, shutdown);
            for account in &hub.accounts {
                let calling = caller::call(Arc::clone(&hub), gateway, Arc::clone(account), shutdown.clone());
                tasks.push(tokio::spawn(calling));
            }
            (hub, tasks)
        }
    })
}

fn listen<P: Protocol + Carrier>(
    config: Config,
    protocol: P,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    shutdown: &CancellationToken,
) -> (Arc<Hub>, Vec<JoinHandle<()>>) {
    let protocol = Arc::new(protocol);
    let hub = hub(config, &protocol);
    let door = Door {
        hub: Arc::clone(&hub),
        protocol,
        tls,
        shutdown: shutdown.clone(),
    };
    (hub, vec![tokio::spawn(accept(door, listener))])
}

fn hub<C: Carrier + 'static>(config: Config, carrier: &Arc<C>) -> Arc<Hub> {
    let carrier: Arc<dyn Carrier> = Arc::<C>::clone(carrier);
    Arc::new(Hub::new(config, carrier))
}

/// What every connection that is accepted needs.
struct Door<P> {
    hub: Arc<Hub>,
    protocol: Arc<P>,
    tls: Option<TlsAcceptor>,
    shutdown: CancellationToken,
}

impl<P> Clone for Door<P> {
    fn clone(&self) -> Self {
        Self {
            hub: Arc::clone(&self.hub),
            protocol: Arc::clone(&self.protocol),
            tls: self.tls.clone(),
            shutdown: self.shutdown.clone(),
        }
    }
}

async fn accept<P: Protocol>(door: Door<P>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = door.shutdown.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(door.clone(), stream));
                }
                // Out of descriptors, or the client was gone already: neither is helped by turning at full speed.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(STOP_TIMEOUT / 2, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
    connections.shutdown().await;
}

async fn serve<P: Protocol>(door: Door<P>, stream: TcpStream) {
    // Without it a client's window of answers waits for its delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let peer = stream
        .peer_addr()
        .map(|peer| peer.to_string())
        .unwrap_or_default();
    let effects = lock(&door.hub.faults).connect(rand::random::<f64>);
    let begin = Begin {
        hub: Arc::clone(&door.hub),
        protocol: door.protocol,
        peer: peer.clone(),
        effects,
        calls: None,
    };
    match door.tls {
        None => {
            connection::serve(begin, stream, door.shutdown).await;
        }
        Some(tls) => match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
            Ok(Ok(stream)) => {
                connection::serve(begin, stream, door.shutdown).await;
            }
            failed => {
                let (id, _) = door.hub.register(peer, false);
                let why = match failed {
                    Ok(Err(error)) => format!("TLS: {error}"),
                    _ => "TLS: no handshake in time".to_owned(),
                };
                door.hub.unregister(id, why);
            }
        },
    }
}
