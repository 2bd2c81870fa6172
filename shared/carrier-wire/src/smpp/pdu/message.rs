//! Messages of one recipient and their answers.

use crate::concat::{Concat, Reference};
use crate::field::Content;
use crate::smpp::status::Status;
use crate::smpp::tlv::{Tag, Tlvs};

use super::{Address, MessageId, ServiceType, Time};

/// Bit of `esm_class`: the content begins with a user data header.
pub const ESM_UDHI: u8 = 0x40;
/// Bits of `esm_class` that tell a message from a receipt.
pub const ESM_TYPE_MASK: u8 = 0x3c;
/// `esm_class` type: delivery receipt.
const ESM_RECEIPT: u8 = 0x04;
/// `esm_class` type: notification of an intermediate state, in the form of a receipt.
const ESM_INTERMEDIATE: u8 = 0x20;

/// True when the content begins with a user data header.
pub const fn has_udh(esm_class: u8) -> bool {
    esm_class & ESM_UDHI != 0
}

/// True for a delivery receipt or an intermediate notification. Of a `deliver_sm` or a `data_sm` from the SMSC only.
pub(in crate::smpp) const fn is_receipt(esm_class: u8) -> bool {
    matches!(esm_class & ESM_TYPE_MASK, ESM_RECEIPT | ESM_INTERMEDIATE)
}

/// `submit_sm` and `deliver_sm`, which have the same fields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// The service; mostly empty.
    pub service_type: ServiceType,
    /// Who it is from.
    pub source: Address,
    /// Who it is for.
    pub destination: Address,
    /// The rest, which `submit_multi` shares.
    pub body: MessageBody,
}

/// What `submit_sm`, `deliver_sm` and `submit_multi` hold after the recipients.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageBody {
    /// Towards the SMSC: bits 1–0 mode, 5–2 type, 0x40 user data header, 0x80 reply path. From the SMSC: type 0x04
    /// receipt, 0x08 and 0x10 acknowledgements, 0x18 abort of a conversation, 0x20 intermediate notification.
    pub esm_class: u8,
    /// GSM TP-PID.
    pub protocol_id: u8,
    /// 0 to 3.
    pub priority_flag: u8,
    /// When it is to be delivered; empty for now, and in `deliver_sm`.
    pub schedule_delivery_time: Time,
    /// Until when; empty for the SMSC's own, and in `deliver_sm`.
    pub validity_period: Time,
    /// Bits 1–0: 0 no receipt, 1 of success or failure, 2 of failure; 3–2 acknowledgements; 4 intermediate.
    pub registered_delivery: u8,
    /// 1 to replace an earlier message of the same source, recipient and service.
    pub replace_if_present_flag: u8,
    /// 0 the SMSC's own, 1 IA5, 2 and 4 octets, 3 Latin-1, 8 UCS-2.
    pub data_coding: u8,
    /// A text that the SMSC has; 0 for none.
    pub sm_default_msg_id: u8,
    /// The text, up to 254 octets by the document, 255 by its length field. Personal data.
    pub short_message: Content,
    /// Optional parameters.
    pub tlvs: Tlvs,
}

impl MessageBody {
    /// The text where it stands: `short_message`, or `message_payload` when that is empty. Shared, not copied.
    /// Personal data.
    pub fn content(&self) -> Content {
        if self.short_message.is_empty()
            && let Some(payload) = self.tlvs.share(Tag::MESSAGE_PAYLOAD)
        {
            return Content::new(payload);
        }
        self.short_message.clone()
    }

    /// True when the content begins with a user data header.
    pub const fn has_udh(&self) -> bool {
        has_udh(self.esm_class)
    }

    /// Which part of which message this is by its parameters; `None` without all three, or when they make no
    /// sense. Where there is a user data header as well, that one counts.
    pub fn sar(&self) -> Option<Concat> {
        sar(&self.tlvs)
    }
}

