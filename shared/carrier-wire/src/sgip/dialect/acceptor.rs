//! The side that is connected to.

use bytes::{Bytes, BytesMut};

use super::super::pdu::{Bind, Resp};
use super::super::{
    DecodeError, EncodeError, FRAME_LIMITS, LoginType, Numbering, Packet, Password, Pdu, Sequence, decode,
    encode, results,
};
use super::{Direction, Opened, common_kind, malformed_answer, refuse, refuse_malformed};
use crate::field::FixedStr;
use crate::frame::FrameLimits;
use crate::login::Secret;
use crate::session::{CloseReason, Dialect, Kind, Opening, Refusal};

/// A gateway that an SP submits to, or an SP's listener that a gateway delivers to.
#[derive(Debug, Clone)]
pub struct Acceptor {
    direction: Direction,
    numbering: Numbering,
    asked: Option<Login>,
    logged_in: bool,
}

/// What the peer wants to log in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Login {
    /// As what. Of a type that this side does not serve it is refused, whatever the verdict.
    pub login_type: LoginType,
    /// Who.
    pub login_name: FixedStr<16>,
    /// In clear on the wire, in no log.
    pub login_password: Password,
}

/// What the application says about a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Let it in when its password is this secret.
    Check(Secret),
    /// Refuse it.
    Refuse {
        /// Why, see [`results`]; 0 is taken for [`results::ILLEGAL_LOGIN`].
        result: u8,
    },
}

impl Acceptor {
    /// Waits for a login; `numbering` gives the sequence of the only request of this side, the wish to end.
    pub const fn new(direction: Direction, numbering: Numbering) -> Self {
        Self {
            direction,
            numbering,
            asked: None,
            logged_in: false,
        }
    }

    fn judge(&self, login: &Login, verdict: &Verdict) -> u8 {
        match verdict {
            _ if login.login_type != self.direction.login_type() => results::LOGIN_TYPE,
            Verdict::Check(secret) if login.login_password.is(secret) => results::OK,
            Verdict::Check(_) | Verdict::Refuse { result: results::OK } => results::ILLEGAL_LOGIN,
            Verdict::Refuse { result } => *result,
        }
    }
}

impl Dialect for Acceptor {
    type Sequence = Sequence;
    type Pdu = Pdu;
    type Malformed = DecodeError;
    type Unwritable = EncodeError;
    type Opened = Opened;
    type Login = Login;
    type Verdict = Verdict;

    fn frame_limits(&self) -> FrameLimits {
        FRAME_LIMITS
    }

    fn begin(&mut self, unix_ms: u64, now_ms: u64) -> Opening<Pdu> {
        self.numbering.set_clock(unix_ms, now_ms);
        Opening::Await
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
            Pdu::Bind(_) => Kind::Login,
            pdu if self.direction.has_request(pdu) => Kind::Request,
            pdu => common_kind(pdu),
        }
    }

    fn command(pdu: &Pdu) -> u32 {
        pdu.command_id()
    }

    fn login_requested(&mut self, login: Pdu) -> Option<Login> {
        let Pdu::Bind(Bind {
            login_type,
            login_name,
            login_password,
            ..
        }) = login
        else {
            return None;
        };
        self.asked = Some(Login {
            login_type,
            login_name,
            login_password,
        });
        self.asked
    }

    fn answer_login(&mut self, verdict: Verdict) -> (Pdu, Result<Opened, CloseReason>) {
        let login_name = self.asked.map(|login| login.login_name).unwrap_or_default();
        let result = self
            .asked
            .take()
            .map_or(results::ILLEGAL_LOGIN, |login| self.judge(&login, &verdict));
        let opened = if result == results::OK {
            self.logged_in = true;
            Ok(Opened { login_name })
        } else {
            Err(CloseReason::LoginRefused {
                status: u32::from(result),
            })
        };
        (Pdu::BindResp(Resp::new(result)), opened)
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
