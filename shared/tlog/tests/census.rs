//! Every file of a log around the sizes where tiles become full, against a computation that knows nothing of tiles: hashes
//! by another library, the tree as RFC 6962 defines it, paths as C2SP tlog-tiles writes them.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

use std::collections::BTreeMap;

use hongyan_tlog::{
    Hash, TILE_WIDTH, Tile, bundle,
    edge::Edge,
    leaf_hash, proof, range,
    tile::{Kind, Place},
};
use sha2::{Digest as _, Sha256};

type Sha = [u8; 32];

fn entry(n: usize) -> Vec<u8> {
    format!("entry {n}").into_bytes()
}

fn sha256(pieces: &[&[u8]]) -> Sha {
    let mut sha = Sha256::new();
    for piece in pieces {
        sha.update(piece);
    }
    sha.finalize().into()
}

/// MTH of RFC 6962, 2.1, word by word.
fn tree_hash(leaves: &[Sha]) -> Sha {
    match leaves {
        [] => sha256(&[]),
        [leaf] => *leaf,
        _ => {
            let mut k = 1;
            while k * 2 < leaves.len() {
                k *= 2;
            }
            let (left, right) = leaves.split_at(k);
            sha256(&[&[1], &tree_hash(left), &tree_hash(right)])
        }
    }
}

/// `x001/x234/067`.
fn number(n: usize) -> String {
    let digits = n.to_string();
    let width = digits.len().div_ceil(3) * 3;
    let padded = format!("{digits:0>width$}");
    let groups: Vec<_> = (0..width)
        .step_by(3)
        .map(|at| padded[at..at + 3].to_owned())
        .collect();
    let (last, others) = groups.split_last().unwrap();
    let mut path = String::new();
    for group in others {
        path.push('x');
        path.push_str(group);
        path.push('/');
    }
    path + last
}

/// All files of a log of so many of these leaves, and nothing of the crate's own in their making.
fn expected(leaves: &[Sha]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut put = |kind: &str, pieces: &[Vec<u8>]| {
        for (nth, tile) in pieces.chunks(256).enumerate() {
            let partial = if tile.len() < 256 {
                format!(".p/{}", tile.len())
            } else {
                String::new()
            };
            files.insert(format!("tile/{kind}/{}{partial}", number(nth)), tile.concat());
        }
    };
    let entries: Vec<_> = (0..leaves.len())
        .map(|n| {
            let entry = entry(n);
            let length = u16::try_from(entry.len()).unwrap().to_be_bytes();
            [&length[..], &entry].concat()
        })
        .collect();
    put("entries", &entries);
    let mut level = leaves.to_vec();
    for name in 0.. {
        if level.is_empty() {
            break;
        }
        put(
            &format!("{name}"),
            &level.iter().map(|hash| hash.to_vec()).collect::<Vec<_>>(),
        );
        level = level.chunks_exact(256).map(tree_hash).collect();
    }
    files
}

/// As a log writes them.
fn written(size: usize) -> (BTreeMap<String, Vec<u8>>, Hash) {
    let mut edge = Edge::new();
    let mut tiles = Vec::new();
    let mut bundle = Vec::new();
    for n in 0..size {
        edge.push(leaf_hash(&entry(n)), &mut tiles);
        bundle::push_entry(&mut bundle, &entry(n)).unwrap();
        let (nth, width) = (n / 256, n % 256 + 1);
        if width == 256 || n + 1 == size {
            let tile = Tile::new(Kind::Entries, nth as u64, u16::try_from(width).unwrap()).unwrap();
            tiles.push((tile, std::mem::take(&mut bundle)));
        }
    }
    tiles.extend(edge.partial());
    let files = tiles.into_iter().map(|(tile, octets)| (tile.to_string(), octets));
    (files.collect(), edge.root())
}

struct Files<'a>(&'a BTreeMap<String, Vec<u8>>, u64);

impl proof::Nodes for Files<'_> {
    type Error = ();

    fn node(&mut self, level: u8, number: u64) -> Result<Hash, ()> {
        let place = Place::of(level, number, self.1).ok_or(())?;
        place
            .root(self.0.get(&place.tile.to_string()).ok_or(())?)
            .ok_or(())
    }
}

#[test]
fn the_files_around_every_edge_are_these_and_no_others_octet_by_octet() {
    let leaves: Vec<Sha> = (0..65_537).map(|n| sha256(&[&[0], &entry(n)])).collect();
    // Files for each size: of entries, and of each level of hashes.
    let census = [
        (1, [1, 1, 0, 0]),
        (255, [1, 1, 0, 0]),
        (256, [1, 1, 1, 0]),
        (257, [2, 2, 1, 0]),
        (65_535, [256, 256, 1, 0]),
        (65_536, [256, 256, 1, 1]),
        (65_537, [257, 257, 1, 1]),
    ];
    for (size, counts) in census {
        let (files, root) = written(size);
        assert_eq!(root.as_bytes(), &tree_hash(&leaves[..size]), "size {size}");
        let expected = expected(&leaves[..size]);
        assert_eq!(
            files.keys().collect::<Vec<_>>(),
            expected.keys().collect::<Vec<_>>(),
            "size {size}"
        );
        for (name, octets) in &files {
            assert!(octets == &expected[name], "size {size}: {name}");
        }
        let kinds = ["entries", "0", "1", "2"];
        let found = kinds.map(|kind| {
            let dir = format!("tile/{kind}/");
            files.keys().filter(|name| name.starts_with(&dir)).count()
        });
        assert_eq!(found, counts, "size {size}");
        let named: Vec<_> = Tile::all_since(0, size as u64)
            .map(|tile| tile.to_string())
            .collect();
        assert_eq!(named.len(), files.len(), "size {size}");
        assert!(named.iter().all(|name| files.contains_key(name)), "size {size}");

        // And the files alone are enough for every kind of proof.
        let size = size as u64;
        let mut nodes = Files(&files, size);
        assert_eq!(proof::root(&mut nodes, size).unwrap(), root);
        let last = size - 1;
        let way = proof::inclusion(&mut nodes, last, size).unwrap();
        let leaf = leaf_hash(&entry(usize::try_from(last).unwrap()));
        assert_eq!(proof::verify_inclusion(&leaf, last, size, &way, &root), Ok(()));
        assert!(range::prove(&mut nodes, size / 2, size, size).is_ok());
        let width = u64::from(TILE_WIDTH);
        assert!(
            named
                .iter()
                .all(|name| files[name].len() as u64 <= width * 32 || name.contains("entries"))
        );
    }
}
