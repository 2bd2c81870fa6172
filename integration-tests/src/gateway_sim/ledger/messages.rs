//! The last messages, bounded.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use hongyan_carrier_wire::concat::Reference;
use hongyan_carrier_wire::field::{FixedStr, TerminalId};
use hongyan_carrier_wire::reassembly::PartBody;
use hongyan_carrier_wire::text::{Coding, Decoded};
use serde::{Deserialize, Serialize};

use super::super::message::{Details, MessageId, Numbering};

/// One message to one recipient.
#[derive(Debug, Clone)]
pub(in super::super) struct Taken {
    pub(in super::super) id: MessageId,
    /// The recipient, without "86".
    pub(in super::super) number: TerminalId,
    pub(in super::super) source: FixedStr<21>,
    pub(in super::super) numbering: Numbering,
    pub(in super::super) coding: Coding,
    pub(in super::super) coding_octet: u8,
    pub(in super::super) content_hash: u64,
    pub(in super::super) received_at_unix_ms: u64,
    /// The account's place among the gateway's.
    pub(in super::super) account: usize,
    pub(in super::super) connection: u64,
    pub(in super::super) result: u32,
    /// What becomes of it.
    pub(in super::super) stat: FixedStr<7>,
    /// When, by the running clock in milliseconds.
    pub(in super::super) final_at_ms: u64,
}

/// A message as the control shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageView {
    /// Counts from 1 since the last reset; ask for `after` the last one seen.
    pub n: u64,
    /// The gateway's id: hexadecimal digits of its octets (CMPP 16, SMGP 20, SGIP 24), SMPP's as the answer has it.
    pub msg_id: String,
    /// The recipient, without "86".
    pub number: String,
    /// The number shown.
    pub source: String,
    /// Which part it is; `None` for a whole message.
    pub part: Option<PartView>,
    /// The coding as the protocol writes it (`Msg_Fmt`, `MsgFormat`, `MessageCoding`, `data_coding`).
    pub msg_fmt: u8,
    /// [`content_hash`] of the text without its header.
    pub content_hash: u64,
    /// The text of this part, when it is text and was kept.
    pub text: Option<String>,
    /// When it came.
    pub received_at_unix_ms: u64,
    /// By which connection.
    pub connection: u64,
    /// The result code that it got.
    pub result: u32,
    /// Fields that this protocol alone has, by their name in its document, where the text was kept.
    pub details: std::collections::BTreeMap<String, String>,
}

/// The numbering of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartView {
    /// From 1.
    pub number: u8,
    /// How many parts.
    pub total: u8,
    /// What the parts have in common.
    pub reference: u16,
}

/// FNV-1a (64 bits) of octets, for tests that compare contents without keeping them.
pub fn content_hash(octets: &[u8]) -> u64 {
    fnv(FNV_START, octets)
}

