//! Messages from phones, cut into parts, and sent as asked: out of order, twice, or with one missing.

use anyhow::{Context as _, Result, ensure};
use hongyan_carrier_wire::cmpp::pdu::Deliver;
use hongyan_carrier_wire::concat::{Reference, split};
use hongyan_carrier_wire::field::{Content, FixedStr, TerminalId};
use hongyan_carrier_wire::text::Coding;
use serde::{Deserialize, Serialize};

/// The most parts that are sent for one uplink, copies included.
const MAX_SENT: usize = 1_000;

/// A message from a phone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Uplink {
    /// The account it goes to; the first one unless given.
    pub sp_id: Option<String>,
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
    /// The `LinkID` (3.0).
    pub link_id: String,
}

/// The coding of an uplink.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UplinkCoding {
    /// `Msg_Fmt` 8.
    #[default]
    Ucs2,
    /// `Msg_Fmt` 15.
    Gbk,
    /// `Msg_Fmt` 0.
    Ascii,
}

impl Uplink {
    /// The `DELIVER`s, one for each part that is sent.
    pub(super) fn delivers(&self) -> Result<Vec<Deliver>> {
        let coding = match self.coding {
            UplinkCoding::Ucs2 => Coding::Ucs2,
            UplinkCoding::Gbk => Coding::Gbk,
            UplinkCoding::Ascii => Coding::Ascii,
        };
        let [_, low] = self.reference.to_be_bytes();
        let reference = if self.wide {
            Reference::Bits16(self.reference)
        } else {
            Reference::Bits8(low)
        };
        let parts = split(&self.text, coding, reference, u8::MAX).context("text")?;
        ensure!(!self.from.is_empty(), "from: who writes?");
        let template = Deliver {
            dest_id: FixedStr::new(&self.to).context("to")?,
            service_id: FixedStr::new(&self.service_id).context("service_id")?,
            msg_fmt: coding.msg_fmt(),
            src_terminal_id: TerminalId::new(&self.from).context("from")?,
            link_id: FixedStr::new(&self.link_id).context("link_id")?,
            ..Deliver::default()
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
                // The octets go to a queue: the parts must not share their memory with anything else.
                let content = Content::from(part.content.as_slice().to_vec());
                Ok(Deliver {
                    tp_udhi: part.tp_udhi(),
                    content,
                    ..template.clone()
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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

    fn numbers(delivers: &[Deliver]) -> Vec<u8> {
        delivers
            .iter()
            .map(|deliver| {
                Udh::parse(deliver.content.as_slice())
                    .unwrap()
                    .concat
                    .unwrap()
                    .number()
            })
            .collect()
    }

    #[test]
    fn a_long_text_has_parts_in_the_order_asked_for() {
        assert_eq!(numbers(&long().delivers().unwrap()), [1, 2, 3]);
        let shuffled = Uplink {
            send: Some(vec![3, 1, 1]),
            ..long()
        };
        assert_eq!(numbers(&shuffled.delivers().unwrap()), [3, 1, 1]);
        assert!(
            Uplink {
                send: Some(vec![4]),
                ..long()
            }
            .delivers()
            .is_err()
        );
        assert!(
            Uplink {
                send: Some(vec![0]),
                ..long()
            }
            .delivers()
            .is_err()
        );
    }

    #[test]
    fn a_short_text_has_no_header() {
        let delivers = Uplink {
            text: "SBYE#card".to_owned(),
            coding: UplinkCoding::Ascii,
            ..long()
        }
        .delivers()
        .unwrap();
        assert_eq!(delivers.len(), 1);
        assert_eq!((delivers[0].tp_udhi, delivers[0].msg_fmt), (0, 0));
        assert_eq!(delivers[0].content.as_slice(), b"SBYE#card");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let error = Uplink {
            to: "1".repeat(22),
            ..long()
        }
        .delivers()
        .unwrap_err();
        assert!(error.to_string().starts_with("to"), "{error:#}");
        let error = Uplink {
            coding: UplinkCoding::Ascii,
            ..long()
        }
        .delivers()
        .unwrap_err();
        assert!(error.to_string().starts_with("text"), "{error:#}");
    }
}
