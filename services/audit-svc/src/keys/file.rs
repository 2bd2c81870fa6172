//! The key file of one period: a head, then slots, on disk.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::{
    error::KeysError,
    slot::{self, SLOT_OCTETS, Slot, SlotOctets, State},
};
use crate::{point::point, record::Period};

const SUFFIX: &str = ".keys";
/// Slots read at once where many are: 1 MiB.
const AT_ONCE: u32 = 4_096;
/// A reader that meets a slot while it is overwritten looks again so often.
const LOOKS: usize = 5;

/// `<dir>/2026h2.keys`.
pub(crate) fn path(dir: &Path, period: Period) -> PathBuf {
    dir.join(format!("{period}{SUFFIX}"))
}

/// The periods that have a file, oldest first.
pub(crate) fn periods(dir: &Path) -> Result<Vec<Period>, KeysError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(KeysError::io("listing", dir))? {
        let name = entry.map_err(KeysError::io("listing", dir))?.file_name();
        let period: Option<Period> = name
            .to_str()
            .and_then(|name| name.strip_suffix(SUFFIX))
            .and_then(|name| name.parse().ok());
        found.extend(period);
    }
    found.sort_unstable();
    Ok(found)
}

/// An open key file.
#[derive(Debug)]
pub(crate) struct KeyFile {
    path: PathBuf,
    file: File,
    /// The number of the next new slot, which is also how many there are with the head.
    next: u32,
}

impl KeyFile {
    /// Opens the file of the period in which keys are made now, or makes it. What a crash left unfinished at its end was
    /// never used and becomes void; any other damage is refused. Every whole slot goes to `visit`.
    pub(crate) fn open_to_append(
        dir: &Path,
        period: Period,
        mut visit: impl FnMut(&Slot),
    ) -> Result<Self, KeysError> {
        let path = path(dir, period);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            // Whoever copies it keeps what is erased later.
            .mode(0o600)
            .open(&path)
            .map_err(KeysError::io("opening", &path))?;
        let octets = length(&file, &path)?;
        if octets < SLOT_OCTETS as u64 {
            // A head that was cut: nothing stood behind it yet.
            write_head(&mut file, &path, period)?;
        }
        // Also where the file is there: who made it may have ended before its name was on disk.
        sync_dir(dir)?;
        let whole = (length(&file, &path)? / SLOT_OCTETS as u64).max(1);
        let next = u32::try_from(whole).map_err(|_| KeysError::Full(path.clone()))?;
        let opened = Self { path, file, next };
        opened.check_head(period)?;
        // Slots in front of this one were on disk when a later one was written.
        let mut synced = 1;
        let mut unfinished = Vec::new();
        opened.each(|number, octets| {
            match Slot::decode(number, octets) {
                Ok(slot) => {
                    synced = synced.max(slot.batch_first);
                    visit(&slot);
                }
                Err(_) if octets.iter().all(|octet| *octet == 0) => unfinished.push(number),
                Err(reason) => return Err(opened.damaged(number, reason)),
            }
            Ok(())
        })?;
        if let Some(lost) = unfinished.first().filter(|number| **number < synced) {
            return Err(opened.damaged(*lost, "holds zeros where a slot was"));
        }
        for number in &unfinished {
            opened.write_at(*number, &Slot::void(*number).encode())?;
        }
        let end = offset(next);
        if !unfinished.is_empty() || octets > end {
            opened
                .file
                .set_len(end)
                .map_err(KeysError::io("cutting", &opened.path))?;
            opened.sync()?;
            tracing::warn!(
                file = %opened.path.display(),
                slots = unfinished.len(),
                "keys that were being written when an earlier process ended were never used"
            );
        }
        Ok(opened)
    }

