//! What makes two requests the same request.

use std::fmt;

use hongyan_domain::Msisdn;
use hongyan_envelope::Keyring;
use hongyan_proto::dispatch::v1::{SendMessageRequest, send_message_request::Content};
use ring::digest::{Context, SHA256};

/// The purpose of the tag; others' tags do not compare with it.
const PURPOSE: &str = "dispatch-request";

/// The octets kept. 16 of them collide by chance never, and on purpose only with the key.
pub const FINGERPRINT_OCTETS: usize = 16;

/// Tells whether a request id came with the same request. Keyed, because a number and a text can be guessed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; FINGERPRINT_OCTETS]);

impl Fingerprint {
    /// Of everything that the caller asked for, with the number in its canonical form. The trace is not part of it: a
    /// repetition has a trace of its own. Neither is what the catalog adds, which may change between two attempts.
    pub fn of(request: &SendMessageRequest, phone: &Msisdn, keyring: &Keyring) -> Self {
        let mut digest = Context::new(&SHA256);
        let mut field = |octets: &[u8]| {
            // The length in front keeps ("ab", "c") and ("a", "bc") apart.
            digest.update(&(octets.len() as u64).to_be_bytes());
            digest.update(octets);
        };
        field(phone.e164().as_bytes());
        field(&request.class.to_be_bytes());
        field(&request.validity_seconds.to_be_bytes());
        field(request.signature.as_bytes());
        field(request.extension.as_bytes());
        field(request.reference.as_bytes());
        match &request.content {
            None => field(b"none"),
            Some(Content::Text(text)) => {
                field(b"text");
                field(text.as_bytes());
            }
            Some(Content::Template(template)) => {
                field(b"template");
                field(template.id.as_bytes());
                let mut parameters: Vec<_> = template.parameters.iter().collect();
                parameters.sort();
                for (name, value) in parameters {
                    field(name.as_bytes());
                    field(value.as_bytes());
                }
            }
        }
        let tag = keyring.tag(PURPOSE, &hex_of(digest.finish().as_ref()));
        let mut octets = [0; FINGERPRINT_OCTETS];
        octets.copy_from_slice(&tag.as_bytes()[..FINGERPRINT_OCTETS]);
        Self(octets)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}

fn hex_of(octets: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = octets.iter().flat_map(|octet| [octet >> 4, octet & 0x0f]);
    nibbles
        .map(|nibble| char::from(DIGITS[usize::from(nibble)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use hongyan_domain::Msisdn;
    use hongyan_envelope::Keyring;
    use hongyan_proto::dispatch::v1::{SendMessageRequest, Template, send_message_request::Content};

    use super::{Fingerprint, hex_of};
    use crate::testing;

    fn of(request: &SendMessageRequest, keyring: &Keyring) -> Fingerprint {
        let phone = Msisdn::parse(&request.phone).unwrap();
        Fingerprint::of(request, &phone, keyring)
    }

    fn template(pairs: &[(&str, &str)]) -> SendMessageRequest {
        let parameters = pairs
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        SendMessageRequest {
            content: Some(Content::Template(Template {
                id: "code".into(),
                parameters,
            })),
            ..testing::request()
        }
    }

    #[test]
    fn the_same_request_written_otherwise_is_the_same() {
        let keyring = testing::keyring();
        let one = of(&testing::request(), &keyring);
        let spaced = SendMessageRequest {
            phone: "+86 138-0013-8000".into(),
            traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into(),
            ..testing::request()
        };
        assert_eq!(of(&spaced, &keyring), one);
        let many: Vec<(String, String)> = (0..20).map(|n| (format!("p{n}"), format!("v{n}"))).collect();
        let forward: Vec<_> = many.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let backward: Vec<_> = forward.iter().rev().copied().collect();
        assert_eq!(
            of(&template(&forward), &keyring),
            of(&template(&backward), &keyring)
        );
    }

    #[test]
    fn every_part_of_a_request_counts() {
        let keyring = testing::keyring();
        let one = testing::request();
        let others = [
            SendMessageRequest {
                phone: "13800138001".into(),
                ..one.clone()
            },
            SendMessageRequest {
                class: 3,
                ..one.clone()
            },
            SendMessageRequest {
                content: Some(Content::Text("other".into())),
                ..one.clone()
            },
            SendMessageRequest {
                signature: "x".into(),
                ..one.clone()
            },
            SendMessageRequest {
                extension: "1".into(),
                ..one.clone()
            },
            SendMessageRequest {
                reference: "x".into(),
                ..one.clone()
            },
            SendMessageRequest {
                validity_seconds: 7,
                ..one.clone()
            },
            template(&[("code", "1")]),
            template(&[("code", "2")]),
            template(&[("cod", "e1")]),
        ];
        let all: Vec<_> = std::iter::once(&one)
            .chain(&others)
            .map(|request| of(request, &keyring))
            .collect();
        for (at, fingerprint) in all.iter().enumerate() {
            assert_eq!(all.iter().position(|other| other == fingerprint), Some(at));
        }
    }

    #[test]
    fn without_the_key_a_fingerprint_tells_nothing() {
        let other_key = testing::keyring_with_tag_octet(9);
        assert_ne!(
            of(&testing::request(), &testing::keyring()),
            of(&testing::request(), &other_key)
        );
        assert_eq!(
            format!("{:?}", of(&testing::request(), &other_key)),
            "Fingerprint(…)"
        );
        assert_eq!(hex_of(&[0x00, 0xaf, 0xff]), "00afff");
    }
}
