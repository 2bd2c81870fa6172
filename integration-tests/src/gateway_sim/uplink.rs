//! Messages from phones, cut into parts, and sent as asked: out of order, twice, or with one missing.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use hongyan_carrier_wire::concat::{Reference, split};
use hongyan_carrier_wire::field::{FixedStr, TerminalId};
use hongyan_carrier_wire::text::Coding;
use serde::{Deserialize, Serialize};

use super::carrier::Carrier;
use super::faults::Damage;
use super::outbox::{UplinkPart, UserReport};

/// The most parts that are sent for one uplink, copies included.
const MAX_SENT: usize = 1_000;

/// A message from a phone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Uplink {
    /// The account it goes to; the first one unless given.
    #[serde(alias = "sp_id")]
    pub account: Option<String>,
    /// Who writes. Sent as it stands: "86" in front if wanted.
    pub from: String,
    /// The access number written to.
    pub to: String,
    /// The text.
    pub text: String,
    /// Its coding.
    pub coding: UplinkCoding,
    /// Parts to send, in this order, from 1: `[2, 1]` out of order, `[1, 1, 2]` one twice, `[2]` one missing. All of
    /// them in order unless given.
    pub send: Option<Vec<u8>>,
    /// Reference of the parts; one octet unless `wide`.
    pub reference: u16,
    /// Numbers the parts with a 16-bit reference.
    pub wide: bool,
    /// The service code.
    pub service_id: String,
    /// The `LinkID` (CMPP 3.0, SMGP).
    pub link_id: String,
    /// What is broken about its PDUs.
    pub damage: Vec<Damage>,
}

/// A report about a phone (SGIP's `USERRPT`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PhoneReport {
    /// The account it goes to; the first one unless given.
    pub account: Option<String>,
    /// The phone.
    pub number: String,
    /// The access number.
    pub to: String,
    /// 0 cancelled, 1 in arrears or stopped, 2 in service again.
    pub condition: u8,
}

/// The coding of an uplink.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UplinkCoding {
    /// UCS-2, 8 in all four protocols.
    #[default]
    Ucs2,
    /// GBK, 15 (not SMPP).
    Gbk,
    /// ASCII: 0, with SMPP 1.
    Ascii,
    /// Latin-1, 3 (SMPP).
    Latin1,
    /// GSM's 7-bit alphabet, unpacked, 0 (SMPP).
    Gsm7,
}

impl UplinkCoding {
    /// How its octets are made.
    pub(super) const fn coding(self) -> Coding {
        match self {
            Self::Ucs2 => Coding::Ucs2,
            Self::Gbk => Coding::Gbk,
            Self::Ascii => Coding::Ascii,
            Self::Latin1 => Coding::Latin1,
            Self::Gsm7 => Coding::Gsm7,
        }
    }
}

impl Uplink {
    /// What is delivered: one part each.
    pub(super) fn parts(&self, carrier: &dyn Carrier) -> Result<Vec<UplinkPart>> {
        let (coding, _) = carrier.uplink_coding(self.coding).context("coding")?;
        for damage in &self.damage {
            carrier.check_damage(*damage)?;
        }
        let [_, low] = self.reference.to_be_bytes();
        let reference = if self.wide {
            Reference::Bits16(self.reference)
        } else {
            Reference::Bits8(low)
        };
        let parts = split(&self.text, coding, reference, u8::MAX).context("text")?;
        ensure!(!self.from.is_empty(), "from: who writes?");
        let template = UplinkPart {
            to: FixedStr::new(&self.to).context("to")?,
            service: FixedStr::new(&self.service_id).context("service_id")?,
            coding: self.coding,
            from: TerminalId::new(&self.from).context("from")?,
            link_id: FixedStr::new(&self.link_id).context("link_id")?,
            ..UplinkPart::default()
        };
        let order: Vec<u8> = match &self.send {
            Some(order) => order.clone(),
            None => (1..=u8::MAX).take(parts.len()).collect(),
        };
        ensure!(order.len() <= MAX_SENT, "send: at most {MAX_SENT} parts");
        order
            .into_iter()
            .map(|number| {
                let part = usize::from(number)
                    .checked_sub(1)
                    .and_then(|index| parts.get(index));
                let part =
                    part.with_context(|| format!("send: there is no part {number} of {}", parts.len()))?;
                Ok(UplinkPart {
                    has_udh: part.concat.is_some(),
                    // The octets go to a queue: the parts must not share their memory with anything else.
                    content: Bytes::copy_from_slice(part.content.as_slice()),
                    ..template.clone()
                })
            })
            .collect()
    }
}

impl PhoneReport {
    /// What is delivered.
    pub(super) fn report(&self) -> Result<UserReport> {
        ensure!(!self.number.is_empty(), "number: whose?");
        Ok(UserReport {
            number: TerminalId::new(&self.number).context("number")?,
            access_number: FixedStr::new(&self.to).context("to")?,
            condition: self.condition,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway_sim::protocol::Cmpp;
    use hongyan_carrier_wire::concat::Udh;

    fn long() -> Uplink {
        Uplink {
            from: "8613800138000".to_owned(),
            to: "10690001".to_owned(),
            text: "查".repeat(150),
            reference: 0x12,
            ..Uplink::default()
        }
    }

    fn numbers(parts: &[UplinkPart]) -> Vec<u8> {
        parts
            .iter()
            .map(|part| Udh::parse(&part.content).unwrap().concat.unwrap().number())
            .collect()
    }

    #[test]
    fn a_long_text_has_parts_in_the_order_asked_for() {
        assert_eq!(
            numbers(&long().parts(&Cmpp::new(true, false, 1)).unwrap()),
            [1, 2, 3]
        );
        let shuffled = Uplink {
            send: Some(vec![3, 1, 1]),
            ..long()
        };
        assert_eq!(
            numbers(&shuffled.parts(&Cmpp::new(true, false, 1)).unwrap()),
            [3, 1, 1]
        );
        assert!(
            Uplink {
                send: Some(vec![4]),
                ..long()
            }
            .parts(&Cmpp::new(true, false, 1))
            .is_err()
        );
        assert!(
            Uplink {
                send: Some(vec![0]),
                ..long()
            }
            .parts(&Cmpp::new(true, false, 1))
            .is_err()
        );
    }

    #[test]
    fn a_short_text_has_no_header() {
        let parts = Uplink {
            text: "SBYE#card".to_owned(),
            coding: UplinkCoding::Ascii,
            ..long()
        }
        .parts(&Cmpp::new(true, false, 1))
        .unwrap();
        assert_eq!(parts.len(), 1);
        assert!(!parts[0].has_udh);
        assert_eq!(parts[0].content.as_ref(), b"SBYE#card");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let error = Uplink {
            to: "1".repeat(22),
            ..long()
        }
        .parts(&Cmpp::new(true, false, 1))
        .unwrap_err();
        assert!(error.to_string().starts_with("to"), "{error:#}");
        let error = Uplink {
            coding: UplinkCoding::Ascii,
            ..long()
        }
        .parts(&Cmpp::new(true, false, 1))
        .unwrap_err();
        assert!(error.to_string().starts_with("text"), "{error:#}");
    }
}
