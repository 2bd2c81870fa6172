//! A slot of a key file: one key, of one subject, in 256 octets. No IO.
//!
//! | offset | octets | what |
//! |---|---|---|
//! | 0 | 1 | version, 1 |
//! | 1 | 1 | state: 1 live, 2 destroyed, 3 void |
//! | 2 | 2 | length of the wrapped key |
//! | 4 | 4 | the slot's number, from 1 |
//! | 8 | 4 | the first slot of the batch that it was written with |
//! | 12 | 32 | the subject's tag |
//! | 44 | 12 | the random part of the key's id |
//! | 56 | 16 | id of the erasure that destroyed it; zeros while it lives |
//! | 72 | 96 | the wrapped key; zeros when it is destroyed |
//! | 168 | 84 | zeros |
//! | 252 | 4 | CRC-32C of all before |
//!
//! Numbers are big-endian. A slot lies within one sector of a disk, so that overwriting it is whole or not at all.

use std::fmt;

/// Octets of a slot, and of a file's head.
pub(crate) const SLOT_OCTETS: usize = 256;
pub(crate) const TAG_OCTETS: usize = 32;
pub(crate) const KEY_ID_OCTETS: usize = 16;
const RANDOM_OCTETS: usize = 12;
const WRAPPED_OCTETS: usize = 96;
const WRAPPED_AT: usize = 72;
const CHECKED_OCTETS: usize = SLOT_OCTETS - 4;
const VERSION: u8 = 1;
const MAGIC: &[u8] = b"hongyan subject keys\n";

/// A slot or a head as it stands in the file.
pub(crate) type SlotOctets = [u8; SLOT_OCTETS];

/// The tag of a subject.
pub(crate) type SubjectTag = [u8; TAG_OCTETS];

/// A key's name, which stands in every leaf that is sealed under it: the slot's number and twelve random octets, so that
/// another key that came to stand in the same slot (after a restored copy) is never taken for it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct KeyId(pub(crate) [u8; KEY_ID_OCTETS]);

impl KeyId {
    pub(crate) fn new(slot: u32, random: [u8; RANDOM_OCTETS]) -> Self {
        let mut octets = [0; KEY_ID_OCTETS];
        octets[..4].copy_from_slice(&slot.to_be_bytes());
        octets[4..].copy_from_slice(&random);
        Self(octets)
    }

    /// Where it stands.
    pub(crate) fn slot(self) -> u32 {
        number(&self.0, 0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// What a slot holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// A key, wrapped by the key-encryption key.
    Live { wrapped: Vec<u8> },
    /// There was a key; this erasure destroyed it.
    Destroyed { erasure: [u8; 16] },
    /// Was never used: its write did not come to its end.
    Void,
}

/// A slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) tag: SubjectTag,
    pub(crate) id: KeyId,
    /// Everything before this slot was on disk when it was written.
    pub(crate) batch_first: u32,
    pub(crate) state: State,
}

impl Slot {
    /// A slot that was never used.
    pub(crate) fn void(number: u32) -> Self {
        Self {
            tag: [0; TAG_OCTETS],
            id: KeyId::new(number, [0; RANDOM_OCTETS]),
            batch_first: number,
            state: State::Void,
        }
    }

    /// The id of the key-encryption key that its key needs; `None` where it holds none.
    pub(crate) fn wrapped_under(&self) -> Option<&str> {
        match &self.state {
            State::Live { wrapped } => hongyan_envelope::key_id(wrapped).ok(),
            State::Destroyed { .. } | State::Void => None,
        }
    }

    /// As it is written. A wrapped key that is too long for a slot is none that a keyring makes; it would be cut, and
    /// never open.
    pub(crate) fn encode(&self) -> SlotOctets {
        let mut octets = [0; SLOT_OCTETS];
        octets[0] = VERSION;
        octets[4..8].copy_from_slice(&self.id.0[..4]);
        octets[8..12].copy_from_slice(&self.batch_first.to_be_bytes());
        octets[12..44].copy_from_slice(&self.tag);
        octets[44..56].copy_from_slice(&self.id.0[4..]);
        octets[1] = match &self.state {
            State::Live { wrapped } => {
                let length = wrapped.len().min(WRAPPED_OCTETS);
                octets[2..4].copy_from_slice(&(length as u16).to_be_bytes());
                octets[WRAPPED_AT..WRAPPED_AT + length].copy_from_slice(&wrapped[..length]);
                1
            }
            State::Destroyed { erasure } => {
                octets[56..72].copy_from_slice(erasure);
                2
            }
            State::Void => 3,
        };
        finish(octets)
    }

