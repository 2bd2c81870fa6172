//! What codes.yaml changes, and each way to be wrong with its line and reason.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

use std::{fs, path::Path};

use hongyan_catalog::Catalog;
use hongyan_domain::status::{Action, Cause, CodeTable, MessageStatus, Protocol, SubmitAnswer};
use proptest::prelude::*;

const TENANTS: &str = "tenants: [{id: a, signatures: [甲]}]\n";
const LINKS: &str = "links: []\n";
const ROUTES: &str = "routes: []\n";

fn load(codes: Option<&str>) -> Result<Catalog, Vec<String>> {
    let dir = tempfile::tempdir().unwrap();
    let files = [
        ("tenants.yaml", Some(TENANTS)),
        ("links.yaml", Some(LINKS)),
        ("routes.yaml", Some(ROUTES)),
        ("codes.yaml", codes),
    ];
    for (file, text) in files {
        if let Some(text) = text {
            fs::write(dir.path().join(file), text).unwrap();
        }
    }
    Catalog::load(dir.path()).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

/// A file of one entry, its fields in their order, each on a line of its own from line 3.
fn one(fields: &[(&str, &str)]) -> String {
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| format!("{name}: {value}\n"))
        .collect();
    format!("codes:\n  -\n    {}", fields.join("    "))
}

const RECEIPT: [(&str, &str); 6] = [
    ("protocol", "cmpp"),
    ("kind", "receipt"),
    ("code", "'MA:*'"),
    ("status", "undelivered"),
    ("cause", "recipient"),
    ("advice", "Ask the carrier."),
];

/// [`RECEIPT`] with one field changed, or without it.
fn changed(field: &str, value: Option<&str>) -> String {
    let fields: Vec<_> = RECEIPT
        .into_iter()
        .filter_map(|(name, old)| {
            if name == field {
                Some((name, value?))
            } else {
                Some((name, old))
            }
        })
        .collect();
    one(&fields)
}

#[test]
fn without_the_file_the_built_in_table_stands() {
    let catalog = load(None).unwrap();
    assert_eq!(catalog.codes().len(), CodeTable::built_in().len());
    assert_eq!(catalog.codes().receipt("MA:0003").action, Action::Reroute);
}

#[test]
fn the_example_changes_what_it_says_it_changes() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let catalog = Catalog::load(example).unwrap();
    let codes = catalog.codes();
    assert_eq!(codes.submit(Protocol::Smgp, 150), SubmitAnswer::Throttled);
    let moved = codes.receipt("MB:1042");
    assert_eq!((moved.action, moved.cause), (Action::Reroute, Cause::Recipient));
    assert_eq!(codes.receipt("MB:1043").action, Action::None);
    assert_eq!(codes.receipt("MH:0017").cause, Cause::Content);
    assert_eq!(codes.receipt("DELIVRD"), CodeTable::built_in().receipt("DELIVRD"));
    assert_eq!(codes.len(), CodeTable::built_in().len() + 3, "all three are new");
}

#[test]
fn the_table_may_begin_with_less() {
    let begin = |with: &str| load(Some(&format!("begin_with: {with}\n"))).unwrap();
    let actions = ["all", "documented", "nothing"].map(|with| begin(with).codes().receipt("MA:0003").action);
    assert_eq!(actions, [Action::Reroute, Action::None, Action::None]);
    assert_eq!(
        begin("documented").codes().receipt("DELIVRD").status,
        MessageStatus::Delivered
    );
    assert!(begin("nothing").codes().is_empty());
}

#[test]
fn another_table_is_another_digest() {
    let digest = |codes: Option<&str>| load(codes).unwrap().digest().to_owned();
    let none = digest(None);
    let empty = digest(Some("codes: []\n"));
    let one = digest(Some(&one(&RECEIPT)));
    assert!(none != empty && empty != one && none != one);
    assert_eq!(none, digest(None));
}

#[test]
fn codes_are_read_in_each_form() {
    let submit = |protocol: &str, code: &str| {
        one(&[
            ("protocol", protocol),
            ("kind", "submit"),
            ("code", code),
            ("cause", "us"),
            ("action", "slow_down"),
            ("advice", "Wait."),
        ])
    };
    for (protocol, written, code) in [
        (Protocol::Smgp, "'201'", 201),
        (Protocol::Smgp, "200-210", 205),
        (Protocol::Smpp, "'0x411'", 0x411),
        (Protocol::Smpp, "0x410-0x41f", 0x411),
        (Protocol::Cmpp, "'9'", 9),
    ] {
        let text = submit(&protocol.as_str().to_lowercase(), written);
        let catalog = load(Some(&text)).unwrap();
        assert_eq!(
            catalog.codes().submit(protocol, code),
            SubmitAnswer::Throttled,
            "{written}"
        );
    }
    let login = one(&[
        ("protocol", "sgip"),
        ("kind", "login"),
        ("code", "'34'"),
        ("cause", "us"),
        ("advice", "请勿频繁登录。"),
    ]);
    let catalog = load(Some(&login)).unwrap();
    let refusal = catalog.codes().login(Protocol::Sgip, 34).unwrap();
    assert_eq!(
        (refusal.cause, refusal.advice.as_ref()),
        (Cause::Us, "请勿频繁登录。")
    );
}

