//! What a carrier's answer to a submit says.

use std::fmt;

use super::{Cause, MessageStatus, StatusDetail};

/// A carrier's protocol, whose result codes are its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// China Mobile Peer to Peer, 2.0 and 3.0: both have the same result codes.
    Cmpp,
}

impl Protocol {
    /// As raw codes begin, e.g. `CMPP`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cmpp => "CMPP",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What to do after a carrier answered a submit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmitAnswer {
    /// The carrier took the segment.
    Taken,
    /// Too fast: pause, then send the same segment again, before any later one.
    Throttled,
    /// Refused for good.
    Refused(StatusDetail),
}

/// What a submit's result code means: 0 is taken, CMPP 8 is flow control, everything else is final.
pub fn classify_submit_code(protocol: Protocol, code: u32) -> SubmitAnswer {
    match (protocol, code) {
        (_, 0) => SubmitAnswer::Taken,
        (Protocol::Cmpp, 8) => SubmitAnswer::Throttled,
        (Protocol::Cmpp, _) => SubmitAnswer::Refused(refused_by_cmpp(code)),
    }
}

/// The status that follows from a refused submit's raw code, `<protocol>:<code>`, e.g. `CMPP:13`. A code that cannot be
/// read counts as refused by the carrier's cause.
pub fn classify_refusal(raw_code: &str) -> StatusDetail {
    let code = raw_code
        .split_once(':')
        .filter(|(protocol, _)| *protocol == Protocol::Cmpp.as_str())
        .and_then(|(_, code)| code.parse().ok());
    match code {
        Some(code) => refused_by_cmpp(code),
        None => StatusDetail::new(MessageStatus::Rejected, Cause::Carrier, raw_code, UNDOCUMENTED),
    }
}

const UNDOCUMENTED: &str = "The carrier refused with a code of its own; ask the carrier what it means.";

fn refused_by_cmpp(code: u32) -> StatusDetail {
    let (cause, advice) = match code {
        1..=4 => (
            Cause::Us,
            "The carrier could not read the request; tell the operators, a repetition will fail too.",
        ),
        5 | 7 => (
            Cause::Us,
            "Fee or service code is not the one agreed with the carrier; check the link's settings.",
        ),
        6 => (
            Cause::Us,
            "The carrier takes no segment this long; check the link's settings with the carrier.",
        ),
        8 => (
            Cause::Carrier,
            "The carrier kept asking to slow down; lower the link's pace and send the message again.",
        ),
        9 => (
            Cause::Recipient,
            "This gateway does not serve the number; check whether it was ported to another carrier.",
        ),
        10 | 11 => (
            Cause::Us,
            "Source number or provider id is not the one registered with the carrier; check the link's settings.",
        ),
        12 => (
            Cause::Us,
            "The charged number is not accepted; check the link's fee settings with the carrier.",
        ),
        13 => (
            Cause::Recipient,
            "The carrier does not accept the number; check that it exists and was not ported to another carrier.",
        ),
        _ => (Cause::Carrier, UNDOCUMENTED),
    };
    let raw_code = format!("{}:{code}", Protocol::Cmpp);
    StatusDetail::new(MessageStatus::Rejected, cause, &raw_code, advice)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Cause, MessageStatus, Protocol, SubmitAnswer, classify_refusal, classify_submit_code};

    #[test]
    fn zero_is_taken_and_eight_is_a_pause() {
        assert_eq!(classify_submit_code(Protocol::Cmpp, 0), SubmitAnswer::Taken);
        assert_eq!(classify_submit_code(Protocol::Cmpp, 8), SubmitAnswer::Throttled);
    }

    #[test]
    fn everything_else_is_final_with_its_cause() {
        let causes = [
            (1, Cause::Us),
            (2, Cause::Us),
            (3, Cause::Us),
            (4, Cause::Us),
            (5, Cause::Us),
            (6, Cause::Us),
            (7, Cause::Us),
            (9, Cause::Recipient),
            (10, Cause::Us),
            (11, Cause::Us),
            (12, Cause::Us),
            (13, Cause::Recipient),
            (14, Cause::Carrier),
            (137, Cause::Carrier),
            (u32::MAX, Cause::Carrier),
        ];
        for (code, cause) in causes {
            let SubmitAnswer::Refused(detail) = classify_submit_code(Protocol::Cmpp, code) else {
                panic!("{code} must be final");
            };
            assert_eq!(detail.cause, cause, "{code}");
            assert_eq!(detail.raw_code, format!("CMPP:{code}"));
            assert!(detail.is_final && !detail.billable && detail.status == MessageStatus::Rejected);
            assert_eq!(classify_refusal(&detail.raw_code), detail);
        }
    }

    proptest! {
        #[test]
        fn any_raw_code_is_a_refusal(raw in "\\PC{0,40}") {
            let detail = classify_refusal(&raw);
            prop_assert_eq!(detail.status, MessageStatus::Rejected);
            prop_assert!(detail.advice.ends_with('.'));
        }
    }
}
