//! Messages and their answers over loopback TCP.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bytes::BytesMut;
use hongyan_carrier_wire::session::Dialect as _;

use super::floor::{self, Sizes};
use super::peer::{self, Writes};
use super::protocols::Protocol;
use super::report::{ExchangeRow, LatencyRow};

/// Rounds of which the best counts, floor and session in turn, so that both meet the same disturbances.
const ROUNDS: u32 = 3;

/// Windows that a run behind a latency lasts.
const WINDOWS: u64 = 20;

/// Answers a second with sessions on both ends, beside the floor.
pub(crate) fn beside_floor<P: Protocol>(
    connections: usize,
    window: usize,
    run: Duration,
) -> Result<ExchangeRow> {
    let sizes = sizes::<P>()?;
    let (mut floor, mut single, mut coalesced) = (0.0f64, 0.0f64, 0.0f64);
    for _ in 0..ROUNDS {
        let bare = rate(
            connections,
            run / ROUNDS,
            |stream| floor::accept(stream, sizes),
            |stream, enough| floor::submit(stream, sizes, window, enough),
        );
        floor = floor.max(bare?);
        for (writes, best) in [(Writes::Single, &mut single), (Writes::Coalesced, &mut coalesced)] {
            let with_sessions = rate(
                connections,
                run / ROUNDS,
                |stream| peer::accept::<P>(stream, writes),
                |stream, enough| peer::submit::<P>(stream, window, writes, enough),
            );
            *best = best.max(with_sessions?);
        }
    }
    Ok(ExchangeRow {
        protocol: P::NAME,
        connections,
        window,
        floor_per_second: floor,
        single_write_per_second: single,
        coalesced_per_second: coalesced,
    })
}

/// Answers a second when each comes after `latency`, for several numbers of connections and windows.
pub(crate) fn behind_latency<P: Protocol>(latency: Duration) -> Result<Vec<LatencyRow>> {
    [(1, 16), (1, 32), (4, 16), (4, 32)]
        .into_iter()
        .map(|(connections, window)| {
            let mut per_second = 0.0f64;
            for _ in 0..ROUNDS {
                per_second = per_second.max(slow_rate::<P>(connections, window, latency)?);
            }
            Ok(LatencyRow {
                protocol: P::NAME,
                latency_ms: latency.as_secs_f64() * 1_000.0,
                connections,
                window,
                per_second,
                allowed_per_second: (connections * window) as f64 / latency.as_secs_f64(),
            })
        })
        .collect()
}

fn slow_rate<P: Protocol>(connections: usize, window: usize, latency: Duration) -> Result<f64> {
    let of_each = WINDOWS * window as u64;
    let (answered, taken) = run(
        connections,
        |stream| peer::accept_slowly::<P>(stream, latency),
        |stream| {
            peer::submit::<P>(stream, window, Writes::Coalesced, |answered| {
                answered + window as u64 > of_each
            })
        },
    )?;
    Ok(answered as f64 / taken.as_secs_f64())
}

fn sizes<P: Protocol>() -> Result<Sizes> {
    let mut client = P::client()?;
    client.begin(0, 0);
    let sequence = client.next_sequence(0);
    let len = |pdu| -> Result<usize> {
        let mut octets = BytesMut::new();
        client.encode(sequence, &pdu, &mut octets)?;
        Ok(octets.len())
    };
    Ok(Sizes {
        message: len(P::submit()?)?,
        answer: len(P::accepted()?)?,
    })
}

/// Answers a second over all connections.
fn rate(
    connections: usize,
    length: Duration,
    accept: impl Fn(TcpStream) -> Result<()> + Sync,
    submit: impl Fn(TcpStream, &mut dyn FnMut(u64) -> bool) -> Result<u64> + Sync,
) -> Result<f64> {
    let (answered, taken) = run(connections, accept, |stream| {
        let until = Instant::now() + length;
        submit(stream, &mut |_| Instant::now() >= until)
    })?;
    Ok(answered as f64 / taken.as_secs_f64())
}

/// Connects, lets all begin together, and tells what was answered and how long it took.
fn run(
    connections: usize,
    accept: impl Fn(TcpStream) -> Result<()> + Sync,
    submit: impl Fn(TcpStream) -> Result<u64> + Sync,
) -> Result<(u64, Duration)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let mut pairs = Vec::with_capacity(connections);
    for _ in 0..connections {
        let near = TcpStream::connect(address)?;
        let (far, _) = listener.accept()?;
        pairs.push((near, far));
    }
    let start = Barrier::new(connections + 1);
    let (accept, submit, start) = (&accept, &submit, &start);
    std::thread::scope(|scope| {
        let mut gateways = Vec::new();
        let mut providers = Vec::new();
        for (near, far) in pairs {
            gateways.push(scope.spawn(move || accept(far)));
            providers.push(scope.spawn(move || {
                start.wait();
                submit(near)
            }));
        }
        start.wait();
        let began = Instant::now();
        let mut answered = 0;
        for provider in providers {
            answered += provider
                .join()
                .ok()
                .context("a provider's thread ended badly")??;
        }
        let taken = began.elapsed();
        for gateway in gateways {
            gateway.join().ok().context("a gateway's thread ended badly")??;
        }
        Ok((answered, taken))
    })
}