    /// Opens the file of an earlier period. What is in it is checked when it is read.
    pub(crate) fn open_earlier(dir: &Path, period: Period) -> Result<Self, KeysError> {
        let path = path(dir, period);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => KeysError::Missing {
                    path: path.clone(),
                    slot: 0,
                },
                _ => KeysError::io("opening", &path)(error),
            })?;
        let slots = length(&file, &path)? / SLOT_OCTETS as u64;
        let next = u32::try_from(slots).map_err(|_| KeysError::Full(path.clone()))?;
        let opened = Self { path, file, next };
        opened.check_head(period)?;
        Ok(opened)
    }

    /// The number that the next new slot gets.
    pub(crate) fn next(&self) -> u32 {
        self.next
    }

    /// Writes slots behind the end, numbered from `next()`: one write, one sync. When it returns `Ok` they are on disk.
    pub(crate) fn append(&mut self, slots: &[Slot]) -> Result<(), KeysError> {
        let more = u32::try_from(slots.len()).unwrap_or(u32::MAX);
        // The last number is kept free: the table has another use for it.
        let next = self
            .next
            .checked_add(more)
            .filter(|next| *next < u32::MAX)
            .ok_or_else(|| KeysError::Full(self.path.clone()))?;
        let octets: Vec<u8> = slots.iter().flat_map(Slot::encode).collect();
        self.file
            .write_all_at(&octets, offset(self.next))
            .map_err(KeysError::io("writing", &self.path))?;
        point!("keys-written");
        self.sync()?;
        point!("keys-synced");
        self.next = next;
        Ok(())
    }

    /// Overwrites slots where they stand; on disk when it returns `Ok`.
    pub(crate) fn overwrite(&self, slots: &[Slot]) -> Result<(), KeysError> {
        for slot in slots {
            self.write_at(slot.id.slot(), &slot.encode())?;
        }
        point!("keys-overwritten");
        self.sync()?;
        point!("keys-destroyed");
        Ok(())
    }

    /// Reads one slot, for whoever is the only one that writes.
    pub(crate) fn read(&self, number: u32) -> Result<Slot, KeysError> {
        if number == 0 || number >= self.next {
            return Err(KeysError::Missing {
                path: self.path.clone(),
                slot: number,
            });
        }
        let mut octets = [0; SLOT_OCTETS];
        self.file
            .read_exact_at(&mut octets, offset(number))
            .map_err(KeysError::io("reading", &self.path))?;
        Slot::decode(number, &octets).map_err(|reason| self.damaged(number, reason))
    }

    /// Reads one slot while another thread may be overwriting it: that shows as damage, for as long as it takes.
    pub(crate) fn read_beside_writer(&self, number: u32) -> Result<Slot, KeysError> {
        let mut looks = 1;
        loop {
            match self.read(number) {
                Err(KeysError::Damaged { .. }) if looks < LOOKS => {
                    looks += 1;
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                read => return read,
            }
        }
    }

    /// Goes over slots from `from` on, at most `most`, while others may be overwritten; answers where to go on, if there
    /// are more.
    pub(crate) fn scan(
        &self,
        from: u32,
        most: u32,
        mut visit: impl FnMut(Slot),
    ) -> Result<Option<u32>, KeysError> {
        let end = self.next.min(from.saturating_add(most));
        self.each_in(from, end, |number, octets| {
            let slot = match Slot::decode(number, octets) {
                Ok(slot) => slot,
                Err(_) => self.read_beside_writer(number)?,
            };
            visit(slot);
            Ok(())
        })?;
        Ok(Some(end).filter(|end| *end < self.next))
    }

    /// All slots that hold or held a key of the subject, and the first damage that may hide another.
    pub(crate) fn of_subject(
        &self,
        tag: &slot::SubjectTag,
    ) -> Result<(Vec<Slot>, Option<KeysError>), KeysError> {
        let (mut found, mut damage) = (Vec::new(), None);
        self.each(|number, octets| {
            let slot = match Slot::decode(number, octets) {
                Ok(slot) => slot,
                Err(_) => match self.read_beside_writer(number) {
                    Ok(slot) => slot,
                    Err(error @ KeysError::Damaged { .. }) => {
                        damage.get_or_insert(error);
                        return Ok(());
                    }
                    Err(error) => return Err(error),
                },
            };
            if slot.tag == *tag && slot.state != State::Void {
                found.push(slot);
            }
            Ok(())
        })?;
        Ok((found, damage))
    }

    /// All slots that are whole.
    pub(crate) fn each_whole(&self, mut visit: impl FnMut(Slot)) -> Result<(), KeysError> {
        self.each(|number, octets| {
            if let Ok(slot) = Slot::decode(number, octets) {
                visit(slot);
            }
            Ok(())
        })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn each(&self, visit: impl FnMut(u32, &SlotOctets) -> Result<(), KeysError>) -> Result<(), KeysError> {
        self.each_in(1, self.next, visit)
    }

    fn each_in(
        &self,
        from: u32,
        end: u32,
        mut visit: impl FnMut(u32, &SlotOctets) -> Result<(), KeysError>,
    ) -> Result<(), KeysError> {
        let mut buffer = Vec::new();
        let mut number = from;
        while number < end {
            let count = (end - number).min(AT_ONCE);
            buffer.resize(count as usize * SLOT_OCTETS, 0);
            self.file
                .read_exact_at(&mut buffer, offset(number))
                .map_err(KeysError::io("reading", &self.path))?;
            let (slots, _) = buffer.as_chunks::<SLOT_OCTETS>();
            for (number, octets) in (number..).zip(slots) {
                visit(number, octets)?;
            }
            number += count;
        }
        Ok(())
    }

    fn check_head(&self, period: Period) -> Result<(), KeysError> {
        let mut octets = [0; SLOT_OCTETS];
        self.file
            .read_exact_at(&mut octets, 0)
            .map_err(KeysError::io("reading", &self.path))?;
        slot::check_head(&period.to_string(), &octets).map_err(|reason| self.damaged(0, reason))
    }

    fn write_at(&self, number: u32, octets: &SlotOctets) -> Result<(), KeysError> {
        self.file
            .write_all_at(octets, offset(number))
            .map_err(KeysError::io("writing", &self.path))
    }

    fn sync(&self) -> Result<(), KeysError> {
        self.file
            .sync_data()
            .map_err(KeysError::io("syncing", &self.path))
    }

    fn damaged(&self, slot: u32, reason: &'static str) -> KeysError {
        KeysError::Damaged {
            path: self.path.clone(),
            slot,
            offset: offset(slot),
            reason,
        }
    }

    /// From now on every write fails, as on a full disk.
    #[cfg(test)]
    pub(crate) fn fill_disk(&mut self) {
        self.file = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/full")
            .unwrap();
    }
}

fn write_head(file: &mut File, path: &Path, period: Period) -> Result<(), KeysError> {
    file.set_len(0)
        .and_then(|()| file.write_all_at(&slot::head(&period.to_string()), 0))
        .map_err(KeysError::io("writing", path))?;
    file.sync_all().map_err(KeysError::io("syncing", path))
}

fn length(file: &File, path: &Path) -> Result<u64, KeysError> {
    let metadata: io::Result<_> = file.metadata();
    Ok(metadata.map_err(KeysError::io("reading", path))?.len())
}

fn offset(number: u32) -> u64 {
    u64::from(number) * SLOT_OCTETS as u64
}

/// Makes names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), KeysError> {
    File::open(dir)
        .and_then(|handle| handle.sync_all())
        .map_err(KeysError::io("syncing", dir))
}
