//! Messages that go another way, and what is learned by it.

use std::time::Duration;

use bytes::Bytes;
use hongyan_domain::{Msisdn, Partition};
use hongyan_envelope::SUBJECT;
use hongyan_proto::{
    audit::v1::AuditEvent,
    carrier::v1::{
        CarrierLearned, LessonSource, LinkEvent, MessageReturned, OutboundMessage, ReturnReason,
        link_event::Event,
    },
    common::v1::Carrier,
    dispatch::v1::{GetMessageResponse, MessageStatus},
};
use hongyan_queue::{Consumer, Group, Redis, keys};
use hongyan_sms_dispatch_svc::{
    acceptor::OUTBOUND_CONTEXT,
    clock::now_unix_ms,
    routing::LiveHealth,
    store::Store,
    worker::{GROUP, Worker},
};
use prost::Message as _;

use crate::{
    house::{Client, House, SHEBAO, code, keyring, message, rerouter_over, soon, until},
    redis_server::ask,
    settling::{put, receipt, submitted, until_settled, until_status},
};

pub(crate) const CATALOG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/catalog-routes");
const PHONE: &str = "13800138000";

pub(crate) async fn open() -> House {
    House::open_with(|settings| settings.catalog_dir = CATALOG.into()).await
}

pub(crate) fn out(link: &str) -> String {
    format!("{{p0}}:out:{link}:otp")
}

/// The octets of every entry of a queue.
pub(crate) async fn sealed(redis: &Redis, link: &str) -> Vec<Bytes> {
    let entries: Vec<(String, Vec<Bytes>)> = ask(redis, "XRANGE", &[&out(link), "-", "+"]).await;
    let body = |fields: Vec<Bytes>| {
        let mut fields = fields.into_iter();
        fields.find(|field| field.as_ref() == b"b").unwrap();
        fields.next().unwrap()
    };
    entries.into_iter().map(|(_, fields)| body(fields)).collect()
}

pub(crate) fn opened(sealed: &[u8]) -> OutboundMessage {
    let plain = keyring().open(OUTBOUND_CONTEXT, sealed).unwrap();
    OutboundMessage::decode(plain.as_slice()).unwrap()
}

pub(crate) async fn send(client: &mut Client, request_id: &str, phone: &str) -> String {
    let accepted = client.send_message(code(request_id, phone)).await.unwrap();
    accepted.into_inner().message_id
}

fn by(link: &str, event: LinkEvent) -> LinkEvent {
    LinkEvent {
        link: link.into(),
        ..event
    }
}

pub(crate) fn returned(link: &str, message_id: &str, reason: ReturnReason, sealed: &Bytes) -> LinkEvent {
    let returned = MessageReturned {
        reason: reason.into(),
        raw_code: if reason == ReturnReason::NoRoute {
            "CMPP:9".into()
        } else {
            String::new()
        },
        sealed: sealed.clone(),
        attempt: 1,
    };
    LinkEvent {
        message_id: message_id.into(),
        link: link.into(),
        at_unix_ms: now_unix_ms(),
        event: Some(Event::Returned(returned)),
        ..LinkEvent::default()
    }
}

pub(crate) async fn until_rerouted(client: &mut Client, id: &str) -> GetMessageResponse {
    until("the other way", async || {
        let shown = message(client, id).await;
        (!shown.rerouted_from.is_empty()).then_some(shown)
    })
    .await
}

fn story(shown: &GetMessageResponse) -> Vec<&str> {
    shown.events.iter().map(|event| event.event.as_str()).collect()
}

pub(crate) async fn waiting(redis: &Redis) -> u64 {
    ask::<Option<u64>>(redis, "HGET", &["{p0}:waiting", "shebao:otp"])
        .await
        .unwrap_or(0)
}

fn ported(phone: &str) -> String {
    let tag = keyring().tag(SUBJECT, &Msisdn::parse(phone).unwrap().e164());
    format!("{{p0}}:ported:{}", tag.short())
}

async fn learned(redis: &Redis, phone: &str) -> Option<String> {
    let kept: Option<String> = ask(redis, "GET", &[&ported(phone)]).await;
    kept.map(|kept| kept.split('|').next().unwrap().to_owned())
}

