//! The client's state machine.

use bytes::{Bytes, BytesMut};

use super::super::super::auth::{self, Timestamp};
use super::super::super::codec::{decode, encode, encode_submit};
use super::super::super::pdu::{ConnectResp, Deliver, DeliverResp, Submit, SubmitResp};
use super::super::super::{Command, MsgId, Packet, Pdu, RESULT_THROTTLED, Version};
use super::super::link::{Admitted, Link, leading_msg_id, unmatched};
use super::super::window::Answered;
use super::super::{Actions, CloseReason, NotSent, Oddity, SettingsError, Uncertain};
use super::{ClientSettings, Event, IsmgCheck, SubmitOutcome, Up};
use crate::frame::next_frame;

/// Status of a `CONNECT_RESP` that says the version is too high.
const STATUS_VERSION_TOO_HIGH: u32 = 4;

/// Result of a `DELIVER_RESP` to a `DELIVER` that cannot be read.
const RESULT_STRUCTURE: u32 = 1;

/// One connection's session, from login to end. Not reused: a new connection gets a new one.
#[derive(Debug)]
pub struct ClientSession {
    settings: ClientSettings,
    state: State,
    link: Link,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not connected yet.
    New,
    /// `CONNECT` is on its way.
    LoggingIn {
        authenticator_source: [u8; 16],
        deadline_ms: u64,
    },
    /// Logged in.
    Open,
    /// Ending: waits for open answers.
    Draining { deadline_ms: u64 },
    /// `TERMINATE` is on its way.
    Terminating { deadline_ms: u64 },
    /// Over.
    Closed,
}

impl ClientSession {
    /// A session that waits for [`Event::Connected`].
    ///
    /// # Errors
    ///
    /// [`SettingsError`] when a limit makes no sense.
    pub fn new(settings: ClientSettings) -> Result<Self, SettingsError> {
        settings.limits.check()?;
        let link = Link::new(settings.limits, settings.version, settings.first_sequence);
        Ok(Self {
            settings,
            state: State::New,
            link,
        })
    }

    /// How many messages can be sent now; 0 unless the session is open.
    pub fn free_slots(&self) -> usize {
        if self.state == State::Open {
            self.link.window.free()
        } else {
            0
        }
    }

    /// True between login and the begin of the end.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// The layout in use; that asked for until the login is through.
    pub const fn version(&self) -> Version {
        self.link.version
    }

    /// Takes an event and adds what follows from it to `actions`.
    pub fn on(&mut self, event: Event<'_>, now_ms: u64, actions: &mut Actions<Up>) {
        match event {
            Event::Connected { timestamp } => self.login(timestamp, now_ms, actions),
            Event::Received(buffer) => self.receive(buffer, now_ms, actions),
            Event::Submit { token, submit } => self.submit(token, submit, now_ms, actions),
            Event::DeliverAnswered {
                sequence,
                msg_id,
                result,
            } => {
                self.answer_deliver(sequence, msg_id, result, now_ms, actions);
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
            State::LoggingIn { deadline_ms, .. } => return Some(deadline_ms),
            State::Open => None,
            State::Draining { deadline_ms } | State::Terminating { deadline_ms } => Some(deadline_ms),
        };
        let keep_alive = Some(self.link.keep_alive.deadline_ms(&self.link.limits));
        [of_state, keep_alive, self.link.window.deadline_ms()]
            .into_iter()
            .flatten()
            .min()
    }

    fn login(&mut self, timestamp: Timestamp, now_ms: u64, actions: &mut Actions<Up>) {
        if self.state != State::New {
            return;
        }
        let ClientSettings {
            source_addr,
            secret,
            version,
            limits,
            ..
        } = &self.settings;
        let connect = auth::connect(*source_addr, secret, *version, timestamp);
        self.state = State::LoggingIn {
            authenticator_source: connect.authenticator_source,
            deadline_ms: now_ms.saturating_add(limits.login_timeout_ms),
        };
        let sequence = self.link.take_sequence();
        // A PDU of fixed length: there is nothing in it that encoding could refuse.
        let _ = self
            .link
            .write(sequence, &Pdu::Connect(connect), &mut actions.send);
    }

    fn receive(&mut self, buffer: &mut BytesMut, now_ms: u64, actions: &mut Actions<Up>) {
        while self.state != State::Closed {
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
                if error.command == Command::Deliver.id() && self.takes_delivers() {
                    // Unanswered, the gateway would send it again for ever.
                    let resp = DeliverResp {
                        msg_id: leading_msg_id(frame),
                        result: RESULT_STRUCTURE,
                    };
                    let _ = self
                        .link
                        .write(error.sequence, &Pdu::DeliverResp(resp), &mut actions.send);
                }
                self.odd(Oddity::Undecodable(error), now_ms, actions);
            }
        }
    }

