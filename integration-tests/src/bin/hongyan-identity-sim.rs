//! An identity upstream to try Hongyan against, without a carrier.

use std::{fs, net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result};
use clap::Parser;
use hongyan_integration_tests::identity_sim::{CODES, Config, IdentitySim, parse_people};
use hongyan_integration_tests::program::{Ending, exit_code, write_ports};

/// A carrier's real-name service: knows people, answers questions about them, charges, and misbehaves on demand.
///
/// Give --listen to verify-svc as `http://127.0.0.1:7895/v1/verify`. Ask and steer it over HTTP on --control:
///
///   curl http://127.0.0.1:7896/stats
///   curl -H 'content-type: application/json' http://127.0.0.1:7896/faults -d '{"next": 3, "http_status": 500}'
///
/// For made-up people only: the control has no login.
#[derive(Debug, Parser)]
#[command(version, verbatim_doc_comment)]
struct Options {
    /// Where questions are answered; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:7895")]
    listen: SocketAddr,
    /// Where the control answers (HTTP, JSON); port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:7896")]
    control: SocketAddr,
    /// Who is known: {"people": [{"phone": "…", "name": "…", "id_number": "…"}]}.
    #[arg(long, value_name = "FILE")]
    people: Option<PathBuf>,
    /// A file with the key that questions must bring in X-Api-Key; without it every question is taken.
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// Writes the addresses in use to this file as {"questions":"…","control":"…"}.
    #[arg(long, value_name = "FILE")]
    ports_file: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    exit_code("hongyan-identity-sim", run(Options::parse()).await)
}

async fn run(options: Options) -> Result<()> {
    let read =
        |path: &PathBuf| fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
    let people = match &options.people {
        None => Vec::new(),
        Some(path) => parse_people(&read(path)?).with_context(|| path.display().to_string())?,
    };
    let api_key = options.api_key_file.as_ref().map(read).transpose()?;
    let config = Config {
        listen: options.listen,
        control: options.control,
        people,
        api_key: api_key.map(|key| key.trim_end().to_owned()),
    };
    let mut ending = Ending::listen()?;
    let upstream = IdentitySim::start(config).await?;
    if let Some(path) = &options.ports_file {
        write_ports(
            path,
            [
                ("questions", upstream.addr()),
                ("control", upstream.control_addr()),
            ],
        )?;
    }
    eprintln!(
        "questions on {}, control on http://{}/stats; result codes: {}",
        upstream.url(),
        upstream.control_addr(),
        CODES.join(", ")
    );
    ending.told().await;
    let stats = upstream.stats();
    eprintln!("{} questions, {} charged", stats.asked, stats.charged);
    upstream.stop().await;
    Ok(())
}
