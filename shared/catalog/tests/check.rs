//! What a catalog gives, and each way to be wrong with its line and reason.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use hongyan_catalog::{Catalog, Cmpp, CmppVersion, Protocol};
use hongyan_domain::{Carrier, LinkName, MessageClass, Msisdn, TenantId};
use proptest::prelude::*;

const TENANTS: &str = "\
tenants:
  - id: a
    callers: [spiffe://td/caller/a]
    signatures: [甲]
    access_numbers: [{number: '10690', extension_digits: 3}]
    templates:
      hello: {text: '您好{name}'}
    handlers:
      h: {address: 'h:1', spiffe_id: spiffe://td/handler/h}
    keywords:
      rules: [{name: r, pattern: 'R#{x}', handler: h, template: hello}]
";
const LINKS: &str = "\
links:
  - {name: l, carrier: china_mobile, protocol: cmpp, host: h, port: 7890, sp_id: '901234', secret_file: s, \
service_id: X, pace_segments_per_second: 10}
";
const ROUTES: &str = "\
routes:
  - {carrier: china_mobile, links: [l]}
";

fn load(tenants: &str, links: &str, routes: &str) -> Result<Catalog, Vec<String>> {
    let dir = tempfile::tempdir().unwrap();
    for (file, text) in [
        ("tenants.yaml", tenants),
        ("links.yaml", links),
        ("routes.yaml", routes),
    ] {
        fs::write(dir.path().join(file), text).unwrap();
    }
    Catalog::load(dir.path()).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

fn tenant(id: &str) -> TenantId {
    TenantId::parse(id).unwrap()
}

#[test]
fn the_example_loads_and_answers() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let catalog = Catalog::load(&dir).unwrap();
    let insurer = catalog
        .tenant_of_caller("spiffe://hongyan.test/caller/xinghe-life")
        .unwrap();
    assert_eq!(insurer.id, tenant("xinghe-life"));
    assert_eq!(insurer.default_signature(), "星河人寿");
    assert_eq!(insurer.limits.verify_per_second, 200);
    assert!(
        catalog
            .tenant_of_caller("spiffe://hongyan.test/caller/nobody")
            .is_none()
    );

    let (bureau, number, extension) = catalog.tenant_of_access_number("106981233307").unwrap();
    assert_eq!(
        (bureau.id.as_str(), number.number.as_str(), extension),
        ("binhai-hrss", "1069812333", "07")
    );
    for nobody in [
        "1069812333070",
        "106981233",
        "",
        "10698123330a",
        "１069812333",
        "1069812333000000000000000",
    ] {
        assert!(catalog.tenant_of_access_number(nobody).is_none(), "{nobody}");
    }
    assert_eq!(bureau.keywords.rules[0].fields[0].name, "card");
    assert_eq!(bureau.handler("cards").unwrap().deadline, Duration::from_secs(3));
    assert_eq!(bureau.limits.windows(MessageClass::Bulk)[0].max, 20);
    assert_eq!(
        bureau.limits.windows(MessageClass::Otp).len(),
        3,
        "what is left out has its default"
    );
    assert!(bureau.limits.windows(MessageClass::Reply).is_empty());

    let link = catalog.link(&LinkName::parse("telecom-a").unwrap()).unwrap();
    assert_eq!(
        link.protocol,
        Protocol::Cmpp(Cmpp {
            version: CmppVersion::V2_0
        })
    );
    assert_eq!(link.secret_file, dir.join("secrets/telecom-a"));
    assert_eq!(link.window, 16);
    let broadnet = catalog.route(Carrier::ChinaBroadnet, MessageClass::Otp).unwrap();
    assert_eq!(broadnet.links[0].name.as_str(), "cmcc-a");
    let ported = Msisdn::parse("+86 138 0000 9999").unwrap();
    assert_eq!(catalog.carrier_of(&ported), Some(Carrier::ChinaUnicom));
    assert_eq!(
        catalog.carrier_of(&Msisdn::parse("13800009998").unwrap()),
        Some(Carrier::ChinaMobile)
    );
}

#[test]
fn the_longest_access_number_of_a_tenant_wins() {
    let tenants = TENANTS.replace(
        "[{number: '10690', extension_digits: 3}]",
        "[{number: '10690', extension_digits: 3}, {number: '106901', carriers: [china_unicom]}]",
    );
    let catalog = load(&tenants, LINKS, ROUTES).unwrap();
    let found = |dialled| {
        catalog
            .tenant_of_access_number(dialled)
            .map(|(_, number, extension)| (number.number.clone(), extension.to_owned()))
    };
    assert_eq!(found("106901"), Some(("106901".into(), String::new())));
    assert_eq!(
        found("1069012"),
        Some(("10690".into(), "12".into())),
        "the longer one takes no extension"
    );
    assert_eq!(found("10690"), Some(("10690".into(), String::new())));
    let declared = catalog.tenant(&tenant("a")).unwrap();
    assert_eq!(
        declared.access_number(Carrier::ChinaUnicom).unwrap().number,
        "10690",
        "the first that serves"
    );
}

#[test]
fn each_mistake_has_its_line_and_reason() {
    let tenants = |from: &str, to: &str| (TENANTS.replace(from, to), LINKS.to_owned(), ROUTES.to_owned());
    let links = |from: &str, to: &str| (TENANTS.to_owned(), LINKS.replace(from, to), ROUTES.to_owned());
    let routes = |from: &str, to: &str| (TENANTS.to_owned(), LINKS.to_owned(), ROUTES.replace(from, to));
    let second = |fields: &str| {
        let text = format!("{TENANTS}  - id: b\n    signatures: [乙]\n{fields}");
        (text, LINKS.to_owned(), ROUTES.to_owned())
    };
    let long = "长".repeat(400);
    let cases = [
        // Shape.
        (tenants("tenants:", "tenants: ["), "tenants.yaml:", ""),
        (
            tenants("signatures:", "signature:"),
            "tenants.yaml:4",
            "signature",
        ),
        (
            tenants("id: a", "id: a\n    id: b"),
            "tenants.yaml:3",
            "duplicate",
        ),
        (
            tenants("extension_digits: 3", "extension_digits: three"),
            "tenants.yaml:5",
            "",
        ),
        (links("port: 7890, ", ""), "links.yaml:", "port"),
        (routes("routes:", "routs:"), "routes.yaml:1", "routs"),
        // Tenants.
        (tenants("id: a", "id: A"), "tenants.yaml:2", "tenant id must be"),
        (
            second("    callers: [spiffe://td/caller/a]\n"),
            "tenants.yaml:14",
            "speaks for tenant \"a\" already, in line 3",
        ),
        (
            tenants("spiffe://td/caller/a", "caller-a"),
            "tenants.yaml:3",
            "SPIFFE",
        ),
        (tenants("[甲]", "[]"), "tenants.yaml:4", "1 to 256 signatures"),
        (tenants("[甲]", "[【甲】]"), "tenants.yaml:4", "without brackets"),
        (
            tenants("'10690'", "'10690x'"),
            "tenants.yaml:5",
            "access number must be",
        ),
        (
            tenants("digits: 3", "digits: 17"),
            "tenants.yaml:5",
            "between 0 and 16",
        ),
        (
            second("    access_numbers: [{number: '106901'}]\n"),
            "tenants.yaml:14",
            "overlaps 10690 of tenant \"a\" in line 5",
        ),
        (
            second("    access_numbers: [{number: '1069', extension_digits: 1}]\n"),
            "tenants.yaml:5",
            "overlaps 1069",
        ),
        (
            second("    access_numbers: [{number: '10690'}]\n"),
            "tenants.yaml:14",
            "overlaps",
        ),
        (
            tenants("extension_digits: 3}", "extension_digits: 3}, {number: '10690'}"),
            "tenants.yaml:5",
            "twice",
        ),
        (
            second("    limits: {otp: [{max: 0, per_seconds: 60}]}\n"),
            "tenants.yaml:14",
            "max must lie between 1",
        ),
        (
            second("    limits: {otp: [{max: 1, per_seconds: 0}]}\n"),
            "tenants.yaml:14",
            "per_seconds must lie",
        ),
        (
            second("    limits: {notice: []}\n"),
            "tenants.yaml:14",
            "1 to 8 windows",
        ),
        (
            second("    limits: {queue_depth: 0}\n"),
            "tenants.yaml:14",
            "queue_depth must lie",
        ),
        (
            second("    limits: {verify_per_second: 0}\n"),
            "tenants.yaml:14",
            "verify_per_second must lie",
        ),
        (tenants("您好{name}", "您好{name"), "tenants.yaml:7", "{ without"),
        (tenants("您好{name}", "您好{Name}"), "tenants.yaml:7", "\"Name\""),
        (tenants("您好{name}", &long), "tenants.yaml:7", "six segments"),
        (
            tenants("您好{name}", "【甲】您好"),
            "tenants.yaml:7",
            "begins with a signature",
        ),
        (tenants("您好{name}", ""), "tenants.yaml:7", "no text"),
        (
            tenants("'您好{name}'", "'您好', class: sms"),
            "tenants.yaml:7",
            "class \"sms\" must be",
        ),
        (tenants("'h:1'", "'h'"), "tenants.yaml:9", "host:port"),
        (
            tenants("handler: h,", "handler: g,"),
            "tenants.yaml:11",
            "handler \"g\" is not",
        ),
        (
            tenants("template: hello}", "template: bye}"),
            "tenants.yaml:11",
            "template \"bye\" is not",
        ),
        (tenants("R#{x}", "R#{x}{x}"), "tenants.yaml:11", "twice"),
        // Links.
        (
            links("china_mobile", "cmcc"),
            "links.yaml:2",
            "carrier \"cmcc\" must be",
        ),
        (links("cmpp", "smtp"), "links.yaml:2", "must be cmpp"),
        (
            links("protocol: cmpp", "protocol: cmpp, version: '1.0'"),
            "links.yaml:2",
            "must be \"3.0\" or \"2.0\"",
        ),
        (
            links("'901234'", "'9012345'"),
            "links.yaml:2",
            "account must be 1 to 6",
        ),
        (links("7890", "70000"), "links.yaml:2", "port must lie"),
        (
            links("second: 10", "second: 0"),
            "links.yaml:2",
            "pace_segments_per_second must lie",
        ),
        (links("host: h", "host: 'h:1'"), "links.yaml:2", "without port"),
        // Routes.
        (
            routes("[l]", "[m]"),
            "routes.yaml:2",
            "link \"m\" is not in links.yaml",
        ),
        (routes("[l]", "[]"), "routes.yaml:2", "1 to 16 links"),
        (routes("[l]", "[l, l]"), "routes.yaml:2", "stands twice"),
        (
            routes("[l]}", "[l]}\n  - {carrier: china_mobile, links: [l]}"),
            "routes.yaml:3",
            "already, in line 2",
        ),
        (
            routes("[l]}", "[l]}\nported: [{number: '123', carrier: china_mobile}]"),
            "routes.yaml:3",
            "mobile number",
        ),
    ];
    for ((tenants, links, routes), place, part) in cases {
        let errors = load(&tenants, &links, &routes).expect_err(part);
        assert_eq!(errors.len(), 1, "{part}: {errors:#?}");
        assert!(
            errors[0].starts_with(place) && errors[0].contains(part),
            "{place} {part}: {}",
            errors[0]
        );
        assert_eq!(errors[0].lines().count(), 1, "{}", errors[0]);
    }
}

#[test]
fn mistakes_of_all_files_are_reported_together() {
    let errors = load(
        &TENANTS.replace("'h:1'", "'h'").replace("[甲]", "[]"),
        &LINKS.replace("7890", "0"),
        &ROUTES.replace("[l]", "[m]"),
    )
    .unwrap_err();
    let places: Vec<_> = errors
        .iter()
        .map(|error| error.split(": ").next().unwrap())
        .collect();
    assert_eq!(
        places,
        [
            "links.yaml:2",
            "routes.yaml:2",
            "tenants.yaml:4",
            "tenants.yaml:9"
        ]
    );
}

#[test]
fn a_missing_or_huge_file_is_a_mistake() {
    let dir = tempfile::tempdir().unwrap();
    let errors = Catalog::load(dir.path()).unwrap_err();
    assert_eq!(errors.iter().count(), 3);
    let big = format!("{TENANTS}{}", "#".repeat(8 << 20));
    let errors = load(&big, LINKS, ROUTES).unwrap_err();
    assert_eq!(errors, ["tenants.yaml: is larger than 8388608 octets"]);
}

#[test]
fn a_subscribers_number_is_in_no_reason() {
    let routes = format!(
        "{ROUTES}ported:\n  - {{number: '1380013800', carrier: cmcc}}\n  - {{number: x, carrier: y}}\n"
    );
    let errors = load(TENANTS, LINKS, &routes).unwrap_err();
    assert_eq!(errors.len(), 4);
    assert!(errors.iter().all(|error| !error.contains("138")), "{errors:#?}");
    for entry in [
        "13800138000",
        "'13800138000'",
        "{number: {a: 13800138000}, carrier: x}",
        "{13800138000: x}",
    ] {
        let errors = load(TENANTS, LINKS, &format!("{ROUTES}ported: [{entry}]\n")).unwrap_err();
        assert!(errors.iter().all(|error| !error.contains("138")), "{errors:#?}");
    }
}

#[test]
fn a_full_table_of_ported_numbers_loads() {
    let mut routes = format!("{ROUTES}ported:\n");
    for n in 0..100_000_u64 {
        let number = 13_800_000_000 + n;
        let _ = writeln!(routes, "  - {{number: \"{number}\", carrier: china_unicom}}");
    }
    let catalog = load(TENANTS, LINKS, &routes).unwrap();
    let number = Msisdn::parse("13800099999").unwrap();
    assert_eq!(catalog.carrier_of(&number), Some(Carrier::ChinaUnicom));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever happens to a file on its way: it loads or it is refused with places, and never ends the process.
    #[test]
    fn a_damaged_file_is_refused_and_nothing_worse(at in 0_usize..400, cut in 0_usize..20, put in "[\\PC\n]{0,6}") {
        let floor = |at: usize| (0..=at.min(TENANTS.len())).rev().find(|at| TENANTS.is_char_boundary(*at)).unwrap_or(0);
        let (from, to) = (floor(at), floor(at + cut));
        let damaged = format!("{}{put}{}", &TENANTS[..from], &TENANTS[to..]);
        if let Err(errors) = load(&damaged, LINKS, ROUTES) {
            prop_assert!(!errors.is_empty() && errors.iter().all(|error| error.starts_with("tenants.yaml")));
        }
    }
}
