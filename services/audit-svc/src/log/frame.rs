//! How one leaf and one segment's head stand on disk, as bytes alone.
//!
//! ```text
//! segment = head frame* tail
//! head    = magic (8) ‖ version u32 ‖ first index u64 ‖ octets of the file u64 ‖ crc32c u32 of the 28 octets before
//! tail    = zeros, to the end of the file
//! frame   = length u32 ‖ crc32c u32 ‖ settled u64 ‖ leaf (length octets)
//! ```
//!
//! Numbers are little-endian. A frame's checksum covers its length, `settled` and the leaf. `settled` is the size of the
//! log that was on disk when the frame was written, that is the index of the first leaf of its group. Without it a
//! damaged frame in the last segment could not be told from one that a crash tore: the disk may keep the later pages of
//! an unfinished write and lose earlier ones, so "something valid follows" alone proves nothing. A valid frame behind the
//! damage whose `settled` lies above the damaged index does.

/// What every segment begins with.
pub(crate) const MAGIC: [u8; 8] = *b"HYRECORD";
/// The layout described above.
pub(crate) const VERSION: u32 = 2;
/// Octets of a segment's head.
pub(crate) const HEAD_OCTETS: usize = 32;
/// Those of them that the checksum covers.
const SUMMED_OCTETS: usize = HEAD_OCTETS - 4;
/// Octets of a frame before its leaf.
pub(crate) const FRAME_HEAD_OCTETS: usize = 16;
/// The longest leaf: what the uint16 length of a tlog-tiles entry bundle can say.
pub const MAX_LEAF_OCTETS: usize = 65_535;

/// What a segment's head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// The index of its first leaf.
    pub(crate) first_index: u64,
    /// The octets of the whole file, from its beginning on: one that is shorter was cut by somebody.
    pub(crate) octets: u64,
}

/// The octets of a head.
pub(crate) fn encode_head(said: Head) -> [u8; HEAD_OCTETS] {
    let mut head = [0; HEAD_OCTETS];
    head[..8].copy_from_slice(&MAGIC);
    head[8..12].copy_from_slice(&VERSION.to_le_bytes());
    head[12..20].copy_from_slice(&said.first_index.to_le_bytes());
    head[20..SUMMED_OCTETS].copy_from_slice(&said.octets.to_le_bytes());
    let crc = crc32c::crc32c(&head[..SUMMED_OCTETS]);
    head[SUMMED_OCTETS..].copy_from_slice(&crc.to_le_bytes());
    head
}

/// Why a segment's head is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadFault {
    /// Fewer octets than a head has.
    Short,
    /// Another file, or a damaged one.
    Damaged,
    /// Written by a later layout.
    Version(u32),
}

/// What the head says that `bytes` begin with.
pub(crate) fn decode_head(bytes: &[u8]) -> Result<Head, HeadFault> {
    let head: &[u8; HEAD_OCTETS] = bytes.first_chunk().ok_or(HeadFault::Short)?;
    let crc = u32::from_le_bytes([head[28], head[29], head[30], head[31]]);
    if head[..8] != MAGIC || crc != crc32c::crc32c(&head[..SUMMED_OCTETS]) {
        return Err(HeadFault::Damaged);
    }
    let version = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
    if version != VERSION {
        return Err(HeadFault::Version(version));
    }
    let (mut first, mut octets) = ([0; 8], [0; 8]);
    first.copy_from_slice(&head[12..20]);
    octets.copy_from_slice(&head[20..SUMMED_OCTETS]);
    Ok(Head {
        first_index: u64::from_le_bytes(first),
        octets: u64::from_le_bytes(octets),
    })
}

/// Appends the frame of `leaf` to `out`. The leaf has at most [`MAX_LEAF_OCTETS`] and at least one octet; the caller
/// has checked.
pub(crate) fn encode_frame(leaf: &[u8], settled: u64, out: &mut Vec<u8>) {
    debug_assert!((1..=MAX_LEAF_OCTETS).contains(&leaf.len()));
    let length = (leaf.len() as u32).to_le_bytes();
    let settled = settled.to_le_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&checksum(length, settled, leaf).to_le_bytes());
    out.extend_from_slice(&settled);
    out.extend_from_slice(leaf);
}

/// One frame as it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// The size of the log that was on disk when this frame was written.
    pub(crate) settled: u64,
    pub(crate) leaf: &'a [u8],
}

impl Frame<'_> {
    /// Octets of the whole frame.
    pub(crate) fn octets(&self) -> usize {
        FRAME_HEAD_OCTETS + self.leaf.len()
    }
}

