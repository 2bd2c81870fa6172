//! The server's state machine.

use bytes::{Bytes, BytesMut};

use super::super::super::auth;
use super::super::super::codec::{decode, encode_deliver};
use super::super::super::pdu::{CancelResp, Connect, ConnectResp, Deliver, DeliverResp, Submit, SubmitResp};
use super::super::super::{Command, MsgId, Packet, Pdu, RESULT_THROTTLED, Version};
use super::super::link::{Admitted, Link, unmatched};
use super::super::window::Answered;
use super::super::{Actions, CloseReason, NotSent, Oddity, SettingsError, Uncertain};
use super::{DeliverOutcome, Event, HigherVersion, LoginAnswer, ServerSettings, Up};
use crate::frame::next_frame;

/// Status and result codes that the session gives by itself.
const STATUS_AUTHENTICATION: u32 = 3;
const STATUS_VERSION_TOO_HIGH: u32 = 4;
const RESULT_STRUCTURE: u32 = 1;

/// One connection's session, from the accepted connection to its end.
#[derive(Debug)]
pub struct ServerSession {
    settings: ServerSettings,
    state: State,
    link: Link,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No connection yet.
    New,
    /// Waits for `CONNECT`.
    AwaitingLogin { deadline_ms: u64 },
    /// The application looks the account up.
    Deciding {
        connect: Connect,
        sequence: u32,
        deadline_ms: u64,
    },
    /// Logged in.
    Open,
    /// `TERMINATE` is on its way.
    Terminating { deadline_ms: u64 },
    /// Over.
    Closed,
}

impl ServerSession {
    /// A session that waits for [`Event::Accepted`].
    ///
    /// # Errors
    ///
    /// [`SettingsError`] when a limit makes no sense.
    pub fn new(settings: ServerSettings) -> Result<Self, SettingsError> {
        settings.limits.check()?;
        let link = Link::new(settings.limits, settings.max_version, 1);
        Ok(Self {
            settings,
            state: State::New,
            link,
        })
    }

    /// How many `DELIVER`s can be sent now; 0 unless the session is open.
    pub fn free_slots(&self) -> usize {
        if self.state == State::Open {
            self.link.window.free()
        } else {
            0
        }
    }

    /// True while the client is logged in.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// The layout in use; the highest one until the login is through.
    pub const fn version(&self) -> Version {
        self.link.version
    }

    /// Takes an event and adds what follows from it to `actions`.
    pub fn on(&mut self, event: Event<'_>, now_ms: u64, actions: &mut Actions<Up>) {
        match event {
            Event::Accepted => {
                if self.state == State::New {
                    let deadline_ms = now_ms.saturating_add(self.link.limits.login_timeout_ms);
                    self.state = State::AwaitingLogin { deadline_ms };
                }
            }
            Event::Received(buffer) => self.receive(buffer, now_ms, actions),
            Event::LoginAnswered(answer) => self.login_answered(answer, now_ms, actions),
            Event::SubmitAnswered {
                sequence,
                msg_id,
                result,
            } => {
                self.answer_submit(sequence, msg_id, result, actions);
            }
            Event::Deliver { token, deliver } => self.deliver(token, deliver, now_ms, actions),
            Event::QueryAnswered { sequence, resp } => {
                self.answer(sequence, &Pdu::QueryResp(resp), actions);
            }
            Event::CancelAnswered { sequence, cancelled } => {
                let resp = CancelResp {
                    success_id: u32::from(!cancelled),
                };
                self.answer(sequence, &Pdu::CancelResp(resp), actions);
            }
            Event::Tick => self.tick(now_ms, actions),
            Event::Terminate => self.terminate(now_ms, actions),
            Event::Disconnected => self.close(CloseReason::ConnectionLost, actions),
        }
        actions.deadline_ms = self.deadline_ms();
    }

    fn deadline_ms(&self) -> Option<u64> {
        let of_state = match self.state {
            State::New | State::Closed => return None,
            State::AwaitingLogin { deadline_ms } | State::Deciding { deadline_ms, .. } => {
                return Some(deadline_ms);
            }
            State::Open => None,
            State::Terminating { deadline_ms } => Some(deadline_ms),
        };
        let keep_alive = Some(self.link.keep_alive.deadline_ms(&self.link.limits));
        [of_state, keep_alive, self.link.window.deadline_ms()]
            .into_iter()
            .flatten()
            .min()
    }

    fn receive(&mut self, buffer: &mut BytesMut, now_ms: u64, actions: &mut Actions<Up>) {
        // While the account is looked up the layout of what follows is not settled yet: leave it unread.
        while !matches!(self.state, State::New | State::Deciding { .. } | State::Closed) {
            match next_frame(buffer, self.link.frame_limits()) {
                Ok(Some(frame)) => self.frame(&frame, now_ms, actions),
                Ok(None) => break,
                Err(error) => self.close(CloseReason::Framing(error), actions),
            }
        }
    }

