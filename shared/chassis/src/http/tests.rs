//! Peers that mean no good, over real sockets, and those that do.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Bytes, routing::get};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    HttpLimits,
    accept::{self, Source},
    serve_http,
};

/// No test waits longer for anything; none that passes waits so long.
const PATIENCE: Duration = Duration::from_secs(30);
/// A limit that a test is there to reach.
const SHORT: Duration = Duration::from_millis(200);
/// More than the kernel keeps for a connection on either side.
const LARGE: usize = 32 << 20;

/// What no test that is about something else comes to.
fn wide() -> HttpLimits {
    HttpLimits {
        patience: PATIENCE * 4,
        work: PATIENCE * 4,
        end: PATIENCE * 4,
        ..HttpLimits::default()
    }
}

/// A port that is served, and how many large answers it holds.
struct Served {
    address: SocketAddr,
    held: Arc<AtomicUsize>,
    end: CancellationToken,
    task: JoinHandle<()>,
}

/// Octets that tell when they are there no more.
struct Held(Vec<u8>, Arc<AtomicUsize>);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Served {
    async fn with(limits: HttpLimits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let held = Arc::new(AtomicUsize::new(0));
        let (of_large, end) = (held.clone(), CancellationToken::new());
        let large = move || {
            of_large.fetch_add(1, Ordering::SeqCst);
            let octets = Bytes::from_owner(Held(vec![7; LARGE], of_large.clone()));
            async move { octets }
        };
        let routes = Router::new()
            .route("/small", get(|| async { "small" }))
            .route("/large", get(large))
            .route("/never", get(std::future::pending::<()>));
        let task = tokio::spawn(serve_http(listener, "test", routes, limits, end.clone()));
        Self {
            address,
            held,
            end,
            task,
        }
    }

    /// A peer that has said this.
    async fn peer(&self, said: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let mut peer = socket.connect(self.address).await.unwrap();
        peer.write_all(said.as_bytes()).await.unwrap();
        peer
    }

    async fn until_held(&self, count: usize) {
        let held = async {
            while self.held.load(Ordering::SeqCst) != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, held).await.unwrap();
    }
}

const SMALL: &str = "GET /small HTTP/1.1\r\nhost: test\r\n\r\n";
const LARGE_ONE: &str = "GET /large HTTP/1.1\r\nhost: test\r\n\r\n";

/// What comes until the peer at the other end closes. A reset is an end as well.
async fn until_closed(peer: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let read = timeout(PATIENCE, peer.read_to_end(&mut all))
        .await
        .expect("closed in the end");
    if let Err(error) = read {
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
    }
    String::from_utf8(all).unwrap()
}

/// What comes until this.
async fn until(peer: &mut TcpStream, last: &str) -> String {
    let mut all = Vec::new();
    let read = async {
        while !all.ends_with(last.as_bytes()) {
            all.push(peer.read_u8().await.unwrap());
        }
    };
    timeout(PATIENCE, read).await.unwrap();
    String::from_utf8(all).unwrap()
}

