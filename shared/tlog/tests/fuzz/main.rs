//! A bounded run of every fuzz target: the same functions that libFuzzer calls, on true octets, on damaged ones and on
//! chance that repeats itself.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod bodies;

use bodies::{Body, TARGETS, seeds};

/// Inputs of each target beside the seeds themselves.
const DAMAGED: usize = 3_000;
const INVENTED: usize = 1_000;

/// SplitMix64: the same numbers on every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// One to three changes: an octet, a bit, a cut, a repetition.
    fn damage(&mut self, octets: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(octets.len());
            match self.below(5) {
                0 => octets.truncate(at),
                1 => octets.insert(at.min(octets.len()), self.next() as u8),
                2 => {
                    let again = octets.get(at..).unwrap_or_default().to_vec();
                    octets.extend(again.into_iter().take(64));
                }
                3 => {
                    let bit = self.below(8);
                    if let Some(octet) = octets.get_mut(at) {
                        *octet ^= 1 << bit;
                    }
                }
                _ => {
                    let chosen = b"0123456789\n +/=x.p\xe2\x80\x94"[self.below(21)];
                    if let Some(octet) = octets.get_mut(at) {
                        *octet = chosen;
                    }
                }
            }
        }
    }
}

fn run(name: &str, body: Body) {
    let seeds = seeds();
    for seed in &seeds {
        body(seed);
    }
    let mut chance = Chance(name.bytes().map(u64::from).sum());
    for _ in 0..DAMAGED {
        let mut octets = seeds[chance.below(seeds.len())].clone();
        chance.damage(&mut octets);
        body(&octets);
    }
    for _ in 0..INVENTED {
        let len = chance.below(300);
        let octets: Vec<u8> = (0..len).map(|_| chance.next() as u8).collect();
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
    bundle, checkpoint, frontier, key, note, proof, range, tile, tlog_proof
);
