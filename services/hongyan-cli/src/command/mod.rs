//! The commands. Each asks, and renders what came; rendering is pure.

mod audit_entry;
mod audit_erase;
mod audit_export;
mod audit_head;
mod audit_keygen;
mod audit_proof;
mod audit_query;
mod audit_stats;
mod audit_verify;
mod audit_watch;
mod input;
mod message;
mod send;
mod status;
mod subject;
mod verify;

use std::io;

use crate::{
    answer::{Answer, Failure},
    args::{Audit, Cli, Command, Message},
    clients::Clients,
    screen::Screen,
};

/// Runs the command of this line if it asks no service and needs no settings.
pub(crate) fn offline(cli: &Cli) -> Option<Result<Answer, Failure>> {
    let screen = Screen::of_stdout(cli.utc_offset, cli.width);
    match &cli.command {
        Command::Audit(Audit::Verify(args)) => Some(audit_verify::run(args, screen)),
        Command::Audit(Audit::Keygen(args)) => Some(audit_keygen::run(args)),
        _ => None,
    }
}

/// Runs the command of this line.
pub(crate) async fn run(cli: Cli, clients: &Clients) -> Result<Answer, Failure> {
    let screen = Screen::of_stdout(cli.utc_offset, cli.width);
    match cli.command {
        Command::Verify(args) => verify::run(args, clients, io::stdin().lock()).await,
        Command::Send(args) => send::run(*args, clients, screen).await,
        Command::Message(Message::Show { id }) => message::run(&id, clients, screen).await,
        Command::Audit(Audit::Query(args)) => audit_query::run(*args, clients, screen).await,
        Command::Audit(Audit::Watch(args)) => audit_watch::run(*args, cli.json, clients, screen).await,
        Command::Audit(Audit::Stats(args)) => audit_stats::run(&args, clients, screen).await,
        Command::Audit(Audit::Head) => audit_head::run(clients, screen).await,
        Command::Audit(Audit::Proof(args)) => audit_proof::run(args, clients).await,
        Command::Audit(Audit::Entry(args)) => audit_entry::run(args, clients, screen).await,
        Command::Audit(Audit::Erase(args)) => audit_erase::run(args, clients).await,
        Command::Audit(Audit::Export(args)) => audit_export::run(&args, clients).await,
        Command::Audit(Audit::Verify(args)) => audit_verify::run(&args, screen),
        Command::Audit(Audit::Keygen(args)) => audit_keygen::run(&args),
        Command::Status => status::run(clients, screen).await,
    }
}
