//! Writes groups of leaves to the end of the log.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    error::LogError,
    frame::{self, HEAD_OCTETS},
    reader::Shared,
    recover::sync_dir,
    segment::{Segment, file_name, is_marked},
};

/// The only hand that writes a log. Holds the directory's lock for as long as it lives.
#[derive(Debug)]
pub struct LogWriter {
    dir: PathBuf,
    segment_octets: u64,
    shared: Arc<Shared>,
    segment: Arc<Segment>,
    file: File,
    /// Octets of the open segment.
    end: u64,
    /// Index of the next leaf, which is also how many are on disk.
    next: u64,
    buffer: Vec<u8>,
    broken: bool,
    _lock: File,
}

impl LogWriter {
    pub(crate) fn new(
        dir: &Path,
        segment_octets: u64,
        shared: Arc<Shared>,
        end: u64,
        lock: File,
    ) -> Result<Self, LogError> {
        let next = shared.size();
        let (segment, file, end) = match shared.last_segment() {
            Some(segment) => {
                let file = OpenOptions::new()
                    .append(true)
                    .open(&segment.path)
                    .map_err(LogError::io("opening", &segment.path))?;
                (segment, file, end)
            }
            None => create_segment(dir, next, &shared)?,
        };
        Ok(Self {
            dir: dir.to_owned(),
            segment_octets,
            shared,
            segment,
            file,
            end,
            next,
            buffer: Vec::new(),
            broken: false,
            _lock: lock,
        })
    }

    /// The index that the next leaf gets.
    pub fn next_index(&self) -> u64 {
        self.next
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
        if self.end > HEAD_OCTETS as u64 && self.end + octets > self.segment_octets {
            (self.segment, self.file, self.end) = create_segment(&self.dir, self.next, &self.shared)?;
        }
        let mut marks = Vec::new();
        self.buffer.clear();
        for (index, leaf) in (self.next..).zip(leaves) {
            if is_marked(self.segment.first, index) {
                // Fits: the settings keep a segment and a group far below 4 GiB.
                marks.push((self.end + self.buffer.len() as u64) as u32);
            }
            frame::encode_frame(leaf, self.next, &mut self.buffer);
        }
        let path = &self.segment.path;
        self.file
            .write_all(&self.buffer)
            .map_err(LogError::io("writing", path))?;
        self.file.sync_data().map_err(LogError::io("syncing", path))?;
        self.end += octets;
        self.next += leaves.len() as u64;
        self.segment.add_marks(&marks);
        self.shared.set_size(self.next);
        self.broken = false;
        Ok(())
    }

    /// From now on every write fails, as on a full disk.
    #[cfg(test)]
    pub(crate) fn fill_disk(&mut self) {
        self.file = OpenOptions::new().write(true).open("/dev/full").unwrap();
    }
}

/// Makes a segment and makes it durable, the file first and then its name.
fn create_segment(dir: &Path, first: u64, shared: &Shared) -> Result<(Arc<Segment>, File, u64), LogError> {
    let path = dir.join(file_name(first));
    let mut file = OpenOptions::new()
        .append(true)
        .create_new(true)
        .open(&path)
        .map_err(LogError::io("creating", &path))?;
    file.write_all(&frame::encode_head(first))
        .map_err(LogError::io("writing", &path))?;
    file.sync_all().map_err(LogError::io("syncing", &path))?;
    sync_dir(dir)?;
    let readable = File::open(&path).map_err(LogError::io("opening", &path))?;
    let segment = Segment::new(first, &path, readable, Vec::new());
    shared.add_segment(Arc::clone(&segment));
    Ok((segment, file, HEAD_OCTETS as u64))
}
