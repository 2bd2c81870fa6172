//! The way of a message, as `TRACE` asks for and `TRACE_RESP` tells it.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::Sequence;
use crate::field::{FieldError, FixedStr, Reader, TerminalId};

/// `TRACE`, the question for the way of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Trace {
    /// The sequence of the `SUBMIT`.
    pub submit_sequence: Sequence,
    /// Which of its recipients. Personal data.
    pub user_number: TerminalId,
    /// Reserved.
    pub reserve: FixedStr<8>,
}

/// A node that the message came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hop {
    /// How it went there, see [`super::results`].
    pub result: u8,
    /// The node, as text.
    pub node_id: FixedStr<6>,
    /// When the node got the message, yymmddhhmmsstnnp.
    pub receive_time: FixedStr<16>,
    /// When the node passed it on, yymmddhhmmsstnnp.
    pub send_time: FixedStr<16>,
    /// Reserved.
    pub reserve: FixedStr<8>,
}

impl Hop {
    /// Octets on the wire.
    pub const LEN: usize = 47;

    fn read(octets: &[u8]) -> Result<Self, FieldError> {
        let mut reader = Reader::new(octets);
        Ok(Self {
            result: reader.u8("Result")?,
            node_id: reader.fixed("NodeId")?,
            receive_time: reader.fixed("ReceiveTime")?,
            send_time: reader.fixed("SendTime")?,
            reserve: reader.fixed("Reserve")?,
        })
    }
}

/// `TRACE_RESP`: the nodes on the way, none to 255 of them. What was read is a slice of its PDU.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Hops(Bytes);

impl Hops {
    /// The most nodes that the count's octet can tell.
    pub const MAX: usize = 255;

    /// Of these nodes, which takes one allocation; `None` when there are more than [`Self::MAX`].
    pub fn new(hops: &[Hop]) -> Option<Self> {
        if hops.len() > Self::MAX {
            return None;
        }
        let mut octets = BytesMut::with_capacity(hops.len().saturating_mul(Hop::LEN));
        for hop in hops {
            octets.put_u8(hop.result);
            octets.put_slice(hop.node_id.wire());
            octets.put_slice(hop.receive_time.wire());
            octets.put_slice(hop.send_time.wire());
            octets.put_slice(hop.reserve.wire());
        }
        Some(Self(octets.freeze()))
    }

    pub(super) fn read(frame: &Bytes, reader: &mut Reader<'_>) -> Result<Self, FieldError> {
        let count = usize::from(reader.u8("Count")?);
        let octets = reader.slice("Result", count.saturating_mul(Hop::LEN))?;
        Ok(Self(frame.slice_ref(octets)))
    }

    /// The nodes as they stand on the wire, behind the count.
    pub(super) fn wire(&self) -> &[u8] {
        &self.0
    }

    /// How many nodes.
    pub fn count(&self) -> u8 {
        u8::try_from(self.0.len() / Hop::LEN).unwrap_or(u8::MAX)
    }

    /// The nodes, in the order of the PDU.
    pub fn iter(&self) -> impl Iterator<Item = Hop> {
        // Whole nodes alone are kept, so none is left out here.
        self.0
            .chunks_exact(Hop::LEN)
            .filter_map(|octets| Hop::read(octets).ok())
    }
}

impl fmt::Debug for Hops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_read_back_in_order() {
        let hop = |result| Hop {
            result,
            node_id: FixedStr::new("101000").unwrap(),
            receive_time: FixedStr::new("260108155548032+").unwrap(),
            ..Hop::default()
        };
        let all = [hop(0), hop(23)];
        let hops = Hops::new(&all).unwrap();
        assert_eq!((hops.count(), hops.wire().len()), (2, 94));
        assert_eq!(hops.iter().collect::<Vec<_>>(), all);
        assert_eq!(Hops::new(&[]), Some(Hops::default()));
        assert_eq!(Hops::new(&[Hop::default(); 255]).unwrap().count(), 255);
        assert_eq!(Hops::new(&[Hop::default(); 256]), None);
    }
}
