use std::time::Duration;

use hongyan_chassis::Problem;
use hongyan_proto::{
    carrier::v1::{ConnectionState, GetLinksResponse, LinkState},
    dispatch::v1::{GetQueuesResponse, LinkHealthState, QueueState},
};
use time::macros::offset;

use super::{Seen, render};
use crate::{exit::Exit, screen::Screen};

fn process(instance: &str, state: &str) -> GetLinksResponse {
    let connection = ConnectionState {
        slot: 0,
        state: state.into(),
        version: "CMPP 3.0".into(),
        window: 16,
        in_flight: 3,
        direction: "BOTH".into(),
        response_p50_ms: 48.0,
        response_p99_ms: 213.0,
        segments_per_second: 12.3,
        ..ConnectionState::default()
    };
    let link = LinkState {
        link: "cmcc-1".into(),
        carrier: 1,
        protocol: "CMPP 3.0".into(),
        connections_allowed: 2,
        connections: if state.is_empty() {
            Vec::new()
        } else {
            vec![connection]
        },
        pace_allowed: 100,
        segments_per_second: 12.34,
        receipts_per_second: 1.0,
    };
    GetLinksResponse {
        instance: instance.into(),
        links: vec![link],
    }
}

fn queue() -> QueueState {
    QueueState {
        queue: "{p0}:out:cmcc-1:otp".into(),
        link: "cmcc-1".into(),
        class: 1,
        waiting: 5,
        taken: 2,
        oldest_age_ms: 65_000,
    }
}

fn told(queues: Vec<QueueState>) -> GetQueuesResponse {
    let link = LinkHealthState {
        link: "cmcc-1".into(),
        down: true,
        connections_allowed: 2,
        ..LinkHealthState::default()
    };
    GetQueuesResponse {
        queues,
        links: vec![link],
    }
}

fn seen(processes: Vec<GetLinksResponse>) -> Seen {
    let links = processes
        .into_iter()
        .map(|process| (process.instance.clone(), Ok(process)))
        .collect();
    Seen {
        processes: Vec::new(),
        links,
        dispatch: Some(Ok(told(vec![queue()]))),
    }
}

#[test]
fn one_ready_connection_on_any_process_is_a_yes() {
    for (states, exit) in [
        (["READY", ""], Exit::Yes),
        (["BACKING_OFF", "READY"], Exit::Yes),
        (["BACKING_OFF", ""], Exit::No),
        (["", ""], Exit::No),
    ] {
        let processes = vec![process("a", states[0]), process("b", states[1])];
        assert_eq!(
            render(&seen(processes), Screen::unlimited(offset!(UTC))).exit,
            exit,
            "{states:?}"
        );
    }
}

#[test]
fn an_idle_link_is_up_and_one_that_only_receives_is_not() {
    let shown = |state: &str, direction: &str| {
        let mut process = process("a", state);
        process.links[0].connections[0].direction = direction.into();
        render(&seen(vec![process]), Screen::unlimited(offset!(UTC)))
    };
    assert_eq!(shown("IDLE", "SEND").exit, Exit::Yes);
    let received = shown("READY", "RECEIVE");
    assert_eq!(received.exit, Exit::No);
    assert!(!received.text.contains("3/16"), "{}", received.text);
    assert!(received.text.contains("0/2"), "{}", received.text);
}

#[test]
fn rates_are_added_up_and_queues_tell_their_oldest() {
    let answer = render(
        &seen(vec![process("a", "READY"), process("b", "READY")]),
        Screen::unlimited(offset!(UTC)),
    );
    for expected in [
        "24.7",
        "2/2",
        "3/16",
        "48 p99 213",
        "CHINA_MOBILE",
        "{p0}:out:cmcc-1:otp",
        "1 min 05 s",
        "down",
    ] {
        assert!(answer.text.contains(expected), "{expected} in {}", answer.text);
    }
    assert_eq!(
        answer.json["processes"][1]["links"][0]["connections"][0]["state"],
        "READY"
    );
    assert_eq!(answer.json["queues"][0]["oldest_age_ms"], 65_000);
    assert_eq!(answer.json["routing"][0]["down"], true);
    assert_eq!(answer.json["errors"], serde_json::json!([]));
}

#[test]
fn empty_queues_are_counted_and_several_processes_named_shortly() {
    let instance = "carrier-link-svc-7cc5619f-b8f3-4d92-8c30-021498866081";
    let mut seen = seen(vec![process(instance, "READY"), process("b", "")]);
    let text = render(&seen, Screen::unlimited(offset!(UTC))).text;
    assert!(text.contains("carrier-link-svc-7cc5619f "), "{text}");
    assert!(text.contains("none of 2 held here"), "{text}");
    let idle = QueueState {
        waiting: 0,
        taken: 0,
        oldest_age_ms: 0,
        ..queue()
    };
    seen.dispatch = Some(Ok(told(vec![idle.clone(), queue()])));
    let text = render(&seen, Screen::unlimited(offset!(UTC))).text;
    assert!(text.contains("1 other send queues are empty"), "{text}");
    seen.dispatch = Some(Ok(told(vec![idle])));
    let text = render(&seen, Screen::unlimited(offset!(UTC))).text;
    assert!(text.contains("all 1 send queues are empty"), "{text}");
}

#[test]
fn what_does_not_answer_is_named_beside_what_does() {
    let away = || Problem::unavailable("UNREACHABLE", "cannot be reached", Duration::from_secs(1));
    let mut seen = seen(vec![process("a", "READY")]);
    seen.links.push(("host:2".into(), Err(away())));
    seen.dispatch = Some(Err(away()));
    let answer = render(&seen, Screen::unlimited(offset!(UTC)));
    assert_eq!(answer.exit, Exit::Unavailable);
    assert!(answer.text.contains("carrier-link at host:2") && answer.text.contains("dispatch: "));
    assert_eq!(answer.json["errors"].as_array().map(Vec::len), Some(2));
    assert_eq!(answer.json["processes"].as_array().map(Vec::len), Some(1));
}
