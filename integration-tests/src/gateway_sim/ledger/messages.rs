//! The last messages, bounded.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use hongyan_carrier_wire::cmpp::MsgId;
use hongyan_carrier_wire::concat::{Concat, Reference, Udh};
use hongyan_carrier_wire::field::{FixedStr, TerminalId};
use hongyan_carrier_wire::reassembly::{Added, Assembled, Limits, PartBody, PartKey, Reassembler};
use hongyan_carrier_wire::text::{Coding, Decoded};
use serde::{Deserialize, Serialize};

/// One message to one recipient.
#[derive(Debug, Clone)]
pub(in super::super) struct Taken {
    pub(in super::super) msg_id: MsgId,
    pub(in super::super) number: TerminalId,
    pub(in super::super) source: FixedStr<21>,
    pub(in super::super) concat: Option<Concat>,
    pub(in super::super) coding: Coding,
    pub(in super::super) header_len: u8,
    pub(in super::super) content_hash: u64,
    pub(in super::super) received_at_unix_ms: u64,
    pub(in super::super) connection: u64,
    pub(in super::super) result: u32,
}

/// A message as the control shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageView {
    /// Counts from 1 since the last reset; ask for `after` the last one seen.
    pub n: u64,
    /// The gateway's id, sixteen hexadecimal digits.
    pub msg_id: String,
    /// The recipient.
    pub number: String,
    /// The number shown.
    pub source: String,
    /// Which part it is; `None` for a whole message.
    pub part: Option<PartView>,
    /// `Msg_Fmt`.
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

/// The last messages, their contents where asked, and how often each was there.
#[derive(Debug)]
pub(in super::super) struct Messages {
    keep: usize,
    keep_texts: usize,
    first: u64,
    taken: VecDeque<Taken>,
    contents: VecDeque<Bytes>,
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

    pub(super) fn push(&mut self, taken: Taken, content: &[u8]) {
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
            self.contents.push_back(Bytes::copy_from_slice(content));
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
    ) -> impl Iterator<Item = (u64, &'a Taken, Option<&'a Bytes>)> {
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
        .concat
        .map_or((1, 1), |concat| (concat.number(), concat.total()));
    let hash = fnv(FNV_START, taken.number.wire());
    let hash = fnv(hash, taken.source.wire());
    let hash = fnv(hash, &[number, total]);
    fnv(hash, &taken.content_hash.to_be_bytes())
}

impl Taken {
    /// The numbering and the length of the header of a content.
    pub(in super::super) fn numbering(has_udh: bool, content: &[u8]) -> (Option<Concat>, u8) {
        let udh = if has_udh { Udh::parse(content).ok() } else { None };
        udh.map_or((None, 0), |udh| (udh.concat, u8::try_from(udh.len).unwrap_or(0)))
    }

    fn body(&self, content: &Bytes) -> PartBody {
        let text = content.get(usize::from(self.header_len)..).unwrap_or_default();
        PartBody {
            coding: self.coding,
            text: Bytes::copy_from_slice(text),
        }
    }

    pub(in super::super) fn view(&self, n: u64, content: Option<&Bytes>) -> MessageView {
        let text = content.and_then(|content| match self.coding.decode(&self.body(content).text) {
            Decoded::Text { text, .. } => Some(text),
            Decoded::Octets => None,
        });
        MessageView {
            n,
            msg_id: self.msg_id.to_string(),
            number: String::from_utf8_lossy(self.number.as_bytes()).into_owned(),
            source: self.source.to_text().into_owned(),
            part: self.concat.map(|concat| PartView {
                number: concat.number(),
                total: concat.total(),
                reference: match concat.reference() {
                    Reference::Bits8(reference) => u16::from(reference),
                    Reference::Bits16(reference) => reference,
                },
            }),
            msg_fmt: self.coding.msg_fmt(),
            content_hash: self.content_hash,
            text,
            received_at_unix_ms: self.received_at_unix_ms,
            connection: self.connection,
            result: self.result,
        }
    }
}

/// Puts the accepted messages together to whole texts, in the order in which they became whole; what stays
/// incomplete comes last, with `…` in its gaps. Messages whose content was not kept are left out.
pub(in super::super) fn texts<'a>(messages: impl Iterator<Item = (&'a Taken, &'a Bytes)>) -> Vec<String> {
    let limits = Limits {
        max_age_ms: u64::MAX,
        ..Limits::default()
    };
    let mut parts = Reassembler::new(limits);
    let mut whole = Vec::new();
    let mut pushed_out = Vec::new();
    for (taken, content) in messages.filter(|(taken, _)| taken.result == 0) {
        let body = taken.body(content);
        let Some(concat) = taken.concat else {
            if let Decoded::Text { text, .. } = taken.coding.decode(&body.text) {
                whole.push(text);
            }
            continue;
        };
        let number = String::from_utf8_lossy(taken.number.as_bytes());
        let key = PartKey::new(
            "",
            &taken.source.to_text(),
            &number,
            concat.reference(),
            concat.total(),
        );
        if let Added::Complete(assembled) = parts.add(&key, concat, &body, 0, &mut pushed_out) {
            whole.extend(assembled.text("…"));
        }
    }
    let incomplete = pushed_out.into_iter().chain(parts.expire(u64::MAX));
    whole.extend(incomplete.filter_map(|assembled: Assembled| assembled.text("…")));
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use hongyan_carrier_wire::concat::split;

    fn taken(number: &str, content: &[u8], has_udh: bool) -> Taken {
        let (concat, header_len) = Taken::numbering(has_udh, content);
        Taken {
            msg_id: MsgId(1),
            number: TerminalId::new(number).unwrap(),
            source: FixedStr::new("10690001").unwrap(),
            concat,
            coding: Coding::Ucs2,
            header_len,
            content_hash: content_hash(&content[usize::from(header_len)..]),
            received_at_unix_ms: 0,
            connection: 1,
            result: 0,
        }
    }

    fn push(messages: &mut Messages, number: &str, text: &str, reference: u8) {
        for part in split(text, Coding::Ucs2, Reference::Bits8(reference), 255).unwrap() {
            let content = part.content.as_slice();
            messages.push(taken(number, content, part.concat.is_some()), content);
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
        assert_eq!(texts(kept), [long, "short".to_owned()]);
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
            .map(|(n, taken, content)| taken.view(n, content))
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
