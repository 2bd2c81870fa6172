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
            Box::pin(serve_as(instance, info, chassis, settings, build, render, stop)).await
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

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use hongyan_config::Source;

    use super::{arguments, run};
    use crate::{Exit, Service, ServiceInfo};

    const INFO: ServiceInfo = ServiceInfo {
        name: "test-svc",
        version: "1.2.3",
        descriptor_set: hongyan_proto::FILE_DESCRIPTOR_SET,
    };

    /// What the process would exit with; a service that gets as far as being built would hang.
    fn exit_of(settings: &str, flags: &[&str]) -> Exit {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("settings.yaml");
        fs::write(&file, settings).unwrap();
        exit_of_file(&file, flags)
    }

    fn exit_of_file(file: &Path, flags: &[&str]) -> Exit {
        let command_line = ["test-svc", "--config", file.to_str().unwrap()];
        let arguments = arguments(INFO)
            .try_get_matches_from(command_line.iter().chain(flags))
            .unwrap();
        let read = |source: &mut Source| source.or("greeting", String::new());
        run(INFO, &arguments, read, |_, _| {
            std::future::pending::<Result<Service, _>>()
        })
    }

    const GOOD: &str = "grpc: {listen: 127.0.0.1:0}\nadmin: {listen: 127.0.0.1:0}\ngreeting: hello\n\
                        identity: {cert_file: a, key_file: b, roots_file: c, trust_domain: d, method_table_file: e}\n";

    #[test]
    fn settings_in_order_are_said_to_be() {
        assert_eq!(exit_of(GOOD, &["--check"]), Exit::Drained);
    }

    #[test]
    fn mistakes_in_the_settings_exit_with_64() {
        for wrong in [
            "greeting: hello\n".to_owned(),
            format!("{GOOD}typo: 1\n"),
            format!("{GOOD}drain: {{notice_ms: 30000}}\n"),
            GOOD.replace(", method_table_file: e", ""),
            GOOD.replace("{listen: 127.0.0.1:0}", "{listen: nowhere}"),
            format!("{GOOD}telemetry: {{sample_ratio: 2}}\n"),
            "[".to_owned(),
        ] {
            assert_eq!(exit_of(&wrong, &["--check"]), Exit::Settings, "{wrong}");
            assert_eq!(exit_of(&wrong, &[]), Exit::Settings, "{wrong}");
        }
        assert_eq!(
            exit_of_file(Path::new("/none/settings.yaml"), &[]),
            Exit::Settings
        );
        assert_eq!(Exit::Settings.code(), 64);
    }

    #[test]
    fn the_command_line_takes_nothing_else() {
        for (command_line, wrong) in [
            (vec!["test-svc", "--typo"], true),
            (vec!["test-svc", "extra"], true),
            (vec!["test-svc", "--version"], false),
            (vec!["test-svc", "--help"], false),
        ] {
            let answer = arguments(INFO).try_get_matches_from(command_line).unwrap_err();
            assert_eq!(answer.use_stderr(), wrong, "{answer}");
        }
    }
}
