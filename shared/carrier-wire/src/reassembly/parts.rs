//! Messages that wait for their parts.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use bytes::Bytes;

use super::{Assembled, PartBody};
use crate::concat::{Concat, Reference};

/// What a part takes besides its text, in octets, roughly.
const PART_OVERHEAD: usize = 64;

/// What keeps the parts of one message together. The total is part of it: two messages that share a reference
/// and differ in their total are two messages.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PartKey {
    link: Box<str>,
    source: Box<str>,
    destination: Box<str>,
    reference: Reference,
    total: u8,
}

impl PartKey {
    /// The key of a part: which link it came by, who wrote, to which number, and its numbering.
    pub fn new(link: &str, source: &str, destination: &str, reference: Reference, total: u8) -> Self {
        Self {
            link: link.into(),
            source: source.into(),
            destination: destination.into(),
            reference,
            total,
        }
    }

    /// The link.
    pub fn link(&self) -> &str {
        &self.link
    }

    /// Who wrote. Personal data.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The number written to.
    pub fn destination(&self) -> &str {
        &self.destination
    }

    /// The message's reference.
    pub const fn reference(&self) -> Reference {
        self.reference
    }

    /// How many parts the message has.
    pub const fn total(&self) -> u8 {
        self.total
    }
}

impl fmt::Debug for PartKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PartKey({}, {:?} of {})",
            self.link, self.reference, self.total
        )
    }
}

/// Bounds of what waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Messages that wait at once.
    pub max_messages: usize,
    /// Octets that wait at once; each part counts 64 besides its text. A message that alone comes to more is handed out
    /// in pieces.
    pub max_octets: usize,
    /// How long a message waits for its last part, from its first one, in milliseconds.
    pub max_age_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_messages: 10_000,
            max_octets: 16 * 1024 * 1024,
            max_age_ms: 300_000,
        }
    }
}

/// What came of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Added {
    /// It was the last one.
    Complete(Assembled),
    /// Others are missing.
    Waiting,
    /// The same part came before.
    Duplicate,
    /// Its numbering is not the key's, which was then not made from it. Nothing was taken.
    NotOfThisKey,
    /// It is larger than all that may wait, and was handed out by itself.
    TooLarge,
}

/// Collects parts.
#[derive(Debug)]
pub struct Reassembler {
    limits: Limits,
    waiting: HashMap<PartKey, Message>,
    /// Oldest first; the number keeps messages of one millisecond apart.
    by_age: BTreeMap<(u64, u64), PartKey>,
    next_birth: u64,
    octets: usize,
}

#[derive(Debug)]
struct Message {
    age: (u64, u64),
    octets: usize,
    /// Those that came, as they came: a total is the sender's word, and nothing is reserved on it.
    parts: Vec<(u8, PartBody)>,
}

impl Message {
    fn part(&self, number: u8) -> Option<&PartBody> {
        self.parts
            .iter()
            .find(|(present, _)| *present == number)
            .map(|(_, body)| body)
    }
}

/// What a part counts towards the bound: an empty one costs memory, too.
fn cost(body: &PartBody) -> usize {
    body.text.len().saturating_add(PART_OVERHEAD)
}

