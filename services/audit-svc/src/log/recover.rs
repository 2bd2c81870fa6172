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
    /// The index behind the last leaf.
    pub(crate) size: u64,
    /// Where the frames of the last segment end.
    pub(crate) end: u64,
    /// What is to be cut; as yet it is there.
    pub(crate) cut: Option<Cut>,
}

/// Reads every segment of `dir`, and gives each leaf with its index to `visit`, which says what is wrong with it. Changes
/// nothing.
pub(crate) fn recover(
    dir: &Path,
    mut visit: impl FnMut(u64, &[u8]) -> Result<(), String>,
) -> Result<Found, LogError> {
    let mut names = segment_files(dir)?;
    let mut cut = pass_unborn(&mut names)?;
    let mut found = Found {
        segments: Vec::with_capacity(names.len()),
        // The oldest segments are deleted when nobody needs them any more.
        size: names.first().map_or(0, |(first, _)| *first),
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
        if let Some((fault, tail)) = scan.fault {
            if nth + 1 < count {
                return Err(LogError::corrupt(&path, scan.end, scan.next, fault));
            }
            cut = Some(check_tail(&path, &tail, scan.end, scan.next, &fault)?);
        }
        found.size = scan.next;
        found.end = scan.end;
        found.segments.push(Segment::new(first, &path, file, scan.marks));
    }
    if let Some(cut) = &cut
        && cut.offset == 0
        && !found.segments.is_empty()
        && cut.index != found.size
    {
        let reason = format!("a segment that holds nothing begins at index {}", cut.index);
        return Err(LogError::corrupt(&cut.path, 0, found.size, reason));
    }
    if found.segments.is_empty() {
        // A log that begins anew does so where its first segment was to begin.
        found.size = cut.as_ref().map_or(0, |cut| cut.index);
    }
    found.cut = cut;
    Ok(found)
}

/// Does what was found to be necessary. When it answers, it is on disk.
pub(crate) fn cut_off(dir: &Path, cut: &Cut) -> Result<(), LogError> {
    if cut.offset == 0 {
        fs::remove_file(&cut.path).map_err(LogError::io("removing", &cut.path))?;
        return sync_dir(dir);
    }
    let file = OpenOptions::new()
        .write(true)
        .open(&cut.path)
        .map_err(LogError::io("opening", &cut.path))?;
    let zeros = vec![0; SCAN_CHUNK_OCTETS];
    let (mut at, end) = (cut.offset, cut.offset + cut.octets);
    while at < end {
        let octets = usize::try_from(end - at).unwrap_or(usize::MAX).min(zeros.len());
        file.write_all_at(&zeros[..octets], at)
            .map_err(LogError::io("cutting", &cut.path))?;
        at += octets as u64;
    }
    file.sync_all().map_err(LogError::io("syncing", &cut.path))
}

