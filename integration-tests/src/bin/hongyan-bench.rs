//! Measures the mesh against bare floors of the same shape, and prints the table.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, Subcommand};
use hongyan_integration_tests::bench::{floors, runner};

/// Measures the mesh against bare floors of the same shape, on this machine, now. Takes about twelve times the length
/// of a run, and starts. Build with --release.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// How long each run takes, seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The share of messages that are traced, 0 to 1.
    #[arg(long, default_value_t = 0.01)]
    sample_ratio: f64,
    /// JSON in place of the table.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// The floor's own server process.
    #[command(hide = true)]
    Echo {
        cert_file: PathBuf,
        key_file: PathBuf,
        roots_file: PathBuf,
        port_file: PathBuf,
    },
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "a program's answer")]
async fn main() -> anyhow::Result<()> {
    hongyan_identity::install_crypto_provider();
    let arguments = Arguments::parse();
    if let Some(Command::Echo {
        cert_file,
        key_file,
        roots_file,
        port_file,
    }) = arguments.command
    {
        return floors::run_echo(cert_file, key_file, roots_file, port_file).await;
    }
    if cfg!(debug_assertions) {
        eprintln!("This is a debug build: its figures mean nothing. Use `make bench`.");
    }
    let plan = runner::Plan {
        length: Duration::from_secs(arguments.seconds.max(1)),
        sample_ratio: arguments.sample_ratio.clamp(0.0, 1.0),
    };
    let report = runner::run(plan, |doing| eprintln!("· {doing}")).await?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{}", report.markdown());
    }
    Ok(())
}
