//! Any octets as a user data header, and any text cut into parts in any way.

use hongyan_carrier_wire::concat::{
    Part, Place, Reference, Segmenting, Signature, SplitError, Udh, split_octets,
};
use hongyan_carrier_wire::text::{Coding, Decoded};

use super::source::Source;

const CODINGS: [Coding; 8] = [
    Coding::Ascii,
    Coding::Gsm7,
    Coding::Gsm7Packed,
    Coding::Latin1,
    Coding::Ucs2,
    Coding::Gbk,
    Coding::Gb18030,
    Coding::Other(4),
];

/// The octets are a header first, then what to cut and how.
pub(crate) fn headers_and_parts(octets: &[u8]) {
    if let Ok(udh) = Udh::parse(octets) {
        assert!((1..=256).contains(&udh.len) && udh.len <= octets.len());
        assert_eq!(udh.text(octets).len(), octets.len() - udh.len);
    }
    let mut source = Source::new(octets);
    let coding = *source.pick(&CODINGS);
    let reference = if source.flag() {
        Reference::Bits16(source.u16())
    } else {
        Reference::Bits8(source.u8())
    };
    let signature = source.flag().then(|| Signature {
        place: *source.pick(&[Place::First, Place::Last]),
        characters: source.u8(),
    });
    let how = Segmenting {
        signature,
        ascii_octets: if source.flag() { 159 } else { 140 },
        ..Segmenting::new(coding, reference, source.u8())
    };
    let rest = source.take(octets.len());
    let text = String::from_utf8_lossy(rest);
    match how.split(&text) {
        Ok(parts) => {
            assert!(parts.len() <= usize::from(how.max_parts));
            let texts: Vec<String> = parts.iter().map(|part| text_of(part, coding)).collect();
            assert!(joins_to(&texts, &text, coding), "{how:?}");
            numbered(&parts, reference);
        }
        Err(SplitError::TooLong { parts, max }) => assert!(parts > usize::from(max) && max == how.max_parts),
        Err(SplitError::Unwritable(error)) => {
            assert!(coding.encode(&text).is_err() && error.coding == coding);
        }
        Err(SplitError::Signature { units, room }) => assert!(signature.is_some() && units * 2 > room),
    }
    if let Ok(parts) = split_octets(rest, reference, how.max_parts) {
        let joined: Vec<u8> = parts
            .iter()
            .flat_map(|part| behind_header(part).1.to_vec())
            .collect();
        assert_eq!(joined, rest);
        numbered(&parts, reference);
    }
}

/// Whether the parts are the text, in order and whole. A packed part that ends in a carriage return where an octet
/// ends is read with one more: GSM 03.38 demands it, because a single one there would be taken for padding.
fn joins_to(parts: &[String], text: &str, coding: Coding) -> bool {
    // Where the text may go on: in a run of carriage returns a part can be read with its last one or without.
    let mut behind = vec![0];
    for part in parts {
        let padded = coding == Coding::Gsm7Packed && part.ends_with("\r\r");
        let shown = part.strip_suffix('\r').filter(|_| padded);
        let readings = [Some(part.as_str()), shown];
        let goes_on = |at: &usize| {
            let rest = text.get(*at..).unwrap_or_default();
            let at = *at;
            readings
                .into_iter()
                .flatten()
                .filter(move |reading| rest.starts_with(reading))
                .map(move |reading| at + reading.len())
        };
        behind = behind.iter().flat_map(goes_on).collect();
        behind.sort_unstable();
        behind.dedup();
    }
    behind.contains(&text.len())
}

fn numbered(parts: &[Part], reference: Reference) {
    for (number, part) in (1..).zip(parts) {
        assert!(part.content.len() <= 160);
        assert_eq!(part.concat.is_some(), parts.len() > 1);
        if let Some(concat) = part.concat {
            assert_eq!(
                (concat.reference(), concat.number(), usize::from(concat.total())),
                (reference, number, parts.len())
            );
        }
    }
}

fn behind_header(part: &Part) -> (usize, &[u8]) {
    let content = part.content.as_slice();
    let Some(concat) = part.concat else {
        return (0, content);
    };
    let udh = Udh::parse(content).expect("a header of our own");
    assert_eq!(udh.concat, Some(concat));
    (udh.len, udh.text(content))
}

fn text_of(part: &Part, coding: Coding) -> String {
    let (header_len, octets) = behind_header(part);
    match coding.decode_behind(header_len, octets) {
        Decoded::Text { text, lossy: false } => text,
        // No text at all can be written in a coding that has no text.
        Decoded::Octets if octets.is_empty() => String::new(),
        other => panic!("a part is not whole: {other:?}"),
    }
}
