//! What the log promises, against real files.

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use proptest::{
    prelude::{ProptestConfig, any},
    prop_assert, prop_assert_eq, proptest,
};

use tempfile::TempDir;

use super::{
    LogError, LogReader, Opened,
    frame::{FRAME_HEAD_OCTETS, HEAD_OCTETS, Head, encode_head},
    recover,
    segment::{file_name, first_index_of},
};

const SEGMENT_OCTETS: u64 = 4_096;

/// In memory where the machine has such a place: these tests sync thousands of times, and kill no machine.
fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    made.unwrap()
}

fn open_all(dir: &Path) -> Result<(Opened, Vec<Vec<u8>>), LogError> {
    let mut seen = Vec::new();
    let recovered = recover(dir, |index, leaf| {
        assert_eq!(index, seen.len() as u64);
        seen.push(leaf.to_vec());
        Ok(())
    })?;
    assert_eq!(recovered.size(), seen.len() as u64);
    Ok((recovered.begin(SEGMENT_OCTETS)?, seen))
}

fn leaf(index: u64) -> Vec<u8> {
    let octets = 1 + (index * 37 % 200) as usize;
    (0..octets)
        .map(|at| (index as u8).wrapping_mul(31).wrapping_add(at as u8))
        .collect()
}

/// A log whose groups have these sizes.
fn build(dir: &Path, groups: &[u64]) -> Vec<Vec<u8>> {
    let (mut opened, mut all) = open_all(dir).unwrap();
    for size in groups {
        let group: Vec<_> = (0..*size).map(|nth| leaf(all.len() as u64 + nth)).collect();
        opened.writer.append(&group).unwrap();
        all.extend(group);
    }
    all
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "log"))
        .collect();
    paths.sort();
    paths
}

