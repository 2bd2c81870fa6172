//! The SP's side: it logs in, submits, queries and cancels, and takes what is delivered.

use std::convert::Infallible;

use bytes::{Bytes, BytesMut};

use super::{
    STATUS_VERSION_TOO_HIGH, STRUCTURE, common_kind, identity, leading_msg_id, malformed_answer, write,
};
use crate::cmpp::auth::{self, Secret, Timestamp};
use crate::cmpp::pdu::{ActiveTestResp, ConnectResp, DeliverResp};
use crate::cmpp::{
    Command, DecodeError, EncodeError, FRAME_LIMITS, Packet, Pdu, RESULT_THROTTLED, Version, decode,
};
use crate::field::FixedStr;
use crate::frame::FrameLimits;
use crate::session::{CloseReason, Counter, Dialect, Kind, Opening, Refusal};

/// Who logs in.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// The SP's code.
    pub source_addr: FixedStr<6>,
    /// The secret shared with the gateway.
    pub secret: Secret,
    /// Highest version to ask for.
    pub version: Version,
    /// What to make of a gateway that does not prove that it knows the secret.
    pub ismg_check: IsmgCheck,
    /// Number of the first request. Some gateways remember numbers across connections and answer 3 to a
    /// repeated one; then begin elsewhere on each connection.
    pub first_sequence: u32,
}

/// How strictly `AuthenticatorISMG` is checked in an accepted login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IsmgCheck {
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

/// The SP's side of a CMPP session.
///
/// Requests to send: [`Pdu::Submit`], [`Pdu::Query`], [`Pdu::Cancel`]. Requests to answer: [`Pdu::Deliver`], by a
/// [`Pdu::DeliverResp`] with the same id.
#[derive(Debug)]
pub struct Client {
    settings: ClientSettings,
    /// That asked for until the login is through, then that agreed.
    version: Version,
    authenticator_source: [u8; 16],
    numbering: Counter,
}

impl Client {
    /// A client that has not begun.
    pub const fn new(settings: ClientSettings) -> Self {
        Self {
            version: settings.version,
            authenticator_source: [0; 16],
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
        let ClientSettings {
            source_addr,
            secret,
            version,
            ..
        } = &self.settings;
        let connect = auth::connect(*source_addr, secret, *version, Timestamp::of_unix_ms(unix_ms));
        self.authenticator_source = connect.authenticator_source;
        Opening::Say(Pdu::Connect(connect))
    }

    fn next_sequence(&mut self, _now_ms: u64) -> u32 {
        self.numbering.next()
    }

    fn decode(&self, frame: &Bytes) -> Result<(u32, Pdu), DecodeError> {
        decode(self.version, frame).map(|Packet { sequence, pdu }| (sequence, pdu))
    }

    fn encode(&self, sequence: u32, pdu: &Pdu, out: &mut BytesMut) -> Result<(), EncodeError> {
        write(self.version, sequence, pdu, out)
    }

    fn kind(&self, pdu: &Pdu) -> Kind {
        match pdu {
            Pdu::ConnectResp(_) => Kind::LoginAnswer,
            Pdu::SubmitResp(_) | Pdu::QueryResp(_) | Pdu::CancelResp(_) => Kind::Answer,
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
        let Pdu::ConnectResp(resp) = answer else {
            return Err(CloseReason::LoginRefused { status: STRUCTURE });
        };
        match resp.status {
            0 => {}
            STATUS_VERSION_TOO_HIGH => {
                let retry_with = self.settings.version.lower().map(Version::octet);
                return Err(CloseReason::VersionRefused { retry_with });
            }
            status => return Err(CloseReason::LoginRefused { status }),
        }
        let proved = auth::verify_connect_resp(resp, &self.authenticator_source, &self.settings.secret);
        let missing = resp.authenticator_ismg == [0; 16];
        let tolerated = missing && self.settings.ismg_check == IsmgCheck::TolerateMissing;
        if !proved && !tolerated {
            return Err(CloseReason::WrongAuthenticator);
        }
        self.version = agreed_version(self.settings.version, resp);
        Ok(LoggedIn {
            version: self.version,
            server_version: resp.version,
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
        Some(Pdu::ActiveTestResp(ActiveTestResp::default()))
    }

    fn end(&self) -> Pdu {
        Pdu::Terminate
    }

    fn end_answer(&self) -> Pdu {
        Pdu::TerminateResp
    }

    fn refuse(&self, to: &Pdu, why: Refusal) -> Option<Pdu> {
        match (to, why) {
            (Pdu::Deliver(deliver), Refusal::Throttled) => Some(Pdu::DeliverResp(DeliverResp {
                msg_id: deliver.msg_id,
                result: RESULT_THROTTLED,
            })),
            // CMPP has no answer to what it does not know.
            _ => None,
        }
    }

    fn refuse_malformed(&self, malformed: &DecodeError, frame: &[u8]) -> Option<(u32, Pdu)> {
        (malformed.command == Command::Deliver.id()).then(|| {
            let resp = DeliverResp {
                msg_id: leading_msg_id(frame),
                result: STRUCTURE,
            };
            (malformed.sequence, Pdu::DeliverResp(resp))
        })
    }

    fn malformed_answer(malformed: &DecodeError) -> Option<u32> {
        malformed_answer(malformed)
    }
}

/// The lowest of what was asked for, what the answer's own layout shows, and what its version octet says; an
/// octet of 0 says nothing.
fn agreed_version(asked: Version, resp: &ConnectResp) -> Version {
    let shown = asked.min(resp.layout);
    if resp.version == 0 {
        shown
    } else {
        shown.min(Version::of_octet(resp.version))
    }
}
