//! The side that opens the connection.

use std::convert::Infallible;

use bytes::{Bytes, BytesMut};

use super::super::pdu::Bind;
use super::super::{
    DecodeError, EncodeError, FRAME_LIMITS, Numbering, Packet, Password, Pdu, Sequence, decode, encode,
    results,
};
use super::{Direction, Opened, common_kind, malformed_answer, refuse, refuse_malformed};
use crate::field::FixedStr;
use crate::frame::FrameLimits;
use crate::session::{CloseReason, Dialect, Kind, Opening, Refusal};

/// An SP that submits, or a gateway that delivers.
#[derive(Debug, Clone)]
pub struct Initiator {
    direction: Direction,
    login_name: FixedStr<16>,
    login_password: Password,
    numbering: Numbering,
    logged_in: bool,
}

impl Initiator {
    /// Logs in by this name and password; `numbering` gives the sequences of its requests.
    pub const fn new(
        direction: Direction,
        login_name: FixedStr<16>,
        login_password: Password,
        numbering: Numbering,
    ) -> Self {
        Self {
            direction,
            login_name,
            login_password,
            numbering,
            logged_in: false,
        }
    }
}

impl Dialect for Initiator {
    type Sequence = Sequence;
    type Pdu = Pdu;
    type Malformed = DecodeError;
    type Unwritable = EncodeError;
    type Opened = Opened;
    type Login = Infallible;
    type Verdict = Infallible;

    fn frame_limits(&self) -> FrameLimits {
        FRAME_LIMITS
    }

    fn begin(&mut self, unix_ms: u64, now_ms: u64) -> Opening<Pdu> {
        self.numbering.set_clock(unix_ms, now_ms);
        Opening::Say(Pdu::Bind(Bind {
            login_type: self.direction.login_type(),
            login_name: self.login_name,
            login_password: self.login_password,
            reserve: FixedStr::default(),
        }))
    }

    fn next_sequence(&mut self, now_ms: u64) -> Sequence {
        self.numbering.next(now_ms)
    }

    fn decode(&self, frame: &Bytes) -> Result<(Sequence, Pdu), DecodeError> {
        decode(frame).map(|Packet { sequence, pdu }| (sequence, pdu))
    }

    fn encode(&self, sequence: Sequence, pdu: &Pdu, out: &mut BytesMut) -> Result<(), EncodeError> {
        encode(sequence, pdu, out)
    }

    fn kind(&self, pdu: &Pdu) -> Kind {
        match pdu {
            Pdu::BindResp(_) => Kind::LoginAnswer,
            pdu if self.direction.has_answer(pdu) => Kind::Answer,
            pdu => common_kind(pdu),
        }
    }

    fn command(pdu: &Pdu) -> u32 {
        pdu.command_id()
    }

    /// A gateway that tells no result has not let us in.
    fn login_answered(&mut self, answer: &Pdu) -> Result<Opened, CloseReason> {
        let result = match answer {
            Pdu::BindResp(resp) => resp.result().map_or(results::NONE_TOLD, u32::from),
            _ => results::NONE_TOLD,
        };
        if result != u32::from(results::OK) {
            return Err(CloseReason::LoginRefused { status: result });
        }
        self.logged_in = true;
        Ok(Opened {
            login_name: self.login_name,
        })
    }

    fn answer_login(&mut self, verdict: Infallible) -> (Pdu, Result<Opened, CloseReason>) {
        match verdict {}
    }

    fn end(&self) -> Pdu {
        Pdu::Unbind
    }

    fn end_answer(&self) -> Pdu {
        Pdu::UnbindResp
    }

    fn refuse(&self, to: &Pdu, why: Refusal) -> Option<Pdu> {
        refuse(to, why, self.logged_in)
    }

    fn refuse_malformed(&self, malformed: &DecodeError, _: &[u8]) -> Option<(Sequence, Pdu)> {
        refuse_malformed(malformed)
    }

    fn malformed_answer(malformed: &DecodeError) -> Option<Sequence> {
        malformed_answer(malformed)
    }
}
