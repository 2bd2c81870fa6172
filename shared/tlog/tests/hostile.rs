//! What an enemy may send, one change away from what is true: nothing of it panics, and nothing of it verifies.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hongyan_tlog::{
    Frontier, HASH_OCTETS, Hash, Tile, bundle,
    checkpoint::Checkpoint,
    key::{Algorithm, Signer, Verifier},
    leaf_hash, node_hash,
    note::{MAX_NOTE_OCTETS, MAX_SIGNATURES, Note},
    proof::{verify_consistency, verify_inclusion},
    proof_text::TlogProof,
    range::{RangeProof, RangeVerifier},
    tile::Place,
};

const ORIGIN: &str = "audit.example/cdr/2026h2/0";
const LEAVES: [&[u8]; 5] = [b"a", b"bb", b"", b"dddd", b"e"];

/// Name, leaf, index, size, proof, root. Sizes and roots that are given together are signed together: no proof can tell a
/// size that belongs to another root.
type Inclusion<'a> = (&'a str, Hash, u64, u64, &'a [Hash], Hash);
/// Name, old size and root, new size and root, proof.
type Consistency<'a> = (&'a str, u64, Hash, u64, Hash, &'a [Hash]);
/// Name, range, size, proof, leaves.
type Ranged<'a> = (&'a str, (u64, u64), u64, &'a RangeProof, &'a [Hash]);

fn signer(seed: u8) -> Signer {
    Signer::from_seed(ORIGIN, Algorithm::Ed25519, &[seed; 32]).unwrap()
}

fn root_of(leaves: &[&[u8]]) -> Hash {
    let mut tree = Frontier::new();
    for leaf in leaves {
        tree.push(leaf_hash(leaf));
    }
    tree.root()
}

fn state() -> Checkpoint {
    Checkpoint::new(ORIGIN, 5, root_of(&LEAVES)).unwrap()
}

fn note() -> String {
    Note::sign(&state().to_string(), &signer(7), 0)
        .unwrap()
        .to_string()
}

/// As every reader of this crate does it.
fn believed(octets: &[u8]) -> Result<Checkpoint, String> {
    let note = Note::parse(octets).map_err(|error| error.to_string())?;
    let known = [signer(7).verifier().clone()];
    note.verified_by(&known).map_err(|error| error.to_string())?;
    Checkpoint::parse_of(ORIGIN, note.text()).map_err(|error| error.to_string())
}

/// The octets behind the key's id in the signature's line.
fn with_signature(change: impl FnOnce(&mut Vec<u8>)) -> String {
    let note = note();
    let (head, encoded) = note.trim_end().rsplit_once(' ').unwrap();
    let mut octets = STANDARD.decode(encoded).unwrap();
    change(&mut octets);
    format!("{head} {}\n", STANDARD.encode(octets))
}

/// Signed by the true key, whatever it says.
fn signed(text: &str) -> String {
    Note::sign(text, &signer(7), 0).unwrap().to_string()
}

