//! What the metrics tell of a port that anybody reaches. The limits themselves are tested beside their source.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, routing::get};
use hongyan_chassis::{HttpLimits, serve_http};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use crate::house::telemetry;

const KEPT: &str = "GET /small HTTP/1.1\r\nhost: test\r\n\r\n";

/// Waits until the metrics have this line.
async fn until_told(line: &str) {
    let told = async {
        while !telemetry().render_metrics().lines().any(|told| told == line) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), told).await;
    assert!(in_time.is_ok(), "{line} in\n{}", telemetry().render_metrics());
}

/// A port with this name that is served, and what ends it.
async fn serve(name: &'static str, limits: HttpLimits) -> (SocketAddr, CancellationToken) {
    telemetry();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Router::new()
        .route("/small", get(|| async { "small" }))
        .route("/large", get(|| async { vec![7_u8; 32 << 20] }))
        .route("/never", get(std::future::pending::<()>));
    let end = CancellationToken::new();
    tokio::spawn(serve_http(listener, name, routes, limits, end.clone()));
    (address, end)
}

async fn peer(address: SocketAddr, said: &str) -> TcpStream {
    let mut peer = TcpStream::connect(address).await.unwrap();
    peer.write_all(said.as_bytes()).await.unwrap();
    peer
}

#[tokio::test]
async fn a_port_tells_of_answers_and_cuts() {
    let limits = HttpLimits {
        patience: Duration::from_millis(300),
        work: Duration::from_millis(100),
        ..HttpLimits::default()
    };
    let (address, _end) = serve("measured", limits).await;
    // One after the other, so that each shows in its own line.
    for (said, line) in [
        (
            "GET /small HTTP/1.0\r\n\r\n",
            r#"requests_total{port="measured",status="2xx"} 1"#,
        ),
        (
            "GET /none HTTP/1.0\r\n\r\n",
            r#"requests_total{port="measured",status="4xx"} 1"#,
        ),
        (
            "POST /small HTTP/1.0\r\n\r\n",
            r#"requests_total{port="measured",status="4xx"} 2"#,
        ),
        (
            "GET /never HTTP/1.0\r\n\r\n",
            r#"requests_total{port="measured",status="5xx"} 1"#,
        ),
        ("GET /small", r#"cut_total{port="measured",why="no_request"} 1"#),
        (
            "\0\0\0\0\r\n\r\n",
            r#"cut_total{port="measured",why="malformed"} 1"#,
        ),
        (
            "GET /large HTTP/1.1\r\nhost: test\r\n\r\n",
            r#"cut_total{port="measured",why="unread"} 1"#,
        ),
    ] {
        let peer = peer(address, said).await;
        until_told(&format!("hongyan_http_{line}")).await;
        drop(peer);
        until_told(r#"hongyan_http_connections{port="measured"} 0"#).await;
    }
    let text = telemetry().render_metrics();
    assert!(!text.contains(r#"why="lifetime""#), "{text}");
}

#[tokio::test]
async fn a_port_tells_of_who_is_there_who_is_not_let_in_and_who_does_not_go() {
    for (name, connections, connections_per_address, why) in
        [("crowded", 2, 9, "full"), ("besieged", 9, 2, "address")]
    {
        let limits = HttpLimits {
            connections,
            connections_per_address,
            patience: Duration::from_mins(5),
            end: Duration::from_millis(100),
            ..HttpLimits::default()
        };
        let (address, end) = serve(name, limits).await;
        let mut kept = [peer(address, KEPT).await, peer(address, KEPT).await];
        for peer in &mut kept {
            peer.read_u8().await.unwrap();
        }
        until_told(&format!(r#"hongyan_http_connections{{port="{name}"}} 2"#)).await;
        let mut third = peer(address, "").await;
        assert_eq!(third.read(&mut [0; 1]).await.unwrap(), 0);
        until_told(&format!(
            r#"hongyan_http_refused_total{{port="{name}",why="{why}"}} 1"#
        ))
        .await;
        drop(kept);
        until_told(&format!(r#"hongyan_http_connections{{port="{name}"}} 0"#)).await;
        let _at_work = peer(address, "GET /never HTTP/1.0\r\n\r\n").await;
        until_told(&format!(r#"hongyan_http_connections{{port="{name}"}} 1"#)).await;
        end.cancel();
        until_told(&format!(r#"hongyan_http_cut_total{{port="{name}",why="end"}} 1"#)).await;
        until_told(&format!(r#"hongyan_http_connections{{port="{name}"}} 0"#)).await;
    }
}
