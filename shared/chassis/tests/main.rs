//! `main` as a real process: what it says and how it exits. Without the test harness, because this program is both the test and,
//! started again by itself with `--config`, the service.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]
#![allow(clippy::print_stdout, reason = "a test without a harness names itself")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use hongyan_chassis::{BuildError, Context, Service, ServiceInfo};
use hongyan_config::Source;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};

const LONGEST: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    if env::args().any(|argument| argument == "--config") {
        let info = ServiceInfo {
            name: "test-svc",
            version: "1.2.3",
            descriptor_set: hongyan_proto::FILE_DESCRIPTOR_SET,
        };
        return hongyan_chassis::main(
            info,
            |source: &mut Source| source.or("mood", String::new()),
            build,
        );
    }
    let tests: [(&str, fn()); 4] = [
        (
            "every_mistake_is_printed_and_exits_with_64",
            every_mistake_is_printed,
        ),
        ("sigterm_drains_and_exits_with_0", || ends_on(Signal::SIGTERM)),
        ("sigint_drains_and_exits_with_0", || ends_on(Signal::SIGINT)),
        (
            "a_panicking_task_exits_with_70_and_its_words_are_in_no_log",
            panics,
        ),
    ];
    for (name, test) in tests {
        test();
        println!("test {name} ... ok");
    }
    ExitCode::SUCCESS
}

async fn build(mood: String, context: Context) -> Result<Service, BuildError> {
    if mood == "clumsy" {
        context.spawn("clumsy", async {
            let name = String::from("张三丰");
            // Rust quotes the whole text when a slice cuts a character in two.
            assert!(name[..1].is_empty());
        });
    }
    Ok(Service::default())
}

fn every_mistake_is_printed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("settings.yaml");
    fs::write(&file, "grpc:\n  listen: nowhere\ntypo: 1\n").unwrap();
    let output = service(&file).env("HONGYAN_TYPO", "1").output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let said = String::from_utf8(output.stderr).unwrap();
    for mistake in [
        "settings.yaml:2",
        "settings.yaml:3",
        "HONGYAN_TYPO",
        "admin.listen",
        "identity.cert_file",
        "identity.method_table_file",
    ] {
        assert!(said.contains(mistake), "{mistake} in\n{said}");
    }
    // It names the file, so it is known.
    assert!(!said.contains("HONGYAN_CONFIG"), "{said}");
}

fn ends_on(signal: Signal) {
    let dir = tempfile::tempdir().unwrap();
    let file = settings(dir.path(), "calm");
    let child = service(&file).env("HONGYAN_CONFIG", &file).spawn().unwrap();
    let ports = dir.path().join("ports.json");
    let begun = Instant::now();
    while !ports.exists() {
        assert!(begun.elapsed() < LONGEST, "no ports file");
        thread::sleep(Duration::from_millis(5));
    }
    kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
    let output = end_of(child);
    assert_eq!(output.status.code(), Some(0));
    let log = log_of(&output);
    assert!(
        log.contains(r#""message":"serving""#) && log.contains(r#""version":"1.2.3""#),
        "{log}"
    );
    assert!(log.contains(r#""message":"drained""#), "{log}");
}

fn panics() {
    let dir = tempfile::tempdir().unwrap();
    let file = settings(dir.path(), "clumsy");
    let output = end_of(service(&file).spawn().unwrap());
    assert_eq!(output.status.code(), Some(70));
    let log = log_of(&output);
    assert!(log.contains("a panic") && log.contains("tests/main.rs"), "{log}");
    assert!(!log.contains('张'), "{log}");
}

/// This program as a service.
fn service(file: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .arg("--config")
        .arg(file)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

fn end_of(mut child: Child) -> Output {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > LONGEST {
            child.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

/// What it logged; every line is one object, and none has colours.
fn log_of(output: &Output) -> String {
    let log = String::from_utf8(output.stderr.clone()).unwrap();
    for line in log.lines() {
        assert!(
            line.starts_with('{') && line.ends_with('}') && !line.contains('\u{1b}'),
            "{line}"
        );
        assert!(
            line.contains(r#""service":"test-svc""#) && line.contains(r#""instance":"test-svc-"#),
            "{line}"
        );
    }
    log
}

fn settings(dir: &Path, mood: &str) -> PathBuf {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI("spiffe://hongyan.test/svc/test".try_into().unwrap())];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &ca).unwrap();
    let path = |name: &str| dir.join(name).display().to_string();
    fs::write(path("roots.pem"), ca.pem()).unwrap();
    fs::write(path("cert.pem"), certificate.pem()).unwrap();
    fs::write(path("key.pem"), key.serialize_pem()).unwrap();
    fs::write(
        path("methods.yaml"),
        "/grpc.health.v1.Health/Check: [\"spiffe://hongyan.test/svc/*\"]\n",
    )
    .unwrap();
    let text = format!(
        "mood: {mood}\ngrpc: {{listen: 127.0.0.1:0}}\nadmin: {{listen: 127.0.0.1:0}}\nports_file: {}\n\
         identity:\n  cert_file: {}\n  key_file: {}\n  roots_file: {}\n  method_table_file: {}\n  trust_domain: hongyan.test\n",
        path("ports.json"),
        path("cert.pem"),
        path("key.pem"),
        path("roots.pem"),
        path("methods.yaml"),
    );
    let file = dir.join("settings.yaml");
    fs::write(&file, text).unwrap();
    file
}
