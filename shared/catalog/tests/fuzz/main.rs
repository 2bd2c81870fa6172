//! A bounded run of the fuzz target: the same function that libFuzzer calls, on the example, on what damage makes of it
//! and on chance that repeats itself.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod bodies;

use proptest::prelude::*;

const EXAMPLE: &str = include_str!("../../examples/codes.yaml");

#[test]
fn the_example_itself() {
    bodies::codes(EXAMPLE.as_bytes());
    assert!(hongyan_catalog::parse_codes(EXAMPLE).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_example_damaged(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..5),
        from in any::<prop::sample::Index>(),
    ) {
        // The comments in front are a third of it; what is damaged shall mostly be what means something.
        let begin = EXAMPLE.find("begin_with: all\n#").unwrap();
        let mut octets = EXAMPLE.as_bytes()[begin..].to_vec();
        for (at, octet, how) in changes {
            let at = at.index(octets.len());
            match how {
                0 => octets[at] = octet,
                1 => octets.insert(at, octet),
                _ => { octets.remove(at); }
            }
        }
        bodies::codes(&octets);
        octets.truncate(from.index(octets.len()));
        bodies::codes(&octets);
    }

    #[test]
    fn any_octets(octets in prop::collection::vec(any::<u8>(), 0..400)) {
        bodies::codes(&octets);
    }

    #[test]
    fn any_carriers_words(words in "([A-Z]{2,7}[:/]?[0-9A-Z*]{0,5}\n){0,8}") {
        bodies::codes(words.as_bytes());
    }
}
