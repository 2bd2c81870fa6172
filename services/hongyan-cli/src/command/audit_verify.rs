//! `hongyan audit verify`: checks a copied directory of logs, or a proof in a file, without any service.

mod check;
mod ends;
mod proof_file;
#[cfg(test)]
mod tests;

use std::{
    fs,
    path::{Path, PathBuf},
};

use hongyan_tlog::{checkpoint::Checkpoint, key::Verifier, note::Note};
use serde_json::json;

use crate::{
    answer::{Answer, Failure},
    args::VerifyLogs,
    copied::{CHECKPOINT, Copied, PART, Part, TILES, UNFINISHED},
    exit::Exit,
    progress::Progress,
    screen::Screen,
    table::slim_table,
};
use check::{Bad, Checking};
use ends::{First, Said};
pub(crate) use proof_file::leaf_file;

/// `<class>/<period>/<partition>` below the directory, and one more for a copy in a folder of its own.
const MAX_DEPTH: usize = 4;

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
    /// The entries that are there: all of them, where it is no part.
    from: u64,
    until: u64,
    /// Its text.
    checkpoint: String,
    first: First,
}

pub(crate) fn run(args: &VerifyLogs, screen: Screen) -> Result<Answer, Failure> {
    if args.path.is_file() {
        return proof_file::run(&args.path, &args.keys);
    }
    let mut dirs = Vec::new();
    find_logs(&args.path, 0, &mut dirs)
        .map_err(|error| Failure::Usage(format!("{}: {error}", args.path.display())))?;
    if dirs.is_empty() {
        let why = "there is no log in it: a log is a directory with a file named checkpoint";
        return Err(Failure::Usage(format!("{}: {why}", args.path.display())));
    }
    dirs.sort();
    let mut progress = Progress::new();
    let mut checked: Vec<_> = dirs
        .iter()
        .map(|dir| {
            let name = dir.strip_prefix(&args.path).unwrap_or(dir).display().to_string();
            let name = if name.is_empty() { ".".to_owned() } else { name };
            let result = check_log(dir, args, |done, size| progress.show(&name, done, size));
            Checked { name, result }
        })
        .collect();
    progress.clear();
    check_ends(&mut checked);
    Ok(render(&checked, screen))
}

/// Logs that are right each for itself must follow each other.
fn check_ends(checked: &mut [Checked]) {
    let (places, said): (Vec<_>, Vec<_>) = checked
        .iter()
        .enumerate()
        .filter_map(|(nth, log)| Some((nth, log.result.as_ref().ok()?.said())))
        .unzip();
    for (nth, why) in ends::wrong(&said) {
        let log = places.get(nth).and_then(|place| checked.get_mut(*place));
        if let Some(log) = log {
            log.result = Err(Bad { index: Some(0), why });
        }
    }
}

/// Tiles without a checkpoint are a log too, a wrong one: taking its checkpoint away must not hide it.
fn find_logs(dir: &Path, depth: usize, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut is_log = false;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name() == CHECKPOINT || entry.file_name() == TILES {
            is_log = true;
        } else if entry.file_type()?.is_dir() && depth < MAX_DEPTH {
            find_logs(&entry.path(), depth + 1, found)?;
        }
    }
    if is_log {
        found.push(dir.to_owned());
    }
    Ok(())
}

fn check_log(dir: &Path, args: &VerifyLogs, progress: impl FnMut(u64, u64)) -> Result<Found, Bad> {
    let wrong = |file: &'static str| {
        move |why: String| Bad {
            index: None,
            why: format!("{file}: {why}"),
        }
    };
    let files = Copied::at(dir);
    let checkpoint = signed(&files, &args.keys).map_err(wrong(CHECKPOINT))?;
    let part = match files.text(PART).map_err(wrong(PART))? {
        None => None,
        Some(octets) => Some(Part::parse(&octets).map_err(wrong(PART))?),
    };
    let checking = Checking {
        files: &files,
        checkpoint: &checkpoint,
        may_be_pruned: args.pruned,
    };
    let (from, until) = match &part {
        None => (checking.whole(progress)?, checkpoint.size()),
        Some(part) => {
            checking.part(part, progress)?;
            (part.from, part.until)
        }
    };
    let first = if from == 0 {
        ends::first(&files, until).map_err(|why| Bad { index: Some(0), why })?
    } else {
        First::Away
    };
    Ok(Found {
        checkpoint: checkpoint.to_string(),
        first,
        origin: checkpoint.origin().to_owned(),
        size: checkpoint.size(),
        root: checkpoint.root().to_string(),
        from,
        until,
    })
}

/// The checkpoint, signed by one of the keys.
fn signed(files: &Copied, keys: &[Verifier]) -> Result<Checkpoint, String> {
    let Some(octets) = files.text(CHECKPOINT)? else {
        let is_unfinished = files.text(UNFINISHED)?.is_some();
        let why = if is_unfinished {
            "is missing: the export has not come to its end; run it again"
        } else {
            "is missing, so nothing here is signed: it was lost, or the log was copied before its first was published"
        };
        return Err(why.to_owned());
    };
    let note = Note::parse(&octets).map_err(|error| error.to_string())?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(|error| error.to_string())?;
    // One key signs all logs of an organisation, under the name of each.
    let named: Vec<_> = keys
        .iter()
        .filter_map(|key| key.named(checkpoint.origin()).ok())
        .collect();
    note.verified_by(&named).map_err(|error| error.to_string())?;
    Ok(checkpoint)
}

impl Found {
    fn said(&self) -> Said {
        Said {
            origin: self.origin.clone(),
            size: self.size,
            root: self.root.clone(),
            checkpoint: self.checkpoint.clone(),
            first: self.first.clone(),
        }
    }

    /// Whose log it is, where the name of its directory does not say so: who was given another log than the one that was
    /// asked for must see it.
    fn origin_unless_named(&self, name: &str) -> String {
        if self.origin.ends_with(&format!("/{name}")) {
            String::new()
        } else {
            self.origin.clone()
        }
    }

    /// How many there are, and which of them are here where that is not all.
    fn entries(&self) -> String {
        if (self.from, self.until) == (0, self.size) {
            self.size.to_string()
        } else {
            format!("{} to {} of {}", self.from, self.until, self.size)
        }
    }
}

/// One wrong log is a no.
fn render(checked: &[Checked], screen: Screen) -> Answer {
    let none = String::new;
    let rows = checked.iter().map(|log| match &log.result {
        Ok(found) => [
            log.name.clone(),
            found.origin_unless_named(&log.name),
            "ok".to_owned(),
            found.entries(),
            found.root.chars().take(16).collect(),
        ],
        Err(_) => [log.name.clone(), none(), "WRONG".to_owned(), none(), none()],
    });
    let heading = ["log", "origin", "result", "entries", "root"];
    let mut parts = vec![slim_table(screen, heading, rows)];
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
            "from": found.from,
            "until": found.until,
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
