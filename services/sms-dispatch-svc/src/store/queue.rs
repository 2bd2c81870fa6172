//! The send queues of links that are down: what waits there and nobody has taken.

use std::{str::FromStr as _, sync::LazyLock};

use bytes::Bytes;
use hongyan_queue::{Call, QueueError, Script, StreamId};
use redis::Value;

use super::{Store, octets};

static NEXT_ENTRIES: LazyLock<Script> =
    LazyLock::new(|| Script::new("next-entries", &[include_str!("../lua/next_entries.lua")]));
static SKIP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "skip",
        &[
            include_str!("../lua/next_entry.lua"),
            include_str!("../lua/skip.lua"),
        ],
    )
});

/// The links' consumer group on the send queues.
pub const LINK_GROUP: &str = "link";

/// The consumer of that group that takes what goes another way. It settles it in the same step; what it leaves pending is
/// for a link that comes back.
pub(super) const MOVER: &str = "dispatch-mover";

/// An entry that no consumer has taken.
pub struct Untaken {
    /// Its id.
    pub id: StreamId,
    /// The sealed message; `None` for an entry without one.
    pub sealed: Option<Bytes>,
}

impl Store {
    /// The oldest entries of a queue that no consumer has taken. They stay where they are.
    pub async fn untaken(&self, queue: &str, count: usize) -> Result<Vec<Untaken>, QueueError> {
        let call: Call<'_> = NEXT_ENTRIES.prepare().key(queue).arg(LINK_GROUP).arg(count);
        let mut connection = self.redis.pooled().await?;
        let entries = call.run::<Vec<(String, Vec<Value>)>>(&mut connection).await?;
        entries.into_iter().map(untaken).collect()
    }

    /// Leaves the next entry of a queue to a link that comes back, so that those behind it come next. False where it was
    /// not the next one any more.
    pub async fn skip(&self, queue: &str, id: StreamId) -> Result<bool, QueueError> {
        let call = SKIP
            .prepare()
            .key(queue)
            .arg(LINK_GROUP)
            .arg(MOVER)
            .arg(id.to_string());
        Ok(call.run::<u64>(&mut self.redis.shared()).await? == 1)
    }
}

fn untaken((id, fields): (String, Vec<Value>)) -> Result<Untaken, QueueError> {
    let wrong = |detail: &str| QueueError::Answer {
        operation: "next-entries".to_owned(),
        detail: detail.to_owned(),
    };
    let id = StreamId::from_str(&id).map_err(|_| wrong("expected the id of an entry"))?;
    let mut sealed = None;
    let mut fields = fields.into_iter();
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        if octets("next-entries", name)?.as_ref() == b"b" {
            sealed = Some(octets("next-entries", value)?);
        }
    }
    Ok(Untaken { id, sealed })
}
