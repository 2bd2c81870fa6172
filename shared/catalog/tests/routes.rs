//! What routes.yaml gives, and each way for it to be wrong with its line and reason.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

use std::fs;

use hongyan_catalog::{CarrierSeen, Catalog, Route};
use hongyan_domain::{Carrier, LinkName, MessageClass, Msisdn};

use Carrier::{ChinaBroadnet, ChinaMobile, ChinaTelecom, ChinaUnicom};

const TENANTS: &str = "tenants: [{id: a, signatures: [甲]}]\n";

fn load(routes: &str) -> Result<Catalog, Vec<String>> {
    let link = |name: &str, carrier: &str| {
        format!(
            "  - {{name: {name}, carrier: {carrier}, protocol: cmpp, host: h, port: 1, sp_id: '1', secret_file: s, \
             service_id: X, pace_segments_per_second: 10}}\n"
        )
    };
    let links = format!(
        "links:\n{}{}{}{}",
        link("m1", "china_mobile"),
        link("m2", "china_mobile"),
        link("t1", "china_telecom"),
        link("u1", "china_unicom")
    );
    let dir = tempfile::tempdir().unwrap();
    for (file, text) in [
        ("tenants.yaml", TENANTS),
        ("links.yaml", &links),
        ("routes.yaml", routes),
    ] {
        fs::write(dir.path().join(file), text).unwrap();
    }
    Catalog::load(dir.path()).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

fn links(route: &Route) -> Vec<(&str, u16)> {
    route
        .links
        .iter()
        .map(|link| (link.name.as_str(), link.weight))
        .collect()
}

fn number(text: &str) -> Msisdn {
    Msisdn::parse(text).unwrap()
}

fn name(text: &str) -> LinkName {
    LinkName::parse(text).unwrap()
}

#[test]
fn names_alone_are_an_order_and_weights_are_shares() {
    let catalog = load(
        "\
routes:
  - {carrier: china_mobile, links: [m1, m2]}
  - carrier: china_mobile
    class: [otp, reply]
    links:
      - {name: m2, weight: 3}
      - {name: m1, weight: 1}
      - t1
      - {name: u1, weight: 0}
    fallback: []
  - {carrier: china_telecom, links: [t1], fallback: [m1]}
fallback: [t1, u1]
",
    )
    .unwrap();
    let plain = catalog.route(ChinaMobile, MessageClass::Bulk).unwrap();
    assert_eq!(links(plain), [("m1", 1), ("m2", 0)]);
    assert_eq!(plain.fallback, [name("t1"), name("u1")]);
    for class in [MessageClass::Otp, MessageClass::Reply] {
        let own = catalog.route(ChinaMobile, class).unwrap();
        assert_eq!(links(own), [("m2", 3), ("m1", 1), ("t1", 0), ("u1", 0)]);
        assert!(own.fallback.is_empty(), "an empty one is one's own");
    }
    let telecom = catalog.route(ChinaTelecom, MessageClass::Otp).unwrap();
    assert_eq!(telecom.fallback, [name("m1")]);
    assert_eq!(catalog.route(ChinaUnicom, MessageClass::Otp), None);
}

#[test]
fn a_number_is_where_it_is_declared_then_where_its_longest_prefix_is() {
    let catalog = load(
        "\
routes: [{carrier: china_mobile, links: [m1]}]
prefixes:
  - {prefix: '192', carrier: china_mobile}
  - {prefix: '1925', carrier: china_unicom}
  - {prefix: '1380000', carrier: china_telecom}
ported: [{number: '13800000001', carrier: china_unicom}]
",
    )
    .unwrap();
    for (digits, carrier) in [
        ("19200000000", ChinaMobile),
        ("19250000000", ChinaUnicom),
        ("13800000000", ChinaTelecom),
        ("13800000001", ChinaUnicom),
        ("13800010000", ChinaMobile),
    ] {
        assert_eq!(catalog.carrier_of(&number(digits)), Some(carrier), "{digits}");
    }
    assert_eq!(catalog.declared_carrier_of(&number("13800000000")), None);
    assert_eq!(
        load("routes: []\n").unwrap().carrier_of(&number("19200000000")),
        Some(ChinaBroadnet)
    );
}

#[test]
fn a_link_speaks_for_the_carriers_that_it_serves() {
    let catalog = load(
        "\
routes:
  - {carrier: china_mobile, links: [m1]}
  - {carrier: china_broadnet, links: [m1]}
  - {carrier: china_unicom, links: [u1], fallback: [m1]}
",
    )
    .unwrap();
    let seen = |link: &str, digits: &str| catalog.carrier_seen(&name(link), &number(digits));
    let as_expected = |expected| {
        Some(CarrierSeen {
            carrier: expected,
            expected,
        })
    };
    assert_eq!(seen("m1", "13800138000"), as_expected(ChinaMobile));
    assert_eq!(seen("m1", "19200138000"), as_expected(ChinaBroadnet));
    assert_eq!(
        seen("m1", "13000138000"),
        Some(CarrierSeen {
            carrier: ChinaMobile,
            expected: ChinaUnicom
        }),
        "a fallback does not serve"
    );
    assert_eq!(
        seen("m2", "13800138000"),
        as_expected(ChinaMobile),
        "the carrier's own, in no route"
    );
    assert_eq!(seen("x", "13000138000"), None, "no such link");
    assert_eq!(seen("m1", "14200138000"), None, "nobody's block");
}

#[test]
fn each_mistake_has_its_line_and_reason() {
    let cases = [
        (
            "routes: [{carrier: china_mobile, links: [{name: m1, weight: 1001}]}]",
            "routes.yaml:1",
            "weight must lie between 0 and 1000",
        ),
        (
            "routes:\n  - {carrier: china_mobile, links: [m1, {name: m2, weight: 0}]}",
            "routes.yaml:2",
            "all links of this route stand by",
        ),
        (
            "routes:\n  - carrier: china_mobile\n    links:\n      - m1\n      - {name: m9, weight: 1}",
            "routes.yaml:5",
            "link \"m9\" is not in links.yaml",
        ),
        (
            "routes: [{carrier: china_mobile, links: [{name: m1, weight: 1}, m1]}]",
            "routes.yaml:1",
            "stands twice in this route",
        ),
        (
            "routes: [{carrier: china_mobile, links: [{name: m1, share: 1}]}]",
            "routes.yaml:1",
            "share",
        ),
        (
            "routes: [{carrier: china_mobile, links: [{name: m1}]}]",
            "routes.yaml:1",
            "weight",
        ),
        (
            "routes: [{carrier: china_mobile, links: [[m1]]}]",
            "routes.yaml:1",
            "a link's name",
        ),
        (
            "routes:\n  - {carrier: china_mobile, class: [otp], links: [m1]}\n  - {carrier: china_mobile, class: [reply, otp], links: [m1]}",
            "routes.yaml:3",
            "has a route for class otp already, in line 2",
        ),
        (
            "routes: [{carrier: china_mobile, class: [otp, otp], links: [m1]}]",
            "routes.yaml:1",
            "class \"otp\" stands twice",
        ),
        (
            "routes: [{carrier: china_mobile, class: [], links: [m1]}]",
            "routes.yaml:1",
            "a route needs a class",
        ),
        (
            "routes: [{carrier: china_mobile, class: [sms], links: [m1]}]",
            "routes.yaml:1",
            "class \"sms\" must be",
        ),
        (
            "routes: []\nfallback: [m1, t9]",
            "routes.yaml:2",
            "link \"t9\" is not in links.yaml",
        ),
        (
            "routes:\n  - {carrier: china_mobile, links: [m1], fallback: [t1, t1]}",
            "routes.yaml:2",
            "stands twice in this fallback",
        ),
        (
            "routes: []\nprefixes:\n  - {prefix: '1', carrier: china_mobile}",
            "routes.yaml:3",
            "a prefix must be 2 to 7 digits",
        ),
        (
            "routes: []\nprefixes: [{prefix: '19x', carrier: china_mobile}]",
            "routes.yaml:2",
            "a prefix must be",
        ),
        (
            "routes: []\nprefixes: [{prefix: '192', carrier: cbn}]",
            "routes.yaml:2",
            "carrier \"cbn\" must be",
        ),
        (
            "routes: []\nprefixes:\n  - {prefix: '192', carrier: china_mobile}\n  - {prefix: '192', carrier: china_unicom}",
            "routes.yaml:4",
            "declared twice, first in line 3",
        ),
    ];
    for (routes, place, part) in cases {
        let errors = load(routes).expect_err(part);
        assert_eq!(errors.len(), 1, "{part}: {errors:#?}");
        assert!(
            errors[0].starts_with(place) && errors[0].contains(part),
            "{place} {part}: {}",
            errors[0]
        );
    }
}

#[test]
fn a_number_where_a_prefix_belongs_is_in_no_reason() {
    let errors = load("routes: []\nprefixes: [{prefix: '13800138000', carrier: china_mobile}]").unwrap_err();
    assert!(errors.iter().all(|error| !error.contains("138")), "{errors:#?}");
}
