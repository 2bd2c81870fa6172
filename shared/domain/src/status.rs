//! What became of a message: its status, whether that is the last word, whose cause it is, and what to do about it.

mod code;
mod protocol;
mod table;
mod tables;

use std::{borrow::Cow, fmt};

pub use code::{Code, InvalidCode};
pub use protocol::{Protocol, UnknownProtocol};
pub use table::{CodeKind, CodeTable, LoginRefusal, Meaning, SubmitAnswer};

/// Where a message, or one of its segments, is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageStatus {
    /// Durable, not yet taken by a link.
    Queued,
    /// At least one segment left for the carrier.
    Submitted,
    /// Every segment was delivered.
    Delivered,
    /// At least one segment was not.
    Undelivered,
    /// Its validity ran out before the carrier took it.
    Expired,
    /// Nobody can know.
    Unknown,
    /// The carrier refused the submit.
    Rejected,
    /// Cancelled before it left.
    Cancelled,
}

impl MessageStatus {
    /// The name in logs and metrics: UPPER_SNAKE.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Submitted => "SUBMITTED",
            Self::Delivered => "DELIVERED",
            Self::Undelivered => "UNDELIVERED",
            Self::Expired => "EXPIRED",
            Self::Unknown => "UNKNOWN",
            Self::Rejected => "REJECTED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Whether nothing more is expected to happen. A late receipt may still correct `Unknown` and `Expired`.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Submitted)
    }
}

impl fmt::Display for MessageStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whose cause a status is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Nothing went wrong.
    None,
    /// The caller's request.
    Caller,
    /// The text.
    Content,
    /// The number, the handset or the subscriber's account.
    Recipient,
    /// The carrier's network or rules.
    Carrier,
    /// This system or its settings.
    Us,
}

impl Cause {
    /// The name in logs and metrics: UPPER_SNAKE.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Caller => "CALLER",
            Self::Content => "CONTENT",
            Self::Recipient => "RECIPIENT",
            Self::Carrier => "CARRIER",
            Self::Us => "US",
        }
    }
}

/// What the mesh itself does about a carrier's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Nothing: the word is taken as it is.
    None,
    /// Pause, then send the same segment again, before any later one.
    SlowDown,
    /// The number is not this carrier's: try another carrier's link, once.
    Reroute,
}

impl Action {
    /// The name in files: snake_case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SlowDown => "slow_down",
            Self::Reroute => "reroute",
        }
    }
}

/// A status with what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusDetail {
    /// The status itself.
    pub status: MessageStatus,
    /// Whether it is the last word.
    pub is_final: bool,
    /// Whether to expect it on the carrier's bill: delivered segments, and those that the carrier took and whose fate
    /// is unknown.
    pub billable: bool,
    /// Whose cause it is.
    pub cause: Cause,
    /// What the mesh does about it.
    pub action: Action,
    /// The carrier's own word, e.g. `DELIVRD` or `CMPP:13`; or ours, e.g. `UNCERTAIN`; or empty.
    pub raw_code: String,
    /// One sentence for a person.
    pub advice: Cow<'static, str>,
}

impl StatusDetail {
    /// Accepted and waiting for a link.
    pub fn queued() -> Self {
        Self::new(
            MessageStatus::Queued,
            Cause::None,
            "",
            "Wait: a link takes it as soon as its pace allows.",
        )
    }

    /// The carrier took it; its receipt is awaited.
    pub fn submitted() -> Self {
        let advice = "Wait for the receipt; carriers have up to 48 hours for it.";
        Self::new(MessageStatus::Submitted, Cause::None, "", advice)
    }

    /// The validity ran out in our queue. Raw code `EXPIRED_IN_QUEUE`.
    pub fn expired_in_queue() -> Self {
        let advice =
            "Check the link's state and pace, or give the message a longer validity, and send it again.";
        Self::new(MessageStatus::Expired, Cause::Us, "EXPIRED_IN_QUEUE", advice)
    }

    /// No receipt came by the carrier's deadline. Raw code `NO_RECEIPT`.
    pub fn no_receipt() -> Self {
        let advice =
            "Do not send it again blindly, it may have arrived; a late receipt still corrects this status.";
        Self::new(MessageStatus::Unknown, Cause::Carrier, "NO_RECEIPT", advice)
    }

