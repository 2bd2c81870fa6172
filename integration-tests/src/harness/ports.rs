//! Free ports on loopback.

use std::{
    env,
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    ops::Range,
    os::unix::fs::MetadataExt as _,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, Result, bail};
use rand::Rng as _;

/// Below Linux's ephemeral range (32768 and up): a port that a restarted program must find again could otherwise be
/// taken meanwhile by anybody's outgoing connection.
const FIRST: u16 = 12_000;
const BLOCKS: u16 = 200;
const BLOCK: u16 = 100;

/// What this process has to give out.
#[derive(Debug)]
struct Supply {
    left: Range<u16>,
    /// Held until the process ends: a block belongs to one process at a time, so that two that run side by side do not
    /// both find a port free and then both use it.
    locks: Vec<File>,
}

static SUPPLY: Mutex<Supply> = Mutex::new(Supply {
    left: 0..0,
    locks: Vec::new(),
});

/// A port on 127.0.0.1 that nobody listens on now, and that no process has been given that still runs.
pub fn free() -> Result<u16> {
    let mut supply = SUPPLY.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        for port in supply.left.by_ref() {
            if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(port);
            }
        }
        supply.take_block()?;
    }
}

impl Supply {
    fn take_block(&mut self) -> Result<()> {
        // Each user has a folder, because one may not open another's files.
        let user = fs::metadata("/proc/self").map_or(0, |own| own.uid());
        let folder = env::temp_dir().join(format!("hongyan-ports-{user}"));
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let begin = rand::rng().random_range(0..BLOCKS);
        for n in 0..BLOCKS {
            let block = (begin + n) % BLOCKS;
            let path = folder.join(format!("{block}.lock"));
            let file = File::options()
                .create(true)
                .append(true)
                .open(&path)
                .with_context(|| format!("cannot open {}", path.display()))?;
            if file.try_lock().is_ok() {
                let first = FIRST + block * BLOCK;
                self.left = first..first + BLOCK;
                self.locks.push(file);
                return Ok(());
            }
        }
        bail!("all {BLOCKS} blocks of ports are taken; see {}", folder.display())
    }
}

#[cfg(test)]
mod tests {
    use super::free;

    #[test]
    fn a_port_is_given_once_and_can_be_bound() {
        let first = free().unwrap();
        let second = free().unwrap();
        assert_ne!(first, second);
        std::net::TcpListener::bind(("127.0.0.1", first)).unwrap();
    }

    #[test]
    fn a_block_that_is_used_up_is_followed_by_another() {
        let ports: std::collections::BTreeSet<u16> = (0..250).map(|_| free().unwrap()).collect();
        assert_eq!(ports.len(), 250);
        assert!(ports.iter().all(|port| (12_000..32_000).contains(port)));
    }
}
