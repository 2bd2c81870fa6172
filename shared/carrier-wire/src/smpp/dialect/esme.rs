//! The side that logs in.

use std::convert::Infallible;

use bytes::{Bytes, BytesMut};

use super::Sequences;
use crate::frame::FrameLimits;
use crate::session::{CloseReason, Dialect, Kind, Opening, Refusal};
use crate::smpp::pdu::Bind;
use crate::smpp::{CText, DecodeError, EncodeError, FRAME_LIMITS, Packet, Pdu, Status, codec};

/// An external short messaging entity: logs in with one of the three modes, sends messages and takes receipts, as
/// the mode allows. For separate transmitter and receiver use one session of each.
#[derive(Debug)]
pub struct Esme {
    bind: Bind,
    sequences: Sequences,
}

/// What an ESME hears when it is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EsmeOpened {
    /// The SMSC's name, empty when it gave none.
    pub system_id: CText<16>,
    /// The version it speaks; `None` from one older than 3.4, or that does not tell.
    pub interface_version: Option<u8>,
}

impl Esme {
    /// Logs in with `bind`; the login has the sequence `first_sequence`, brought into 1 to 0x7FFFFFFF.
    pub const fn new(bind: Bind, first_sequence: u32) -> Self {
        Self {
            bind,
            sequences: Sequences::from(first_sequence),
        }
    }

    /// The login.
    pub const fn bind(&self) -> &Bind {
        &self.bind
    }
}

impl Dialect for Esme {
    type Sequence = u32;
    type Pdu = Pdu;
    type Malformed = DecodeError;
    type Unwritable = EncodeError;
    type Opened = EsmeOpened;
    type Login = Infallible;
    type Verdict = Infallible;

    fn frame_limits(&self) -> FrameLimits {
        FRAME_LIMITS
    }

    fn begin(&mut self, _unix_ms: u64, _now_ms: u64) -> Opening<Pdu> {
        Opening::Say(Pdu::Bind(self.bind))
    }

    fn next_sequence(&mut self, _now_ms: u64) -> u32 {
        self.sequences.next()
    }

    /// Lenient: a receipt with an octet too many is a receipt.
    fn decode(&self, frame: &Bytes) -> Result<(u32, Pdu), DecodeError> {
        codec::decode(frame).map(|Packet { sequence, pdu }| (sequence, pdu))
    }

    fn encode(&self, sequence: u32, pdu: &Pdu, out: &mut BytesMut) -> Result<(), EncodeError> {
        codec::encode(sequence, pdu, out)
    }

    fn kind(&self, pdu: &Pdu) -> Kind {
        match pdu {
            Pdu::BindResp(resp) if resp.mode == self.bind.mode => Kind::LoginAnswer,
            Pdu::SubmitSmResp(_)
            | Pdu::SubmitMultiResp(_)
            | Pdu::DataSmResp(_)
            | Pdu::QuerySmResp(_)
            | Pdu::CancelSmResp(_)
            | Pdu::ReplaceSmResp(_)
            | Pdu::GenericNack(_) => Kind::Answer,
            Pdu::DeliverSm(_) | Pdu::DataSm(_) => Kind::Request,
            Pdu::AlertNotification(_) => Kind::OneWay,
            Pdu::EnquireLink => Kind::KeepAlive,
            Pdu::EnquireLinkResp(_) => Kind::KeepAliveAnswer,
            Pdu::Unbind => Kind::End,
            Pdu::UnbindResp(_) => Kind::EndAnswer,
            Pdu::Unknown { .. } => Kind::Unknown,
            Pdu::Bind(_)
            | Pdu::BindResp(_)
            | Pdu::Outbind(_)
            | Pdu::SubmitSm(_)
            | Pdu::SubmitMulti(_)
            | Pdu::DeliverSmResp(_)
            | Pdu::QuerySm(_)
            | Pdu::CancelSm(_)
            | Pdu::ReplaceSm(_) => Kind::Unexpected,
        }
    }

    fn command(pdu: &Pdu) -> u32 {
        pdu.command_id()
    }

    fn answers(request_command: u32, answer: &Pdu) -> bool {
        super::answers(request_command, answer)
    }

    fn login_answered(&mut self, answer: &Pdu) -> Result<EsmeOpened, CloseReason> {
        match answer {
            Pdu::BindResp(resp) if resp.status.is_ok() => Ok(EsmeOpened {
                system_id: resp.system_id.unwrap_or_default(),
                interface_version: resp.interface_version(),
            }),
            other => Err(CloseReason::LoginRefused {
                status: other.status().0,
            }),
        }
    }

    fn answer_login(&mut self, verdict: Infallible) -> (Pdu, Result<EsmeOpened, CloseReason>) {
        match verdict {}
    }

    fn keep_alive(&self) -> Option<Pdu> {
        Some(Pdu::EnquireLink)
    }

    fn keep_alive_answer(&self) -> Option<Pdu> {
        Some(Pdu::EnquireLinkResp(Status::ROK))
    }

    fn end(&self) -> Pdu {
        Pdu::Unbind
    }

    fn end_answer(&self) -> Pdu {
        Pdu::UnbindResp(Status::ROK)
    }

    fn refuse(&self, to: &Pdu, why: Refusal) -> Option<Pdu> {
        // Of an ESME, "slow down" is its own temporary failure: the SMSC delivers again later.
        super::refuse(to, why, Status::RX_T_APPN, Status::RINVBNDSTS)
    }

    fn refuse_malformed(&self, malformed: &DecodeError, _frame: &[u8]) -> Option<(u32, Pdu)> {
        super::refuse_malformed(malformed)
    }

    fn malformed_answer(malformed: &DecodeError) -> Option<u32> {
        super::malformed_answer(malformed)
    }
}
