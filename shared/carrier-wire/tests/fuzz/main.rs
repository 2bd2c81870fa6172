//! A bounded run of every fuzz target: the same functions that libFuzzer calls, on the vectors, on damaged vectors and
//! on chance that repeats itself.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod bodies;
#[path = "../common/chance.rs"]
mod chance;

use bodies::{Body, TARGETS};
use chance::Chance;

/// Inputs of each target beside the vectors themselves.
const DAMAGED: usize = 1_500;
const INVENTED: usize = 1_500;

/// The frames of all vectors: of some protocol, which is one input like another to the others.
fn seeds() -> Vec<Vec<u8>> {
    let text = include_str!("../vectors/carriers.json");
    let vectors: serde_json::Value = serde_json::from_str(text).unwrap();
    let mut seeds = Vec::new();
    collect_hex(&vectors, &mut seeds);
    assert!(seeds.len() >= 61, "the vectors were found: {}", seeds.len());
    seeds
}

/// Every string, or list of strings, that is called `hex`.
fn collect_hex(value: &serde_json::Value, found: &mut Vec<Vec<u8>>) {
    match value {
        serde_json::Value::Array(all) => all.iter().for_each(|value| collect_hex(value, found)),
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    serde_json::Value::String(hex) if name == "hex" => found.push(hex::decode(hex).unwrap()),
                    serde_json::Value::Array(list) if name == "hex" => {
                        let parts = list.iter().map(|hex| hex::decode(hex.as_str().unwrap()).unwrap());
                        found.extend(parts);
                    }
                    other => collect_hex(other, found),
                }
            }
        }
        _ => {}
    }
}

fn run(name: &str, body: Body) {
    let seeds = seeds();
    for seed in &seeds {
        body(seed);
    }
    let mut chance = Chance::new(name.bytes().map(u64::from).sum());
    for _ in 0..DAMAGED {
        let mut octets = seeds[chance.below(seeds.len())].clone();
        chance.mutate(&mut octets);
        body(&octets);
    }
    for _ in 0..INVENTED {
        let len = chance.below(400);
        let octets: Vec<u8> = (0..len).map(|_| (chance.next() >> 24) as u8).collect();
        body(&octets);
    }
}

/// Each target by its name, in a test of its own, so that a failure says which.
macro_rules! bounded {
    ($($name:ident),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                let name = stringify!($name);
                let found = TARGETS.iter().find(|(target, _)| *target == name);
                run(name, found.unwrap().1);
            }
        )+

        #[test]
        fn every_target_has_a_bounded_run_and_a_libfuzzer_target() {
            let tested = [$(stringify!($name)),+];
            let targets: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
            assert_eq!(targets, tested);
            let manifest = include_str!("../../fuzz/Cargo.toml");
            for target in targets {
                let line = format!("path = \"fuzz_targets/{target}.rs\"");
                assert!(manifest.contains(&line), "{target} has no entry in fuzz/Cargo.toml");
            }
        }
    };
}

bounded!(
    cmpp_decode,
    cmpp_session,
    concat,
    reassembly,
    sgip_decode,
    sgip_session,
    smgp_decode,
    smgp_report,
    smgp_session,
    smpp_decode,
    smpp_receipt,
    smpp_session,
    text_ascii,
    text_gb18030,
    text_gbk,
    text_gsm7,
    text_gsm7_packed,
    text_latin1,
    text_ucs2,
);
