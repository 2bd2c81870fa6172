//! Names and id numbers go only to whom the settings trust.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

use std::{fs, sync::Arc, time::Duration};

use hongyan_proto::verify::v1::VerifyIdentityRequest;
use hongyan_verify_svc::{
    question::Question,
    upstream::{Adapter as _, Attempt, HttpAdapter, UpstreamSettings, codes::ResultCodes},
};
use rcgen::{CertificateParams, KeyPair};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;
use uuid::Uuid;

/// An upstream that proves to be `name` and answers every question with a match; its port and its certificate.
async fn upstream(name: &str) -> (u16, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let pem = certificate.pem();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            // A client that does not trust the certificate goes away here.
            let Ok(mut connection) = acceptor.accept(connection).await else {
                continue;
            };
            let mut question = Vec::new();
            while !question.ends_with(b"}") && connection.read_buf(&mut question).await.unwrap_or(0) > 0 {}
            let body = r#"{"code":"0"}"#;
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = connection.write_all(answer.as_bytes()).await;
            let _ = connection.shutdown().await;
        }
    });
    (port, pem)
}

async fn ask(port: u16, trusted: Option<&str>) -> Attempt {
    let dir = TempDir::new().unwrap();
    let ca_file = trusted.map(|pem| {
        let path = dir.path().join("ca.pem");
        fs::write(&path, pem).unwrap();
        path
    });
    let adapter = HttpAdapter::new(UpstreamSettings {
        name: "alpha".into(),
        url: format!("https://localhost:{port}/v1/verify").parse().unwrap(),
        api_key_file: None,
        ca_file,
        carriers: Vec::new(),
        codes: ResultCodes::default(),
        attempt_timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(10),
        max_in_flight: 1,
        breaker_failures: 1,
        breaker_pause: Duration::from_secs(1),
    })
    .unwrap();
    let request = VerifyIdentityRequest {
        request_id: "r".into(),
        phone: "13800138000".into(),
        name: "张三".into(),
        id_number: String::new(),
        consent_id: "c".into(),
        purpose: "p".into(),
    };
    let question = Question::read(&request, time::macros::date!(2026 - 11 - 21)).unwrap();
    adapter.ask(&question, Uuid::nil()).await
}

#[tokio::test]
async fn only_an_upstream_that_proves_who_it_is_hears_the_question() {
    hongyan_identity::install_crypto_provider();
    let (port, own) = upstream("localhost").await;
    let answered = ask(port, Some(&own)).await;
    assert!(
        matches!(&answered, Attempt::Answered(reply) if reply.code == "0"),
        "{answered:?}"
    );

    let (_, others) = upstream("localhost").await;
    let not_sent = Attempt::NotSent("CONNECT_FAILED");
    assert_eq!(ask(port, Some(&others)).await, not_sent, "another authority's");
    assert_eq!(ask(port, None).await, not_sent, "nobody's that the system trusts");
    let (port, elsewhere) = upstream("elsewhere.example").await;
    assert_eq!(ask(port, Some(&elsewhere)).await, not_sent, "another host's");
}