    /// Reads the slot of this number; says what is wrong with it.
    pub(crate) fn decode(number: u32, octets: &SlotOctets) -> Result<Self, &'static str> {
        check(octets)?;
        if octets[0] != VERSION {
            return Err("is of a version that this program does not know");
        }
        if self::number(octets, 4) != number {
            return Err("says that it is another slot");
        }
        let wrapped = usize::from(u16::from_be_bytes([octets[2], octets[3]]));
        let state = match octets[1] {
            1 if wrapped <= WRAPPED_OCTETS => State::Live {
                wrapped: octets[WRAPPED_AT..WRAPPED_AT + wrapped].to_vec(),
            },
            2 => State::Destroyed {
                erasure: array(&octets[56..72]),
            },
            3 => State::Void,
            _ => return Err("is in a state that this program does not know"),
        };
        Ok(Self {
            tag: array(&octets[12..44]),
            id: KeyId::new(number, array(&octets[44..56])),
            batch_first: self::number(octets, 8),
            state,
        })
    }
}

/// The head of a period's file.
pub(crate) fn head(period: &str) -> SlotOctets {
    let mut octets = [0; SLOT_OCTETS];
    let text = [MAGIC, period.as_bytes()].concat();
    let length = text.len().min(CHECKED_OCTETS);
    octets[..length].copy_from_slice(&text[..length]);
    finish(octets)
}

/// Whether this is the head of the period's file; says what is wrong with it.
pub(crate) fn check_head(period: &str, octets: &SlotOctets) -> Result<(), &'static str> {
    check(octets)?;
    if *octets == head(period) {
        Ok(())
    } else {
        Err("is not the head of this period's key file")
    }
}

fn finish(mut octets: SlotOctets) -> SlotOctets {
    let sum = crc32c::crc32c(&octets[..CHECKED_OCTETS]);
    octets[CHECKED_OCTETS..].copy_from_slice(&sum.to_be_bytes());
    octets
}

fn check(octets: &SlotOctets) -> Result<(), &'static str> {
    if number(octets, CHECKED_OCTETS) == crc32c::crc32c(&octets[..CHECKED_OCTETS]) {
        Ok(())
    } else {
        Err("its checksum does not match")
    }
}

fn number(octets: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(array(&octets[at..at + 4]))
}

/// Of exactly `N` octets, as every caller gives it.
fn array<const N: usize>(octets: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(octets);
    array
}

#[cfg(test)]
mod tests {
    use super::{KeyId, SLOT_OCTETS, Slot, State, check_head, head};

    fn live() -> Slot {
        Slot {
            tag: [7; 32],
            id: KeyId::new(9, [3; 12]),
            batch_first: 8,
            state: State::Live { wrapped: vec![5; 94] },
        }
    }

    #[test]
    fn every_state_is_read_as_it_was_written() {
        let destroyed = Slot {
            state: State::Destroyed { erasure: [4; 16] },
            ..live()
        };
        for slot in [live(), destroyed, Slot::void(9)] {
            assert_eq!(Slot::decode(9, &slot.encode()), Ok(slot));
        }
        assert_eq!(live().id.slot(), 9);
    }

    #[test]
    fn a_destroyed_slot_holds_nothing_of_the_key() {
        let destroyed = Slot {
            state: State::Destroyed { erasure: [4; 16] },
            ..live()
        };
        assert_eq!(&destroyed.encode()[72..252], &[0; 180]);
    }

    #[test]
    fn any_flipped_bit_is_damage() {
        let octets = live().encode();
        for bit in 0..SLOT_OCTETS * 8 {
            let mut flipped = octets;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Slot::decode(9, &flipped).is_err(), "bit {bit}");
        }
        assert!(
            Slot::decode(10, &octets).is_err(),
            "a slot that stands in another's place"
        );
        assert!(Slot::decode(0, &[0; SLOT_OCTETS]).is_err(), "zeros are no slot");
    }

    #[test]
    fn a_head_is_that_of_its_period_alone() {
        assert_eq!(check_head("2026h2", &head("2026h2")), Ok(()));
        assert!(check_head("2026h1", &head("2026h2")).is_err());
        let mut flipped = head("2026h2");
        flipped[200] ^= 1;
        assert!(check_head("2026h2", &flipped).is_err());
    }
}
