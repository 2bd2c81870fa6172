//! The SP's side: it logs in, submits and queries, and takes what is delivered.

use std::convert::Infallible;

use bytes::{Bytes, BytesMut};

use super::{common_kind, identity, leading_msg_id, malformed_answer};
use crate::field::FixedStr;
use crate::frame::FrameLimits;
use crate::login::{Secret, Timestamp};
use crate::session::{CloseReason, Counter, Dialect, Kind, Opening, Refusal};
use crate::smgp::pdu::{DeliverResp, LoginMode, LoginResp};
use crate::smgp::{
    Command, DecodeError, EncodeError, FRAME_LIMITS, Packet, Pdu, Version, auth, decode, encode, status,
};

/// Who logs in, and what for.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// The account.
    pub client_id: FixedStr<8>,
    /// The secret shared with the gateway, at most [`auth::MAX_SECRET_LEN`] octets by the document.
    pub secret: Secret,
    /// What the connection is for. A `Submit` on one that is to receive is refused by the gateway; the session does
    /// not hold the application to it.
    pub mode: LoginMode,
    /// Highest version to ask for.
    pub version: Version,
    /// What to make of a gateway that does not prove that it knows the secret.
    pub server_check: ServerCheck,
    /// Number of the first request. Some gateways remember numbers across connections and answer 12 to a
    /// repeated one; then begin elsewhere on each connection.
    pub first_sequence: u32,
}

/// How strictly `AuthenticatorServer` is checked in an accepted login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerCheck {
    /// It must be right.
    Required,
    /// It must be right, or all zero: some gateways leave it out.
    TolerateMissing,
}

/// The gateway let us in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoggedIn {
    /// The layout both sides now use.
    pub version: Version,
    /// The version octet of the gateway.
    pub server_version: u8,
    /// False when the gateway left its authenticator out and that was tolerated.
    pub gateway_proved: bool,
}

/// The SP's side of an SMGP session.
///
/// Requests to send: [`Pdu::Submit`], [`Pdu::Query`]. Requests to answer: [`Pdu::Deliver`], by a
/// [`Pdu::DeliverResp`] with the same id. What is delivered is taken in every login mode: a message that came must not
/// be lost because it should not have.
#[derive(Debug)]
pub struct Client {
    settings: ClientSettings,
    /// That asked for until the login is through, then that agreed.
    version: Version,
    /// What the gateway must prove to have seen.
    proof: [u8; 16],
    numbering: Counter,
}

impl Client {
    /// A client that has not begun.
    pub const fn new(settings: ClientSettings) -> Self {
        Self {
            version: settings.version,
            proof: [0; 16],
            numbering: Counter::from(settings.first_sequence),
            settings,
        }
    }

    /// The layout in use; that asked for until the login is through.
    pub const fn version(&self) -> Version {
        self.version
    }
}

impl Dialect for Client {
    type Sequence = u32;
    type Pdu = Pdu;
    type Malformed = DecodeError;
    type Unwritable = EncodeError;
    type Opened = LoggedIn;
    type Login = Infallible;
    type Verdict = Infallible;

    fn frame_limits(&self) -> FrameLimits {
        FRAME_LIMITS
    }

    fn begin(&mut self, unix_ms: u64, _now_ms: u64) -> Opening<Pdu> {
        let login = auth::login(
            self.settings.client_id,
            &self.settings.secret,
            self.settings.mode,
            self.settings.version,
            Timestamp::of_unix_ms(unix_ms),
        );
        self.proof = login.authenticator_client;
        Opening::Say(Pdu::Login(login))
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
            Pdu::LoginResp(_) => Kind::LoginAnswer,
            Pdu::SubmitResp(_) | Pdu::QueryResp(_) => Kind::Answer,
            Pdu::Deliver(_) => Kind::Request,
            other => common_kind(other),
        }
    }

    fn command(pdu: &Pdu) -> u32 {
        pdu.command_id()
    }

    fn identity(pdu: &Pdu) -> u64 {
        identity(pdu)
    }

    fn login_answered(&mut self, answer: &Pdu) -> Result<LoggedIn, CloseReason> {
        let Pdu::LoginResp(resp) = answer else {
            return Err(CloseReason::LoginRefused {
                status: status::STRUCTURE,
            });
        };
        match resp.status {
            status::OK => {}
            status::VERSION_TOO_HIGH => {
                let retry_with = self.settings.version.lower().map(Version::octet);
                return Err(CloseReason::VersionRefused { retry_with });
            }
            status => return Err(CloseReason::LoginRefused { status }),
        }
        let proved = auth::verify_login_resp(resp, &self.proof, &self.settings.secret);
        let missing = resp.authenticator_server == [0; 16];
        let tolerated = missing && self.settings.server_check == ServerCheck::TolerateMissing;
        if !proved && !tolerated {
            return Err(CloseReason::WrongAuthenticator);
        }
        self.version = agreed_version(self.settings.version, resp);
        Ok(LoggedIn {
            version: self.version,
            server_version: resp.server_version,
            gateway_proved: proved,
        })
    }

    fn answer_login(&mut self, verdict: Infallible) -> (Pdu, Result<LoggedIn, CloseReason>) {
        match verdict {}
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
            (Pdu::Deliver(deliver), Refusal::Throttled) => Some(Pdu::DeliverResp(DeliverResp {
                msg_id: deliver.msg_id,
                status: status::BUSY,
            })),
            // Before the login a `Deliver` is left to be repeated, and SMGP has no answer to what it does not know.
            _ => None,
        }
    }

    fn refuse_malformed(&self, malformed: &DecodeError, frame: &[u8]) -> Option<(u32, Pdu)> {
        (malformed.command == Command::Deliver.id()).then(|| {
            let resp = DeliverResp {
                msg_id: leading_msg_id(frame),
                status: status::STRUCTURE,
            };
            (malformed.sequence, Pdu::DeliverResp(resp))
        })
    }

    fn malformed_answer(malformed: &DecodeError) -> Option<u32> {
        malformed_answer(malformed)
    }
}

/// The lower of what was asked for and what the answer's version octet says; an octet of 0 says nothing.
fn agreed_version(asked: Version, resp: &LoginResp) -> Version {
    if resp.server_version == 0 {
        asked
    } else {
        asked.min(Version::of_octet(resp.server_version))
    }
}
