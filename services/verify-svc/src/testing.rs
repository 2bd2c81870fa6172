//! What several tests need.

use hongyan_envelope::Keyring;

/// A keyring of its own.
pub(crate) fn keyring() -> Keyring {
    Keyring::parse(KEYRING).unwrap()
}

/// Its file: thirty-two times the octets 1 and 2.
pub(crate) const KEYRING: &str = r#"{
    "active": "k1",
    "keys": {"k1": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="},
    "tag_key": "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="
}"#;
