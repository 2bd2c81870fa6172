//! The business's own program behind the uplink router: `UplinkHandlerService` over mutual TLS with made-up balances, and
//! faults on demand.
//!
//! * A question's field `card` finds a card; its parameters are the answer, together with `card_tail`, the card's last
//!   four characters. An unknown card is NOT_FOUND. A card with a password wants the field `password` to be it.
//! * Only the uplink router may ask.
//! * The control port (HTTP, loopback) tells what was asked and sets faults; see [`control`].
//!
//! It is a program too: `hongyan-handler-sim`.

mod balances;
pub mod control;
mod desk;
mod faults;
mod service;
#[cfg(test)]
mod tests;

use std::{future::Future, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, anyhow};
use hongyan_identity::{Credentials, IdentitySettings, incoming, install_crypto_provider};
use hongyan_proto::uplink::v1::uplink_handler_service_server::UplinkHandlerServiceServer;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

pub use balances::{Balances, Card};
pub use desk::{Asked, Stats};
pub use faults::Faults;

use desk::Desk;
use service::HandlerRpc;

/// How long calls at work may still take when the simulator stops.
const DRAIN: Duration = Duration::from_millis(500);

/// Where to listen, who to be, what to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// For gRPC; port 0 takes a free one.
    pub listen: SocketAddr,
    /// For the control port; port 0 takes a free one.
    pub control: SocketAddr,
    /// Certificate chain, PEM.
    pub cert_file: PathBuf,
    /// Private key, PEM.
    pub key_file: PathBuf,
    /// Who vouches for the router, PEM.
    pub roots_file: PathBuf,
    /// The mesh's trust domain.
    pub trust_domain: String,
    /// The cards.
    pub balances: Balances,
}

/// A running simulator; stops when dropped.
pub struct HandlerSim {
    grpc: SocketAddr,
    control: SocketAddr,
    desk: Arc<Desk>,
    shutdown: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl HandlerSim {
    /// Starts it; both ports are open when this returns.
    pub async fn start(config: Config) -> Result<Self> {
        install_crypto_provider();
        let credentials = Credentials::load(&IdentitySettings {
            cert_file: config.cert_file,
            key_file: config.key_file,
            roots_file: config.roots_file,
            trust_domain: config.trust_domain,
            method_table_file: None,
            reload_interval: Duration::from_secs(1),
        })
        .await
        // The error's own text holds its cause; a chain would tell it twice.
        .map_err(|error| anyhow!("{error}"))?;
        let grpc = listen(config.listen).await?;
        let control = listen(config.control).await?;
        let shutdown = CancellationToken::new();
        let desk = Arc::new(Desk::new(config.balances));
        let mut sim = Self {
            grpc: grpc.local_addr()?,
            control: control.local_addr()?,
            desk: Arc::clone(&desk),
            shutdown: shutdown.clone(),
            tasks: Vec::new(),
        };
        let ended = shutdown.clone().cancelled_owned();
        let serving = Server::builder()
            .add_service(UplinkHandlerServiceServer::new(HandlerRpc::new(Arc::clone(
                &desk,
            ))))
            .serve_with_incoming_shutdown(incoming(grpc, credentials.clone(), shutdown.clone()), ended);
        sim.spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the handler simulator stopped serving");
            }
        });
        sim.spawn(control::serve(desk, control, shutdown.clone()));
        sim.spawn(credentials.keep_fresh(shutdown));
        Ok(sim)
    }

    /// Where the router finds it.
    pub fn grpc(&self) -> SocketAddr {
        self.grpc
    }

    /// Where its control port is.
    pub fn control(&self) -> SocketAddr {
        self.control
    }

    /// What was asked.
    pub fn stats(&self) -> Stats {
        self.desk.stats()
    }

    /// Sets faults in place of those before.
    pub fn set_faults(&self, faults: Faults) {
        self.desk.set_faults(faults);
    }

    /// Forgets what was asked, and all faults.
    pub fn reset(&self) {
        self.desk.reset();
    }

    /// Stops it and waits a little for calls at work.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        let tasks = std::mem::take(&mut self.tasks);
        let ended = futures_util::future::join_all(tasks);
        let _ = tokio::time::timeout(DRAIN, ended).await;
    }

    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.push(tokio::spawn(task));
    }
}

impl Drop for HandlerSim {
    fn drop(&mut self) {
        self.shutdown.cancel();
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("cannot listen on {address}"))
}
