//! Entry bundles: up to 256 entries in one file, each behind its length (C2SP `tlog-tiles`, "Log entries").

use crate::{Hash, TILE_WIDTH, leaf_hash};

/// The longest entry: what its length in front can say.
pub const MAX_ENTRY_OCTETS: usize = 65_535;

const LENGTH_OCTETS: usize = 2;

/// Why octets are no bundle, or an entry fits none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Longer than a length in front can say.
    #[error("an entry has at most {MAX_ENTRY_OCTETS} octets; this one has {octets}")]
    TooLong {
        /// How many it has.
        octets: usize,
    },
    /// The octets end inside of an entry, or of a length.
    #[error("the bundle ends inside of entry {entry}")]
    Cut {
        /// Which, from 0.
        entry: usize,
    },
    /// Not as many entries as the bundle's width says.
    #[error("the bundle should hold {expected} entries; it holds {found}")]
    WrongCount {
        /// The width.
        expected: u16,
        /// How many there are; one more than the width stands for any number above it.
        found: usize,
    },
}

/// Appends one entry to a bundle.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), BundleError> {
    let length = u16::try_from(entry.len()).map_err(|_| BundleError::TooLong { octets: entry.len() })?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// The entries of a bundle of this width, 1 to 256. Nothing is copied.
pub fn entries(bundle: &[u8], width: u16) -> Result<Vec<&[u8]>, BundleError> {
    let mut found = Vec::with_capacity(usize::from(width.min(TILE_WIDTH)));
    let mut rest = bundle;
    while !rest.is_empty() {
        let entry = found.len();
        if entry >= usize::from(width) {
            return Err(BundleError::WrongCount {
                expected: width,
                found: entry + 1,
            });
        }
        let (length, behind) = rest
            .split_first_chunk::<LENGTH_OCTETS>()
            .ok_or(BundleError::Cut { entry })?;
        let (octets, behind) = behind
            .split_at_checked(usize::from(u16::from_be_bytes(*length)))
            .ok_or(BundleError::Cut { entry })?;
        found.push(octets);
        rest = behind;
    }
    if found.len() == usize::from(width) {
        Ok(found)
    } else {
        Err(BundleError::WrongCount {
            expected: width,
            found: found.len(),
        })
    }
}

/// The hashes of a bundle's entries: what the tile of level 0 beside it must hold.
pub fn leaf_hashes(entries: &[&[u8]]) -> Vec<Hash> {
    entries.iter().map(|entry| leaf_hash(entry)).collect()
}

#[cfg(test)]
mod tests {
    use super::{BundleError, MAX_ENTRY_OCTETS, entries, leaf_hashes, push_entry};
    use crate::leaf_hash;

    #[test]
    fn entries_come_back_as_they_went_in() {
        let long = vec![7; MAX_ENTRY_OCTETS];
        let mut bundle = Vec::new();
        for entry in [&b""[..], b"a", &long] {
            push_entry(&mut bundle, entry).unwrap();
        }
        assert_eq!(&bundle[..5], [0, 0, 0, 1, b'a']);
        let read = entries(&bundle, 3).unwrap();
        assert_eq!(read, [&b""[..], b"a", &long]);
        assert_eq!(leaf_hashes(&read)[1], leaf_hash(b"a"));
    }

    #[test]
    fn one_octet_too_long_is_refused_and_changes_nothing() {
        let mut bundle = vec![0, 0];
        let octets = MAX_ENTRY_OCTETS + 1;
        assert_eq!(
            push_entry(&mut bundle, &vec![0; octets]),
            Err(BundleError::TooLong { octets })
        );
        assert_eq!(bundle, [0, 0]);
    }

    #[test]
    fn every_cut_and_every_wrong_width_shows() {
        let mut bundle = Vec::new();
        for entry in [&b"one"[..], b"two"] {
            push_entry(&mut bundle, entry).unwrap();
        }
        for end in 0..bundle.len() {
            assert!(entries(&bundle[..end], 2).is_err(), "{end}");
        }
        for (width, found) in [(1, 2), (3, 2), (256, 2)] {
            let expected = BundleError::WrongCount {
                expected: width,
                found,
            };
            assert_eq!(entries(&bundle, width), Err(expected));
        }
        assert_eq!(entries(&[0], 1), Err(BundleError::Cut { entry: 0 }));
        assert_eq!(entries(&[0, 2, 0], 1), Err(BundleError::Cut { entry: 0 }));
    }
}
