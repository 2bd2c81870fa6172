use std::{collections::HashMap, fs, time::Duration};

use bytes::Bytes;
use hongyan_catalog::Catalog;
use hongyan_domain::{Carrier, LinkName, status::CodeTable};
use hongyan_proto::{
    carrier::v1::{
        LinkEvent, MessageReturned, OutboundMessage, ReturnReason, SegmentReceipt, SegmentSubmitted,
        link_event::Event,
    },
    common::v1::MessageClass,
    dispatch::v1::MessageStatus,
};

use super::{Known, Way, Wish, find, may_go, take, wish};
use crate::{
    convert::carrier_to_proto,
    lifecycle::{conclude, give_up, note, outcome},
    record::{EventKind, MessageRecord, RECORD_VERSION},
    routing::Health,
};

const NOW: i64 = 1_000_000;
const VALID_UNTIL: i64 = NOW + 300_000;

fn catalog() -> Catalog {
    let link = |name: &str, carrier: &str, more: &str| {
        format!(
            "  - {{name: {name}, carrier: {carrier}, protocol: cmpp, host: h, port: 1, sp_id: '1', secret_file: s, \
             service_id: X, pace_segments_per_second: 10{more}}}\n"
        )
    };
    let links = [
        link("m1", "china_mobile", ""),
        link("m2", "china_mobile", ""),
        link("m3", "china_mobile", ", access_number: '10655'"),
        link("t1", "china_telecom", ""),
        link("u1", "china_unicom", ""),
    ];
    let dir = tempfile::tempdir().unwrap();
    let tenants = "\
tenants:
  - id: a
    signatures: [甲]
    access_numbers:
      - {number: '106900', extension_digits: 4, carriers: [china_mobile, china_unicom]}
      - {number: '1069777', extension_digits: 2, carriers: [china_telecom]}
";
    let routes = "\
routes:
  - {carrier: china_mobile, links: [m1, m3, m2], fallback: [m2, t1, u1]}
  - {carrier: china_telecom, links: [t1]}
  - {carrier: china_unicom, links: [u1], fallback: [t1]}
";
    for (file, text) in [
        ("tenants.yaml", tenants),
        ("links.yaml", &format!("links:\n{}", links.concat())),
        ("routes.yaml", routes),
    ] {
        fs::write(dir.path().join(file), text).unwrap();
    }
    Catalog::load(dir.path()).unwrap()
}

fn codes() -> &'static CodeTable {
    CodeTable::built_in()
}

/// Everything is up but these.
fn health(down: &[&str]) -> Health {
    let ready: HashMap<String, i64> = ["m1", "m2", "m3", "t1", "u1"]
        .into_iter()
        .filter(|link| !down.contains(link))
        .map(|link| (link.to_owned(), NOW))
        .collect();
    Health::new(&[], &ready, 0, NOW, Duration::from_secs(30))
}

fn record(link: &str, carrier: Carrier) -> MessageRecord {
    MessageRecord {
        version: RECORD_VERSION,
        tenant: "a".into(),
        class: MessageClass::Notice.into(),
        carrier: carrier_to_proto(carrier).into(),
        link: link.into(),
        segment_count: 1,
        accepted_at_unix_ms: NOW - 10,
        valid_until_unix_ms: VALID_UNTIL,
        subject_tag: Bytes::from_static(&[7; 32]),
        body_kept: true,
        ..MessageRecord::default()
    }
}

fn outbound(source: &str) -> OutboundMessage {
    OutboundMessage {
        phone: "+8613800138000".into(),
        source: source.into(),
        ..OutboundMessage::default()
    }
}

fn way(
    record: &MessageRecord,
    reason: ReturnReason,
    learned: Option<Carrier>,
    down: &[&str],
) -> Option<(String, Carrier, String)> {
    let catalog = catalog();
    let health = health(down);
    let known = Known {
        catalog: &catalog,
        health: &health,
        learned,
        now_ms: NOW,
    };
    let way = find(record, &outbound("10690012"), reason, &known)?;
    assert_eq!(way.expected, Carrier::ChinaMobile);
    Some((way.link.to_string(), way.carrier, way.source))
}

fn to(link: &str, carrier: Carrier, source: &str) -> (String, Carrier, String) {
    (link.into(), carrier, source.into())
}

use Carrier::{ChinaMobile, ChinaTelecom, ChinaUnicom};
use ReturnReason::{LinkDown, NoRoute};