impl Reassembler {
    /// An empty collection.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            waiting: HashMap::new(),
            by_age: BTreeMap::new(),
            next_birth: 0,
            octets: 0,
        }
    }

    /// Messages that wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// True when none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Octets that wait, as [`Limits::max_octets`] counts them.
    pub const fn octets(&self) -> usize {
        self.octets
    }

    /// When the oldest message expires; `None` when none waits.
    pub fn deadline_ms(&self) -> Option<u64> {
        self.by_age
            .keys()
            .next()
            .map(|(first_ms, _)| first_ms.saturating_add(self.limits.max_age_ms))
    }

    /// Takes a part. Messages that had to give way, because the reference began to mean another message or
    /// because a bound was reached, are added to `partial`.
    pub fn add(
        &mut self,
        key: &PartKey,
        concat: Concat,
        body: &PartBody,
        now_ms: u64,
        partial: &mut Vec<Assembled>,
    ) -> Added {
        if (concat.reference(), concat.total()) != (key.reference, key.total) {
            return Added::NotOfThisKey;
        }
        if cost(body) > self.limits.max_octets {
            partial.push(alone(key, concat.number(), body, now_ms));
            return Added::TooLarge;
        }
        let present = self
            .waiting
            .get(key)
            .and_then(|message| message.part(concat.number()));
        match present {
            Some(present) if present == body => return Added::Duplicate,
            // The same number with another text: the sender has come round to this reference again.
            Some(_) => partial.extend(self.remove(key)),
            None => {}
        }
        self.make_room(cost(body), key, partial);
        self.insert(key, concat.number(), body, now_ms);
        let complete = self
            .waiting
            .get(key)
            .is_some_and(|message| message.parts.len() >= usize::from(key.total));
        match complete.then(|| self.remove(key)).flatten() {
            Some(assembled) => Added::Complete(assembled),
            None => Added::Waiting,
        }
    }

    /// Hands out messages whose time is over.
    pub fn expire(&mut self, now_ms: u64) -> Vec<Assembled> {
        let mut expired = Vec::new();
        while let Some(((first_ms, _), key)) = self.by_age.first_key_value() {
            if first_ms.saturating_add(self.limits.max_age_ms) > now_ms {
                break;
            }
            let key = key.clone();
            match self.remove(&key) {
                Some(assembled) => expired.push(assembled),
                None => break,
            }
        }
        expired
    }

    fn insert(&mut self, key: &PartKey, number: u8, body: &PartBody, now_ms: u64) {
        let birth = self.next_birth;
        let message = self.waiting.entry(key.clone()).or_insert_with(|| {
            self.next_birth = birth.wrapping_add(1);
            self.by_age.insert((now_ms, birth), key.clone());
            Message {
                age: (now_ms, birth),
                octets: 0,
                parts: Vec::new(),
            }
        });
        let cost = cost(body);
        message.octets = message.octets.saturating_add(cost);
        self.octets = self.octets.saturating_add(cost);
        // A copy: the octets given may be a slice of a whole read buffer, which they would keep alive.
        message.parts.push((
            number,
            PartBody {
                coding: body.coding,
                text: Bytes::copy_from_slice(&body.text),
            },
        ));
    }

    /// Hands out the oldest messages until one more part fits; the part's own message goes last.
    fn make_room(&mut self, octets: usize, own: &PartKey, partial: &mut Vec<Assembled>) {
        let new = usize::from(!self.waiting.contains_key(own));
        while self.waiting.len().saturating_add(new) > self.limits.max_messages.max(1)
            || self.octets.saturating_add(octets) > self.limits.max_octets
        {
            let others = || self.by_age.values().find(|key| *key != own);
            let Some(oldest) = others().or_else(|| self.by_age.values().next()).cloned() else {
                break;
            };
            match self.remove(&oldest) {
                Some(assembled) => partial.push(assembled),
                None => break,
            }
        }
    }

    fn remove(&mut self, key: &PartKey) -> Option<Assembled> {
        let (key, message) = self.waiting.remove_entry(key)?;
        self.by_age.remove(&message.age);
        self.octets = self.octets.saturating_sub(message.octets);
        let parts = (1..=key.total)
            .map(|number| message.part(number).cloned())
            .collect();
        Some(Assembled {
            key,
            first_ms: message.age.0,
            parts,
        })
    }
}

