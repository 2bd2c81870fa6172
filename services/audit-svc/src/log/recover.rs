//! What a directory holds when the process starts, and what of it counts.
//!
//! Everything that was synced stays. Only an invalid tail of the *last* segment is cut: a group whose write a crash
//! interrupted, which nobody was told about. Damage anywhere else is corruption and stops the start.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    error::LogError,
    frame::{self, FrameFault, HEAD_OCTETS, HeadFault},
    segment::{Segment, first_index_of, is_marked},
    walk::{Step, Walk},
};

const SCAN_CHUNK_OCTETS: usize = 1 << 20;

/// An unfinished write that was taken off the end of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The segment.
    pub path: PathBuf,
    /// Where the log ends now, in octets from the segment's start; 0 where the whole file went.
    pub offset: u64,
    /// How many octets were cut.
    pub octets: u64,
    /// The index that the first leaf cut would have had; the next leaf gets it.
    pub index: u64,
}

/// What a directory holds.
#[derive(Debug)]
pub(crate) struct Found {
    /// In order of their indices; the last one is open for more.
    pub(crate) segments: Vec<Arc<Segment>>,
    /// How many leaves.
    pub(crate) size: u64,
    /// Octets of the last segment.
    pub(crate) end: u64,
    pub(crate) cut: Option<Cut>,
}

/// Reads every segment of `dir`, and gives each leaf with its index to `visit`, which says what is wrong with it.
pub(crate) fn recover(
    dir: &Path,
    mut visit: impl FnMut(u64, &[u8]) -> Result<(), String>,
) -> Result<Found, LogError> {
    let mut names = segment_files(dir)?;
    let mut cut = remove_unborn(dir, &mut names)?;
    let mut found = Found {
        segments: Vec::with_capacity(names.len()),
        size: 0,
        end: 0,
        cut: None,
    };
    let count = names.len();
    for (nth, (first, path)) in names.into_iter().enumerate() {
        if first != found.size {
            let reason = format!("a segment is missing: the next one begins at index {first}");
            return Err(LogError::corrupt(&path, 0, found.size, reason));
        }
        let file = File::open(&path).map_err(LogError::io("opening", &path))?;
        let scan = scan(&path, &file, first, &mut visit)?;
        if let Some((offset, fault)) = scan.fault {
            if nth + 1 < count {
                return Err(LogError::corrupt(&path, offset, scan.next, describe(fault)));
            }
            cut = Some(cut_tail(&path, &file, offset, scan.next, fault)?);
        }
        found.size = scan.next;
        found.end = scan.end;
        found.segments.push(Segment::new(first, &path, file, scan.marks));
    }
    found.cut = cut;
    Ok(found)
}

