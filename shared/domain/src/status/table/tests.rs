use std::borrow::Cow;

use proptest::prelude::*;

use super::{Action, Cause, Code, CodeKind, CodeTable, Meaning, MessageStatus, Protocol, SubmitAnswer};

fn built_in() -> &'static CodeTable {
    CodeTable::built_in()
}

fn refused(protocol: Protocol, code: u32) -> super::StatusDetail {
    match built_in().submit(protocol, code) {
        SubmitAnswer::Refused(detail) => detail,
        other => panic!("{protocol}:{code} must be final, is {other:?}"),
    }
}

fn meaning(advice: &'static str) -> Meaning {
    Meaning {
        status: MessageStatus::Undelivered,
        cause: Cause::Us,
        action: Action::None,
        advice: Cow::Borrowed(advice),
    }
}

#[test]
fn zero_is_taken_in_every_protocol() {
    for protocol in Protocol::ALL {
        assert_eq!(built_in().submit(protocol, 0), SubmitAnswer::Taken);
        assert_eq!(built_in().login(protocol, 0), None);
    }
}

#[test]
fn too_fast_is_a_pause_and_nothing_else_is() {
    let throttled = |protocol| -> Vec<u32> {
        (1..=0x500)
            .filter(|code| built_in().submit(protocol, *code) == SubmitAnswer::Throttled)
            .collect()
    };
    assert_eq!(throttled(Protocol::Cmpp), [8]);
    assert_eq!(throttled(Protocol::Sgip), [11, 33, 88]);
    assert_eq!(throttled(Protocol::Smgp), [1]);
    assert_eq!(throttled(Protocol::Smpp), [0x08, 0x14, 0x58]);
    assert_eq!(
        CodeTable::documented().submit(Protocol::Sgip, 88),
        SubmitAnswer::Refused(CodeTable::documented().refusal("SGIP:88")),
        "seen, and in no document"
    );
}

#[test]
fn no_route_is_another_carriers_number() {
    let rerouted = |protocol| -> Vec<u32> {
        (1..=0x500)
            .filter(|code| {
                matches!(built_in().submit(protocol, *code), SubmitAnswer::Refused(detail)
                    if detail.action == Action::Reroute)
            })
            .collect()
    };
    assert_eq!(rerouted(Protocol::Cmpp), [9, 13]);
    assert_eq!(rerouted(Protocol::Sgip), [6, 21, 22, 23, 29]);
    assert_eq!(rerouted(Protocol::Smgp), [39, 42, 47]);
    assert_eq!(rerouted(Protocol::Smpp), [0x0b]);
    for receipt in ["MA:0003", "SGIP:UNDELIV/21", "SGIP:UNDELIV/23", "SGIP:UNDELIV/29"] {
        assert_eq!(built_in().receipt(receipt).action, Action::Reroute, "{receipt}");
    }
    for receipt in ["DELIVRD", "UNDELIV", "MA:0001", "UNDELIV/21", "SMGP:UNDELIV/021"] {
        assert_eq!(built_in().receipt(receipt).action, Action::None, "{receipt}");
    }
}

#[test]
fn every_refusal_is_final_and_its_raw_code_finds_it_again() {
    for protocol in Protocol::ALL {
        for code in (1..=0x500).chain([u32::MAX]) {
            let SubmitAnswer::Refused(detail) = built_in().submit(protocol, code) else {
                continue;
            };
            assert!(detail.is_final && !detail.billable && detail.status == MessageStatus::Rejected);
            assert_eq!(detail.raw_code, protocol.result_code(code));
            assert_eq!(built_in().refusal(&detail.raw_code), detail);
        }
    }
}

#[test]
fn causes_are_told_apart() {
    for (protocol, code, cause) in [
        (Protocol::Cmpp, 1, Cause::Us),
        (Protocol::Cmpp, 5, Cause::Us),
        (Protocol::Cmpp, 9, Cause::Recipient),
        (Protocol::Cmpp, 13, Cause::Recipient),
        (Protocol::Cmpp, 14, Cause::Carrier),
        (Protocol::Cmpp, 137, Cause::Carrier),
        (Protocol::Sgip, 5, Cause::Us),
        (Protocol::Sgip, 26, Cause::Recipient),
        (Protocol::Sgip, 32, Cause::Carrier),
        (Protocol::Smgp, 33, Cause::Us),
        (Protocol::Smgp, 75, Cause::Carrier),
        (Protocol::Smgp, 200, Cause::Carrier),
        (Protocol::Smpp, 0x0a, Cause::Us),
        (Protocol::Smpp, 0x45, Cause::Carrier),
        (Protocol::Smpp, 0x411, Cause::Carrier),
    ] {
        assert_eq!(refused(protocol, code).cause, cause, "{protocol}:{code}");
    }
}

