//! Logins, in both versions and all modes, and those that fail.

use super::*;
use crate::session::CloseReason;
use crate::smgp::dialect::{Admitted, LoggedIn};
use crate::smgp::pdu::{Login, LoginResp};
use crate::smgp::status;

/// Logs in and gives both sides; `decide` makes the verdict.
fn meet(asked: ClientSettings, spoken: ServerSettings, verdict: Verdict) -> (Side<Client>, Side<Server>) {
    let mut client = Side::new(Client::new(asked));
    let mut server = Side::new(Server::new(spoken));
    client.connected();
    server.connected();
    server.hears(&client.said(), 0);
    server.on(Event::LoginAnswered(verdict), 0);
    client.hears(&server.said(), 0);
    (client, server)
}

#[test]
fn the_login_is_the_documents_worked_example() {
    let mut client = Side::new(Client::new(asking(Version::V3, LoginMode::Both)));
    client.connected();
    assert_eq!(
        hex::encode(client.said()),
        "0000002a000000010000000131303030303030319ac2c05399bafaabce611f515277648e0211f0e54030"
    );
    let resp = "00000021800000010000000100000000ee5e73c5275efdbedabd4dfc4450866630";
    client.hears(&hex::decode(resp).unwrap(), 0);
    assert_eq!(
        client.told(),
        [Up::Opened(LoggedIn {
            version: Version::V3,
            server_version: 0x30,
            gateway_proved: true
        })]
    );
}

#[test]
fn every_mode_is_told_to_the_gateway() {
    for mode in [LoginMode::Send, LoginMode::Receive, LoginMode::Both] {
        let (client, mut server) = meet(
            asking(Version::V3, mode),
            speaking(Version::V3),
            Verdict::Check(secret()),
        );
        assert!(client.session.is_open());
        let admitted = Admitted {
            client_id: FixedStr::new("10000001").unwrap(),
            mode,
            version: Version::V3,
        };
        assert_eq!(server.told().last(), Some(&Up::Opened(admitted)));
    }
}

#[test]
fn the_lower_version_is_agreed_wherever_it_is() {
    for (asked, spoken, agreed) in [
        (Version::V3, Version::V3, Version::V3),
        (Version::V3, Version::V1, Version::V1),
        (Version::V1, Version::V3, Version::V1),
        (Version::V1, Version::V1, Version::V1),
    ] {
        let (client, server) = meet(
            asking(asked, LoginMode::Both),
            speaking(spoken),
            Verdict::Check(secret()),
        );
        assert!(client.session.is_open() && server.session.is_open());
        assert_eq!(client.session.dialect().version(), agreed);
        assert_eq!(server.session.dialect().version(), agreed);
    }
}

#[test]
fn a_refused_version_says_which_to_come_back_with() {
    let strict = ServerSettings {
        on_higher_version: HigherVersion::Refuse,
        ..speaking(Version::V1)
    };
    let (client, server) = meet(
        asking(Version::V3, LoginMode::Both),
        strict,
        Verdict::Check(secret()),
    );
    let refused = CloseReason::VersionRefused {
        retry_with: Some(0x13),
    };
    assert_eq!(client.actions.close, Some(refused));
    assert_eq!(server.actions.close, Some(refused));

    let again = asking(Version::of_octet(0x13), LoginMode::Both);
    let (client, _) = meet(again.clone(), strict, Verdict::Check(secret()));
    assert!(client.session.is_open());

    // Below the lowest there is nothing to try.
    let mut client = Side::new(Client::new(again));
    client.connected();
    let resp = LoginResp {
        status: status::VERSION_TOO_HIGH,
        ..LoginResp::default()
    };
    client.hears(&octets(Version::V1, 1, &Pdu::LoginResp(resp)), 0);
    assert_eq!(
        client.actions.close,
        Some(CloseReason::VersionRefused { retry_with: None })
    );
}

#[test]
fn a_wrong_secret_and_an_unknown_account_stay_outside() {
    let verdicts = [
        (Verdict::Check(Secret::new("other")), status::AUTHENTICATION),
        (Verdict::Refuse { status: 2 }, 2),
        (Verdict::Refuse { status: 0 }, 1),
    ];
    for (verdict, status) in verdicts {
        let (client, server) = meet(
            asking(Version::V3, LoginMode::Both),
            speaking(Version::V3),
            verdict,
        );
        let refused = Some(CloseReason::LoginRefused { status });
        assert_eq!((client.actions.close, server.actions.close), (refused, refused));
    }
}

#[test]
fn a_gateway_must_prove_itself_unless_its_silence_is_tolerated() {
    let answer = |server_check, authenticator_server| {
        let mut client = Side::new(Client::new(ClientSettings {
            server_check,
            ..asking(Version::V3, LoginMode::Both)
        }));
        client.connected();
        let resp = LoginResp {
            status: 0,
            authenticator_server,
            server_version: 0,
        };
        client.hears(&octets(Version::V3, 1, &Pdu::LoginResp(resp)), 0);
        client.actions.close
    };
    let wrong = Some(CloseReason::WrongAuthenticator);
    assert_eq!(answer(ServerCheck::Required, [0; 16]), wrong);
    assert_eq!(answer(ServerCheck::Required, [1; 16]), wrong);
    assert_eq!(answer(ServerCheck::TolerateMissing, [1; 16]), wrong);
    assert_eq!(answer(ServerCheck::TolerateMissing, [0; 16]), None);
}

#[test]
fn a_login_that_makes_no_sense_is_answered() {
    // A mode that does not exist, with a right proof.
    let mut server = Side::new(Server::new(speaking(Version::V3)));
    server.connected();
    let mut client = Side::new(Client::new(asking(Version::V3, LoginMode::Both)));
    client.connected();
    let Pdu::Login(login) = packets(Version::V3, client.said()).remove(0).pdu else {
        panic!("a login")
    };
    let odd = Pdu::Login(Login {
        login_mode: 7,
        ..login
    });
    server.hears(&octets(Version::V3, 1, &odd), 0);
    server.on(Event::LoginAnswered(Verdict::Check(secret())), 0);
    assert_eq!(
        server.actions.close,
        Some(CloseReason::LoginRefused {
            status: status::STRUCTURE
        })
    );

    // One that is cut.
    let mut server = Side::new(Server::new(speaking(Version::V3)));
    server.connected();
    let mut cut = octets(Version::V3, 9, &Pdu::Login(login));
    cut.truncate(30);
    cut[3] = 30;
    server.hears(&cut, 0);
    let answers = packets(Version::V3, server.said());
    assert!(
        matches!(
            answers[..],
            [Packet {
                sequence: 9,
                pdu: Pdu::LoginResp(LoginResp {
                    status: status::STRUCTURE,
                    ..
                })
            }]
        ),
        "{answers:?}"
    );
}
