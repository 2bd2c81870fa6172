//! The logs as they go over a socket.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use hongyan_chassis::{HttpLimits, serve_http};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    TileStore,
    serve::{Served, routes},
    tests::append,
};
use crate::testing::Kept;

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(30);

async fn serve(served: Served, limits: HttpLimits, end: &CancellationToken) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = serve_http(listener, "tiles", routes(served), limits, end.clone());
    (address, tokio::spawn(serving))
}

/// The one log of messages.
fn log(kept: &Kept) -> String {
    let state = kept.logs().publication.state();
    let mut logs = state.logs.keys().map(ToString::to_string);
    logs.find(|log| log.starts_with("sms-event")).unwrap()
}

/// What is answered on a connection of its own: the lines of the head, without the date, and the body.
async fn answer(address: SocketAddr, request: &str) -> (Vec<String>, Vec<u8>) {
    let mut peer = TcpStream::connect(address).await.unwrap();
    peer.write_all(request.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    timeout(PATIENCE, peer.read_to_end(&mut all))
        .await
        .unwrap()
        .unwrap();
    let end = all.windows(4).position(|octets| octets == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(all[..end].to_vec()).unwrap();
    let head = head.lines().map(str::to_owned);
    (
        head.filter(|line| !line.starts_with("date: ")).collect(),
        all[end + 4..].to_vec(),
    )
}

fn of(dir: &Path, log: &str, file: &str) -> Vec<u8> {
    fs::read(dir.join("tiles").join(log).join(file)).unwrap()
}

#[tokio::test]
async fn files_are_answered_as_they_are_by_both_versions_and_methods() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    append(&kept, 1, 300).await;
    let end = CancellationToken::new();
    let (address, serving) = serve(kept.logs().clone(), HttpLimits::default(), &end).await;
    let log = log(&kept);
    for (file, kind, cache) in [
        ("checkpoint", "text/plain; charset=utf-8", "no-cache"),
        (
            "tile/0/000",
            "application/octet-stream",
            "public, max-age=31536000, immutable",
        ),
        (
            "tile/entries/000",
            "application/octet-stream",
            "public, max-age=31536000, immutable",
        ),
    ] {
        let octets = of(dir.path(), &log, file);
        let headers = [
            format!("content-type: {kind}"),
            format!("cache-control: {cache}"),
            format!("content-length: {}", octets.len()),
        ];
        for (method, body) in [("GET", octets.as_slice()), ("HEAD", &[])] {
            for (version, rest, close) in [
                ("HTTP/1.0", "\r\n\r\n", &[][..]),
                (
                    "HTTP/1.1",
                    "\r\nhost: test\r\nconnection: close\r\n\r\n",
                    &["connection: close".to_owned()],
                ),
            ] {
                let request = format!("{method} /{log}/{file} {version}{rest}");
                let (head, got) = answer(address, &request).await;
                assert_eq!(head[0], format!("{version} 200 OK"), "{request}");
                let mut told = head[1..].to_vec();
                let mut want = [&headers[..], close].concat();
                told.sort();
                want.sort();
                assert_eq!(told, want, "{request}");
                assert_eq!(got, body, "{request}");
            }
        }
    }
    for (request, status) in [
        (format!("GET /{log}/tile/0/007"), "404 Not Found"),
        (format!("HEAD /{log}/tile/0/007"), "404 Not Found"),
        ("GET /nothing/2026h2/0/checkpoint".to_owned(), "404 Not Found"),
        (format!("POST /{log}/checkpoint"), "405 Method Not Allowed"),
        ("GET /keys".to_owned(), "200 OK"),
    ] {
        let (head, _) = answer(address, &format!("{request} HTTP/1.0\r\n\r\n")).await;
        assert_eq!(head[0], format!("HTTP/1.0 {status}"), "{request}");
    }
    end.cancel();
    timeout(PATIENCE, serving).await.unwrap().unwrap();
    kept.close().await;
}

#[tokio::test]
async fn who_does_not_take_a_bundle_loses_it_and_others_are_served() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    append(&kept, 1, 300).await;
    let log = log(&kept);
    // As large as a bundle can be, which is more than the kernel keeps; in a place that only this port reads.
    let octets = vec![7; 256 * (2 + 65_535)];
    let tiles = dir.path().join("shown");
    fs::create_dir_all(tiles.join(&log).join("tile/entries")).unwrap();
    fs::write(tiles.join(&log).join("tile/entries/000"), &octets).unwrap();
    let shown = Served {
        store: TileStore::open(&tiles).unwrap(),
        ..kept.logs().clone()
    };
    let limits = HttpLimits {
        patience: Duration::from_millis(200),
        ..HttpLimits::default()
    };
    let end = CancellationToken::new();
    let (address, serving) = serve(shown, limits, &end).await;
    let request = format!("GET /{log}/tile/entries/000 HTTP/1.0\r\n\r\n");
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut lazy = socket.connect(address).await.unwrap();
    lazy.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(timeout(PATIENCE, lazy.read_u8()).await.unwrap().unwrap(), b'H');
    // Cut, which shows without taking any of it.
    let cut = async {
        while lazy.take_error().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, cut).await.unwrap();
    let (head, body) = answer(address, &request).await;
    assert_eq!(head[0], "HTTP/1.0 200 OK");
    assert!(body == octets);
    end.cancel();
    timeout(PATIENCE, serving).await.unwrap().unwrap();
    kept.close().await;
}
