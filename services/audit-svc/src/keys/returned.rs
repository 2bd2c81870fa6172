//! Keys that were destroyed and are there again: whoever puts an older copy of the key directory back brings them back.
//! The record remembers what the directory forgot.

use std::collections::{BTreeMap, HashSet};

use hongyan_proto::audit::v1::AuditEvent;
use tokio::time::{Duration, timeout};
use uuid::Uuid;

use super::{
    SubjectKeys, blocking,
    erasing::PERIODS,
    error::KeysError,
    file::{self, KeyFile},
    keeper::Command,
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

/// What the key files do not know of erasures on record.
#[derive(Debug, Default)]
pub(crate) struct Forgotten {
    /// Erasures whose subject has a living key, by half-year: it was made before the erasure, for one that is known here
    /// is known from the first start behind the copy on.
    pub(crate) returned: Vec<(Period, Erasure)>,
    /// Erasures whose subject has none, in half-years in which keys may still be made.
    pub(crate) gone: BTreeMap<Period, Vec<(SubjectTag, Uuid)>>,
}

impl SubjectKeys {
    /// Compares erasures on record, oldest first, with the key files. Reads every file that one of them is about.
    pub(crate) async fn forgotten(&self, erasures: Vec<Erasure>) -> Result<Forgotten, KeysError> {
        let (dir, running) = (self.dir.clone(), Period::of((self.clock)()));
        blocking(move || {
            let mut found = Forgotten::default();
            let mut periods = file::periods(&dir)?;
            if !periods.contains(&running) {
                periods.push(running);
            }
            for period in periods {
                let about = erasures
                    .iter()
                    .filter(|erasure| erasure.periods.contains(&period));
                let about: Vec<_> = about.collect();
                if about.is_empty() {
                    continue;
                }
                let (forgotten, mut living) = match KeyFile::open_earlier(&dir, period) {
                    Ok(file) => look(&file, about)?,
                    // Lost, or its keys have expired.
                    Err(KeysError::Missing { slot: 0, .. }) => (about, HashSet::new()),
                    Err(error) => return Err(error),
                };
                for erasure in forgotten {
                    if living.remove(&erasure.tag) {
                        found.returned.push((period, erasure.clone()));
                    } else if period >= running {
                        let gone = found.gone.entry(period).or_default();
                        gone.push((erasure.tag, erasure.id));
                    }
                }
            }
            Ok(found)
        })
        .await
    }

    /// Notes erasures whose keys are gone in the file of a half-year: a key that is made from now on is behind them.
    pub(crate) async fn remember(
        &self,
        period: Period,
        erased: Vec<(SubjectTag, Uuid)>,
    ) -> Result<(), KeysError> {
        let command = |answer| Command::Remember {
            period,
            erased,
            answer,
        };
        self.ask(command).await
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

/// The erasures that the file knows nothing of, and which of their subjects have a living key there. Slots that are
/// damaged are passed over: what stands in them opens for nobody.
fn look<'e>(
    file: &KeyFile,
    about: Vec<&'e Erasure>,
) -> Result<(Vec<&'e Erasure>, HashSet<SubjectTag>), KeysError> {
    let mut known = HashSet::new();
    file.each_whole(|slot| {
        if let State::Destroyed { erasure } = slot.state {
            known.insert(Uuid::from_bytes(erasure));
        }
    })?;
    let forgotten = about.into_iter().filter(|erasure| !known.contains(&erasure.id));
    let forgotten: Vec<_> = forgotten.collect();
    let mut living = HashSet::new();
    if !forgotten.is_empty() {
        let tags: HashSet<_> = forgotten.iter().map(|erasure| erasure.tag).collect();
        file.each_whole(|slot| {
            if matches!(slot.state, State::Live { .. }) && tags.contains(&slot.tag) {
                living.insert(slot.tag);
            }
        })?;
    }
    Ok((forgotten, living))
}
