//! The commands. Each asks, and renders what came; rendering is pure.

mod audit_head;
mod audit_query;
mod input;
mod message;
mod send;
mod status;
mod verify;

use std::io;

use crate::{
    answer::{Answer, Failure},
    args::{Audit, Cli, Command, Message},
    clients::Clients,
    screen::Screen,
};

/// Runs the command of this line.
pub(crate) async fn run(cli: Cli, clients: &Clients) -> Result<Answer, Failure> {
    let screen = Screen::of_stdout(cli.utc_offset, cli.width);
    match cli.command {
        Command::Verify(args) => verify::run(args, clients, io::stdin().lock()).await,
        Command::Send(args) => send::run(*args, clients, screen).await,
        Command::Message(Message::Show { id }) => message::run(&id, clients, screen).await,
        Command::Audit(Audit::Query(args)) => audit_query::run(*args, clients, screen).await,
        Command::Audit(Audit::Head) => audit_head::run(clients, screen).await,
        Command::Status => status::run(clients, screen).await,
    }
}
