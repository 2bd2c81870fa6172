//! The main job, end to end, on real parts; and a mesh to try things on.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use hongyan_integration_tests::demo;
use tokio::signal::unix::{SignalKind, signal};

/// The main job, end to end, on real parts; and a mesh to try things on.
#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tells the whole story, checks every step, leaves nothing behind.
    Run,
    /// Starts a mesh and leaves it running.
    Up(Home),
    /// Stops what `up` started.
    Down(Home),
    /// Tells what of `up` is running.
    Status(Home),
}

#[derive(Debug, clap::Args)]
struct Home {
    /// Where the mesh keeps its files.
    #[arg(long, default_value = ".run")]
    home: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    match Options::parse().command {
        Command::Run => tokio::select! {
            status = Box::pin(demo::run()) => status,
            // What was started goes with the story that is dropped here.
            () = interrupted() => ExitCode::from(130),
        },
        Command::Up(home) => Box::pin(demo::up(&home.home)).await,
        Command::Down(home) => demo::down(&home.home).await,
        Command::Status(home) => demo::status(&home.home),
    }
}

/// Ctrl-C or SIGTERM; never, where signals cannot be listened to: then they end this process at once, and the watchdog
/// everything that it started.
async fn interrupted() {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
