//! Chance that repeats itself.

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
