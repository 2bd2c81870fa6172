//! Measures the record: one audit-svc of its own, driven from this process, against bare floors.

mod at_rest;
mod course;
mod events;
mod floor;
mod paced;
mod producer;
mod reading;
mod report;
mod room;
mod server;
mod sustained;

use std::{path::PathBuf, time::Duration};

use clap::Parser;

use course::Plan;

/// Measures the record on this machine, now: events accepted, published and indexed a second for as long as is said; how
/// long an append takes and how long its checkpoint; proofs, questions, verification and what lies on disk. Takes about
/// four minutes more than the sustained run. Build with --release.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// How long the sustained run takes, seconds.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Where the record is written; everything there is removed at the end. The system's directory for temporary files,
    /// if not said. Have 1.4 kB free there for each event:
    /// 30 GB for ten minutes at 30,000/s.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// The sustained run goes no faster than this, events a second. As fast as it can, if not said, and as the disk has
    /// room for.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    rate: Option<u32>,
    /// Producers of the sustained run.
    #[arg(long, default_value_t = 48, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    producers: u16,
    /// Events of one append in the sustained run.
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u16).range(1..=1_024))]
    batch: u16,
    /// JSON in place of the table.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "a program's answer")]
async fn main() -> anyhow::Result<()> {
    hongyan_identity::install_crypto_provider();
    let arguments = Arguments::parse();
    if cfg!(debug_assertions) {
        eprintln!("This is a debug build: its figures mean nothing. Use `make bench`.");
    }
    let plan = Plan {
        dir: arguments.dir.unwrap_or_else(std::env::temp_dir),
        sustained: Duration::from_secs(arguments.seconds),
        most_per_second: arguments.rate.map(f64::from),
        producers: usize::from(arguments.producers),
        batch: usize::from(arguments.batch),
    };
    let report = course::run(plan, |doing| eprintln!("{doing}")).await?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{}", report.table());
    }
    Ok(())
}
