//! The gateway's side: it checks logins, takes messages and queries, and delivers.

use bytes::{Bytes, BytesMut};

use super::{common_kind, identity, malformed_answer};
use crate::field::FixedStr;
use crate::frame::FrameLimits;
use crate::login::Secret;
use crate::session::{CloseReason, Counter, Dialect, Kind, Opening, Refusal};
use crate::smgp::pdu::{Login, LoginMode, LoginResp, SubmitResp};
use crate::smgp::{
    Command, DecodeError, EncodeError, FRAME_LIMITS, MsgId, Packet, Pdu, Version, auth, decode, encode,
    status,
};

/// How logins are taken.
#[derive(Debug, Clone, Copy)]
pub struct ServerSettings {
    /// Highest version that is spoken.
    pub max_version: Version,
    /// What to do about a client that asks for more.
    pub on_higher_version: HigherVersion,
}

/// What a server does about a client that asks for a higher version than its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HigherVersion {
    /// Accept, and answer in its own version: the client falls back.
    AnswerOwn,
    /// Refuse with status 22: the client connects again.
    Refuse,
}

/// What the application says about a login.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// The account exists: let it in if it proves to know this secret.
    Check(Secret),
    /// Do not let it in, whatever it knows.
    Refuse {
        /// 2 too many connections, 20 the address, 21 the account; others other.
        status: u32,
    },
}

/// Somebody is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// Who.
    pub client_id: FixedStr<8>,
    /// What for. To a connection that does not receive, nothing should be delivered.
    pub mode: LoginMode,
    /// The layout both sides now use.
    pub version: Version,
}

/// The gateway's side of an SMGP session.
///
/// Requests to send: [`Pdu::Deliver`]. Requests to answer: [`Pdu::Submit`] (which a connection that logged in to
/// receive is refused by the session itself), [`Pdu::Query`], each by its own answer.
#[derive(Debug)]
pub struct Server {
    settings: ServerSettings,
    /// The highest until the login is through, then that agreed.
    version: Version,
    asked: Login,
    mode: LoginMode,
    numbering: Counter,
}

impl Server {
    /// A server that has not begun.
    pub fn new(settings: ServerSettings) -> Self {
        Self {
            settings,
            version: settings.max_version,
            asked: Login::default(),
            mode: LoginMode::Both,
            numbering: Counter::from(1),
        }
    }

    /// The layout in use; the highest one until the login is through.
    pub const fn version(&self) -> Version {
        self.version
    }
}

impl Dialect for Server {
    type Sequence = u32;
    type Pdu = Pdu;
    type Malformed = DecodeError;
    type Unwritable = EncodeError;
    type Opened = Admitted;
    type Login = Login;
    type Verdict = Verdict;

    fn frame_limits(&self) -> FrameLimits {
        FRAME_LIMITS
    }

    fn begin(&mut self, _unix_ms: u64, _now_ms: u64) -> Opening<Pdu> {
        Opening::Await
    }

    fn next_sequence(&mut self, _now_ms: u64) -> u32 {
        self.numbering.next()
    }

    fn decode(&self, frame: &Bytes) -> Result<(u32, Pdu), DecodeError> {
        decode(self.version, frame).map(|Packet { sequence, pdu }| (sequence, pdu))
    }

    fn encode(&self, sequence: u32, pdu: &Pdu, out: &mut BytesMut) -> Result<(), EncodeError> {
        encode(self.version, sequence, pdu, out)
    }

    fn kind(&self, pdu: &Pdu) -> Kind {
        match pdu {
            Pdu::Login(_) => Kind::Login,
            Pdu::Submit(_) if !self.mode.submits() => Kind::Unexpected,
            Pdu::Submit(_) | Pdu::Query(_) => Kind::Request,
            Pdu::DeliverResp(_) => Kind::Answer,
            other => common_kind(other),
        }
    }

