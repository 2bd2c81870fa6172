//! The optional parameters of one PDU.

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::{HEAD_LEN, Tlv};
use crate::field::{FieldError, FixedStr, Reader, TooLong};

/// Octets that stand inline: those of a part of a long message that answers an uplink (`TP_udhi`, `PkTotal`,
/// `PkNumber`, `LinkID`) and one more.
const INLINE_LEN: usize = 46;

/// The optional parameters of a PDU, in their order, octet by octet as they came. Reading and writing the usual few
/// takes no allocation.
#[derive(Clone)]
pub struct Tlvs(Block);

#[derive(Clone)]
enum Block {
    Inline { len: u8, octets: [u8; INLINE_LEN] },
    Shared(Bytes),
}

impl Tlvs {
    /// None.
    pub const fn new() -> Self {
        Self(Block::Inline {
            len: 0,
            octets: [0; INLINE_LEN],
        })
    }

    /// Those that fill the rest of `frame`, in which `reader` stands. Each must be whole; what tags and lengths they
    /// have does not matter.
    ///
    /// # Errors
    ///
    /// [`FieldError::Truncated`] when the PDU ends inside one.
    pub(in crate::smgp) fn read(frame: &Bytes, reader: &mut Reader<'_>) -> Result<Self, FieldError> {
        if reader.left() == 0 {
            return Ok(Self::new());
        }
        let start = reader.offset();
        while reader.left() > 0 {
            let tag = u16::from_be_bytes(reader.array("TLV tag")?);
            let len = u16::from_be_bytes(reader.array("TLV length")?);
            reader.slice(Tlv::name_of(tag), usize::from(len))?;
        }
        let block = frame.get(start..).unwrap_or_default();
        Ok(Self::inline(block).unwrap_or_else(|| Self(Block::Shared(frame.slice_ref(block)))))
    }

    fn inline(block: &[u8]) -> Option<Self> {
        let mut octets = [0; INLINE_LEN];
        octets.get_mut(..block.len())?.copy_from_slice(block);
        let len = u8::try_from(block.len()).ok()?;
        Some(Self(Block::Inline { len, octets }))
    }

    /// Adds one at the end.
    ///
    /// # Errors
    ///
    /// [`TooLong`] when the value has more octets than its length field can tell.
    pub fn push(&mut self, tlv: Tlv<'_>) -> Result<(), TooLong> {
        let value = tlv.value();
        let [len_high, len_low] = u16::try_from(value.len())
            .map_err(|_| TooLong {
                len: value.len(),
                max: usize::from(u16::MAX),
            })?
            .to_be_bytes();
        let [tag_high, tag_low] = tlv.tag().to_be_bytes();
        let head: [u8; HEAD_LEN] = [tag_high, tag_low, len_high, len_low];
        if !self.push_inline(head, value) {
            let before = self.wire();
            let mut block = BytesMut::with_capacity(before.len() + head.len() + value.len());
            block.extend_from_slice(before);
            block.extend_from_slice(&head);
            block.extend_from_slice(value);
            self.0 = Block::Shared(block.freeze());
        }
        Ok(())
    }

    /// False when it does not fit.
    fn push_inline(&mut self, head: [u8; HEAD_LEN], value: &[u8]) -> bool {
        let Block::Inline { len, octets } = &mut self.0 else {
            return false;
        };
        let end = usize::from(*len) + head.len() + value.len();
        let (Some(room), Ok(grown)) = (octets.get_mut(usize::from(*len)..end), u8::try_from(end)) else {
            return false;
        };
        for (place, octet) in room.iter_mut().zip(head.iter().chain(value)) {
            *place = *octet;
        }
        *len = grown;
        true
    }

    /// The octets behind the last fixed field.
    pub fn wire(&self) -> &[u8] {
        match &self.0 {
            Block::Inline { len, octets } => octets.get(..usize::from(*len)).unwrap_or_default(),
            Block::Shared(octets) => octets,
        }
    }

    /// Number of octets.
    pub fn len(&self) -> usize {
        self.wire().len()
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.wire().is_empty()
    }

    /// All of them, in their order.
    pub fn iter(&self) -> TlvIter<'_> {
        TlvIter { rest: self.wire() }
    }

    /// The first `TP_udhi`.
    pub fn tp_udhi(&self) -> Option<u8> {
        self.iter().find_map(|tlv| match tlv {
            Tlv::TpUdhi(octet) => Some(octet),
            _ => None,
        })
    }

    /// The first `PkTotal`.
    pub fn pk_total(&self) -> Option<u8> {
        self.iter().find_map(|tlv| match tlv {
            Tlv::PkTotal(octet) => Some(octet),
            _ => None,
        })
    }

    /// The first `PkNumber`.
    pub fn pk_number(&self) -> Option<u8> {
        self.iter().find_map(|tlv| match tlv {
            Tlv::PkNumber(octet) => Some(octet),
            _ => None,
        })
    }

    /// The first `LinkID`.
    pub fn link_id(&self) -> Option<FixedStr<20>> {
        self.iter().find_map(|tlv| match tlv {
            Tlv::LinkId(text) => Some(text),
            _ => None,
        })
    }
}

impl Default for Tlvs {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Tlvs {
    fn eq(&self, other: &Self) -> bool {
        self.wire() == other.wire()
    }
}

impl Eq for Tlvs {}

impl fmt::Debug for Tlvs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for &'a Tlvs {
    type Item = Tlv<'a>;
    type IntoIter = TlvIter<'a>;

