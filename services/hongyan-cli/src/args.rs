//! The command line.

use std::{path::PathBuf, str::FromStr};

use clap::{Args, Parser, Subcommand, ValueEnum};
use hongyan_tlog::key::Verifier;
use time::UtcOffset;

use crate::{exit::HELP, when};

/// The heading of what every command takes.
const EVERYWHERE: &str = "Options of every command";

/// Hongyan's operator tool: verify, send, follow one message, question the record, see the links and queues.
#[derive(Debug, Parser)]
#[command(name = "hongyan", version, after_help = HELP, max_term_width = 100)]
pub(crate) struct Cli {
    /// The settings: addresses of the services, files of the own identity (YAML)
    #[arg(long, value_name = "FILE", global = true, help_heading = EVERYWHERE, env = "HONGYAN_CLI_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Answer with one JSON object whose field names do not change
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,
    /// Show times at this offset from UTC
    #[arg(long, global = true, help_heading = EVERYWHERE, default_value = "+08:00", allow_hyphen_values = true, value_parser = when::parse_offset)]
    pub(crate) utc_offset: UtcOffset,
    /// Lay tables out for so many columns; by default as wide as the terminal, without limit into a file or pipe
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(40..))]
    pub(crate) width: Option<u16>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask whether a phone number, a name and an id number belong together (this costs money)
    Verify(Verify),
    /// Send one message
    Send(Box<Send>),
    /// About one message
    #[command(subcommand)]
    Message(Message),
    /// Question the record
    #[command(subcommand)]
    Audit(Audit),
    /// Links and their connections, queues and the age of their oldest entry, rates
    Status,
}

/// The tenant is the one of the identity in the settings: use a caller's, an operator has none.
///
/// A person's data stands in the list of processes and in the shell's history when it is an argument: prefer --stdin.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Read {"phone": …, "name": …, "id_number": …} from standard input
    #[arg(long, conflicts_with_all = ["phone", "name", "id_number"])]
    pub(crate) stdin: bool,
    /// The mobile number
    #[arg(long, required_unless_present = "stdin")]
    pub(crate) phone: Option<String>,
    /// The name, if it is to be compared
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The id number, if it is to be compared
    #[arg(long)]
    pub(crate) id_number: Option<String>,
    /// The record of the person's consent
    #[arg(long)]
    pub(crate) consent: String,
    /// Why the data is processed
    #[arg(long)]
    pub(crate) purpose: String,
    /// Give the same id again to get the same answer without being charged again
    #[arg(long)]
    pub(crate) request_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Class {
    /// A one-time code
    Otp,
    /// An answer to a text
    Reply,
    /// A notice that is expected
    Notice,
    /// Everything else
    Bulk,
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// The mobile number; - reads it from the first line of standard input
    #[arg(long)]
    pub(crate) phone: String,
    /// What the message is for
    #[arg(long)]
    pub(crate) class: Class,
    /// The text without signature; - reads it from (the rest of) standard input
    #[arg(long, required_unless_present = "template", conflicts_with = "template")]
    pub(crate) text: Option<String>,
    /// A template of the tenant
    #[arg(long)]
    pub(crate) template: Option<String>,
    /// A parameter of the template
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter, conflicts_with = "text")]
    pub(crate) parameters: Vec<(String, String)>,
    /// The signature; the tenant's first one where it is not given
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) signature: String,
    /// Digits behind the access number
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) extension: String,
    /// Comes back on receipts; no personal data
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) reference: String,
    /// How long the message is worth sending, in seconds; the class's default where it is not given
    #[arg(long, default_value_t = 0)]
    pub(crate) validity: u32,
    /// The same id is the same message
    #[arg(long)]
    pub(crate) request_id: Option<String>,
    /// In whose name; operators must say it
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) tenant: String,
    /// Wait so many seconds for the final state; exit status 1 where it is not DELIVERED by then
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) wait: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Message {
    /// Its whole life: each hop with its time, the carrier's code, and advice
    Show {
        /// The message's id
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Find events; the question itself goes on record first
    Query(Box<Query>),
    /// Print events as they are published, a line each (with --json an object each), until you stop it
    Watch(Box<Watch>),
    /// What became of messages, against the promise of 95 %: by tenant, carrier and class, by cause, by hour
    Stats(Stats),
    /// The record's size, its logs and their roots, events by action, missing events
    Head,
    /// Fetch and check the proof that an event is on record
    Proof(Proof),
    /// Take a log home, whole or in part; every entry is checked as it comes. Run it again where it broke off, or to fetch
    /// what came since
    Export(Export),
    /// Show one event as it stands in its log
    Entry(Entry),
    /// Destroy the keys under which a person's data is sealed in the record. Nothing can undo it
    Erase(Erase),
    /// Check a copied directory of logs, without any service; names the first wrong entry
    Verify(VerifyLogs),
    /// Make the key that signs a record's checkpoints
    Keygen(Keygen),
}

/// What is sealed in it stays so without --reveal. To reveal needs an identity that is allowed to (privacy/…), and goes on
/// record with its purpose before anything is shown.
#[derive(Debug, Args)]
pub(crate) struct Entry {
    /// Its index in the record, as `audit query` shows it, or its place in a log: 17 or pd-access/2026h2/0/17
    pub(crate) place: EntryPlace,
    /// Show the person's data that is sealed in it
    #[arg(long, requires = "purpose")]
    pub(crate) reveal: bool,
    /// Why the data must be seen; goes on record, so no personal data in it
    #[arg(long, requires = "reveal")]
    pub(crate) purpose: Option<String>,
}

/// Where an event stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EntryPlace {
    /// In the record.
    Index(u64),
    /// In a log.
    Log(String, u64),
}