#[test]
fn after_no_route_a_fallback_of_another_carrier_comes_first_and_one_that_is_up() {
    let message = record("m1", ChinaMobile);
    assert_eq!(
        way(&message, NoRoute, None, &[]),
        Some(to("t1", ChinaTelecom, "106977712")),
        "with the access number of there and the same extension"
    );
    assert_eq!(
        way(&message, NoRoute, None, &["t1"]),
        Some(to("u1", ChinaUnicom, "10690012"))
    );
    assert_eq!(
        way(&message, NoRoute, None, &["t1", "u1"]),
        Some(to("m2", ChinaMobile, "10690012")),
        "the same carrier's, as it is up"
    );
    assert_eq!(
        way(&message, NoRoute, None, &["t1", "u1", "m2"]),
        Some(to("t1", ChinaTelecom, "106977712")),
        "none is up: it waits at the best"
    );
}

#[test]
fn what_was_learned_meanwhile_goes_before_the_fallback() {
    let message = record("m1", ChinaMobile);
    assert_eq!(
        way(&message, NoRoute, Some(ChinaUnicom), &[]),
        Some(to("u1", ChinaUnicom, "10690012"))
    );
    assert_eq!(
        way(&message, NoRoute, Some(ChinaMobile), &[]),
        Some(to("t1", ChinaTelecom, "106977712")),
        "it says no there"
    );
}

#[test]
fn the_link_that_it_comes_from_is_never_the_other_way() {
    assert_eq!(
        way(&record("t1", ChinaTelecom), NoRoute, None, &[]),
        None,
        "no fallback there"
    );
    for link in ["m1", "m2", "t1", "u1"] {
        for down in [&[][..], &["m1", "m2"], &["t1"], &["m1", "m2", "t1", "u1"]] {
            for reason in [NoRoute, LinkDown] {
                let other = way(&record(link, ChinaMobile), reason, None, down);
                assert_ne!(other.map(|(to, _, _)| to).as_deref(), Some(link));
            }
        }
    }
}

#[test]
fn from_a_link_that_is_down_only_a_link_of_the_route_that_is_up_takes_over() {
    let message = record("m1", ChinaMobile);
    assert_eq!(
        way(&message, LinkDown, None, &["m1"]),
        Some(to("m2", ChinaMobile, "10690012")),
        "m3 is tied to another number"
    );
    assert_eq!(way(&message, LinkDown, None, &["m1", "m2"]), None);
}

#[test]
fn an_extension_that_does_not_fit_there_goes_elsewhere() {
    let catalog = catalog();
    let health = health(&[]);
    let known = Known {
        catalog: &catalog,
        health: &health,
        learned: None,
        now_ms: NOW,
    };
    let way = find(
        &record("m1", ChinaMobile),
        &outbound("1069001234"),
        NoRoute,
        &known,
    )
    .unwrap();
    assert_eq!((way.link.as_str(), way.source.as_str()), ("u1", "1069001234"));
}

fn event(link: &str, event: Event) -> LinkEvent {
    LinkEvent {
        link: link.into(),
        at_unix_ms: NOW,
        segment: 0,
        event: Some(event),
        ..LinkEvent::default()
    }
}

fn returned(link: &str) -> LinkEvent {
    let returned = MessageReturned {
        reason: NoRoute.into(),
        raw_code: "CMPP:9".into(),
        sealed: Bytes::from_static(b"sealed"),
        attempt: 1,
    };
    event(link, Event::Returned(returned))
}

fn receipt(link: &str, stat: &str) -> LinkEvent {
    let receipt = SegmentReceipt {
        carrier_message_id: "0a".into(),
        stat: stat.into(),
        done_time: String::new(),
    };
    event(link, Event::Receipt(receipt))
}

fn submitted(link: &str) -> LinkEvent {
    let submitted = SegmentSubmitted {
        carrier_message_id: "0b".into(),
        attempt: 1,
        submitted_at_unix_ms: NOW,
        ..SegmentSubmitted::default()
    };
    event(link, Event::Submitted(submitted))
}

fn reroute_to(record: &mut MessageRecord, link: &str, wish: &Wish) {
    let way = Way {
        link: LinkName::parse(link).unwrap(),
        carrier: ChinaTelecom,
        source: String::new(),
        expected: ChinaMobile,
        segments: 1,
    };
    take(record, &way, wish, NOW);
}

