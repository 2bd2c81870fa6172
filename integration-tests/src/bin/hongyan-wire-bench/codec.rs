//! How fast one core reads and writes PDUs, and what that allocates.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::session::Dialect;

use super::protocols::Protocol;
use super::report::CodecRow;

/// PDUs between two looks at the clock.
const BATCH: u32 = 2_000;

/// Measurements of each figure, of which the best counts: what disturbs makes it slower only.
const TRIES: u32 = 3;

/// Each PDU that there are many of.
pub(crate) fn measure<P: Protocol>(run: Duration) -> Result<Vec<CodecRow>> {
    let dialect = P::client()?;
    let mut client = P::client()?;
    // For sequences that contain the time.
    client.begin(1_767_858_948_000, 0);
    let sequence = client.next_sequence(0);
    let mut pdus = vec![("submit", P::submit()?), ("submit answer", P::accepted()?)];
    pdus.extend(P::others()?);
    pdus.iter()
        .map(|(name, pdu)| row::<P>(name, &dialect, sequence, pdu, run / TRIES))
        .collect()
}

fn row<P: Protocol>(
    name: &'static str,
    dialect: &P::Client,
    sequence: <P::Client as Dialect>::Sequence,
    pdu: &<P::Client as Dialect>::Pdu,
    run: Duration,
) -> Result<CodecRow> {
    let mut octets = BytesMut::new();
    dialect.encode(sequence, pdu, &mut octets)?;
    let frame = octets.freeze();
    let read = dialect.decode(&frame)?;
    ensure!(read.1 == *pdu, "{name} is read as it was written");

    let mut out = BytesMut::with_capacity(64 * 1024);
    let mut encode = || {
        out.clear();
        black_box(dialect.encode(black_box(sequence), black_box(pdu), &mut out)).is_ok()
    };
    let encoded_per_second = best_rate(run, &mut encode);
    let encode_allocations = allocations(&mut encode);
    // A frame as a session has it: one of many that share a buffer.
    let shared = shared(&frame)?;
    let mut decode = || black_box(dialect.decode(black_box(&shared))).is_ok();
    let decoded_per_second = best_rate(run, &mut decode);
    let decode_allocations = allocations(&mut decode);
    Ok(CodecRow {
        protocol: P::NAME,
        pdu: name,
        octets: frame.len(),
        decoded_per_second,
        decode_allocations,
        encoded_per_second,
        encode_allocations,
    })
}

/// The frame split off a buffer that holds it twice, as reads from a socket make them.
fn shared(frame: &Bytes) -> Result<Bytes> {
    let mut buffer = BytesMut::with_capacity(frame.len() * 2);
    buffer.extend_from_slice(frame);
    buffer.extend_from_slice(frame);
    let first = buffer.split_to(frame.len()).freeze();
    Some(first).filter(|first| first == frame).context("the frame")
}

fn best_rate(run: Duration, once: &mut impl FnMut() -> bool) -> f64 {
    (0..TRIES).map(|_| rate(run, once)).fold(0.0, f64::max)
}

fn rate(run: Duration, once: &mut impl FnMut() -> bool) -> f64 {
    let began = Instant::now();
    let mut done = 0u64;
    loop {
        for _ in 0..BATCH {
            done += u64::from(once());
        }
        let taken = began.elapsed();
        if taken >= run {
            return done as f64 / taken.as_secs_f64();
        }
    }
}

/// Allocations of one call, on average over many.
fn allocations(once: &mut impl FnMut() -> bool) -> f64 {
    let counted = allocation_counter::measure(|| {
        for _ in 0..BATCH {
            black_box(once());
        }
    });
    counted.count_total as f64 / f64::from(BATCH)
}
