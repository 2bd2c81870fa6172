//! Postings: which leaves of a log have a value in a field.
//!
//! A key is the field ‖ a fingerprint of the value ‖ the index of a leaf in the record: 20 octets, which the store keeps
//! without an allocation. Its value holds further leaves that have the same value: for each one octet, how far behind the
//! first it stands. So an action or an actor that most leaves have costs an octet a leaf, and not a key. Which leaves share
//! a key depends on how they came; what is found does not.
//!
//! The fingerprint is of SHA-256. Two values with the same one would be a find (88 bits); leaves are compared with the
//! question all the same when they are read.

use std::ops::RangeInclusive;

use fjall::Keyspace;
use hongyan_tlog::leaf_hash;

use super::{keys::Field, view::View};

const PREFIX_OCTETS: usize = 12;
const KEY_OCTETS: usize = PREFIX_OCTETS + 8;

/// A field's value, as it stands in front of its postings.
pub(crate) type Prefix = [u8; PREFIX_OCTETS];
/// The key of one leaf.
pub(crate) type Key = [u8; KEY_OCTETS];

pub(crate) fn prefix(field: Field, value: &[u8]) -> Prefix {
    let mut prefix = [field.letter(); PREFIX_OCTETS];
    let hash = leaf_hash(value);
    prefix[1..].copy_from_slice(&hash.as_bytes()[..PREFIX_OCTETS - 1]);
    prefix
}

fn key(prefix: &Prefix, index: u64) -> Key {
    let mut key = [0; KEY_OCTETS];
    key[..PREFIX_OCTETS].copy_from_slice(prefix);
    key[PREFIX_OCTETS..].copy_from_slice(&index.to_be_bytes());
    key
}

fn index_of(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|octets| u64::from_be_bytes(*octets))
}

/// The postings of a batch, of one log.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    keys: Vec<Key>,
    /// The last value of each field, which the next leaf often has too.
    last: [Option<(Vec<u8>, Prefix)>; Field::ALL.len()],
}

impl Gathered {
    /// Adds a leaf. Leaves come in the order of their indices.
    pub(crate) fn push(&mut self, leaf: &View<'_>) {
        for (field, last) in Field::ALL.into_iter().zip(&mut self.last) {
            let value = field.of(leaf);
            if value.is_empty() {
                continue;
            }
            let prefix = match last {
                Some((known, prefix)) if *known == value => *prefix,
                Some((known, last)) => {
                    *last = prefix(field, value);
                    known.clear();
                    known.extend_from_slice(value);
                    *last
                }
                None => last.insert((value.to_vec(), prefix(field, value))).1,
            };
            self.keys.push(key(&prefix, leaf.index));
        }
    }

    /// Gives every pair of key and value, in the order of the keys. Nothing is left then.
    pub(crate) fn drain(&mut self, mut put: impl FnMut(Key, &[u8])) {
        self.keys.sort_unstable();
        let mut behind = Vec::with_capacity(256);
        let mut first: Option<Key> = None;
        for next in self.keys.drain(..) {
            if let Some(first) = first
                && first[..PREFIX_OCTETS] == next[..PREFIX_OCTETS]
                && let (Some(from), Some(at)) = (index_of(&first), index_of(&next))
                && let Ok(distance) = u8::try_from(at - from)
            {
                behind.push(distance);
                continue;
            }
            if let Some(first) = first.replace(next) {
                put(first, &behind);
            }
            behind.clear();
        }
        if let Some(first) = first {
            put(first, &behind);
        }
    }
}

/// The first leaf with this value within `indices`.
pub(crate) fn first_in(
    keys: &Keyspace,
    prefix: &Prefix,
    indices: RangeInclusive<u64>,
) -> Result<Option<u64>, fjall::Error> {
    // A key at most an octet's worth before may still have a leaf within.
    let from = indices.start().saturating_sub(u64::from(u8::MAX));
    for pair in keys.range(key(prefix, from)..=key(prefix, *indices.end())) {
        let (key, behind) = pair.into_inner()?;
        let Some(first) = index_of(&key) else { continue };
        let all = std::iter::once(first).chain(behind.iter().map(|distance| first + u64::from(*distance)));
        if let Some(found) = all.into_iter().find(|index| index >= indices.start()) {
            return Ok(indices.contains(&found).then_some(found));
        }
    }
    Ok(None)
}

/// The last leaf with this value within `indices`.
pub(crate) fn last_in(
    keys: &Keyspace,
    prefix: &Prefix,
    indices: RangeInclusive<u64>,
) -> Result<Option<u64>, fjall::Error> {
    let from = indices.start().saturating_sub(u64::from(u8::MAX));
    let Some(pair) = keys
        .range(key(prefix, from)..=key(prefix, *indices.end()))
        .next_back()
    else {
        return Ok(None);
    };
    let (key, behind) = pair.into_inner()?;
    let Some(first) = index_of(&key) else {
        return Ok(None);
    };
    let all = behind.iter().rev().map(|distance| first + u64::from(*distance));
    let last = all
        .chain(std::iter::once(first))
        .find(|index| index <= indices.end());
    Ok(last.filter(|last| indices.contains(last)))
}

#[cfg(test)]
mod tests {
    use super::{Gathered, Key, index_of, prefix};
    use crate::index::{keys::Field, view::View};

    fn pairs(gathered: &mut Gathered) -> Vec<(Key, Vec<u8>)> {
        let mut pairs = Vec::new();
        gathered.drain(|key, behind| pairs.push((key, behind.to_vec())));
        pairs
    }

    #[test]
    fn leaves_of_one_value_share_keys_as_far_as_an_octet_goes() {
        let mut gathered = Gathered::default();
        for index in [5, 6, 100, 260, 261, 900] {
            gathered.push(&View {
                index,
                action: "A",
                ..View::default()
            });
        }
        let found: Vec<_> = pairs(&mut gathered)
            .into_iter()
            .map(|(key, behind)| (index_of(&key).unwrap(), behind))
            .collect();
        assert_eq!(found, [(5, vec![1, 95, 255]), (261, vec![]), (900, vec![])]);
        assert!(pairs(&mut gathered).is_empty());
    }

    #[test]
    fn fields_and_values_do_not_mix_and_empty_ones_have_no_posting() {
        let mut gathered = Gathered::default();
        for (index, message_id, actor) in [(1, "a", "a"), (2, "ab", ""), (3, "a", "b")] {
            gathered.push(&View {
                index,
                actor,
                message_id,
                ..View::default()
            });
        }
        let pairs = pairs(&mut gathered);
        assert_eq!(pairs.len(), 4, "three values of two fields, one twice: {pairs:?}");
        let twice = prefix(Field::Message, b"a");
        let (_, behind) = pairs.iter().find(|(key, _)| key.starts_with(&twice)).unwrap();
        assert_eq!(behind, &[2]);
        assert!(pairs.is_sorted());
    }
}
