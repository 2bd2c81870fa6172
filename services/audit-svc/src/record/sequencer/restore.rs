//! A sequencer as it was when the process ended: from a snapshot, or from the logs, and from the leaves of the journal.

use std::sync::Arc;

use hongyan_proto::audit::v1::{AuditEvent, Leaf};

use super::Sequencer;
use crate::record::{
    Host, leaf,
    snapshot::{self, Counted, Snapshot},
};

/// What matters while leaves of the journal are taken in.
#[derive(Debug)]
pub(super) struct Restored {
    /// Leaves that were known before the first one came; `None` where they were counted log by log.
    covered: Option<u64>,
    /// When the leaf before was received.
    received_unix_ms: i64,
}

impl Default for Restored {
    /// None were known.
    fn default() -> Self {
        Self {
            covered: Some(0),
            received_unix_ms: i64::MIN,
        }
    }
}

impl Sequencer {
    /// As the snapshot has it. Where the snapshot was not taken at one moment, but put together from logs that are
    /// published to different points, `is_exact` is false.
    pub(crate) fn restored(host: Host, snapshot: Snapshot, is_exact: bool) -> Self {
        let Snapshot {
            size,
            last_received_unix_ms,
            logs,
            sequences,
        } = snapshot;
        let mut sequencer = Self {
            sequences,
            size,
            last_received_unix_ms,
            restored: Restored {
                covered: is_exact.then_some(size),
                ..Restored::default()
            },
            ..Self::new(host)
        };
        // The newest log of a class comes last.
        for (log, counted) in logs {
            sequencer.periods.placed(log, counted.is_closed);
            sequencer.logs.insert(log, counted.leaves);
        }
        sequencer
    }

    /// Takes in a leaf that is in the journal, in its order; one that is known is looked at and passed over. `Err` says
    /// what is wrong with it.
    pub(crate) fn replay(&mut self, index: u64, leaf: &Leaf, event: &AuditEvent) -> Result<(), String> {
        if leaf.received_at_unix_ms < self.restored.received_unix_ms {
            return Err("the leaf came before the one in front of it".to_owned());
        }
        self.restored.received_unix_ms = leaf.received_at_unix_ms;
        let log = leaf::log_of(leaf)?;
        let size = self.size_of(log);
        let is_known = leaf.log_index < size;
        let may_be_known = self.restored.covered.is_none_or(|covered| index < covered);
        let must_be_known = self.restored.covered.is_some_and(|covered| index < covered);
        if leaf.log_index > size || is_known && !may_be_known || must_be_known && !is_known {
            return Err(format!(
                "leaf {index} should be number {size} of {log}, and says that it is number {}",
                leaf.log_index
            ));
        }
        self.last_received_unix_ms = self.last_received_unix_ms.max(leaf.received_at_unix_ms);
        self.size = self.size.max(index.saturating_add(1));
        if is_known {
            return Ok(());
        }
        let logs = &self.logs;
        let size_of = |log| logs.get(&log).copied().unwrap_or_default();
        self.periods.replay(log, size, event, size_of)?;
        self.logs.insert(log, size + 1);
        // What is on record is on record, whatever today's limits would say to it.
        let _ = self.sequences.see(
            &Arc::from(leaf.producer.as_str()),
            leaf.epoch,
            leaf.seq,
            leaf.received_at_unix_ms,
        );
        Ok(())
    }

    /// All leaves of the journal are in, which ends before this index. The numbers of this process must be new, even
    /// where the clock has gone back since the last start.
    pub(crate) fn begin(&mut self, end: u64) {
        self.size = end;
        if let Some(newest) = self.sequences.newest_epoch(&self.host.producer) {
            self.host.epoch = self.host.epoch.max(newest.saturating_add(1));
        }
    }

    /// The octets of a snapshot of everything placed. It may be written when all of that is on disk.
    pub(crate) fn snapshot(&self) -> Vec<u8> {
        let counted = self.logs.iter().map(|(log, leaves)| {
            let counted = Counted {
                leaves: *leaves,
                is_closed: !self.periods.is_open(*log),
            };
            (*log, counted)
        });
        snapshot::encode(self.size, self.last_received_unix_ms, counted, &self.sequences)
    }
}