#[test]
fn hostile_notes_and_checkpoints_are_believed_by_nobody() {
    assert_eq!(believed(note().as_bytes()), Ok(state()));
    let honest = note();
    let text = state().to_string();
    let signature = honest.split_once("\n\n").unwrap().1.to_owned();
    let root = STANDARD.encode(state().root().as_bytes());
    let foreign = Note::sign(&text, &signer(8), 0).unwrap().to_string();
    let foreign_line = foreign.split_once("\n\n").unwrap().1.to_owned();
    let table: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("a line end", b"\n".to_vec()),
        ("empty lines", b"\n\n\n".to_vec()),
        ("no signature", text.clone().into_bytes()),
        (
            "no signature behind the empty line",
            format!("{text}\n").into_bytes(),
        ),
        ("no line end at the end", honest.trim_end().as_bytes().to_vec()),
        ("a line more", format!("{honest}x\n").into_bytes()),
        ("an empty line more", format!("{honest}\n").into_bytes()),
        ("another size", honest.replacen("\n5\n", "\n6\n", 1).into_bytes()),
        (
            "another origin",
            honest.replacen("2026h2", "2026h1", 1).into_bytes(),
        ),
        (
            "an extension that nobody signed",
            honest.replacen("\n\n", "\nmore\n\n", 1).into_bytes(),
        ),
        ("carriage returns", honest.replace('\n', "\r\n").into_bytes()),
        ("a zero octet", honest.replacen('5', "5\0", 1).into_bytes()),
        ("no UTF-8", [honest.as_bytes(), &[0xff, b'\n']].concat()),
        (
            "a hyphen for the dash",
            honest.replace('\u{2014}', "-").into_bytes(),
        ),
        (
            "no base64",
            honest
                .replace("= ", "* ")
                .replace("==\n", "*=\n")
                .replace("=\n", "*\n")
                .into_bytes(),
        ),
        (
            "a key's id alone",
            with_signature(|octets| octets.truncate(4)).into_bytes(),
        ),
        (
            "a cut signature",
            with_signature(|octets| octets.truncate(67)).into_bytes(),
        ),
        (
            "a longer signature",
            with_signature(|octets| octets.push(0)).into_bytes(),
        ),
        (
            "no signature's octets but zeros",
            with_signature(|octets| octets[4..].fill(0)).into_bytes(),
        ),
        ("another id", with_signature(|octets| octets[0] ^= 1).into_bytes()),
        (
            "another signature",
            with_signature(|octets| octets[40] ^= 1).into_bytes(),
        ),
        (
            "an S above the order",
            with_signature(|octets| octets[67] |= 0xf0).into_bytes(),
        ),
        ("another key", foreign.clone().into_bytes()),
        ("another key's signature under this id", {
            let id = STANDARD
                .decode(signature.trim_end().rsplit_once(' ').unwrap().1)
                .unwrap();
            let theirs = STANDARD
                .decode(foreign_line.trim_end().rsplit_once(' ').unwrap().1)
                .unwrap();
            let mixed = STANDARD.encode([&id[..4], &theirs[4..]].concat());
            format!("{text}\n\u{2014} {ORIGIN} {mixed}\n").into_bytes()
        }),
        ("a true signature and a false one of the same key", {
            let wrong = with_signature(|octets| octets[40] ^= 1);
            let wrong = wrong.split_once("\n\n").unwrap().1.to_owned();
            format!("{honest}{wrong}").into_bytes()
        }),
        ("too many signatures", {
            let many = foreign_line.repeat(MAX_SIGNATURES);
            format!("{honest}{many}").into_bytes()
        }),
        ("too long", {
            let padding = "x".repeat(MAX_NOTE_OCTETS);
            signed(&format!("{text}{padding}\n")).into_bytes()
        }),
        ("signed: no checkpoint", signed("hello\n").into_bytes()),
        (
            "signed: a leading zero",
            signed(&format!("{ORIGIN}\n05\n{root}\n")).into_bytes(),
        ),
        (
            "signed: a sign",
            signed(&format!("{ORIGIN}\n+5\n{root}\n")).into_bytes(),
        ),
        (
            "signed: too large a size",
            signed(&format!("{ORIGIN}\n18446744073709551616\n{root}\n")).into_bytes(),
        ),
        (
            "signed: a short root",
            signed(&format!("{ORIGIN}\n5\nAAAA\n")).into_bytes(),
        ),
        (
            "signed: a root without padding",
            signed(&format!("{ORIGIN}\n5\n{}\n", root.trim_end_matches('='))).into_bytes(),
        ),
        (
            "signed: another log",
            signed(&format!("audit.example/meta/2026h2/0\n5\n{root}\n")).into_bytes(),
        ),
        (
            "signed: an empty line inside",
            signed(&format!("{ORIGIN}\n5\n\n{root}\n")).into_bytes(),
        ),
    ];
    for (name, octets) in table {
        assert_ne!(octets, honest.as_bytes(), "{name} changes nothing");
        assert!(believed(&octets).is_err(), "{name}");
    }
}

#[test]
fn hostile_keys_are_none() {
    let honest = signer(7).verifier().to_string();
    assert!(honest.parse::<Verifier>().is_ok());
    let (name, rest) = honest.split_once('+').unwrap();
    let (id, key) = rest.split_once('+').unwrap();
    for text in [
        String::new(),
        "+".to_owned(),
        "++".to_owned(),
        name.to_owned(),
        format!("{name}+{id}"),
        format!("+{id}+{key}"),
        format!("a b+{id}+{key}"),
        format!("{name}+00000000+{key}"),
        format!("{name}+{id}+"),
        format!("{name}+{id}+{}", &key[..8]),
        format!("{name}+{id}+{key}AAAA"),
        format!("other+{id}+{key}"),
        format!("{name}+{id}0+{key}"),
        format!("{}+{id}+{key}", "n".repeat(256)),
        format!("{honest}\n"),
        format!(" {honest}"),
    ] {
        assert!(text.parse::<Verifier>().is_err(), "{text:?}");
    }
}

