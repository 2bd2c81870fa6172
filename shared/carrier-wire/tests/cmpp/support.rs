//! The vectors, and chance that repeats itself.

use bytes::Bytes;
use hongyan_carrier_wire::cmpp::Version;
use serde::Deserialize;

/// One entry of `vectors/carriers.json`.
#[derive(Debug, Deserialize)]
pub(crate) struct Vector {
    pub(crate) id: String,
    pub(crate) protocol: String,
    pub(crate) octets: Option<usize>,
    pub(crate) decoded: String,
    pub(crate) hex: Hex,
}

/// One PDU or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Hex {
    One(String),
    Many(Vec<String>),
}

impl Vector {
    /// The PDUs' octets.
    pub(crate) fn frames(&self) -> Vec<Bytes> {
        let frame = |hex: &String| Bytes::from(hex::decode(hex).unwrap());
        match &self.hex {
            Hex::One(one) => vec![frame(one)],
            Hex::Many(many) => many.iter().map(frame).collect(),
        }
    }

    /// The layouts in which it can be read.
    pub(crate) fn versions(&self) -> &'static [Version] {
        match self.protocol.as_str() {
            "CMPP 3.0" => &[Version::V3],
            "CMPP" => &[Version::V2, Version::V3],
            other if other.starts_with("CMPP 2") => &[Version::V2],
            other => panic!("{}: no version of CMPP: {other}", self.id),
        }
    }

    /// False for the entries that are a part of a PDU.
    pub(crate) fn is_whole(&self) -> bool {
        !["C-19", "C-34"].contains(&self.id.as_str())
    }
}

/// Those of CMPP.
pub(crate) fn cmpp() -> Vec<Vector> {
    let all: Vec<Vector> = serde_json::from_str(include_str!("../vectors/carriers.json")).unwrap();
    let cmpp: Vec<Vector> = all
        .into_iter()
        .filter(|vector| vector.protocol.starts_with("CMPP"))
        .collect();
    assert_eq!(cmpp.len(), 23, "a vector that is not there is not tested");
    cmpp
}

/// The one with this id.
pub(crate) fn of_id(id: &str) -> Vector {
    cmpp().into_iter().find(|vector| vector.id == id).unwrap()
}

/// Chance that repeats itself: xorshift64*.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From 0 up to `below`.
    pub(crate) fn below(&mut self, below: usize) -> usize {
        (self.next() >> 33) as usize % below.max(1)
    }

    /// Changes octets at random: single bits, whole octets, lengths, cuts, additions.
    pub(crate) fn mutate(&mut self, octets: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            match self.below(7) {
                0 | 1 => self.change(octets, |octet, chance| octet ^ (1 << (chance & 7))),
                2 => self.change(octets, |_, chance| chance as u8),
                3 => self.change(octets, |_, chance| [0, 1, 0x7f, 0x80, 0xff][chance as usize % 5]),
                4 => octets.truncate(self.below(octets.len() + 1)),
                5 => octets.extend((0..self.below(40)).map(|_| 0xff)),
                _ => {
                    // Makes the length field true again, so that what lies behind it is reached.
                    let len = octets.len() as u32;
                    if let Some(field) = octets.first_chunk_mut::<4>() {
                        *field = len.to_be_bytes();
                    }
                }
            }
        }
    }

    fn change(&mut self, octets: &mut [u8], how: impl Fn(u8, u64) -> u8) {
        let at = self.below(octets.len());
        let chance = self.next() >> 20;
        if let Some(octet) = octets.get_mut(at) {
            *octet = how(*octet, chance);
        }
    }
}
