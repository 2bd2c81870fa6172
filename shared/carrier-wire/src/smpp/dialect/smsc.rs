//! The side that is logged in to.

use bytes::{Bytes, BytesMut};

use super::Sequences;
use crate::frame::FrameLimits;
use crate::login::Secret;
use crate::session::{CloseReason, Dialect, Kind, Opening, Refusal};
use crate::smpp::pdu::{Bind, BindMode, BindResp};
use crate::smpp::tlv::{Tag, Tlvs};
use crate::smpp::{CText, DecodeError, EncodeError, FRAME_LIMITS, Packet, Pdu, Status, VERSION_3_4, codec};

/// A message centre: decides about a login, takes messages, gives receipts and messages from phones.
#[derive(Debug)]
pub struct Smsc {
    system_id: CText<16>,
    sequences: Sequences,
    login: Option<Bind>,
    bound: Option<BindMode>,
}

/// What an SMSC's application hears when a login is through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmscOpened {
    /// The account.
    pub system_id: CText<16>,
    /// What it may do.
    pub mode: BindMode,
    /// The version that it speaks.
    pub interface_version: u8,
}

/// What an application says about a login.
#[derive(Debug)]
pub enum LoginVerdict {
    /// It may come in when its password is this one.
    Check(Secret),
    /// It may not come in.
    Refuse(Status),
}

impl Smsc {
    /// A message centre of this name; the first request of its own has the sequence `first_sequence`, brought into
    /// 1 to 0x7FFFFFFF.
    pub const fn new(system_id: CText<16>, first_sequence: u32) -> Self {
        Self {
            system_id,
            sequences: Sequences::from(first_sequence),
            login: None,
            bound: None,
        }
    }

    /// What the ESME may do; `None` before it is logged in. Messages and receipts are for those that receive.
    pub const fn mode(&self) -> Option<BindMode> {
        self.bound
    }

    /// What only an ESME that sends may ask for.
    const fn of_a_sender(&self) -> Kind {
        match self.bound {
            Some(BindMode::Receiver) => Kind::Unexpected,
            _ => Kind::Request,
        }
    }
}

impl Dialect for Smsc {
    type Sequence = u32;
    type Pdu = Pdu;
    type Malformed = DecodeError;
    type Unwritable = EncodeError;
    type Opened = SmscOpened;
    type Login = Bind;
    type Verdict = LoginVerdict;

    fn frame_limits(&self) -> FrameLimits {
        FRAME_LIMITS
    }

    fn begin(&mut self, _unix_ms: u64, _now_ms: u64) -> Opening<Pdu> {
        Opening::Await
    }

    fn next_sequence(&mut self, _now_ms: u64) -> u32 {
        self.sequences.next()
    }

    /// Strict about parameters: a message that is not what its sender meant is better refused than sent.
    fn decode(&self, frame: &Bytes) -> Result<(u32, Pdu), DecodeError> {
        codec::decode_strict(frame).map(|Packet { sequence, pdu }| (sequence, pdu))
    }

    fn encode(&self, sequence: u32, pdu: &Pdu, out: &mut BytesMut) -> Result<(), EncodeError> {
        codec::encode(sequence, pdu, out)
    }

    fn kind(&self, pdu: &Pdu) -> Kind {
        match pdu {
            Pdu::Bind(_) => Kind::Login,
            Pdu::SubmitSm(_)
            | Pdu::SubmitMulti(_)
            | Pdu::DataSm(_)
            | Pdu::QuerySm(_)
            | Pdu::CancelSm(_)
            | Pdu::ReplaceSm(_) => self.of_a_sender(),
            Pdu::DeliverSmResp(_) | Pdu::DataSmResp(_) | Pdu::GenericNack(_) => Kind::Answer,
            Pdu::EnquireLink => Kind::KeepAlive,
            Pdu::EnquireLinkResp(_) => Kind::KeepAliveAnswer,
            Pdu::Unbind => Kind::End,
            Pdu::UnbindResp(_) => Kind::EndAnswer,
            Pdu::Unknown { .. } => Kind::Unknown,
            Pdu::BindResp(_)
            | Pdu::Outbind(_)
            | Pdu::DeliverSm(_)
            | Pdu::AlertNotification(_)
            | Pdu::SubmitSmResp(_)
            | Pdu::SubmitMultiResp(_)
            | Pdu::QuerySmResp(_)
            | Pdu::CancelSmResp(_)
            | Pdu::ReplaceSmResp(_) => Kind::Unexpected,
        }
    }

    fn command(pdu: &Pdu) -> u32 {
        pdu.command_id()
    }

    fn answers(request_command: u32, answer: &Pdu) -> bool {
        super::answers(request_command, answer)
    }

    fn login_requested(&mut self, login: Pdu) -> Option<Bind> {
        match login {
            Pdu::Bind(bind) => {
                self.login = Some(bind);
                Some(bind)
            }
            _ => None,
        }
    }

    fn answer_login(&mut self, verdict: LoginVerdict) -> (Pdu, Result<SmscOpened, CloseReason>) {
        let Some(bind) = self.login else {
            // The machine answers only what was asked.
            let status = Status::RINVBNDSTS;
            return (
                Pdu::GenericNack(status),
                Err(CloseReason::LoginRefused { status: status.0 }),
            );
        };
        let status = match verdict {
            LoginVerdict::Refuse(status) => status,
            LoginVerdict::Check(secret) if bind.password.is(secret.octets()) => Status::ROK,
            LoginVerdict::Check(_) => Status::RINVPASWD,
        };
        if !status.is_ok() {
            let resp = BindResp::without_body(bind.mode, status);
            let refused = CloseReason::LoginRefused { status: status.0 };
            return (Pdu::BindResp(resp), Err(refused));
        }
        self.bound = Some(bind.mode);
        // Parameters are only for peers that know them.
        let tlvs = if bind.interface_version >= VERSION_3_4 {
            Tlvs::builder().u8(Tag::SC_INTERFACE_VERSION, VERSION_3_4).build()
        } else {
            Tlvs::new()
        };
        let resp = BindResp {
            mode: bind.mode,
            status,
            system_id: Some(self.system_id),
            tlvs,
        };
        let opened = SmscOpened {
            system_id: bind.system_id,
            mode: bind.mode,
            interface_version: bind.interface_version,
        };
        (Pdu::BindResp(resp), Ok(opened))
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
        let not_allowed = match to {
            Pdu::Bind(_) if self.bound.is_some() => Status::RALYBND,
            _ => Status::RINVBNDSTS,
        };
        super::refuse(to, why, Status::RTHROTTLED, not_allowed)
    }

    fn refuse_malformed(&self, malformed: &DecodeError, _frame: &[u8]) -> Option<(u32, Pdu)> {
        super::refuse_malformed(malformed)
    }

    fn malformed_answer(malformed: &DecodeError) -> Option<u32> {
        super::malformed_answer(malformed)
    }
}