const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv(start: u64, octets: &[u8]) -> u64 {
    octets.iter().fold(start, |hash, octet| {
        (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// What is kept of a message for being looked at.
#[derive(Debug, Clone)]
pub(in super::super) struct Kept {
    pub(in super::super) content: Bytes,
    details: Details,
}

/// The last messages, their contents where asked, and how often each was there.
#[derive(Debug)]
pub(in super::super) struct Messages {
    keep: usize,
    keep_texts: usize,
    first: u64,
    taken: VecDeque<Taken>,
    contents: VecDeque<Kept>,
    seen: HashMap<u64, u32>,
    duplicates: u64,
}

impl Messages {
    pub(super) fn new(keep: usize, keep_texts: usize) -> Self {
        Self {
            keep: keep.max(1),
            keep_texts: keep_texts.min(keep.max(1)),
            first: 1,
            taken: VecDeque::new(),
            contents: VecDeque::new(),
            seen: HashMap::new(),
            duplicates: 0,
        }
    }

    pub(super) const fn keep(&self) -> usize {
        self.keep
    }

    pub(super) const fn keep_texts(&self) -> usize {
        self.keep_texts
    }

    pub(super) const fn duplicates(&self) -> u64 {
        self.duplicates
    }

    pub(super) fn len(&self) -> usize {
        self.taken.len()
    }

    pub(super) fn push(&mut self, taken: Taken, content: &[u8], details: Details) {
        if self.taken.len() >= self.keep
            && let Some(oldest) = self.taken.pop_front()
        {
            self.first += 1;
            self.forget(&oldest);
        }
        if taken.result == 0 {
            let times = self.seen.entry(identity(&taken)).or_default();
            *times += 1;
            self.duplicates += u64::from(*times > 1);
        }
        self.taken.push_back(taken);
        if self.keep_texts > 0 {
            if self.contents.len() >= self.keep_texts {
                self.contents.pop_front();
            }
            // A slice of what was read would keep all of it.
            let content = Bytes::copy_from_slice(content);
            self.contents.push_back(Kept { content, details });
        }
    }

    /// The newest accepted message with this id.
    pub(in super::super) fn find(&self, id: MessageId) -> Option<&Taken> {
        self.taken
            .iter()
            .rev()
            .find(|taken| taken.id == id && taken.result == 0)
    }

    /// Changes what becomes of every message with this id.
    pub(in super::super) fn settle(&mut self, id: MessageId, stat: FixedStr<7>, at_ms: u64) {
        for taken in self.taken.iter_mut().filter(|taken| taken.id == id) {
            taken.stat = stat;
            taken.final_at_ms = at_ms;
        }
    }

    /// Replaces the text that is kept of a message; its numbers stay those of the first one.
    pub(in super::super) fn replace_text(&mut self, id: MessageId, content: &Bytes) {
        let without_content = self.taken.len() - self.contents.len();
        for (taken, kept) in self
            .taken
            .iter_mut()
            .skip(without_content)
            .zip(&mut self.contents)
        {
            if taken.id == id {
                taken.numbering = Numbering::default();
                taken.content_hash = content_hash(content);
                kept.content = content.clone();
            }
        }
    }

    fn forget(&mut self, oldest: &Taken) {
        if oldest.result != 0 {
            return;
        }
        let identity = identity(oldest);
        if let Some(times) = self.seen.get_mut(&identity) {
            *times -= 1;
            if *times == 0 {
                self.seen.remove(&identity);
            }
        }
    }

    /// Messages from number `from` on that `wanted` picks, with their contents.
    pub(in super::super) fn iter_from<'a>(
        &'a self,
        from: u64,
        wanted: impl Fn(&Taken) -> bool + 'a,
    ) -> impl Iterator<Item = (u64, &'a Taken, Option<&'a Kept>)> {
        let start = usize::try_from(from.saturating_sub(self.first))
            .unwrap_or(usize::MAX)
            .min(self.taken.len());
        let without_content = self.taken.len() - self.contents.len();
        (start..)
            .zip(self.taken.range(start..))
            .filter(move |(_, taken)| wanted(taken))
            .map(move |(index, taken)| {
                let content = index
                    .checked_sub(without_content)
                    .and_then(|index| self.contents.get(index));
                (self.first + index as u64, taken, content)
            })
    }
}

/// What makes two messages the same one. The reference is left out: a second attempt may have another one.
fn identity(taken: &Taken) -> u64 {
    let (number, total) = taken
        .numbering
        .concat
        .map_or((1, 1), |concat| (concat.number(), concat.total()));
    let hash = fnv(FNV_START, taken.number.wire());
    let hash = fnv(hash, taken.source.wire());
    let hash = fnv(hash, &[number, total]);
    fnv(hash, &taken.content_hash.to_be_bytes())
}

impl Taken {
    /// The text's octets and how to read them without the header.
    pub(super) fn body(&self, kept: &Kept) -> PartBody {
        let header_len = usize::from(self.numbering.header_len);
        let text = kept.content.get(header_len..).unwrap_or_default();
        let (coding, text) = self
            .coding
            .without_header(header_len, Bytes::copy_from_slice(text));
        PartBody { coding, text }
    }

    /// As the control shows it; `shown_id` is the id as the protocol writes it.
    pub(in super::super) fn view(&self, n: u64, shown_id: String, kept: Option<&Kept>) -> MessageView {
        let text = kept.and_then(|kept| {
            let body = self.body(kept);
            match body.coding.decode(&body.text) {
                Decoded::Text { text, .. } => Some(text),
                Decoded::Octets => None,
            }
        });
        let details = kept.map(|kept| kept.details.as_slice()).unwrap_or_default();
        MessageView {
            n,
            msg_id: shown_id,
            number: String::from_utf8_lossy(self.number.as_bytes()).into_owned(),
            source: self.source.to_text().into_owned(),
            part: self.numbering.concat.map(|concat| PartView {
                number: concat.number(),
                total: concat.total(),
                reference: match concat.reference() {
                    Reference::Bits8(reference) => u16::from(reference),
                    Reference::Bits16(reference) => reference,
                },
            }),
            msg_fmt: self.coding_octet,
            content_hash: self.content_hash,
            text,
            received_at_unix_ms: self.received_at_unix_ms,
            connection: self.connection,
            result: self.result,
            details: details
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hongyan_carrier_wire::concat::split;

    fn taken(number: &str, content: &[u8], has_udh: bool) -> Taken {
        let numbering = Numbering::of(has_udh, content);
        Taken {
            id: MessageId(1),
            number: TerminalId::new(number).unwrap(),
            source: FixedStr::new("10690001").unwrap(),
            numbering,
            coding: Coding::Ucs2,
            coding_octet: 8,
            content_hash: content_hash(&content[usize::from(numbering.header_len)..]),
            received_at_unix_ms: 0,
            account: 0,
            connection: 1,
            result: 0,
            stat: FixedStr::default(),
            final_at_ms: 0,
        }
    }

    fn push(messages: &mut Messages, number: &str, text: &str, reference: u8) {
        for part in split(text, Coding::Ucs2, Reference::Bits8(reference), 255).unwrap() {
            let content = part.content.as_slice();
            messages.push(
                taken(number, content, part.concat.is_some()),
                content,
                Details::new(),
            );
        }
    }

    #[test]
    fn long_texts_are_put_together_again() {
        let mut messages = Messages::new(100, 100);
        let long = "信".repeat(150);
        push(&mut messages, "1", &long, 7);
        push(&mut messages, "1", "short", 8);
        let kept = messages
            .iter_from(0, |_| true)
            .filter_map(|(_, taken, content)| Some((taken, content?)));
        assert_eq!(super::super::texts(kept), [long, "short".to_owned()]);
    }

    #[test]
    fn the_same_text_again_is_a_duplicate_whatever_its_reference() {
        let mut messages = Messages::new(100, 0);
        push(&mut messages, "1", &"信".repeat(80), 7);
        assert_eq!(messages.duplicates(), 0);
        push(&mut messages, "1", &"信".repeat(80), 8);
        assert_eq!(messages.duplicates(), 2);
        push(&mut messages, "2", &"信".repeat(80), 7);
        assert_eq!(messages.duplicates(), 2);
    }

    #[test]
    fn the_oldest_are_forgotten_first() {
        let mut messages = Messages::new(3, 2);
        for n in 0..10 {
            push(&mut messages, &n.to_string(), "x", 0);
        }
        let views: Vec<_> = messages
            .iter_from(9, |_| true)
            .map(|(n, taken, content)| taken.view(n, String::new(), content))
            .collect();
        assert_eq!(
            views
                .iter()
                .map(|view| (view.n, view.number.as_str()))
                .collect::<Vec<_>>(),
            [(9, "8"), (10, "9")]
        );
        assert!(views.iter().all(|view| view.text.as_deref() == Some("x")));
        assert_eq!(
            messages
                .iter_from(0, |_| true)
                .filter(|(_, _, content)| content.is_none())
                .count(),
            1
        );
        assert_eq!(messages.seen.len(), 3);
    }
}
