//! A message as it comes off a send queue, opened and checked. Pure.

use hongyan_carrier_wire::{
    concat::{Part, Place, Reference, Segmenting, Signature, SplitError},
    text::Coding,
};
use hongyan_catalog::{ConcatReference, Link, SignaturePlace, TextRules};
use hongyan_domain::{MessageClass, MessageId, Msisdn};
use hongyan_proto::{carrier::v1::OutboundMessage, common::v1::MessageClass as ProtoClass};
use prost::Message as _;

/// The most segments of one message: 402 characters.
pub const MAX_SEGMENTS: u8 = 6;
/// The same message on a link that cuts by rules of its own: 402 characters and a signature of 32, at least 65 a part.
const MAX_SEGMENTS_BY_RULES: u8 = 7;
/// Digits of `Src_Id`.
const MAX_SOURCE_DIGITS: usize = 21;

/// What is to be sent to whom. Personal data: no `Debug`.
#[derive(Clone)]
pub struct Outbound {
    /// The message.
    pub message_id: MessageId,
    /// Its priority.
    pub class: MessageClass,
    /// To whom.
    pub phone: Msisdn,
    /// The number shown.
    pub source: String,
    /// With signature.
    pub text: String,
    /// How many segments were counted when the message was accepted.
    pub segments: u32,
    /// Not to be sent from then on.
    pub valid_until_unix_ms: u64,
    /// When it was accepted.
    pub queued_at_unix_ms: u64,
}

/// Not a message at all: nobody can be told about it by its id, so that the entry is put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not the protobuf message that belongs here.
    #[error("BODY_MALFORMED")]
    Body,
    /// The message's id is not one.
    #[error("MESSAGE_ID_INVALID")]
    MessageId,
}

/// A message that can be read and cannot be sent on this link; its sender is told so by this reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsendable {
    /// The recipient's number is not one.
    #[error("PHONE_INVALID")]
    Phone,
    /// The class is none.
    #[error("CLASS_INVALID")]
    Class,
    /// The source number is not 1 to 21 digits.
    #[error("SOURCE_INVALID")]
    Source,
    /// The link is tied to an access number with which the source does not begin.
    #[error("SOURCE_NOT_ON_LINK")]
    SourceNotOnLink,
    /// More than six segments; seven where the link cuts by rules of its own.
    #[error("TEXT_TOO_LONG")]
    TooLong,
    /// No text.
    #[error("TEXT_EMPTY")]
    Empty,
    /// A character that the carrier's coding lacks.
    #[error("TEXT_UNWRITABLE")]
    Unwritable,
    /// Not so many segments as were counted, promised and will be billed.
    #[error("SEGMENTS_DISAGREE")]
    Segments,
}

impl Outbound {
    /// Reads the opened body of an entry. The inner error still names the message.
    pub fn read(plain: &[u8], link: &Link) -> Result<Result<Self, (MessageId, Unsendable)>, Unreadable> {
        let message = OutboundMessage::decode(plain).map_err(|_| Unreadable::Body)?;
        let message_id: MessageId = message.message_id.parse().map_err(|_| Unreadable::MessageId)?;
        Ok(Self::check(message_id, message, link).map_err(|why| (message_id, why)))
    }

    fn check(message_id: MessageId, message: OutboundMessage, link: &Link) -> Result<Self, Unsendable> {
        let class = match message.class() {
            ProtoClass::Otp => MessageClass::Otp,
            ProtoClass::Reply => MessageClass::Reply,
            ProtoClass::Notice => MessageClass::Notice,
            ProtoClass::Bulk => MessageClass::Bulk,
            ProtoClass::Unspecified => return Err(Unsendable::Class),
        };
        let phone = Msisdn::parse(&message.phone).map_err(|_| Unsendable::Phone)?;
        let source = message.source;
        let is_number = !source.is_empty() && source.bytes().all(|octet| octet.is_ascii_digit());
        if !is_number || source.len() > MAX_SOURCE_DIGITS {
            return Err(Unsendable::Source);
        }
        if let Some(access_number) = &link.access_number
            && !source.starts_with(access_number.as_str())
        {
            return Err(Unsendable::SourceNotOnLink);
        }
        if message.text.is_empty() {
            return Err(Unsendable::Empty);
        }
        Ok(Self {
            message_id,
            class,
            phone,
            source,
            text: message.text,
            segments: message.segments,
            valid_until_unix_ms: u64::try_from(message.valid_until_unix_ms).unwrap_or(0),
            queued_at_unix_ms: u64::try_from(message.queued_at_unix_ms).unwrap_or(0),
        })
    }