async fn audited(redis: &Redis, action: &str) -> Vec<AuditEvent> {
    let entries: Vec<(String, Vec<Bytes>)> = ask(redis, "XRANGE", &["{p0}:audit", "-", "+"]).await;
    let event = |fields: Vec<Bytes>| {
        let mut fields = fields.into_iter();
        fields.find(|field| field.as_ref() == b"b").unwrap();
        AuditEvent::decode(fields.next().unwrap()).unwrap()
    };
    let events = entries.into_iter().map(|(_, fields)| event(fields));
    events.filter(|event| event.action == action).collect()
}

#[tokio::test]
async fn a_number_that_moved_is_rerouted_once_and_the_next_message_goes_straight() {
    let house = open().await;
    let mut client = house.client(SHEBAO).await;
    let id = send(&mut client, "r-1", PHONE).await;
    let first = sealed(&house.redis, "m1").await.remove(0);
    put(
        &house.redis,
        &[returned("m1", &id, ReturnReason::NoRoute, &first)],
    )
    .await;

    let shown = until_rerouted(&mut client, &id).await;
    assert_eq!(
        (
            shown.link.as_str(),
            shown.rerouted_from.as_str(),
            shown.reroute_reason.as_str()
        ),
        ("t1", "m1", "NO_ROUTE")
    );
    assert_eq!(shown.carrier(), Carrier::ChinaTelecom);
    assert_eq!(shown.status.as_ref().unwrap().status(), MessageStatus::Queued);
    assert_eq!(story(&shown), ["ACCEPTED", "QUEUED", "RETURNED", "REROUTED"]);
    let second = opened(&sealed(&house.redis, "t1").await.remove(0));
    let before = opened(&first);
    assert_eq!(second.source, "106977", "the access number that serves there");
    assert_eq!(
        (second.text, second.valid_until_unix_ms),
        (before.text, before.valid_until_unix_ms)
    );
    assert_eq!(waiting(&house.redis).await, 1);
    assert_eq!(audited(&house.redis, "MESSAGE_REROUTED").await.len(), 1);
    assert_eq!(learned(&house.redis, PHONE).await, None, "nobody took it yet");

    put(&house.redis, &[by("t1", submitted(&id, 1))]).await;
    until_status(&mut client, &id, MessageStatus::Submitted).await;
    until_settled(&house.redis).await;
    assert_eq!(
        learned(&house.redis, PHONE).await.as_deref(),
        Some("china_telecom")
    );
    assert_eq!(waiting(&house.redis).await, 0);

    // This process has not met the number yet: the script tells it.
    let straight = send(&mut client, "r-2", PHONE).await;
    let again = send(&mut client, "r-3", PHONE).await;
    for id in [&straight, &again] {
        let shown = message(&mut client, id).await;
        assert_eq!((shown.link.as_str(), shown.rerouted_from.as_str()), ("t1", ""));
    }
    assert_eq!(sealed(&house.redis, "m1").await.len(), 1);
    assert_eq!(sealed(&house.redis, "t1").await.len(), 3);
    let repeated = send(&mut client, "r-2", PHONE).await;
    assert_eq!(repeated, straight);

    // It moved back: the lesson is contradicted and dropped, and the fallback of there takes it.
    let sent = sealed(&house.redis, "t1").await.remove(1);
    put(
        &house.redis,
        &[returned("t1", &straight, ReturnReason::NoRoute, &sent)],
    )
    .await;
    let shown = until_rerouted(&mut client, &straight).await;
    assert_eq!(shown.link, "m1");
    until_settled(&house.redis).await;
    assert_eq!(learned(&house.redis, PHONE).await, None);
    let home = send(&mut client, "r-4", PHONE).await;
    assert_eq!(message(&mut client, &home).await.link, "m1");
    let lessons = audited(&house.redis, "CARRIER_LEARNED").await;
    let outcomes: Vec<&str> = lessons.iter().map(|lesson| lesson.outcome.as_str()).collect();
    assert_eq!(outcomes, ["ELSEWHERE", "AS_EXPECTED"]);
    house.close().await;
}

