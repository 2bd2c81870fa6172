//! A service's life: settings, readiness, drain, reflection, and what it tells about itself.

use std::{fs, process::Command, time::Duration};

use hongyan_integration_tests::harness::{mesh::SERVICES, process::find_program, wait};
use hongyan_proto::common::v1::MessageClass;
use nix::sys::signal::Signal;

use crate::support::{INSURER, OwnMesh, PATIENCE, accept, final_state, fresh_request, shared, status_of};

#[test]
fn every_mistake_in_the_settings_is_told_at_once_with_exit_status_64() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("settings.yaml");
    fs::write(
        &file,
        "grpc: {listen: nowhere}\nadmin: {listen: 127.0.0.1:0}\nmisspelt: 1\nidentity: {cert_file: x}\n",
    )
    .unwrap();
    for service in SERVICES {
        let output = Command::new(find_program(service).unwrap())
            .arg("--config")
            .arg(&file)
            .env_clear()
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(64), "{service}: {told}");
        for key in [
            "grpc.listen",
            "misspelt",
            "identity.key_file",
            "identity.roots_file",
            "identity.trust_domain",
        ] {
            assert!(told.contains(key), "{service} does not name {key}: {told}");
        }
    }
}

#[tokio::test]
async fn a_service_tells_prometheus_and_logs_in_json() {
    let mesh = shared().await;
    let client = mesh.client(INSURER).await.unwrap();
    let id = accept(&client, fresh_request(MessageClass::Notice, "您的保单已生效。")).await;
    final_state(&client, &id).await;
    for (place, text) in mesh.scrape().await.unwrap() {
        if place.starts_with("the metrics of") {
            assert!(text.contains("# TYPE "), "{place}: {text}");
        }
    }
    for service in SERVICES {
        let log = fs::read_to_string(mesh.layout.log(service)).unwrap();
        assert!(!log.is_empty(), "{service}");
        for line in log.lines() {
            let value: serde_json::Value =
                serde_json::from_str(line).unwrap_or_else(|_| panic!("{service}: {line}"));
            assert!(value.is_object(), "{service}: {line}");
        }
    }
}

#[tokio::test]
async fn on_sigterm_a_service_is_not_ready_drains_and_ends_with_status_0() {
    let mut mesh = OwnMesh::with(|options| {
        options.set("sms-dispatch-svc", "drain.notice_ms", "8000");
    })
    .await;
    let client = mesh.client(INSURER).await.unwrap();
    let admin = mesh
        .program("sms-dispatch-svc")
        .unwrap()
        .address("admin")
        .unwrap()
        .to_owned();
    mesh.program("sms-dispatch-svc")
        .unwrap()
        .signal(Signal::SIGTERM)
        .unwrap();
    wait::until("not ready", PATIENCE, || async {
        let answer = reqwest::get(format!("http://{admin}/readyz")).await.ok()?;
        (answer.status() == reqwest::StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await
    .unwrap();
    // Still serving while load balancers hear of it.
    accept(&client, fresh_request(MessageClass::Notice, "您的保单已生效。")).await;
    let status = mesh
        .program("sms-dispatch-svc")
        .unwrap()
        .ended(PATIENCE)
        .await
        .unwrap();
    assert!(status.success(), "{status}");
    for service in ["audit-svc", "verify-svc", "carrier-link-svc", "uplink-router-svc"] {
        let status = mesh.terminate(service).await.unwrap();
        assert!(status.success(), "{service}: {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_replica_takes_a_dead_links_connections_over() {
    let mut mesh = OwnMesh::with(|options| {
        options.link_replicas = 2;
        options.set("carrier-link-svc", "link.slot_ttl_ms", "1500");
        options.set("carrier-link-svc", "link.lease_ms", "2000");
    })
    .await;
    let client = mesh.client(INSURER).await.unwrap();
    let gateway = mesh.gateways().swap_remove(0);
    let logins = async || gateway.stats().await.unwrap()["logins"]["now"].as_u64().unwrap();
    // The example catalog allows two connections, whatever the replicas.
    wait::until("two connections", PATIENCE, || async {
        (logins().await == 2).then_some(())
    })
    .await
    .unwrap();
    mesh.kill("carrier-link-svc").unwrap();
    wait::until("two connections again", PATIENCE, || async {
        (logins().await == 2).then_some(())
    })
    .await
    .unwrap();
    assert_eq!(
        gateway.stats().await.unwrap()["logins"]["most_at_once"],
        2,
        "never more than the carrier allows"
    );
    let id = accept(&client, fresh_request(MessageClass::Notice, "您的保单已生效。")).await;
    assert_eq!(status_of(&final_state(&client, &id).await), "DELIVERED");
}

#[tokio::test]
async fn what_the_harness_started_ends_with_it_even_by_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let log = fs::File::create(dir.path().join("log")).unwrap();
    // A shell that is the harness: it starts the demo's mesh and is killed.
    let mut demo = Command::new(find_program("hongyan-demo").unwrap())
        .arg("run")
        .env("TMPDIR", dir.path())
        .stdout(log)
        .spawn()
        .unwrap();
    let somebody_runs = || {
        fs::read_dir("/proc").unwrap().flatten().any(|entry| {
            // Services name the mesh's directory on their command line; Redis rewrites its own, but works there.
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let folder = fs::read_link(entry.path().join("cwd")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&*dir.path().to_string_lossy())
                || folder.starts_with(dir.path())
        })
    };
    wait::until("the mesh starts", PATIENCE, || async {
        somebody_runs().then_some(())
    })
    .await
    .unwrap();
    demo.kill().unwrap();
    demo.wait().unwrap();
    wait::until("nothing is left", Duration::from_secs(20), || async {
        (!somebody_runs()).then_some(())
    })
    .await
    .unwrap();
}
