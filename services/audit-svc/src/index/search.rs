//! Finds the leaves that meet every condition: walks the postings of all conditions at once, leaping over what any one
//! of them rules out, log by log, and merges the logs by the indices of the record. Does a bounded amount of work for each
//! page.

use super::{
    keys::Field,
    places::{Run, run_of},
    postings::{self, Prefix},
    reader::{Found, Index, Whereabouts},
    store::{self, IndexError, LogKeys},
    view::View,
};

/// Looks into the index for one page, at most.
const MAX_SEEKS: u32 = 20_000;

/// Which leaves are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conditions {
    /// Every pair of field and value must be met.
    pub(crate) fields: Vec<(Field, Vec<u8>)>,
    /// Received at or after; 0 for open.
    pub(crate) from_unix_ms: i64,
    /// Received before; 0 for open.
    pub(crate) until_unix_ms: i64,
}

impl Conditions {
    /// Whether a leaf has every value that is asked for. The times are left to the index, whose order they are.
    pub(crate) fn are_met_by(&self, found: &Found) -> Result<bool, IndexError> {
        let leaf = View::of(&found.octets).map_err(|reason| IndexError::Leaf {
            log: found.log,
            log_index: found.log_index,
            reason,
        })?;
        Ok(self.fields.iter().all(|(field, value)| field.of(&leaf) == value))
    }
}

/// From where, which way and how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Course {
    pub(crate) newest_first: bool,
    /// Leaves from this index on do not count: they came after the question.
    pub(crate) size: u64,
    /// Where the page before stopped: the first candidate of this one.
    pub(crate) resume: Option<u64>,
    pub(crate) most: usize,
}

/// Some of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// By index of the record, and where each is.
    pub(crate) leaves: Vec<(u64, Whereabouts)>,
    /// The first candidate of the next page; `None` where nothing is left.
    pub(crate) resume: Option<u64>,
}

/// One page. It may hold fewer than asked for, even none, and still have a next one. Blocks on the disk.
pub(crate) fn search(index: &Index, conditions: &Conditions, course: Course) -> Result<Page, IndexError> {
    let (low, high) = bounds(index, conditions, course.size)?;
    let lists: Vec<_> = conditions
        .fields
        .iter()
        .map(|(field, value)| postings::prefix(*field, value))
        .collect();
    let logs = index.logs();
    let mut walk = Walk {
        index,
        lists: &lists,
        low,
        high,
        newest_first: course.newest_first,
        seeks: 0,
        there: logs.iter().map(|log| log.number).collect(),
        block: Vec::new(),
    };
    let start = if course.newest_first {
        high.checked_sub(1)
    } else {
        Some(low)
    };
    let mut page = Page {
        leaves: Vec::new(),
        resume: None,
    };
    let Some(start) = course.resume.or(start).filter(|at| walk.contains(*at)) else {
        return Ok(page);
    };
    let way = |log| Way {
        log,
        step: Step::Later(start),
    };
    let mut ways: Vec<_> = if lists.is_empty() {
        vec![way(None)]
    } else {
        logs.iter().map(|log| way(Some(log))).collect()
    };
    while let Some((at, way)) = nearest(&mut ways, course.newest_first) {
        if page.leaves.len() == course.most || walk.seeks >= MAX_SEEKS {
            page.resume = Some(at);
            break;
        }
        way.step = match (way.step, way.log) {
            (Step::Hit(_), _) => {
                page.leaves.push((at, index.place_of(at)?));
                walk.beyond(at).map_or(Step::End, Step::Later)
            }
            (_, Some(log)) => walk.next_in(log, at)?,
            (_, None) => walk.next_of_all(at)?,
        };
    }
    Ok(page)
}

/// One log, or, where nothing but times is asked for, the record as a whole.
struct Way<'a> {
    log: Option<&'a LogKeys>,
    step: Step,
}

/// The way whose candidate comes first. Of a hit and a mere candidate at the same index either may come first: only one
/// log has that leaf.
fn nearest<'w, 'a>(ways: &'w mut [Way<'a>], newest_first: bool) -> Option<(u64, &'w mut Way<'a>)> {
    let open = ways.iter_mut().filter_map(|way| match way.step {
        Step::Hit(at) | Step::Later(at) => Some((at, way)),
        Step::End => None,
    });
    if newest_first {
        open.max_by_key(|(at, _)| *at)
    } else {
        open.min_by_key(|(at, _)| *at)
    }
}