    fn frame(&mut self, frame: &Bytes, now_ms: u64, actions: &mut Actions<Up>) {
        self.link.keep_alive.heard(now_ms);
        match decode(self.link.version, frame) {
            Ok(packet) => self.packet(packet, now_ms, actions),
            Err(error) => {
                if error.command == Command::Submit.id() && self.state == State::Open {
                    let resp = SubmitResp {
                        msg_id: MsgId::default(),
                        result: RESULT_STRUCTURE,
                    };
                    let _ = self
                        .link
                        .write(error.sequence, &Pdu::SubmitResp(resp), &mut actions.send);
                }
                self.odd(Oddity::Undecodable(error), now_ms, actions);
            }
        }
    }

    fn packet(&mut self, packet: Packet, now_ms: u64, actions: &mut Actions<Up>) {
        let Packet { sequence, pdu } = packet;
        match (self.state, pdu) {
            (State::AwaitingLogin { deadline_ms }, Pdu::Connect(connect)) => {
                self.state = State::Deciding {
                    connect,
                    sequence,
                    deadline_ms,
                };
                actions.up.push(Up::LoginRequested(connect));
            }
            (State::AwaitingLogin { .. }, pdu) => {
                self.odd(
                    Oddity::Unexpected {
                        command: pdu.command_id(),
                    },
                    now_ms,
                    actions,
                );
            }
            (State::Open, Pdu::Submit(submit)) => self.submit(sequence, Box::new(submit), now_ms, actions),
            (_, Pdu::DeliverResp(resp)) => self.deliver_resp(sequence, resp, now_ms, actions),
            (State::Open, Pdu::Query(query)) => actions.up.push(Up::Query { sequence, query }),
            (State::Open, Pdu::Cancel(cancel)) => actions.up.push(Up::Cancel { sequence, cancel }),
            (_, Pdu::ActiveTest) => self.link.answer_active_test(sequence, &mut actions.send),
            // Its arrival was noted already, as that of any PDU.
            (_, Pdu::ActiveTestResp(_)) => {}
            (_, Pdu::Terminate) => {
                let _ = self.link.write(sequence, &Pdu::TerminateResp, &mut actions.send);
                self.close(CloseReason::PeerTerminated, actions);
            }
            (State::Terminating { .. }, Pdu::TerminateResp) => self.close(CloseReason::Terminated, actions),
            (_, Pdu::Unknown { command, .. }) => {
                self.odd(Oddity::UnknownCommand { command }, now_ms, actions);
            }
            (_, pdu) => self.odd(
                Oddity::Unexpected {
                    command: pdu.command_id(),
                },
                now_ms,
                actions,
            ),
        }
    }

    fn login_answered(&mut self, answer: LoginAnswer<'_>, now_ms: u64, actions: &mut Actions<Up>) {
        let State::Deciding {
            connect, sequence, ..
        } = self.state
        else {
            return;
        };
        let asked = Version::of_octet(connect.version);
        let own = self.settings.max_version;
        // A refusal, too, is answered in a layout that the client can read.
        self.link.version = asked.min(own);
        let too_high = asked > own && self.settings.on_higher_version == HigherVersion::Refuse;
        let verdict = match answer {
            LoginAnswer::Refuse { status } => Err(status.max(1)),
            LoginAnswer::Check(secret) if !auth::verify_connect(&connect, secret) => {
                Err(STATUS_AUTHENTICATION)
            }
            LoginAnswer::Check(_) if too_high => Err(STATUS_VERSION_TOO_HIGH),
            LoginAnswer::Check(secret) => Ok(secret),
        };
        let layout = self.link.version;
        let (status, authenticator_ismg) = match verdict {
            Ok(secret) => (
                0,
                auth::authenticator_ismg(layout, 0, &connect.authenticator_source, secret),
            ),
            Err(status) => (self.link.result(status), [0; 16]),
        };
        let resp = ConnectResp {
            layout,
            status,
            authenticator_ismg,
            version: own.octet(),
        };
        let _ = self
            .link
            .write(sequence, &Pdu::ConnectResp(resp), &mut actions.send);
        match verdict {
            Ok(_) => {
                self.state = State::Open;
                self.link.keep_alive.heard(now_ms);
                actions.up.push(Up::LoggedIn {
                    source_addr: connect.source_addr,
                    version: layout,
                });
            }
            Err(STATUS_VERSION_TOO_HIGH) if too_high => {
                self.close(
                    CloseReason::VersionRefused {
                        retry_with: Some(own),
                    },
                    actions,
                );
            }
            Err(status) => self.close(CloseReason::LoginRefused { status }, actions),
        }
    }