    /// The connection died between submit and response, and the class forbids a second attempt. Raw code `UNCERTAIN`.
    pub fn uncertain() -> Self {
        let advice =
            "It may have arrived; let the recipient ask for a new code instead of sending this one again.";
        Self::new(MessageStatus::Unknown, Cause::Carrier, "UNCERTAIN", advice)
    }

    /// The link cannot put it on the wire; `reason` is UPPER_SNAKE.
    pub fn unsendable(reason: &str) -> Self {
        let advice =
            "Tell the operators: the link could not encode this message, and a repetition will fail too.";
        Self::new(MessageStatus::Rejected, Cause::Us, reason, advice)
    }

    /// Cancelled before it left.
    pub fn cancelled() -> Self {
        Self::new(
            MessageStatus::Cancelled,
            Cause::Caller,
            "CANCELLED",
            "Nothing to do: it was cancelled before it left.",
        )
    }

    /// The same word under a status that was noted earlier, when a code may have meant something else: what was once
    /// settled is not unsettled by a new table of codes.
    #[must_use]
    pub fn noted_as(self, status: MessageStatus) -> Self {
        Self {
            status,
            is_final: status.is_final(),
            billable: is_billable(status),
            ..self
        }
    }

    fn of_meaning(meaning: &Meaning, raw_code: &str) -> Self {
        Self {
            action: meaning.action,
            advice: meaning.advice.clone(),
            ..Self::new(meaning.status, meaning.cause, raw_code, "")
        }
    }

    fn new(status: MessageStatus, cause: Cause, raw_code: &str, advice: &'static str) -> Self {
        Self {
            status,
            is_final: status.is_final(),
            billable: is_billable(status),
            cause,
            action: Action::None,
            raw_code: printable(raw_code),
            advice: Cow::Borrowed(advice),
        }
    }
}

fn is_billable(status: MessageStatus) -> bool {
    matches!(status, MessageStatus::Delivered | MessageStatus::Unknown)
}

/// Carriers pad their words with NUL and spaces and sometimes send garbage: what stands in logs and answers is what is
/// left without the padding, at most 32 visible ASCII characters, anything else replaced by a question mark.
fn printable(raw: &str) -> String {
    const MAX_CHARS: usize = 32;
    unpadded(raw)
        .chars()
        .take(MAX_CHARS)
        .map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' })
        .collect()
}

/// Without NUL and white space at either end, and without what follows a NUL.
fn unpadded(raw: &str) -> &str {
    let raw = raw.trim_start_matches(|c: char| c == '\0' || c.is_whitespace());
    raw.split('\0').next().unwrap_or_default().trim_end()
}

#[cfg(test)]
mod tests {
    use super::{Cause, MessageStatus, StatusDetail};

    #[test]
    fn our_own_words_say_whose_cause_it_is() {
        let own = [
            (
                StatusDetail::queued(),
                MessageStatus::Queued,
                false,
                false,
                Cause::None,
            ),
            (
                StatusDetail::submitted(),
                MessageStatus::Submitted,
                false,
                false,
                Cause::None,
            ),
            (
                StatusDetail::expired_in_queue(),
                MessageStatus::Expired,
                true,
                false,
                Cause::Us,
            ),
            (
                StatusDetail::no_receipt(),
                MessageStatus::Unknown,
                true,
                true,
                Cause::Carrier,
            ),
            (
                StatusDetail::uncertain(),
                MessageStatus::Unknown,
                true,
                true,
                Cause::Carrier,
            ),
            (
                StatusDetail::unsendable("TEXT_CODING"),
                MessageStatus::Rejected,
                true,
                false,
                Cause::Us,
            ),
            (
                StatusDetail::cancelled(),
                MessageStatus::Cancelled,
                true,
                false,
                Cause::Caller,
            ),
        ];
        for (detail, status, is_final, billable, cause) in own {
            assert_eq!(
                (detail.status, detail.is_final, detail.billable, detail.cause),
                (status, is_final, billable, cause),
                "{detail:?}"
            );
            assert!(detail.advice.ends_with('.'), "{detail:?}");
        }
    }

    #[test]
    fn garbage_in_a_raw_code_is_made_printable_and_short() {
        let detail = StatusDetail::unsendable(&format!("A\nB鸿{}", "x".repeat(100)));
        assert_eq!(detail.raw_code, format!("A?B?{}", "x".repeat(28)));
    }
}
