//! The login's proofs. MD5 is what the protocol demands; it protects nothing by today's measure, so a link
//! belongs on a leased line or in a tunnel.

use md5::{Digest, Md5};

use super::pdu::{Connect, ConnectResp};
use super::{Version, pdu};
use crate::field::FixedStr;
use crate::login::same;
pub use crate::login::{Secret, Timestamp};

/// `AuthenticatorSource`: MD5 of the account, nine NUL, the secret, the ten digits of the time.
pub fn authenticator_source(source_addr: &FixedStr<6>, secret: &Secret, timestamp: Timestamp) -> [u8; 16] {
    digest(&[
        source_addr.as_bytes(),
        &[0; 9],
        secret.octets(),
        timestamp.digits().as_bytes(),
    ])
}

/// `AuthenticatorISMG`: MD5 of the status in its wire width, the `AuthenticatorSource`, the secret.
pub fn authenticator_ismg(layout: Version, status: u32, source: &[u8; 16], secret: &Secret) -> [u8; 16] {
    let wide = status.to_be_bytes();
    let [.., narrow] = wide;
    match layout {
        Version::V2 => digest(&[&[narrow], source, secret.octets()]),
        Version::V3 => digest(&[&wide, source, secret.octets()]),
    }
}

/// A whole `CONNECT` for this account.
pub fn connect(source_addr: FixedStr<6>, secret: &Secret, version: Version, timestamp: Timestamp) -> Connect {
    pdu::Connect {
        source_addr,
        authenticator_source: authenticator_source(&source_addr, secret, timestamp),
        version: version.octet(),
        timestamp: timestamp.wire(),
    }
}

/// Whether a `CONNECT` was made with this secret.
pub fn verify_connect(connect: &Connect, secret: &Secret) -> bool {
    let expected = authenticator_source(
        &connect.source_addr,
        secret,
        Timestamp::from_wire(connect.timestamp),
    );
    same(&expected, &connect.authenticator_source)
}

/// Whether a `CONNECT_RESP` was made with this secret, in answer to this `AuthenticatorSource`.
pub fn verify_connect_resp(resp: &ConnectResp, source: &[u8; 16], secret: &Secret) -> bool {
    same(
        &authenticator_ismg(resp.layout, resp.status, source, secret),
        &resp.authenticator_ismg,
    )
}

fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(part);
    }
    md5.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(account: &str, secret: &str, timestamp: u32) -> String {
        let account = FixedStr::new(account).unwrap();
        hex::encode(authenticator_source(
            &account,
            &Secret::new(secret),
            Timestamp::from_wire(timestamp),
        ))
    }

    #[test]
    fn matches_the_worked_examples() {
        assert_eq!(
            source("source", "password", 1_121_020_826),
            "b39704b5eaf60f45e2df94021a66f7e2"
        );
        assert_eq!(
            source("900001", "888888", 1_021_080_510),
            "90d00c1d517abd0b4f65f6bcf8535d16"
        );
    }

    #[test]
    fn hashes_the_leading_zero() {
        assert_eq!(Timestamp::from_wire(108_155_548).digits(), "0108155548");
        assert_eq!(
            source("901234", "shared-secret", 108_155_548),
            "8fb8846a8eaacd09738130fb8e2da6a3"
        );
    }

    #[test]
    fn ismg_digest_depends_on_the_width_of_the_status() {
        let mut source = [0u8; 16];
        hex::decode_to_slice("90d00c1d517abd0b4f65f6bcf8535d16", &mut source).unwrap();
        let secret = Secret::new("888888");
        let narrow = authenticator_ismg(Version::V2, 0, &source, &secret);
        assert_eq!(hex::encode(narrow), "6c0b846e25bab6daa4ed1c466e0f4bd8");
        assert_ne!(narrow, authenticator_ismg(Version::V3, 0, &source, &secret));
    }

    #[test]
    fn verifies_both_directions() {
        let secret = Secret::new("s3cret");
        let account = FixedStr::new("901234").unwrap();
        let connect = connect(
            account,
            &secret,
            Version::V3,
            Timestamp::new(1, 8, 15, 55, 48).unwrap(),
        );
        assert_eq!(connect.timestamp, 108_155_548);
        assert!(verify_connect(&connect, &secret));
        assert!(!verify_connect(&connect, &Secret::new("other")));
        assert!(!verify_connect(
            &Connect {
                timestamp: connect.timestamp + 1,
                ..connect
            },
            &secret
        ));

        let resp = ConnectResp {
            layout: Version::V3,
            status: 0,
            authenticator_ismg: authenticator_ismg(Version::V3, 0, &connect.authenticator_source, &secret),
            version: 0x30,
        };
        assert!(verify_connect_resp(&resp, &connect.authenticator_source, &secret));
        assert!(!verify_connect_resp(
            &ConnectResp { status: 1, ..resp },
            &connect.authenticator_source,
            &secret
        ));
    }
}