#[tokio::test]
async fn a_carrier_that_takes_a_number_and_does_not_deliver_teaches_nothing() {
    let house = open().await;
    let mut client = house.client(SHEBAO).await;
    let id = send(&mut client, "r-1", PHONE).await;
    let first = sealed(&house.redis, "m1").await.remove(0);
    put(
        &house.redis,
        &[returned("m1", &id, ReturnReason::NoRoute, &first)],
    )
    .await;
    until_rerouted(&mut client, &id).await;
    put(&house.redis, &[by("t1", submitted(&id, 1))]).await;
    until("the lesson", async || {
        (learned(&house.redis, PHONE).await.as_deref() == Some("china_telecom")).then_some(())
    })
    .await;
    put(&house.redis, &[by("t1", receipt(&id, 1, "UNDELIV"))]).await;
    until_status(&mut client, &id, MessageStatus::Undelivered).await;
    assert_eq!(learned(&house.redis, PHONE).await, None);
    house.close().await;
}

#[tokio::test]
async fn what_was_rerouted_and_is_returned_again_ends_as_rejected() {
    let house = open().await;
    let mut client = house.client(SHEBAO).await;
    let id = send(&mut client, "r-1", PHONE).await;
    let first = sealed(&house.redis, "m1").await.remove(0);
    put(
        &house.redis,
        &[returned("m1", &id, ReturnReason::NoRoute, &first)],
    )
    .await;
    until_rerouted(&mut client, &id).await;
    let second = sealed(&house.redis, "t1").await.remove(0);
    put(
        &house.redis,
        &[returned("t1", &id, ReturnReason::NoRoute, &second)],
    )
    .await;
    let shown = until_status(&mut client, &id, MessageStatus::Rejected).await;
    assert_eq!(shown.status.unwrap().raw_code, "CMPP:9");
    assert_eq!(waiting(&house.redis).await, 0);
    assert_eq!(sealed(&house.redis, "m1").await.len(), 1);
    house.close().await;
}

#[tokio::test]
async fn a_report_that_several_replicas_read_puts_the_message_in_one_queue_once() {
    let house = open().await;
    let mut client = house.client(SHEBAO).await;
    let store = Store::new(house.redis.clone());
    for reason in [ReturnReason::NoRoute, ReturnReason::LinkDown] {
        let before: u64 = ask(&house.redis, "XLEN", &[&out("u1")]).await;
        // For a Unicom number there is no other way: a link that was down gets it back, a refusal ends it.
        let id = send(&mut client, reason.as_str_name(), "13000138000").await;
        let sent = sealed(&house.redis, "u1").await.pop().unwrap();
        let report = returned("u1", &id, reason, &sent);
        let mut settling = Vec::new();
        for _ in 0..4 {
            let group = Group::join(
                &house.redis,
                [keys::receipts(Partition::new(0).unwrap())],
                GROUP,
                &Consumer::unique("dispatch"),
            )
            .await
            .unwrap();
            let rerouter = rerouter_over(&store, CATALOG, LiveHealth::default()).await;
            let worker = Worker::new(store.clone(), group.clone(), rerouter, 8, Duration::from_mins(1));
            settling.push((group, worker));
        }
        put(&house.redis, std::slice::from_ref(&report)).await;
        until_settled(&house.redis).await;
        // As if each of them had read it as well.
        let entries: Vec<(String, Vec<Bytes>)> = ask(
            &house.redis,
            "XREVRANGE",
            &["{p0}:receipts", "+", "-", "COUNT", "1"],
        )
        .await;
        let entry = hongyan_queue::Entry {
            stream: "{p0}:receipts".into(),
            id: entries[0].0.parse().unwrap(),
            delivery_count: 2,
            fields: vec![(Bytes::from_static(b"b"), report.encode_to_vec().into())],
        };
        for (_, worker) in &settling {
            soon(
                "the repetition",
                Box::pin(worker.settle(std::slice::from_ref(&entry))),
            )
            .await
            .unwrap();
        }
        let expected = if reason == ReturnReason::LinkDown {
            before + 2
        } else {
            before + 1
        };
        assert_eq!(ask::<u64>(&house.redis, "XLEN", &[&out("u1")]).await, expected);
        let status = message(&mut client, &id).await.status.unwrap().status();
        assert_eq!(
            status,
            if reason == ReturnReason::LinkDown {
                MessageStatus::Queued
            } else {
                MessageStatus::Rejected
            }
        );
    }
    house.close().await;
}

