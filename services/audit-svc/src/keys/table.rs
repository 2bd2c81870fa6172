//! Where each subject's key stands in the file of the current period: a hash table of eight octets an entry.
//!
//! An entry is 32 bits of the tag and the slot's number; whether it is the subject's is for the slot to say. At most
//! three quarters of the table are used, so a subject costs 10.7 to 21.3 octets of memory: a million subjects at most
//! 21 MB.

use super::slot::SubjectTag;

const LEAST: usize = 1_024;
const FREE: u32 = 0;
const REMOVED: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u32,
    slot: u32,
}

/// Tags to slots. Slots are 1 to 2^32 − 2.
#[derive(Debug)]
pub(crate) struct Table {
    /// A power of two of them.
    entries: Vec<Entry>,
    /// Entries that are not free, removed ones included.
    used: usize,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self {
            entries: vec![Entry { hash: 0, slot: FREE }; LEAST],
            used: 0,
        }
    }

    /// Slots that may be the subject's; the one that is, is among them.
    pub(crate) fn candidates(&self, tag: &SubjectTag) -> impl Iterator<Item = u32> {
        let hash = hash(tag);
        self.chain(hash)
            .map(|at| self.entries[at])
            .take_while(|entry| entry.slot != FREE)
            .filter(move |entry| entry.hash == hash && entry.slot != REMOVED)
            .map(|entry| entry.slot)
    }

    /// Adds a subject's slot.
    pub(crate) fn insert(&mut self, tag: &SubjectTag, slot: u32) {
        if (self.used + 1) * 4 > self.entries.len() * 3 {
            self.grow();
        }
        self.put(Entry {
            hash: hash(tag),
            slot,
        });
    }

    /// Takes a subject's slot out.
    pub(crate) fn remove(&mut self, tag: &SubjectTag, slot: u32) {
        let found = self
            .chain(hash(tag))
            .take_while(|at| self.entries[*at].slot != FREE)
            .find(|at| self.entries[*at].slot == slot);
        if let Some(at) = found {
            self.entries[at].slot = REMOVED;
        }
    }

    /// Where an entry of this hash may stand, nearest first; ends because a quarter of the table is free.
    fn chain(&self, hash: u32) -> impl Iterator<Item = usize> + use<> {
        let mask = self.entries.len() - 1;
        (0..=mask).map(move |step| (hash as usize + step) & mask)
    }

    fn put(&mut self, entry: Entry) {
        let free = self.chain(entry.hash).find(|at| self.entries[*at].slot == FREE);
        if let Some(at) = free {
            self.entries[at] = entry;
            self.used += 1;
        }
    }

    fn grow(&mut self) {
        let larger = vec![Entry { hash: 0, slot: FREE }; self.entries.len() * 2];
        let old = std::mem::replace(&mut self.entries, larger);
        self.used = 0;
        for entry in old {
            if entry.slot != FREE && entry.slot != REMOVED {
                self.put(entry);
            }
        }
    }
}

/// Tags are keyed hashes, so any of their bits are as good as others.
fn hash(tag: &SubjectTag) -> u32 {
    u32::from_be_bytes([tag[0], tag[1], tag[2], tag[3]])
}

#[cfg(test)]
mod tests {
    use super::Table;
    use crate::keys::slot::SubjectTag;

    fn tag(n: u32) -> SubjectTag {
        let mut tag = [0; 32];
        // Spread as keyed hashes are.
        tag[..4].copy_from_slice(&n.wrapping_mul(2_654_435_761).to_be_bytes());
        tag
    }

    #[test]
    fn every_subject_is_found_and_no_other() {
        let mut table = Table::new();
        for n in 1..=50_000 {
            table.insert(&tag(n), n);
        }
        for n in 1..=50_000 {
            assert_eq!(table.candidates(&tag(n)).collect::<Vec<_>>(), [n]);
        }
        assert_eq!(table.candidates(&tag(50_001)).count(), 0);
        let octets = table.entries.len() * 8;
        assert!(octets <= 50_000 * 22, "{octets}");
    }

    #[test]
    fn what_is_removed_hides_nothing_behind_it() {
        let mut table = Table::new();
        let same = tag(1);
        for slot in 1..=3 {
            table.insert(&same, slot);
        }
        table.remove(&same, 2);
        assert_eq!(table.candidates(&same).collect::<Vec<_>>(), [1, 3]);
        table.remove(&same, 9);
        for n in 10..2_000 {
            table.insert(&tag(n), n);
        }
        assert_eq!(table.candidates(&same).collect::<Vec<_>>(), [1, 3]);
    }
}