    fn into_iter(self) -> TlvIter<'a> {
        self.iter()
    }
}

/// Goes through optional parameters.
#[derive(Debug, Clone)]
pub struct TlvIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for TlvIter<'a> {
    type Item = Tlv<'a>;

    fn next(&mut self) -> Option<Tlv<'a>> {
        // All were whole when they came in, so this ends where the block does.
        let ([tag_high, tag_low, len_high, len_low], rest) = self.rest.split_first_chunk::<HEAD_LEN>()?;
        let len = usize::from(u16::from_be_bytes([*len_high, *len_low]));
        let (value, rest) = rest.split_at_checked(len)?;
        self.rest = rest;
        Some(Tlv::of(u16::from_be_bytes([*tag_high, *tag_low]), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(octets: &[u8]) -> Result<Tlvs, FieldError> {
        let frame = Bytes::copy_from_slice(octets);
        Tlvs::read(&frame, &mut Reader::new(&frame))
    }

    #[test]
    fn a_block_of_the_field_is_read_and_built() {
        let block = hex::decode("00010001000002000100").unwrap();
        let tlvs = read(&block).unwrap();
        assert_eq!(tlvs.iter().collect::<Vec<_>>(), [Tlv::TpPid(0), Tlv::TpUdhi(0)]);
        let mut built = Tlvs::new();
        built.push(Tlv::TpPid(0)).unwrap();
        built.push(Tlv::TpUdhi(0)).unwrap();
        assert_eq!(built.wire(), block);
        assert_eq!((built.tp_udhi(), built.pk_total()), (Some(0), None));
    }

    #[test]
    fn order_is_free_and_what_is_unknown_is_kept() {
        let block = hex::decode("0014000201020009000102000a00010100020001010002000100").unwrap();
        let tlvs = read(&block).unwrap();
        assert_eq!(tlvs.wire(), block);
        assert_eq!(
            (tlvs.tp_udhi(), tlvs.pk_total(), tlvs.pk_number()),
            (Some(1), Some(2), Some(1))
        );
        assert_eq!(
            tlvs.iter().next(),
            Some(Tlv::Other {
                tag: 0x14,
                value: &[1, 2]
            })
        );
        assert_eq!(tlvs.iter().count(), 5);
    }

    #[test]
    fn a_length_that_is_not_the_tags_own_is_kept_and_not_believed() {
        let block = hex::decode("00020002000100120004414243000003000141");
        let tlvs = read(&block.unwrap()).unwrap();
        assert_eq!(tlvs.tp_udhi(), None);
        assert_eq!(tlvs.link_id(), None);
        let read: Vec<_> = tlvs.iter().collect();
        assert_eq!(
            read,
            [
                Tlv::Other {
                    tag: 2,
                    value: &[0, 1]
                },
                Tlv::MServiceId(b"ABC\0"),
                Tlv::Other { tag: 3, value: b"A" },
            ]
        );
    }

    #[test]
    fn one_that_is_cut_is_an_error_wherever() {
        let block = hex::decode("0002000101000900010200120003414243").unwrap();
        let whole = [0, 5, 10, 17];
        for len in 0..=block.len() {
            assert_eq!(read(&block[..len]).is_ok(), whole.contains(&len), "cut at {len}");
        }
        assert_eq!(
            read(&block[..9]),
            Err(FieldError::Truncated {
                field: "PkTotal",
                offset: 9,
                wanted: 1,
                had: 0
            })
        );
    }

    #[test]
    fn more_than_stands_inline_is_shared_and_equal() {
        let mut built = Tlvs::new();
        for _ in 0..20 {
            built.push(Tlv::PkTotal(9)).unwrap();
            built.push(Tlv::MServiceId(&[b'x'; 21])).unwrap();
        }
        assert_eq!(built.len(), 20 * 30);
        let read = read(built.wire()).unwrap();
        assert_eq!(read, built);
        assert_eq!(read.iter().count(), 40);
        let huge = vec![0; 65_536];
        assert!(built.push(Tlv::MServiceId(&huge)).is_err());
        assert_eq!(read, built, "nothing is left behind");
    }

    #[test]
    fn every_tag_of_the_table_is_known_by_its_length() {
        for tag in 1..=0x12u16 {
            let len = match tag {
                0x3 => 20,
                0x10 => 8,
                0x6 | 0x8 | 0xe | 0x12 => 7,
                _ => 1,
            };
            let value = vec![7; len];
            let tlv = Tlv::of(tag, &value);
            assert!(!matches!(tlv, Tlv::Other { .. }), "{tag:#x}");
            assert_eq!((tlv.tag(), tlv.value()), (tag, &value[..]));
            assert_ne!(Tlv::name_of(tag), "TLV");
        }
        assert_eq!(Tlv::name_of(0x13), "TLV");
    }

    #[test]
    fn debug_shows_no_text() {
        let mut tlvs = Tlvs::new();
        tlvs.push(Tlv::SrcTermPseudo(b"13800138000")).unwrap();
        tlvs.push(Tlv::PkTotal(2)).unwrap();
        assert_eq!(
            format!("{tlvs:?}"),
            "[SrcTermPseudo(0x000e)=<11 octets>, PkTotal(0x0009)=2]"
        );
    }
}