#[tokio::test]
async fn a_receipt_that_says_no_route_sends_the_kept_text_another_way() {
    let house = open().await;
    let mut client = house.client(SHEBAO).await;
    let id = send(&mut client, "r-1", PHONE).await;
    let key = format!("{{p0}}:msg:{id}");
    let kept = async || ask::<u64>(&house.redis, "HEXISTS", &[&key, "b"]).await;
    assert_eq!(kept().await, 1);
    put(&house.redis, &[by("m1", submitted(&id, 1))]).await;
    until_status(&mut client, &id, MessageStatus::Submitted).await;
    assert_eq!(waiting(&house.redis).await, 0);
    put(&house.redis, &[by("m1", receipt(&id, 1, "MA:0003"))]).await;
    let shown = until_rerouted(&mut client, &id).await;
    assert_eq!(
        (shown.link.as_str(), shown.status.unwrap().status()),
        ("t1", MessageStatus::Queued)
    );
    assert_eq!((waiting(&house.redis).await, kept().await), (1, 0));
    assert_eq!(sealed(&house.redis, "t1").await.len(), 1);
    put(
        &house.redis,
        &[by("t1", submitted(&id, 1)), by("t1", receipt(&id, 1, "DELIVRD"))],
    )
    .await;
    let shown = until_status(&mut client, &id, MessageStatus::Delivered).await;
    assert_eq!(waiting(&house.redis).await, 0);
    assert!(story(&shown).contains(&"REROUTED"));
    house.close().await;
}

#[tokio::test]
async fn a_kept_text_goes_when_the_message_ends_and_is_not_kept_without_another_way() {
    let house = open().await;
    let mut client = house.client(SHEBAO).await;
    let kept = async |id: &str| {
        let key = format!("{{p0}}:msg:{id}");
        ask::<u64>(&house.redis, "HEXISTS", &[&key, "b"]).await
    };
    let id = send(&mut client, "r-1", PHONE).await;
    let without = send(&mut client, "r-2", "13000138000").await;
    assert_eq!((kept(&id).await, kept(&without).await), (1, 0));
    put(
        &house.redis,
        &[by("m1", submitted(&id, 1)), by("m1", receipt(&id, 1, "DELIVRD"))],
    )
    .await;
    until_status(&mut client, &id, MessageStatus::Delivered).await;
    assert_eq!(kept(&id).await, 0);
    put(&house.redis, &[by("u1", receipt(&without, 1, "SGIP:UNDELIV/23"))]).await;
    until_status(&mut client, &without, MessageStatus::Undelivered).await;
    house.close().await;
}

#[tokio::test]
async fn an_uplink_teaches_where_a_number_is_and_another_one_corrects_it() {
    let house = open().await;
    let mut client = house.client(SHEBAO).await;
    let tag = keyring().tag(SUBJECT, &Msisdn::parse(PHONE).unwrap().e164());
    let seen = |link: &str, carrier: Carrier| {
        let learned = CarrierLearned {
            subject_tag: Bytes::copy_from_slice(tag.as_bytes()),
            carrier: carrier.into(),
            expected: Carrier::ChinaMobile.into(),
            source: LessonSource::Uplink.into(),
        };
        LinkEvent {
            link: link.into(),
            at_unix_ms: now_unix_ms(),
            event: Some(Event::CarrierLearned(learned)),
            ..LinkEvent::default()
        }
    };
    for (link, carrier, known) in [
        ("m1", Carrier::ChinaMobile, None),
        ("u1", Carrier::ChinaUnicom, Some("china_unicom")),
        ("t1", Carrier::ChinaTelecom, Some("china_telecom")),
        ("t1", Carrier::ChinaTelecom, Some("china_telecom")),
        ("m1", Carrier::ChinaMobile, None),
    ] {
        put(&house.redis, &[seen(link, carrier)]).await;
        until("the lesson", async || {
            (learned(&house.redis, PHONE).await.as_deref() == known).then_some(())
        })
        .await;
        until_settled(&house.redis).await;
        let id = send(
            &mut client,
            &format!("{link}-{}-{}", known.unwrap_or("none"), now_unix_ms()),
            PHONE,
        )
        .await;
        assert_eq!(message(&mut client, &id).await.link, link);
    }
    assert_eq!(audited(&house.redis, "CARRIER_LEARNED").await.len(), 3);
    let garbage = LinkEvent {
        event: Some(Event::CarrierLearned(CarrierLearned::default())),
        ..seen("m1", Carrier::ChinaMobile)
    };
    put(&house.redis, &[garbage]).await;
    until_settled(&house.redis).await;
    assert_eq!(ask::<u64>(&house.redis, "XLEN", &["{p0}:dead:receipts"]).await, 1);
    house.close().await;
}