impl FromStr for EntryPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let place = match text.rsplit_once('/') {
            None => text.parse().map(Self::Index),
            Some((log, index)) => index.parse().map(|index| Self::Log(log.to_owned(), index)),
        };
        place.map_err(|_| "must be an index such as 17, or a place such as pd-access/2026h2/0/17".to_owned())
    }
}

/// Every proof holds as before, and so do the events; what was sealed in them opens for nobody any more. Copies that others
/// have, and backups of the keys, are not reached.
#[derive(Debug, Args)]
pub(crate) struct Erase {
    /// The person's mobile number; - reads it from standard input. Needs keyring.file for the number's tag: the number
    /// itself leaves this machine for nowhere
    #[arg(required_unless_present = "subject_tag", conflicts_with = "subject_tag")]
    pub(crate) subject: Option<String>,
    /// The subject's tag: 64 hexadecimal digits
    #[arg(long)]
    pub(crate) subject_tag: Option<String>,
    /// Why, e.g. the number of the person's request; goes on record, so no personal data in it
    #[arg(long)]
    pub(crate) reason: String,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

/// The event by its index in the record, or by its place in a log.
#[derive(Debug, Args)]
pub(crate) struct Proof {
    /// Its index in the record, as `audit query` shows it
    #[arg(long, required_unless_present = "log", conflicts_with = "log")]
    pub(crate) index: Option<u64>,
    /// Its log, e.g. cdr/2026h2/0
    #[arg(long, requires = "log_index")]
    pub(crate) log: Option<String>,
    /// Its place in that log, from 0
    #[arg(long, requires = "log")]
    pub(crate) log_index: Option<u64>,
    /// Believe this key and not the one that the service names
    #[arg(long)]
    pub(crate) key: Option<Verifier>,
    /// Keep the proof in this file (C2SP tlog-proof), and the leaf beside it in a file that ends in .leaf
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// A whole log becomes the directory that the service itself has (C2SP tlog-tiles); a part of one, its bundles with what
/// proves that nothing is missing between them. `audit verify` checks both.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The log, e.g. cdr/2026h2/0
    pub(crate) log: String,
    /// The first entry, where not all are wanted; widened to whole bundles of 256
    #[arg(long)]
    pub(crate) from: Option<u64>,
    /// The entry behind the last; widened alike
    #[arg(long)]
    pub(crate) until: Option<u64>,
    /// Believe this key and not the one that the service names
    #[arg(long)]
    pub(crate) key: Option<Verifier>,
    /// The directory to put it in; made where it is not there
    pub(crate) out: PathBuf,
}

/// The directory is one log, or holds several: a copy of what the service keeps in tiles.dir.
#[derive(Debug, Args)]
pub(crate) struct VerifyLogs {
    /// The copy; or a proof in a file, with its leaf beside it, as `audit proof --out` keeps them
    #[arg(value_name = "DIR")]
    pub(crate) path: PathBuf,
    /// The key that must have signed (name+id+base64), as `audit keygen` printed it. Its name may be that of any
    /// log of the same record
    #[arg(long = "key", required = true)]
    pub(crate) keys: Vec<Verifier>,
    /// Whole bundles of entries may be missing at a log's beginning, as when they were kept long enough and dropped; their
    /// hashes are checked
    #[arg(long)]
    pub(crate) pruned: bool,
}

/// Whoever has this key can sign another history: keep it where only audit-svc reads it.
#[derive(Debug, Args)]
pub(crate) struct Keygen {
    /// A domain of whoever the record belongs to; as record.organisation in the settings of audit-svc
    #[arg(long)]
    pub(crate) organisation: String,
    /// Where to put it; must not be there yet
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// Which events. All given conditions must hold.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// Of this message
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) message: String,
    /// Of this trace: 32 hexadecimal digits
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) trace: String,
    /// Caused by this SPIFFE id
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) actor: String,
    /// About this mobile number; - reads it from standard input. Needs keyring.file for the number's tag: the number
    /// itself leaves this machine for nowhere
    #[arg(long, conflicts_with = "subject_tag")]
    pub(crate) subject: Option<String>,
    /// About the subject with this tag: 64 hexadecimal digits
    #[arg(long)]
    pub(crate) subject_tag: Option<String>,
    /// Of this action, e.g. MESSAGE_FINAL
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) action: String,
}

