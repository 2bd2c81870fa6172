//! A carrier's gateway to try Hongyan, or any other client, against, without a carrier.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, ValueEnum};
use hongyan_integration_tests::gateway_sim::{
    Account, Config, ConnectionEvent, DeliverTo, GatewaySim, ProtocolChoice, ReceiptPlan, ReceiptTime,
    TlsFiles,
};
use hongyan_integration_tests::program::{Ending, exit_code, write_ports};
use tokio::sync::mpsc;

/// Lines that may wait to be printed; further ones are left out.
const MAX_EVENTS: usize = 1_000;

/// Examples under the options.
const EXAMPLES: &str = "\
Examples:
  hongyan-gateway-sim                                             CMPP 3.0 on 127.0.0.1:7890, account 900001:888888
  hongyan-gateway-sim --protocol smgp --listen 127.0.0.1:8890 --account 10000001:12345678
  hongyan-gateway-sim --protocol smpp --listen 127.0.0.1:2775 --account hongyan:secret01
  hongyan-gateway-sim --protocol sgip --listen 127.0.0.1:8801 --account sp:secret \\
    --deliver-to 127.0.0.1:8802 --deliver-login smg:secret

  curl http://127.0.0.1:7809/stats
  curl 'http://127.0.0.1:7809/messages?number=13800138000'
  curl 'http://127.0.0.1:7809/texts?number=13800138000'
  curl -H 'content-type: application/json' http://127.0.0.1:7809/uplink \\
    -d '{\"from\":\"13800138000\",\"to\":\"10690001\",\"text\":\"SBYE#card\"}'

  The next ten messages are answered with \"slow down\"; a tenth of those to one number gets no answer:
  curl -H 'content-type: application/json' http://127.0.0.1:7809/faults -d '{\"rules\":[
    {\"next\":10,\"then\":{\"result\":\"throttle\"}},
    {\"number\":\"13800138000\",\"fraction\":0.1,\"then\":{\"answer\":\"none\"}}]}'

  Receipts come before the answer, twice, with a status of choice, in the short form; {} ends all faults:
  curl -H 'content-type: application/json' http://127.0.0.1:7809/faults -d '{\"rules\":[
    {\"then\":{\"receipt\":{\"time\":\"early\",\"copies\":2,\"stat\":\"MA:0001\",\"form\":\"short\"}}}]}'

  Others: GET /seconds, /numbers/<number>; POST /faults/rules, /user-report, /listener, /drop, /terminate, /raw,
  /reset. README.md has the whole menu.";

/// A carrier's gateway: CMPP 2.0 and 3.0, SGIP 1.2, SMGP 1.3 and 3.0, SMPP 3.4. Takes messages, sends receipts and
/// uplinks, counts, and misbehaves on demand.
///
/// Connect a client to --listen with one of the accounts; ask and steer it over HTTP on --control.
///
/// For made-up numbers only: the control shows them and has no login.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
struct Options {
    /// What it speaks.
    #[arg(long, value_enum, default_value = "cmpp-3.0")]
    protocol: Protocol,
    /// Where clients connect; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:7890")]
    listen: SocketAddr,
    /// Where the control answers (HTTP, JSON); port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:7809")]
    control: SocketAddr,
    /// An account as `name:secret` or `name:secret:max_logins`; may be repeated. 900001:888888 unless given.
    #[arg(long = "account", value_name = "ACCOUNT")]
    accounts: Vec<String>,
    /// A file with an account a line, so that no secret stands on the command line. Empty lines and # are skipped.
    #[arg(long, value_name = "FILE")]
    accounts_file: Option<PathBuf>,
    /// SGIP: the client's listener, to which receipts and uplinks of every account are delivered.
    #[arg(long, value_name = "HOST:PORT", requires = "deliver_login")]
    deliver_to: Option<String>,
    /// SGIP: `name:password` that the gateway logs in with at the client's listener.
    #[arg(long, value_name = "LOGIN", requires = "deliver_to")]
    deliver_login: Option<String>,
    /// The gateway's code in the ids that it gives (CMPP, SMGP), its node id (SGIP).
    #[arg(long, default_value_t = 100_001, value_name = "N")]
    gateway_code: u32,
    /// CMPP: refuses a client that asks for a higher version (status 4) instead of answering in its own.
    #[arg(long)]
    refuse_higher_version: bool,
    /// SMPP: how receipts name the message; answers have hexadecimal ids.
    #[arg(long, value_enum, default_value = "same")]
    smpp_receipt_id: SmppReceiptId,
    /// SMPP: a certificate (PEM), so that clients connect by TLS.
    #[arg(long, value_name = "FILE", requires = "tls_key_file")]
    tls_cert_file: Option<PathBuf>,
    /// SMPP: its key (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert_file")]
    tls_key_file: Option<PathBuf>,
    /// SMPP: authorities (PEM) of the certificates that clients must show.
    #[arg(long, value_name = "FILE", requires = "tls_cert_file")]
    tls_client_roots_file: Option<PathBuf>,
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
    /// Does not print what happens to connections.
    #[arg(long)]
    quiet: bool,
    /// Writes the addresses in use to this file as {"carrier":"…","control":"…"}.
    #[arg(long, value_name = "FILE")]
    ports_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Protocol {
    #[value(name = "cmpp-3.0", aliases = ["cmpp", "3.0"])]
    Cmpp3,
    #[value(name = "cmpp-2.0", alias = "2.0")]
    Cmpp2,
    #[value(name = "sgip-1.2", alias = "sgip")]
    Sgip,
    #[value(name = "smgp-3.0", alias = "smgp")]
    Smgp3,
    #[value(name = "smgp-1.3")]
    Smgp1,
    #[value(name = "smpp-3.4", alias = "smpp")]
    Smpp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SmppReceiptId {
    /// As the answer had it.
    Same,
    /// In ten decimal digits.
    Decimal,
}

#[tokio::main]
async fn main() -> ExitCode {
    exit_code("hongyan-gateway-sim", run(Options::parse()).await)
}

async fn run(options: Options) -> Result<()> {
    let mut config = config(&options)?;
    if !options.quiet {
        let (events, told) = mpsc::channel(MAX_EVENTS);
        config.events = Some(events);
        tokio::spawn(print(told));
    }
    let mut ending = Ending::listen()?;
    let gateway = GatewaySim::start(config).await?;
    if let Some(path) = &options.ports_file {
        write_ports(
            path,
            [("carrier", gateway.addr()), ("control", gateway.control_addr())],
        )?;
    }
    eprintln!(
        "{} on {}, control on http://{}/stats",
        gateway.stats().protocol,
        gateway.addr(),
        gateway.control_addr()
    );
    ending.told().await;
    let stats = gateway.stats();
    eprintln!(
        "took {} messages, {} accepted; at most {} logins at once, at most {} messages within a second",
        stats.submits, stats.accepted, stats.logins.most_at_once, stats.peak_per_second
    );
    gateway.stop().await;
    Ok(())
}

/// Prints what happens to connections.
async fn print(mut events: mpsc::Receiver<ConnectionEvent>) {
    while let Some(ConnectionEvent { connection, what }) = events.recv().await {
        eprintln!("connection {connection}: {what}");
    }
}

fn config(options: &Options) -> Result<Config> {
    let defaults = Config::default();
    let mut accounts = accounts(options)?;
    if accounts.is_empty() {
        accounts = defaults.accounts;
    }
    if let (Some(address), Some(login)) = (&options.deliver_to, &options.deliver_login) {
        ensure!(
            options.protocol == Protocol::Sgip,
            "--deliver-to is for SGIP: in the others the client's connections are delivered to"
        );
        let to = DeliverTo::parse(address, login).context("--deliver-to")?;
        for account in &mut accounts {
            account.deliver_to = Some(to.clone());
        }
    }
    Ok(Config {
        protocol: protocol(options)?,
        listen: options.listen,
        control: options.control,
        accounts,
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
        gateway_code: options.gateway_code,
        ..defaults
    })
}

fn protocol(options: &Options) -> Result<ProtocolChoice> {
    let tls = match (&options.tls_cert_file, &options.tls_key_file) {
        (Some(cert_file), Some(key_file)) => Some(TlsFiles {
            cert_file: cert_file.clone(),
            key_file: key_file.clone(),
            client_roots_file: options.tls_client_roots_file.clone(),
        }),
        _ => None,
    };
    ensure!(
        tls.is_none() || options.protocol == Protocol::Smpp,
        "--tls-cert-file is for SMPP: the others are not encrypted by anybody"
    );
    let refuse_higher = options.refuse_higher_version;
    Ok(match options.protocol {
        Protocol::Cmpp3 => ProtocolChoice::Cmpp {
            three: true,
            refuse_higher,
        },
        Protocol::Cmpp2 => ProtocolChoice::Cmpp {
            three: false,
            refuse_higher,
        },
        Protocol::Sgip => ProtocolChoice::Sgip,
        Protocol::Smgp3 => ProtocolChoice::Smgp { three: true },
        Protocol::Smgp1 => ProtocolChoice::Smgp { three: false },
        Protocol::Smpp => ProtocolChoice::Smpp {
            decimal_receipts: options.smpp_receipt_id == SmppReceiptId::Decimal,
            tls,
        },
    })
}

fn accounts(options: &Options) -> Result<Vec<Account>> {
    let mut lines = options.accounts.clone();
    if let Some(path) = &options.accounts_file {
        let file =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        lines.extend(file.lines().map(str::to_owned));
    }
    lines
        .iter()
        .map(|line| line.trim())
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(Account::parse)
        .collect()
}