#[test]
fn a_message_goes_another_way_once_and_the_first_links_words_count_no_more() {
    let mut message = record("m1", ChinaMobile);
    note(&mut message, &returned("m1"), codes()).unwrap();
    let first = wish(&message, &returned("m1"), codes()).unwrap();
    assert_eq!(first.raw_code, "CMPP:9");
    assert!(may_go(&message, NOW) && !may_go(&message, VALID_UNTIL));
    reroute_to(&mut message, "t1", &first);
    assert_eq!(outcome(&message, codes()).detail.status.as_str(), "QUEUED");
    assert!(!may_go(&message, NOW), "once");
    assert_eq!((message.link.as_str(), message.carrier), ("t1", 3));

    let before = message.clone();
    note(&mut message, &returned("m1"), codes()).unwrap();
    assert_eq!(message.events.len(), before.events.len() + 1, "told as late");
    assert_eq!(wish(&message, &returned("m1"), codes()), None);
    note(&mut message, &receipt("m1", "UNDELIV"), codes()).unwrap();
    assert_eq!(outcome(&message, codes()).detail.status.as_str(), "QUEUED");
    assert!(!message.possible_duplicate);
    note(&mut message, &receipt("m1", "DELIVRD"), codes()).unwrap();
    assert!(message.possible_duplicate, "it had arrived after all");

    note(&mut message, &submitted("t1"), codes()).unwrap();
    assert_eq!(outcome(&message, codes()).detail.status.as_str(), "SUBMITTED");
    // The other carrier does not serve it either: that is the end.
    let second = wish(&message, &returned("t1"), codes()).unwrap();
    give_up(&mut message, &second);
    let end = conclude(&mut message, codes());
    assert_eq!(end.announcement.unwrap().status, MessageStatus::Rejected);
    assert_eq!(end.outcome.detail.raw_code, "CMPP:9");
    let kinds: Vec<EventKind> = message
        .events
        .iter()
        .map(crate::record::EventRecord::kind)
        .collect();
    assert_eq!(
        kinds.iter().filter(|kind| **kind == EventKind::Rerouted).count(),
        1
    );
}

#[test]
fn a_receipt_that_says_no_route_counts_where_the_text_was_kept_and_nothing_arrived() {
    let mut message = MessageRecord {
        segment_count: 2,
        ..record("m1", ChinaMobile)
    };
    let no_route = LinkEvent {
        segment: 1,
        ..receipt("m1", "MA:0003")
    };
    assert!(wish(&message, &no_route, codes()).is_some_and(|wish| !wish.was_returned));
    assert_eq!(wish(&message, &receipt("m1", "UNDELIV"), codes()), None);
    message.body_kept = false;
    assert_eq!(wish(&message, &no_route, codes()), None);
    message.body_kept = true;
    let delivered = LinkEvent {
        segment: 2,
        ..receipt("m1", "DELIVRD")
    };
    note(&mut message, &delivered, codes()).unwrap();
    assert_eq!(wish(&message, &no_route, codes()), None, "a part has arrived");
}

#[test]
fn what_a_receipt_said_of_the_first_way_is_no_fact_of_the_second() {
    let mut message = record("m1", ChinaMobile);
    note(&mut message, &submitted("m1"), codes()).unwrap();
    let no_route = receipt("m1", "MA:0003");
    note(&mut message, &no_route, codes()).unwrap();
    let wish = wish(&message, &no_route, codes()).unwrap();
    reroute_to(&mut message, "t1", &wish);
    let conclusion = conclude(&mut message, codes());
    assert_eq!(conclusion.announcement, None);
    assert_eq!(conclusion.outcome.detail.status.as_str(), "QUEUED");
    note(&mut message, &receipt("t1", "DELIVRD"), codes()).unwrap();
    assert_eq!(
        conclude(&mut message, codes()).announcement.unwrap().status,
        MessageStatus::Delivered
    );
}

#[test]
fn a_link_that_was_down_until_the_validity_ran_out_ends_it_as_expired() {
    let mut message = record("m1", ChinaMobile);
    let wish = Wish {
        reason: LinkDown,
        raw_code: String::new(),
        at_unix_ms: VALID_UNTIL + 1,
        was_returned: true,
    };
    give_up(&mut message, &wish);
    assert_eq!(outcome(&message, codes()).detail.status.as_str(), "EXPIRED");
}
