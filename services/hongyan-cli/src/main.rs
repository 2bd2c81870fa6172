//! The operator's hand: send, verify, follow one message, check the record.
//!
//! Reads its settings (where the services are, who it is), asks one service or a few under a deadline, and prints a table
//! for people or one JSON object for programs. It echoes no personal data but what `audit entry --reveal` opens, keeps
//! nothing, and says by its exit status what came out (see `--help`).

mod answer;
mod args;
mod clients;
mod command;
mod copied;
mod exit;
mod progress;
mod reach;
mod screen;
mod settings;
mod table;
mod when;
mod words;

use std::process::ExitCode;

use clap::Parser as _;

use answer::{Answer, Failure, tell};
use args::Cli;
use clients::Clients;
use settings::Settings;

fn main() -> ExitCode {
    // Wrong usage ends here with exit status 2, as promised; help and version with 0.
    let cli = Cli::parse();
    hongyan_identity::install_crypto_provider();
    let as_json = cli.json;
    ExitCode::from(tell(&run(cli), as_json).code())
}

fn run(cli: Cli) -> Result<Answer, Failure> {
    if let Some(answer) = command::offline(&cli) {
        return answer;
    }
    let usage = |why: String| Failure::Usage(why);
    let without_file = cli.config.is_none();
    let settings = Settings::load(cli.config.clone()).map_err(|mistakes| {
        let hint = if without_file {
            "\nname the settings file with --config FILE or HONGYAN_CLI_CONFIG"
        } else {
            ""
        };
        usage(format!("{mistakes}{hint}"))
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| usage(format!("no runtime: {error}")))?;
    runtime.block_on(async {
        let clients = Clients::new(settings).await?;
        match command::run(cli, &clients).await {
            Err(failure) => Err(clients.diagnosed(failure).await),
            answer => answer,
        }
    })
}