    const fn takes_delivers(&self) -> bool {
        matches!(self.state, State::Open | State::Draining { .. })
    }

    fn packet(&mut self, packet: Packet, now_ms: u64, actions: &mut Actions<Up>) {
        let Packet { sequence, pdu } = packet;
        match (self.state, pdu) {
            (
                State::LoggingIn {
                    authenticator_source, ..
                },
                Pdu::ConnectResp(resp),
            ) => {
                self.logged_in(&resp, &authenticator_source, now_ms, actions);
            }
            (State::LoggingIn { .. } | State::New, pdu) => {
                self.odd(
                    Oddity::Unexpected {
                        command: pdu.command_id(),
                    },
                    now_ms,
                    actions,
                );
            }
            (_, Pdu::SubmitResp(resp)) => self.submit_resp(sequence, resp, now_ms, actions),
            (State::Open | State::Draining { .. }, Pdu::Deliver(deliver)) => {
                self.deliver(sequence, Box::new(deliver), now_ms, actions);
            }
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

    fn logged_in(&mut self, resp: &ConnectResp, source: &[u8; 16], now_ms: u64, actions: &mut Actions<Up>) {
        match resp.status {
            0 => {}
            STATUS_VERSION_TOO_HIGH => {
                let retry_with = self.settings.version.lower();
                return self.close(CloseReason::VersionRefused { retry_with }, actions);
            }
            status => return self.close(CloseReason::LoginRefused { status }, actions),
        }
        let proved = auth::verify_connect_resp(resp, source, &self.settings.secret);
        let missing = resp.authenticator_ismg == [0; 16];
        let tolerated = missing && self.settings.ismg_check == IsmgCheck::TolerateMissing;
        if !proved && !tolerated {
            return self.close(CloseReason::WrongAuthenticator, actions);
        }
        self.link.version = agreed_version(self.settings.version, resp);
        self.state = State::Open;
        actions.up.push(Up::LoggedIn {
            version: self.link.version,
            server_version: resp.version,
            gateway_proved: proved,
        });
        self.link.keep_alive.heard(now_ms);
    }

    fn submit(&mut self, token: u64, submit: &Submit, now_ms: u64, actions: &mut Actions<Up>) {
        match self.try_submit(token, submit, now_ms, &mut actions.send) {
            Ok(()) => {}
            Err(why) => actions.up.push(Up::SubmitOutcome {
                token,
                sequence: None,
                outcome: SubmitOutcome::NotSent(why),
                late: false,
            }),
        }
    }

    fn try_submit(
        &mut self,
        token: u64,
        submit: &Submit,
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
        encode_submit(self.link.version, sequence, submit, out)?;
        self.link.window.push(sequence, token, now_ms);
        Ok(())
    }

    fn submit_resp(&mut self, sequence: u32, resp: SubmitResp, now_ms: u64, actions: &mut Actions<Up>) {
        let (token, late) = match self.link.window.answer(sequence) {
            Answered::InTime { token } => (token, false),
            Answered::Late { token } => (token, true),
            Answered::Unknown => {
                return self.odd(unmatched(&Pdu::SubmitResp(resp), sequence), now_ms, actions);
            }
        };
        let outcome = match resp.result {
            0 => SubmitOutcome::Accepted { msg_id: resp.msg_id },
            result => SubmitOutcome::Refused { result },
        };
        actions.up.push(Up::SubmitOutcome {
            token,
            sequence: Some(sequence),
            outcome,
            late,
        });
        self.end_when_quiet(now_ms, actions);
    }

    fn deliver(&mut self, sequence: u32, deliver: Box<Deliver>, now_ms: u64, actions: &mut Actions<Up>) {
        let command = Command::Deliver.id();
        match self.link.admit(sequence, deliver.msg_id) {
            Admitted::Yes => actions.up.push(Up::Deliver { sequence, deliver }),
            Admitted::Repeated => self.odd(Oddity::RepeatedRequest { command, sequence }, now_ms, actions),
            Admitted::TooMany => {
                let resp = DeliverResp {
                    msg_id: deliver.msg_id,
                    result: RESULT_THROTTLED,
                };
                let _ = self
                    .link
                    .write(sequence, &Pdu::DeliverResp(resp), &mut actions.send);
                self.odd(Oddity::Overrun { command }, now_ms, actions);
            }
        }
    }

    fn answer_deliver(
        &mut self,
        sequence: u32,
        msg_id: MsgId,
        result: u32,
        now_ms: u64,
        actions: &mut Actions<Up>,
    ) {
        // An answer to nothing open comes from an application that answers twice, or after the end.
        if self.takes_delivers() && self.link.settle(|open, id| open == sequence && id == msg_id) {
            let resp = DeliverResp {
                msg_id,
                result: self.link.result(result),
            };
            let _ = encode(
                self.link.version,
                sequence,
                &Pdu::DeliverResp(resp),
                &mut actions.send,
            );
            self.end_when_quiet(now_ms, actions);
        }
    }

    fn tick(&mut self, now_ms: u64, actions: &mut Actions<Up>) {
        match self.state {
            State::New | State::Closed => return,
            State::LoggingIn { deadline_ms, .. } => {
                if deadline_ms <= now_ms {
                    self.close(CloseReason::LoginTimeout, actions);
                }
                return;
            }
            State::Draining { deadline_ms } if deadline_ms <= now_ms => self.say_goodbye(now_ms, actions),
            State::Terminating { deadline_ms } if deadline_ms <= now_ms => {
                return self.close(CloseReason::TerminateTimeout, actions);
            }
            State::Open | State::Draining { .. } | State::Terminating { .. } => {}
        }
        while let Some(expired) = self.link.window.expire(now_ms) {
            actions.up.push(Up::SubmitOutcome {
                token: expired.token,
                sequence: Some(expired.sequence),
                outcome: SubmitOutcome::Uncertain(Uncertain::TimedOut),
                late: false,
            });
        }
        if self.link.tick(now_ms, &mut actions.send).is_err() {
            return self.close(CloseReason::PeerSilent, actions);
        }
        self.end_when_quiet(now_ms, actions);
    }

    fn terminate(&mut self, now_ms: u64, actions: &mut Actions<Up>) {
        match self.state {
            State::Open => {
                let deadline_ms = now_ms.saturating_add(self.link.limits.drain_timeout_ms);
                self.state = State::Draining { deadline_ms };
                self.end_when_quiet(now_ms, actions);
            }
            State::New | State::LoggingIn { .. } => self.close(CloseReason::Terminated, actions),
            State::Draining { .. } | State::Terminating { .. } | State::Closed => {}
        }
    }

    fn end_when_quiet(&mut self, now_ms: u64, actions: &mut Actions<Up>) {
        if matches!(self.state, State::Draining { .. }) && self.link.is_quiet() {
            self.say_goodbye(now_ms, actions);
        }
    }

    fn say_goodbye(&mut self, now_ms: u64, actions: &mut Actions<Up>) {
        let sequence = self.link.take_sequence();
        let _ = self.link.write(sequence, &Pdu::Terminate, &mut actions.send);
        let deadline_ms = now_ms.saturating_add(self.link.limits.terminate_timeout_ms);
        self.state = State::Terminating { deadline_ms };
    }

    fn odd(&mut self, oddity: Oddity, now_ms: u64, actions: &mut Actions<Up>) {
        actions.up.push(Up::Oddity(oddity));
        if !self.link.tolerate(now_ms) {
            self.close(CloseReason::TooManyOddities, actions);
        }
    }

    /// Ends the session and says of every open message that its fate is not known.
    fn close(&mut self, reason: CloseReason, actions: &mut Actions<Up>) {
        if self.state == State::Closed {
            return;
        }
        self.state = State::Closed;
        actions.close = Some(reason);
        for lost in self.link.window.drain() {
            actions.up.push(Up::SubmitOutcome {
                token: lost.token,
                sequence: Some(lost.sequence),
                outcome: SubmitOutcome::Uncertain(Uncertain::ConnectionLost),
                late: false,
            });
        }
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