#[test]
fn documented_words_have_their_meaning() {
    use {Cause as C, MessageStatus as S};
    let table = [
        ("DELIVRD", S::Delivered, true, true, C::None),
        ("SGIP:DELIVRD", S::Delivered, true, true, C::None),
        ("SMPP:DELIVRD", S::Delivered, true, true, C::None),
        ("ACCEPTD", S::Submitted, false, false, C::None),
        ("SGIP:ACCEPTD", S::Submitted, false, false, C::None),
        ("SMPP:ENROUTE", S::Submitted, false, false, C::None),
        ("EXPIRED", S::Undelivered, true, false, C::Recipient),
        ("SMGP:EXPIRED/007", S::Undelivered, true, false, C::Recipient),
        ("UNDELIV", S::Undelivered, true, false, C::Recipient),
        ("SGIP:UNDELIV/26", S::Undelivered, true, false, C::Recipient),
        ("SGIP:UNDELIV/32", S::Undelivered, true, false, C::Carrier),
        ("SGIP:UNDELIV/199", S::Undelivered, true, false, C::Recipient),
        ("DELETED", S::Undelivered, true, false, C::Carrier),
        ("REJECTD", S::Undelivered, true, false, C::Carrier),
        ("UNKNOWN", S::Unknown, true, true, C::Carrier),
        ("SMGP:UNKNOWN/999", S::Unknown, true, true, C::Carrier),
        ("MA:0002", S::Undelivered, true, false, C::Content),
        ("MA:0009", S::Undelivered, true, false, C::Carrier),
        ("MB:0069", S::Undelivered, true, false, C::Carrier),
        ("MC:0055", S::Undelivered, true, false, C::Carrier),
        ("MK:0001", S::Undelivered, true, false, C::Recipient),
        ("ML:0000", S::Submitted, false, false, C::Carrier),
        ("MM:0001", S::Unknown, true, true, C::Carrier),
        ("CA:0052", S::Undelivered, true, false, C::Recipient),
        ("CB:0001", S::Undelivered, true, false, C::Recipient),
        ("SMGP:CB:0001", S::Undelivered, true, false, C::Recipient),
        ("DA:0001", S::Undelivered, true, false, C::Carrier),
        ("IC:0001", S::Undelivered, true, false, C::Carrier),
        ("AF:4", S::Undelivered, true, false, C::Carrier),
        ("", S::Undelivered, true, false, C::Carrier),
    ];
    for (word, status, is_final, billable, cause) in table {
        let detail = built_in().receipt(word);
        assert_eq!(
            (detail.status, detail.is_final, detail.billable, detail.cause),
            (status, is_final, billable, cause),
            "{word}"
        );
        assert_eq!(detail.raw_code, word);
    }
}

#[test]
fn each_network_element_has_its_own_advice() {
    let advice: std::collections::BTreeSet<_> = [
        "MA:1", "MB:1", "MC:1", "CA:1", "CB:1", "DA:1", "DB:1", "SB:1", "IA:1", "IB:1", "IC:1", "ZZ:1",
    ]
    .map(|word| built_in().receipt(word).advice)
    .into();
    assert_eq!(advice.len(), 12);
}

#[test]
fn padding_and_case_do_not_matter_and_the_word_is_kept() {
    for raw in ["DELIVRD\0\0\0", "DELIVRD ", " DELIVRD\0xyz", "\0DELIVRD"] {
        let detail = built_in().receipt(raw);
        assert_eq!(
            (detail.status, detail.raw_code.as_str()),
            (MessageStatus::Delivered, "DELIVRD")
        );
    }
    assert_eq!(built_in().receipt("delivrd").status, MessageStatus::Delivered);
    assert_eq!(built_in().receipt("AF:4\0\0\0").raw_code, "AF:4");
}

