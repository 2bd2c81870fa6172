//! The one thread that writes keys: finds what is there, makes what is not, destroys what is to be destroyed.
//!
//! Whoever waits for keys waits together: all new keys of a group are one write and one sync. Who needs no new key is
//! answered before that. No unwrapped key is kept: one is read and unwrapped for each event that needs it (about two
//! microseconds), so that after an erasure there is none left to be forgotten.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    time::Instant,
};

use hongyan_chassis::LiveKeyring;
use hongyan_envelope::Keyring;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    error::KeysError,
    expiring::RETIRED,
    file::{self, KeyFile},
    sealed::{KEY_OCTETS, Key, SubjectKey},
    slot::{KeyId, Slot, State, SubjectTag},
    table::Table,
    wrapping::{unwrap, wrap},
};
use crate::record::Period;

/// A group of new keys is closed when it has so many. One request may carry it above.
const GROUP_KEYS: usize = 1_024;
/// Slots looked at, and rewrapped where they need it, in one go.
const REWRAP_SLOTS: u32 = 256;

/// What became of a request.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, KeysError>>;

/// What the thread is asked.
pub(crate) enum Command {
    /// The subjects' keys in this period, in order; those that are missing are made.
    Keys {
        period: Period,
        tags: Vec<SubjectTag>,
        answer: Answer<Vec<SubjectKey>>,
    },
    /// Destroy the subject's key of the current period, if there is one. Answers the current period, and how many.
    Erase {
        tag: SubjectTag,
        erasure: Uuid,
        answer: Answer<(Option<Period>, u32)>,
    },
    /// Destroy these slots of the subject in this period. Answers how many lived.
    Destroy {
        period: Period,
        slots: Vec<u32>,
        tag: SubjectTag,
        erasure: Uuid,
        answer: Answer<u32>,
    },
    /// Note erasures whose keys are not in the file of this period, if it is the one that new keys go to.
    Remember {
        period: Period,
        erased: Vec<(SubjectTag, Uuid)>,
        answer: Answer<()>,
    },
    /// Take the file of this period out of use.
    Retire { period: Period, answer: Answer<()> },
    /// Wrap some slots of this period under the active key-encryption key. Answers what was done.
    Rewrap {
        period: Period,
        from: u32,
        answer: Answer<Rewrapped>,
    },
}

/// A piece of rewrapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rewrapped {
    /// Keys that were wrapped anew.
    pub(crate) keys: u32,
    /// Where to go on; `None` at the end.
    pub(crate) next: Option<u32>,
}

/// The file that new keys go to.
struct Current {
    period: Period,
    file: KeyFile,
    table: Table,
}

impl Current {
    /// A key-encryption key that some of the file's keys need and that is away, or is another one under its name, is told
    /// here: else the first to hear of it would be whoever asks about one of these people.
    fn open(dir: &Path, period: Period, kek: &Keyring) -> Result<Self, KeysError> {
        let started = Instant::now();
        let mut subjects = 0_u64;
        let mut table = Table::new();
        // The first living slot under each key-encryption key.
        let mut samples: Vec<Slot> = Vec::new();
        let file = KeyFile::open_to_append(dir, period, |slot| {
            if matches!(slot.state, State::Live { .. }) {
                table.insert(&slot.tag, slot.id.slot());
                subjects += 1;
                let under = slot.wrapped_under();
                if !samples.iter().any(|sample| sample.wrapped_under() == under) {
                    samples.push(slot.clone());
                }
            }
        })?;
        for slot in &samples {
            unwrap(kek, period, file.path(), slot)?;
        }
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(%period, subjects, took_ms, "the keys of a period are open");
        Ok(Self { period, file, table })
    }

    /// The subject's living slot.
    fn find(&self, tag: &SubjectTag) -> Result<Option<Slot>, KeysError> {
        for number in self.table.candidates(tag) {
            let slot = self.file.read(number)?;
            if slot.tag == *tag && matches!(slot.state, State::Live { .. }) {
                return Ok(Some(slot));
            }
        }
        Ok(None)
    }
}

