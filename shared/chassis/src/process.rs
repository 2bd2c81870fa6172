//! `main`: command line, settings, telemetry, signals.

use std::{future::Future, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use hongyan_config::{Source, SourceSpec};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::{
    context::Context,
    serve::{Exit, serve_as},
    service::{BuildError, Service, ServiceInfo},
    settings::ChassisSettings,
};

/// The prefix of every environment variable that is a setting.
pub const ENV_PREFIX: &str = "HONGYAN";
/// How long tasks that block a thread are waited for at the very end.
const LAST_WAIT: Duration = Duration::from_millis(500);

/// Runs a service as this process, from its settings to its exit code (see [`Exit`]). `read` reads the service's own settings,
/// `build` makes the service of them.
pub fn main<S, B, F>(info: ServiceInfo, read: impl FnOnce(&mut Source) -> S, build: B) -> ExitCode
where
    B: FnOnce(S, Context) -> F,
    F: Future<Output = Result<Service, BuildError>>,
{
    hongyan_identity::install_crypto_provider();
    let exit = match arguments(info).try_get_matches() {
        Ok(arguments) => run(info, &arguments, read, build),
        Err(answer) => {
            // Help and version come this way too. Where even standard error is closed there is nobody to tell.
            let _ = answer.print();
            if answer.use_stderr() {
                Exit::Settings
            } else {
                Exit::Drained
            }
        }
    };
    ExitCode::from(exit.code())
}

fn run<S, B, F>(
    info: ServiceInfo,
    arguments: &ArgMatches,
    read: impl FnOnce(&mut Source) -> S,
    build: B,
) -> Exit
where
    B: FnOnce(S, Context) -> F,
    F: Future<Output = Result<Service, BuildError>>,
{
    let file = arguments.get_one::<PathBuf>("config").cloned();
    let mut source = Source::load(SourceSpec::of_process(file, ENV_PREFIX));
    // Names the file itself, and was used above; asked for here so that it is no unknown setting.
    let _: Option<PathBuf> = source.optional("config");
    let chassis = ChassisSettings::read(&mut source);
    let settings = read(&mut source);
    if let Err(mistakes) = source.finish() {
        eprintln!("{}: {mistakes}", info.name);
        return Exit::Settings;
    }
    if arguments.get_flag("check") {
        eprintln!("{}: the settings are in order", info.name);
        return Exit::Drained;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{}: no runtime: {error}", info.name);
            return Exit::Unavailable;
        }
    };
    let exit = runtime.block_on(live(info, chassis, settings, build));
    runtime.shutdown_timeout(LAST_WAIT);
    exit
}

async fn live<S, B, F>(info: ServiceInfo, chassis: ChassisSettings, settings: S, build: B) -> Exit
where
    B: FnOnce(S, Context) -> F,
    F: Future<Output = Result<Service, BuildError>>,
{
    let instance: Arc<str> = Arc::from(format!("{}-{}", info.name, uuid::Uuid::new_v4()));
    let telemetry = match hongyan_telemetry::init(info.name, &instance, &chassis.telemetry) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            eprintln!("{}: {error}", info.name);
            return Exit::Unavailable;
        }
    };
    log_panics();
    let stop = CancellationToken::new();
    let exit = match stop_on_signals(stop.clone()) {
        Ok(()) => {
            let render = Arc::new(telemetry.metrics_renderer());
            serve_as(instance, info, chassis, settings, build, render, stop).await
        }
        Err(error) => {
            error!(%error, "signals cannot be heard");
            Exit::Unavailable
        }
    };
    info!(code = exit.code(), "the process ends");
    telemetry.shutdown().await;
    exit
}

fn arguments(info: ServiceInfo) -> Command {
    Command::new(info.name)
        .version(info.version)
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .env("HONGYAN_CONFIG")
                .value_parser(value_parser!(PathBuf))
                .help(
                    "The settings, YAML; a variable such as HONGYAN_GRPC_LISTEN wins over grpc.listen in it",
                ),
        )
        .arg(
            Arg::new("check")
                .long("check")
                .action(ArgAction::SetTrue)
                .help("Check the settings, print every mistake, and exit"),
        )
}

fn stop_on_signals(stop: CancellationToken) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    });
    Ok(())
}

/// A panic is logged as a line like any other, with its place. Without its message: Rust quotes the text that a slice stumbled over,
/// and that text may be somebody's name.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string);
        metrics::counter!("hongyan_panics_total").increment(1);
        error!(at, "a panic");
    }));
}
