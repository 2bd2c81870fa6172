//! One segment file: its name, and where its leaves stand.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, RwLock},
};

use super::frame::HEAD_OCTETS;

/// One in so many frames has its offset in memory; a reader walks from the nearest one before.
pub(crate) const MARK_EVERY: u64 = 32;
const SUFFIX: &str = ".log";

/// `00000000000000001024.log`: sorts by name as by index.
pub(crate) fn file_name(first_index: u64) -> String {
    format!("{first_index:020}{SUFFIX}")
}

/// The first index that a file's name says; `None` where it is no segment's name.
pub(crate) fn first_index_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    if digits.len() != 20 || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// A segment as readers see it. The writer adds marks only for what is on disk.
#[derive(Debug)]
pub(crate) struct Segment {
    /// The index of its first leaf.
    pub(crate) first: u64,
    pub(crate) path: PathBuf,
    /// Open for reading only.
    pub(crate) file: File,
    /// Offsets of the frames `first`, `first + MARK_EVERY`, …
    marks: RwLock<Vec<u32>>,
}

impl Segment {
    pub(crate) fn new(first: u64, path: &Path, file: File, marks: Vec<u32>) -> Arc<Self> {
        Arc::new(Self {
            first,
            path: path.to_owned(),
            file,
            marks: RwLock::new(marks),
        })
    }

    /// Where to begin to read for `index`: an offset, and the index of the frame there.
    pub(crate) fn mark_before(&self, index: u64) -> (u64, u64) {
        let nth = index.saturating_sub(self.first) / MARK_EVERY;
        let marks = self
            .marks
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match usize::try_from(nth).ok().and_then(|nth| marks.get(nth)) {
            Some(offset) => (u64::from(*offset), self.first + nth * MARK_EVERY),
            None => (HEAD_OCTETS as u64, self.first),
        }
    }

    pub(crate) fn add_marks(&self, new: &[u32]) {
        self.marks
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .extend_from_slice(new);
    }
}

/// Whether the frame of `index` gets a mark in the segment that begins at `first`.
pub(crate) fn is_marked(first: u64, index: u64) -> bool {
    (index - first).is_multiple_of(MARK_EVERY)
}

#[cfg(test)]
mod tests {
    use super::{file_name, first_index_of};

    #[test]
    fn names_sort_as_their_indices() {
        assert_eq!(file_name(1024), "00000000000000001024.log");
        assert_eq!(first_index_of(&file_name(u64::MAX)), Some(u64::MAX));
        let mut names: Vec<_> = [10, 9, 100_000, 0].map(file_name).into();
        names.sort();
        assert_eq!(
            names
                .iter()
                .filter_map(|name| first_index_of(name))
                .collect::<Vec<_>>(),
            [0, 9, 10, 100_000]
        );
    }

    #[test]
    fn other_files_are_no_segments() {
        for name in [
            "lock",
            "1.log",
            "0000000000000000102x.log",
            "00000000000000001024.log.tmp",
            ".log",
        ] {
            assert_eq!(first_index_of(name), None, "{name}");
        }
    }
}
