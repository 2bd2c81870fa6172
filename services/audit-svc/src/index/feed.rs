//! Leaves of all published logs in the order of the record: reads bundles ahead, and merges them by the indices that the
//! leaves themselves say.

use std::collections::{BTreeMap, VecDeque};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use hongyan_tlog::TILE_WIDTH;

use super::{bundles::Bundle, store::IndexError, view::View, writer::IndexWriter};
use crate::{
    publish::{State, TileStore},
    record::LogId,
};

/// Bundles of one log that are read side by side,
const SIDE_BY_SIDE: usize = 4;
/// and that are there before they are needed, at most,
const AHEAD: usize = 16;
/// unless they are larger than so many octets together.
const AHEAD_OCTETS: usize = 4 << 20;
/// Leaves of one batch, at most.
const BATCH_LEAVES: usize = 8_192;

/// One log that has leaves which the index lacks.
#[derive(Debug)]
struct Source {
    id: LogId,
    name: String,
    /// The place of the next leaf.
    next: u64,
    /// Leaves under the checkpoint.
    size: u64,
    bundles: VecDeque<Bundle>,
}

/// All logs that have leaves which the index lacks.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    sources: BTreeMap<LogId, Source>,
    /// Leaves of the record that are published.
    through: u64,
    /// Leaves of some log are gone: the record has holes then.
    may_have_holes: bool,
}

impl Feed {
    /// Takes note of what is published now. Logs whose entries are gone are passed over.
    pub(crate) fn update(&mut self, state: &State, writer: &IndexWriter) -> Result<(), IndexError> {
        self.through = state.through;
        self.may_have_holes = !state.pruned.is_empty();
        self.sources.retain(|id, _| !state.pruned.contains(id));
        for (id, published) in state.logs.iter().filter(|(id, _)| !state.pruned.contains(id)) {
            let Some(next) = writer.next_of(*id) else {
                continue;
            };
            if next > published.size {
                return Err(IndexError::AheadOfLog {
                    log: *id,
                    indexed: next,
                    published: published.size,
                });
            }
            if next < published.size {
                let source = self.sources.entry(*id).or_insert_with(|| Source {
                    id: *id,
                    name: id.to_string(),
                    next,
                    size: published.size,
                    bundles: VecDeque::new(),
                });
                source.size = published.size;
            }
        }
        Ok(())
    }

    /// Reads what the next batch needs.
    pub(crate) async fn read_ahead(&mut self, store: &TileStore) -> Result<(), IndexError> {
        for source in self
            .sources
            .values_mut()
            .filter(|source| source.bundles.is_empty())
        {
            let (id, size) = (source.id, source.size);
            let width = u64::from(TILE_WIDTH);
            let first = source.next / width;
            let wanted = (first..size.div_ceil(width)).take(AHEAD);
            let reads = wanted.map(|nth| {
                let at = source.next.max(nth * width);
                async move { Bundle::read(store, id, at, size).await }
            });
            let mut reads = stream::iter(reads).buffered(SIDE_BY_SIDE);
            let mut octets = 0;
            while octets < AHEAD_OCTETS
                && let Some(bundle) = reads.try_next().await?
            {
                octets += bundle.octets();
                source.bundles.push_back(bundle);
            }
        }
        Ok(())
    }

    /// Takes one batch in: as many leaves as are there, up to a limit. Blocks on the disk.
    pub(crate) fn advance(&mut self, writer: &mut IndexWriter) -> Result<(), IndexError> {
        let mut leaves: Vec<View<'_>> = Vec::with_capacity(BATCH_LEAVES);
        let mut next = writer.next();
        let mut heads = Vec::with_capacity(self.sources.len());
        for source in self.sources.values() {
            heads.extend(Head::of(source)?);
        }
        while next < self.through && leaves.len() < BATCH_LEAVES {
            let Some(head) = heads.iter_mut().min_by_key(|head| head.leaf.index) else {
                break;
            };
            let index = head.leaf.index;
            if index >= self.through {
                break;
            }
            if index < next || (index > next && !self.may_have_holes) {
                return Err(IndexError::Hole {
                    index: next,
                    next: index,
                });
            }
            leaves.push(head.leaf);
            next = index + 1;
            if !head.step()? {
                // Its next leaf has to be read first, or it has none.
                let is_over = head.at >= head.source.size;
                let id = head.source.id;
                if !is_over {
                    break;
                }
                heads.retain(|head| head.source.id != id);
            }
        }
        if heads.is_empty() && self.may_have_holes {
            next = self.through;
        }
        writer.take_in(&leaves, next)?;
        self.sources.retain(|id, source| {
            source.next = writer.next_of(*id).unwrap_or(source.size);
            while source
                .bundles
                .front()
                .is_some_and(|bundle| bundle.end() <= source.next)
            {
                source.bundles.pop_front();
            }
            source.next < source.size
        });
        Ok(())
    }

    /// Leaves of the record that are published.
    pub(crate) fn through(&self) -> u64 {
        self.through
    }
}

/// A log's next leaf.
struct Head<'a> {
    source: &'a Source,
    /// Which of the bundles it is in.
    nth: usize,
    /// Where it stands in the log.
    at: u64,
    leaf: View<'a>,
}

impl<'a> Head<'a> {
    /// The next leaf of a log; `None` where it has to be read first.
    fn of(source: &'a Source) -> Result<Option<Self>, IndexError> {
        let mut head = Self {
            source,
            nth: 0,
            at: source.next,
            leaf: View::default(),
        };
        Ok(head.read()?.then_some(head))
    }

    /// Goes on to the leaf behind; false where that has to be read first.
    fn step(&mut self) -> Result<bool, IndexError> {
        self.at += 1;
        if self
            .source
            .bundles
            .get(self.nth)
            .is_some_and(|bundle| bundle.end() <= self.at)
        {
            self.nth += 1;
        }
        self.read()
    }

    fn read(&mut self) -> Result<bool, IndexError> {
        let Some(octets) = self
            .source
            .bundles
            .get(self.nth)
            .and_then(|bundle| bundle.entry(self.at))
        else {
            return Ok(false);
        };
        let wrong = |reason| IndexError::Leaf {
            log: self.source.id,
            log_index: self.at,
            reason,
        };
        let leaf = View::of(octets).map_err(wrong)?;
        if leaf.log != self.source.name || leaf.log_index != self.at {
            let said = format!("says that it is number {} of {}", leaf.log_index, leaf.log);
            return Err(wrong(said));
        }
        self.leaf = leaf;
        Ok(true)
    }
}