fn sar(tlvs: &Tlvs) -> Option<Concat> {
    Concat::new(
        Reference::Bits16(tlvs.u16(Tag::SAR_MSG_REF_NUM)?),
        tlvs.u8(Tag::SAR_TOTAL_SEGMENTS)?,
        tlvs.u8(Tag::SAR_SEGMENT_SEQNUM)?,
    )
}

impl Message {
    /// True for a receipt or an intermediate notification. Of a `deliver_sm` only.
    pub const fn is_receipt(&self) -> bool {
        is_receipt(self.body.esm_class)
    }
}

/// `data_sm`: the text is in `message_payload`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DataSm {
    /// The service; mostly empty.
    pub service_type: ServiceType,
    /// Who it is from.
    pub source: Address<65>,
    /// Who it is for.
    pub destination: Address<65>,
    /// As in [`MessageBody`].
    pub esm_class: u8,
    /// As in [`MessageBody`].
    pub registered_delivery: u8,
    /// As in [`MessageBody`].
    pub data_coding: u8,
    /// Optional parameters, the text among them.
    pub tlvs: Tlvs,
}

impl DataSm {
    /// The text, shared. Personal data.
    pub fn content(&self) -> Content {
        self.tlvs
            .share(Tag::MESSAGE_PAYLOAD)
            .map(Content::new)
            .unwrap_or_default()
    }

    /// True when the content begins with a user data header.
    pub const fn has_udh(&self) -> bool {
        has_udh(self.esm_class)
    }

    /// As [`MessageBody::sar`].
    pub fn sar(&self) -> Option<Concat> {
        sar(&self.tlvs)
    }

    /// True for a receipt or an intermediate notification. From the SMSC only.
    pub const fn is_receipt(&self) -> bool {
        is_receipt(self.esm_class)
    }
}

/// `submit_sm_resp`, `deliver_sm_resp` and `data_sm_resp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageResp {
    /// Whether the message was taken.
    pub status: Status,
    /// The SMSC's id of it; empty in `deliver_sm_resp`. `None` when there was no body, as with an error.
    pub message_id: Option<MessageId>,
    /// Optional parameters, of `data_sm_resp` by the document, of the others by some SMSCs.
    pub tlvs: Tlvs,
}

impl MessageResp {
    /// An answer of a status alone.
    pub const fn without_body(status: Status) -> Self {
        Self {
            status,
            message_id: None,
            tlvs: Tlvs::new(),
        }
    }

    /// An answer with an id.
    pub const fn with_id(status: Status, message_id: MessageId) -> Self {
        Self {
            status,
            message_id: Some(message_id),
            tlvs: Tlvs::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_counts_where_the_message_is_empty() {
        let tlvs = Tlvs::builder()
            .octets(Tag::MESSAGE_PAYLOAD, b"O")
            .unwrap()
            .build();
        let mut body = MessageBody {
            tlvs,
            ..MessageBody::default()
        };
        assert_eq!(body.content().as_slice(), b"O");
        body.short_message = Content::from(b"short".to_vec());
        assert_eq!(body.content().as_slice(), b"short");
        assert_eq!(MessageBody::default().content().as_slice(), b"");
    }

    #[test]
    fn sar_parameters_count_when_all_three_make_sense() {
        let sar = |total, number| {
            let tlvs = Tlvs::builder()
                .u16(Tag::SAR_MSG_REF_NUM, 0x1234)
                .u8(Tag::SAR_TOTAL_SEGMENTS, total)
                .u8(Tag::SAR_SEGMENT_SEQNUM, number)
                .build();
            MessageBody {
                tlvs,
                ..MessageBody::default()
            }
            .sar()
        };
        assert_eq!(sar(3, 1), Concat::new(Reference::Bits16(0x1234), 3, 1));
        assert_eq!(sar(3, 4), None);
        assert_eq!(MessageBody::default().sar(), None);
    }

    #[test]
    fn receipts_are_told_by_their_type_alone() {
        for (esm_class, expected) in [
            (0x00, false),
            (0x04, true),
            (0x44, true),
            (0x20, true),
            (0x08, false),
            (0x18, false),
        ] {
            assert_eq!(is_receipt(esm_class), expected, "{esm_class:#x}");
        }
    }
}
