//! Keys that were destroyed and are there again: whoever puts an older copy of the key directory back brings them back.
//! The record remembers what the directory forgot.

use std::collections::HashSet;

use hongyan_proto::audit::v1::AuditEvent;
use tokio::time::{Duration, timeout};
use uuid::Uuid;

use super::{
    SubjectKeys, blocking,
    erasing::PERIODS,
    error::KeysError,
    file::{self, KeyFile},
    slot::{State, SubjectTag},
};
use crate::record::Period;

/// How long who wants something opened waits for the keys to be compared with the record.
const PATIENCE: Duration = Duration::from_secs(5);

/// An erasure that is on record, and where it destroyed keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Erasure {
    pub(crate) id: Uuid,
    pub(crate) tag: SubjectTag,
    periods: Vec<Period>,
}

impl Erasure {
    /// Of the event about it; `None` where it destroyed nothing.
    pub(crate) fn of(event: &AuditEvent) -> Option<Self> {
        let periods = event.attributes.get(PERIODS)?.split(' ');
        let periods: Vec<Period> = periods.filter_map(|period| period.parse().ok()).collect();
        let erasure = Self {
            id: Uuid::try_parse(&event.event_id).ok()?,
            tag: SubjectTag::try_from(event.subject_tag.as_ref()).ok()?,
            periods,
        };
        (!erasure.periods.is_empty()).then_some(erasure)
    }
}

impl SubjectKeys {
    /// The keys that live although one of these erasures destroyed them, by half-year. Reads every file that one of them
    /// is about.
    pub(crate) async fn returned(&self, erasures: Vec<Erasure>) -> Result<Vec<(Period, Erasure)>, KeysError> {
        let dir = self.dir.clone();
        blocking(move || {
            let mut returned = Vec::new();
            for period in file::periods(&dir)? {
                let about: Vec<_> = erasures
                    .iter()
                    .filter(|erasure| erasure.periods.contains(&period))
                    .collect();
                if about.is_empty() {
                    continue;
                }
                let file = match KeyFile::open_earlier(&dir, period) {
                    Ok(file) => file,
                    // Its keys have expired in this moment.
                    Err(KeysError::Missing { slot: 0, .. }) => continue,
                    Err(error) => return Err(error),
                };
                for erasure in forgotten(&file, about)? {
                    let (slots, _) = file.of_subject(&erasure.tag)?;
                    // Made before the erasure: this process makes none for a subject that has one, and the one before
                    // it compared its keys as well.
                    if slots.iter().any(|slot| matches!(slot.state, State::Live { .. })) {
                        returned.push((period, erasure.clone()));
                    }
                }
            }
            Ok(returned)
        })
        .await
    }

    /// Destroys the keys that came back; how many they were.
    pub(crate) async fn destroy_again(&self, period: Period, erasure: &Erasure) -> Result<u32, KeysError> {
        let _one = self.erasing.lock().await;
        let (keys, damage) = self.destroy_in(period, erasure.tag, erasure.id).await?;
        damage.map_or(Ok(keys), Err)
    }

    /// No key is here that should not be: what is sealed may be opened.
    pub(crate) fn are_compared(&self) {
        self.compared.send_replace(true);
    }

    /// Waits for that.
    pub(super) async fn wait_compared(&self) -> Result<(), KeysError> {
        let mut compared = self.compared.subscribe();
        let waited = timeout(PATIENCE, compared.wait_for(|compared| *compared)).await;
        match waited {
            Ok(Ok(_)) => Ok(()),
            _ => Err(KeysError::Uncompared),
        }
    }
}

/// The erasures that the file knows nothing of. A damaged slot hides none: what lives there is looked for by its subject.
fn forgotten<'e>(file: &KeyFile, about: Vec<&'e Erasure>) -> Result<Vec<&'e Erasure>, KeysError> {
    let mut known = HashSet::new();
    file.each_whole(|slot| {
        if let State::Destroyed { erasure } = slot.state {
            known.insert(Uuid::from_bytes(erasure));
        }
    })?;
    let forgotten = about.into_iter().filter(|erasure| !known.contains(&erasure.id));
    Ok(forgotten.collect())
}
