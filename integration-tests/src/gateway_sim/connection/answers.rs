//! Messages that are taken, and their answers: now, later, or not as they should be.

use std::cmp::Reverse;
use std::sync::Arc;

use bytes::BufMut as _;
use hongyan_carrier_wire::session::Event;

use super::super::damage;
use super::super::faults::{Answer, Cut};
use super::super::message::{MessageId, Submitted};
use super::super::protocol::{Asked, PduOf, Protocol, Request};
use super::super::take::By;
use super::{Connection, Number};

/// How long the answer waits for a receipt that is to come before it by another connection, in milliseconds.
const EARLY_LEAD_MS: u64 = 300;

#[derive(Debug, Clone, Copy)]
pub(super) struct PendingAnswer<P: Protocol> {
    sequence: Number<P>,
    key: P::Key,
    id: MessageId,
    result: u32,
    answer: Answer,
    cut: Option<Cut>,
}

impl<P: Protocol> Connection<P> {
    pub(super) fn request(&mut self, sequence: Number<P>, pdu: PduOf<P>) {
        let Some(slot) = &self.login else { return };
        let account = Arc::clone(&slot.account);
        let asked = self.protocol.asked(Request {
            hub: &self.hub,
            account: &account,
            sequence,
            pdu,
        });
        match asked {
            Asked::Submit { key, id, submitted } => self.submit(sequence, key, id, &submitted),
            Asked::Answer(answer) => self.on(Event::Answer {
                sequence,
                pdu: &answer,
            }),
        }
    }

    fn submit(&mut self, sequence: Number<P>, key: P::Key, id: Option<MessageId>, submitted: &Submitted) {
        let Some(slot) = &self.login else { return };
        let account = Arc::clone(&slot.account);
        let by = By {
            connection: self.id,
            account: &account,
        };
        let verdict = self.hub.take(by, id, submitted);
        let mut delay_ms = verdict.decision.delay_ms;
        if self.can_deliver() {
            for outgoing in verdict.early {
                self.deliver(outgoing);
            }
        } else {
            if !verdict.early.is_empty() {
                delay_ms = delay_ms.max(EARLY_LEAD_MS);
            }
            for outgoing in verdict.early {
                self.hub.queue(&account, self.hub.now_ms(), outgoing);
            }
            // Another connection delivers what is now waiting.
            account.tell();
        }
        let answer = PendingAnswer {
            sequence,
            key,
            id: if verdict.result == 0 {
                verdict.id
            } else {
                MessageId::default()
            },
            result: verdict.result,
            answer: verdict.decision.answer,
            cut: verdict.decision.cut,
        };
        if delay_ms == 0 {
            self.answer(&answer);
        } else {
            let token = self.take_token();
            let at_ms = self.hub.now_ms().saturating_add(delay_ms);
            self.delayed.push(Reverse((at_ms, token)));
            self.delayed_answers.insert(token, answer);
        }
    }

    fn answer(&mut self, pending: &PendingAnswer<P>) {
        if pending.cut == Some(Cut::BeforeAnswer) {
            self.closing = Some("dropped before the answer".to_owned());
            return;
        }
        match pending.answer {
            Answer::None | Answer::Lost => {}
            Answer::Garbage => self.actions.send.put_slice(&[0xff; 32]),
            form => {
                let pdu = self.protocol.answer(pending.key, pending.id, pending.result);
                let from = self.actions.send.len();
                self.on(Event::Answer {
                    sequence: pending.sequence,
                    pdu: &pdu,
                });
                let whole = self.actions.send.split_off(from);
                let spoilt = damage::answer(whole, form, self.hub.carrier.as_ref());
                self.actions.send.unsplit(spoilt);
                if form == Answer::Truncated {
                    self.closing = Some("dropped within the answer".to_owned());
                }
            }
        }
        if pending.cut == Some(Cut::AfterAnswer) {
            self.closing = Some("dropped after the answer".to_owned());
        }
    }

    pub(super) fn answer_delayed(&mut self) {
        let now_ms = self.hub.now_ms();
        while let Some(Reverse((at_ms, token))) = self.delayed.peek().copied() {
            if at_ms > now_ms || self.closing.is_some() {
                break;
            }
            self.delayed.pop();
            if let Some(answer) = self.delayed_answers.remove(&token) {
                self.answer(&answer);
            }
        }
    }
}
