//! What the peer sends.

use bytes::{Bytes, BytesMut};

use super::super::dialect::{ANSWER_BIT, Dialect, Kind, Refusal};
use super::super::peer::{Admitted, Asked};
use super::super::window::Answered;
use super::super::{Actions, CloseReason, Oddity, Outcome, Uncertain, Up};
use super::{Session, State};
use crate::frame::next_frame;

impl<D: Dialect> Session<D> {
    pub(super) fn receive(&mut self, buffer: &mut BytesMut, now_ms: u64, actions: &mut Actions<Up<D>>) {
        // While the account is looked up, the layout of what follows is not settled yet: leave it unread.
        while !matches!(self.state, State::New | State::Deciding { .. } | State::Closed) {
            match next_frame(buffer, self.dialect.frame_limits()) {
                Ok(Some(frame)) => self.frame(&frame, now_ms, actions),
                Ok(None) => break,
                Err(error) => self.close(CloseReason::Framing(error), actions),
            }
        }
    }

    fn frame(&mut self, frame: &Bytes, now_ms: u64, actions: &mut Actions<Up<D>>) {
        self.keep_alive.heard(now_ms);
        match self.dialect.decode(frame) {
            Ok((sequence, pdu)) => self.pdu(sequence, pdu, now_ms, actions),
            Err(malformed) => self.malformed(malformed, frame, now_ms, actions),
        }
    }

    fn malformed(
        &mut self,
        malformed: D::Malformed,
        frame: &Bytes,
        now_ms: u64,
        actions: &mut Actions<Up<D>>,
    ) {
        let answered = D::malformed_answer(&malformed);
        if let Some((sequence, token)) =
            answered.and_then(|sequence| self.window.give_up(sequence).map(|token| (sequence, token)))
        {
            actions.up.push(Up::Outcome {
                token,
                sequence: Some(sequence),
                outcome: Outcome::Uncertain(Uncertain::Unreadable),
                late: false,
            });
        }
        let listens = matches!(
            self.state,
            State::AwaitingLogin { .. } | State::Open | State::Draining { .. }
        );
        if listens && let Some((sequence, answer)) = self.dialect.refuse_malformed(&malformed, frame) {
            self.write(sequence, &answer, actions);
        }
        let is_login_answer =
            matches!(self.state, State::LoggingIn { sequence, .. } if answered == Some(sequence));
        self.odd(Oddity::Undecodable(malformed), now_ms, actions);
        if is_login_answer {
            self.close(CloseReason::LoginUnreadable, actions);
        }
        self.end_when_quiet(now_ms, actions);
    }

    fn pdu(&mut self, sequence: D::Sequence, pdu: D::Pdu, now_ms: u64, actions: &mut Actions<Up<D>>) {
        let kind = self.dialect.kind(&pdu);
        match (self.state, kind) {
            (State::LoggingIn { .. }, Kind::LoginAnswer) => self.login_answered(&pdu, now_ms, actions),
            (State::LoggingIn { sequence: login, .. }, Kind::Answer) if login == sequence => {
                self.login_answered(&pdu, now_ms, actions);
            }
            (State::AwaitingLogin { deadline_ms }, Kind::Login) => {
                self.login_requested(sequence, pdu, deadline_ms, now_ms, actions);
            }
            (State::New | State::LoggingIn { .. } | State::AwaitingLogin { .. }, _) => {
                self.before_login(sequence, &pdu, now_ms, actions);
            }
            (_, Kind::Answer) => self.answered(sequence, pdu, now_ms, actions),
            (State::Open | State::Draining { .. }, Kind::Request) => {
                self.requested(sequence, pdu, now_ms, actions);
            }
            (State::Open | State::Draining { .. }, Kind::OneWay) => actions.up.push(Up::OneWay(pdu)),
            (_, Kind::KeepAlive) => {
                if let Some(answer) = self.dialect.keep_alive_answer() {
                    self.write(sequence, &answer, actions);
                }
            }
            // Its arrival was noted already, as that of any PDU.
            (_, Kind::KeepAliveAnswer) => {}
            (_, Kind::End) => {
                self.write(sequence, &self.dialect.end_answer(), actions);
                self.close(CloseReason::PeerTerminated, actions);
            }
            (State::Ending { reason, .. }, Kind::EndAnswer) => self.close(reason, actions),
            // Unanswered, the peer sends it again on another connection; a refusal might be the end of it.
            (State::Ending { .. }, Kind::Request) => self.unexpected(D::command(&pdu), now_ms, actions),
            (_, Kind::Unknown) => {
                self.refuse(sequence, &pdu, Refusal::Unknown, actions);
                let command = D::command(&pdu);
                self.odd(Oddity::UnknownCommand { command }, now_ms, actions);
            }
            _ => {
                self.refuse(sequence, &pdu, Refusal::NotAllowed, actions);
                self.unexpected(D::command(&pdu), now_ms, actions);
            }
        }
    }

    fn requested(&mut self, sequence: D::Sequence, pdu: D::Pdu, now_ms: u64, actions: &mut Actions<Up<D>>) {
        let command = D::command(&pdu);
        let asked = Asked {
            sequence,
            identity: D::identity(&pdu),
            command,
        };
        match self.inbound.admit(asked) {
            Admitted::Yes => actions.up.push(Up::Request { sequence, pdu }),
            Admitted::Repeated => self.odd(Oddity::RepeatedRequest { command, sequence }, now_ms, actions),
            Admitted::TooMany => {
                self.refuse(sequence, &pdu, Refusal::Throttled, actions);
                self.odd(Oddity::Overrun { command }, now_ms, actions);
            }
        }
    }

    fn answered(&mut self, sequence: D::Sequence, pdu: D::Pdu, now_ms: u64, actions: &mut Actions<Up<D>>) {
        let (token, late) = match self.window.answer(sequence, |command| D::answers(command, &pdu)) {
            Answered::InTime { token } => (token, false),
            Answered::Late { token } => (token, true),
            Answered::Echo => return,
            Answered::Unknown => {
                let command = D::command(&pdu);
                return self.odd(Oddity::UnmatchedResponse { command, sequence }, now_ms, actions);
            }
        };
        actions.up.push(Up::Outcome {
            token,
            sequence: Some(sequence),
            outcome: Outcome::Answered(pdu),
            late,
        });
        self.end_when_quiet(now_ms, actions);
    }

    pub(super) fn refuse(
        &self,
        sequence: D::Sequence,
        to: &D::Pdu,
        why: Refusal,
        actions: &mut Actions<Up<D>>,
    ) {
        // An answer has no answer: two machines would talk for ever.
        if D::command(to) & ANSWER_BIT == 0
            && let Some(answer) = self.dialect.refuse(to, why)
        {
            self.write(sequence, &answer, actions);
        }
    }

    pub(super) fn unexpected(&mut self, command: u32, now_ms: u64, actions: &mut Actions<Up<D>>) {
        self.odd(Oddity::Unexpected { command }, now_ms, actions);
    }

    fn odd(&mut self, oddity: Oddity<D::Sequence, D::Malformed>, now_ms: u64, actions: &mut Actions<Up<D>>) {
        actions.up.push(Up::Oddity(oddity));
        if !self.patience.tolerate(now_ms) {
            self.close(CloseReason::TooManyOddities, actions);
        }
    }
}
