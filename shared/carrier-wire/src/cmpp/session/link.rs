//! What both ends of a session have in common: numbering, writing, silence, oddities, unanswered requests.

use std::collections::VecDeque;

use bytes::BytesMut;

use super::super::codec::{EncodeError, encode};
use super::super::pdu::ActiveTestResp;
use super::super::{HEADER_LEN, MsgId, Pdu, Version};
use super::keep_alive::{Check, KeepAlive};
use super::window::Window;
use super::{Oddity, SessionLimits};
use crate::frame::FrameLimits;

/// The span over which oddities are counted.
const ODDITY_SPAN_MS: u64 = 60_000;

#[derive(Debug)]
pub(super) struct Link {
    pub(super) limits: SessionLimits,
    pub(super) version: Version,
    pub(super) keep_alive: KeepAlive,
    /// Our requests without an answer.
    pub(super) window: Window,
    next_sequence: u32,
    oddities: u32,
    oddities_since_ms: u64,
    /// The peer's requests that the application has not answered.
    inbound: VecDeque<(u32, MsgId)>,
}

/// Whether a request of the peer goes up.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admitted {
    Yes,
    Repeated,
    TooMany,
}

impl Link {
    pub(super) fn new(limits: SessionLimits, version: Version, first_sequence: u32) -> Self {
        Self {
            limits,
            version,
            keep_alive: KeepAlive::new(0),
            window: Window::new(limits.window, limits.response_timeout_ms),
            next_sequence: first_sequence,
            oddities: 0,
            oddities_since_ms: 0,
            inbound: VecDeque::new(),
        }
    }

    pub(super) const fn frame_limits(&self) -> FrameLimits {
        FrameLimits {
            header_len: HEADER_LEN,
            max_len: self.limits.max_frame_len,
        }
    }

    /// The number of our next request. Numbers come round after 2^32 requests, long after the answer to the
    /// first of them was due.
    pub(super) const fn take_sequence(&mut self) -> u32 {
        let sequence = self.next_sequence;
        self.next_sequence = sequence.wrapping_add(1);
        sequence
    }

    pub(super) fn write(&self, sequence: u32, pdu: &Pdu, out: &mut BytesMut) -> Result<(), EncodeError> {
        encode(self.version, sequence, pdu, out)
    }

    /// A result as wide as the version can say it.
    pub(super) fn result(&self, result: u32) -> u32 {
        match self.version {
            Version::V2 => result.min(u32::from(u8::MAX)),
            Version::V3 => result,
        }
    }

    pub(super) fn answer_active_test(&self, sequence: u32, out: &mut BytesMut) {
        // A PDU of fixed length: there is nothing in it that encoding could refuse.
        let _ = self.write(sequence, &Pdu::ActiveTestResp(ActiveTestResp::default()), out);
    }

    /// Keeps the peer awake, or tells that it is gone.
    pub(super) fn tick(&mut self, now_ms: u64, out: &mut BytesMut) -> Result<(), PeerGone> {
        match self.keep_alive.check(now_ms, &self.limits) {
            Check::Fine => Ok(()),
            Check::Lost => Err(PeerGone),
            Check::Ask => {
                let sequence = self.take_sequence();
                let _ = self.write(sequence, &Pdu::ActiveTest, out);
                Ok(())
            }
        }
    }

    /// Counts an oddity; false when it was one too many within a minute.
    pub(super) fn tolerate(&mut self, now_ms: u64) -> bool {
        if now_ms.saturating_sub(self.oddities_since_ms) >= ODDITY_SPAN_MS {
            self.oddities_since_ms = now_ms;
            self.oddities = 0;
        }
        self.oddities = self.oddities.saturating_add(1);
        self.oddities <= self.limits.max_oddities_per_minute
    }

    /// Notes a request of the peer as unanswered.
    pub(super) fn admit(&mut self, sequence: u32, msg_id: MsgId) -> Admitted {
        if self.inbound.contains(&(sequence, msg_id)) {
            Admitted::Repeated
        } else if self.inbound.len() >= self.limits.max_unanswered_inbound {
            Admitted::TooMany
        } else {
            self.inbound.push_back((sequence, msg_id));
            Admitted::Yes
        }
    }

    /// Strikes a request of the peer off; false when it was not open.
    pub(super) fn settle(&mut self, matches: impl Fn(u32, MsgId) -> bool) -> bool {
        let position = self
            .inbound
            .iter()
            .position(|(sequence, msg_id)| matches(*sequence, *msg_id));
        position
            .and_then(|position| self.inbound.remove(position))
            .is_some()
    }

    /// True when neither side waits for an answer.
    pub(super) fn is_quiet(&self) -> bool {
        self.window.is_empty() && self.inbound.is_empty()
    }
}

/// The peer did not answer the last keep-alive.
#[derive(Debug)]
pub(super) struct PeerGone;

/// The id that opens the body of a `DELIVER` or `SUBMIT` whose rest cannot be read, to answer it by.
pub(super) fn leading_msg_id(frame: &[u8]) -> MsgId {
    let octets = frame
        .split_at_checked(HEADER_LEN)
        .and_then(|(_, body)| body.first_chunk::<8>());
    MsgId(octets.map_or(0, |octets| u64::from_be_bytes(*octets)))
}

/// An answer to a request that is not open any more.
pub(super) const fn unmatched(pdu: &Pdu, sequence: u32) -> Oddity {
    Oddity::UnmatchedResponse {
        command: pdu.command_id(),
        sequence,
    }
}