/// All given conditions must hold. Watching is itself put on record.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Begin with this index of the record; behind the newest event where it is not given
    #[arg(long)]
    pub(crate) from_index: Option<u64>,
    /// Stop after so many events
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
}

/// Messages by the hour in which they were accepted. All given conditions must hold.
#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// Accepted at or after: 2026-11-21T20:43:28+08:00, milliseconds since 1970, or so long ago: 90s, 15m, 2h, 7d; widened
    /// to whole hours
    #[arg(long)]
    pub(crate) from: Option<String>,
    /// Accepted before; written alike
    #[arg(long)]
    pub(crate) until: Option<String>,
    /// Of this tenant
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) tenant: String,
    /// To this carrier, as the table names it
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) carrier: String,
    /// Of this class, as the table names it
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) class: String,
}

/// All given conditions must hold.
#[derive(Debug, Args)]
pub(crate) struct Query {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Received at or after: 2026-11-21T20:43:28+08:00, milliseconds since 1970, or so long ago: 90s, 15m, 2h, 7d
    #[arg(long)]
    pub(crate) from: Option<String>,
    /// Received before; written alike
    #[arg(long)]
    pub(crate) until: Option<String>,
    /// Newest first instead of oldest first
    #[arg(long)]
    pub(crate) newest_first: bool,
    /// At most so many events; more pages are fetched as needed
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) limit: u32,
    /// Go on where an earlier answer to the same question stopped
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) page_token: String,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must be NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::{Cli, Command};

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_arguments_may_stand_anywhere() {
        for line in [
            "hongyan --json status",
            "hongyan status --json --utc-offset -03:30",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).unwrap().json, "{line}");
        }
    }

    #[test]
    fn wrong_lines_are_refused() {
        for line in [
            "hongyan",
            "hongyan verify --consent c --purpose p",
            "hongyan verify --stdin --phone 1 --consent c --purpose p",
            "hongyan send --phone 1 --class otp",
            "hongyan send --phone 1 --class otp --text x --template t",
            "hongyan send --phone 1 --class otp --text x --param a=b",
            "hongyan send --phone 1 --class urgent --text x",
            "hongyan send --phone 1 --class otp --template t --param a",
            "hongyan send --phone 1 --class otp --text x --wait 0",
            "hongyan audit query --subject 1 --subject-tag 2",
            "hongyan audit query --limit 0",
            "hongyan audit entry",
            "hongyan audit entry x",
            "hongyan audit entry pd-access/2026h2/0/",
            "hongyan audit entry 1 --reveal",
            "hongyan audit entry 1 --purpose p",
            "hongyan audit erase --reason r",
            "hongyan audit erase 1",
            "hongyan audit erase 1 --subject-tag 2 --reason r",
            "hongyan status --utc-offset 8",
            "hongyan message show",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }

    #[test]
    fn a_template_takes_parameters() {
        let line = "hongyan send --phone 1 --class notice --template t --param code=1=2 --param b=";
        let Command::Send(send) = Cli::try_parse_from(line.split(' ')).unwrap().command else {
            panic!()
        };
        assert_eq!(
            send.parameters,
            [("code".into(), "1=2".into()), ("b".into(), String::new())]
        );
    }
}