fn copy(from: &Path, to: &Path) {
    for path in segments(to) {
        fs::remove_file(path).unwrap();
    }
    for path in segments(from) {
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

fn read_all(reader: &LogReader) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    reader
        .read_range(0..u64::MAX, |index, leaf| {
            assert_eq!(index, all.len() as u64);
            all.push(leaf.to_vec());
            ControlFlow::Continue(())
        })
        .unwrap();
    all
}

#[test]
fn what_was_appended_is_read_by_index_by_range_and_after_a_restart() {
    let dir = scratch();
    let all = build(dir.path(), &[1, 7, 100, 3, 64, 1, 200]);
    assert!(segments(dir.path()).len() > 3, "the segments were not rolled");
    let (opened, seen) = open_all(dir.path()).unwrap();
    assert_eq!(seen, all);
    assert_eq!(opened.cut, None);
    assert_eq!(opened.reader.size(), all.len() as u64);
    for (index, leaf) in all.iter().enumerate() {
        assert_eq!(
            opened.reader.read(index as u64).unwrap().as_ref(),
            Some(leaf),
            "{index}"
        );
    }
    assert_eq!(opened.reader.read(all.len() as u64).unwrap(), None);
    assert_eq!(opened.reader.read(u64::MAX).unwrap(), None);
    assert_eq!(read_all(&opened.reader), all);
}

#[test]
fn a_segment_stays_within_its_size_unless_one_group_does_not_fit() {
    let dir = scratch();
    let (mut opened, _) = open_all(dir.path()).unwrap();
    let big = vec![vec![1; 3_000]; 3];
    opened.writer.append(&big).unwrap();
    for _ in 0..20 {
        opened.writer.append(&[vec![2; 900]]).unwrap();
    }
    let octets: Vec<_> = segments(dir.path())
        .iter()
        .map(|path| fs::metadata(path).unwrap().len())
        .collect();
    assert_eq!(
        octets[0],
        HEAD_OCTETS as u64 + 3 * (3_000 + FRAME_HEAD_OCTETS as u64)
    );
    assert!(octets.len() > 3, "{octets:?}");
    assert!(
        octets[1..].iter().all(|octets| *octets == SEGMENT_OCTETS),
        "{octets:?}"
    );
}

#[test]
fn one_directory_has_one_writer() {
    let dir = scratch();
    let first = open_all(dir.path()).unwrap();
    assert!(matches!(open_all(dir.path()), Err(LogError::Locked(_))));
    drop(first);
    open_all(dir.path()).unwrap();
}

#[test]
fn a_full_disk_fails_the_append_and_every_later_one_and_shows_readers_nothing() {
    let dir = scratch();
    let all = build(dir.path(), &[5]);
    let (mut opened, _) = open_all(dir.path()).unwrap();
    opened.writer.fill_disk();
    let error = opened.writer.append(&[leaf(5)]).unwrap_err();
    assert!(matches!(error, LogError::Io { doing: "writing", .. }), "{error}");
    assert!(matches!(opened.writer.append(&[leaf(5)]), Err(LogError::Broken)));
    assert_eq!(opened.reader.size(), 5);
    drop(opened);
    assert_eq!(open_all(dir.path()).unwrap().1, all);
}

/// Where the last octet of a file ends that is not zero.
fn written(path: &Path) -> usize {
    let bytes = fs::read(path).unwrap();
    bytes
        .iter()
        .rposition(|octet| *octet != 0)
        .map_or(0, |last| last + 1)
}

#[test]
fn wherever_the_last_segment_ends_in_zeros_every_whole_leaf_is_kept_and_it_goes_on() {
    let source = scratch();
    let all = build(source.path(), &[30, 10, 4, 6]);
    let last = segments(source.path()).pop().unwrap();
    let name = last.file_name().unwrap();
    let before = first_index_of(name.to_str().unwrap()).unwrap() as usize;
    let written = written(&last) as u64;
    let dir = scratch();
    for end in (0..=written).step_by(2) {
        copy(source.path(), dir.path());
        let path = dir.path().join(name);
        let mut bytes = fs::read(&path).unwrap();
        bytes[end as usize..].fill(0);
        fs::write(&path, &bytes).unwrap();
        let whole = whole_leaves(&all[before..], end);
        let recovered = recover(dir.path(), |_, _| Ok(())).unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes, "reading changes nothing");
        let mut opened = recovered.begin(SEGMENT_OCTETS).unwrap();
        assert_eq!(opened.reader.size(), (before + whole) as u64, "cut at {end}");
        let kept_end = octets_of(&all[before..][..whole]);
        match &opened.cut {
            None => assert!(bytes[kept_end as usize..].iter().all(|octet| *octet == 0)),
            Some(cut) if cut.offset == 0 => assert!(end < HEAD_OCTETS as u64 && !path.exists()),
            Some(cut) => {
                assert_eq!((cut.offset, cut.index), (kept_end, (before + whole) as u64));
                let bytes = fs::read(&path).unwrap();
                assert!(bytes[cut.offset as usize..].iter().all(|octet| *octet == 0));
                assert_eq!(bytes.len() as u64, SEGMENT_OCTETS);
            }
        }
        opened.writer.append(&[b"next".to_vec()]).unwrap();
        drop(opened);
        let (opened, seen) = open_all(dir.path()).unwrap();
        assert_eq!(opened.cut, None);
        assert_eq!(seen[..before + whole], all[..before + whole]);
        assert_eq!(
            (seen.len(), &seen[before + whole][..]),
            (before + whole + 1, &b"next"[..])
        );
    }
}

#[test]
fn old_segments_are_deleted_as_a_whole_and_the_rest_goes_on_through_a_restart() {
    let dir = scratch();
    let all = build(dir.path(), &[20, 20, 20, 20, 20, 20]);
    let firsts: Vec<_> = segments(dir.path())
        .iter()
        .map(|path| first_index_of(path.file_name().unwrap().to_str().unwrap()).unwrap())
        .collect();
    assert!(firsts.len() > 4, "{firsts:?}");
    let (opened, _) = open_all(dir.path()).unwrap();
    assert_eq!(opened.pruner.prune_below(firsts[1] - 1).unwrap(), 0);
    assert_eq!(opened.pruner.prune_below(firsts[2]).unwrap(), 2);
    assert_eq!(segments(dir.path()).len(), firsts.len() - 2);
    let (first, size) = (firsts[2], all.len() as u64);
    let gone = opened.reader.read(first - 1);
    assert!(
        matches!(gone, Err(LogError::Pruned { index, first: from }) if (index, from) == (first - 1, first)),
        "{gone:?}"
    );
    assert_eq!(
        opened.reader.read(first).unwrap().as_ref(),
        Some(&all[first as usize])
    );
    drop(opened);
    let mut seen = Vec::new();
    let recovered = recover(dir.path(), |index, leaf| {
        seen.push((index, leaf.to_vec()));
        Ok(())
    });
    let recovered = recovered.unwrap();
    assert_eq!((recovered.first_index(), recovered.size()), (first, size));
    let expected = (first..).zip(all[first as usize..].iter().cloned());
    assert_eq!(seen, expected.collect::<Vec<_>>());
    let mut opened = recovered.begin(SEGMENT_OCTETS).unwrap();
    // The open segment stays, whatever is asked for.
    opened.pruner.prune_below(u64::MAX).unwrap();
    assert_eq!(segments(dir.path()).len(), 1);
    opened.writer.append(&[b"next".to_vec()]).unwrap();
    assert_eq!(opened.reader.read(size).unwrap().unwrap(), b"next");
}

