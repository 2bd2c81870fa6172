//! Makes a segment: its space first, so that a full disk shows before anything is written to it, and no write has to
//! wait for the file system to find room.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt as _,
    path::Path,
    sync::Arc,
};

use rustix::{
    fs::{FallocateFlags, fallocate},
    io::Errno,
};

use super::{
    error::LogError,
    frame::{self, HEAD_OCTETS, Head},
    reader::Shared,
    recover::sync_dir,
    segment::{Segment, file_name},
    writer::Open,
};
use crate::point::point;

/// Makes a segment of `octets` and makes it durable, the file first and then its name.
pub(crate) fn create_segment(dir: &Path, first: u64, octets: u64, shared: &Shared) -> Result<Open, LogError> {
    let path = dir.join(file_name(first));
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)
        .map_err(LogError::io("creating", &path))?;
    point!("segment-created");
    allocate(&file, octets).map_err(LogError::io("allocating", &path))?;
    point!("segment-allocated");
    let head = frame::encode_head(Head {
        first_index: first,
        octets,
    });
    file.write_all_at(&head, 0)
        .map_err(LogError::io("writing", &path))?;
    point!("segment-head-written");
    file.sync_all().map_err(LogError::io("syncing", &path))?;
    point!("segment-head-synced");
    sync_dir(dir)?;
    point!("segment-name-synced");
    let readable = File::open(&path).map_err(LogError::io("opening", &path))?;
    let segment = Segment::new(first, &path, readable, Vec::new());
    shared.add_segment(Arc::clone(&segment));
    Ok(Open {
        segment,
        file,
        end: HEAD_OCTETS as u64,
        octets,
    })
}

/// Gives the file its whole length, as zeros. Where the file system cannot set space aside the file is as long, and finds
/// its space as it is written.
fn allocate(file: &File, octets: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, octets) {
        Ok(()) => Ok(()),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => file.set_len(octets),
        Err(refused) => Err(refused.into()),
    }
}
