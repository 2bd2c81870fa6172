//! Who comes in.

use std::sync::Arc;

use hongyan_carrier_wire::session::Event;

use super::super::account::LoginSlot;
use super::super::carrier::LoginRefusal;
use super::super::faults::CloseAt;
use super::super::hub::lock;
use super::super::protocol::{LoginOf, OpenedOf, Protocol};
use super::Connection;

impl<P: Protocol> Connection<P> {
    pub(super) fn decide_login(&mut self, login: &LoginOf<P>) {
        if self.effects.close == Some(CloseAt::Login) {
            self.closing = Some("closed when the login came".to_owned());
            return;
        }
        let account = self.hub.account(&self.protocol.account_name(login));
        let index = account.as_ref().map(|account| account.index);
        let refuse_with = lock(&self.hub.faults).current().refuse_logins_with;
        let slot = account.and_then(|account| LoginSlot::reserve(&self.hub, account));
        let over_limit = index.is_some() && slot.is_none();
        let verdict = match (self.effects.refuse_with.or(refuse_with), &slot) {
            (Some(status), _) => self.protocol.turn_away(status),
            (None, Some(slot)) => self.protocol.admit(&slot.account.account),
            (None, None) => {
                let why = if over_limit {
                    LoginRefusal::TooMany
                } else {
                    LoginRefusal::UnknownAccount
                };
                self.protocol.turn_away(self.hub.carrier.login_refusal(why))
            }
        };
        self.login = slot;
        let Some(verdict) = verdict else { return };
        let from = self.actions.send.len();
        self.on(Event::LoginAnswered(verdict));
        if self.session.is_open() {
            if self.effects.wrong_authenticator == Some(true) {
                self.spoil_authenticator(from);
            }
            if self.effects.close == Some(CloseAt::Opened) {
                self.closing = Some("closed behind the login".to_owned());
            }
        } else {
            self.login = None;
            lock(&self.hub.ledger).accounts.refused(index, over_limit);
            self.hub.event(self.id, || match (index, over_limit) {
                (None, _) => "login refused: no such account".to_owned(),
                (Some(_), true) => "login refused: too many of this account".to_owned(),
                (Some(_), false) => "login refused".to_owned(),
            });
        }
        // What came behind the login can be read now.
        self.read_on();
    }

    fn spoil_authenticator(&mut self, from: usize) {
        let carrier = Arc::clone(&self.hub.carrier);
        let Some(answer) = self.actions.send.get_mut(from..) else {
            return;
        };
        let place = carrier.authenticator(answer);
        if let Some(octets) = place.and_then(|place| answer.get_mut(place)) {
            for octet in octets {
                *octet = !*octet;
            }
        }
    }

    pub(super) fn logged_in(&mut self, opened: &OpenedOf<P>) {
        let opened = self.protocol.opened(opened);
        if let Some(slot) = &mut self.login {
            slot.count();
            self.news = Some(slot.account.listen());
            let account = slot.account.account.name.clone();
            let version = opened.version.clone();
            self.hub
                .event(self.id, || format!("logged in: account {account}, {version}"));
            lock(&self.hub.ledger).connection(self.id, |connection| {
                connection.account = Some(account);
                connection.version = Some(version);
            });
        }
        self.opened = Some(opened);
    }
}
