//! Reads leaves by their index while the writer goes on.

use std::{
    ops::{ControlFlow, Range},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    error::LogError,
    segment::Segment,
    walk::{Step, Walk},
};

/// Enough for the frames between two marks of usual leaves.
const POINT_CHUNK_OCTETS: usize = 16 << 10;
const RANGE_CHUNK_OCTETS: usize = 256 << 10;

/// What the writer tells readers: which segments there are, and how many leaves are on disk.
#[derive(Debug)]
pub(crate) struct Shared {
    segments: RwLock<Vec<Arc<Segment>>>,
    size: AtomicU64,
}

impl Shared {
    pub(crate) fn new(segments: Vec<Arc<Segment>>, size: u64) -> Arc<Self> {
        Arc::new(Self {
            segments: RwLock::new(segments),
            size: AtomicU64::new(size),
        })
    }

    pub(crate) fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    pub(crate) fn set_size(&self, size: u64) {
        self.size.store(size, Ordering::Release);
    }

    pub(crate) fn add_segment(&self, segment: Arc<Segment>) {
        self.segments
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(segment);
    }

    pub(crate) fn segments(&self) -> usize {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.len()
    }

    /// Where the oldest segment begins; the size where there is none.
    pub(crate) fn first_index(&self) -> u64 {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments
            .first()
            .map_or_else(|| self.size(), |oldest| oldest.first)
    }

    /// The oldest segment, if it is closed and all of its leaves stand below `index`.
    pub(crate) fn oldest_below(&self, index: u64) -> Option<Arc<Segment>> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        match &segments[..] {
            [oldest, next, ..] if next.first <= index => Some(Arc::clone(oldest)),
            _ => None,
        }
    }

    /// Readers do not find the oldest segment any more.
    pub(crate) fn drop_oldest(&self) {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        if segments.len() > 1 {
            segments.remove(0);
        }
    }

    pub(crate) fn last_segment(&self) -> Option<Arc<Segment>> {
        self.segments
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .last()
            .cloned()
    }

    /// Whether a segment begins with `index`.
    fn begins_at(&self, index: u64) -> bool {
        self.segment_of(index)
            .is_some_and(|segment| segment.first == index)
    }

    /// The segment that holds `index`.
    fn segment_of(&self, index: u64) -> Option<Arc<Segment>> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let behind = segments.partition_point(|segment| segment.first <= index);
        segments.get(behind.checked_sub(1)?).cloned()
    }
}

/// A cheap handle for reading. Sees only what is on disk; blocks on the disk, so keep it off async threads.
#[derive(Debug, Clone)]
pub struct LogReader(Arc<Shared>);

impl LogReader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// How many leaves are on disk.
    pub fn size(&self) -> u64 {
        self.0.size()
    }

    /// The first leaf that is still here.
    pub fn first_index(&self) -> u64 {
        self.0.first_index()
    }

    /// The bytes of one leaf; `None` where the log is not so long, [`LogError::Pruned`] where it is gone.
    pub fn read(&self, index: u64) -> Result<Option<Vec<u8>>, LogError> {
        let mut found = None;
        self.walk(index..index.saturating_add(1), POINT_CHUNK_OCTETS, |_, leaf| {
            found = Some(leaf.to_vec());
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    /// Gives the leaves of a range to `each`, in order, until it breaks off or the log ends.
    pub fn read_range(
        &self,
        range: Range<u64>,
        each: impl FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), LogError> {
        self.walk(range, RANGE_CHUNK_OCTETS, each)
    }

    fn walk(
        &self,
        range: Range<u64>,
        chunk_octets: usize,
        mut each: impl FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), LogError> {
        let until = range.end.min(self.size());
        let mut wanted = range.start;
        while wanted < until {
            let Some(segment) = self.0.segment_of(wanted) else {
                let first = self.first_index();
                return Err(LogError::Pruned { index: wanted, first });
            };
            let (offset, mut index) = segment.mark_before(wanted);
            let mut walk = Walk::new(&segment.file, offset, chunk_octets);
            while wanted < until {
                match walk.step().map_err(LogError::io("reading", &segment.path))? {
                    Step::End { .. } if self.0.begins_at(index) && index > segment.first => break,
                    Step::End { offset } => {
                        let reason = "the segment ends before a leaf that was on disk";
                        return Err(LogError::corrupt(&segment.path, offset, index, reason));
                    }
                    Step::Fault { offset, .. } => {
                        let reason = "a leaf that was on disk cannot be read";
                        return Err(LogError::corrupt(&segment.path, offset, index, reason));
                    }
                    Step::Frame { frame, .. } => {
                        if index == wanted {
                            wanted += 1;
                            if each(index, frame.leaf).is_break() {
                                return Ok(());
                            }
                        }
                        index += 1;
                    }
                }
            }
        }
        Ok(())
    }
}
