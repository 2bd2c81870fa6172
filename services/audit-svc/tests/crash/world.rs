//! Who watches the process from outside: keeps what it was told, and holds the files against it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    env,
    io::{BufRead as _, BufReader},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use hongyan_audit_svc::record::LogId;
use hongyan_proto::audit::v1::Leaf;
use hongyan_tlog::{Frontier, Hash, leaf_hash, proof};
use prost::Message as _;

use crate::{
    child::{self, Dice},
    files::{self, Files},
};

/// Long, for a machine with other things to do.
const PATIENCE: Duration = Duration::from_mins(1);
/// Proofs made and checked of the answers of each life.
const PROOFS: usize = 40;

/// A process, and what it says.
pub(crate) struct Running {
    process: Child,
    lines: Receiver<String>,
}

impl Running {
    /// `change` may change how it is started.
    pub(crate) fn start(
        dir: &Path,
        settings: &[(&str, String)],
        change: impl FnOnce(Command) -> Command,
    ) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["child", "--exact", "--nocapture", "--test-threads=1"]);
        let mut command = change(command);
        command
            .env(child::DIR, dir)
            .env("TMPDIR", env::temp_dir())
            .envs(settings.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let said = BufReader::new(process.stderr.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { process, lines }
    }

    /// The next thing that it says; `None` where it has ended.
    pub(crate) fn line(&self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the process says nothing, and lives"),
        }
    }

    /// Everything up to a line that begins so; also what other lines said.
    pub(crate) fn until(&self, begins: &str) -> Vec<String> {
        let mut said = Vec::new();
        while let Some(line) = self.line() {
            let is_it = line.starts_with(begins);
            said.push(line);
            if is_it {
                return said;
            }
        }
        panic!("the process ended before it said {begins}: {said:?}");
    }

    /// What it said while it lived.
    pub(crate) fn rest(&self) -> Vec<String> {
        std::iter::from_fn(|| self.line()).collect()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "the process lives on");
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What clients saw.
#[derive(Default)]
struct Seen {
    /// The last size of each place, which must never shrink.
    last: HashMap<(LogId, &'static str), u64>,
    /// Every root that was ever signed for a size.
    roots: HashMap<(LogId, u64), Hash>,
    wrong: Vec<String>,
}

impl Seen {
    fn look(&mut self, dir: &Path) {
        let found = match files::checkpoints(dir) {
            Ok(found) => found,
            Err(error) => return self.wrong.push(error),
        };
        for ((log, place), checkpoint) in found {
            let (size, root) = (checkpoint.size(), *checkpoint.root());
            let last = self.last.insert((log, place), size).unwrap_or_default();
            if size < last {
                self.wrong
                    .push(format!("{place} of {log} went from {last} back to {size}"));
            }
            if *self.roots.entry((log, size)).or_insert(root) != root {
                self.wrong.push(format!("{log} has two roots for {size} leaves"));
            }
        }
    }
}

/// A log as far as it was read.
#[derive(Default)]
struct Known {
    hashes: Vec<Hash>,
    indices: Vec<u64>,
    frontier: Frontier,
    /// The roots of sizes that were asked for.
    roots: BTreeMap<u64, Hash>,
}

/// An event that was answered with its place.
struct Answered {
    log: LogId,
    log_index: u64,
    index: u64,
    hash: String,
}

/// A directory, and everything that is known of it from outside.
pub(crate) struct World {
    dir: tempfile::TempDir,
    dice: Dice,
    /// The next number of each producer that was not answered.
    next: BTreeMap<String, u64>,
    answered: Vec<Answered>,
    logs: BTreeMap<LogId, Known>,
    numbers: HashSet<(String, u64, u64)>,
    indices: HashSet<u64>,
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    watcher: Option<JoinHandle<()>>,
}

impl World {
    pub(crate) fn new(dice: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (seen, stop) = (Arc::<Mutex<Seen>>::default(), Arc::<AtomicBool>::default());
        let watcher = {
            let (seen, stop, dir) = (Arc::clone(&seen), Arc::clone(&stop), dir.path().to_owned());
            thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    seen.lock().unwrap().look(&dir);
                    thread::sleep(Duration::from_millis(2));
                }
            })
        };
        let producers = ["a-1", "bb-1", "ccc-1", "dddd-1"];
        Self {
            dir,
            dice: Dice::of(dice),
            next: producers.map(|producer| (producer.to_owned(), 1)).into(),
            answered: Vec::new(),
            logs: BTreeMap::new(),
            numbers: HashSet::new(),
            indices: HashSet::new(),
            seen,
            stop,
            watcher: Some(watcher),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.dice.roll(sides)
    }

    /// Answers so far.
    pub(crate) fn answers(&self) -> usize {
        self.answered.len()
    }

    /// A life under load. Some of what was answered before is sent again.
    pub(crate) fn start(&mut self, point: Option<String>) -> Running {
        let settings = point.map(|point| (child::POINT, point));
        self.start_as(settings, |command| command)
    }

    /// The same, with further settings, and however the process is to be started.
    pub(crate) fn start_as(
        &mut self,
        further: impl IntoIterator<Item = (&'static str, String)>,
        change: impl FnOnce(Command) -> Command,
    ) -> Running {
        let again = self.roll(30);
        let next = self
            .next
            .iter()
            .map(|(producer, next)| (producer.clone(), next.saturating_sub(again).max(1)));
        let mut settings = vec![
            (child::LOAD, child::load(&next.collect())),
            (child::SEED, self.roll(1 << 30).to_string()),
        ];
        settings.extend(further);
        Running::start(&self.path(), &settings, change)
    }

    /// Takes note of what a process has said, and holds the files against everything that is known. The process is dead.
    pub(crate) fn take_note(&mut self, said: &[String]) {
        for line in said {
            if let Some(answer) = line.strip_prefix("@answer ") {
                self.answer(answer);
            } else {
                assert!(
                    line.starts_with("@ready") || line.starts_with("@published"),
                    "unexpected: {line}"
                );
            }
        }
        self.check_files();
    }

    fn answer(&mut self, line: &str) {
        let mut pieces = line.split(' ');
        let (producer, first) = (pieces.next().unwrap(), pieces.next().unwrap());
        let first: u64 = first.parse().unwrap();
        let next = self.next.get_mut(producer).unwrap();
        let mut behind = first;
        for (seq, answer) in (first..).zip(pieces) {
            behind = seq + 1;
            if answer == "known" {
                continue;
            }
            assert!(
                seq >= *next,
                "{producer} {seq} was answered before, and is new now"
            );
            let pieces: Vec<_> = answer.split(':').collect();
            self.answered.push(Answered {
                index: pieces[0].parse().unwrap(),
                log: pieces[1].parse().unwrap(),
                log_index: pieces[2].parse().unwrap(),
                hash: pieces[3].to_owned(),
            });
        }
        *next = (*next).max(behind);
    }

    fn check_files(&mut self) {
        let mut seen = self.seen.lock().unwrap();
        seen.look(self.dir.path());
        assert!(seen.wrong.is_empty(), "{:?}", seen.wrong);
        let tiles = self.dir.path().join("tiles");
        for ((log, place), checkpoint) in files::checkpoints(self.dir.path()).unwrap() {
            if place != "tiles" {
                continue;
            }
            let known = self.logs.entry(log).or_default();
            let asked = seen.roots.keys().filter(|(of, _)| *of == log);
            let asked: HashSet<u64> = asked.map(|(_, size)| *size).collect();
            for entry in Files::of(&tiles, log, checkpoint.size())
                .entries(known.hashes.len() as u64)
                .unwrap()
            {
                let leaf = Leaf::decode(&entry[..]).unwrap();
                assert_eq!(
                    (leaf.log, leaf.log_index),
                    (log.to_string(), known.hashes.len() as u64)
                );
                assert!(known.indices.last().is_none_or(|last| *last < leaf.index));
                assert!(
                    self.indices.insert(leaf.index),
                    "index {} stands twice",
                    leaf.index
                );
                let number = (leaf.producer, leaf.epoch, leaf.seq);
                assert!(self.numbers.insert(number.clone()), "{number:?} stands twice");
                let hash = leaf_hash(&entry);
                known.hashes.push(hash);
                known.indices.push(leaf.index);
                known.frontier.push(hash);
                if asked.contains(&known.frontier.size()) {
                    known.roots.insert(known.frontier.size(), known.frontier.root());
                }
            }
            assert_eq!(
                (known.frontier.size(), known.frontier.root()),
                (checkpoint.size(), *checkpoint.root()),
                "{log}"
            );
        }
        // Whatever was ever signed is the beginning of what is there: no two roots, nothing rewritten.
        for ((log, size), root) in &seen.roots {
            let Some(found) = self.logs.get(log).and_then(|known| known.roots.get(size)) else {
                continue;
            };
            assert_eq!(found, root, "{log} at {size}");
        }
    }

    /// The last life: nobody writes, everything is published. Then everything must be there.
    pub(crate) fn finish(mut self) {
        let mut last = Running::start(&self.path(), &[], |command| command);
        let said = last.until("@published");
        let size: u64 = said.last().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let until = Instant::now() + PATIENCE;
        while segments(self.dir.path()) > 2 {
            assert!(Instant::now() < until, "old segments of the journal stay");
            thread::sleep(Duration::from_millis(5));
        }
        last.kill();
        last.wait();
        self.take_note(&said);
        assert_eq!(self.indices.len() as u64, size);
        assert!((0..size).all(|index| self.indices.contains(&index)), "a hole");
        for answered in &self.answered {
            let known = &self.logs[&answered.log];
            let at = answered.log_index as usize;
            let hash = hex::encode(known.hashes[at].as_bytes());
            assert_eq!((known.indices[at], &hash), (answered.index, &answered.hash));
        }
        self.check_proofs();
        self.check_roots();
    }

    fn check_proofs(&mut self) {
        let tiles = self.dir.path().join("tiles");
        for _ in 0..PROOFS.min(self.answered.len()) {
            let nth = self.dice.roll(self.answered.len() as u64) as usize;
            let Answered { log, log_index, .. } = self.answered[nth];
            let known = &self.logs[&log];
            let (size, root) = (known.frontier.size(), known.frontier.root());
            let mut nodes = Files::of(&tiles, log, size);
            let path = proof::inclusion(&mut nodes, log_index, size).unwrap();
            let leaf = &known.hashes[log_index as usize];
            proof::verify_inclusion(leaf, log_index, size, &path, &root).unwrap();
        }
        for (log, known) in &self.logs {
            Files::of(&tiles, *log, known.frontier.size())
                .check(&known.frontier.root())
                .unwrap();
        }
    }

    /// Every root that was ever signed, also of sizes that were read before somebody saw it.
    fn check_roots(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.watcher.take().unwrap().join().unwrap();
        let seen = self.seen.lock().unwrap();
        assert!(seen.wrong.is_empty(), "{:?}", seen.wrong);
        for (log, known) in &self.logs {
            let mut frontier = Frontier::new();
            for hash in &known.hashes {
                frontier.push(*hash);
                if let Some(root) = seen.roots.get(&(*log, frontier.size())) {
                    assert_eq!(*root, frontier.root(), "{log} at {}", frontier.size());
                }
            }
        }
        let of_unknown = seen.roots.keys().filter(|(log, size)| {
            self.logs
                .get(log)
                .is_none_or(|known| known.hashes.len() < *size as usize)
        });
        assert_eq!(of_unknown.count(), 0, "a checkpoint that was signed is gone");
    }
}

/// How many files the journal has.
pub(crate) fn segments(dir: &Path) -> usize {
    let entries = std::fs::read_dir(dir.join("log")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.strip_suffix(".log").is_some()).count()
}

/// Whether it was killed by SIGKILL.
pub(crate) fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(9)
}
