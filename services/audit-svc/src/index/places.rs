//! Where leaves of the record stand in their logs: one block for many of them, so that a leaf costs octets and not a key.
//!
//! A block begins at an index of the record, which is its key, and is a row of runs: log's number ‖ leaves ‖ (where the
//! log first comes in this block) its first place in the log; all as variable-length numbers. Leaves of one log follow each
//! other there too, so that later runs of it need no place.

use prost::encoding::{decode_varint, encode_varint};

/// Leaves of one block, at most.
pub(crate) const BLOCK_LEAVES: u64 = 1_024;

/// Leaves that follow each other in the record and in one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// The first one, in the record.
    pub(crate) index: u64,
    /// The log's number in this index.
    pub(crate) log: u16,
    /// The first one, in the log.
    pub(crate) log_index: u64,
    pub(crate) leaves: u64,
}

/// A block that grows.
#[derive(Debug, Default)]
pub(crate) struct Block {
    runs: Vec<Run>,
}

impl Block {
    /// Adds a leaf; false where this block cannot take it.
    pub(crate) fn push(&mut self, index: u64, log: u16, log_index: u64) -> bool {
        let new = Run {
            index,
            log,
            log_index,
            leaves: 1,
        };
        let (Some(first), Some(last)) = (self.runs.first().copied(), self.runs.last_mut()) else {
            self.runs.push(new);
            return true;
        };
        if index != last.index + last.leaves || index - first.index >= BLOCK_LEAVES {
            return false;
        }
        if last.log == log && log_index == last.log_index + last.leaves {
            last.leaves += 1;
            return true;
        }
        let before = self.runs.iter().rev().find(|run| run.log == log);
        if before.is_some_and(|run| run.log_index + run.leaves != log_index) {
            return false;
        }
        self.runs.push(new);
        true
    }

    /// The block's first index and its octets; nothing where it is empty. It is empty then.
    pub(crate) fn take(&mut self) -> Option<(u64, Vec<u8>)> {
        let first = self.runs.first()?.index;
        let mut octets = Vec::with_capacity(self.runs.len() * 2 + 8);
        for (nth, run) in self.runs.iter().enumerate() {
            encode_varint(u64::from(run.log), &mut octets);
            encode_varint(run.leaves, &mut octets);
            if self.runs[..nth].iter().all(|earlier| earlier.log != run.log) {
                encode_varint(run.log_index, &mut octets);
            }
        }
        self.runs.clear();
        Some((first, octets))
    }
}

/// The runs of a block that begins at `first`; `None` where these octets are none.
pub(crate) fn runs(first: u64, mut block: &[u8]) -> Option<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::new();
    let mut index = first;
    while !block.is_empty() {
        let log = u16::try_from(decode_varint(&mut block).ok()?).ok()?;
        let leaves = decode_varint(&mut block).ok()?;
        let log_index = match runs.iter().rev().find(|run| run.log == log) {
            Some(before) => before.log_index.checked_add(before.leaves)?,
            None => decode_varint(&mut block).ok()?,
        };
        runs.push(Run {
            index,
            log,
            log_index,
            leaves,
        });
        index = index.checked_add(leaves)?;
    }
    Some(runs)
}

/// The run that holds a leaf, within the block that would hold it.
pub(crate) fn run_of(runs: &[Run], index: u64) -> Option<&Run> {
    runs.iter()
        .find(|run| (run.index..run.index.saturating_add(run.leaves)).contains(&index))
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert_eq, proptest};

    use super::{BLOCK_LEAVES, Block, run_of, runs};

    #[test]
    fn a_block_takes_what_follows_and_nothing_else() {
        let mut block = Block::default();
        assert_eq!(block.take(), None);
        assert!(block.push(7, 1, 100));
        assert!(!block.push(9, 1, 101), "a hole in the record");
        assert!(block.push(8, 2, 5));
        assert!(!block.push(9, 1, 102), "a hole in the log");
        assert!(block.push(9, 1, 101));
        assert!(block.push(10, 1, 102));
        let (first, octets) = block.take().unwrap();
        assert_eq!((first, octets.as_slice()), (7, &[1, 1, 100, 2, 1, 5, 1, 2][..]));
        assert_eq!(block.take(), None);
    }

    #[test]
    fn a_block_ends_at_its_limit() {
        let mut block = Block::default();
        for index in 0..BLOCK_LEAVES {
            assert!(block.push(index, 0, index));
        }
        assert!(!block.push(BLOCK_LEAVES, 0, BLOCK_LEAVES));
    }

    #[test]
    fn octets_that_are_no_block_are_refused() {
        assert_eq!(runs(0, &[1]), None);
        assert_eq!(runs(0, &[0xff; 11]), None);
        assert_eq!(runs(u64::MAX, &[1, 2, 0]), None);
    }

    proptest! {
        #[test]
        fn every_leaf_is_found_where_it_was_put(logs in proptest::collection::vec(0_u16..5, 1..300), first in 0_u64..1 << 40) {
            let mut block = Block::default();
            let mut sizes = [3_u64, 1 << 33, 0, 9, 200];
            let mut expected = Vec::new();
            for (index, log) in (first..).zip(&logs) {
                let size = &mut sizes[usize::from(*log)];
                assert!(block.push(index, *log, *size));
                expected.push((index, *log, *size));
                *size += 1;
            }
            let (start, octets) = block.take().unwrap();
            let runs = runs(start, &octets).unwrap();
            for (index, log, log_index) in expected {
                let run = run_of(&runs, index).unwrap();
                prop_assert_eq!((run.log, run.log_index + (index - run.index)), (log, log_index));
            }
            prop_assert_eq!(run_of(&runs, first + logs.len() as u64), None);
        }
    }
}
