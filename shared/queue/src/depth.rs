//! How much work waits.

use std::sync::LazyLock;

use redis::{Value, aio::ConnectionLike};

use crate::{error::QueueError, lua, script::Script, stream_id::StreamId, value};

static DEPTH: LazyLock<Script> = LazyLock::new(|| Script::new("depth", &[lua::DEPTH]));

/// One stream as one group sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Entries that no consumer has taken. An upper bound where the server has lost count.
    pub waiting: u64,
    /// Entries taken and not settled.
    pub taken: u64,
    /// Age of the oldest entry that is not settled, by the server's clock against `now_unix_ms`; 0 where there is none.
    pub oldest_age_ms: u64,
}

/// Asks for one stream's depth. A stream that does not exist is empty.
pub async fn depth(
    connection: &mut impl ConnectionLike,
    stream: &str,
    group: &str,
    now_unix_ms: u64,
) -> Result<Depth, QueueError> {
    let answer: Value = DEPTH.prepare().key(stream).arg(group).run(connection).await?;
    let mut parts = value::array("depth", answer)?.into_iter();
    let (Some(waiting), Some(taken), Some(oldest)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(QueueError::answer("depth", "expected three values"));
    };
    let oldest = value::text("depth", oldest)?;
    let oldest_age_ms = if oldest.is_empty() {
        0
    } else {
        let id: StreamId = oldest
            .parse()
            .map_err(|_| QueueError::answer("depth", "expected a stream id"))?;
        now_unix_ms.saturating_sub(id.unix_ms)
    };
    Ok(Depth {
        waiting: value::integer("depth", &waiting)?,
        taken: value::integer("depth", &taken)?,
        oldest_age_ms,
    })
}
