//! A disk that can be filled: a program's, without touching anybody else's.
//!
//! A full disk is a write that the system refuses. The limit of a file's size (`RLIMIT_FSIZE`) refuses every write of one
//! process, to files that have their space already too, and can be set from outside while it runs. A program that is
//! started anew while its disk is full gets the limit from the shell that starts it. The signal that goes with the limit is
//! ignored, as there is none on a full disk.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::process::Launch;

/// `$0` is the file that says that the disk is full, the rest is the program. What the program says goes to its log through
/// a pipe, which has no disk.
const START: &str = r#"
trap '' XFSZ
rm -f "$0.out"
mkfifo "$0.out"
cat <"$0.out" &
if [ -e "$0" ]; then ulimit -S -f 0; fi
exec "$@" >"$0.out" 2>&1
"#;

/// The disk of one program.
#[derive(Debug, Clone)]
pub struct Disk {
    /// There while the disk is full.
    flag: PathBuf,
}

impl Disk {
    /// One that has room; it is known as full by a file of that name.
    pub fn new(flag: PathBuf) -> Self {
        Self { flag }
    }

    /// The same program on this disk.
    pub fn under(&self, launch: Launch) -> Launch {
        let path = |path: &Path| path.display().to_string();
        let mut args = vec!["-c".to_owned(), START.to_owned(), path(&self.flag)];
        args.push(path(&launch.program));
        args.extend(launch.args);
        Launch {
            program: PathBuf::from("/bin/sh"),
            args,
            ..launch
        }
    }

    /// From now on the disk refuses every write of the process and of those that are started later.
    pub fn fill(&self, id: u32) -> Result<()> {
        fs::write(&self.flag, "").with_context(|| format!("writing {}", self.flag.display()))?;
        let full = Rlimit {
            current: Some(0),
            maximum: None,
        };
        let process = i32::try_from(id).ok().and_then(Pid::from_raw);
        prlimit(process, Resource::Fsize, full).context("limiting the size of files")?;
        Ok(())
    }

    /// Programs that are started from now on have room.
    pub fn free(&self) -> Result<()> {
        fs::remove_file(&self.flag).with_context(|| format!("removing {}", self.flag.display()))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use super::Disk;
    use crate::harness::{
        process::{Launch, Process},
        wait,
    };

    #[tokio::test]
    async fn a_full_disk_refuses_running_and_started_programs_until_it_is_freed() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::new(dir.path().join("full"));
        // Whether each write came about is told by a file that is made, which needs no room.
        let script = "n=0; while :; do n=$((n+1)); if echo x > file; then : > yes.$n; else : > no.$n; fi; sleep 0.05; done";
        let launch = disk.under(Launch {
            name: "writer".into(),
            program: "/bin/sh".into(),
            args: vec!["-c".into(), format!("cd '{}' && {script}", dir.path().display())],
            env: Vec::new(),
            log: dir.path().join("log"),
        });
        let said = async |what: &str| {
            for entry in fs::read_dir(dir.path()).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some() {
                    fs::remove_file(path).unwrap();
                }
            }
            wait::until(what, Duration::from_secs(20), || async {
                let mut entries = fs::read_dir(dir.path()).unwrap();
                entries
                    .any(|entry| entry.unwrap().path().file_stem().is_some_and(|stem| stem == what))
                    .then_some(())
            })
            .await
            .unwrap();
        };
        let process = Process::start(&launch).unwrap();
        said("yes").await;
        disk.fill(process.id()).unwrap();
        said("no").await;
        drop(process);
        let process = Process::start(&launch).unwrap();
        said("no").await;
        drop(process);
        disk.free().unwrap();
        let _process = Process::start(&launch).unwrap();
        said("yes").await;
    }
}