fn octets_of(leaves: &[Vec<u8>]) -> u64 {
    HEAD_OCTETS as u64
        + leaves
            .iter()
            .map(|leaf| (FRAME_HEAD_OCTETS + leaf.len()) as u64)
            .sum::<u64>()
}

fn whole_leaves(leaves: &[Vec<u8>], end: u64) -> usize {
    (0..=leaves.len())
        .rev()
        .find(|count| octets_of(&leaves[..*count]) <= end)
        .unwrap_or(0)
}

#[test]
fn a_flipped_bit_in_an_older_segment_is_refused_with_file_offset_and_index() {
    let source = scratch();
    let all = build(source.path(), &[20, 20, 20, 20]);
    let older = segments(source.path()).remove(0);
    let octets = fs::metadata(&older).unwrap().len();
    let of_older = first_index_of(segments(source.path())[1].file_name().unwrap().to_str().unwrap()).unwrap();
    let dir = scratch();
    for at in (0..octets).step_by(7) {
        copy(source.path(), dir.path());
        let path = dir.path().join(older.file_name().unwrap());
        let mut bytes = fs::read(&path).unwrap();
        bytes[at as usize] ^= 0x10;
        fs::write(&path, bytes).unwrap();
        let Err(LogError::Corrupt(damage)) = open_all(dir.path()) else {
            panic!("octet {at} was changed, and nobody saw it");
        };
        assert_eq!(damage.path, path);
        let index = whole_leaves(&all[..of_older as usize], at);
        assert_eq!(damage.index, index as u64, "{damage}");
        let expected = if at < HEAD_OCTETS as u64 {
            0
        } else {
            octets_of(&all[..index])
        };
        assert_eq!(damage.offset, expected, "{damage}");
    }
}

#[test]
fn damage_before_the_last_group_of_the_last_segment_is_no_torn_tail() {
    let dir = scratch();
    build(dir.path(), &[4, 4, 4]);
    let path = segments(dir.path()).pop().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[HEAD_OCTETS + FRAME_HEAD_OCTETS] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let Err(LogError::Corrupt(damage)) = open_all(dir.path()) else {
        panic!("the damage was cut away");
    };
    assert_eq!((damage.index, damage.offset), (0, HEAD_OCTETS as u64));
    assert!(damage.reason.contains("below"), "{damage}");
    assert_eq!(fs::read(&path).unwrap(), bytes, "the evidence was changed");
}

#[test]
fn a_hole_within_the_last_group_is_a_torn_write_and_is_cut() {
    let dir = scratch();
    let all = build(dir.path(), &[4, 4]);
    let path = segments(dir.path()).pop().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let hole = octets_of(&all[..5]) as usize;
    bytes[hole..hole + FRAME_HEAD_OCTETS].fill(0);
    fs::write(&path, bytes).unwrap();
    let (opened, seen) = open_all(dir.path()).unwrap();
    assert_eq!(seen, all[..5]);
    let cut = opened.cut.unwrap();
    assert_eq!((cut.index, cut.offset), (5, hole as u64));
}