/// The indices that the times leave: from the first, up to and without the second.
fn bounds(index: &Index, conditions: &Conditions, size: u64) -> Result<(u64, u64), IndexError> {
    let first_since = |unix_ms| Ok::<_, IndexError>(index.first_since(unix_ms)?.unwrap_or(size).min(size));
    let low = match conditions.from_unix_ms {
        0 => 0,
        from => first_since(from)?,
    };
    let high = match conditions.until_unix_ms {
        0 => size,
        until => first_since(until)?,
    };
    Ok((low, high))
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// This leaf meets every condition.
    Hit(u64),
    /// Nothing before this candidate.
    Later(u64),
    End,
}

struct Walk<'a> {
    index: &'a Index,
    lists: &'a [Prefix],
    low: u64,
    high: u64,
    newest_first: bool,
    seeks: u32,
    /// The numbers of the logs that are there.
    there: Vec<u16>,
    /// The block of places looked into last.
    block: Vec<Run>,
}

impl Walk<'_> {
    fn contains(&self, at: u64) -> bool {
        (self.low..self.high).contains(&at)
    }

    fn within(&self, at: u64) -> Option<u64> {
        Some(at).filter(|at| self.contains(*at))
    }

    fn beyond(&self, at: u64) -> Option<u64> {
        let next = if self.newest_first {
            at.checked_sub(1)
        } else {
            at.checked_add(1)
        };
        next.and_then(|next| self.within(next))
    }

    fn seek(&mut self, log: &LogKeys, list: &Prefix, at: u64) -> Result<Option<u64>, IndexError> {
        self.seeks += 1;
        Ok(if self.newest_first {
            postings::last_in(&log.keys, list, self.low..=at)?
        } else {
            postings::first_in(&log.keys, list, at..=self.high - 1)?
        })
    }

    /// The first leaf at or beyond `at` that is in every list of a log.
    fn next_in(&mut self, log: &LogKeys, at: u64) -> Result<Step, IndexError> {
        let mut candidate = at;
        let mut agreed = 0;
        let mut nth = 0;
        while agreed < self.lists.len() {
            if self.seeks >= MAX_SEEKS {
                return Ok(Step::Later(candidate));
            }
            let Some(found) = self.seek(log, &self.lists[nth], candidate)? else {
                return Ok(Step::End);
            };
            agreed = if found == candidate { agreed + 1 } else { 1 };
            candidate = found;
            nth = (nth + 1) % self.lists.len();
        }
        Ok(Step::Hit(candidate))
    }

    /// The first leaf at or beyond `at` that is in any log. A block without one is a step of its own.
    fn next_of_all(&mut self, at: u64) -> Result<Step, IndexError> {
        if run_of(&self.block, at).is_none() {
            self.seeks += 1;
            let record = self.index.record();
            self.block = if self.newest_first {
                store::block_before(record, at)?
            } else {
                store::block_of(record, at)?
            };
            if !self.newest_first && run_of(&self.block, at).is_none() {
                self.block = store::block_behind(record, at)?;
            }
        }
        let is_there = |run: &&Run| self.there.contains(&run.log);
        let found = if self.newest_first {
            let runs = self.block.iter().rev().filter(is_there);
            runs.filter(|run| run.index <= at)
                .map(|run| (run.index + run.leaves - 1).min(at))
                .next()
        } else {
            let runs = self.block.iter().filter(is_there);
            runs.filter(|run| run.index + run.leaves > at)
                .map(|run| run.index.max(at))
                .next()
        };
        if let Some(found) = found {
            return Ok(self.within(found).map_or(Step::End, Step::Hit));
        }
        let beyond = if self.newest_first {
            self.block.first().and_then(|run| run.index.checked_sub(1))
        } else {
            self.block.last().map(|run| run.index + run.leaves)
        };
        Ok(beyond
            .and_then(|at| self.within(at))
            .map_or(Step::End, Step::Later))
    }
}
