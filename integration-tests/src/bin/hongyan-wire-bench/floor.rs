//! The floor: as many octets there and back over bare TCP, one write for each PDU, no protocol at all.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Result, bail};

/// A peer that says nothing for so long has failed.
const SILENCE: Duration = Duration::from_secs(20);

/// Octets of one read, as on the other side of the comparison.
const READ: usize = 64 * 1024;

/// Octets of a message and of its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) message: usize,
    pub(crate) answer: usize,
}

/// Keeps `window` messages on the way until `enough` says so of the number of answers. Gives that number back.
pub(crate) fn submit(
    mut stream: TcpStream,
    sizes: Sizes,
    window: usize,
    mut enough: impl FnMut(u64) -> bool,
) -> Result<u64> {
    prepare(&stream)?;
    let message = vec![0u8; sizes.message];
    let mut chunk = vec![0u8; READ];
    let (mut answered, mut open, mut partial) = (0u64, 0usize, 0usize);
    loop {
        let stop = enough(answered);
        if stop && open == 0 {
            return Ok(answered);
        }
        while !stop && open < window {
            stream.write_all(&message)?;
            open += 1;
        }
        let read = stream.read(&mut chunk)?;
        if read == 0 {
            bail!("the other end closed");
        }
        partial += read;
        let whole = partial / sizes.answer;
        partial %= sizes.answer;
        open = open.saturating_sub(whole);
        answered += whole as u64;
    }
}

/// Answers every message at once, until the other end closes.
pub(crate) fn accept(mut stream: TcpStream, sizes: Sizes) -> Result<()> {
    prepare(&stream)?;
    let answer = vec![0u8; sizes.answer];
    let mut chunk = vec![0u8; READ];
    let mut partial = 0usize;
    loop {
        let read = match stream.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(()),
            read => read?,
        };
        partial += read;
        for _ in 0..partial / sizes.message {
            stream.write_all(&answer)?;
        }
        partial %= sizes.message;
    }
}

fn prepare(stream: &TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SILENCE))?;
    Ok(())
}
