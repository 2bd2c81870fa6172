//! Streams whose entries are numbered ([`crate::lua::AUDIT`]): how many were numbered, and whether all of them came.

use std::sync::LazyLock;

use redis::{Value, aio::ConnectionLike};

use crate::{error::QueueError, lua, script::Script, value};

static NUMBERING: LazyLock<Script> = LazyLock::new(|| Script::new("numbering", &[lua::NUMBERING]));

/// What was numbered, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbering {
    /// The epoch of the numbers.
    pub epoch: u64,
    /// The last number that was given; the first is 1.
    pub last: u64,
    /// The group has settled every entry that is in the stream. A number up to the last one that the group never saw is then
    /// of an entry that somebody deleted.
    pub is_settled: bool,
}

/// Asks for one stream's numbers; `None` where none was ever given.
pub async fn numbering(
    connection: &mut impl ConnectionLike,
    stream: &str,
    seq_key: &str,
    group: &str,
) -> Result<Option<Numbering>, QueueError> {
    let call = NUMBERING.prepare().key(stream).key(seq_key).arg(group);
    let answer: Value = call.run(connection).await?;
    let parts = value::array("numbering", answer)?;
    let [epoch, last, settled] = parts.as_slice() else {
        return if parts.is_empty() {
            Ok(None)
        } else {
            Err(QueueError::answer("numbering", "expected three numbers"))
        };
    };
    Ok(Some(Numbering {
        epoch: value::integer("numbering", epoch)?,
        last: value::integer("numbering", last)?,
        is_settled: value::integer("numbering", settled)? == 1,
    }))
}
