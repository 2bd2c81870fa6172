//! Erasing a subject: an order that is kept until it is done.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use hongyan_proto::audit::v1::AuditEvent;
use prost::Message as _;
use uuid::Uuid;

use super::{
    SubjectKeys, blocking,
    error::KeysError,
    file::{self, KeyFile, sync_dir},
    keeper::Command,
    slot::{Slot, State, SubjectTag},
};
use crate::{
    point::point,
    record::{Numbered, Period, Submission},
};

/// Who numbers these events. Each order is an epoch of its own with one event, so that an order that is finished twice is
/// on record once. Nobody outside this process has such a name.
pub(crate) const ERASURES: &str = "audit-svc/erasures";
/// The attribute that lists the half-years in which keys were destroyed, with blanks between.
pub(super) const PERIODS: &str = "periods";
const FOLDER: &str = "erasing";
const SUFFIX: &str = ".order";
const STAGED: &str = ".staged";

/// An order to erase a subject, as the event that will say that it was done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order {
    id: Uuid,
    tag: SubjectTag,
    event: AuditEvent,
}

/// What an order destroyed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Destroyed {
    pub(crate) keys: u32,
    /// In which half-years, oldest first.
    pub(crate) periods: Vec<Period>,
}

impl Order {
    /// From an event that has an id, an actor and a subject's tag; `None` where it has not.
    pub(crate) fn new(event: AuditEvent) -> Option<Self> {
        let id = Uuid::try_parse(&event.event_id).ok()?;
        let tag = SubjectTag::try_from(event.subject_tag.as_ref()).ok()?;
        Some(Self { id, tag, event })
    }

    /// The event for the record.
    pub(crate) fn done(&self, destroyed: &Destroyed) -> Submission {
        let mut event = self.event.clone();
        let periods: Vec<_> = destroyed.periods.iter().map(Period::to_string).collect();
        for (name, value) in [
            ("keys_destroyed", destroyed.keys.to_string()),
            (PERIODS, periods.join(" ")),
        ] {
            event.attributes.insert(name.to_owned(), value);
        }
        Submission::Numbered(Numbered {
            producer: Arc::from(ERASURES),
            epoch: self.id.as_u64_pair().0,
            seq: 1,
            event,
        })
    }

    fn path(&self, dir: &Path) -> PathBuf {
        dir.join(FOLDER).join(format!("{}{SUFFIX}", self.id))
    }

    /// Keeps it on disk: from now on it will be done.
    fn keep(&self, dir: &Path) -> Result<(), KeysError> {
        let path = self.path(dir);
        let staged = path.with_extension(STAGED.trim_start_matches('.'));
        let event = self.event.encode_to_vec();
        let sum = crc32c::crc32c(&event).to_be_bytes();
        let mut file = File::create(&staged).map_err(KeysError::io("creating", &staged))?;
        file.write_all(&sum)
            .and_then(|()| file.write_all(&event))
            .and_then(|()| file.sync_all())
            .map_err(KeysError::io("writing", &staged))?;
        point!("order-staged");
        fs::rename(&staged, &path).map_err(KeysError::io("renaming", &staged))?;
        point!("order-renamed");
        sync_dir(&dir.join(FOLDER))?;
        point!("order-kept");
        Ok(())
    }

    fn read(path: &Path) -> Result<Self, KeysError> {
        let octets = fs::read(path).map_err(KeysError::io("reading", path))?;
        let no_order = || KeysError::NoOrder(path.to_owned());
        let (sum, event) = octets.split_first_chunk().ok_or_else(no_order)?;
        if u32::from_be_bytes(*sum) != crc32c::crc32c(event) {
            return Err(no_order());
        }
        let event = AuditEvent::decode(event).map_err(|_| no_order())?;
        Self::new(event).ok_or_else(no_order)
    }
}

/// Makes the place of the orders.
pub(crate) fn make_dir(dir: &Path) -> Result<(), KeysError> {
    let folder = dir.join(FOLDER);
    fs::create_dir_all(&folder).map_err(KeysError::io("creating", &folder))?;
    sync_dir(dir)
}

/// Orders that were kept and not forgotten: the process ended before they were done, or before it could say so.
fn unfinished(dir: &Path) -> Result<Vec<Order>, KeysError> {
    let folder = dir.join(FOLDER);
    let mut orders = Vec::new();
    for entry in fs::read_dir(&folder).map_err(KeysError::io("listing", &folder))? {
        let path = entry.map_err(KeysError::io("listing", &folder))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == SUFFIX.trim_start_matches('.'))
        {
            orders.push(Order::read(&path)?);
        }
    }
    orders.sort_unstable_by_key(|order| order.id);
    Ok(orders)
}