/// Why no frame begins here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameFault {
    /// The bytes end before the frame does; so many are needed in all.
    Short(usize),
    /// Its length is none that a leaf can have.
    Length(u32),
    /// Its checksum does not fit.
    Checksum,
}

/// The frame that `bytes` begin with.
pub(crate) fn decode_frame(bytes: &[u8]) -> Result<Frame<'_>, FrameFault> {
    let Some(head) = bytes.first_chunk::<FRAME_HEAD_OCTETS>() else {
        return Err(FrameFault::Short(FRAME_HEAD_OCTETS));
    };
    let (length, rest) = head.split_at(4);
    let (crc, settled) = rest.split_at(4);
    let length: [u8; 4] = length.try_into().unwrap_or_default();
    let crc: [u8; 4] = crc.try_into().unwrap_or_default();
    let settled: [u8; 8] = settled.try_into().unwrap_or_default();
    let octets = u32::from_le_bytes(length) as usize;
    if octets == 0 || octets > MAX_LEAF_OCTETS {
        return Err(FrameFault::Length(u32::from_le_bytes(length)));
    }
    let whole = FRAME_HEAD_OCTETS + octets;
    let Some(leaf) = bytes.get(FRAME_HEAD_OCTETS..whole) else {
        return Err(FrameFault::Short(whole));
    };
    if checksum(length, settled, leaf) != u32::from_le_bytes(crc) {
        return Err(FrameFault::Checksum);
    }
    Ok(Frame {
        settled: u64::from_le_bytes(settled),
        leaf,
    })
}

fn checksum(length: [u8; 4], settled: [u8; 8], leaf: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&length);
    let crc = crc32c::crc32c_append(crc, &settled);
    crc32c::crc32c_append(crc, leaf)
}

#[cfg(test)]
mod tests {
    use super::{
        FRAME_HEAD_OCTETS, FrameFault, HEAD_OCTETS, Head, HeadFault, MAX_LEAF_OCTETS, SUMMED_OCTETS,
        decode_frame, decode_head, encode_frame, encode_head,
    };

    const HEAD: Head = Head {
        first_index: 0x0102_0304_0506_0708,
        octets: 64 << 20,
    };

    #[test]
    fn a_head_says_its_first_index_and_any_changed_bit_shows() {
        let head = encode_head(HEAD);
        assert_eq!(&head[..12], b"HYRECORD\x02\0\0\0");
        assert_eq!(decode_head(&head), Ok(HEAD));
        assert_eq!(decode_head(&head[..HEAD_OCTETS - 1]), Err(HeadFault::Short));
        for bit in 0..HEAD_OCTETS * 8 {
            let mut changed = head;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode_head(&changed), Err(HeadFault::Damaged), "bit {bit}");
        }
    }

    #[test]
    fn a_later_version_is_told_from_damage() {
        let mut head = encode_head(HEAD);
        head[8] = 3;
        let crc = crc32c::crc32c(&head[..SUMMED_OCTETS]);
        head[SUMMED_OCTETS..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(decode_head(&head), Err(HeadFault::Version(3)));
    }

    #[test]
    fn frames_follow_each_other() {
        let mut bytes = Vec::new();
        encode_frame(b"first", 0, &mut bytes);
        encode_frame(&vec![7; MAX_LEAF_OCTETS], 1, &mut bytes);
        let first = decode_frame(&bytes).unwrap();
        assert_eq!((first.leaf, first.settled), (&b"first"[..], 0));
        let second = decode_frame(&bytes[first.octets()..]).unwrap();
        assert_eq!((second.leaf.len(), second.settled), (MAX_LEAF_OCTETS, 1));
        assert_eq!(first.octets() + second.octets(), bytes.len());
    }

    #[test]
    fn every_truncation_and_every_changed_bit_of_a_frame_shows() {
        let mut bytes = Vec::new();
        encode_frame(b"a leaf", 9, &mut bytes);
        for end in 0..bytes.len() {
            assert!(
                matches!(decode_frame(&bytes[..end]), Err(FrameFault::Short(_))),
                "{end}"
            );
        }
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(decode_frame(&changed).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn zeros_and_absurd_lengths_are_no_frames() {
        assert_eq!(decode_frame(&[0; 64]), Err(FrameFault::Length(0)));
        let mut bytes = vec![0; FRAME_HEAD_OCTETS];
        bytes[..4].copy_from_slice(&65_536_u32.to_le_bytes());
        assert_eq!(decode_frame(&bytes), Err(FrameFault::Length(65_536)));
    }
}
