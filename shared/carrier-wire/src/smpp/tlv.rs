//! Optional parameters: tag, length and value at the end of a PDU, in any order.
//!
//! They are kept as the octets that came, and read where somebody asks for one. Tags that nobody knows are
//! carried along. A list that ends inside a parameter is read up to there and says so, see [`Tlvs::cut`].

mod builder;
mod tag;
mod value;

use std::fmt;

use bytes::Bytes;

pub use builder::{TlvBuilder, TlvTooLong};
pub use tag::{Form, Tag};
pub use value::Value;

/// Octets of tag and length.
const TLV_HEADER_LEN: usize = 4;

/// One optional parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// What it is.
    pub tag: Tag,
    /// Its octets. May be personal data.
    pub value: &'a [u8],
}

impl<'a> Tlv<'a> {
    /// The value in the form that the document gives to the tag; `None` when it has another length. The value of
    /// an unknown tag is octets.
    pub fn typed(self) -> Option<Value<'a>> {
        Value::read(self.tag.form(), self.value)
    }
}

impl fmt::Debug for Tlv<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}/{}", self.tag, self.value.len())
    }
}

/// The optional parameters of a PDU, as they stand on the wire. Cloning shares the octets.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Tlvs(Bytes);

impl Tlvs {
    /// No parameter.
    pub const fn new() -> Self {
        Self(Bytes::new())
    }

    /// Takes the octets that stand after the last fixed field. Nothing is checked, so nothing is lost.
    pub const fn from_wire(octets: Bytes) -> Self {
        Self(octets)
    }

    /// Begins a list to send.
    pub fn builder() -> TlvBuilder {
        TlvBuilder::default()
    }

    /// The octets as they stand on the wire.
    pub fn wire(&self) -> &[u8] {
        &self.0
    }

    /// True without any octet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The parameters in order, up to where the list is cut.
    pub fn iter(&self) -> Iter<'_> {
        Iter { rest: &self.0 }
    }

    /// Where the list is cut: how many octets of it are whole parameters, when some are left that are none. Such a
    /// rest is what a `sm_length` off by one leaves, or a length that runs over the end.
    pub fn cut(&self) -> Option<usize> {
        let mut parameters = self.iter();
        parameters.by_ref().for_each(drop);
        let left = parameters.rest.len();
        (left > 0).then(|| self.0.len().saturating_sub(left))
    }

    /// The value of the first parameter with this tag.
    pub fn get(&self, tag: Tag) -> Option<&[u8]> {
        self.iter().find(|tlv| tlv.tag == tag).map(|tlv| tlv.value)
    }

    /// The value of the first parameter with this tag, sharing the octets instead of copying them.
    pub fn share(&self, tag: Tag) -> Option<Bytes> {
        self.get(tag).map(|value| self.0.slice_ref(value))
    }

    /// A value of one octet; `None` when the parameter is missing or longer.
    pub fn u8(&self, tag: Tag) -> Option<u8> {
        match self.get(tag)? {
            [octet] => Some(*octet),
            _ => None,
        }
    }

    /// A value of two octets; `None` when the parameter is missing or of another length.
    pub fn u16(&self, tag: Tag) -> Option<u16> {
        match self.get(tag)? {
            [high, low] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }

    /// A text: the octets before the first NUL, or all of them when the peer left it out.
    pub fn text(&self, tag: Tag) -> Option<&[u8]> {
        self.get(tag).map(before_nul)
    }
}

/// The octets before the first NUL.
fn before_nul(value: &[u8]) -> &[u8] {
    value.split(|octet| *octet == 0).next().unwrap_or_default()
}

impl fmt::Debug for Tlvs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        list.entries(self.iter());
        if let Some(whole) = self.cut() {
            list.entry(&format_args!("<cut after {whole} octets>"));
        }
        list.finish()
    }
}

impl<'a> IntoIterator for &'a Tlvs {
    type Item = Tlv<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Goes through parameters in order and ends where the next one is not whole.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Iter<'a> {
    type Item = Tlv<'a>;

    fn next(&mut self) -> Option<Tlv<'a>> {
        let (header, rest) = self.rest.split_first_chunk::<TLV_HEADER_LEN>()?;
        let [tag_high, tag_low, len_high, len_low] = *header;
        let len = usize::from(u16::from_be_bytes([len_high, len_low]));
        let (value, rest) = rest.split_at_checked(len)?;
        self.rest = rest;
        Some(Tlv {
            tag: Tag(u16::from_be_bytes([tag_high, tag_low])),
            value,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tlvs(octets: &str) -> Tlvs {
        Tlvs::from_wire(Bytes::from(hex::decode(octets).unwrap()))
    }

    #[test]
    fn reads_in_order_and_by_tag() {
        let read = tlvs("000e000101001e000833383630316661000427000102");
        let tags: Vec<u16> = read.iter().map(|tlv| tlv.tag.0).collect();
        assert_eq!(tags, [0x0e, 0x1e, 0x427]);
        assert_eq!(read.u8(Tag::MESSAGE_STATE), Some(2));
        assert_eq!(read.text(Tag::RECEIPTED_MESSAGE_ID), Some(&b"38601fa"[..]));
        assert_eq!(read.cut(), None);
        assert_eq!(read.get(Tag::MESSAGE_PAYLOAD), None);
    }

    #[test]
    fn a_list_cut_anywhere_is_read_up_to_there() {
        let whole = tlvs("020c00021234020e000103020f000101");
        let ends = [0, 6, 11, 16];
        for cut in 0..=whole.wire().len() {
            let read = Tlvs::from_wire(whole.0.slice(..cut));
            let complete = ends.iter().filter(|end| **end > 0 && **end <= cut).count();
            assert_eq!(read.iter().count(), complete, "cut at {cut}");
            let expected = (!ends.contains(&cut)).then(|| ends[complete]);
            assert_eq!(read.cut(), expected, "cut at {cut}");
        }
    }

    #[test]
    fn values_of_another_length_are_not_taken_for_numbers() {
        let read = tlvs("042700020002020c000101001e0000");
        assert_eq!(read.u8(Tag::MESSAGE_STATE), None);
        assert_eq!(read.u16(Tag::SAR_MSG_REF_NUM), None);
        assert_eq!(read.text(Tag::RECEIPTED_MESSAGE_ID), Some(&[][..]));
    }

    #[test]
    fn debug_shows_tags_and_lengths_alone() {
        let read = tlvs("0424000454657874140000010100");
        assert_eq!(
            format!("{read:?}"),
            "[message_payload/4, 0x1400/1, <cut after 13 octets>]"
        );
    }
}
