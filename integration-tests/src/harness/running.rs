//! A mesh that was left running: which processes belong to it, so that exactly those can be stopped later.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};

use super::{ca::write_whole, mesh::Addresses, wait};

/// Services drain for up to 25 s.
const TERM_LIMIT: Duration = Duration::from_secs(40);
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// A process, told apart from a later one with the same id by when it started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningProgram {
    /// For people.
    pub name: String,
    /// Process id, and its group's.
    pub id: u32,
    /// Clock ticks since boot, as the kernel says.
    pub started_ticks: u64,
}

/// Everything that `up` started, in the order of starting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningMesh {
    /// The mesh's directory.
    pub root: PathBuf,
    /// Its processes.
    pub programs: Vec<RunningProgram>,
    /// Where the services answer.
    pub addresses: Addresses,
    /// Where else something can be asked: name and address.
    pub world: Vec<(String, String)>,
}

impl RunningProgram {
    /// Notes a process that runs now.
    pub fn of(name: &str, id: u32) -> Result<Self> {
        let started_ticks =
            started_ticks(id).with_context(|| format!("{name} (process {id}) does not run"))?;
        Ok(Self {
            name: name.to_owned(),
            id,
            started_ticks,
        })
    }

    /// Whether that very process still runs.
    pub fn is_running(&self) -> bool {
        started_ticks(self.id) == Some(self.started_ticks)
    }

    /// SIGTERM to its group, SIGKILL where it does not end in time. Says whether it had to be killed.
    pub async fn stop(&self) -> Result<bool> {
        if !self.is_running() {
            return Ok(false);
        }
        let group = Pid::from_raw(i32::try_from(self.id)?);
        killpg(group, Signal::SIGTERM).with_context(|| format!("cannot stop {}", self.name))?;
        if self.gone_within(TERM_LIMIT).await.is_ok() {
            return Ok(false);
        }
        killpg(group, Signal::SIGKILL).with_context(|| format!("cannot kill {}", self.name))?;
        self.gone_within(KILL_LIMIT).await?;
        Ok(true)
    }

    async fn gone_within(&self, limit: Duration) -> Result<()> {
        wait::until(&format!("{} ends", self.name), limit, || async {
            (!self.is_running()).then_some(())
        })
        .await
    }
}

impl RunningMesh {
    /// Writes it down.
    pub fn save(&self, file: &Path) -> Result<()> {
        write_whole(file, &serde_json::to_string_pretty(self)?)
    }

    /// What was written down; `None` where nothing was.
    pub fn load(file: &Path) -> Result<Option<Self>> {
        if !file.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let mesh = serde_json::from_str(&text).with_context(|| format!("{} is damaged", file.display()))?;
        Ok(Some(mesh))
    }
}

/// Field 22 of `/proc/<id>/stat`; `None` for a process that is not there, or is only a zombie.
fn started_ticks(id: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in brackets may hold anything, so what follows its last bracket is counted: the state is field 3.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{RunningMesh, RunningProgram};
    use crate::harness::{
        mesh::Addresses,
        process::{Launch, Process},
    };

    #[tokio::test]
    async fn only_the_very_process_that_was_noted_is_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let process = Process::start(&Launch {
            name: "sleeper".into(),
            program: "/bin/sh".into(),
            args: vec!["-c".into(), "exec sleep 600".into()],
            env: Vec::new(),
            log: dir.path().join("log"),
        })
        .unwrap();
        let noted = RunningProgram::of("sleeper", process.id()).unwrap();
        let mut later = noted.clone();
        later.started_ticks += 1;
        assert!(!later.is_running());
        later.stop().await.unwrap();
        assert!(noted.is_running(), "another process with the same id is not ours");
        noted.stop().await.unwrap();
        assert!(!noted.is_running());
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("mesh.json");
        assert_eq!(RunningMesh::load(&file).unwrap(), None);
        let mesh = RunningMesh {
            root: dir.path().into(),
            programs: vec![RunningProgram {
                name: "a".into(),
                id: 1,
                started_ticks: 2,
            }],
            addresses: Addresses::default(),
            world: vec![("traces".into(), "http://127.0.0.1:1/traces".into())],
        };
        mesh.save(&file).unwrap();
        assert_eq!(RunningMesh::load(&file).unwrap(), Some(mesh));
        std::fs::write(&file, "{").unwrap();
        assert!(RunningMesh::load(&file).is_err());
    }
}