#[test]
fn each_mistake_has_its_line_and_reason() {
    let long = "x".repeat(201);
    for (text, line, reason) in [
        ("begin_with: some\n".to_owned(), 1, "all, documented or nothing"),
        (changed("protocol", Some("xmpp")), 3, "cmpp, sgip, smgp or smpp"),
        (changed("kind", Some("bind")), 4, "submit, login or receipt"),
        (changed("kind", Some("submit")), 5, "must be a number"),
        (changed("code", Some("'M*A'")), 5, "must be a word"),
        (changed("code", Some("''")), 5, "must be a word"),
        (changed("status", Some("rejected")), 6, "submitted, delivered"),
        (changed("status", None), 5, "needs a status"),
        (changed("cause", Some("weather")), 7, "none, caller"),
        (changed("advice", Some("''")), 8, "1 to 200"),
        (changed("advice", Some(&long)), 8, "1 to 200"),
        (changed("advice", Some("\"a\\nb\"")), 8, "one line"),
        (format!("{}    final: true\n", one(&RECEIPT)), 9, "final"),
        (
            format!("{}    action: retry\n", one(&RECEIPT)),
            9,
            "none, slow_down or reroute",
        ),
        (format!("{}    action: slow_down\n", one(&RECEIPT)), 9, "too late"),
        (
            format!("{}    action: reroute\n", changed("status", Some("unknown"))),
            9,
            "needs the status undelivered",
        ),
        (
            format!(
                "{}{}",
                one(&RECEIPT),
                one(&RECEIPT).trim_start_matches("codes:\n")
            ),
            12,
            "declared twice, first in line 5",
        ),
    ] {
        let errors = load(Some(&text)).expect_err(reason);
        assert!(
            errors
                .iter()
                .any(|error| error.starts_with(&format!("codes.yaml:{line}: ")) && error.contains(reason)),
            "{reason}: {errors:?}"
        );
    }
    for (kind, extra, reason) in [
        ("submit", "status: unknown", "belongs to receipts"),
        ("login", "action: reroute", "has no action"),
    ] {
        let text = one(&[
            ("protocol", "smpp"),
            ("kind", kind),
            ("code", "'0x0B'"),
            ("cause", "us"),
            ("advice", "Ask."),
        ]);
        let errors = load(Some(&format!("{text}    {extra}\n"))).expect_err(reason);
        assert!(
            errors[0].starts_with("codes.yaml:8: ") && errors[0].contains(reason),
            "{errors:?}"
        );
        let taken = load(Some(&text.replace("0x0B", "0-9"))).expect_err("0 is taken");
        assert!(
            taken[0].starts_with("codes.yaml:5: ") && taken[0].contains("taken"),
            "{taken:?}"
        );
    }
    assert!(load(Some("codes: 1\n")).unwrap_err()[0].starts_with("codes.yaml:1"));
}

#[test]
fn a_table_has_an_end() {
    let entry = one(&RECEIPT);
    let entry = entry.trim_start_matches("codes:\n");
    let entries: String = (0..2_001)
        .map(|number| entry.replace("MA:*", &format!("MA:{number}")))
        .collect();
    let errors = load(Some(&format!("codes:\n{entries}"))).unwrap_err();
    assert_eq!(errors, ["codes.yaml: has 2001 codes, more than the 2000 allowed"]);
}

#[test]
fn a_directory_in_the_files_place_is_told() {
    let dir = tempfile::tempdir().unwrap();
    for (file, text) in [
        ("tenants.yaml", TENANTS),
        ("links.yaml", LINKS),
        ("routes.yaml", ROUTES),
    ] {
        fs::write(dir.path().join(file), text).unwrap();
    }
    fs::create_dir(dir.path().join("codes.yaml")).unwrap();
    let errors = Catalog::load(dir.path()).unwrap_err();
    assert!(
        errors
            .iter()
            .next()
            .unwrap()
            .to_string()
            .starts_with("codes.yaml: ")
    );
}

proptest! {
    #[test]
    fn any_text_is_a_table_or_a_list_of_mistakes(text in "(codes:|begin_with: |  - |[a-z{}:'\\[\\], \n0-9*]){0,40}") {
        if let Err(errors) = load(Some(&text)) {
            prop_assert!(!errors.is_empty());
        }
    }
}
