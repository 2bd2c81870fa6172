//! `hongyan audit verify`: checks a copied directory of logs, without any service.

mod check;

use std::{
    fs,
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use hongyan_tlog::{checkpoint::Checkpoint, key::Verifier, note::Note};
use serde_json::json;

use crate::{
    answer::{Answer, Failure},
    args::VerifyLogs,
    exit::Exit,
    screen::Screen,
    table::table,
};
use check::{Bad, check};

const CHECKPOINT: &str = "checkpoint";
/// `<class>/<period>/<partition>` below the directory, and one more for a copy in a folder of its own.
const MAX_DEPTH: usize = 4;
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// One log of the directory.
struct Checked {
    /// Its directory below the one that was named.
    name: String,
    result: Result<Found, Bad>,
}

/// What is right about a log.
struct Found {
    origin: String,
    size: u64,
    root: String,
}

pub(crate) fn run(args: &VerifyLogs, screen: Screen) -> Result<Answer, Failure> {
    let mut dirs = Vec::new();
    find_logs(&args.dir, 0, &mut dirs)
        .map_err(|error| Failure::Usage(format!("{}: {error}", args.dir.display())))?;
    if dirs.is_empty() {
        let why = "there is no log in it: a log is a directory with a file named checkpoint";
        return Err(Failure::Usage(format!("{}: {why}", args.dir.display())));
    }
    dirs.sort();
    let mut progress = Progress::new();
    let checked: Vec<_> = dirs
        .iter()
        .map(|dir| {
            let name = dir.strip_prefix(&args.dir).unwrap_or(dir).display().to_string();
            let name = if name.is_empty() { ".".to_owned() } else { name };
            let result = check_log(dir, &args.keys, |done, size| progress.show(&name, done, size));
            Checked { name, result }
        })
        .collect();
    progress.clear();
    Ok(render(&checked, screen))
}

fn find_logs(dir: &Path, depth: usize, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name() == CHECKPOINT {
            found.push(dir.to_owned());
        } else if entry.file_type()?.is_dir() && depth < MAX_DEPTH && entry.file_name() != "tile" {
            find_logs(&entry.path(), depth + 1, found)?;
        }
    }
    Ok(())
}

fn check_log(dir: &Path, keys: &[Verifier], progress: impl FnMut(u64, u64)) -> Result<Found, Bad> {
    let wrong = |why: String| Bad { index: None, why };
    let octets = fs::read(dir.join(CHECKPOINT)).map_err(|error| wrong(format!("checkpoint: {error}")))?;
    let note = Note::parse(&octets).map_err(|error| wrong(format!("checkpoint: {error}")))?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(|error| wrong(format!("checkpoint: {error}")))?;
    // One key signs all logs of an organisation, under the name of each.
    let named: Vec<_> = keys
        .iter()
        .filter_map(|key| key.named(checkpoint.origin()).ok())
        .collect();
    note.verified_by(&named)
        .map_err(|error| wrong(format!("checkpoint: {error}")))?;
    let read = |path: &str| fs::read(dir.join(path)).map_err(|error| error.to_string());
    check(&checkpoint, read, progress)?;
    Ok(Found {
        origin: checkpoint.origin().to_owned(),
        size: checkpoint.size(),
        root: checkpoint.root().to_string(),
    })
}

/// One wrong log is a no.
fn render(checked: &[Checked], screen: Screen) -> Answer {
    let rows = checked.iter().map(|log| match &log.result {
        Ok(found) => [
            log.name.clone(),
            "ok".to_owned(),
            found.size.to_string(),
            found.root.chars().take(16).collect(),
        ],
        Err(_) => [log.name.clone(), "WRONG".to_owned(), String::new(), String::new()],
    });
    let mut parts = vec![table(screen, &["log", "result", "entries", "root"], rows)];
    for log in checked {
        if let Err(bad) = &log.result {
            parts.push(match bad.index {
                Some(index) => format!("{}: first wrong at entry {index}: {}", log.name, bad.why),
                None => format!("{}: {}", log.name, bad.why),
            });
        }
    }
    let all_right = checked.iter().all(|log| log.result.is_ok());
    let logs = checked.iter().map(|log| match &log.result {
        Ok(found) => json!({
            "log": log.name,
            "ok": true,
            "origin": found.origin,
            "entries": found.size,
            "root": found.root,
        }),
        Err(bad) => json!({
            "log": log.name,
            "ok": false,
            "first_bad_index": bad.index,
            "why": bad.why,
        }),
    });
    Answer {
        text: parts.join("\n"),
        json: json!({"ok": all_right, "logs": logs.collect::<Vec<_>>()}),
        exit: if all_right { Exit::Yes } else { Exit::No },
    }
}

/// A line on the terminal that says how far it is; nothing where nobody looks.
struct Progress {
    is_seen: bool,
    next: Instant,
}

impl Progress {
    fn new() -> Self {
        Self {
            is_seen: std::io::stderr().is_terminal(),
            next: Instant::now(),
        }
    }

    fn show(&mut self, name: &str, done: u64, size: u64) {
        if !self.is_seen || Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + PROGRESS_EVERY;
        let percent = done.saturating_mul(100).checked_div(size).unwrap_or(100);
        let bar = "#".repeat((percent / 5) as usize);
        // A terminal that is gone needs no progress.
        let _ = write!(
            std::io::stderr(),
            "\r\x1b[K{name} [{bar:<20}] {percent:>3} %  {done} of {size} entries"
        );
    }

    fn clear(&self) {
        if self.is_seen {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