    fn command(pdu: &Pdu) -> u32 {
        pdu.command_id()
    }

    fn identity(pdu: &Pdu) -> u64 {
        identity(pdu)
    }

    fn login_requested(&mut self, login: Pdu) -> Option<Login> {
        let Pdu::Login(login) = login else { return None };
        self.asked = login;
        Some(login)
    }

    fn answer_login(&mut self, verdict: Verdict) -> (Pdu, Result<Admitted, CloseReason>) {
        let login = self.asked;
        let own = self.settings.max_version;
        match self.judge(&login, &verdict) {
            Ok((mode, secret)) => {
                self.version = Version::of_octet(login.client_version).min(own);
                self.mode = mode;
                let proof = auth::authenticator_server(status::OK, &login.authenticator_client, secret);
                let admitted = Admitted {
                    client_id: login.client_id,
                    mode,
                    version: self.version,
                };
                (login_resp(status::OK, proof, own), Ok(admitted))
            }
            Err(status::VERSION_TOO_HIGH) => {
                let reason = CloseReason::VersionRefused {
                    retry_with: Some(own.octet()),
                };
                (login_resp(status::VERSION_TOO_HIGH, [0; 16], own), Err(reason))
            }
            Err(status) => (
                login_resp(status, [0; 16], own),
                Err(CloseReason::LoginRefused { status }),
            ),
        }
    }

    fn keep_alive(&self) -> Option<Pdu> {
        Some(Pdu::ActiveTest)
    }

    fn keep_alive_answer(&self) -> Option<Pdu> {
        Some(Pdu::ActiveTestResp)
    }

    fn end(&self) -> Pdu {
        Pdu::Exit
    }

    fn end_answer(&self) -> Pdu {
        Pdu::ExitResp
    }

    fn refuse(&self, to: &Pdu, why: Refusal) -> Option<Pdu> {
        match (to, why) {
            (Pdu::Submit(_), Refusal::Throttled) => Some(refused(status::BUSY)),
            (Pdu::Submit(_), Refusal::NotAllowed) => Some(refused(status::COMMAND)),
            // A count has no way to say no, and SMGP no answer to what it does not know.
            _ => None,
        }
    }

    fn refuse_malformed(&self, malformed: &DecodeError, _frame: &[u8]) -> Option<(u32, Pdu)> {
        let answer = match Command::of_id(malformed.command)? {
            Command::Submit => refused(status::STRUCTURE),
            Command::Login => login_resp(status::STRUCTURE, [0; 16], self.settings.max_version),
            _ => return None,
        };
        Some((malformed.sequence, answer))
    }

    fn malformed_answer(malformed: &DecodeError) -> Option<u32> {
        malformed_answer(malformed)
    }
}

impl Server {
    /// The mode and the secret that lets the client in, or the status that does not.
    fn judge<'a>(&self, login: &Login, verdict: &'a Verdict) -> Result<(LoginMode, &'a Secret), u32> {
        let secret = match verdict {
            Verdict::Refuse { status } => return Err((*status).max(1)),
            Verdict::Check(secret) => secret,
        };
        if !auth::verify_login(login, secret) {
            return Err(status::AUTHENTICATION);
        }
        let too_high = Version::of_octet(login.client_version) > self.settings.max_version;
        if too_high && self.settings.on_higher_version == HigherVersion::Refuse {
            return Err(status::VERSION_TOO_HIGH);
        }
        let mode = LoginMode::of_octet(login.login_mode).ok_or(status::STRUCTURE)?;
        Ok((mode, secret))
    }
}

fn login_resp(status: u32, authenticator_server: [u8; 16], own: Version) -> Pdu {
    Pdu::LoginResp(LoginResp {
        status,
        authenticator_server,
        server_version: own.octet(),
    })
}

fn refused(status: u32) -> Pdu {
    Pdu::SubmitResp(SubmitResp {
        msg_id: MsgId::default(),
        status,
    })
}