impl SubjectKeys {
    /// Keeps the order and destroys every key of its subject. The caller puts [`Order::done`] on record then, and calls
    /// [`Self::forget`]. After an error the order may be kept, and is done at the next start at the latest.
    pub(crate) async fn erase(&self, order: &Order) -> Result<Destroyed, KeysError> {
        let _one = self.erasing.lock().await;
        let (dir, kept) = (self.dir.clone(), order.clone());
        blocking(move || kept.keep(&dir)).await?;
        self.destroy(order, false).await
    }

    /// Orders that an earlier process left.
    pub(crate) async fn unfinished(&self) -> Result<Vec<Order>, KeysError> {
        let dir = self.dir.clone();
        blocking(move || unfinished(&dir)).await
    }

    /// Does again what an order wants; what it had destroyed before counts.
    pub(crate) async fn finish(&self, order: &Order) -> Result<Destroyed, KeysError> {
        let _one = self.erasing.lock().await;
        self.destroy(order, true).await
    }

    /// Takes away an order that is on record as done.
    pub(crate) async fn forget(&self, order: &Order) -> Result<(), KeysError> {
        let (path, dir) = (order.path(&self.dir), self.dir.clone());
        blocking(move || match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(KeysError::io("removing", &path)(error))
            }
            // An order that came back with a power cut would destroy keys that were made since.
            _ => sync_dir(&dir.join(FOLDER)),
        })
        .await
    }

    async fn destroy(&self, order: &Order, is_again: bool) -> Result<Destroyed, KeysError> {
        let (tag, erasure) = (order.tag, order.id);
        let (current, fresh) = self.ask(|answer| Command::Erase { tag, erasure, answer }).await?;
        let dir = self.dir.clone();
        let mut per_period = Vec::new();
        let mut damage = None;
        for period in blocking(move || file::periods(&dir)).await? {
            if current.is_some_and(|current| period > current) {
                // Came into being a moment ago: what is in it came behind the order.
                continue;
            }
            // What stands in the current file was found by the table; only what an earlier process did there was not.
            let destroyed = if Some(period) == current && !is_again {
                Ok((fresh, None))
            } else {
                self.destroy_in(period, tag, erasure).await
            };
            match destroyed {
                Ok((keys, found)) => {
                    per_period.push((period, keys));
                    damage = damage.or(found);
                }
                // Its keys have expired meanwhile.
                Err(KeysError::Missing { slot: 0, .. }) => {}
                // One file that is damaged must not save the keys in the others.
                Err(error @ (KeysError::Damaged { .. } | KeysError::Missing { .. })) => {
                    damage = damage.or(Some(error));
                }
                Err(error) => return Err(error),
            }
        }
        if let Some(damage) = damage {
            return Err(damage);
        }
        per_period.retain(|(_, keys)| *keys > 0);
        metrics::counter!("hongyan_audit_subjects_erased_total").increment(1);
        Ok(Destroyed {
            keys: per_period.iter().map(|(_, keys)| keys).sum(),
            periods: per_period.into_iter().map(|(period, _)| period).collect(),
        })
    }

    /// Destroys the subject's keys in one file: how many this erasure destroyed there, now or before, and what damage may
    /// hide another.
    pub(super) async fn destroy_in(
        &self,
        period: Period,
        tag: SubjectTag,
        erasure: Uuid,
    ) -> Result<(u32, Option<KeysError>), KeysError> {
        let dir = self.dir.clone();
        let (slots, damage) = blocking(move || KeyFile::open_earlier(&dir, period)?.of_subject(&tag)).await?;
        let before = slots.iter().filter(|slot| is_by(slot, erasure)).count();
        let slots: Vec<_> = slots
            .iter()
            .filter(|slot| matches!(slot.state, State::Live { .. }))
            .map(|slot| slot.id.slot())
            .collect();
        let mut keys = u32::try_from(before).unwrap_or(u32::MAX);
        if !slots.is_empty() {
            keys += self
                .ask(|answer| Command::Destroy {
                    period,
                    slots,
                    tag,
                    erasure,
                    answer,
                })
                .await?;
        }
        Ok((keys, damage))
    }
}

fn is_by(slot: &Slot, erasure: Uuid) -> bool {
    slot.state
        == State::Destroyed {
            erasure: *erasure.as_bytes(),
        }
}