fn status(answer: &str) -> &str {
    answer.lines().next().unwrap_or_default()
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_a_free_place_taken() {
    let limits = HttpLimits {
        connections: 2,
        ..wide()
    };
    let served = Served::with(limits).await;
    let mut first = served.peer(SMALL).await;
    until(&mut first, "small").await;
    let mut second = served.peer(SMALL).await;
    until(&mut second, "small").await;
    let mut third = served.peer("").await;
    assert_eq!(until_closed(&mut third).await, "");
    // Those that are there are not disturbed.
    first.write_all(SMALL.as_bytes()).await.unwrap();
    until(&mut first, "small").await;
    drop(second);
    let again = async {
        loop {
            let mut peer = served.peer("").await;
            if peer.write_all(SMALL.as_bytes()).await.is_ok() && peer.read_u8().await.is_ok() {
                return;
            }
        }
    };
    timeout(PATIENCE, again).await.unwrap();
}

#[tokio::test]
async fn one_address_does_not_take_all_places() {
    let limits = HttpLimits {
        connections_per_address: 1,
        ..wide()
    };
    let served = Served::with(limits).await;
    let mut first = served.peer(SMALL).await;
    until(&mut first, "small").await;
    let mut second = served.peer("").await;
    assert_eq!(until_closed(&mut second).await, "");
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = socket.connect(served.address).await.unwrap();
    other.write_all(SMALL.as_bytes()).await.unwrap();
    until(&mut other, "small").await;
}

#[tokio::test]
async fn who_does_not_finish_a_head_is_cut() {
    let limits = HttpLimits {
        patience: SHORT,
        ..wide()
    };
    let served = Served::with(limits).await;
    for said in ["", "G", "GET /small HTTP/1.1\r\nhost: te"] {
        let mut peer = served.peer(said).await;
        assert_eq!(until_closed(&mut peer).await, "", "{said:?}");
    }
    // Nor does it help to go on with it, octet by octet.
    let mut peer = served.peer("GET /small HTTP/1.1\r\n").await;
    let (mut from, mut to) = peer.split();
    let trickle = async {
        while to.write_all(b"x: y\r\n").await.is_ok() {
            tokio::time::sleep(SHORT / 20).await;
        }
    };
    let mut all = Vec::new();
    tokio::select! {
        () = trickle => {}
        closed = timeout(PATIENCE, from.read_to_end(&mut all)) => drop(closed.expect("closed in the end")),
    }
    assert!(!all.starts_with(b"HTTP/1.1 200"));
    // Nor to have had an answer before.
    let mut peer = served.peer(SMALL).await;
    let answer = until_closed(&mut peer).await;
    assert!(answer.ends_with("small"), "{answer}");
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_thrown_away() {
    let limits = HttpLimits {
        patience: SHORT,
        ..wide()
    };
    let served = Served::with(limits).await;
    // A kept connection and one that is not end in different ways.
    for said in [
        LARGE_ONE,
        "GET /large HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n",
        "GET /large HTTP/1.0\r\n\r\n",
    ] {
        let mut peer = served.peer(said).await;
        let mut first = [0; 12];
        timeout(PATIENCE, peer.read_exact(&mut first))
            .await
            .unwrap()
            .unwrap();
        assert!(first.ends_with(b"200"), "{said:?}");
        served.until_held(0).await;
        let mut rest = Vec::new();
        let read = timeout(PATIENCE, peer.read_to_end(&mut rest)).await.unwrap();
        assert_eq!(
            read.unwrap_err().kind(),
            io::ErrorKind::ConnectionReset,
            "{said:?}"
        );
        assert!(rest.len() < LARGE, "{said:?}");
    }
}

#[tokio::test]
async fn requests_that_are_sent_ahead_make_one_answer_at_a_time() {
    let served = Served::with(wide()).await;
    let mut peer = served.peer(&LARGE_ONE.repeat(8)).await;
    for _ in 0..8 {
        let head = until(&mut peer, "\r\n\r\n").await;
        assert_eq!(status(&head), "HTTP/1.1 200 OK");
        assert!(served.held.load(Ordering::SeqCst) <= 1);
        let mut body = vec![0; LARGE];
        timeout(PATIENCE, peer.read_exact(&mut body))
            .await
            .unwrap()
            .unwrap();
    }
    served.until_held(0).await;
}

#[tokio::test]
async fn an_answer_that_is_never_made_is_503() {
    let limits = HttpLimits {
        work: SHORT,
        ..wide()
    };
    let served = Served::with(limits).await;
    let mut peer = served.peer("GET /never HTTP/1.0\r\n\r\n").await;
    let answer = until_closed(&mut peer).await;
    assert_eq!(status(&answer), "HTTP/1.0 503 Service Unavailable");
}

#[tokio::test]
async fn a_connection_that_is_old_enough_is_told_that_it_ends() {
    let limits = HttpLimits {
        lifetime: Duration::ZERO,
        ..wide()
    };
    let served = Served::with(limits).await;
    let mut peer = served.peer(SMALL).await;
    let answer = until_closed(&mut peer).await;
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    assert!(answer.ends_with("small"), "{answer}");
}

#[tokio::test]
async fn a_head_has_a_length() {
    let served = Served::with(wide()).await;
    for said in [
        format!("GET /{} HTTP/1.1\r\nhost: test\r\n\r\n", "a".repeat(9_000)),
        format!("GET /small HTTP/1.1\r\nhost: {}\r\n\r\n", "a".repeat(9_000)),
        format!("GET /small HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(101)),
    ] {
        let mut peer = served.peer(&said).await;
        let answer = until_closed(&mut peer).await;
        assert!(
            answer.is_empty() || status(&answer).starts_with("HTTP/1.1 431"),
            "{answer}"
        );
    }
    let mut peer = served
        .peer(&format!("GET /{} HTTP/1.0\r\n\r\n", "a".repeat(4_000)))
        .await;
    assert_eq!(status(&until_closed(&mut peer).await), "HTTP/1.0 404 Not Found");
}

#[tokio::test]
async fn only_reading_is_answered() {
    let served = Served::with(wide()).await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"] {
        for path in ["/small", "/nothing"] {
            // The body never comes, and nobody waits for it.
            let said =
                format!("{method} {path} HTTP/1.1\r\nhost: test\r\ncontent-length: 1000000000\r\n\r\n");
            let mut peer = served.peer(&said).await;
            let answer = until_closed(&mut peer).await;
            assert_eq!(status(&answer), "HTTP/1.1 405 Method Not Allowed", "{said}");
            assert!(answer.contains("allow: GET,HEAD\r\n"), "{answer}");
        }
    }
    let mut peer = served.peer("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    let answer = until_closed(&mut peer).await;
    assert!(!answer.contains("200"), "{answer}");
}

#[tokio::test]
async fn kept_connections_end_with_the_port_and_answers_are_finished() {
    let served = Served::with(wide()).await;
    let mut kept = served.peer(SMALL).await;
    until(&mut kept, "small").await;
    let mut taking = served.peer(LARGE_ONE).await;
    until(&mut taking, "\r\n\r\n").await;
    served.end.cancel();
    assert_eq!(until_closed(&mut kept).await, "");
    assert!(!served.task.is_finished(), "an answer is still being taken");
    let mut body = Vec::new();
    timeout(PATIENCE, taking.read_to_end(&mut body))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(body.len(), LARGE);
    timeout(PATIENCE, served.task).await.unwrap().unwrap();
    let refused = TcpStream::connect(served.address).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn no_connection_holds_up_the_end() {
    let limits = HttpLimits { end: SHORT, ..wide() };
    let served = Served::with(limits).await;
    let _silent = served.peer("").await;
    let _half = served.peer("GET /small HTTP/1.1\r\nho").await;
    let _at_work = served.peer("GET /never HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let mut not_taken = served.peer(LARGE_ONE).await;
    until(&mut not_taken, "\r\n\r\n").await;
    served.end.cancel();
    timeout(PATIENCE, served.task).await.unwrap().unwrap();
    assert_eq!(served.held.load(Ordering::SeqCst), 0);
}

/// A listener that is out of descriptors for a while.
struct Failing {
    listener: TcpListener,
    failures: AtomicUsize,
}

impl Source for Failing {
    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let left = |left: usize| left.checked_sub(1);
        if self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)
            .is_ok()
        {
            return Err(io::Error::from_raw_os_error(24));
        }
        self.listener.accept().await
    }
}

#[tokio::test]
async fn failed_accepts_are_got_over() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let failing = |listener, failures| Failing {
        listener,
        failures: AtomicUsize::new(failures),
    };
    let routes = Router::new().route("/small", get(|| async { "small" }));
    let end = CancellationToken::new();
    let task = tokio::spawn(accept::run(
        failing(listener, 3),
        "test",
        routes.clone(),
        wide(),
        end.clone(),
    ));
    let mut peer = TcpStream::connect(address).await.unwrap();
    peer.write_all(SMALL.as_bytes()).await.unwrap();
    until(&mut peer, "small").await;
    end.cancel();
    timeout(PATIENCE, task).await.unwrap().unwrap();

    // And while they are not, the end is heard.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let end = CancellationToken::new();
    let running = accept::run(failing(listener, usize::MAX), "test", routes, wide(), end.clone());
    let task = tokio::spawn(running);
    end.cancel();
    timeout(PATIENCE, task).await.unwrap().unwrap();
}