/// A message of which only this part is handed out.
fn alone(key: &PartKey, number: u8, body: &PartBody, now_ms: u64) -> Assembled {
    Assembled {
        key: key.clone(),
        first_ms: now_ms,
        parts: (1..=key.total)
            .map(|present| (present == number).then(|| body.clone()))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Coding;

    fn key(source: &str, total: u8) -> PartKey {
        PartKey::new("link-a", source, "106900", Reference::Bits8(9), total)
    }

    fn part(total: u8, number: u8) -> Concat {
        Concat::new(Reference::Bits8(9), total, number).unwrap()
    }

    fn body(text: &str) -> PartBody {
        PartBody {
            coding: Coding::Ascii,
            text: Bytes::copy_from_slice(text.as_bytes()),
        }
    }

    #[test]
    fn parts_in_any_order_and_twice_make_one_message() {
        let mut parts = Reassembler::new(Limits::default());
        let mut partial = Vec::new();
        assert_eq!(
            parts.add(&key("1", 3), part(3, 3), &body("c"), 0, &mut partial),
            Added::Waiting
        );
        assert_eq!(
            parts.add(&key("1", 3), part(3, 1), &body("a"), 1, &mut partial),
            Added::Waiting
        );
        assert_eq!(
            parts.add(&key("1", 3), part(3, 1), &body("a"), 2, &mut partial),
            Added::Duplicate
        );
        let Added::Complete(message) = parts.add(&key("1", 3), part(3, 2), &body("b"), 3, &mut partial)
        else {
            panic!("all three parts are there");
        };
        assert_eq!(message.text("…").as_deref(), Some("abc"));
        assert_eq!(
            (parts.len(), parts.octets(), parts.deadline_ms(), partial.len()),
            (0, 0, None, 0)
        );
    }

    #[test]
    fn another_source_total_or_link_is_another_message() {
        let mut parts = Reassembler::new(Limits::default());
        let mut partial = Vec::new();
        parts.add(&key("1", 2), part(2, 1), &body("a"), 0, &mut partial);
        for other in [
            key("2", 2),
            PartKey::new("link-b", "1", "106900", Reference::Bits8(9), 2),
        ] {
            assert_eq!(
                parts.add(&other, part(2, 2), &body("b"), 0, &mut partial),
                Added::Waiting
            );
        }
        assert_eq!(
            parts.add(&key("1", 3), part(3, 2), &body("b"), 0, &mut partial),
            Added::Waiting
        );
        assert_eq!((parts.len(), partial.len()), (4, 0));
    }

    #[test]
    fn an_expired_message_is_handed_out_as_far_as_it_came() {
        let mut parts = Reassembler::new(Limits {
            max_age_ms: 100,
            ..Limits::default()
        });
        let mut partial = Vec::new();
        parts.add(&key("1", 3), part(3, 2), &body("b"), 0, &mut partial);
        parts.add(&key("2", 2), part(2, 1), &body("x"), 50, &mut partial);
        assert_eq!(parts.deadline_ms(), Some(100));
        assert!(parts.expire(99).is_empty());
        let expired = parts.expire(100);
        assert_eq!(expired.len(), 1);
        assert_eq!(expired[0].text("…").as_deref(), Some("…b…"));
        assert_eq!(parts.deadline_ms(), Some(150));
    }

    #[test]
    fn a_reused_reference_does_not_mix_two_messages() {
        let mut parts = Reassembler::new(Limits::default());
        let mut partial = Vec::new();
        parts.add(&key("1", 2), part(2, 1), &body("old"), 0, &mut partial);
        assert_eq!(
            parts.add(&key("1", 2), part(2, 1), &body("new"), 9, &mut partial),
            Added::Waiting
        );
        assert_eq!(partial.len(), 1);
        assert_eq!(partial[0].text("…").as_deref(), Some("old…"));
        let Added::Complete(message) = parts.add(&key("1", 2), part(2, 2), &body("er"), 9, &mut partial)
        else {
            panic!("both parts are there");
        };
        assert_eq!(message.text("…").as_deref(), Some("newer"));
    }

    #[test]
    fn bounds_push_out_the_oldest() {
        let mut parts = Reassembler::new(Limits {
            max_messages: 3,
            max_octets: 140,
            max_age_ms: 1_000,
        });
        let mut partial = Vec::new();
        for source in 0..100u64 {
            parts.add(
                &key(&source.to_string(), 2),
                part(2, 1),
                &body("1234"),
                source,
                &mut partial,
            );
            assert!(parts.len() <= 3 && parts.octets() <= 140);
        }
        assert_eq!(parts.len() + partial.len(), 100, "each message is somewhere");
        assert_eq!(partial[0].key.source(), "0");
    }

    #[test]
    fn one_message_does_not_take_more_than_all_may() {
        let mut parts = Reassembler::new(Limits {
            max_messages: 3,
            max_octets: 200,
            max_age_ms: 1_000,
        });
        let mut partial = Vec::new();
        for number in 1..=9 {
            let added = parts.add(&key("1", 9), part(9, number), &body("1234"), 0, &mut partial);
            assert_eq!(added, Added::Waiting);
            assert!(parts.octets() <= 200);
        }
        let texts: Vec<_> = partial.iter().filter_map(|message| message.text("…")).collect();
        assert_eq!(texts, ["12341234…", "…12341234…", "…12341234…", "…12341234…"]);
        let added = parts.add(&key("2", 2), part(2, 1), &body(&"x".repeat(137)), 0, &mut partial);
        assert_eq!((added, parts.len()), (Added::TooLarge, 1));
        assert_eq!(
            partial.last().and_then(|message| message.text("…")),
            Some(format!("{}…", "x".repeat(137)))
        );
    }

    #[test]
    fn a_numbering_that_is_not_the_keys_is_not_taken() {
        let mut parts = Reassembler::new(Limits::default());
        let mut partial = Vec::new();
        let other_reference = Concat::new(Reference::Bits16(9), 2, 1).unwrap();
        for concat in [part(3, 1), other_reference] {
            assert_eq!(
                parts.add(&key("1", 2), concat, &body("a"), 0, &mut partial),
                Added::NotOfThisKey
            );
        }
        assert!(parts.is_empty() && partial.is_empty());
    }

    #[test]
    fn debug_shows_no_number_and_no_text() {
        assert_eq!(
            format!("{:?}", key("13800138000", 2)),
            "PartKey(link-a, Bits8(9) of 2)"
        );
        assert_eq!(format!("{:?}", body("secret")), "PartBody(Ascii, <6 octets>)");
    }
}
