//! Whether logs follow each other: the first entry of a log that has one before it names that one's end.

use hongyan_proto::audit::v1::Leaf;
use hongyan_tlog::{TILE_WIDTH, Tile, bundle, tile::Kind};
use prost::Message as _;

use crate::copied::Copied;

const OPENED: &str = "RECORD_LOG_OPENED";

/// The end of the log before, as a first entry names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Previous {
    origin: String,
    size: String,
    root: String,
    /// The text of the last checkpoint.
    checkpoint: String,
}

/// A log's first entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum First {
    /// It is not in the directory.
    Away,
    /// It names no log before.
    Plain,
    Behind(Previous),
}

/// What a log of the directory says.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) origin: String,
    pub(super) size: u64,
    pub(super) root: String,
    /// The text of its checkpoint.
    pub(super) checkpoint: String,
    pub(super) first: First,
}

/// The first entry of a log of this size, whose entries were checked.
pub(super) fn first(files: &Copied, size: u64) -> Result<First, String> {
    let Some(tile) = Tile::new(
        Kind::Entries,
        0,
        size.min(u64::from(TILE_WIDTH)).try_into().unwrap_or(TILE_WIDTH),
    ) else {
        return Ok(First::Away);
    };
    let Some((octets, width)) = files.tile_or_full(tile)? else {
        return Ok(First::Away);
    };
    let entries = bundle::entries(&octets, width).map_err(|error| format!("{tile}: {error}"))?;
    let Some(entry) = entries.first() else {
        return Ok(First::Away);
    };
    let leaf = Leaf::decode(*entry).map_err(|_| "the entry is no leaf of this record".to_owned())?;
    Ok(previous(&leaf).map_or(First::Plain, First::Behind))
}

fn previous(leaf: &Leaf) -> Option<Previous> {
    let event = leaf.event.as_ref().filter(|event| event.action == OPENED)?;
    let attribute = |name: &str| event.attributes.get(name).cloned().unwrap_or_default();
    let note = attribute("previous_checkpoint");
    let (checkpoint, _) = note.split_once("\n\n").unwrap_or_default();
    Some(Previous {
        origin: attribute("previous_origin"),
        size: attribute("previous_size"),
        root: attribute("previous_root"),
        checkpoint: format!("{checkpoint}\n"),
    })
}

/// The logs that do not begin where the one before them in the directory ends, by their place in the list, with what is
/// wrong.
pub(super) fn wrong(logs: &[Said]) -> Vec<(usize, String)> {
    let wrong = logs
        .iter()
        .enumerate()
        .filter_map(|(nth, log)| Some((nth, wrong_of(log, logs)?)));
    wrong.collect()
}

fn wrong_of(log: &Said, logs: &[Said]) -> Option<String> {
    match &log.first {
        First::Away => None,
        First::Behind(previous) => {
            let before = logs.iter().find(|other| other.origin == previous.origin)?;
            if (&before.size.to_string(), &before.root) != (&previous.size, &previous.root) {
                let (origin, size, here) = (&previous.origin, &previous.size, before.size);
                return Some(format!(
                    "it begins behind {size} entries of {origin}, which here is another log or has another end ({here} entries)"
                ));
            }
            let is_so = before.checkpoint == previous.checkpoint;
            (!is_so).then(|| {
                format!(
                    "it names another last checkpoint of {} than is here",
                    previous.origin
                )
            })
        }
        First::Plain => {
            let earlier = logs.iter().find(|other| is_earlier(&other.origin, &log.origin))?;
            Some(format!("it does not begin with how {} ended", earlier.origin))
        }
    }
}

/// Whether two origins are of the same class and partition, and the first one's period is the earlier.
fn is_earlier(one: &str, other: &str) -> bool {
    let pieces = |origin: &str| {
        let (rest, partition) = origin.rsplit_once('/')?;
        let (class, period) = rest.rsplit_once('/')?;
        Some((class.to_owned(), partition.to_owned(), period.to_owned()))
    };
    match (pieces(one), pieces(other)) {
        (Some(one), Some(other)) => (&one.0, &one.1) == (&other.0, &other.1) && one.2 < other.2,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use hongyan_proto::audit::v1::{AuditEvent, Leaf};
    use prost::Message as _;

    use super::{First, Said, first, previous, wrong};
    use crate::copied::testing::{entries, write};

    const OLD: &str = "audit.example.org/cdr/2026h1/0";
    const NEW: &str = "audit.example.org/cdr/2026h2/0";

    fn opening() -> Leaf {
        let attributes = [
            ("previous_origin", OLD),
            ("previous_size", "7"),
            ("previous_root", "ab"),
            ("previous_checkpoint", "the text\n\n— a signature\n"),
        ];
        let event = AuditEvent {
            action: "RECORD_LOG_OPENED".to_owned(),
            attributes: attributes
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..AuditEvent::default()
        };
        Leaf {
            event: Some(event),
            ..Leaf::default()
        }
    }

    fn log(origin: &str, size: u64, first: First) -> Said {
        Said {
            origin: origin.to_owned(),
            size,
            root: "ab".to_owned(),
            checkpoint: "the text\n".to_owned(),
            first,
        }
    }

    #[test]
    fn a_log_begins_where_the_one_before_ends_or_is_named() {
        let old = log(OLD, 7, First::Plain);
        let new = log(NEW, 1, First::Behind(previous(&opening()).unwrap()));
        for (logs, is_wrong) in [
            (vec![old.clone(), new.clone()], None),
            // Each by itself tells nothing of the other, and neither does a first entry that was dropped.
            (vec![old.clone()], None),
            (vec![new.clone()], None),
            (vec![old.clone(), log(NEW, 1, First::Away)], None),
            (vec![log(OLD, 6, First::Plain), new.clone()], Some("7 entries")),
            (
                vec![
                    new.clone(),
                    Said {
                        root: "cd".to_owned(),
                        ..old.clone()
                    },
                ],
                Some("another end"),
            ),
            (
                vec![
                    Said {
                        checkpoint: "another\n".to_owned(),
                        ..old.clone()
                    },
                    new.clone(),
                ],
                Some("last checkpoint"),
            ),
            (
                vec![old.clone(), log(NEW, 1, First::Plain)],
                Some("does not begin"),
            ),
            // Other classes and organisations do not follow it.
            (
                vec![
                    old.clone(),
                    log("audit.example.org/meta/2026h2/0", 1, First::Plain),
                    log("audit.example.net/cdr/2026h2/0", 1, First::Plain),
                ],
                None,
            ),
        ] {
            let found = wrong(&logs);
            match is_wrong {
                None => assert_eq!(found, [], "{logs:?}"),
                Some(why) => {
                    let new = logs.iter().position(|log| log.origin == NEW);
                    assert_eq!(Some(found[0].0), new);
                    assert!(found[0].1.contains(why), "{}", found[0].1);
                }
            }
        }
    }

    #[test]
    fn the_first_entry_is_read_where_it_is_there() {
        let mut leaves = entries(300);
        let dir = tempfile::tempdir().unwrap();
        let (files, _) = write(dir.path(), &leaves);
        assert_eq!(first(&files, 300), Ok(First::Plain));
        assert_eq!(first(&files, 0), Ok(First::Away));
        let dir = tempfile::tempdir().unwrap();
        leaves[0] = opening().encode_to_vec();
        let (files, _) = write(dir.path(), &leaves[..5]);
        assert_eq!(first(&files, 5), Ok(First::Behind(previous(&opening()).unwrap())));
        std::fs::remove_dir_all(dir.path().join("tile/entries")).unwrap();
        assert_eq!(first(&files, 5), Ok(First::Away));
    }
}
