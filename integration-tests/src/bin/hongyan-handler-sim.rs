//! A business's handler of uplinks, made up: balances from a file, faults on demand.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::Parser;
use hongyan_integration_tests::handler_sim::{Balances, Config, HandlerSim};
use hongyan_integration_tests::program::{Ending, exit_code, write_ports};

/// Answers `HandleUplink` over mutual TLS from made-up balances, for trying the uplink router without a business.
#[derive(Debug, Parser)]
struct Options {
    /// Where the router asks (gRPC over mutual TLS).
    #[arg(long, default_value = "127.0.0.1:8601")]
    listen: SocketAddr,
    /// Where to see what was asked and to set faults: /healthz, /stats, /faults, /reset.
    #[arg(long, default_value = "127.0.0.1:8602")]
    control: SocketAddr,
    /// Certificate chain with this handler's SPIFFE id, PEM.
    #[arg(long)]
    cert_file: PathBuf,
    /// Its private key, PEM.
    #[arg(long)]
    key_file: PathBuf,
    /// Who vouches for the router, PEM.
    #[arg(long)]
    roots_file: PathBuf,
    /// The mesh's trust domain.
    #[arg(long)]
    trust_domain: String,
    /// Cards with their answers, YAML: `cards: {"62220202": {balance: "12.50"}}`.
    #[arg(long)]
    balances: Option<PathBuf>,
    /// One card more; may be given again.
    #[arg(long = "balance", value_name = "CARD=AMOUNT")]
    more: Vec<String>,
    /// Where to write the addresses in use: {"grpc": "127.0.0.1:…", "control": "127.0.0.1:…"}.
    #[arg(long)]
    ports_file: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    exit_code("hongyan-handler-sim", run(Options::parse()).await)
}

async fn run(options: Options) -> Result<()> {
    let mut balances = options
        .balances
        .as_deref()
        .map_or_else(|| Ok(Balances::default()), Balances::load)?;
    for flag in &options.more {
        balances.add_flag(flag)?;
    }
    let mut ending = Ending::listen()?;
    let sim = HandlerSim::start(Config {
        listen: options.listen,
        control: options.control,
        cert_file: options.cert_file,
        key_file: options.key_file,
        roots_file: options.roots_file,
        trust_domain: options.trust_domain,
        balances,
    })
    .await?;
    if let Some(file) = &options.ports_file {
        write_ports(file, [("grpc", sim.grpc()), ("control", sim.control())])?;
    }
    eprintln!(
        "answering on {}, control on http://{}/stats",
        sim.grpc(),
        sim.control()
    );
    ending.told().await;
    sim.stop().await;
    Ok(())
}
