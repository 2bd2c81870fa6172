//! From the connection to the login.

use super::super::dialect::{Dialect, Opening, Refusal};
use super::super::{Actions, CloseReason, Up};
use super::{Session, State};

impl<D: Dialect> Session<D> {
    pub(super) fn connected(&mut self, unix_ms: u64, now_ms: u64, actions: &mut Actions<Up<D>>) {
        if self.state != State::New {
            return;
        }
        let deadline_ms = now_ms.saturating_add(self.limits.login_timeout_ms);
        self.state = match self.dialect.begin(unix_ms, now_ms) {
            Opening::Say(login) => {
                self.initiates = true;
                let sequence = self.dialect.next_sequence(now_ms);
                self.write(sequence, &login, actions);
                State::LoggingIn {
                    sequence,
                    deadline_ms,
                }
            }
            Opening::Await => State::AwaitingLogin { deadline_ms },
        };
    }

    /// Initiator: the peer has answered the login.
    pub(super) fn login_answered(&mut self, answer: &D::Pdu, now_ms: u64, actions: &mut Actions<Up<D>>) {
        match self.dialect.login_answered(answer) {
            Ok(opened) => self.open(opened, now_ms, actions),
            Err(reason) => self.close(reason, actions),
        }
    }

    /// Acceptor: the peer wants to log in.
    pub(super) fn login_requested(
        &mut self,
        sequence: D::Sequence,
        login: D::Pdu,
        deadline_ms: u64,
        now_ms: u64,
        actions: &mut Actions<Up<D>>,
    ) {
        let command = D::command(&login);
        if let Some(login) = self.dialect.login_requested(login) {
            self.state = State::Deciding {
                sequence,
                deadline_ms,
            };
            actions.up.push(Up::LoginRequested(login));
        } else {
            self.unexpected(command, now_ms, actions);
        }
    }

    /// Acceptor: the application has decided.
    pub(super) fn login_decided(&mut self, verdict: D::Verdict, now_ms: u64, actions: &mut Actions<Up<D>>) {
        let State::Deciding { sequence, .. } = self.state else {
            return;
        };
        let (answer, result) = self.dialect.answer_login(verdict);
        self.write(sequence, &answer, actions);
        match result {
            Ok(opened) => self.open(opened, now_ms, actions),
            Err(reason) => self.close(reason, actions),
        }
    }

    fn open(&mut self, opened: D::Opened, now_ms: u64, actions: &mut Actions<Up<D>>) {
        self.state = State::Open;
        self.keep_alive.heard(now_ms);
        self.spoke_ms = now_ms;
        actions.up.push(Up::Opened(opened));
    }

    /// What came before the login and is none.
    pub(super) fn before_login(
        &mut self,
        sequence: D::Sequence,
        pdu: &D::Pdu,
        now_ms: u64,
        actions: &mut Actions<Up<D>>,
    ) {
        self.refuse(sequence, pdu, Refusal::NotAllowed, actions);
        self.unexpected(D::command(pdu), now_ms, actions);
    }

    pub(super) fn login_timed_out(&mut self, actions: &mut Actions<Up<D>>) {
        self.close(CloseReason::LoginTimeout, actions);
    }
}
