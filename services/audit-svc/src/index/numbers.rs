//! Where numbered events stand: one entry for numbers that follow each other, so that a batch of one producer costs a key
//! and not one for each event.
//!
//! An entry belongs to a producer's epoch and begins at a number, which is in its key; it is a row of steps: leaves of
//! other producers between (where it is the first step: the index of the record) ‖ numbers without one between; all as
//! variable-length numbers.

use prost::encoding::{decode_varint, encode_varint};

/// Numbers that follow each other, and where they stand.
#[derive(Debug)]
pub(crate) struct Entry {
    first_seq: u64,
    seqs: u64,
    steps: Vec<u8>,
    /// Behind the last leaf.
    next_index: u64,
    /// Numbers of the last step.
    in_step: u64,
}

impl Entry {
    pub(crate) fn new(seq: u64, index: u64) -> Self {
        let mut steps = Vec::with_capacity(8);
        encode_varint(index, &mut steps);
        Self {
            first_seq: seq,
            seqs: 1,
            steps,
            next_index: index.saturating_add(1),
            in_step: 1,
        }
    }

    /// Adds a number; false where it does not follow.
    pub(crate) fn push(&mut self, seq: u64, index: u64) -> bool {
        if Some(seq) != self.first_seq.checked_add(self.seqs) || index < self.next_index {
            return false;
        }
        if index == self.next_index {
            self.in_step += 1;
        } else {
            encode_varint(self.in_step, &mut self.steps);
            encode_varint(index - self.next_index, &mut self.steps);
            self.in_step = 1;
        }
        self.seqs += 1;
        self.next_index = index.saturating_add(1);
        true
    }

    /// The first number, and the entry's octets.
    pub(crate) fn finish(mut self) -> (u64, Vec<u8>) {
        encode_varint(self.in_step, &mut self.steps);
        (self.first_seq, self.steps)
    }
}

/// The index of the `nth` number of an entry, from 0; `None` where it has no such.
pub(crate) fn index_of(mut entry: &[u8], mut nth: u64) -> Option<u64> {
    let mut index = 0_u64;
    while !entry.is_empty() {
        index = index.checked_add(decode_varint(&mut entry).ok()?)?;
        let seqs = decode_varint(&mut entry).ok()?;
        if nth < seqs {
            return index.checked_add(nth);
        }
        nth -= seqs;
        index = index.checked_add(seqs)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert_eq, proptest};

    use super::{Entry, index_of};

    #[test]
    fn numbers_follow_or_are_refused() {
        let mut entry = Entry::new(5, 100);
        assert!(entry.push(6, 101));
        assert!(!entry.push(6, 102) && !entry.push(8, 102) && !entry.push(7, 101));
        assert!(entry.push(7, 110));
        let (first, octets) = entry.finish();
        assert_eq!((first, octets.as_slice()), (5, &[100, 2, 8, 1][..]));
        assert_eq!(
            [0, 1, 2, 3].map(|nth| index_of(&octets, nth)),
            [Some(100), Some(101), Some(110), None]
        );
        assert!(!Entry::new(u64::MAX, 0).push(0, 1));
        assert_eq!(index_of(&[0xff], 0), None);
        assert_eq!(index_of(&[7], 0), None);
    }

    proptest! {
        #[test]
        fn every_number_is_found_where_it_was_put(
            first in 0_u64..1 << 40,
            start in 0_u64..1 << 40,
            gaps in proptest::collection::vec(0_u64..3, 0..200),
        ) {
            let mut entry = Entry::new(first, start);
            let mut indices = vec![start];
            for (seq, gap) in (first + 1..).zip(gaps) {
                let index = indices[indices.len() - 1] + 1 + gap;
                assert!(entry.push(seq, index));
                indices.push(index);
            }
            let (found, octets) = entry.finish();
            prop_assert_eq!(found, first);
            for (nth, index) in indices.iter().enumerate() {
                prop_assert_eq!(index_of(&octets, nth as u64), Some(*index));
            }
            prop_assert_eq!(index_of(&octets, indices.len() as u64), None);
        }
    }
}
