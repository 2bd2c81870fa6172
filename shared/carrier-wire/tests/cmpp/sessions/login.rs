//! Getting in.

use hongyan_carrier_wire::cmpp::pdu::ConnectResp;
use hongyan_carrier_wire::cmpp::{ClientSettings, IsmgCheck, Packet, Pdu, Version};
use hongyan_carrier_wire::session::{CloseReason, Oddity, Outcome, SessionLimits, Up};

use super::client::Table;
use super::{accepted, client_settings, deliver, octets, outcome, submit_resp};

fn refusal(layout: Version, status: u32, version: u8) -> Pdu {
    Pdu::ConnectResp(ConnectResp {
        layout,
        status,
        authenticator_ismg: [0; 16],
        version,
    })
}

#[test]
fn logs_in_and_submits() {
    let mut table = Table::logged_in();
    assert_eq!(table.client.free_slots(), 16);
    table.submit(7);
    assert!(matches!(
        table.sent().as_slice(),
        [Packet {
            sequence: 2,
            pdu: Pdu::Submit(_)
        }]
    ));
    assert_eq!((table.client.free_slots(), table.client.in_flight()), (15, 1));
    table.receive(Version::V3, 2, &submit_resp(99, 0));
    assert_eq!(
        table.up(),
        [outcome(7, Some(2), Outcome::Answered(submit_resp(99, 0)))]
    );
    assert_eq!((table.client.free_slots(), table.client.in_flight()), (16, 0));
}

#[test]
fn falls_back_to_the_version_of_the_gateway() {
    // (layout of the answer, its version octet, layout agreed)
    let cases = [
        (Version::V3, 0x30, Version::V3),
        (Version::V3, 0x20, Version::V2),
        (Version::V2, 0x20, Version::V2),
        (Version::V2, 0x21, Version::V2),
        (Version::V2, 0x30, Version::V2),
        (Version::V3, 0x00, Version::V3),
    ];
    for (layout, octet, agreed) in cases {
        let mut table = Table::of(Version::V3);
        let source = table.connect();
        table.receive(Version::V3, 1, &accepted(layout, octet, &source));
        assert_eq!(table.client.dialect().version(), agreed, "{layout:?} {octet:#x}");
        assert!(table.client.is_open());
        table.submit(1);
        assert_eq!(
            table.actions.send.len(),
            if agreed == Version::V2 {
                138 + 21 + 5
            } else {
                163 + 32 + 5
            }
        );
    }
    let mut asks_for_2 = Table::of(Version::V2);
    let source = asks_for_2.connect();
    asks_for_2.receive(Version::V2, 1, &accepted(Version::V2, 0x30, &source));
    assert_eq!(asks_for_2.client.dialect().version(), Version::V2);
}

#[test]
fn what_follows_the_login_in_one_read_is_read_in_the_version_agreed() {
    let mut table = Table::of(Version::V3);
    let source = table.connect();
    let mut read = octets(Version::V3, 1, &accepted(Version::V2, 0x20, &source));
    read.unsplit(octets(Version::V2, 9, &deliver(42)));
    table.receive_octets(&read);
    assert!(matches!(
        table.up().as_slice(),
        [Up::Opened(_), Up::Request { sequence: 9, .. }]
    ));
}

#[test]
fn a_version_too_high_asks_for_a_lower_one() {
    let mut table = Table::of(Version::V3);
    table.connect();
    table.receive(Version::V3, 1, &refusal(Version::V2, 4, 0x20));
    let retry_with = Some(0x20);
    assert_eq!(
        table.actions.close,
        Some(CloseReason::VersionRefused { retry_with })
    );
    let mut table = Table::of(Version::V2);
    table.connect();
    table.receive(Version::V3, 1, &refusal(Version::V3, 4, 0x20));
    assert_eq!(
        table.actions.close,
        Some(CloseReason::VersionRefused { retry_with: None })
    );
}

#[test]
fn refusals_and_forged_gateways_end_the_session() {
    let mut table = Table::of(Version::V3);
    table.connect();
    table.receive(Version::V3, 1, &refusal(Version::V3, 3, 0x30));
    assert_eq!(table.actions.close, Some(CloseReason::LoginRefused { status: 3 }));

    let forged = |authenticator_ismg, ismg_check| {
        let settings = ClientSettings {
            ismg_check,
            ..client_settings(Version::V3)
        };
        let mut table = Table::new(settings, SessionLimits::default());
        table.connect();
        let resp = ConnectResp {
            layout: Version::V3,
            status: 0,
            authenticator_ismg,
            version: 0x30,
        };
        table.receive(Version::V3, 1, &Pdu::ConnectResp(resp));
        table.actions.close
    };
    assert_eq!(
        forged([0; 16], IsmgCheck::Required),
        Some(CloseReason::WrongAuthenticator)
    );
    assert_eq!(
        forged([1; 16], IsmgCheck::TolerateMissing),
        Some(CloseReason::WrongAuthenticator)
    );
    assert_eq!(forged([0; 16], IsmgCheck::TolerateMissing), None);
}

#[test]
fn nothing_is_taken_before_the_login_is_answered() {
    let mut table = Table::of(Version::V3);
    table.connect();
    table.receive(Version::V3, 9, &deliver(42));
    assert_eq!(table.up(), [Up::Oddity(Oddity::Unexpected { command: 5 })]);
    assert_eq!((table.sent(), table.actions.close), (vec![], None));
}

#[test]
fn a_login_without_answer_is_given_up() {
    let mut table = Table::of(Version::V3);
    table.connect();
    assert_eq!(table.actions.deadline_ms, Some(1_000 + 15_000));
    table.wait_for_deadline();
    assert_eq!(table.actions.close, Some(CloseReason::LoginTimeout));
    assert_eq!(table.actions.deadline_ms, None);
}
