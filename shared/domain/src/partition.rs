//! Partitions: which Redis slot a number's state lives in.

use std::{fmt, str::FromStr};

use crate::Msisdn;

/// The number of a partition, below 4,096 so that it fits the twelve free bits of a message id. Printed `p0`; in a key
/// it stands in braces as the hash tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(u16);

/// How many partitions there are: 1 on one Redis, more on a cluster. Changing it moves numbers to other partitions, so
/// it is changed only while all streams are empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partitions(u16);

/// A partition number that is too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a partition is written p0 to p{}", Partition::LIMIT - 1)]
pub struct InvalidPartition;

/// A count of partitions that is too small or too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the number of partitions must lie between 1 and {}", Partition::LIMIT)]
pub struct InvalidPartitionCount;

impl Partition {
    /// One above the largest number.
    pub const LIMIT: u16 = 1 << 12;

    /// By its number, below [`Partition::LIMIT`].
    pub fn new(number: u16) -> Result<Self, InvalidPartition> {
        if number < Self::LIMIT {
            Ok(Self(number))
        } else {
            Err(InvalidPartition)
        }
    }

    /// From the low twelve bits.
    pub(crate) fn from_bits(bits: u16) -> Self {
        Self(bits & (Self::LIMIT - 1))
    }

    /// Its number.
    pub fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.0)
    }
}

impl FromStr for Partition {
    type Err = InvalidPartition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix('p').ok_or(InvalidPartition)?;
        let partition = Self::new(digits.parse().map_err(|_| InvalidPartition)?)?;
        // One writing each: no plus sign, no leading zeros.
        if partition.to_string() == text {
            Ok(partition)
        } else {
            Err(InvalidPartition)
        }
    }
}

impl Default for Partitions {
    /// One, as on a single Redis.
    fn default() -> Self {
        Self(1)
    }
}

impl Partitions {
    /// 1 to 4,096.
    pub fn new(count: u16) -> Result<Self, InvalidPartitionCount> {
        if (1..=Partition::LIMIT).contains(&count) {
            Ok(Self(count))
        } else {
            Err(InvalidPartitionCount)
        }
    }

    /// How many.
    pub fn count(self) -> u16 {
        self.0
    }

    /// Every partition, in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Partition> + Clone {
        (0..self.0).map(Partition)
    }

    /// Whether the partition is one of these.
    pub fn contains(self, partition: Partition) -> bool {
        partition.0 < self.0
    }

    /// The partition of a number: the FNV-1a hash (64 bits) of its E.164 digits, `86` included, modulo the count. The
    /// same for ever: stored state is found by it.
    pub fn of(self, number: &Msisdn) -> Partition {
        self.of_digits(number.e164().trim_start_matches('+'))
    }

    /// The partition of a sender that is no mobile number, such as another service's access number, by its digits as
    /// the carrier sent them.
    pub fn of_digits(self, digits: &str) -> Partition {
        let hash = fnv1a_64(digits.as_bytes()) % u64::from(self.0);
        Partition(hash as u16)
    }
}

fn fnv1a_64(octets: &[u8]) -> u64 {
    octets.iter().fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Partition, Partitions, fnv1a_64};
    use crate::Msisdn;

    #[test]
    fn the_hash_is_the_published_one() {
        // Test values of the FNV authors.
        assert_eq!(fnv1a_64(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a_64(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a_64(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn counts_and_numbers_have_limits() {
        assert!(Partitions::new(0).is_err());
        assert!(Partitions::new(4_097).is_err());
        assert_eq!(Partitions::new(4_096).unwrap().iter().len(), 4_096);
        assert!(Partition::new(4_096).is_err());
        for wrong in ["", "p", "0", "p4096", "p01", "p+1", "P1", "p-1"] {
            assert!(wrong.parse::<Partition>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn many_numbers_spread_evenly() {
        let partitions = Partitions::new(16).unwrap();
        let mut counts = [0_u32; 16];
        for n in 0..16_000_u64 {
            let number = Msisdn::parse(&(13_800_000_000 + n * 37).to_string()).unwrap();
            counts[usize::from(partitions.of(&number).number())] += 1;
        }
        assert!(
            counts.iter().all(|count| (800..1_200).contains(count)),
            "{counts:?}"
        );
    }

    proptest! {
        #[test]
        fn a_partition_reads_back_and_is_within_the_count(n in 13_000_000_000_u64..20_000_000_000, count in 1_u16..=4_096) {
            let partitions = Partitions::new(count).unwrap();
            let partition = partitions.of(&Msisdn::parse(&n.to_string()).unwrap());
            prop_assert!(partitions.contains(partition));
            prop_assert_eq!(partition.to_string().parse(), Ok(partition));
        }
    }
}
