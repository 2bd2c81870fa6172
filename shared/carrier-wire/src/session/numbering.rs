//! Sequences of protocols that count through all of 32 bits.

/// Numbers the requests of one side. Numbers come round after 2^32 requests, long after the answer to the first of
/// them was due.
#[derive(Debug)]
pub(crate) struct Counter(u32);

impl Counter {
    pub(crate) const fn from(first: u32) -> Self {
        Self(first)
    }

    pub(crate) const fn next(&mut self) -> u32 {
        let number = self.0;
        self.0 = number.wrapping_add(1);
        number
    }
}
