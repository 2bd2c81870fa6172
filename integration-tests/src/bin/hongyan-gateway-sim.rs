//! A carrier's gateway to try Hongyan against, without a carrier.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};
use hongyan_carrier_wire::cmpp::Version;
use hongyan_carrier_wire::cmpp::session::server::HigherVersion;
use hongyan_integration_tests::gateway_sim::{Account, Config, GatewaySim, ReceiptPlan, ReceiptTime};
use hongyan_integration_tests::program::{Ending, exit_code, write_ports};

/// Examples under the options.
const EXAMPLES: &str = "\
Examples:
  curl http://127.0.0.1:7891/stats
  curl 'http://127.0.0.1:7891/messages?number=13800138000'
  curl 'http://127.0.0.1:7891/texts?number=13800138000'
  curl -H 'content-type: application/json' http://127.0.0.1:7891/uplink \\
    -d '{\"from\":\"13800138000\",\"to\":\"10690001\",\"text\":\"SBYE#card\"}'

  The next ten messages are answered with 8 (slow down); a tenth of those to one number gets no answer:
  curl -H 'content-type: application/json' http://127.0.0.1:7891/faults -d '{\"rules\":[
    {\"next\":10,\"then\":{\"result\":8}},
    {\"number\":\"13800138000\",\"fraction\":0.1,\"then\":{\"answer\":\"none\"}}]}'

  Receipts come before the answer, twice, with a status of choice, in the short form; {} ends all faults:
  curl -H 'content-type: application/json' http://127.0.0.1:7891/faults -d '{\"rules\":[
    {\"then\":{\"receipt\":{\"time\":\"early\",\"copies\":2,\"stat\":\"MA:0001\",\"form\":\"short\"}}}]}'

  Others: GET /seconds, /numbers/<number>; POST /faults/rules, /drop, /terminate, /raw, /reset";

/// A carrier's gateway (ISMG) that speaks CMPP 2.0 and 3.0: takes messages, sends receipts and uplinks, counts, and
/// misbehaves on demand.
///
/// Connect a carrier link to --listen with one of the accounts; ask and steer it over HTTP on --control.
///
/// For made-up numbers only: the control shows them and has no login.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
struct Options {
    /// Where carrier links connect; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:7890")]
    listen: SocketAddr,
    /// Where the control answers (HTTP, JSON); port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:7891")]
    control: SocketAddr,
    /// An account as `sp_id:secret` or `sp_id:secret:max_logins`; may be repeated. 900001:888888 unless given.
    #[arg(long = "account", value_name = "ACCOUNT")]
    accounts: Vec<String>,
    /// A file with an account a line, so that no secret stands on the command line. Empty lines and # are skipped.
    #[arg(long, value_name = "FILE")]
    accounts_file: Option<PathBuf>,
    /// Highest version spoken.
    #[arg(long, value_enum, default_value = "3.0")]
    protocol: Protocol,
    /// Refuses a client that asks for a higher version (status 4) instead of answering in its own.
    #[arg(long)]
    refuse_higher_version: bool,
    /// Milliseconds from the answer to the receipt.
    #[arg(long, default_value_t = 100, value_name = "MS")]
    receipt_delay_ms: u64,
    /// The status that receipts carry.
    #[arg(long, default_value = "DELIVRD", value_name = "STAT")]
    receipt_stat: String,
    /// Sends no receipts.
    #[arg(long)]
    no_receipts: bool,
    /// Messages remembered; the oldest are forgotten first.
    #[arg(long, default_value_t = 1_000_000, value_name = "N")]
    keep_messages: usize,
    /// Of how many of them the text is kept as well.
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    keep_texts: usize,
    /// Writes the addresses in use to this file as {"carrier":"…","control":"…"}.
    #[arg(long, value_name = "FILE")]
    ports_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Protocol {
    #[value(name = "2.0")]
    V2,
    #[value(name = "3.0")]
    V3,
}

#[tokio::main]
async fn main() -> ExitCode {
    exit_code("hongyan-gateway-sim", run(Options::parse()).await)
}

async fn run(options: Options) -> Result<()> {
    let config = config(&options)?;
    let mut ending = Ending::listen()?;
    let gateway = GatewaySim::start(config).await?;
    if let Some(path) = &options.ports_file {
        write_ports(
            path,
            [("carrier", gateway.addr()), ("control", gateway.control_addr())],
        )?;
    }
    eprintln!(
        "CMPP on {}, control on http://{}/stats",
        gateway.addr(),
        gateway.control_addr()
    );
    ending.told().await;
    let stats = gateway.stats();
    eprintln!("took {} messages, {} accepted", stats.submits, stats.accepted);
    gateway.stop().await;
    Ok(())
}

fn config(options: &Options) -> Result<Config> {
    let mut lines = options.accounts.clone();
    if let Some(path) = &options.accounts_file {
        let file =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        lines.extend(file.lines().map(str::to_owned));
    }
    let accounts: Vec<Account> = lines
        .iter()
        .map(|line| line.trim())
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(Account::parse)
        .collect::<Result<_>>()?;
    let defaults = Config::default();
    Ok(Config {
        listen: options.listen,
        control: options.control,
        accounts: if accounts.is_empty() {
            defaults.accounts
        } else {
            accounts
        },
        max_version: match options.protocol {
            Protocol::V2 => Version::V2,
            Protocol::V3 => Version::V3,
        },
        on_higher_version: if options.refuse_higher_version {
            HigherVersion::Refuse
        } else {
            HigherVersion::AnswerOwn
        },
        receipt: ReceiptPlan {
            time: if options.no_receipts {
                ReceiptTime::Never
            } else {
                ReceiptTime::Later
            },
            delay_ms: options.receipt_delay_ms,
            stat: options.receipt_stat.clone(),
            ..ReceiptPlan::default()
        },
        keep_messages: options.keep_messages,
        keep_texts: options.keep_texts,
        ..defaults
    })
}
