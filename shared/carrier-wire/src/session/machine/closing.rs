//! Time, silence and ends.

use super::super::dialect::Dialect;
use super::super::keep_alive::Check;
use super::super::window::Expired;
use super::super::{Actions, CloseReason, Outcome, Uncertain, Up};
use super::{Session, State};

impl<D: Dialect> Session<D> {
    pub(super) fn tick(&mut self, now_ms: u64, actions: &mut Actions<Up<D>>) {
        match self.state {
            State::New | State::Closed => return,
            State::LoggingIn { deadline_ms, .. }
            | State::AwaitingLogin { deadline_ms }
            | State::Deciding { deadline_ms, .. } => {
                if deadline_ms <= now_ms {
                    self.login_timed_out(actions);
                }
                return;
            }
            State::Draining { deadline_ms } if deadline_ms <= now_ms => {
                self.say_goodbye(CloseReason::Terminated, now_ms, actions);
            }
            State::Ending { deadline_ms, .. } if deadline_ms <= now_ms => {
                return self.close(CloseReason::TerminateTimeout, actions);
            }
            State::Open | State::Draining { .. } | State::Ending { .. } => {}
        }
        self.expire(now_ms, actions);
        self.look_for_silence(now_ms, actions);
        self.end_when_quiet(now_ms, actions);
    }

    fn expire(&mut self, now_ms: u64, actions: &mut Actions<Up<D>>) {
        // Ends: what is sent again is due later, everything else leaves the window.
        while let Some(expired) = self.window.expire(now_ms) {
            match expired {
                Expired::SendAgain(octets) => {
                    actions.send.extend_from_slice(&octets);
                    self.spoke_ms = now_ms;
                }
                Expired::GivenUp { sequence, token } => actions.up.push(Up::Outcome {
                    token,
                    sequence: Some(sequence),
                    outcome: Outcome::Uncertain(Uncertain::TimedOut),
                    late: false,
                }),
            }
        }
    }

    /// When silence has lasted long enough to do something about it.
    pub(super) fn silence_deadline_ms(&self) -> Option<u64> {
        if self.asks {
            return Some(self.keep_alive.deadline_ms(&self.limits));
        }
        // Whatever is open has a deadline of its own, and activity when it is settled.
        let idle = matches!(self.state, State::Open) && self.is_quiet();
        let last_ms = self.keep_alive.heard_ms().max(self.spoke_ms);
        idle.then(|| last_ms.saturating_add(self.limits.idle_ms))
    }

    fn look_for_silence(&mut self, now_ms: u64, actions: &mut Actions<Up<D>>) {
        if self.asks {
            match self.keep_alive.check(now_ms, &self.limits) {
                Check::Fine => {}
                Check::Lost => self.close(CloseReason::PeerSilent, actions),
                Check::Ask => {
                    if let Some(question) = self.dialect.keep_alive() {
                        let sequence = self.dialect.next_sequence(now_ms);
                        self.write(sequence, &question, actions);
                    }
                }
            }
        } else if self.silence_deadline_ms().is_some_and(|due| due <= now_ms) {
            if self.initiates {
                self.say_goodbye(CloseReason::Idle, now_ms, actions);
            } else {
                self.close(CloseReason::Idle, actions);
            }
        }
    }

    pub(super) fn end(&mut self, now_ms: u64, actions: &mut Actions<Up<D>>) {
        match self.state {
            State::Open if self.limits.drain_timeout_ms == 0 => {
                self.say_goodbye(CloseReason::Terminated, now_ms, actions);
            }
            State::Open => {
                let deadline_ms = now_ms.saturating_add(self.limits.drain_timeout_ms);
                self.state = State::Draining { deadline_ms };
                self.end_when_quiet(now_ms, actions);
            }
            State::New | State::LoggingIn { .. } | State::AwaitingLogin { .. } | State::Deciding { .. } => {
                self.close(CloseReason::Terminated, actions);
            }
            State::Draining { .. } | State::Ending { .. } | State::Closed => {}
        }
    }

    pub(super) fn end_when_quiet(&mut self, now_ms: u64, actions: &mut Actions<Up<D>>) {
        if matches!(self.state, State::Draining { .. }) && self.is_quiet() {
            self.say_goodbye(CloseReason::Terminated, now_ms, actions);
        }
    }

    fn say_goodbye(&mut self, reason: CloseReason, now_ms: u64, actions: &mut Actions<Up<D>>) {
        let sequence = self.dialect.next_sequence(now_ms);
        self.write(sequence, &self.dialect.end(), actions);
        let deadline_ms = now_ms.saturating_add(self.limits.terminate_timeout_ms);
        self.state = State::Ending { deadline_ms, reason };
    }

    pub(super) fn disconnected(&mut self, actions: &mut Actions<Up<D>>) {
        let reason = match self.state {
            State::LoggingIn { .. } => CloseReason::LoginCutOff,
            _ => CloseReason::ConnectionLost,
        };
        self.close(reason, actions);
    }

    /// Ends the session and says of every open request that its fate is not known.
    pub(super) fn close(&mut self, reason: CloseReason, actions: &mut Actions<Up<D>>) {
        if self.state == State::Closed {
            return;
        }
        self.state = State::Closed;
        actions.close = Some(reason);
        for lost in self.window.drain() {
            actions.up.push(Up::Outcome {
                token: lost.token,
                sequence: Some(lost.sequence),
                outcome: Outcome::Uncertain(Uncertain::ConnectionLost),
                late: false,
            });
        }
    }
}
