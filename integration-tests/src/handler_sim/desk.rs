//! What the simulator knows and remembers.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::{Balances, Faults};

/// Questions remembered; the oldest go first.
const MOST_REMEMBERED: usize = 10_000;

/// One question, without what stood in its fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The same for every attempt at one uplink.
    pub uplink_id: String,
    /// The tenant in whose name was asked.
    pub tenant: String,
    /// The rule.
    pub command: String,
    /// The names of its fields, in order.
    pub fields: Vec<String>,
}

/// What was asked since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// How many questions.
    pub asked: u64,
    /// How many of each command.
    pub by_command: BTreeMap<String, u64>,
    /// How many had an answer.
    pub answered: u64,
    /// The last 10,000, oldest first.
    pub questions: VecDeque<Asked>,
}

/// Shared by all calls.
pub(super) struct Desk {
    balances: Balances,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stats: Stats,
    faults: Faults,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// The field `card` is missing or no card's number.
    UnknownCard,
    /// The field `password` is not the card's.
    WrongPassword,
}

impl Desk {
    pub(super) fn new(balances: Balances) -> Self {
        Self {
            balances,
            state: Mutex::default(),
        }
    }

    /// Remembers a question; gives the faults that hold for it.
    pub(super) fn ask(&self, asked: Asked) -> Faults {
        let mut state = self.lock();
        state.stats.asked += 1;
        *state.stats.by_command.entry(asked.command.clone()).or_default() += 1;
        if state.stats.questions.len() == MOST_REMEMBERED {
            state.stats.questions.pop_front();
        }
        state.stats.questions.push_back(asked);
        state.faults.take()
    }

    /// The parameters of the answer.
    pub(super) fn answer(
        &self,
        fields: &HashMap<String, String>,
    ) -> Result<HashMap<String, String>, NoAnswer> {
        let number = fields.get("card").ok_or(NoAnswer::UnknownCard)?;
        let card = self.balances.cards.get(number).ok_or(NoAnswer::UnknownCard)?;
        if card.password.is_some() && card.password.as_ref() != fields.get("password") {
            return Err(NoAnswer::WrongPassword);
        }
        let mut parameters: HashMap<_, _> = card.parameters.clone().into_iter().collect();
        let chars: Vec<char> = number.chars().collect();
        let tail = chars[chars.len().saturating_sub(4)..].iter().collect();
        parameters.entry("card_tail".to_owned()).or_insert(tail);
        self.lock().stats.answered += 1;
        Ok(parameters)
    }

    pub(super) fn stats(&self) -> Stats {
        self.lock().stats.clone()
    }

    pub(super) fn faults(&self) -> Faults {
        self.lock().faults.clone()
    }

    pub(super) fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    pub(super) fn reset(&self) {
        *self.lock() = State::default();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
