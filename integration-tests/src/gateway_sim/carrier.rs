//! What the neutral parts of the gateway must know of the protocol that it speaks.

use std::fmt;
use std::ops::Range;

use anyhow::{Context as _, Result};
use hongyan_carrier_wire::text::{Coding, Values};
use time::{OffsetDateTime, UtcOffset};

use super::faults::{Damage, Faults, Meaning};
use super::message::MessageId;
use super::uplink::UplinkCoding;

/// Codes, ids and layouts of one protocol.
pub(super) trait Carrier: fmt::Debug + Send + Sync {
    /// Its name.
    fn name(&self) -> &'static str;

    /// The result that means this in the answer to a submit.
    fn code(&self, meaning: Meaning) -> u32;

    /// The status that refuses a login.
    fn login_refusal(&self, why: LoginRefusal) -> u32;

    /// An id for a message or a PDU of the gateway's own; `number` counts all ids ever given.
    fn fresh_id(&self, now: OffsetDateTime, number: u64, binary: bool) -> MessageId;

    /// Whether the second recipient of a message has the next id (CMPP), or the same one.
    fn numbers_recipients(&self) -> bool {
        false
    }

    /// The id as the answer to a submit shows it.
    fn show(&self, id: MessageId) -> String;

    /// Whether a PDU that is delivered can be broken in this way.
    fn knows(&self, damage: Damage) -> bool;

    /// Where the length of the content stands in a PDU that delivers something.
    fn content_length(&self, frame: &[u8]) -> Option<Range<usize>>;

    /// Where it says that the content begins with a header.
    fn udhi(&self, frame: &[u8]) -> Option<usize>;

    /// Where the authenticator stands in the answer to a login.
    fn authenticator(&self, frame: &[u8]) -> Option<Range<usize>> {
        let _ = frame;
        None
    }

    /// Octets of a PDU's header.
    fn header_len(&self) -> usize {
        12
    }

    /// Where in it the sequence number ends.
    fn sequence_end(&self) -> usize {
        self.header_len()
    }

    /// Its numbers for codings.
    fn values(&self) -> Values;

    /// How an uplink in this coding is written, and the octet that says so.
    fn uplink_coding(&self, coding: UplinkCoding) -> Result<(Coding, u8)> {
        let coding = coding.coding();
        let value = self.values().value(coding);
        Ok((
            coding,
            value.with_context(|| format!("{} has no such coding", self.name()))?,
        ))
    }

    /// Refuses faults that the protocol has no place for.
    fn check(&self, faults: &Faults) -> Result<()> {
        for rule in &faults.rules {
            let damages = rule
                .then
                .receipt
                .iter()
                .filter_map(|receipt| receipt.damage.as_ref());
            for damage in damages.flatten() {
                self.check_damage(*damage)?;
            }
        }
        anyhow::ensure!(
            faults
                .connections
                .iter()
                .all(|rule| rule.then.wrong_authenticator != Some(true))
                || self.proves_itself(),
            "wrong_authenticator: the answer to a login of {} has none",
            self.name()
        );
        Ok(())
    }

    /// Refuses a damage that the protocol has no place for.
    fn check_damage(&self, damage: Damage) -> Result<()> {
        anyhow::ensure!(
            self.knows(damage),
            "damage: {damage:?} is nothing that a PDU of {} could have",
            self.name()
        );
        Ok(())
    }

    /// Whether it reports about phones by themselves.
    fn reports_phones(&self) -> bool {
        false
    }

    /// Whether the answer to a login proves that the gateway knows the secret.
    fn proves_itself(&self) -> bool {
        false
    }
}

/// Why a login is refused, whatever it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoginRefusal {
    /// There is no such account.
    UnknownAccount,
    /// It has as many logins as it may.
    TooMany,
}

/// The same moment on China's clock.
pub(super) fn china(now: OffsetDateTime) -> OffsetDateTime {
    now.to_offset(UtcOffset::from_hms(8, 0, 0).unwrap_or(UtcOffset::UTC))
}

/// YYMMDDHHMM of China's clock.
pub(super) fn report_time(at: OffsetDateTime) -> String {
    let at = china(at);
    format!(
        "{:02}{:02}{:02}{:02}{:02}",
        at.year().rem_euclid(100),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_chinas_clock() {
        let at = OffsetDateTime::from_unix_timestamp(1_767_858_948).unwrap();
        assert_eq!(report_time(at), "2601081555");
    }
}
