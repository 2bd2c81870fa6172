//! Message ids.

use std::{fmt, str::FromStr};

use uuid::{Builder, Uuid};

use crate::Partition;

/// The id of a message: a `UUIDv7` whose twelve bits `rand_a` are the partition of the recipient's number, so that the
/// id alone leads to the message's state. Ids of later milliseconds are larger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(Uuid);

/// A text that is no message id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a message id: a UUID of version 7, 36 characters in lower case with hyphens")]
pub struct InvalidMessageId;

impl MessageId {
    /// A new id. Of `random`, 62 bits are used; of the time (milliseconds since 1970), 48, which last until the year
    /// 10889.
    pub fn new(now_unix_ms: u64, partition: Partition, random: [u8; 8]) -> Self {
        let mut tail = [0; 10];
        let [high, low] = partition.number().to_be_bytes();
        (tail[0], tail[1]) = (high, low);
        tail[2..].copy_from_slice(&random);
        Self(Builder::from_unix_timestamp_millis(now_unix_ms, &tail).into_uuid())
    }

    /// Where the message's state lives. The caller checks that so many partitions exist.
    pub fn partition(&self) -> Partition {
        let octets = self.0.as_bytes();
        Partition::from_bits(u16::from_be_bytes([octets[6], octets[7]]))
    }

    /// When the id was made, in milliseconds since 1970.
    pub fn unix_ms(&self) -> u64 {
        (self.0.as_u128() >> 80) as u64
    }

    /// The sixteen octets.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl FromStr for MessageId {
    type Err = InvalidMessageId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uuid = Uuid::try_parse(text).map_err(|_| InvalidMessageId)?;
        let id = Self(uuid);
        let version_7 = uuid.get_version_num() == 7 && uuid.get_variant() == uuid::Variant::RFC4122;
        // One writing each, because ids are compared and stored as text too.
        if version_7 && id.to_string() == text {
            Ok(id)
        } else {
            Err(InvalidMessageId)
        }
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageId({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::MessageId;
    use crate::Partition;

    #[test]
    fn the_layout_is_version_seven_with_the_partition_in_rand_a() {
        let id = MessageId::new(0x0190_1234_5678, Partition::new(0xabc).unwrap(), [0xff; 8]);
        assert_eq!(id.to_string(), "01901234-5678-7abc-bfff-ffffffffffff");
    }

    #[test]
    fn other_texts_are_refused() {
        for wrong in [
            "",
            "01901234-5678-4abc-bfff-ffffffffffff",
            "01901234-5678-7abc-7fff-ffffffffffff",
            "01901234-5678-7ABC-BFFF-FFFFFFFFFFFF",
            "0190123456787abcbfffffffffffffff",
            "{01901234-5678-7abc-bfff-ffffffffffff}",
            "01901234-5678-7abc-bfff-fffffffffff",
        ] {
            assert!(wrong.parse::<MessageId>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn an_id_keeps_its_time_and_partition(ms in 0_u64..1 << 48, partition in 0_u16..4_096, random: [u8; 8]) {
            let partition = Partition::new(partition).unwrap();
            let id = MessageId::new(ms, partition, random);
            prop_assert_eq!(id.unix_ms(), ms);
            prop_assert_eq!(id.partition(), partition);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn later_ids_are_larger(ms in 0_u64..(1 << 48) - 1, p in 0_u16..4_096, q in 0_u16..4_096, a: [u8; 8], b: [u8; 8]) {
            let earlier = MessageId::new(ms, Partition::new(p).unwrap(), a);
            let later = MessageId::new(ms + 1, Partition::new(q).unwrap(), b);
            prop_assert!(earlier < later && earlier.to_string() < later.to_string());
        }
    }
}
