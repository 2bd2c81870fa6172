//! Measures the carriers' protocols without the mesh around them: codecs on one core, exchanges over loopback.

mod codec;
mod exchange;
mod floor;
mod peer;
mod protocols;
mod report;

use std::time::Duration;

use anyhow::Result;
use clap::Parser;

use protocols::{Cmpp, Protocol, Sgip, Smgp, Smpp};
use report::Report;

/// How long the slow gateway takes for each answer.
const LATENCY: Duration = Duration::from_millis(50);

/// Measures the carriers' protocols on this machine, now: PDUs decoded and encoded a second on one core and the
/// allocations of each; messages and answers a second over loopback TCP, beside a bare exchange of as many octets; and
/// how near a link comes to what a gateway's latency allows. Build with --release.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// How long each run takes, milliseconds. There are about eighty.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(50..=60_000))]
    run_ms: u64,
    /// JSON in place of the tables.
    #[arg(long)]
    json: bool,
}

#[allow(clippy::print_stdout, reason = "a program's answer")]
fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if cfg!(debug_assertions) {
        eprintln!("This is a debug build: its figures mean nothing. Use `make bench`.");
    }
    let run = Duration::from_millis(arguments.run_ms);
    let mut report = Report::default();
    measure::<Cmpp>(run, &mut report)?;
    measure::<Sgip>(run, &mut report)?;
    measure::<Smgp>(run, &mut report)?;
    measure::<Smpp>(run, &mut report)?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{}", report.tables());
    }
    Ok(())
}

fn measure<P: Protocol>(run: Duration, report: &mut Report) -> Result<()> {
    eprintln!("· {}: codec", P::NAME);
    report.codec.extend(codec::measure::<P>(run / 2)?);
    for (connections, window) in [(1, 16), (1, 32), (4, 16), (4, 32)] {
        eprintln!("· {}: {connections} × window {window}", P::NAME);
        report
            .exchanges
            .push(exchange::beside_floor::<P>(connections, window, run)?);
    }
    eprintln!(
        "· {}: a gateway that answers after {} ms",
        P::NAME,
        LATENCY.as_millis()
    );
    report.latency.extend(exchange::behind_latency::<P>(LATENCY)?);
    Ok(())
}