    /// The parts, numbered under this reference where there are several; of a reference of one octet the lower one counts.
    /// Always UCS-2: the carriers count characters alike in it, whatever the text.
    pub fn parts(&self, reference: u16, rules: TextRules) -> Result<Vec<Part>, Unsendable> {
        let reference = match rules.reference {
            ConcatReference::Bits8 => Reference::Bits8(reference.to_be_bytes()[1]),
            ConcatReference::Bits16 => Reference::Bits16(reference),
        };
        let most = if rules == TextRules::default() {
            MAX_SEGMENTS
        } else {
            MAX_SEGMENTS_BY_RULES
        };
        let cut = Segmenting {
            signature: rules.carrier_signature.map(|signature| Signature {
                place: match signature.place {
                    SignaturePlace::Front => Place::First,
                    SignaturePlace::End => Place::Last,
                },
                characters: signature.characters,
            }),
            ..Segmenting::new(Coding::Ucs2, reference, most)
        };
        let parts = cut.split(&self.text).map_err(|error| match error {
            SplitError::TooLong { .. } | SplitError::Signature { .. } => Unsendable::TooLong,
            SplitError::Unwritable(_) => Unsendable::Unwritable,
        })?;
        // Where the link cuts by rules of its own, the count may be another one than was promised.
        if rules == TextRules::default() && parts.len() != self.segments as usize {
            return Err(Unsendable::Segments);
        }
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use hongyan_catalog::{CarrierSignature, ConcatReference, SignaturePlace, TextRules};
    use hongyan_proto::{carrier::v1::OutboundMessage, common::v1::MessageClass as ProtoClass};
    use prost::Message as _;

    use super::{Outbound, Unreadable, Unsendable};
    use crate::testing;

    fn message() -> OutboundMessage {
        OutboundMessage {
            message_id: testing::message_id(0).to_string(),
            class: ProtoClass::Notice.into(),
            phone: "+8613800138000".to_owned(),
            source: "1069012345".to_owned(),
            text: "【鸿雁】缴费成功".to_owned(),
            segments: 1,
            valid_until_unix_ms: 2_000,
            queued_at_unix_ms: 1_000,
        }
    }

    fn read(message: &OutboundMessage) -> Result<Outbound, Unsendable> {
        let link = testing::link("127.0.0.1:1".parse().unwrap());
        Outbound::read(&message.encode_to_vec(), &link)
            .unwrap()
            .map_err(|(_, why)| why)
    }

    #[test]
    fn what_cannot_be_sent_says_why() {
        let wrong = |change: fn(&mut OutboundMessage)| {
            let mut message = message();
            change(&mut message);
            read(&message)
                .and_then(|outbound| outbound.parts(1, TextRules::default()))
                .unwrap_err()
        };
        assert_eq!(wrong(|m| m.phone = "12345".into()), Unsendable::Phone);
        assert_eq!(wrong(|m| m.class = 0), Unsendable::Class);
        assert_eq!(wrong(|m| m.class = 99), Unsendable::Class);
        assert_eq!(wrong(|m| m.source = String::new()), Unsendable::Source);
        assert_eq!(wrong(|m| m.source = "1069x".into()), Unsendable::Source);
        assert_eq!(wrong(|m| m.source = "1".repeat(22)), Unsendable::Source);
        assert_eq!(wrong(|m| m.text = String::new()), Unsendable::Empty);
        assert_eq!(wrong(|m| m.text = "信".repeat(403)), Unsendable::TooLong);
        assert_eq!(wrong(|m| m.segments = 2), Unsendable::Segments);
    }

    #[test]
    fn a_link_that_is_tied_to_a_number_sends_no_other() {
        let mut link = testing::link("127.0.0.1:1".parse().unwrap());
        link.access_number = Some("10690".to_owned());
        let mut message = message();
        assert!(Outbound::read(&message.encode_to_vec(), &link).unwrap().is_ok());
        message.source = "10655".to_owned();
        let refused = Outbound::read(&message.encode_to_vec(), &link)
            .unwrap()
            .err()
            .unwrap();
        assert_eq!(refused, (testing::message_id(0), Unsendable::SourceNotOnLink));
    }

    #[test]
    fn what_is_no_message_is_told_apart() {
        let link = testing::link("127.0.0.1:1".parse().unwrap());
        assert_eq!(Outbound::read(b"\xff", &link).err(), Some(Unreadable::Body));
        let nameless = OutboundMessage {
            message_id: "7".to_owned(),
            ..message()
        };
        assert_eq!(
            Outbound::read(&nameless.encode_to_vec(), &link).err(),
            Some(Unreadable::MessageId)
        );
    }

    #[test]
    fn the_parts_are_those_that_were_counted() {
        for (units, segments) in [(70, 1), (71, 2), (134, 2), (135, 3), (402, 6)] {
            let text = "信".repeat(units);
            assert_eq!(hongyan_domain::text::segments(&text).unwrap().get(), segments);
            let message = OutboundMessage {
                text,
                segments: u32::from(segments),
                ..message()
            };
            assert_eq!(
                read(&message)
                    .unwrap()
                    .parts(9, TextRules::default())
                    .unwrap()
                    .len(),
                usize::from(segments)
            );
        }
    }

    #[test]
    fn a_link_may_cut_by_rules_of_its_own() {
        let outbound = |units: usize| {
            read(&OutboundMessage {
                text: "信".repeat(units),
                segments: 1,
                ..message()
            })
            .unwrap()
        };
        let wide = TextRules {
            reference: ConcatReference::Bits16,
            carrier_signature: None,
        };
        let header = |units, rules| {
            let parts = outbound(units).parts(0x1234, rules).unwrap();
            (parts.len(), parts[0].content.as_slice()[..7].to_vec())
        };
        // 66 characters a part instead of 67.
        assert_eq!(header(133, wide), (3, vec![0x06, 0x08, 0x04, 0x12, 0x34, 3, 1]));
        assert_eq!(header(402, wide).0, 7, "whatever was accepted can be sent");
        for place in [SignaturePlace::Front, SignaturePlace::End] {
            let signed = TextRules {
                reference: ConcatReference::Bits8,
                carrier_signature: Some(CarrierSignature { place, characters: 6 }),
            };
            assert_eq!(outbound(64).parts(1, signed).unwrap().len(), 1);
            assert_eq!(
                outbound(65).parts(1, signed).unwrap().len(),
                2,
                "no room for the signature"
            );
        }
    }
}