/// New keys on their way to the disk, and who waits for them.
#[derive(Default)]
struct Group {
    slots: Vec<Slot>,
    keys: Vec<SubjectKey>,
    by_tag: HashMap<SubjectTag, usize>,
    waiting: Vec<(Answer<Vec<SubjectKey>>, Vec<SubjectKey>)>,
}

/// The state of the thread.
pub(crate) struct Keeper {
    dir: PathBuf,
    kek: LiveKeyring,
    current: Option<Current>,
    random: SystemRandom,
}

impl Keeper {
    /// Opens the newest file of the directory. Blocks for as long as reading it takes.
    pub(crate) fn open(dir: &Path, kek: LiveKeyring) -> Result<Self, KeysError> {
        let newest = file::periods(dir)?.pop();
        let current = newest
            .map(|period| Current::open(dir, period, &kek.current()))
            .transpose()?;
        Ok(Self {
            dir: dir.to_owned(),
            kek,
            current,
            random: SystemRandom::new(),
        })
    }

    /// Works until every handle is gone. After an error the caller must end the process: nobody knows what is on disk.
    pub(crate) fn run(mut self, mut commands: mpsc::Receiver<Command>) -> Result<(), KeysError> {
        while let Some(mut command) = commands.blocking_recv() {
            let mut group = Group::default();
            let other = loop {
                match command {
                    Command::Keys { period, tags, answer } => self.join(&mut group, period, &tags, answer)?,
                    other => break Some(other),
                }
                if group.slots.len() >= GROUP_KEYS {
                    break None;
                }
                match commands.try_recv() {
                    Ok(next) => command = next,
                    Err(_) => break None,
                }
            };
            self.commit(group)?;
            match other {
                None | Some(Command::Keys { .. }) => {}
                Some(Command::Erase { tag, erasure, answer }) => {
                    tell(answer, self.erase(&tag, erasure))?;
                }
                Some(Command::Destroy {
                    period,
                    slots,
                    tag,
                    erasure,
                    answer,
                }) => {
                    tell(answer, self.destroy(period, &slots, &tag, erasure))?;
                }
                Some(Command::Remember {
                    period,
                    erased,
                    answer,
                }) => {
                    tell(answer, self.remember(period, &erased))?;
                }
                Some(Command::Retire { period, answer }) => {
                    tell(answer, self.retire(period))?;
                }
                Some(Command::Rewrap { period, from, answer }) => {
                    tell(answer, self.rewrap(period, from))?;
                }
            }
        }
        Ok(())
    }

    /// Adds a request to the group, or answers it where it needs no new key.
    fn join(
        &mut self,
        group: &mut Group,
        period: Period,
        tags: &[SubjectTag],
        answer: Answer<Vec<SubjectKey>>,
    ) -> Result<(), KeysError> {
        if self.is_new(period) {
            self.commit(std::mem::take(group))?;
            self.current = Some(Current::open(&self.dir, period, &self.kek.current())?);
        }
        let on_disk = self.current.as_ref().map_or(0, |current| current.file.next());
        let keys: Result<Vec<_>, KeysError> = tags.iter().map(|tag| self.key(group, tag)).collect();
        match keys {
            Ok(keys) if keys.iter().all(|key| key.id.slot() < on_disk) => tell(answer, Ok(keys)),
            Ok(keys) => {
                group.waiting.push((answer, keys));
                Ok(())
            }
            // Keys that were made for it are written with the others, and wait for the subject's next event.
            Err(error) => tell(answer, Err(error)),
        }
    }

    /// Whether new keys of this period need its file to be opened. A clock that goes back makes no keys for a period that
    /// has ended.
    fn is_new(&self, period: Period) -> bool {
        let current = self.current.as_ref();
        current.is_none_or(|current| current.period < period)
    }