#[test]
fn hostile_proofs_prove_nothing() {
    let (root, leaf) = (*state().root(), leaf_hash(LEAVES[0]));
    let left = node_hash(&leaf, &leaf_hash(LEAVES[1]));
    let right = root_of(&LEAVES[2..4]);
    let way = [leaf_hash(LEAVES[1]), right, leaf_hash(LEAVES[4])];
    assert_eq!(verify_inclusion(&leaf, 0, 5, &way, &root), Ok(()));
    let zeros = Hash([0; HASH_OCTETS]);
    let long = vec![leaf; 1_000];
    let table: [Inclusion<'_>; 14] = [
        ("no hash", leaf, 0, 5, &[], root),
        ("the root as leaf", root, 0, 1, &way, root),
        ("a node as leaf", left, 0, 5, &way[1..], root),
        ("one hash less", leaf, 0, 5, &way[..2], root),
        (
            "one hash more",
            leaf,
            0,
            5,
            &[way[0], way[1], way[2], zeros],
            root,
        ),
        ("a thousand hashes", leaf, 0, 5, &long, root),
        ("turned round", leaf, 0, 5, &[way[2], way[1], way[0]], root),
        ("the sibling's place", leaf, 1, 5, &way, root),
        ("the last place", leaf, 4, 5, &way, root),
        ("behind the end", leaf, 5, 5, &way, root),
        ("far behind the end", leaf, u64::MAX, 5, &way, root),
        ("no tree", leaf, 0, 0, &way, root),
        ("the largest tree", leaf, 0, u64::MAX, &way, root),
        ("another root", leaf, 0, 5, &way, zeros),
    ];
    for (name, leaf, index, size, way, root) in table {
        assert!(
            verify_inclusion(&leaf, index, size, way, &root).is_err(),
            "{name}"
        );
    }

    let old_root = root_of(&LEAVES[..4]);
    let way = [leaf_hash(LEAVES[4])];
    assert_eq!(verify_consistency(4, &old_root, 5, &root, &way), Ok(()));
    let table: [Consistency<'_>; 10] = [
        ("from nothing", 0, old_root, 5, root, &way),
        ("from nothing, with nothing", 0, old_root, 5, root, &[]),
        ("backwards", 5, root, 4, old_root, &way),
        ("no hash", 4, old_root, 5, root, &[]),
        ("one hash more", 4, old_root, 5, root, &[way[0], zeros]),
        ("another old root", 4, zeros, 5, root, &way),
        ("another new root", 4, old_root, 5, zeros, &way),
        ("another old size", 3, old_root, 5, root, &way),
        ("one size with two roots", 5, old_root, 5, root, &[]),
        ("the largest sizes", u64::MAX - 1, old_root, u64::MAX, root, &way),
    ];
    for (name, old, old_root, new, new_root, way) in table {
        assert!(
            verify_consistency(old, &old_root, new, &new_root, way).is_err(),
            "{name}"
        );
    }
}

#[test]
fn hostile_ranges_hold_nothing() {
    let root = *state().root();
    let hashes = LEAVES.map(leaf_hash);
    let honest = RangeProof {
        left: vec![hashes[0]],
        right: vec![hashes[3], hashes[4]],
    };
    let check = |range, size, root, proof: &RangeProof, leaves: &[Hash]| {
        let mut verifier = RangeVerifier::new(range, (size, root), proof)?;
        leaves.iter().try_for_each(|leaf| verifier.push(*leaf))?;
        verifier.finish()
    };
    assert_eq!(check((1, 3), 5, root, &honest, &hashes[1..3]), Ok(()));
    let none = RangeProof {
        left: Vec::new(),
        right: Vec::new(),
    };
    let whole_in_front = RangeProof {
        left: vec![hashes[0]],
        right: vec![hashes[3], root],
    };
    let many = RangeProof {
        left: vec![hashes[0]; 1_000],
        right: vec![hashes[3]; 1_000],
    };
    let turned = RangeProof {
        left: vec![hashes[0]],
        right: vec![hashes[4], hashes[3]],
    };
    let table: [Ranged<'_>; 13] = [
        ("no leaf", (1, 3), 5, &honest, &[]),
        ("one leaf less", (1, 3), 5, &honest, &hashes[1..2]),
        ("one leaf more", (1, 3), 5, &honest, &hashes[1..4]),
        ("the leaves before", (1, 3), 5, &honest, &hashes[..2]),
        ("turned round", (1, 3), 5, &honest, &[hashes[2], hashes[1]]),
        ("no hashes beside", (1, 3), 5, &none, &hashes[1..3]),
        ("the root beside", (1, 3), 5, &whole_in_front, &hashes[1..3]),
        ("a thousand hashes beside", (1, 3), 5, &many, &hashes[1..3]),
        ("the sides turned round", (1, 3), 5, &turned, &hashes[1..3]),
        ("an empty range", (1, 1), 5, &honest, &[]),
        ("a range backwards", (3, 1), 5, &honest, &hashes[1..3]),
        ("a range beyond the tree", (4, 6), 5, &honest, &hashes[1..3]),
        (
            "the largest numbers",
            (u64::MAX - 1, u64::MAX),
            u64::MAX,
            &honest,
            &hashes[1..3],
        ),
    ];
    for (name, range, size, proof, leaves) in table {
        assert!(check(range, size, root, proof, leaves).is_err(), "{name}");
    }
}