/// The segments of a directory by the index of their first leaf, in order.
pub(crate) fn segment_files(dir: &Path) -> Result<Vec<(u64, PathBuf)>, LogError> {
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

/// A crash while a segment was made leaves a last file without a whole head, and with nothing behind it. It never held
/// a leaf, because a head is synced before the first one is written.
fn pass_unborn(names: &mut Vec<(u64, PathBuf)>) -> Result<Option<Cut>, LogError> {
    let Some((first, path)) = names.last().cloned() else {
        return Ok(None);
    };
    let file = File::open(&path).map_err(LogError::io("opening", &path))?;
    // A whole head of another version is another program's, not half of one of ours.
    if matches!(
        frame::decode_head(&read_head(&file, &path)?),
        Ok(_) | Err(HeadFault::Version(_))
    ) {
        return Ok(None);
    }
    let octets = octets_of(&file, &path)?;
    if last_written(&file, &path, HEAD_OCTETS as u64, octets)?.is_some() {
        return Ok(None);
    }
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
    /// Where the last whole frame ends.
    end: u64,
    marks: Vec<u32>,
    /// What is wrong there, and the octets from there to the last that is not zero.
    fault: Option<(String, Vec<u8>)>,
}

fn scan(
    path: &Path,
    file: &File,
    first: u64,
    visit: &mut impl FnMut(u64, &[u8]) -> Result<(), String>,
) -> Result<Scan, LogError> {
    let octets = check_head(path, file, first)?;
    let mut scan = Scan {
        next: first,
        end: HEAD_OCTETS as u64,
        marks: Vec::new(),
        fault: None,
    };
    let mut walk = Walk::new(file, HEAD_OCTETS as u64, SCAN_CHUNK_OCTETS);
    let fault = loop {
        match walk.step().map_err(LogError::io("reading", path))? {
            Step::End { .. } => break "nothing was written here, and something behind it".to_owned(),
            Step::Fault { fault, .. } => break describe(fault),
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
    };
    if let Some(last) = last_written(file, path, scan.end, octets)? {
        let mut tail = vec![0; usize::try_from(last + 1 - scan.end).unwrap_or(usize::MAX)];
        file.read_exact_at(&mut tail, scan.end)
            .map_err(LogError::io("reading", path))?;
        scan.fault = Some((fault, tail));
    }
    Ok(scan)
}

/// Sees that a segment says of itself what its name and its length say; gives its octets.
fn check_head(path: &Path, file: &File, first: u64) -> Result<u64, LogError> {
    let wrong = |reason: String| LogError::corrupt(path, 0, first, reason);
    let head = match frame::decode_head(&read_head(file, path)?) {
        Ok(head) => head,
        Err(HeadFault::Version(version)) => {
            return Err(wrong(format!(
                "layout version {version} is not known to this program"
            )));
        }
        Err(HeadFault::Short | HeadFault::Damaged) => {
            return Err(wrong("the segment's head is damaged".to_owned()));
        }
    };
    if head.first_index != first {
        return Err(wrong(format!(
            "the head says that the segment begins at index {}",
            head.first_index
        )));
    }
    let octets = octets_of(file, path)?;
    if octets != head.octets {
        return Err(wrong(format!(
            "the segment was made with {} octets, and has {octets}",
            head.octets
        )));
    }
    Ok(octets)
}

fn octets_of(file: &File, path: &Path) -> Result<u64, LogError> {
    let found = file.metadata().map_err(LogError::io("reading", path))?;
    Ok(found.len())
}

fn read_head(file: &File, path: &Path) -> Result<Vec<u8>, LogError> {
    let mut head = Vec::new();
    let mut limited = io::Read::take(file, HEAD_OCTETS as u64);
    io::Read::read_to_end(&mut limited, &mut head).map_err(LogError::io("reading", path))?;
    Ok(head)
}

/// Where the last octet stands between `from` and `until` that is not zero.
fn last_written(file: &File, path: &Path, from: u64, until: u64) -> Result<Option<u64>, LogError> {
    let mut chunk = vec![0; SCAN_CHUNK_OCTETS];
    let mut end = until;
    while end > from {
        let start = end.saturating_sub(chunk.len() as u64).max(from);
        let octets = usize::try_from(end - start).unwrap_or(chunk.len());
        let part = &mut chunk[..octets];
        file.read_exact_at(part, start)
            .map_err(LogError::io("reading", path))?;
        if let Some(at) = part.iter().rposition(|octet| *octet != 0) {
            return Ok(Some(start + at as u64));
        }
        end = start;
    }
    Ok(None)
}

/// Says what of the last segment is to be cut, unless something in it proves that what stood there had been synced.
fn check_tail(path: &Path, tail: &[u8], offset: u64, index: u64, fault: &str) -> Result<Cut, LogError> {
    if let Some(settled) = settled_above(tail, index) {
        let reason = format!("{fault}, and a later leaf proves that indices below {settled} had been synced");
        return Err(LogError::corrupt(path, offset, index, reason));
    }
    Ok(Cut {
        path: path.to_owned(),
        offset,
        octets: tail.len() as u64,
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
