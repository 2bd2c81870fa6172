//! What each code of each protocol means.

use std::{
    borrow::Cow,
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

use super::{Action, Cause, Code, MessageStatus, Protocol, StatusDetail, tables};

/// Which of a protocol's answers a code stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CodeKind {
    /// The answer to a submit. Numbers.
    Submit,
    /// The answer to a login. Numbers; what is not in the table is looked up among those of submits.
    Login,
    /// A receipt. Words.
    Receipt,
}

/// What a code means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// Where the segment then is. [`MessageStatus::Rejected`] for a submit's answer.
    pub status: MessageStatus,
    /// Whose cause it is.
    pub cause: Cause,
    /// What the mesh does about it.
    pub action: Action,
    /// One sentence for a person.
    pub advice: Cow<'static, str>,
}

/// What to do after a carrier answered a submit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmitAnswer {
    /// The carrier took the segment.
    Taken,
    /// Too fast: pause, then send the same segment again, before any later one.
    Throttled,
    /// Refused for good, on this link. Where [`StatusDetail::action`] is [`Action::Reroute`], another carrier may
    /// take it.
    Refused(StatusDetail),
}

/// Why a carrier refused a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginRefusal {
    /// Protocol and code, e.g. `CMPP:3`.
    pub raw_code: String,
    /// Whose cause it is.
    pub cause: Cause,
    /// One sentence for the operators.
    pub advice: Cow<'static, str>,
}

/// The codes of all protocols and what they mean. A code that is not in it is final, by the carrier's cause, and kept as
/// it came.
///
/// Of several entries that fit a code the narrowest decides: the code itself, then the narrowest range or the longest
/// prefix. A receipt's word with an error code (`UNDELIV/27`) that has no entry of its own means what the word alone
/// does.
#[derive(Debug, Clone, Default)]
pub struct CodeTable {
    sections: BTreeMap<(Protocol, CodeKind), Section>,
}

#[derive(Debug, Clone, Default)]
struct Section {
    numbers: HashMap<u32, Meaning>,
    /// Narrowest first.
    ranges: Vec<(u32, u32, Meaning)>,
    words: HashMap<String, Meaning>,
    /// Longest first.
    prefixes: Vec<(String, Meaning)>,
}

static BUILT_IN: LazyLock<CodeTable> = LazyLock::new(|| tables::all(true));

impl CodeTable {
    /// What the protocols' documents say, and above it what was seen to be meant by codes that they leave open.
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    /// What the protocols' documents say, alone.
    pub fn documented() -> Self {
        tables::all(false)
    }