#[test]
fn hostile_proof_texts_prove_nothing() {
    let way = vec![leaf_hash(LEAVES[1]), root_of(&LEAVES[2..4]), leaf_hash(LEAVES[4])];
    let honest = TlogProof {
        index: 0,
        hashes: way,
        checkpoint: Note::parse(note().as_bytes()).unwrap(),
        extra: Vec::new(),
    }
    .to_string();
    let leaf = leaf_hash(LEAVES[0]);
    let key = signer(7).verifier().clone();
    let holds = |text: &str| {
        let proof = TlogProof::parse(text.as_bytes()).map_err(|error| error.to_string())?;
        let verdict = proof.verify(&leaf, ORIGIN, &key, &[]);
        verdict.map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(holds(&honest), Ok(()));
    let a_hash = STANDARD.encode(leaf.as_bytes());
    for (name, text) in [
        ("nothing", String::new()),
        ("another version", honest.replacen("@v1", "@v2", 1)),
        ("no index", honest.replacen("index 0\n", "", 1)),
        ("another index", honest.replacen("index 0", "index 1", 1)),
        ("a leading zero", honest.replacen("index 0", "index 00", 1)),
        ("a negative index", honest.replacen("index 0", "index -1", 1)),
        (
            "the largest index",
            honest.replacen("index 0", "index 18446744073709551615", 1),
        ),
        (
            "a hash more",
            honest.replacen("index 0\n", &format!("index 0\n{a_hash}\n"), 1),
        ),
        (
            "a hundred hashes",
            honest.replacen(
                "index 0\n",
                &format!("index 0\n{}", format!("{a_hash}\n").repeat(100)),
                1,
            ),
        ),
        ("a cut hash", honest.replacen("index 0\n", "index 0\nAAAA\n", 1)),
        ("no empty line", honest.replacen("\n\n", "\n", 1)),
        (
            "no checkpoint",
            honest.split_once("\n\n").unwrap().0.to_owned() + "\n\n",
        ),
        (
            "extra data that are none",
            honest.replacen("index", "extra \nindex", 1),
        ),
        (
            "extra data that are no base64",
            honest.replacen("index", "extra *\nindex", 1),
        ),
        ("another checkpoint", honest.replacen("\n5\n", "\n4\n", 1)),
        ("carriage returns", honest.replace('\n', "\r\n")),
    ] {
        assert_ne!(text, honest, "{name} changes nothing");
        assert!(holds(&text).is_err(), "{name}");
    }
}

#[test]
fn hostile_tiles_and_bundles_are_none() {
    for path in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "/tile/0/001",
        "tile//0/001",
        "tile/0//001",
        "tile/0/001/",
        "tile/0/../../../etc/passwd",
        "tile/../checkpoint",
        "tile/entries/../../key",
        "tile/0/1",
        "tile/0/0001",
        "tile/0/x001",
        "tile/0/001/002",
        "tile/0/x000/001",
        "tile/0/X001/002",
        "tile/00/001",
        "tile/8/001",
        "tile/64/001",
        "tile/-1/001",
        "tile/256/001",
        "tile/Entries/001",
        "tile/0/001.p",
        "tile/0/001.p/",
        "tile/0/001.p/0",
        "tile/0/001.p/00",
        "tile/0/001.p/256",
        "tile/0/001.p/-1",
        "tile/0/001.p/1/2",
        "tile/0/001.p/65537",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        "tile/0/001\0",
        "tile/0/\u{0660}\u{0660}\u{0661}",
    ] {
        assert!(path.parse::<Tile>().is_err(), "{path:?}");
    }
    let place = Place::of(0, 3, 5).unwrap();
    for octets in [0, 1, 31, 32 * 4, 32 * 5 - 1, 32 * 5 + 1, 32 * 6, 32 * 256] {
        assert_eq!(place.root(&vec![0; octets]), None, "{octets}");
    }
    for (bundle, width) in [
        (&b""[..], 1),
        (b"\0", 1),
        (b"\0\x01", 1),
        (b"\xff\xff", 1),
        (b"\xff\xffa", 1),
        (b"\0\x01a", 2),
        (b"\0\x01a\0", 1),
        (b"\0\x01a\0\0", 1),
        (b"\0\0\0\0\0\0", 2),
        (b"\0\x02a", 1),
    ] {
        assert!(bundle::entries(bundle, width).is_err(), "{bundle:?} of {width}");
    }
}
