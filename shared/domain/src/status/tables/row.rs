//! One line of a built-in table.

use std::borrow::Cow;

use super::super::{Action, Cause, Code, Meaning, MessageStatus};

/// A code and what it means.
pub(super) struct Row {
    code: Pattern,
    /// Not from the protocol's document.
    pub(super) is_seen: bool,
    status: MessageStatus,
    cause: Cause,
    action: Action,
    advice: &'static str,
}

enum Pattern {
    Number(u32),
    Numbers(u32, u32),
    Word(&'static str),
    Prefix(&'static str),
}

/// A submit's or login's answer.
pub(super) const fn refused(code: u32, cause: Cause, advice: &'static str) -> Row {
    Row::new(Pattern::Number(code), MessageStatus::Rejected, cause, advice)
}

/// Several of them.
pub(super) const fn refused_all(first: u32, last: u32, cause: Cause, advice: &'static str) -> Row {
    Row::new(
        Pattern::Numbers(first, last),
        MessageStatus::Rejected,
        cause,
        advice,
    )
}

/// A receipt's word.
pub(super) const fn word(
    word: &'static str,
    status: MessageStatus,
    cause: Cause,
    advice: &'static str,
) -> Row {
    Row::new(Pattern::Word(word), status, cause, advice)
}

/// Receipts' words of one beginning.
pub(super) const fn words(
    prefix: &'static str,
    status: MessageStatus,
    cause: Cause,
    advice: &'static str,
) -> Row {
    Row::new(Pattern::Prefix(prefix), status, cause, advice)
}

impl Row {
    const fn new(code: Pattern, status: MessageStatus, cause: Cause, advice: &'static str) -> Self {
        Self {
            code,
            is_seen: false,
            status,
            cause,
            action: Action::None,
            advice,
        }
    }

    /// The carrier wants it slower.
    pub(super) const fn slow_down(mut self) -> Self {
        self.action = Action::SlowDown;
        self
    }

    /// Another carrier may have the number.
    pub(super) const fn reroute(mut self) -> Self {
        self.action = Action::Reroute;
        self
    }

    /// Not from the protocol's document.
    pub(super) const fn seen(mut self) -> Self {
        self.is_seen = true;
        self
    }

    /// As the table has it.
    pub(super) fn code(&self) -> Code {
        match self.code {
            Pattern::Number(code) => Code::Number(code),
            Pattern::Numbers(first, last) => Code::Numbers(first, last),
            Pattern::Word(word) => Code::Word(word.to_owned()),
            Pattern::Prefix(prefix) => Code::Prefix(prefix.to_owned()),
        }
    }

    /// As the table has it.
    pub(super) fn meaning(&self) -> Meaning {
        Meaning {
            status: self.status,
            cause: self.cause,
            action: self.action,
            advice: Cow::Borrowed(self.advice),
        }
    }
}
