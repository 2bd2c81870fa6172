//! Writes groups of leaves to the end of the log.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    create::create_segment,
    error::LogError,
    frame::{self, HEAD_OCTETS},
    reader::Shared,
    segment::{Segment, is_marked},
};
use crate::point::point;

/// The only hand that writes a log. Holds the directory's lock for as long as it lives.
#[derive(Debug)]
pub struct LogWriter {
    dir: PathBuf,
    segment_octets: u64,
    shared: Arc<Shared>,
    /// The last segment, which has room; the first append makes one where there is none.
    open: Option<Open>,
    /// Index of the next leaf.
    next: u64,
    /// Segments closed since the process started.
    closed: u64,
    buffer: Vec<u8>,
    broken: bool,
    _lock: File,
}

/// A segment that takes leaves.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) segment: Arc<Segment>,
    pub(crate) file: File,
    /// Where the next frame goes: octets from the file's start.
    pub(crate) end: u64,
    /// Octets of the file.
    pub(crate) octets: u64,
}

impl LogWriter {
    /// Goes on behind `end` of the last segment, where there is one.
    pub(crate) fn new(
        dir: &Path,
        segment_octets: u64,
        shared: Arc<Shared>,
        end: u64,
        lock: File,
    ) -> Result<Self, LogError> {
        let open = match shared.last_segment() {
            Some(segment) => {
                let file = OpenOptions::new()
                    .write(true)
                    .open(&segment.path)
                    .map_err(LogError::io("opening", &segment.path))?;
                let octets = file
                    .metadata()
                    .map_err(LogError::io("reading", &segment.path))?
                    .len();
                Some(Open {
                    segment,
                    file,
                    end,
                    octets,
                })
            }
            None => None,
        };
        Ok(Self {
            dir: dir.to_owned(),
            segment_octets,
            next: shared.size(),
            shared,
            open,
            closed: 0,
            buffer: Vec::new(),
            broken: false,
            _lock: lock,
        })
    }

    /// The index that the next leaf gets.
    pub fn next_index(&self) -> u64 {
        self.next
    }

    /// How many segments were closed since the log was opened.
    pub fn closed_segments(&self) -> u64 {
        self.closed
    }

    /// Writes a group behind the end: one write, one sync, in one segment. When it returns `Ok` every leaf is on disk and
    /// readers see it. After an error nobody knows what is on disk: every later call answers [`LogError::Broken`].
    ///
    /// Each leaf has 1 to [`frame::MAX_LEAF_OCTETS`] octets.
    pub fn append(&mut self, leaves: &[Vec<u8>]) -> Result<(), LogError> {
        if self.broken {
            return Err(LogError::Broken);
        }
        // Taken back only by success, so that no way out of the function can forget it.
        self.broken = true;
        let octets: u64 = leaves
            .iter()
            .map(|leaf| (frame::FRAME_HEAD_OCTETS + leaf.len()) as u64)
            .sum();
        let open = match self.open.take() {
            Some(open) if open.end + octets <= open.octets => open,
            full => {
                self.closed += u64::from(full.is_some());
                // One group may be larger than a segment is meant to be.
                let octets = self.segment_octets.max(HEAD_OCTETS as u64 + octets);
                create_segment(&self.dir, self.next, octets, &self.shared)?
            }
        };
        let open = self.open.insert(open);
        let mut marks = Vec::new();
        self.buffer.clear();
        for (index, leaf) in (self.next..).zip(leaves) {
            if is_marked(open.segment.first, index) {
                // Fits: the settings keep a segment and a group far below 4 GiB.
                marks.push((open.end + self.buffer.len() as u64) as u32);
            }
            frame::encode_frame(leaf, self.next, &mut self.buffer);
        }
        let path = &open.segment.path;
        #[cfg(feature = "failpoints")]
        tear(&open.file, &self.buffer, open.end).map_err(LogError::io("writing", path))?;
        open.file
            .write_all_at(&self.buffer, open.end)
            .map_err(LogError::io("writing", path))?;
        point!("group-written");
        #[cfg(feature = "failpoints")]
        refuse_sync().map_err(LogError::io("syncing", path))?;
        open.file.sync_data().map_err(LogError::io("syncing", path))?;
        point!("group-synced");
        open.end += octets;
        self.next += leaves.len() as u64;
        open.segment.add_marks(&marks);
        self.shared.set_size(self.next);
        self.broken = false;
        Ok(())
    }

    /// From now on every write fails, as on a full disk.
    #[cfg(test)]
    pub(crate) fn fill_disk(&mut self) {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        match &mut self.open {
            Some(open) => open.file = full,
            // No segment can be made where a file has the directory's place.
            None => self.dir = PathBuf::from("/dev/full"),
        }
    }
}

/// What a disk says that cannot keep what it took.
#[cfg(feature = "failpoints")]
fn refuse_sync() -> std::io::Result<()> {
    fail::fail_point!("group-sync-refuses", |_| Err(std::io::Error::other("refused")));
    Ok(())
}

/// What a power cut leaves of a write: some of its octets, and not the first ones.
#[cfg(feature = "failpoints")]
fn tear(file: &File, octets: &[u8], at: u64) -> std::io::Result<()> {
    let (from, until) = (octets.len() / 3, octets.len() / 2);
    fail::fail_point!("group-half-written-on", |_| {
        file.write_all_at(&octets[from..until], at + from as u64)?;
        point!("group-half-written");
        Ok(())
    });
    Ok(())
}
