//! The login's proofs. MD5 is what the protocol demands; it protects nothing by today's measure, so a link
//! belongs on a leased line or in a tunnel.

use md5::{Digest, Md5};

use super::Version;
use super::pdu::{Login, LoginMode, LoginResp};
use crate::field::FixedStr;
use crate::login::{Secret, Timestamp, same};

/// The longest secret that the document allows, in octets.
pub const MAX_SECRET_LEN: usize = 15;

/// `AuthenticatorClient`: MD5 of the account without its padding, **seven** zeros (CMPP has nine), the secret and
/// the ten digits of the time.
pub fn authenticator_client(client_id: &FixedStr<8>, secret: &Secret, timestamp: Timestamp) -> [u8; 16] {
    digest(&[
        client_id.as_bytes(),
        &[0; 7],
        secret.octets(),
        timestamp.digits().as_bytes(),
    ])
}

/// `AuthenticatorServer`: MD5 of the four octets of the status, the `AuthenticatorClient` and the secret.
pub fn authenticator_server(status: u32, client: &[u8; 16], secret: &Secret) -> [u8; 16] {
    digest(&[&status.to_be_bytes(), client, secret.octets()])
}

/// A whole `Login` for this account. The time goes into the proof and into the field, so both are of the same
/// second.
pub fn login(
    client_id: FixedStr<8>,
    secret: &Secret,
    mode: LoginMode,
    version: Version,
    timestamp: Timestamp,
) -> Login {
    Login {
        client_id,
        authenticator_client: authenticator_client(&client_id, secret, timestamp),
        login_mode: mode.octet(),
        timestamp: timestamp.wire(),
        client_version: version.octet(),
    }
}

/// Whether a `Login` was made with this secret.
pub fn verify_login(login: &Login, secret: &Secret) -> bool {
    let expected = authenticator_client(&login.client_id, secret, Timestamp::from_wire(login.timestamp));
    same(&expected, &login.authenticator_client)
}

/// Whether a `Login_Resp` was made with this secret, in answer to this `AuthenticatorClient`.
pub fn verify_login_resp(resp: &LoginResp, client: &[u8; 16], secret: &Secret) -> bool {
    same(
        &authenticator_server(resp.status, client, secret),
        &resp.authenticator_server,
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

    #[test]
    fn matches_the_worked_example() {
        let secret = Secret::new("12345678");
        let timestamp = Timestamp::new(3, 1, 0, 0, 0).unwrap();
        let login = login(
            FixedStr::new("10000001").unwrap(),
            &secret,
            LoginMode::Both,
            Version::V3,
            timestamp,
        );
        assert_eq!(
            hex::encode(login.authenticator_client),
            "9ac2c05399bafaabce611f515277648e"
        );
        assert_eq!(login.timestamp, 0x11f0_e540);
        assert_eq!((login.login_mode, login.client_version), (2, 0x30));
        assert_eq!(
            hex::encode(authenticator_server(0, &login.authenticator_client, &secret)),
            "ee5e73c5275efdbedabd4dfc44508666"
        );
        assert!(verify_login(&login, &secret));
        assert!(!verify_login(&login, &Secret::new("12345679")));
    }

    #[test]
    fn the_account_is_hashed_without_its_padding() {
        let secret = Secret::new("s");
        let time = Timestamp::from_wire(301_000_000);
        let by_hand = digest(&[b"1001", &[0; 7], b"s", b"0301000000"]);
        assert_eq!(
            authenticator_client(&FixedStr::new("1001").unwrap(), &secret, time),
            by_hand
        );
    }

    #[test]
    fn the_status_counts_in_the_servers_proof() {
        let secret = Secret::new("12345678");
        let resp = |status, proof_of| LoginResp {
            status,
            authenticator_server: authenticator_server(proof_of, &[7; 16], &secret),
            server_version: 0x30,
        };
        assert!(verify_login_resp(&resp(0, 0), &[7; 16], &secret));
        assert!(!verify_login_resp(&resp(0, 21), &[7; 16], &secret));
        assert!(!verify_login_resp(&resp(0, 0), &[8; 16], &secret));
    }
}