fn segment_files(dir: &Path) -> Result<Vec<(u64, PathBuf)>, LogError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(LogError::io("listing", dir))? {
        let entry = entry.map_err(LogError::io("listing", dir))?;
        if let Some(first) = entry.file_name().to_str().and_then(first_index_of) {
            names.push((first, entry.path()));
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// A crash while a segment was made leaves a last file without a whole head. It never held a leaf, because a head is
/// synced before the first one is written.
fn remove_unborn(dir: &Path, names: &mut Vec<(u64, PathBuf)>) -> Result<Option<Cut>, LogError> {
    let Some((first, path)) = names.last().cloned() else {
        return Ok(None);
    };
    let octets = fs::metadata(&path).map_err(LogError::io("reading", &path))?.len();
    if octets > HEAD_OCTETS as u64 {
        return Ok(None);
    }
    let head = fs::read(&path).map_err(LogError::io("reading", &path))?;
    // A whole head of another version is a later program's, not half of one of ours.
    if matches!(frame::decode_head(&head), Ok(_) | Err(HeadFault::Version(_))) {
        return Ok(None);
    }
    fs::remove_file(&path).map_err(LogError::io("removing", &path))?;
    sync_dir(dir)?;
    names.pop();
    Ok(Some(Cut {
        path,
        offset: 0,
        octets,
        index: first,
    }))
}

struct Scan {
    next: u64,
    end: u64,
    marks: Vec<u32>,
    fault: Option<(u64, FrameFault)>,
}

fn scan(
    path: &Path,
    file: &File,
    first: u64,
    visit: &mut impl FnMut(u64, &[u8]) -> Result<(), String>,
) -> Result<Scan, LogError> {
    let mut head = Vec::new();
    let mut limited = io::Read::take(file, HEAD_OCTETS as u64);
    io::Read::read_to_end(&mut limited, &mut head).map_err(LogError::io("reading", path))?;
    match frame::decode_head(&head) {
        Ok(said) if said == first => {}
        Ok(said) => {
            let reason = format!("the head says that the segment begins at index {said}");
            return Err(LogError::corrupt(path, 0, first, reason));
        }
        Err(HeadFault::Version(version)) => {
            let reason = format!("layout version {version} is not known to this program");
            return Err(LogError::corrupt(path, 0, first, reason));
        }
        Err(HeadFault::Short | HeadFault::Damaged) => {
            return Err(LogError::corrupt(path, 0, first, "the segment's head is damaged"));
        }
    }
    let mut scan = Scan {
        next: first,
        end: HEAD_OCTETS as u64,
        marks: Vec::new(),
        fault: None,
    };
    let mut walk = Walk::new(file, HEAD_OCTETS as u64, SCAN_CHUNK_OCTETS);
    loop {
        match walk.step().map_err(LogError::io("reading", path))? {
            Step::End => return Ok(scan),
            Step::Fault { offset, fault } => {
                scan.fault = Some((offset, fault));
                return Ok(scan);
            }
            Step::Frame { offset, frame } => {
                visit(scan.next, frame.leaf)
                    .map_err(|reason| LogError::corrupt(path, offset, scan.next, reason))?;
                if is_marked(first, scan.next) {
                    let mark = u32::try_from(offset).map_err(|_| {
                        LogError::corrupt(path, offset, scan.next, "the segment is larger than 4 GiB")
                    })?;
                    scan.marks.push(mark);
                }
                scan.end = offset + frame.octets() as u64;
                scan.next += 1;
            }
        }
    }
}

/// Cuts the last segment at `offset`, unless something behind proves that what stood there had been synced.
fn cut_tail(path: &Path, file: &File, offset: u64, index: u64, fault: FrameFault) -> Result<Cut, LogError> {
    let octets = file
        .metadata()
        .map_err(LogError::io("reading", path))?
        .len()
        .saturating_sub(offset);
    let mut tail = vec![0; usize::try_from(octets).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut tail, offset)
        .map_err(LogError::io("reading", path))?;
    if let Some(settled) = settled_above(&tail, index) {
        let reason = format!(
            "{}, and a later leaf proves that indices below {settled} had been synced",
            describe(fault)
        );
        return Err(LogError::corrupt(path, offset, index, reason));
    }
    let writable = OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(LogError::io("opening", path))?;
    writable.set_len(offset).map_err(LogError::io("cutting", path))?;
    writable.sync_all().map_err(LogError::io("syncing", path))?;
    Ok(Cut {
        path: path.to_owned(),
        offset,
        octets,
        index,
    })
}

/// Looks behind a damaged frame for a valid one that says that `index` had been on disk before it was written.
fn settled_above(tail: &[u8], index: u64) -> Option<u64> {
    let mut at = 1;
    while at < tail.len() {
        match frame::decode_frame(&tail[at..]) {
            Ok(found) if found.settled > index => return Some(found.settled),
            Ok(found) => at += found.octets(),
            Err(_) => at += 1,
        }
    }
    None
}

fn describe(fault: FrameFault) -> String {
    match fault {
        FrameFault::Short(_) => "the segment ends within a leaf".to_owned(),
        FrameFault::Length(octets) => format!("a leaf cannot have {octets} octets"),
        FrameFault::Checksum => "the checksum does not fit".to_owned(),
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), LogError> {
    File::open(dir)
        .and_then(|handle| handle.sync_all())
        .map_err(LogError::io("syncing", dir))
}
