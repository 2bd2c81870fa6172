//! The login's proofs. MD5 is what the protocol demands; it protects nothing by today's measure, so a link
//! belongs on a leased line or in a tunnel.

use std::fmt;

use md5::{Digest, Md5};

use super::pdu::{Connect, ConnectResp};
use super::{Version, pdu};
use crate::field::FixedStr;

/// The secret shared with the gateway. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Takes the secret's octets.
    pub fn new(octets: impl AsRef<[u8]>) -> Self {
        Self(octets.as_ref().into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// The time of a login, MMDDHHMMSS as a number. On the wire the number, in the digest ten digits, so that the
/// leading zero of January to September counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timestamp(u32);

impl Timestamp {
    /// Ten digits hold at most this.
    const MAX: u32 = 1_231_235_959;

    /// Of the parts of a local time (the gateway's, UTC+8); `None` when one is out of range.
    pub fn new(month: u8, day: u8, hour: u8, minute: u8, second: u8) -> Option<Self> {
        let in_range = (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour <= 23
            && minute <= 59
            // A leap second is written 60 by some clocks; it does not fit the protocol's digits any worse.
            && second <= 60;
        in_range.then(|| {
            [month, day, hour, minute, second]
                .into_iter()
                .fold(Self(0), |Self(sum), part| {
                    Self(sum.saturating_mul(100).saturating_add(u32::from(part)))
                })
        })
    }

    /// Of a Unix time in milliseconds, as the wall clock of UTC+8 shows it.
    pub fn of_unix_ms(unix_ms: u64) -> Self {
        const CHINA_OFFSET_S: u64 = 8 * 3_600;
        let seconds = (unix_ms / 1_000).saturating_add(CHINA_OFFSET_S);
        let (month, day) = month_and_day(seconds / 86_400);
        let of_day = (seconds % 86_400) as u32;
        Self(
            (month * 100 + day) * 1_000_000
                + (of_day / 3_600) * 10_000
                + (of_day / 60 % 60) * 100
                + of_day % 60,
        )
    }

    /// The number as it stands on the wire; unchecked, a peer may send anything.
    pub const fn from_wire(number: u32) -> Self {
        Self(number)
    }

    /// The number for the wire.
    pub const fn wire(self) -> u32 {
        self.0
    }

    /// The ten digits that are hashed; numbers above ten digits cannot occur in a `u32`.
    pub fn digits(self) -> String {
        format!("{:010}", self.0)
    }

    /// True when the number can be a date at all.
    pub const fn is_plausible(self) -> bool {
        self.0 <= Self::MAX
    }
}

/// Month and day of a day counted from 1970-01-01 (the civil calendar, after H. Hinnant's `civil_from_days`).
fn month_and_day(days: u64) -> (u32, u32) {
    let shifted = days.saturating_add(719_468);
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (month as u32, day as u32)
}

/// `AuthenticatorSource`: MD5 of the account, nine NUL, the secret, the ten digits of the time.
pub fn authenticator_source(source_addr: &FixedStr<6>, secret: &Secret, timestamp: Timestamp) -> [u8; 16] {
    digest(&[
        source_addr.as_bytes(),
        &[0; 9],
        &secret.0,
        timestamp.digits().as_bytes(),
    ])
}

/// `AuthenticatorISMG`: MD5 of the status in its wire width, the `AuthenticatorSource`, the secret.
pub fn authenticator_ismg(layout: Version, status: u32, source: &[u8; 16], secret: &Secret) -> [u8; 16] {
    let wide = status.to_be_bytes();
    let [.., narrow] = wide;
    match layout {
        Version::V2 => digest(&[&[narrow], source, &secret.0]),
        Version::V3 => digest(&[&wide, source, &secret.0]),
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

/// Compares without telling by its duration where the first difference is.
fn same(left: &[u8; 16], right: &[u8; 16]) -> bool {
    left.iter()
        .zip(right)
        .fold(0u8, |difference, (left, right)| difference | (left ^ right))
        == 0
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

    #[test]
    fn timestamp_of_unix_time_is_the_clock_of_china() {
        // 2026-01-08T07:55:48Z is 15:55:48 in China.
        assert_eq!(Timestamp::of_unix_ms(1_767_858_948_000).digits(), "0108155548");
        // 2024-02-29T16:00:00Z is already March there.
        assert_eq!(Timestamp::of_unix_ms(1_709_222_400_000).digits(), "0301000000");
        // 1970-12-31T15:59:59Z, the last second of the year.
        assert_eq!(Timestamp::of_unix_ms(31_507_199_000).digits(), "1231235959");
        assert_eq!(Timestamp::new(13, 1, 0, 0, 0), None);
    }

    #[test]
    fn secret_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("888888")), "<secret>");
    }
}
