//! Runs the real programs.
//!
//! Every program gets a process group of its own and writes its output to a file. Unless detached it never outlives the
//! process that started it: dropping its [`Process`] kills the group, and should the starter itself be killed, a small
//! shell (the watchdog) notices that its standard input ended and kills what was left. `PR_SET_PDEATHSIG` would need
//! `unsafe`, and fires when the starting *thread* ends, which in a test is too early.

use std::{
    env,
    fs::{self, File},
    io::Write as _,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use super::watchdog;

const WAIT_THEN_BECOME: &str = r#"read -r word && exec "$@" </dev/null"#;

/// What to start, and how.
#[derive(Debug, Clone)]
pub struct Launch {
    /// For messages and the log's name.
    pub name: String,
    /// The program's file.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables besides a minimal environment: the starter's own `HONGYAN_*` must not reach the services.
    pub env: Vec<(String, String)>,
    /// Standard output and error are appended here.
    pub log: PathBuf,
}

/// A started program.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    child: Child,
    detached: bool,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts the program.
    pub fn start(launch: &Launch) -> Result<Self> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&launch.log)
            .with_context(|| format!("cannot open the log {}", launch.log.display()))?;
        let inherited = ["PATH", "HOME", "LANG", "RUST_BACKTRACE"]
            .into_iter()
            .filter_map(|name| Some((name, env::var(name).ok()?)));
        // A shell waits for a word before it becomes the program: were it the program at once, one that was started just
        // before this process is killed would not be on the watchdog's list yet.
        let mut child = Command::new("/bin/sh")
            .args(["-c", WAIT_THEN_BECOME, "start"])
            .arg(&launch.program)
            .args(&launch.args)
            .env_clear()
            .envs(inherited)
            .envs(launch.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {} ({})", launch.name, launch.program.display()))?;
        watchdog::tell("add", child.id())?;
        if let Some(mut input) = child.stdin.take() {
            input
                .write_all(b"go\n")
                .with_context(|| format!("cannot start {}", launch.name))?;
        }
        Ok(Self {
            name: launch.name.clone(),
            log: launch.log.clone(),
            child,
            detached: false,
            ended: None,
        })
    }

    /// From now on it goes on until somebody stops it by its id.
    pub fn detach(&mut self) -> Result<()> {
        self.detached = true;
        watchdog::tell("del", self.child.id())
    }

    /// Its process id, which is its group's too.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended; `None` while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none()
            && let Ok(Some(status)) = self.child.try_wait()
        {
            self.note_end(status);
        }
        self.ended
    }

    /// SIGKILL to the group, and waits until it is gone.
    pub fn kill(&mut self) -> Result<()> {
        self.signal(Signal::SIGKILL)?;
        if self.ended.is_none() {
            let status = self
                .child
                .wait()
                .with_context(|| format!("waiting for {}", self.name))?;
            self.note_end(status);
        }
        Ok(())
    }

    /// Sends a signal to the group; nothing where it has ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.ended().is_some() {
            return Ok(());
        }
        let group = Pid::from_raw(i32::try_from(self.child.id())?);
        killpg(group, signal).with_context(|| format!("cannot signal {}", self.name))
    }

    /// SIGTERM, and waits for the end; after `limit` it is killed, which is an error.
    pub async fn terminate(&mut self, limit: Duration) -> Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        let started = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return Ok(status);
            }
            if started.elapsed() >= limit {
                self.kill()?;
                bail!(
                    "{} did not end within {limit:?} of SIGTERM and was killed",
                    self.name
                );
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Fails where the program has ended, with the end of its log.
    pub fn must_run(&mut self) -> Result<()> {
        match self.ended() {
            None => Ok(()),
            Some(status) => bail!(
                "{} ended: {status}; the end of {}:\n{}",
                self.name,
                self.log.display(),
                tail(&self.log, 20)
            ),
        }
    }

    fn note_end(&mut self, status: ExitStatus) {
        self.ended = Some(status);
        if !self.detached {
            // The watchdog is gone only where something killed it; then there is nothing to tell.
            let _ = watchdog::tell("del", self.child.id());
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.detached {
            let _ = self.kill();
        }
    }
}

/// Finds a program of this workspace: beside the running executable, or in the folder that `HONGYAN_BIN_DIR` names.
pub fn find_program(name: &str) -> Result<PathBuf> {
    let mut folders = Vec::new();
    if let Some(folder) = env::var_os("HONGYAN_BIN_DIR") {
        folders.push(PathBuf::from(folder));
    }
    let own = env::current_exe().context("cannot tell where the running program is")?;
    if let Some(folder) = own.parent() {
        // Cargo puts test executables into `deps`, one below the programs.
        folders.push(match folder.file_name() {
            Some(last) if last == "deps" => folder.parent().unwrap_or(folder).to_path_buf(),
            _ => folder.to_path_buf(),
        });
    }
    for folder in &folders {
        let program = folder.join(name);
        if program.is_file() {
            return Ok(program);
        }
    }
    let looked: Vec<_> = folders
        .iter()
        .map(|folder| folder.display().to_string())
        .collect();
    bail!(
        "the program {name} is not built (looked in {}); build it with: cargo build --workspace --bins{}",
        looked.join(", "),
        if cfg!(debug_assertions) { "" } else { " --release" },
    )
}

/// The last lines of a file, for messages; empty where it cannot be read.
pub fn tail(path: &Path, lines: usize) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use super::{Launch, Process, find_program};
    use crate::harness::wait;

    fn shell(dir: &tempfile::TempDir, script: &str) -> Launch {
        Launch {
            name: "shell".into(),
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            env: vec![("HONGYAN_TEST".into(), "seen".into())],
            log: dir.path().join("shell.log"),
        }
    }

    fn alive(id: u32) -> bool {
        // A zombie still has its folder in /proc, so the state is asked for.
        fs::read_to_string(format!("/proc/{id}/stat"))
            .ok()
            .and_then(|stat| stat.rsplit(") ").next().map(|rest| !rest.starts_with('Z')))
            .unwrap_or(false)
    }

    #[tokio::test]
    async fn output_goes_to_the_log_and_the_environment_is_clean() {
        let dir = tempfile::tempdir().unwrap();
        let mut process = Process::start(&shell(
            &dir,
            "echo out $HONGYAN_TEST $CARGO_MANIFEST_DIR; echo err >&2",
        ))
        .unwrap();
        wait::until("end", Duration::from_secs(10), || {
            let ended = process.ended();
            async move { ended }
        })
        .await
        .unwrap();
        assert_eq!(
            fs::read_to_string(dir.path().join("shell.log")).unwrap(),
            "out seen\nerr\n"
        );
        assert!(process.must_run().unwrap_err().to_string().contains("err"));
    }

    #[tokio::test]
    async fn dropping_a_process_ends_its_whole_group() {
        let dir = tempfile::tempdir().unwrap();
        let launch = shell(&dir, "sleep 600 & echo $!; wait");
        let process = Process::start(&launch).unwrap();
        let child: u32 = wait::until("the child's id", Duration::from_secs(10), || async {
            fs::read_to_string(&launch.log).ok()?.trim().parse().ok()
        })
        .await
        .unwrap();
        assert!(alive(child));
        drop(process);
        wait::until("the child's end", Duration::from_secs(10), || async {
            (!alive(child)).then_some(())
        })
        .await
        .unwrap();
    }

    #[tokio::test]
    async fn a_program_that_ignores_sigterm_is_killed_and_told() {
        let dir = tempfile::tempdir().unwrap();
        let launch = shell(&dir, "trap '' TERM; echo ready; while :; do sleep 1; done");
        let mut process = Process::start(&launch).unwrap();
        wait::until("ready", Duration::from_secs(10), || async {
            fs::read_to_string(&launch.log)
                .ok()
                .filter(|log| log.contains("ready"))
        })
        .await
        .unwrap();
        let error = process.terminate(Duration::from_millis(100)).await.unwrap_err();
        assert!(error.to_string().contains("was killed"), "{error}");
        assert!(!alive(process.id()));
    }

    #[test]
    fn a_missing_program_is_told_with_how_to_build_it() {
        let error = find_program("no-such-program").unwrap_err().to_string();
        assert!(error.contains("cargo build --workspace --bins"), "{error}");
    }
}