    fn key(&self, group: &mut Group, tag: &SubjectTag) -> Result<SubjectKey, KeysError> {
        if let Some(made) = group.by_tag.get(tag).and_then(|at| group.keys.get(*at)) {
            return Ok(made.clone());
        }
        let current = self.current.as_ref().ok_or(KeysError::Stopped)?;
        if let Some(slot) = current.find(tag)? {
            return unwrap(&self.kek.current(), current.period, current.file.path(), &slot);
        }
        let (slot, key) = self.make(current, group.slots.len(), tag)?;
        group.by_tag.insert(*tag, group.slots.len());
        group.slots.push(slot);
        group.keys.push(key.clone());
        Ok(key)
    }

    /// A new key, the n-th of its group.
    fn make(&self, current: &Current, nth: usize, tag: &SubjectTag) -> Result<(Slot, SubjectKey), KeysError> {
        let first = current.file.next();
        let number = u32::try_from(nth)
            .ok()
            .and_then(|nth| first.checked_add(nth))
            .ok_or_else(|| KeysError::Full(current.file.path().to_owned()))?;
        let mut random = [0; 12];
        let mut octets: Key = Zeroizing::new([0; KEY_OCTETS]);
        self.random.fill(&mut random).map_err(|_| KeysError::NoRandom)?;
        self.random
            .fill(octets.as_mut_slice())
            .map_err(|_| KeysError::NoRandom)?;
        let key = SubjectKey {
            period: current.period,
            id: KeyId::new(number, random),
            key: octets,
        };
        let wrapped = wrap(&self.kek.current(), &key, tag)?;
        let slot = Slot {
            tag: *tag,
            id: key.id,
            batch_first: first,
            state: State::Live { wrapped },
        };
        Ok((slot, key))
    }

    /// Puts the group's keys on disk; then everybody may use them.
    fn commit(&mut self, group: Group) -> Result<(), KeysError> {
        if let Some(current) = self.current.as_mut().filter(|_| !group.slots.is_empty()) {
            let started = Instant::now();
            match current.file.append(&group.slots) {
                Ok(()) => {}
                Err(error) if error.ends_the_process() => return Err(error),
                // There is no room: whoever waits is told so by the end of the wait.
                Err(error) => {
                    tracing::error!(%error, "no keys can be made");
                    return Ok(());
                }
            }
            for slot in &group.slots {
                current.table.insert(&slot.tag, slot.id.slot());
            }
            metrics::histogram!("hongyan_audit_keys_commit_seconds").record(started.elapsed());
            metrics::counter!("hongyan_audit_keys_made_total").increment(group.slots.len() as u64);
        }
        for (answer, keys) in group.waiting {
            tell(answer, Ok(keys))?;
        }
        Ok(())
    }

    fn erase(&mut self, tag: &SubjectTag, erasure: Uuid) -> Result<(Option<Period>, u32), KeysError> {
        let Some(current) = self.current.as_mut() else {
            return Ok((None, 0));
        };
        let mut destroyed = 0;
        while let Some(slot) = current.find(tag)? {
            current.file.overwrite(&[destroyed_by(&slot, erasure)])?;
            current.table.remove(tag, slot.id.slot());
            destroyed += 1;
        }
        Ok((Some(current.period), destroyed))
    }

    fn destroy(
        &mut self,
        period: Period,
        slots: &[u32],
        tag: &SubjectTag,
        erasure: Uuid,
    ) -> Result<u32, KeysError> {
        let earlier;
        let file = match &self.current {
            Some(current) if current.period == period => &current.file,
            _ => {
                earlier = KeyFile::open_earlier(&self.dir, period)?;
                &earlier
            }
        };
        let mut living = Vec::new();
        for number in slots {
            let slot = file.read(*number)?;
            if slot.tag == *tag && matches!(slot.state, State::Live { .. }) {
                living.push(destroyed_by(&slot, erasure));
            }
        }
        if !living.is_empty() {
            file.overwrite(&living)?;
        }
        if let Some(current) = self.current.as_mut().filter(|current| current.period == period) {
            for slot in &living {
                current.table.remove(tag, slot.id.slot());
            }
        }
        Ok(u32::try_from(living.len()).unwrap_or(u32::MAX))
    }