#[test]
fn logins_have_their_own_codes_before_those_of_submits() {
    let login = |protocol, code| built_in().login(protocol, code).unwrap();
    assert_eq!(login(Protocol::Cmpp, 3).raw_code, "CMPP:3");
    assert_ne!(
        login(Protocol::Cmpp, 3).advice,
        refused(Protocol::Cmpp, 3).advice,
        "3 is a wrong proof here and a repeated sequence there"
    );
    assert_eq!(
        login(Protocol::Smgp, 21).advice,
        refused(Protocol::Smgp, 21).advice
    );
    assert_eq!(login(Protocol::Smpp, 0x0e).raw_code, "SMPP:0x0E");
    assert_eq!(login(Protocol::Sgip, 250).cause, Cause::Carrier);
}

#[test]
fn the_narrowest_entry_decides() {
    let mut table = CodeTable::default();
    let mut set = |code: &str, advice| {
        let code: Code = code.parse().unwrap();
        let kind = match code {
            Code::Number(_) | Code::Numbers(..) => CodeKind::Submit,
            Code::Word(_) | Code::Prefix(_) => CodeKind::Receipt,
        };
        table.set(Protocol::Smgp, kind, code, meaning(advice));
    };
    for (code, advice) in [
        ("*", "any"),
        ("MA:*", "ma"),
        ("MA:00*", "ma00"),
        ("MA:0001", "ma0001"),
        ("UNDELIV", "undeliv"),
        ("UND*", "und"),
        ("UNDELIV/0*", "undeliv0"),
        ("128-255", "wide"),
        ("130-140", "narrow"),
        ("135", "one"),
    ] {
        set(code, advice);
    }
    for (raw, advice) in [
        ("SMGP:MA:0001", "ma0001"),
        ("SMGP:MA:0002", "ma00"),
        ("SMGP:MA:9", "ma"),
        ("SMGP:ZZ", "any"),
        ("SMGP:UNDELIV", "undeliv"),
        ("SMGP:UNDELIV/007", "undeliv0"),
        ("SMGP:UNDELIV/107", "undeliv"),
        ("SMGP:UNDEL", "und"),
    ] {
        assert_eq!(table.receipt(raw).advice, advice, "{raw}");
    }
    for (raw, advice) in [("SMGP:135", "one"), ("SMGP:136", "narrow"), ("SMGP:141", "wide")] {
        assert_eq!(table.refusal(raw).advice, advice, "{raw}");
    }
    assert!(
        table.receipt("CMPP:MA:0001").advice.contains("not documented"),
        "another protocol's"
    );
}

#[test]
fn an_entry_replaces_the_one_before_it() {
    let mut table = CodeTable::documented();
    let before = table.len();
    for code in ["MA:*", "UNDELIV"] {
        let old = table.set(
            Protocol::Cmpp,
            CodeKind::Receipt,
            code.parse().unwrap(),
            meaning("new"),
        );
        assert!(old.is_some_and(|old| old.advice != "new"));
        assert_eq!(table.receipt(&code.replace('*', "0001")).advice, "new");
    }
    let range = || Code::Numbers(100, 199);
    assert!(
        table
            .set(Protocol::Cmpp, CodeKind::Submit, range(), meaning("new"))
            .is_some()
    );
    assert_eq!(table.refusal("CMPP:150").advice, "new");
    assert_eq!(table.len(), before);
    assert!(!table.is_empty() && CodeTable::built_in().len() > before);
}

#[test]
fn what_was_noted_stays_noted() {
    let detail = built_in().receipt("UNDELIV").noted_as(MessageStatus::Delivered);
    assert_eq!(detail.status, MessageStatus::Delivered);
    assert!(detail.is_final && detail.billable);
    assert_eq!(detail.raw_code, "UNDELIV");
}

proptest! {
    #[test]
    fn any_word_gets_a_status_and_a_sentence(raw in "\\PC{0,50}") {
        let detail = built_in().receipt(&raw);
        prop_assert!(detail.advice.ends_with('.'));
        prop_assert!(detail.raw_code.len() <= 32 && detail.raw_code.bytes().all(|b| (0x20..0x7f).contains(&b)));
    }

    #[test]
    fn any_raw_code_is_a_refusal(raw in "\\PC{0,40}") {
        let detail = built_in().refusal(&raw);
        prop_assert_eq!(detail.status, MessageStatus::Rejected);
        prop_assert!(detail.advice.ends_with('.'));
    }

    #[test]
    fn what_is_kept_of_a_receipt_means_the_same_again(stat in "[A-Z:0-9]{0,9}", error in "[0-9]{0,3}") {
        for protocol in Protocol::ALL {
            let once = built_in().receipt(&protocol.receipt_code(&stat, &error));
            prop_assert_eq!(&built_in().receipt(&once.raw_code), &once);
        }
    }
}
