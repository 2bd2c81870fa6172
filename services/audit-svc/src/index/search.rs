//! Finds the leaves that meet every condition: walks the postings of all conditions at once, leaping over what any one
//! of them rules out. Does a bounded amount of work for each page.

use super::{
    keys::{Field, Postings},
    store::{Index, IndexError},
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
    pub(crate) indices: Vec<u64>,
    /// The first candidate of the next page; `None` where nothing is left.
    pub(crate) resume: Option<u64>,
}

/// One page. It may hold fewer than asked for, even none, and still have a next one.
pub(crate) fn search(index: &Index, conditions: &Conditions, course: Course) -> Result<Page, IndexError> {
    let mut page = Page {
        indices: Vec::new(),
        resume: None,
    };
    let (low, high) = bounds(index, conditions, course.size)?;
    let lists: Vec<_> = conditions
        .fields
        .iter()
        .map(|(field, value)| Postings::new(*field, value))
        .collect();
    let mut walk = Walk {
        index,
        lists: &lists,
        low,
        high,
        newest_first: course.newest_first,
        seeks: 0,
    };
    let start = if course.newest_first {
        high.checked_sub(1)
    } else {
        Some(low)
    };
    let mut candidate = course.resume.or(start);
    while let Some(at) = candidate {
        if page.indices.len() == course.most || walk.seeks >= MAX_SEEKS {
            page.resume = walk.contains(at).then_some(at);
            break;
        }
        match walk.next_from(at)? {
            Step::Hit(found) => {
                page.indices.push(found);
                candidate = walk.beyond(found);
            }
            Step::Later(next) => candidate = Some(next),
            Step::End => candidate = None,
        }
    }
    Ok(page)
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

enum Step {
    /// This leaf meets every condition.
    Hit(u64),
    /// Nothing before this candidate; the work for this page is done.
    Later(u64),
    End,
}

struct Walk<'a> {
    index: &'a Index,
    lists: &'a [Postings],
    low: u64,
    high: u64,
    newest_first: bool,
    seeks: u32,
}

impl Walk<'_> {
    fn contains(&self, at: u64) -> bool {
        (self.low..self.high).contains(&at)
    }

    fn beyond(&self, at: u64) -> Option<u64> {
        let next = if self.newest_first {
            at.checked_sub(1)
        } else {
            at.checked_add(1)
        };
        next.filter(|next| self.contains(*next))
    }

    fn seek(&mut self, list: &Postings, at: u64) -> Result<Option<u64>, IndexError> {
        self.seeks += 1;
        if self.newest_first {
            self.index.last_in(list, self.low..=at)
        } else {
            self.index.first_in(list, at..=self.high - 1)
        }
    }

    /// The first leaf at or beyond `at` that is in every list.
    fn next_from(&mut self, at: u64) -> Result<Step, IndexError> {
        if !self.contains(at) {
            return Ok(Step::End);
        }
        let mut candidate = at;
        let mut agreed = 0;
        let mut nth = 0;
        while agreed < self.lists.len() {
            if self.seeks >= MAX_SEEKS {
                return Ok(Step::Later(candidate));
            }
            let Some(found) = self.seek(&self.lists[nth], candidate)? else {
                return Ok(Step::End);
            };
            agreed = if found == candidate { agreed + 1 } else { 1 };
            candidate = found;
            nth = (nth + 1) % self.lists.len();
        }
        Ok(Step::Hit(candidate))
    }
}