    /// Sets what a code means; gives what it meant before.
    pub fn set(
        &mut self,
        protocol: Protocol,
        kind: CodeKind,
        code: Code,
        meaning: Meaning,
    ) -> Option<Meaning> {
        self.sections
            .entry((protocol, kind))
            .or_default()
            .set(code, meaning)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.sections.values().map(Section::len).sum()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a submit's result code means. 0 is taken, in every protocol.
    pub fn submit(&self, protocol: Protocol, code: u32) -> SubmitAnswer {
        if code == 0 {
            return SubmitAnswer::Taken;
        }
        let detail = self.refused(protocol, code);
        match detail.action {
            Action::SlowDown => SubmitAnswer::Throttled,
            Action::None | Action::Reroute => SubmitAnswer::Refused(detail),
        }
    }

    /// The status that follows from a refused submit's raw code as [`Protocol::result_code`] writes it, e.g.
    /// `CMPP:13`. One that cannot be read counts as refused by the carrier's cause.
    pub fn refusal(&self, raw_code: &str) -> StatusDetail {
        match Protocol::of_result_code(raw_code) {
            Some((protocol, code)) => self.refused(protocol, code),
            None => StatusDetail::of_meaning(&unknown_result(), raw_code),
        }
    }

    /// What a receipt says; its raw code as [`Protocol::receipt_code`] writes it. Padding with NUL and spaces and the
    /// case of letters do not matter.
    pub fn receipt(&self, raw_code: &str) -> StatusDetail {
        let (protocol, words) = Protocol::of_receipt_code(raw_code);
        let words = words.to_ascii_uppercase();
        let found = self
            .section(protocol, CodeKind::Receipt)
            .and_then(|section| section.word(&words));
        match found {
            Some(meaning) => StatusDetail::of_meaning(meaning, raw_code),
            None => StatusDetail::of_meaning(&unknown_receipt(), raw_code),
        }
    }

    /// What a login's result code means; `None` for 0, which is welcome.
    pub fn login(&self, protocol: Protocol, code: u32) -> Option<LoginRefusal> {
        if code == 0 {
            return None;
        }
        let found = [CodeKind::Login, CodeKind::Submit]
            .into_iter()
            .find_map(|kind| self.section(protocol, kind)?.number(code));
        let (cause, advice) = match found {
            Some(meaning) => (meaning.cause, meaning.advice.clone()),
            None => (
                Cause::Carrier,
                Cow::Borrowed(
                    "The carrier refused the login with a code of its own; ask the carrier what it means.",
                ),
            ),
        };
        Some(LoginRefusal {
            raw_code: protocol.result_code(code),
            cause,
            advice,
        })
    }

    fn refused(&self, protocol: Protocol, code: u32) -> StatusDetail {
        let raw_code = protocol.result_code(code);
        match self
            .section(protocol, CodeKind::Submit)
            .and_then(|section| section.number(code))
        {
            Some(meaning) => StatusDetail::of_meaning(meaning, &raw_code),
            None => StatusDetail::of_meaning(&unknown_result(), &raw_code),
        }
    }

    fn section(&self, protocol: Protocol, kind: CodeKind) -> Option<&Section> {
        self.sections.get(&(protocol, kind))
    }
}

impl Section {
    fn set(&mut self, code: Code, meaning: Meaning) -> Option<Meaning> {
        match code {
            Code::Number(number) => self.numbers.insert(number, meaning),
            Code::Word(word) => self.words.insert(word, meaning),
            Code::Numbers(first, last) => {
                let known = self
                    .ranges
                    .iter()
                    .position(|range| (range.0, range.1) == (first, last));
                let before = known.map(|at| self.ranges.remove(at).2);
                self.ranges.push((first, last, meaning));
                self.ranges.sort_by_key(|(first, last, _)| last.abs_diff(*first));
                before
            }
            Code::Prefix(prefix) => {
                let known = self.prefixes.iter().position(|(known, _)| *known == prefix);
                let before = known.map(|at| self.prefixes.remove(at).1);
                self.prefixes.push((prefix, meaning));
                self.prefixes.sort_by_key(|(prefix, _)| Reverse(prefix.len()));
                before
            }
        }
    }

    fn len(&self) -> usize {
        self.numbers.len() + self.ranges.len() + self.words.len() + self.prefixes.len()
    }

    fn number(&self, code: u32) -> Option<&Meaning> {
        self.numbers.get(&code).or_else(|| {
            self.ranges
                .iter()
                .find(|(first, last, _)| (*first..=*last).contains(&code))
                .map(|(_, _, meaning)| meaning)
        })
    }

    fn word(&self, words: &str) -> Option<&Meaning> {
        if let Some(meaning) = self.words.get(words) {
            return Some(meaning);
        }
        // The word without its error code counts as a prefix of its length.
        let bare = words
            .split_once('/')
            .and_then(|(stat, _)| Some((stat.len(), self.words.get(stat)?)));
        let prefix = self
            .prefixes
            .iter()
            .find(|(prefix, _)| words.starts_with(prefix.as_str()))
            .map(|(prefix, meaning)| (prefix.len(), meaning));
        bare.into_iter()
            .chain(prefix)
            .max_by_key(|(length, _)| *length)
            .map(|(_, meaning)| meaning)
    }
}

fn unknown_result() -> Meaning {
    Meaning {
        status: MessageStatus::Rejected,
        cause: Cause::Carrier,
        action: Action::None,
        advice: Cow::Borrowed("The carrier refused with a code of its own; ask the carrier what it means."),
    }
}

fn unknown_receipt() -> Meaning {
    Meaning {
        status: MessageStatus::Undelivered,
        cause: Cause::Carrier,
        action: Action::None,
        advice: Cow::Borrowed(
            "The carrier gave a word that is not documented; ask the carrier what it means.",
        ),
    }
}

#[cfg(test)]
mod tests;
