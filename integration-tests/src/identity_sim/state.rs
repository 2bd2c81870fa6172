//! What the upstream knows and has done.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::Result;
use hongyan_domain::Msisdn;
use serde::Serialize;

use super::{
    faults::Faults,
    judge::{Answer, Question, judge},
    people::Person,
};

/// Question ids that are remembered to tell repetitions; further ones count as new.
const MAX_IDS: usize = 1_000_000;

/// Counts since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Questions with a right key, answered or not.
    pub asked: u64,
    /// Questions whose `request_id` was asked before.
    pub repeated: u64,
    /// Questions with a `traceparent`.
    pub traced: u64,
    /// Questions without the right key.
    pub unauthorized: u64,
    /// What the bill says.
    pub charged: u64,
    /// Questions that met a fault.
    pub faults: u64,
    /// Answers by their code.
    pub codes: BTreeMap<String, u64>,
}

#[derive(Debug)]
pub(super) struct State {
    people: HashMap<Msisdn, Person>,
    api_key: Option<String>,
    moving: Mutex<Moving>,
}

#[derive(Debug, Default)]
struct Moving {
    stats: Stats,
    faults: Faults,
    asked_about: HashMap<String, u64>,
    ids: HashMap<String, u64>,
}

impl State {
    pub(super) fn new(people: Vec<Person>, api_key: Option<String>) -> Result<Self> {
        let people = people
            .into_iter()
            .map(|person| Ok((person.number()?, person)))
            .collect::<Result<_>>()?;
        Ok(Self {
            people,
            api_key,
            moving: Mutex::default(),
        })
    }

    fn moving(&self) -> MutexGuard<'_, Moving> {
        self.moving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stats(&self) -> Stats {
        self.moving().stats.clone()
    }

    pub(super) fn faults(&self) -> Faults {
        self.moving().faults.clone()
    }

    pub(super) fn set_faults(&self, faults: Faults) {
        self.moving().faults = faults;
    }

    pub(super) fn asked_about(&self, phone: &str) -> u64 {
        self.moving().asked_about.get(phone).copied().unwrap_or_default()
    }

    pub(super) fn reset(&self) {
        *self.moving() = Moving::default();
    }

    pub(super) fn authorized(&self, key: Option<&str>) -> bool {
        let right = self.api_key.is_none() || self.api_key.as_deref() == key;
        if !right {
            self.moving().stats.unauthorized += 1;
        }
        right
    }

    /// Counts a question; gives the true answer and the fault that it meets.
    pub(super) fn ask(&self, question: &Question, traced: bool) -> (Answer, Faults) {
        let answer = judge(question, &self.people);
        let mut moving = self.moving();
        let moving = &mut *moving;
        let faults = moving.faults.take();
        moving.stats.asked += 1;
        moving.stats.traced += u64::from(traced);
        moving.stats.faults += u64::from(faults != Faults::default());
        *moving.asked_about.entry(question.phone.clone()).or_default() += 1;
        if moving.ids.len() < MAX_IDS {
            let seen = moving.ids.entry(question.request_id.clone()).or_default();
            moving.stats.repeated += u64::from(*seen > 0 && !question.request_id.is_empty());
            *seen += 1;
        }
        (answer, faults)
    }

    /// Counts an answer that leaves.
    pub(super) fn answered(&self, code: &str, charged: bool) {
        let mut moving = self.moving();
        moving.stats.charged += u64::from(charged);
        *moving.stats.codes.entry(code.to_owned()).or_default() += 1;
    }
}
