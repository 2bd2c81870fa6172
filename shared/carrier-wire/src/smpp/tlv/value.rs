//! A parameter's value in the form that the document gives to its tag.

use super::tag::Form;

/// A value that has the form of its tag. May be personal data, so it has no `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Nothing but that the parameter is there.
    Empty,
    /// One octet.
    U8(u8),
    /// Two octets.
    U16(u16),
    /// Four octets.
    U32(u32),
    /// A text without its NUL, which peers leave out at times.
    Text(&'a [u8]),
    /// Octets.
    Octets(&'a [u8]),
}

impl<'a> Value<'a> {
    pub(super) fn read(form: Form, value: &'a [u8]) -> Option<Self> {
        match (form, value) {
            (Form::Empty, []) => Some(Self::Empty),
            (Form::U8, [octet]) => Some(Self::U8(*octet)),
            (Form::U16, [high, low]) => Some(Self::U16(u16::from_be_bytes([*high, *low]))),
            (Form::U32, [a, b, c, d]) => Some(Self::U32(u32::from_be_bytes([*a, *b, *c, *d]))),
            (Form::Text { max }, text) if text.len() <= max => Some(Self::Text(super::before_nul(text))),
            (Form::Octets { min, max }, octets) if (min..=max).contains(&octets.len()) => {
                Some(Self::Octets(octets))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Tag, Tlv};
    use super::*;

    fn typed(tag: Tag, value: &[u8]) -> Option<Value<'_>> {
        Tlv { tag, value }.typed()
    }

    #[test]
    fn a_value_is_read_in_its_tags_form_or_not_at_all() {
        assert!(typed(Tag::MESSAGE_STATE, &[2]) == Some(Value::U8(2)));
        assert!(typed(Tag::MESSAGE_STATE, &[0, 2]).is_none());
        assert!(typed(Tag::SAR_MSG_REF_NUM, &[1, 2]) == Some(Value::U16(0x102)));
        assert!(typed(Tag::QOS_TIME_TO_LIVE, &[0, 0, 1, 2]) == Some(Value::U32(0x102)));
        assert!(typed(Tag::ALERT_ON_MESSAGE_DELIVERY, &[]) == Some(Value::Empty));
        assert!(typed(Tag::RECEIPTED_MESSAGE_ID, b"ab\0") == Some(Value::Text(b"ab")));
        assert!(typed(Tag::RECEIPTED_MESSAGE_ID, b"ab") == Some(Value::Text(b"ab")));
        assert!(typed(Tag::RECEIPTED_MESSAGE_ID, &[b'a'; 66]).is_none());
        assert!(typed(Tag::NETWORK_ERROR_CODE, &[3, 0, 1]) == Some(Value::Octets(&[3, 0, 1])));
        assert!(typed(Tag::NETWORK_ERROR_CODE, &[3, 0]).is_none());
        assert!(typed(Tag(0x1400), &[]) == Some(Value::Octets(&[])));
    }
}
