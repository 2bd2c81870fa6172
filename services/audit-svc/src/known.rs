//! Where numbered events stand that are on record already: the answer to whoever submits one again.

use std::{
    collections::{HashMap, HashSet},
    ops::{ControlFlow, Range},
    sync::Arc,
};

use hongyan_tlog::leaf_hash;
use tokio::sync::Semaphore;

use crate::{
    index::{Index, IndexError, Whereabouts},
    log::{LogError, LogReader},
    record::{Place, Record, leaf},
};

/// A number, and the event that came under it just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Again {
    pub(crate) producer: Arc<str>,
    pub(crate) epoch: u64,
    pub(crate) seq: u64,
    pub(crate) event_id: String,
}

impl Again {
    fn number(&self) -> Number {
        (Arc::clone(&self.producer), self.epoch, self.seq)
    }

    /// What it is to the event of that id, which stands here under its number.
    fn is(&self, event_id: &str, place: Place) -> Known {
        if event_id == self.event_id {
            Known::Here(place)
        } else {
            Known::Reused(place)
        }
    }
}

/// What is on record under a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// The same event.
    Here(Place),
    /// Another event: the producer used a number twice.
    Reused(Place),
    /// An event whose entry was dropped when its log's time was over: whether it was the same nobody can tell any more.
    Gone,
}

/// Why nobody can tell now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unknown {
    /// The logs or the index are not so far yet, or stand still.
    #[error("the index is behind the record")]
    Behind,
    #[error(transparent)]
    Index(#[from] IndexError),
    /// Seen, and yet not found: the record contradicts itself.
    #[error("a number that was seen is not in the index: seq {seq} of epoch {epoch}")]
    Missing { epoch: u64, seq: u64 },
    #[error(transparent)]
    Journal(LogError),
    #[error("the record is damaged: {0}")]
    Damaged(String),
    #[error("the look-up was interrupted")]
    Interrupted,
}

/// The most leaves that are looked through for numbers that are on record and not in the index yet. The index is about a
/// second behind, and more where publishing waits for witnesses or a bucket.
const MOST_UNINDEXED: u64 = 262_144;
/// So many look through the journal at once; each reads some hundred megabytes at most.
static LOOKING_THROUGH: Semaphore = Semaphore::const_new(2);

type Number = (Arc<str>, u64, u64);

/// An event that the index may not have yet.
#[derive(Debug)]
struct Fresh {
    place: Place,
    event_id: String,
}

/// Looks up each number, in order: in the journal what is not in the index yet, in the index all else.
pub(crate) async fn look_up(
    record: &Record,
    index: &Index,
    again: Vec<Again>,
) -> Result<Vec<Known>, Unknown> {
    if again.is_empty() {
        return Ok(Vec::new());
    }
    let reader = record.reader().clone();
    let size = record.head().size;
    let from = index.progress().indexed;
    // What comes again came a moment ago. And leaves leave the journal when they are published, which may be before they
    // are in the index.
    let from = from
        .max(size.saturating_sub(MOST_UNINDEXED))
        .max(reader.first_index());
    let wanted = again.iter().map(Again::number).collect();
    let fresh = look_through(reader, from..size, wanted).await?;
    let older: Vec<_> = again
        .iter()
        .map(Again::number)
        .filter(|number| !fresh.contains_key(number))
        .collect();
    if !older.is_empty() && !index.reaches(from).await {
        return Err(Unknown::Behind);
    }
    let mut indexed = look_into_index(index, older).await?.into_iter();
    let mut known = Vec::with_capacity(again.len());
    for again in again {
        known.push(match fresh.get(&again.number()) {
            Some(fresh) => again.is(&fresh.event_id, fresh.place),
            None => compare(index, &again, indexed.next().flatten()).await?,
        });
    }
    Ok(known)
}

/// Where the wanted numbers stand in this part of the journal.
async fn look_through(
    reader: LogReader,
    range: Range<u64>,
    wanted: HashSet<Number>,
) -> Result<HashMap<Number, Fresh>, Unknown> {
    if range.is_empty() {
        return Ok(HashMap::new());
    }
    let _permit = LOOKING_THROUGH
        .acquire()
        .await
        .map_err(|_| Unknown::Interrupted)?;
    let looked = tokio::task::spawn_blocking(move || {
        let mut found = HashMap::new();
        let mut fault = None;
        let each = |index, octets: &[u8]| {
            if let Err(reason) = take(index, octets, &wanted, &mut found) {
                fault = Some(reason);
            }
            if fault.is_some() || found.len() == wanted.len() {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        match reader.read_range(range, each) {
            Ok(()) => fault.map_or(Ok(found), |fault| Err(Unknown::Damaged(fault))),
            // In this moment.
            Err(LogError::Pruned { .. }) => Err(Unknown::Behind),
            Err(error) => Err(Unknown::Journal(error)),
        }
    });
    looked.await.map_err(|_| Unknown::Interrupted)?
}

/// Adds the leaf, if it is wanted; says what is wrong with it.
fn take(
    index: u64,
    octets: &[u8],
    wanted: &HashSet<Number>,
    found: &mut HashMap<Number, Fresh>,
) -> Result<(), String> {
    let (producer, epoch, seq, _) = leaf::number(octets)?;
    let number = (producer, epoch, seq);
    if !wanted.contains(&number) {
        return Ok(());
    }
    let standing = leaf::standing(index, octets)?;
    let (_, event) = leaf::decode(index, octets)?;
    let place = Place {
        index,
        log: standing.log,
        log_index: standing.log_index,
        leaf_hash: leaf_hash(octets),
    };
    let event_id = event.event_id;
    found.insert(number, Fresh { place, event_id });
    Ok(())
}

/// Where these numbers stand, in order.
async fn look_into_index(
    index: &Index,
    numbers: Vec<Number>,
) -> Result<Vec<Option<(u64, Whereabouts)>>, Unknown> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let looking = index.clone();
    let looked = tokio::task::spawn_blocking(move || {
        let one = |(producer, epoch, seq): Number| {
            let at = looking.index_of(&producer, epoch, seq)?;
            at.map(|at| Ok((at, looking.place_of(at)?))).transpose()
        };
        numbers
            .into_iter()
            .map(one)
            .collect::<Result<Vec<_>, IndexError>>()
    });
    Ok(looked.await.map_err(|_| Unknown::Interrupted)??)
}

/// Whether the event that stands at this index is the one that came.
async fn compare(index: &Index, again: &Again, at: Option<(u64, Whereabouts)>) -> Result<Known, Unknown> {
    let Some((at, place)) = at else {
        // An index that was built anew knows nothing of the numbers of logs that were dropped before.
        return if index.has_holes() {
            Ok(Known::Gone)
        } else {
            Err(Unknown::Missing {
                epoch: again.epoch,
                seq: again.seq,
            })
        };
    };
    let Some(found) = index.leaf_of(at, place).await? else {
        return Ok(Known::Gone);
    };
    let place = Place {
        index: at,
        log: found.log,
        log_index: found.log_index,
        leaf_hash: leaf_hash(&found.octets),
    };
    let event_id = found.leaf.event.as_ref().map(|event| event.event_id.as_str());
    Ok(again.is(event_id.unwrap_or_default(), place))
}
