//! Receipts and uplinks on their way out.

use std::sync::Arc;

use hongyan_carrier_wire::session::{Dialect, Event, NotSent, Outcome, Repeat, Uncertain};
use time::OffsetDateTime;

use super::super::damage;
use super::super::hub::lock;
use super::super::outbox::Outgoing;
use super::super::protocol::{PduOf, Protocol};
use super::Connection;

impl<P: Protocol> Connection<P> {
    /// Whether something can be delivered by this connection now.
    pub(super) fn can_deliver(&self) -> bool {
        self.opened.as_ref().is_some_and(|opened| opened.delivers) && self.session.free_slots() > 0
    }

    pub(super) fn deliver_due(&mut self) {
        let Some(slot) = &self.login else { return };
        let account = Arc::clone(&slot.account);
        let now_ms = self.hub.now_ms();
        while self.closing.is_none() && self.can_deliver() {
            let Some(outgoing) = lock(&account.outbox).pop_due(now_ms) else {
                break;
            };
            self.deliver(outgoing);
        }
    }

    pub(super) fn deliver(&mut self, outgoing: Outgoing) {
        let kind = outgoing.kind();
        let made = self
            .protocol
            .deliver(self.session.dialect(), &outgoing, OffsetDateTime::now_utc());
        let Some((sequence, pdu)) = made else {
            self.hub.count(kind, |count| count.given_up += 1);
            return;
        };
        let token = self.take_token();
        let damages = outgoing.damage.clone();
        self.in_flight.insert(token, outgoing);
        self.hub.count(kind, |count| count.sent += 1);
        let from = self.actions.send.len();
        self.on(Event::Request {
            token,
            sequence,
            pdu: &pdu,
            // The outbox sees to repetitions, by whichever connection there is then.
            repeat: Repeat::Never,
        });
        if !damages.is_empty() {
            let whole = self.actions.send.split_off(from);
            let spoilt = damage::deliver(whole, &damages, self.hub.carrier.as_ref());
            self.actions.send.unsplit(spoilt);
        }
    }

    pub(super) fn delivered(
        &mut self,
        outgoing: Outgoing,
        outcome: &Outcome<PduOf<P>, <P::Dialect as Dialect>::Unwritable>,
    ) {
        let kind = outgoing.kind();
        let Some(slot) = &self.login else { return };
        let again = match outcome {
            Outcome::Answered(answer) if self.protocol.taken(answer) == 0 => {
                self.hub.count(kind, |count| count.taken += 1);
                None
            }
            Outcome::Answered(_) => {
                self.hub.count(kind, |count| count.refused += 1);
                Some(true)
            }
            Outcome::Uncertain(why) => {
                self.hub.count(kind, |count| count.unanswered += 1);
                Some(*why != Uncertain::ConnectionLost)
            }
            Outcome::NotSent(why) => {
                self.hub.count(kind, |count| count.sent -= 1);
                // What does not fit the version never will, and must not be tried for ever.
                Some(matches!(why, NotSent::Encode(_)))
            }
        };
        if let Some(failed) = again {
            self.hub.put_back(&slot.account, outgoing, failed);
        }
    }
}
