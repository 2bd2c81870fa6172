//! What the record remembers beside its leaves, as octets: so that a start need not read leaves that are published and
//! whose segments are gone.
//!
//! ```text
//! file     = magic (8) ‖ version u32 ‖ crc32c u32 of the body ‖ length of the body u64 ‖ body
//! body     = size u64 ‖ last received i64 ‖ logs ‖ epochs
//! logs     = count u32 ‖ { name (u16 length) ‖ leaves u64 ‖ closed u8 }*
//! epochs   = count u32 ‖ { producer (u16 length) ‖ epoch u64 ‖ heard i64 ‖ runs }*
//! runs     = count u32 ‖ { first u64 ‖ last u64 ‖ since i64 }*
//! ```
//!
//! Numbers are little-endian, times are milliseconds since 1970. It holds producers' names and numbers, and nothing of an
//! event.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    log_id::LogId,
    sequence::{Epoch, Run, Sequences},
};

const MAGIC: [u8; 8] = *b"HYSNAPSH";
const VERSION: u32 = 1;
const HEAD_OCTETS: usize = 24;

/// A log as far as its leaves are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counted {
    pub(crate) leaves: u64,
    /// Whether the last of them closed it.
    pub(crate) is_closed: bool,
}

/// The state behind the leaves below `size`, all of which were on disk when it was taken.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) size: u64,
    pub(crate) last_received_unix_ms: i64,
    pub(crate) logs: BTreeMap<LogId, Counted>,
    pub(crate) sequences: Sequences,
}

/// Why octets are no snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SnapshotFault {
    /// Another file, or a cut or damaged one.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// Written by another program.
    #[error("layout version {0} is not known to this program")]
    Version(u32),
}

/// The octets of a snapshot.
pub(crate) fn encode(
    size: u64,
    last_received_unix_ms: i64,
    logs: impl ExactSizeIterator<Item = (LogId, Counted)>,
    sequences: &Sequences,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(4_096);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&[0; 12]);
    out.extend_from_slice(&size.to_le_bytes());
    out.extend_from_slice(&last_received_unix_ms.to_le_bytes());
    put_count(&mut out, logs.len());
    for (log, counted) in logs {
        put_text(&mut out, &log.to_string());
        out.extend_from_slice(&counted.leaves.to_le_bytes());
        out.push(u8::from(counted.is_closed));
    }
    put_count(&mut out, sequences.epochs().count());
    for (producer, number, epoch) in sequences.epochs() {
        put_text(&mut out, producer);
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(&epoch.heard_unix_ms.to_le_bytes());
        put_count(&mut out, epoch.runs.len());
        for (first, run) in &epoch.runs {
            out.extend_from_slice(&first.to_le_bytes());
            out.extend_from_slice(&run.last.to_le_bytes());
            out.extend_from_slice(&run.since_unix_ms.to_le_bytes());
        }
    }
    let crc = crc32c::crc32c(&out[HEAD_OCTETS..]).to_le_bytes();
    let length = ((out.len() - HEAD_OCTETS) as u64).to_le_bytes();
    out[12..16].copy_from_slice(&crc);
    out[16..HEAD_OCTETS].copy_from_slice(&length);
    out
}

/// Counts of things in memory, each of which has a limit far below.
fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

/// Names of at most 128 octets; what is longer would not be found again, and is none.
fn put_text(out: &mut Vec<u8>, text: &str) {
    let octets = u16::try_from(text.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&octets.to_le_bytes());
    out.extend_from_slice(&text.as_bytes()[..usize::from(octets)]);
}

/// Reads what [`encode`] wrote, and nothing else.
pub(crate) fn decode(octets: &[u8]) -> Result<Snapshot, SnapshotFault> {
    let mut head = Octets(octets);
    if head.take(8)? != MAGIC {
        return Err(SnapshotFault::Damaged("it begins otherwise"));
    }
    let (version, crc, length) = (head.u32()?, head.u32()?, head.u64()?);
    let body = head.0;
    // The checksum does not cover the version: a later program may sum up otherwise.
    if version != VERSION {
        return Err(SnapshotFault::Version(version));
    }
    if body.len() as u64 != length {
        return Err(SnapshotFault::Damaged("it has another length"));
    }
    if crc32c::crc32c(body) != crc {
        return Err(SnapshotFault::Damaged("the checksum does not fit"));
    }
    let mut body = Octets(body);
    let mut snapshot = Snapshot {
        size: body.u64()?,
        last_received_unix_ms: body.i64()?,
        ..Snapshot::default()
    };
    for _ in 0..body.u32()? {
        let log = body.text()?.parse();
        let log = log.map_err(|_| SnapshotFault::Damaged("a log has no name"))?;
        let counted = Counted {
            leaves: body.u64()?,
            is_closed: match body.take(1)? {
                [0] => false,
                [1] => true,
                _ => return Err(SnapshotFault::Damaged("a log is neither open nor closed")),
            },
        };
        if snapshot.logs.insert(log, counted).is_some() {
            return Err(SnapshotFault::Damaged("a log stands twice"));
        }
    }
    for _ in 0..body.u32()? {
        let (producer, number): (Arc<str>, _) = (Arc::from(body.text()?), body.u64()?);
        let epoch = read_epoch(&mut body)?;
        if !snapshot.sequences.restore(producer, number, epoch) {
            return Err(SnapshotFault::Damaged("an epoch stands twice"));
        }
    }
    if body.0.is_empty() {
        Ok(snapshot)
    } else {
        Err(SnapshotFault::Damaged("something stands behind its end"))
    }
}

