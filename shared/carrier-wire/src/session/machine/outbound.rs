//! What the application sends.

use bytes::{Bytes, BytesMut};

use super::super::dialect::Dialect;
use super::super::event::Repeat;
use super::super::window::Again;
use super::super::{Actions, NotSent, Outcome, Up};
use super::{Session, State};

impl<D: Dialect> Session<D> {
    pub(super) fn request(
        &mut self,
        token: u64,
        sequence: Option<D::Sequence>,
        pdu: &D::Pdu,
        repeat: Repeat,
        now_ms: u64,
        actions: &mut Actions<Up<D>>,
    ) {
        if let Err(why) = self.try_request(token, sequence, pdu, repeat, now_ms, &mut actions.send) {
            actions.up.push(Up::Outcome {
                token,
                sequence: None,
                outcome: Outcome::NotSent(why),
                late: false,
            });
        }
    }

    fn try_request(
        &mut self,
        token: u64,
        sequence: Option<D::Sequence>,
        pdu: &D::Pdu,
        repeat: Repeat,
        now_ms: u64,
        out: &mut BytesMut,
    ) -> Result<(), NotSent<D::Unwritable>> {
        if !self.is_open() {
            return Err(NotSent::NotOpen);
        }
        if self.window.free() == 0 {
            return Err(NotSent::WindowFull);
        }
        let sequence = sequence.unwrap_or_else(|| self.dialect.next_sequence(now_ms));
        let begin = out.len();
        self.dialect.encode(sequence, pdu, out).map_err(NotSent::Encode)?;
        let again = match repeat {
            Repeat::Never => None,
            Repeat::OnSilence => Some(Again {
                octets: Bytes::copy_from_slice(out.get(begin..).unwrap_or_default()),
                left: self.limits.attempts.saturating_sub(1),
            }),
        };
        self.window.push(sequence, token, D::command(pdu), again, now_ms);
        self.spoke_ms = now_ms;
        Ok(())
    }

    pub(super) fn answer(
        &mut self,
        sequence: D::Sequence,
        pdu: &D::Pdu,
        now_ms: u64,
        actions: &mut Actions<Up<D>>,
    ) {
        if !matches!(self.state, State::Open | State::Draining { .. }) {
            return;
        }
        let identity = D::identity(pdu);
        let open = self.inbound.find(|asked| {
            asked.sequence == sequence && asked.identity == identity && D::answers(asked.command, pdu)
        });
        // An answer to nothing open comes from an application that answers twice.
        let Some(open) = open else { return };
        match self.dialect.encode(sequence, pdu, &mut actions.send) {
            Ok(()) => {
                self.inbound.settle(open);
                self.spoke_ms = now_ms;
                self.end_when_quiet(now_ms, actions);
            }
            Err(why) => actions.up.push(Up::AnswerNotSent { sequence, why }),
        }
    }
}
