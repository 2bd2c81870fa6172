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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::Path, sync::Arc};

    use hongyan_proto::audit::v1::AuditEvent;
    use hongyan_tlog::empty_root;

    use super::Feed;
    use crate::{
        index::{
            IndexError,
            writer::{IndexWriter, open},
        },
        publish::{Growing, Published, State, TileStore},
        record::{LogId, leaf},
    };

    fn sms() -> LogId {
        LogId::of("MESSAGE_ACCEPTED", 0)
    }

    fn cdr() -> LogId {
        LogId::of("MESSAGE_FINAL", 0)
    }

    /// A leaf that says that it stands there.
    fn leaf(index: u64, log: LogId, log_index: u64) -> Vec<u8> {
        let event = AuditEvent {
            action: "X".into(),
            ..AuditEvent::default()
        };
        leaf::encode(index, (log, log_index), ("p", 1, index + 1), 1, event)
    }

    /// Publishes these leaves, and lets an index follow as far as `through`.
    async fn follow(
        dir: &Path,
        logs: &[(LogId, Vec<Vec<u8>>)],
        through: u64,
    ) -> Result<IndexWriter, IndexError> {
        let store = TileStore::open(&dir.join("tiles")).unwrap();
        let mut published = BTreeMap::new();
        for (id, leaves) in logs {
            let mut growing = Growing::default();
            for leaf in leaves {
                growing.push(leaf).unwrap();
            }
            let size = growing.size();
            store.create(*id, growing.take_files()).await.unwrap();
            let checkpoint = Published {
                size,
                root: empty_root(),
                note: "note".into(),
                verifier: crate::testing::signer().verifier().clone(),
            };
            published.insert(*id, checkpoint);
        }
        let state = State {
            through,
            logs: Arc::new(published),
            ..State::default()
        };
        let (_, _, mut writer) = open(&dir.join("index"), u64::MAX)?;
        let mut feed = Feed::default();
        feed.update(&state, &writer)?;
        while writer.next() < through {
            let before = writer.next();
            feed.read_ahead(&store).await?;
            feed.advance(&mut writer)?;
            assert!(writer.next() > before, "no progress at {before}");
        }
        Ok(writer)
    }

    #[tokio::test]
    async fn leaves_of_all_logs_come_in_the_order_of_the_record_and_no_further_than_all_are_published() {
        let dir = tempfile::tempdir().unwrap();
        // Every third leaf is in the second log, which goes on further than the first one.
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for index in 0..9_000 {
            if index % 3 == 2 || index >= 8_000 {
                second.push(leaf(index, cdr(), second.len() as u64));
            } else {
                first.push(leaf(index, sms(), first.len() as u64));
            }
        }
        let logs = [(sms(), first.clone()), (cdr(), second)];
        let writer = follow(dir.path(), &logs, 8_000).await.unwrap();
        assert_eq!(writer.next(), 8_000);
        assert_eq!(writer.next_of(sms()), Some(first.len() as u64));
        assert_eq!(writer.next_of(cdr()), Some(8_000 - first.len() as u64));
    }

    #[tokio::test]
    async fn a_hole_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let logs = [
            (sms(), vec![leaf(0, sms(), 0), leaf(3, sms(), 1)]),
            (cdr(), vec![leaf(1, cdr(), 0)]),
        ];
        let refused = follow(dir.path(), &logs, 4).await.err().unwrap();
        assert!(
            matches!(refused, IndexError::Hole { index: 2, next: 3 }),
            "{refused}"
        );
    }

    #[tokio::test]
    async fn a_leaf_that_stands_where_it_does_not_belong_is_named() {
        for (wrong, said) in [
            (leaf(1, sms(), 2), "number 2 of sms-event"),
            (leaf(1, cdr(), 1), "number 1 of cdr"),
            (b"no leaf".to_vec(), "no leaf"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let logs = [(sms(), vec![leaf(0, sms(), 0), wrong])];
            let refused = follow(dir.path(), &logs, 2).await.err().unwrap();
            assert!(
                matches!(&refused, IndexError::Leaf { log, log_index: 1, reason }
                    if *log == sms() && reason.contains(said)),
                "{refused}"
            );
        }
    }

    #[tokio::test]
    async fn two_leaves_with_one_index_are_damage() {
        let dir = tempfile::tempdir().unwrap();
        let logs = [
            (sms(), vec![leaf(0, sms(), 0), leaf(1, sms(), 1)]),
            (cdr(), vec![leaf(1, cdr(), 0), leaf(2, cdr(), 1)]),
        ];
        let refused = follow(dir.path(), &logs, 3).await.err().unwrap();
        assert!(
            matches!(refused, IndexError::Hole { index: 2, next: 1 }),
            "{refused}"
        );
    }
}