fn read_epoch(body: &mut Octets<'_>) -> Result<Epoch, SnapshotFault> {
    let mut epoch = Epoch {
        heard_unix_ms: body.i64()?,
        ..Epoch::default()
    };
    let mut behind: Option<u64> = None;
    for _ in 0..body.u32()? {
        let (first, last, since_unix_ms) = (body.u64()?, body.u64()?, body.i64()?);
        // Runs that touch would be one.
        let is_apart = behind.is_none_or(|last| last.checked_add(1).is_some_and(|next| next < first));
        if last < first || !is_apart {
            return Err(SnapshotFault::Damaged(
                "the runs of an epoch do not follow each other",
            ));
        }
        behind = Some(last);
        epoch.runs.insert(first, Run { last, since_unix_ms });
    }
    Ok(epoch)
}

/// What has not been read yet.
struct Octets<'a>(&'a [u8]);

impl<'a> Octets<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], SnapshotFault> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or(SnapshotFault::Damaged("it ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SnapshotFault> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn u32(&mut self) -> Result<u32, SnapshotFault> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, SnapshotFault> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn i64(&mut self) -> Result<i64, SnapshotFault> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    fn text(&mut self) -> Result<&'a str, SnapshotFault> {
        let octets = usize::from(u16::from_le_bytes(self.array()?));
        str::from_utf8(self.take(octets)?).map_err(|_| SnapshotFault::Damaged("a name is no text"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::{any, prop, prop_assert_eq, proptest};

    use super::{Counted, SnapshotFault, decode, encode};
    use crate::record::{
        LogId,
        sequence::{Sequences, Sighting},
    };

    fn logs() -> Vec<(LogId, Counted)> {
        let log = |name: &str, leaves, is_closed| (name.parse().unwrap(), Counted { leaves, is_closed });
        vec![log("cdr/2026h1/0", 7, true), log("cdr/2026h2/0", u64::MAX, false)]
    }

    fn sequences() -> Sequences {
        let mut sequences = Sequences::default();
        for (producer, epoch, seq, now) in [
            ("a", 1, 1, 10),
            ("a", 1, 2, 11),
            ("a", 1, 9, 12),
            ("a", 2, 1, 13),
            ("stream:{p0}:audit", 1_763_700_000_000, 40, -1),
        ] {
            sequences.see(&Arc::from(producer), epoch, seq, now).unwrap();
        }
        sequences
    }

    fn octets() -> Vec<u8> {
        encode(9, 12, logs().into_iter(), &sequences())
    }

    #[test]
    fn what_was_known_is_known_again() {
        let mut found = decode(&octets()).unwrap();
        assert_eq!((found.size, found.last_received_unix_ms), (9, 12));
        assert_eq!(found.logs.into_iter().collect::<Vec<_>>(), logs());
        let a = Arc::from("a");
        for (epoch, seq, sighting) in [
            (1, 2, Sighting::Seen),
            (1, 9, Sighting::Seen),
            (2, 1, Sighting::Seen),
            (1, 3, Sighting::New),
            (3, 1, Sighting::New),
        ] {
            assert_eq!(
                found.sequences.see(&a, epoch, seq, 20),
                Ok(sighting),
                "{epoch}, {seq}"
            );
        }
        let gaps = |sequences: &Sequences| sequences.gaps(60_012, 60_000, 9);
        assert_eq!(gaps(&decode(&octets()).unwrap().sequences), gaps(&sequences()));
    }

    #[test]
    fn every_truncation_every_changed_bit_and_every_addition_shows() {
        let whole = octets();
        for end in 0..whole.len() {
            assert!(decode(&whole[..end]).is_err(), "{end}");
        }
        for bit in 0..whole.len() * 8 {
            let mut changed = whole.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&changed).is_err(), "bit {bit}");
        }
        let mut longer = whole;
        longer.push(0);
        assert!(decode(&longer).is_err());
    }

    fn sealed(body: &[u8]) -> Vec<u8> {
        let mut octets = b"HYSNAPSH\x01\0\0\0".to_vec();
        octets.extend(crc32c::crc32c(body).to_le_bytes());
        octets.extend((body.len() as u64).to_le_bytes());
        octets.extend(body);
        octets
    }

    proptest! {
        /// Whatever stands under a sound sum: it is refused, or it is a snapshot and nothing else.
        #[test]
        fn a_snapshot_is_read_in_one_way(
            cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            tail in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut body = octets()[24..].to_vec();
            for (at, octet) in cuts {
                let at = at.index(body.len());
                body[at] = octet;
            }
            body.extend(tail);
            if let Ok(found) = decode(&sealed(&body)) {
                let logs = found.logs.into_iter().collect::<Vec<_>>();
                let again = encode(
                    found.size,
                    found.last_received_unix_ms,
                    logs.into_iter(),
                    &found.sequences,
                );
                let again = decode(&again).unwrap();
                prop_assert_eq!(again.size, found.size);
                let told = |sequences: &Sequences| sequences.gaps(i64::MAX, 0, 99);
                prop_assert_eq!(told(&again.sequences), told(&found.sequences));
            }
        }
    }

    #[test]
    fn sound_sums_over_nonsense_are_refused() {
        let whole = octets();
        assert!(decode(&sealed(&whole[24..])).is_ok());
        for (at, value, why) in [
            // The first octets of the first log's name, and whether it is closed.
            (24 + 22, b'x', "a log has no name"),
            (24 + 22 + 12 + 8, 2, "a log is neither open nor closed"),
        ] {
            let mut body = whole.clone();
            body[at] = value;
            assert_eq!(
                decode(&sealed(&body[24..])).err(),
                Some(SnapshotFault::Damaged(why))
            );
        }
        for cut in 25..whole.len() {
            assert!(decode(&sealed(&whole[24..cut])).is_err(), "{cut}");
        }
        let mut later = whole;
        later[8] = 2;
        assert_eq!(decode(&later).err(), Some(SnapshotFault::Version(2)));
    }
}