    fn submit(&mut self, sequence: u32, submit: Box<Submit>, now_ms: u64, actions: &mut Actions<Up>) {
        let command = Command::Submit.id();
        match self.link.admit(sequence, MsgId::default()) {
            Admitted::Yes => actions.up.push(Up::Submit { sequence, submit }),
            Admitted::Repeated => self.odd(Oddity::RepeatedRequest { command, sequence }, now_ms, actions),
            Admitted::TooMany => {
                let resp = SubmitResp {
                    msg_id: MsgId::default(),
                    result: RESULT_THROTTLED,
                };
                let _ = self
                    .link
                    .write(sequence, &Pdu::SubmitResp(resp), &mut actions.send);
                self.odd(Oddity::Overrun { command }, now_ms, actions);
            }
        }
    }

    fn answer_submit(&mut self, sequence: u32, msg_id: MsgId, result: u32, actions: &mut Actions<Up>) {
        if self.state == State::Open && self.link.settle(|open, _| open == sequence) {
            let resp = SubmitResp {
                msg_id,
                result: self.link.result(result),
            };
            let _ = self
                .link
                .write(sequence, &Pdu::SubmitResp(resp), &mut actions.send);
        }
    }

    fn answer(&self, sequence: u32, pdu: &Pdu, actions: &mut Actions<Up>) {
        if self.state == State::Open {
            // Answers hold numbers that their fields can hold, so encoding has nothing to refuse.
            let _ = self.link.write(sequence, pdu, &mut actions.send);
        }
    }

    fn deliver(&mut self, token: u64, deliver: &Deliver, now_ms: u64, actions: &mut Actions<Up>) {
        if let Err(why) = self.try_deliver(token, deliver, now_ms, &mut actions.send) {
            actions.up.push(Up::DeliverOutcome {
                token,
                outcome: DeliverOutcome::NotSent(why),
            });
        }
    }

    fn try_deliver(
        &mut self,
        token: u64,
        deliver: &Deliver,
        now_ms: u64,
        out: &mut BytesMut,
    ) -> Result<(), NotSent> {
        if self.state != State::Open {
            return Err(NotSent::NotOpen);
        }
        if self.link.window.free() == 0 {
            return Err(NotSent::WindowFull);
        }
        let sequence = self.link.take_sequence();
        encode_deliver(self.link.version, sequence, deliver, out)?;
        self.link.window.push(sequence, token, now_ms);
        Ok(())
    }

    fn deliver_resp(&mut self, sequence: u32, resp: DeliverResp, now_ms: u64, actions: &mut Actions<Up>) {
        match self.link.window.answer(sequence) {
            // A late answer corrects a time-out; the application can tell by the token that it comes second.
            Answered::InTime { token } | Answered::Late { token } => actions.up.push(Up::DeliverOutcome {
                token,
                outcome: DeliverOutcome::Answered { result: resp.result },
            }),
            Answered::Unknown => self.odd(unmatched(&Pdu::DeliverResp(resp), sequence), now_ms, actions),
        }
    }

    fn tick(&mut self, now_ms: u64, actions: &mut Actions<Up>) {
        match self.state {
            State::New | State::Closed => return,
            State::AwaitingLogin { deadline_ms } | State::Deciding { deadline_ms, .. } => {
                if deadline_ms <= now_ms {
                    self.close(CloseReason::LoginTimeout, actions);
                }
                return;
            }
            State::Terminating { deadline_ms } if deadline_ms <= now_ms => {
                return self.close(CloseReason::TerminateTimeout, actions);
            }
            State::Open | State::Terminating { .. } => {}
        }
        while let Some(expired) = self.link.window.expire(now_ms) {
            actions.up.push(Up::DeliverOutcome {
                token: expired.token,
                outcome: DeliverOutcome::Uncertain(Uncertain::TimedOut),
            });
        }
        if self.link.tick(now_ms, &mut actions.send).is_err() {
            self.close(CloseReason::PeerSilent, actions);
        }
    }

    fn terminate(&mut self, now_ms: u64, actions: &mut Actions<Up>) {
        match self.state {
            State::Open => {
                let sequence = self.link.take_sequence();
                let _ = self.link.write(sequence, &Pdu::Terminate, &mut actions.send);
                let deadline_ms = now_ms.saturating_add(self.link.limits.terminate_timeout_ms);
                self.state = State::Terminating { deadline_ms };
            }
            State::Terminating { .. } | State::Closed => {}
            State::New | State::AwaitingLogin { .. } | State::Deciding { .. } => {
                self.close(CloseReason::Terminated, actions);
            }
        }
    }

    fn odd(&mut self, oddity: Oddity, now_ms: u64, actions: &mut Actions<Up>) {
        actions.up.push(Up::Oddity(oddity));
        if !self.link.tolerate(now_ms) {
            self.close(CloseReason::TooManyOddities, actions);
        }
    }

    fn close(&mut self, reason: CloseReason, actions: &mut Actions<Up>) {
        if self.state == State::Closed {
            return;
        }
        self.state = State::Closed;
        actions.close = Some(reason);
        for lost in self.link.window.drain() {
            actions.up.push(Up::DeliverOutcome {
                token: lost.token,
                outcome: DeliverOutcome::Uncertain(Uncertain::ConnectionLost),
            });
        }
    }
}
