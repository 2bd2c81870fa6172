//! Writing optional parameters.

use bytes::{BufMut, BytesMut};

use super::{Tag, Tlvs};

/// A value that a length of two octets cannot announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{tag}: {len} octets do not fit a parameter of 65535")]
pub struct TlvTooLong {
    /// What it was meant to be.
    pub tag: Tag,
    /// Octets given.
    pub len: usize,
}

/// Parameters in the making.
#[derive(Default)]
pub struct TlvBuilder {
    octets: BytesMut,
}

impl TlvBuilder {
    /// Adds a value of one octet.
    #[must_use]
    pub fn u8(self, tag: Tag, value: u8) -> Self {
        self.short(tag, &[value])
    }

    /// Adds a value of two octets.
    #[must_use]
    pub fn u16(self, tag: Tag, value: u16) -> Self {
        self.short(tag, &value.to_be_bytes())
    }

    /// Adds a value of four octets.
    #[must_use]
    pub fn u32(self, tag: Tag, value: u32) -> Self {
        self.short(tag, &value.to_be_bytes())
    }

    /// Adds a parameter without a value.
    #[must_use]
    pub fn empty(self, tag: Tag) -> Self {
        self.short(tag, &[])
    }

    /// Adds octets as they are.
    ///
    /// # Errors
    ///
    /// [`TlvTooLong`] above 65,535 octets.
    pub fn octets(self, tag: Tag, value: &[u8]) -> Result<Self, TlvTooLong> {
        let len = value.len();
        let announced = u16::try_from(len).map_err(|_| TlvTooLong { tag, len })?;
        Ok(self.put(tag, announced, value, &[]))
    }

    /// Adds a text and the NUL that ends it.
    ///
    /// # Errors
    ///
    /// [`TlvTooLong`] above 65,534 octets.
    pub fn text(self, tag: Tag, text: &[u8]) -> Result<Self, TlvTooLong> {
        let len = text.len().saturating_add(1);
        let announced = u16::try_from(len).map_err(|_| TlvTooLong { tag, len })?;
        Ok(self.put(tag, announced, text, &[0]))
    }

    /// The parameters, in the order in which they were added.
    pub fn build(self) -> Tlvs {
        Tlvs::from_wire(self.octets.freeze())
    }

    /// Adds a value that is known to be short.
    fn short(self, tag: Tag, value: &[u8]) -> Self {
        let announced = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.put(tag, announced, value, &[])
    }

    fn put(mut self, tag: Tag, announced: u16, value: &[u8], end: &[u8]) -> Self {
        self.octets.reserve(usize::from(announced).saturating_add(4));
        self.octets.put_u16(tag.0);
        self.octets.put_u16(announced);
        self.octets.put_slice(value);
        self.octets.put_slice(end);
        self
    }
}

impl std::fmt::Debug for TlvBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TlvBuilder(<{} octets>)", self.octets.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_it_reads() {
        let tlvs = Tlvs::builder()
            .u16(Tag::SAR_MSG_REF_NUM, 0x1234)
            .u8(Tag::SAR_TOTAL_SEGMENTS, 3)
            .u32(Tag::QOS_TIME_TO_LIVE, 60)
            .empty(Tag::ALERT_ON_MESSAGE_DELIVERY)
            .text(Tag::RECEIPTED_MESSAGE_ID, b"38601fa")
            .and_then(|tlvs| tlvs.octets(Tag::MESSAGE_PAYLOAD, b"O"))
            .unwrap()
            .build();
        assert_eq!(
            hex::encode(tlvs.wire()),
            "020c00021234020e000103001700040000003c130c0000001e00083338363031666100042400014f"
        );
        assert_eq!(tlvs.cut(), None);
        assert_eq!(tlvs.iter().count(), 6);
    }

    #[test]
    fn what_no_length_can_announce_is_refused() {
        let long = vec![0; 0x1_0000];
        let refused = Tlvs::builder().octets(Tag::MESSAGE_PAYLOAD, &long).unwrap_err();
        assert_eq!(refused.len, 0x1_0000);
        assert!(Tlvs::builder().octets(Tag::MESSAGE_PAYLOAD, &long[1..]).is_ok());
        assert!(Tlvs::builder().text(Tag::MESSAGE_PAYLOAD, &long[1..]).is_err());
    }
}
