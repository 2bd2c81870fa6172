//! What the simulators have in common as programs: how they end, and how they tell their addresses.

use std::{net::SocketAddr, path::Path, process::ExitCode};

use anyhow::Result;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::harness::ca::write_whole;

/// The exit status of a program; a failure is told in one line first.
#[allow(clippy::print_stderr, reason = "a program's last word")]
pub fn exit_code(name: &str, ended: Result<()>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The two signals that ask a program to end.
#[derive(Debug)]
pub struct Ending {
    terminate: Signal,
    interrupt: Signal,
}

impl Ending {
    /// From now on the signals are heard. To be called before anything starts that must be stopped.
    pub fn listen() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the first of them.
    pub async fn told(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Writes the addresses in use as one JSON object; whoever waits for the file never sees half of it.
pub fn write_ports<const N: usize>(path: &Path, addresses: [(&str, SocketAddr); N]) -> Result<()> {
    let ports: serde_json::Map<_, _> = addresses
        .into_iter()
        .map(|(name, address)| (name.to_owned(), address.to_string().into()))
        .collect();
    write_whole(path, &serde_json::to_string(&ports)?)
}

#[cfg(test)]
mod tests {
    use super::write_ports;

    #[test]
    fn addresses_are_told_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ports.json");
        let (grpc, control) = ("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap());
        write_ports(&path, [("grpc", grpc), ("control", control)]).unwrap();
        let told: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(
            told,
            serde_json::json!({"grpc": "127.0.0.1:1", "control": "127.0.0.1:2"})
        );
        write_ports(&dir.path().join("none/ports.json"), [("grpc", grpc)]).unwrap_err();
    }
}