    fn remember(&mut self, period: Period, erased: &[(SubjectTag, Uuid)]) -> Result<(), KeysError> {
        if self.is_new(period) {
            self.current = Some(Current::open(&self.dir, period, &self.kek.current())?);
        }
        let Some(current) = self.current.as_mut().filter(|current| current.period == period) else {
            return Ok(());
        };
        let first = current.file.next();
        let slots = (first..).zip(erased).map(|(number, (tag, erasure))| Slot {
            tag: *tag,
            id: KeyId::new(number, [0; 12]),
            batch_first: first,
            state: State::Destroyed {
                erasure: *erasure.as_bytes(),
            },
        });
        current.file.append(&slots.collect::<Vec<_>>())
    }

    fn retire(&mut self, period: Period) -> Result<(), KeysError> {
        if self
            .current
            .as_ref()
            .is_some_and(|current| current.period == period)
        {
            self.current = None;
        }
        let path = file::path(&self.dir, period);
        let mut retired = path.clone().into_os_string();
        retired.push(".");
        retired.push(RETIRED);
        match fs::rename(&path, &retired) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(KeysError::io("renaming", &path)(error)),
            Ok(()) => file::sync_dir(&self.dir),
        }
    }

    fn rewrap(&self, period: Period, from: u32) -> Result<Rewrapped, KeysError> {
        let earlier;
        let file = match &self.current {
            Some(current) if current.period == period => &current.file,
            _ => {
                earlier = KeyFile::open_earlier(&self.dir, period)?;
                &earlier
            }
        };
        let kek = self.kek.current();
        let mut old = Vec::new();
        let next = file.scan(from, REWRAP_SLOTS, |slot| {
            if let State::Live { wrapped } = &slot.state
                && hongyan_envelope::key_id(wrapped) != Ok(kek.active())
            {
                old.push(slot);
            }
        })?;
        let mut new = Vec::with_capacity(old.len());
        for slot in old {
            let key = unwrap(&kek, period, file.path(), &slot)?;
            let wrapped = wrap(&kek, &key, &slot.tag)?;
            new.push(Slot {
                state: State::Live { wrapped },
                ..slot
            });
        }
        if !new.is_empty() {
            file.overwrite(&new)?;
        }
        Ok(Rewrapped {
            keys: u32::try_from(new.len()).unwrap_or(u32::MAX),
            next,
        })
    }

    /// From now on every write fails, as on a full disk.
    #[cfg(test)]
    pub(crate) fn fill_disk(&mut self) {
        if let Some(current) = &mut self.current {
            current.file.fill_disk();
        }
    }
}

/// Answers; an error after which nobody knows what is on disk goes on to end the thread, and who waits hears of the end.
fn tell<T>(answer: Answer<T>, result: Result<T, KeysError>) -> Result<(), KeysError> {
    match result {
        Err(error) if error.ends_the_process() => Err(error),
        // Nobody may wait for it any more.
        result => {
            let _ = answer.send(result);
            Ok(())
        }
    }
}

fn destroyed_by(slot: &Slot, erasure: Uuid) -> Slot {
    Slot {
        state: State::Destroyed {
            erasure: *erasure.as_bytes(),
        },
        ..slot.clone()
    }
}

/// Makes the directory, and its name durable.
pub(crate) fn make_dir(dir: &Path) -> Result<(), KeysError> {
    fs::create_dir_all(dir).map_err(KeysError::io("creating", dir))?;
    match dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => file::sync_dir(parent),
        None => Ok(()),
    }
}
