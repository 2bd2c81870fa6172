//! Delivery receipts: what became of a message, from parameters and from text.
//!
//! The text is Appendix B of the document, "vendor specific, typical example":
//! `id:… sub:… dlvrd:… submit date:… done date:… stat:… err:… text:…`. Vendors leave fields out, change their order,
//! their case, blanks for underscores; some fill parameters as well or instead. Parameters count first.

mod state;
mod text;

pub use state::MessageState;

use bytes::{BufMut, BytesMut};

use super::pdu::{DataSm, Message, MessageId};
use super::text::CText;
use super::tlv::{Tag, TlvTooLong, Tlvs};
use crate::concat::Udh;
use crate::field::Content;

/// A short value of the text.
pub type Short = CText<24>;

/// The network's own error of `network_error_code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkError {
    /// 1 ANSI-136, 2 IS-95, 3 GSM.
    pub network: u8,
    /// The network's code.
    pub code: u16,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Receipt {
    /// The message's id as the response to its submit wrote it.
    pub receipted_id: Option<MessageId>,
    /// The message's id as the text writes it, which may be another form of the same number.
    pub text_id: Option<MessageId>,
    /// The state of the parameter `message_state`.
    pub message_state: Option<MessageState>,
    /// `stat` of the text as it came: `DELIVRD`, `MA:0001` and others; empty when there is none.
    pub text_stat: Short,
    /// `err` of the text; empty when there is none.
    pub error: Short,
    /// The network's own error.
    pub network_error: Option<NetworkError>,
    /// `submit date` of the text, YYMMDDhhmm, at times with seconds.
    pub submit_date: Short,
    /// `done date` of the text, as the other date.
    pub done_date: Short,
}

impl Receipt {
    /// Reads the receipt that a `deliver_sm` carries. Anything can be read: what is missing is empty.
    pub fn of_message(message: &Message) -> Self {
        Self::read(
            message.body.content().as_slice(),
            message.body.has_udh(),
            &message.body.tlvs,
        )
    }

    /// Reads the receipt that a `data_sm` carries.
    pub fn of_data(data: &DataSm) -> Self {
        Self::read(data.content().as_slice(), data.has_udh(), &data.tlvs)
    }

    /// Reads a receipt from its text, which begins with a user data header if `has_udh`, and from its parameters.
    pub fn read(content: &[u8], has_udh: bool, tlvs: &Tlvs) -> Self {
        let content = if has_udh {
            Udh::parse(content).map_or(content, |udh| udh.text(content))
        } else {
            content
        };
        let mut receipt = Self::default();
        text::read_into(content, &mut receipt);
        receipt.receipted_id = tlvs
            .text(Tag::RECEIPTED_MESSAGE_ID)
            .and_then(MessageId::before_nul)
            .filter(|id| !id.is_empty());
        receipt.message_state = tlvs.u8(Tag::MESSAGE_STATE).and_then(MessageState::of_octet);
        receipt.network_error = match tlvs.get(Tag::NETWORK_ERROR_CODE) {
            Some([network, high, low]) => Some(NetworkError {
                network: *network,
                code: u16::from_be_bytes([*high, *low]),
            }),
            _ => None,
        };
        receipt
    }

    /// The state; `None` when neither the parameter nor the text has one that the document knows.
    pub fn state(&self) -> Option<MessageState> {
        self.message_state
            .or_else(|| MessageState::of_stat(self.text_stat.as_bytes()))
    }

    /// The status as the other protocols write it: seven letters for a state that is known, otherwise what the text
    /// says, with octets that are no printable ASCII as `?`. Empty when there is neither.
    pub fn stat(&self) -> String {
        self.state().map_or_else(
            || {
                let octets = self.text_stat.as_bytes().iter();
                octets
                    .map(|octet| {
                        if octet.is_ascii_graphic() {
                            char::from(*octet)
                        } else {
                            '?'
                        }
                    })
                    .collect()
            },
            |state| state.stat().to_owned(),
        )
    }

    /// The text of Appendix B for this receipt, with `text_id` for its id, for an SMSC's side. `text` is the beginning
    /// of the message.
    pub fn to_text(&self, text: &[u8]) -> Content {
        let id = self.text_id.unwrap_or_default();
        let delivered = self.state() == Some(MessageState::Delivered);
        let stat = self.stat();
        let mut out = BytesMut::with_capacity(160);
        for (key, value) in [
            (&b"id:"[..], id.as_bytes()),
            (b" sub:", b"001"),
            (b" dlvrd:", if delivered { b"001" } else { b"000" }),
            (b" submit date:", self.submit_date.as_bytes()),
            (b" done date:", self.done_date.as_bytes()),
            (b" stat:", stat.as_bytes()),
            (b" err:", self.error.as_bytes()),
            (b" text:", text),
        ] {
            out.put_slice(key);
            out.put_slice(value);
        }
        Content::new(out.freeze())
    }

    /// The parameters for this receipt, for an SMSC's side.
    ///
    /// # Errors
    ///
    /// Never: an id is short enough. The type is that of the parameters.
    pub fn to_tlvs(&self) -> Result<Tlvs, TlvTooLong> {
        let mut tlvs = Tlvs::builder();
        if let Some(id) = &self.receipted_id {
            tlvs = tlvs.text(Tag::RECEIPTED_MESSAGE_ID, id.as_bytes())?;
        }
        if let Some(state) = self.message_state {
            tlvs = tlvs.u8(Tag::MESSAGE_STATE, state.octet());
        }
        if let Some(error) = self.network_error {
            let [high, low] = error.code.to_be_bytes();
            tlvs = tlvs.octets(Tag::NETWORK_ERROR_CODE, &[error.network, high, low])?;
        }
        Ok(tlvs.build())
    }
}

#[cfg(test)]
mod tests;
