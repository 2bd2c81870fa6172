//! Walks the frames of one file in order, reading it in chunks.

use std::{fs::File, io, os::unix::fs::FileExt};

use super::frame::{self, Frame, FrameFault};

/// What stands at the next offset.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    /// The file ends exactly here, or nothing was written here yet. What stands behind is for the caller to look at.
    End {
        offset: u64,
    },
    Frame {
        offset: u64,
        frame: Frame<'a>,
    },
    /// Something that is no whole, undamaged frame. The walk cannot go on.
    Fault {
        offset: u64,
        fault: FrameFault,
    },
}

/// A place in a file, and the octets read ahead of it.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    file: &'a File,
    /// Where the buffer's first unread octet stands in the file.
    offset: u64,
    buffer: Vec<u8>,
    start: usize,
    chunk_octets: usize,
}

impl<'a> Walk<'a> {
    /// Begins at `offset`, reading at least `chunk_octets` at a time.
    pub(crate) fn new(file: &'a File, offset: u64, chunk_octets: usize) -> Self {
        Self {
            file,
            offset,
            buffer: Vec::new(),
            start: 0,
            chunk_octets,
        }
    }

    /// The next frame, or why there is none.
    pub(crate) fn step(&mut self) -> io::Result<Step<'_>> {
        let mut wanted = frame::FRAME_HEAD_OCTETS;
        loop {
            let whole = self.fill(wanted)?;
            match frame::decode_frame(&self.buffer[self.start..]) {
                Ok(Frame { settled, leaf }) => {
                    let leaf_octets = leaf.len();
                    let (offset, leaf_start) = (self.offset, self.start + frame::FRAME_HEAD_OCTETS);
                    self.start = leaf_start + leaf_octets;
                    self.offset += (frame::FRAME_HEAD_OCTETS + leaf_octets) as u64;
                    // Borrowed anew: the first borrow may not outlive the change of `start`.
                    let leaf = &self.buffer[leaf_start..self.start];
                    return Ok(Step::Frame {
                        offset,
                        frame: Frame { settled, leaf },
                    });
                }
                Err(FrameFault::Short(needed)) if whole => wanted = needed,
                Err(FrameFault::Short(_)) if self.start == self.buffer.len() => {
                    return Ok(Step::End { offset: self.offset });
                }
                // Too near the end of the file for another frame.
                Err(FrameFault::Short(frame::FRAME_HEAD_OCTETS))
                    if self.buffer[self.start..].iter().all(|octet| *octet == 0) =>
                {
                    return Ok(Step::End { offset: self.offset });
                }
                Err(FrameFault::Length(0)) => return Ok(Step::End { offset: self.offset }),
                Err(fault) => {
                    return Ok(Step::Fault {
                        offset: self.offset,
                        fault,
                    });
                }
            }
        }
    }

    /// Sees to it that `wanted` octets are in the buffer; false where the file ends before.
    fn fill(&mut self, wanted: usize) -> io::Result<bool> {
        while self.buffer.len() - self.start < wanted {
            self.buffer.drain(..self.start);
            self.start = 0;
            let held = self.buffer.len();
            self.buffer.resize(held + self.chunk_octets.max(wanted - held), 0);
            let read = self
                .file
                .read_at(&mut self.buffer[held..], self.offset + held as u64);
            match read {
                Ok(octets) => {
                    self.buffer.truncate(held + octets);
                    if octets == 0 {
                        return Ok(false);
                    }
                }
                Err(error) => {
                    self.buffer.truncate(held);
                    if error.kind() != io::ErrorKind::Interrupted {
                        return Err(error);
                    }
                }
            }
        }
        Ok(true)
    }
}
