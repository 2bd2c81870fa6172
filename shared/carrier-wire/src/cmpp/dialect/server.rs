//! The gateway's side: it checks logins, takes messages, queries and cancels, and delivers.

use bytes::{Bytes, BytesMut};

use super::{STATUS_VERSION_TOO_HIGH, STRUCTURE, common_kind, identity, malformed_answer, write};
use crate::cmpp::auth::{self, Secret};
use crate::cmpp::pdu::{ActiveTestResp, CancelResp, Connect, ConnectResp, SubmitResp};
use crate::cmpp::{
    Command, DecodeError, EncodeError, FRAME_LIMITS, MsgId, Packet, Pdu, RESULT_THROTTLED, Version, decode,
};
use crate::field::FixedStr;
use crate::frame::FrameLimits;
use crate::session::{CloseReason, Counter, Dialect, Kind, Opening, Refusal};

/// Status that refuses a login for a wrong proof.
const STATUS_AUTHENTICATION: u32 = 3;

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
    /// Refuse with status 4: the client connects again.
    Refuse,
}

/// What the application says about a login.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// The account exists: let it in if it proves to know this secret.
    Check(Secret),
    /// Do not let it in, whatever it knows.
    Refuse {
        /// 2 unknown account, 5 and above other reasons.
        status: u32,
    },
}

/// Somebody is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// Who.
    pub source_addr: FixedStr<6>,
    /// The layout both sides now use.
    pub version: Version,
}

/// The gateway's side of a CMPP session.
///
/// Requests to send: [`Pdu::Deliver`]. Requests to answer: [`Pdu::Submit`], [`Pdu::Query`], [`Pdu::Cancel`], each by
/// its own answer; a result above 255 is cut to that where the version has one octet.
#[derive(Debug)]
pub struct Server {
    settings: ServerSettings,
    /// The highest until the login is through, then that agreed.
    version: Version,
    asked: Connect,
    numbering: Counter,
}

impl Server {
    /// A server that has not begun.
    pub fn new(settings: ServerSettings) -> Self {
        Self {
            settings,
            version: settings.max_version,
            asked: Connect::default(),
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
    type Login = Connect;
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
        write(self.version, sequence, pdu, out)
    }

    fn kind(&self, pdu: &Pdu) -> Kind {
        match pdu {
            Pdu::Connect(_) => Kind::Login,
            Pdu::Submit(_) | Pdu::Query(_) | Pdu::Cancel(_) => Kind::Request,
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

    fn login_requested(&mut self, login: Pdu) -> Option<Connect> {
        let Pdu::Connect(connect) = login else { return None };
        self.asked = connect;
        Some(connect)
    }

    fn answer_login(&mut self, verdict: Verdict) -> (Pdu, Result<Admitted, CloseReason>) {
        let connect = self.asked;
        let asked = Version::of_octet(connect.version);
        let own = self.settings.max_version;
        // A refusal, too, is answered in a layout that the client can read.
        self.version = asked.min(own);
        let too_high = asked > own && self.settings.on_higher_version == HigherVersion::Refuse;
        let status = match &verdict {
            Verdict::Refuse { status } => (*status).max(1),
            Verdict::Check(secret) if !auth::verify_connect(&connect, secret) => STATUS_AUTHENTICATION,
            Verdict::Check(_) if too_high => STATUS_VERSION_TOO_HIGH,
            Verdict::Check(_) => 0,
        };
        let layout = self.version;
        let answer = |status, authenticator_ismg| {
            Pdu::ConnectResp(ConnectResp {
                layout,
                status,
                authenticator_ismg,
                version: own.octet(),
            })
        };
        match verdict {
            Verdict::Check(secret) if status == 0 => {
                let proof = auth::authenticator_ismg(layout, 0, &connect.authenticator_source, &secret);
                let admitted = Admitted {
                    source_addr: connect.source_addr,
                    version: layout,
                };
                (answer(0, proof), Ok(admitted))
            }
            _ => {
                let wire = match layout {
                    Version::V2 => status.min(u32::from(u8::MAX)),
                    Version::V3 => status,
                };
                let reason = if too_high && status == STATUS_VERSION_TOO_HIGH {
                    CloseReason::VersionRefused {
                        retry_with: Some(own.octet()),
                    }
                } else {
                    CloseReason::LoginRefused { status }
                };
                (answer(wire, [0; 16]), Err(reason))
            }
        }
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
            (Pdu::Submit(_), Refusal::Throttled) => Some(refused(RESULT_THROTTLED)),
            (Pdu::Cancel(_), Refusal::Throttled) => Some(Pdu::CancelResp(CancelResp { success_id: 1 })),
            // A count has no way to say no, and CMPP no answer to what it does not know.
            _ => None,
        }
    }

    fn refuse_malformed(&self, malformed: &DecodeError, _frame: &[u8]) -> Option<(u32, Pdu)> {
        let answer = match Command::of_id(malformed.command)? {
            Command::Submit => refused(STRUCTURE),
            Command::Cancel => Pdu::CancelResp(CancelResp { success_id: 1 }),
            _ => return None,
        };
        Some((malformed.sequence, answer))
    }

    fn malformed_answer(malformed: &DecodeError) -> Option<u32> {
        malformed_answer(malformed)
    }
}

fn refused(result: u32) -> Pdu {
    Pdu::SubmitResp(SubmitResp {
        msg_id: MsgId::default(),
        result,
    })
}
