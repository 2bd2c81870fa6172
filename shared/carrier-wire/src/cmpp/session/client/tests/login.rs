//! Getting in.

use super::*;

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
    assert_eq!(table.client.free_slots(), 15);
    let msg_id = MsgId(99);
    table.receive(Version::V3, 2, &Pdu::SubmitResp(SubmitResp { msg_id, result: 0 }));
    assert_eq!(
        table.up(),
        [outcome(7, Some(2), SubmitOutcome::Accepted { msg_id })]
    );
    assert_eq!(table.client.free_slots(), 16);
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
        let mut table = Table::new(settings(Version::V3));
        let source = table.connect();
        table.receive(Version::V3, 1, &accepted(layout, octet, &source));
        assert_eq!(table.client.version(), agreed, "{layout:?} {octet:#x}");
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
    let mut asks_for_2 = Table::new(settings(Version::V2));
    let source = asks_for_2.connect();
    asks_for_2.receive(Version::V2, 1, &accepted(Version::V2, 0x30, &source));
    assert_eq!(asks_for_2.client.version(), Version::V2);
}

#[test]
fn a_version_too_high_asks_for_a_lower_one() {
    let refusal = |layout| {
        Pdu::ConnectResp(ConnectResp {
            layout,
            status: 4,
            authenticator_ismg: [0; 16],
            version: 0x20,
        })
    };
    let mut table = Table::new(settings(Version::V3));
    table.connect();
    table.receive(Version::V3, 1, &refusal(Version::V2));
    assert_eq!(
        table.actions.close,
        Some(CloseReason::VersionRefused {
            retry_with: Some(Version::V2)
        })
    );
    let mut table = Table::new(settings(Version::V2));
    table.connect();
    table.receive(Version::V3, 1, &refusal(Version::V3));
    assert_eq!(
        table.actions.close,
        Some(CloseReason::VersionRefused { retry_with: None })
    );
}

#[test]
fn refusals_and_forged_gateways_end_the_session() {
    let mut table = Table::new(settings(Version::V3));
    table.connect();
    let refused = ConnectResp {
        layout: Version::V3,
        status: 3,
        authenticator_ismg: [0; 16],
        version: 0x30,
    };
    table.receive(Version::V3, 1, &Pdu::ConnectResp(refused));
    assert_eq!(table.actions.close, Some(CloseReason::LoginRefused { status: 3 }));

    let forged = |authenticator_ismg, ismg_check| {
        let mut table = Table::new(ClientSettings {
            ismg_check,
            ..settings(Version::V3)
        });
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
fn a_login_without_answer_is_given_up() {
    let mut table = Table::new(settings(Version::V3));
    table.connect();
    assert_eq!(table.actions.deadline_ms, Some(1_000 + 15_000));
    table.wait_for_deadline();
    assert_eq!(table.actions.close, Some(CloseReason::LoginTimeout));
    assert_eq!(table.actions.deadline_ms, None);
}
