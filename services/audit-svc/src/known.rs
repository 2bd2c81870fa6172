//! Where numbered events stand that are on record already: the answer to whoever submits one again.

use std::sync::Arc;

use hongyan_tlog::leaf_hash;

use crate::{
    index::{Index, IndexError, Whereabouts},
    record::{Place, Record},
};

/// A number, and the event that came under it just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Again {
    pub(crate) producer: Arc<str>,
    pub(crate) epoch: u64,
    pub(crate) seq: u64,
    pub(crate) event_id: String,
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
    #[error("the look-up was interrupted")]
    Interrupted,
}

/// Looks up each number, in order. Waits until all that is on record now is published and in the index.
pub(crate) async fn look_up(
    record: &Record,
    index: &Index,
    again: Vec<Again>,
) -> Result<Vec<Known>, Unknown> {
    if again.is_empty() {
        return Ok(Vec::new());
    }
    if !index.reaches(record.head().size).await {
        return Err(Unknown::Behind);
    }
    let looking = index.clone();
    let looked = tokio::task::spawn_blocking(move || {
        let one = |again: Again| {
            let at = looking.index_of(&again.producer, again.epoch, again.seq)?;
            let place = at.map(|at| Ok::<_, IndexError>((at, looking.place_of(at)?)));
            Ok((again, place.transpose()?))
        };
        again.into_iter().map(one).collect::<Result<Vec<_>, IndexError>>()
    });
    let mut known = Vec::new();
    for (again, at) in looked.await.map_err(|_| Unknown::Interrupted)?? {
        known.push(compare(index, &again, at).await?);
    }
    Ok(known)
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
    Ok(if event_id == Some(again.event_id.as_str()) {
        Known::Here(place)
    } else {
        Known::Reused(place)
    })
}