#[test]
fn a_missing_segment_a_renamed_one_and_a_later_layout_are_refused() {
    let source = scratch();
    build(source.path(), &[30, 30, 30, 30]);
    let paths = segments(source.path());
    let first_of_third: u64 = paths[2].file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let check = |change: &dyn Fn(&Path), reason: &str| {
        let dir = scratch();
        copy(source.path(), dir.path());
        change(dir.path());
        let error = open_all(dir.path()).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    };
    let name = |nth: usize| paths[nth].file_name().unwrap();
    check(&|dir| fs::remove_file(dir.join(name(1))).unwrap(), "missing");
    check(
        &|dir| {
            fs::remove_file(dir.join(name(2))).unwrap();
            fs::copy(dir.join(name(0)), dir.join(name(2))).unwrap();
        },
        "the head says that the segment begins at index 0",
    );
    check(
        &|dir| {
            let path = dir.join(file_name(first_of_third));
            let mut bytes = fs::read(&path).unwrap();
            let mut head = encode_head(Head {
                first_index: first_of_third,
                octets: SEGMENT_OCTETS,
            });
            head[8] = 9;
            let crc = crc32c::crc32c(&head[..HEAD_OCTETS - 4]);
            head[HEAD_OCTETS - 4..].copy_from_slice(&crc.to_le_bytes());
            bytes[..HEAD_OCTETS].copy_from_slice(&head);
            fs::write(&path, bytes).unwrap();
        },
        "version 9",
    );
    check(
        &|dir| {
            let file = fs::OpenOptions::new().write(true).open(dir.join(name(3)));
            file.unwrap().set_len(SEGMENT_OCTETS - 1).unwrap();
        },
        "was made with 4096 octets, and has 4095",
    );
}

#[test]
fn what_the_visitor_finds_wrong_is_damage() {
    let dir = scratch();
    build(dir.path(), &[3]);
    let recovered = recover(dir.path(), |index, _| {
        if index == 2 {
            Err("not a leaf".to_owned())
        } else {
            Ok(())
        }
    });
    let Err(LogError::Corrupt(damage)) = recovered else {
        panic!("the visitor was not heard");
    };
    assert_eq!((damage.index, damage.reason.as_str()), (2, "not a leaf"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However a crash tears the last write, what was synced before is kept, and nothing else appears.
    #[test]
    fn a_torn_last_write_never_costs_a_synced_leaf(
        groups in proptest::collection::vec(1_u64..40, 1..6),
        torn in 1_u64..40,
        keep in any::<proptest::sample::Index>(),
        holes in proptest::collection::vec((any::<proptest::sample::Index>(), 1_usize..600), 0..3),
        garbage in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let dir = scratch();
        let synced = build(dir.path(), &groups);
        let before = segments(dir.path()).pop().unwrap();
        let synced_end = written(&before);
        let all = build(dir.path(), &[torn]);
        prop_assert_eq!(&all[..synced.len()], &synced[..]);
        let path = segments(dir.path()).pop().unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let group_start = if path == before { synced_end } else { HEAD_OCTETS };
        let group_end = written(&path);
        let end = group_start + keep.index(group_end - group_start + 1);
        bytes[end..].fill(0);
        for (at, octets) in holes {
            let hole = group_start + at.index(group_end - group_start + 1);
            let end = (hole + octets).min(bytes.len());
            bytes[hole..end].fill(0);
        }
        let garbage_end = (end + garbage.len()).min(bytes.len());
        bytes[end..garbage_end].copy_from_slice(&garbage[..garbage_end - end]);
        fs::write(&path, bytes).unwrap();
        let (mut opened, seen) = open_all(dir.path()).unwrap();
        prop_assert!(seen.len() >= synced.len());
        prop_assert_eq!(&seen[..], &all[..seen.len()]);
        opened.writer.append(&[b"on".to_vec()]).unwrap();
        prop_assert_eq!(read_all(&opened.reader).len(), seen.len() + 1);
    }

    /// A changed bit is found, or it hit the last group, which then ends before it.
    #[test]
    fn no_changed_bit_alters_a_leaf(
        groups in proptest::collection::vec(1_u64..40, 1..6),
        segment in any::<proptest::sample::Index>(),
        octet in any::<proptest::sample::Index>(),
        bit in 0_u32..8,
    ) {
        let dir = scratch();
        let all = build(dir.path(), &groups);
        let paths = segments(dir.path());
        let path = segment.get(&paths);
        let mut bytes = fs::read(path).unwrap();
        let at = octet.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let behind_all = path == paths.last().unwrap() && at >= written(path);
        fs::write(path, bytes).unwrap();
        if let Ok((_, seen)) = open_all(dir.path()) {
            let last_group = *groups.last().unwrap() as usize;
            prop_assert!(seen.len() >= all.len() - last_group);
            prop_assert!(seen.len() < all.len() || behind_all);
            prop_assert_eq!(&seen[..], &all[..seen.len()]);
        }
    }
}
