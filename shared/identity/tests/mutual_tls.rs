//! Identity over real sockets: who is admitted, who is not, and what a rotation changes.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

use std::{fs, path::Path, time::Duration};

use hongyan_identity::{Connector, Credentials, IdentitySettings, Peer, SpiffeId, incoming};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_stream::StreamExt as _;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected as _;

type Ca = CertifiedIssuer<'static, KeyPair>;

fn ca() -> Ca {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn issue(ca: &Ca, dir: &Path, id: &str) {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(id.try_into().unwrap())];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, ca).unwrap();
    fs::write(dir.join("cert.pem"), certificate.pem()).unwrap();
    fs::write(dir.join("key.pem"), key.serialize_pem()).unwrap();
}

fn trust(dir: &Path, ca: &Ca) {
    fs::write(dir.join("roots.pem"), ca.pem()).unwrap();
}

fn settings(dir: &Path, trust_domain: &str) -> IdentitySettings {
    IdentitySettings {
        cert_file: dir.join("cert.pem"),
        key_file: dir.join("key.pem"),
        roots_file: dir.join("roots.pem"),
        trust_domain: trust_domain.to_owned(),
        method_table_file: None,
        reload_interval: Duration::from_millis(20),
    }
}

async fn member(ca: &Ca, trusted: &Ca, id: &str) -> (tempfile::TempDir, Credentials) {
    let dir = tempfile::tempdir().unwrap();
    issue(ca, dir.path(), id);
    trust(dir.path(), trusted);
    let domain = id.parse::<SpiffeId>().unwrap().trust_domain().to_owned();
    let credentials = Credentials::load(&settings(dir.path(), &domain)).await.unwrap();
    (dir, credentials)
}

/// Serves one octet to everybody admitted; answers the address and a stream of who came.
async fn serve(
    credentials: Credentials,
) -> (
    String,
    tokio::sync::mpsc::UnboundedReceiver<Peer>,
    CancellationToken,
) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let shutdown = CancellationToken::new();
    let mut connections = incoming(listener, credentials, shutdown.clone());
    let (came, peers) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(mut connection)) = connections.next().await {
            came.send(connection.connect_info()).ok();
            connection.write_all(b"!").await.ok();
            connection.shutdown().await.ok();
        }
    });
    (address, peers, shutdown)
}

/// A TLS 1.3 client has finished before the server refuses: only reading tells.
async fn call(credentials: &Credentials, expected: &str, address: &str) -> std::io::Result<()> {
    let connector = Connector::new(credentials.clone(), expected.parse().unwrap());
    let mut stream = connector.connect(address.parse().unwrap()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    if answer == b"!" {
        Ok(())
    } else {
        Err(std::io::Error::other("closed without an answer"))
    }
}

const SERVER: &str = "spiffe://hongyan.test/svc/dispatch";
const CALLER: &str = "spiffe://hongyan.test/caller/desk";

#[tokio::test]
async fn a_member_is_admitted_and_known_by_its_id() {
    let ca = ca();
    let (_server_dir, server) = member(&ca, &ca, SERVER).await;
    let (_dir, caller) = member(&ca, &ca, CALLER).await;
    let (address, mut peers, _stop) = serve(server).await;
    call(&caller, SERVER, &address).await.unwrap();
    assert_eq!(peers.recv().await.unwrap().id.as_str(), CALLER);
}

#[tokio::test]
async fn strangers_are_refused() {
    let (ours, theirs) = (ca(), ca());
    let (_server_dir, server) = member(&ours, &ours, SERVER).await;
    let (address, mut peers, _stop) = serve(server).await;
    // Another authority; and our authority but another trust domain.
    let (_a, foreign_ca) = member(&theirs, &ours, CALLER).await;
    let (_b, foreign_domain) = member(&ours, &ours, "spiffe://elsewhere.test/caller/desk").await;
    call(&foreign_ca, SERVER, &address).await.unwrap_err();
    call(&foreign_domain, SERVER, &address).await.unwrap_err();
    assert!(peers.try_recv().is_err());
}

#[tokio::test]
async fn a_member_cannot_pose_as_another() {
    let ca = ca();
    let (_server_dir, server) = member(&ca, &ca, "spiffe://hongyan.test/svc/audit").await;
    let (_dir, caller) = member(&ca, &ca, CALLER).await;
    let (address, _peers, _stop) = serve(server).await;
    call(&caller, SERVER, &address).await.unwrap_err();
    call(&caller, "spiffe://hongyan.test/svc/audit", &address)
        .await
        .unwrap();
}

#[tokio::test]
async fn roots_and_certificates_rotate_without_restart_and_a_bad_file_changes_nothing() {
    let (old, new) = (ca(), ca());
    let (server_dir, server) = member(&old, &old, SERVER).await;
    let (_dir, old_caller) = member(&old, &old, CALLER).await;
    let (address, _peers, stop) = serve(server.clone()).await;
    call(&old_caller, SERVER, &address).await.unwrap();

    fs::write(server_dir.path().join("key.pem"), "no key").unwrap();
    let error = server.reload().await.unwrap_err().to_string();
    assert!(error.contains("key.pem") && !error.contains("no key"), "{error}");
    call(&old_caller, SERVER, &address).await.unwrap();

    let watching = tokio::spawn(server.clone().keep_fresh(stop.clone()));
    issue(&new, server_dir.path(), SERVER);
    trust(server_dir.path(), &new);
    let (_new_dir, new_caller) = member(&new, &new, CALLER).await;
    let rotated = async {
        while call(&new_caller, SERVER, &address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), rotated)
        .await
        .expect("the new certificate is in force");
    call(&old_caller, SERVER, &address).await.unwrap_err();
    stop.cancel();
    watching.await.unwrap();
}

#[tokio::test]
async fn credentials_that_do_not_fit_are_refused_by_name() {
    let ca = ca();
    let dir = tempfile::tempdir().unwrap();
    issue(&ca, dir.path(), CALLER);
    trust(dir.path(), &ca);
    let refusal = async |domain: &str| match Credentials::load(&settings(dir.path(), domain)).await {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    assert_eq!(refusal("hongyan.test").await, "");
    assert!(refusal("elsewhere.test").await.contains("cert.pem"));
    fs::write(dir.path().join("roots.pem"), "").unwrap();
    assert!(refusal("hongyan.test").await.contains("roots.pem"));
    trust(dir.path(), &ca);
    fs::write(
        dir.path().join("key.pem"),
        KeyPair::generate().unwrap().serialize_pem(),
    )
    .unwrap();
    assert!(refusal("hongyan.test").await.contains("cert.pem"));
    fs::remove_file(dir.path().join("key.pem")).unwrap();
    assert!(refusal("hongyan.test").await.contains("key.pem"));
}
