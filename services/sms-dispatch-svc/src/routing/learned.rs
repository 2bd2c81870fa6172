//! Numbers that are with another carrier than the catalog says.
//!
//! The truth is in Redis, beside the number's other state, and every accept is checked against it there. What stands here
//! only saves the second look: a message that was made for the wrong carrier is made anew.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use hongyan_domain::Carrier;
use hongyan_envelope::Tag;
use hongyan_proto::carrier::v1::LessonSource;

/// So many numbers are remembered in each of two generations.
const GENERATION: usize = 65_536;

/// What was lately found of numbers. Bounded: when the younger generation is full it becomes the older one, and that goes.
#[derive(Debug, Default)]
pub struct Learned(RwLock<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<u128, Carrier>,
    old: HashMap<u128, Carrier>,
}

impl Learned {
    /// The carrier that a number was last found with.
    pub fn get(&self, tag: &Tag) -> Option<Carrier> {
        let generations = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let key = key(tag);
        generations
            .young
            .get(&key)
            .or_else(|| generations.old.get(&key))
            .copied()
    }

    /// Remembers where a number was found; `None` where nothing is known of it.
    pub fn set(&self, tag: &Tag, carrier: Option<Carrier>) {
        let mut generations = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let key = key(tag);
        generations.old.remove(&key);
        let Some(carrier) = carrier else {
            generations.young.remove(&key);
            return;
        };
        if generations.young.len() >= GENERATION {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(key, carrier);
    }
}

/// As many octets as stand in Redis' keys.
fn key(tag: &Tag) -> u128 {
    tag.as_bytes()
        .iter()
        .take(16)
        .fold(0, |key, octet| (key << 8) | u128::from(*octet))
}

/// Something seen of where a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lesson {
    /// What follows.
    pub kind: LessonKind,
    /// The carrier that it is about.
    pub carrier: Carrier,
    /// Where the catalog has the number.
    pub expected: Carrier,
    /// How it was seen.
    pub source: LessonSource,
}

/// What follows from a lesson.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LessonKind {
    /// The number is with that carrier.
    Learn,
    /// The number is not with that carrier: what was learned is dropped where it says so.
    Forget,
}

impl LessonKind {
    /// As the scripts and the record have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Learn => "learn",
            Self::Forget => "forget",
        }
    }
}

impl Lesson {
    /// What is kept in Redis: carrier, source and since when.
    pub fn value(&self, now_ms: i64) -> String {
        format!("{}|{}|{now_ms}", self.carrier, self.source_name())
    }

    /// What follows where it changes anything, for the record: `ELSEWHERE` (the number counts as that carrier's from now
    /// on) or `AS_EXPECTED` (what was learned before is dropped).
    pub fn outcome(&self) -> &'static str {
        if self.kind == LessonKind::Learn && self.carrier != self.expected {
            "ELSEWHERE"
        } else {
            "AS_EXPECTED"
        }
    }

    /// `NO_ROUTE` or `UPLINK`.
    pub fn source_name(&self) -> &'static str {
        self.source.as_str_name().trim_start_matches("LESSON_SOURCE_")
    }
}

#[cfg(test)]
mod tests {
    use hongyan_domain::Carrier::{ChinaTelecom, ChinaUnicom};
    use hongyan_envelope::SUBJECT;

    use super::{GENERATION, Learned};
    use crate::testing;

    #[test]
    fn the_last_word_on_a_number_counts_and_the_oldest_numbers_are_forgotten() {
        let keyring = testing::keyring();
        let tag = |number: usize| keyring.tag(SUBJECT, &number.to_string());
        let learned = Learned::default();
        assert_eq!(learned.get(&tag(0)), None);
        learned.set(&tag(0), Some(ChinaUnicom));
        learned.set(&tag(0), Some(ChinaTelecom));
        assert_eq!(learned.get(&tag(0)), Some(ChinaTelecom));
        learned.set(&tag(0), None);
        assert_eq!(learned.get(&tag(0)), None);
        for number in 1..=2 * GENERATION + 1 {
            learned.set(&tag(number), Some(ChinaUnicom));
        }
        assert_eq!(learned.get(&tag(1)), None);
        assert_eq!(learned.get(&tag(GENERATION + 1)), Some(ChinaUnicom));
        assert_eq!(learned.get(&tag(2 * GENERATION + 1)), Some(ChinaUnicom));
    }
}
