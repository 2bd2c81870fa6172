//! `hongyan message show`.

use hongyan_domain::MessageId;
use hongyan_proto::dispatch::v1::{GetMessageRequest, GetMessageResponse, StatusDetail};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, Failure},
    clients::Clients,
    exit::Exit,
    screen::Screen,
    table::{list, plain, slim_table, table},
    when, words,
};

pub(crate) async fn run(id: &str, clients: &Clients, screen: Screen) -> Result<Answer, Failure> {
    let mut client = clients.dispatch()?;
    let id: MessageId = id.trim().to_ascii_lowercase().parse().map_err(|_| {
        Failure::Usage(
            "a message's id is what `send` answered, such as 01a20025-173d-7000-bc30-55eb12267919".to_owned(),
        )
    })?;
    let request = GetMessageRequest {
        message_id: id.to_string(),
    };
    let answer = client
        .get_message(request)
        .await
        .map_err(Failure::of("dispatch"))?;
    let message = answer.into_inner();
    Ok(Answer {
        text: render(&message, screen),
        json: message_json(&message),
        exit: Exit::Yes,
    })
}

/// What it is, its timeline, and its segments where there are several.
pub(crate) fn render(message: &GetMessageResponse, screen: Screen) -> String {
    let mut parts = vec![head(message, screen), timeline(message, screen)];
    if message.events_omitted > 0 {
        parts.push(format!(
            "{} intermediate events are left out",
            message.events_omitted
        ));
    }
    let advice = advice(message);
    if !advice.is_empty() {
        parts.push(advice.join("\n"));
    }
    if message.segments.len() > 1 {
        parts.push(segments(message, screen));
    }
    parts.join("\n\n")
}

fn head(message: &GetMessageResponse, screen: Screen) -> String {
    let none = StatusDetail::default();
    let status = message.status.as_ref().unwrap_or(&none);
    let finality = if status.r#final { "final" } else { "not final" };
    let billable = if status.billable {
        "billable"
    } else {
        "not billable"
    };
    list([
        ("message", message.message_id.clone()),
        (
            "status",
            format!("{} ({finality}, {billable})", words::status(status.status)),
        ),
        (
            "cause",
            Some(words::cause(status.cause))
                .filter(|cause| cause != "NONE")
                .unwrap_or_default(),
        ),
        ("raw code", status.raw_code.clone()),
        ("advice", status.advice.clone()),
        ("class", words::class(message.class)),
        ("tenant", message.tenant.clone()),
        ("request", message.request_id.clone()),
        ("reference", message.reference.clone()),
        ("carrier", words::carrier(message.carrier)),
        ("link", message.link.clone()),
        ("segments", message.segment_count.to_string()),
        ("accepted", screen.time(message.accepted_at_unix_ms)),
        ("trace", message.trace_id.clone()),
        (
            "note",
            if message.possible_duplicate {
                DUPLICATE.to_owned()
            } else {
                String::new()
            },
        ),
    ])
}

const DUPLICATE: &str = "sent again after an uncertain submit: the recipient may have it twice";

fn timeline(message: &GetMessageResponse, screen: Screen) -> String {
    let start = message
        .events
        .first()
        .map_or(message.accepted_at_unix_ms, |event| event.at_unix_ms);
    let rows = message.events.iter().map(|event| {
        let elapsed = when::elapsed(event.at_unix_ms.saturating_sub(start));
        [
            screen.time_on(event.at_unix_ms, message.accepted_at_unix_ms),
            // Beside the time it is only convenient.
            if screen.is_wide() { elapsed } else { String::new() },
            event.hop.clone(),
            event.event.clone(),
            if event.segment == 0 {
                String::new()
            } else {
                event.segment.to_string()
            },
            event.raw_code.clone(),
            event.detail.clone(),
        ]
    });
    let heading = ["time", "elapsed", "hop", "event", "seg", "raw code", "detail"];
    slim_table(screen, heading, rows)
}

/// What is advised at a hop and not at the head already: once for each code.
fn advice(message: &GetMessageResponse) -> Vec<String> {
    let of_head = message
        .status
        .as_ref()
        .map(|status| status.advice.as_str())
        .unwrap_or_default();
    let mut told = Vec::new();
    for event in &message.events {
        if !event.advice.is_empty() && event.advice != of_head {
            let line = format!("{} {}: {}", event.event, event.raw_code, plain(&event.advice));
            if !told.contains(&line) {
                told.push(line);
            }
        }
    }
    told
}

fn segments(message: &GetMessageResponse, screen: Screen) -> String {
    let none = StatusDetail::default();
    let rows = message.segments.iter().map(|segment| {
        let status = segment.status.as_ref().unwrap_or(&none);
        [
            segment.number.to_string(),
            words::status(status.status),
            status.raw_code.clone(),
            segment.carrier_message_id.clone(),
            screen.time(segment.submitted_at_unix_ms),
            screen.time(segment.receipt_at_unix_ms),
        ]
    });
    table(
        screen,
        &[
            "segment",
            "status",
            "raw code",
            "carrier's id",
            "submitted",
            "receipt",
        ],
        rows,
    )
}

/// Under stable names.
pub(crate) fn message_json(message: &GetMessageResponse) -> Value {
    let segments = message.segments.iter().map(|segment| {
        json!({
            "number": segment.number,
            "status": words::status_json(segment.status.as_ref()),
            "carrier_message_id": segment.carrier_message_id,
            "submitted_at_unix_ms": segment.submitted_at_unix_ms,
            "receipt_at_unix_ms": segment.receipt_at_unix_ms,
        })
    });
    let events = message.events.iter().map(|event| {
        json!({
            "at_unix_ms": event.at_unix_ms,
            "hop": event.hop,
            "event": event.event,
            "segment": event.segment,
            "raw_code": event.raw_code,
            "detail": event.detail,
            "advice": event.advice,
        })
    });
    json!({
        "message_id": message.message_id,
        "tenant": message.tenant,
        "request_id": message.request_id,
        "reference": message.reference,
        "class": words::class(message.class),
        "carrier": words::carrier(message.carrier),
        "link": message.link,
        "segment_count": message.segment_count,
        "status": words::status_json(message.status.as_ref()),
        "segments": segments.collect::<Vec<_>>(),
        "events": events.collect::<Vec<_>>(),
        "events_omitted": message.events_omitted,
        "trace_id": message.trace_id,
        "accepted_at_unix_ms": message.accepted_at_unix_ms,
        "possible_duplicate": message.possible_duplicate,
    })
}

#[cfg(test)]
mod tests {
    use hongyan_proto::dispatch::v1::{GetMessageResponse, MessageEvent, Segment, StatusDetail};
    use time::macros::offset;

    use super::{message_json, render};
    use crate::screen::Screen;

    fn delivered() -> GetMessageResponse {
        let event = |at: i64, hop: &str, event: &str, segment, raw_code: &str| MessageEvent {
            at_unix_ms: 1_763_729_008_000 + at,
            hop: hop.into(),
            event: event.into(),
            segment,
            raw_code: raw_code.into(),
            ..MessageEvent::default()
        };
        GetMessageResponse {
            message_id: "0197a1b2-c3d4-7000-8000-000000000001".into(),
            tenant: "xinghe".into(),
            class: 1,
            carrier: 1,
            link: "cmcc-1".into(),
            segment_count: 1,
            status: Some(StatusDetail {
                status: 3,
                r#final: true,
                billable: true,
                cause: 1,
                raw_code: "DELIVRD".into(),
                advice: String::new(),
            }),
            events: vec![
                event(0, "dispatch", "ACCEPTED", 0, ""),
                event(12, "carrier-link", "SUBMITTED", 1, ""),
                event(1_250, "carrier-link", "RECEIPT", 1, "DELIVRD"),
            ],
            trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".into(),
            accepted_at_unix_ms: 1_763_729_008_000,
            ..GetMessageResponse::default()
        }
    }

    #[test]
    fn the_timeline_tells_each_hop_with_its_time_and_code() {
        let expected = "\
message   0197a1b2-c3d4-7000-8000-000000000001
status    DELIVERED (final, billable)
raw code  DELIVRD
class     OTP
tenant    xinghe
carrier   CHINA_MOBILE
link      cmcc-1
segments  1
accepted  2025-11-21 20:43:28.000
trace     4bf92f3577b34da6a3ce929d0e0e4736

┌──────────────┬──────────┬──────────────┬───────────┬─────┬──────────┐
│ time         ┆ elapsed  ┆ hop          ┆ event     ┆ seg ┆ raw code │
╞══════════════╪══════════╪══════════════╪═══════════╪═════╪══════════╡
│ 20:43:28.000 ┆ +0.000 s ┆ dispatch     ┆ ACCEPTED  ┆     ┆          │
│ 20:43:28.012 ┆ +0.012 s ┆ carrier-link ┆ SUBMITTED ┆ 1   ┆          │
│ 20:43:29.250 ┆ +1.250 s ┆ carrier-link ┆ RECEIPT   ┆ 1   ┆ DELIVRD  │
└──────────────┴──────────┴──────────────┴───────────┴─────┴──────────┘";
        assert_eq!(render(&delivered(), Screen::unlimited(offset!(+8))), expected);
    }

    #[test]
    fn long_messages_show_their_segments_and_what_is_left_out() {
        let mut message = delivered();
        message.segment_count = 2;
        message.events_omitted = 7;
        message.possible_duplicate = true;
        message.segments = (1..=2)
            .map(|number| Segment {
                number,
                carrier_message_id: format!("ab{number}"),
                ..Segment::default()
            })
            .collect();
        let text = render(&message, Screen::unlimited(offset!(+8)));
        for expected in [
            "7 intermediate events",
            "carrier's id",
            "ab2",
            "may have it twice",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
    }

    #[test]
    fn advice_stands_once_below_the_timeline_and_not_again() {
        let mut message = delivered();
        for event in &mut message.events {
            event.advice = "Slow down.".into();
            event.raw_code = "CMPP:8".into();
            event.event = "REFUSED".into();
        }
        let text = render(&message, Screen::unlimited(offset!(+8)));
        assert_eq!(text.matches("REFUSED CMPP:8: Slow down.").count(), 1, "{text}");
        message.status.as_mut().unwrap().advice = "Slow down.".into();
        let text = render(&message, Screen::unlimited(offset!(+8)));
        assert_eq!(text.matches("Slow down.").count(), 1, "{text}");
    }

    #[test]
    fn a_timeline_fits_eighty_columns() {
        let mut message = delivered();
        for event in &mut message.events {
            event.hop = "carrier-link-svc".into();
            event.detail = "slot 0, sequence 569346829, attempt 1, carrier's id bb18448186a10000".into();
        }
        let text = render(&message, Screen::of_width(80));
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn programs_get_numbers_and_stable_names() {
        let json = message_json(&delivered());
        assert_eq!(json["status"]["status"], "DELIVERED");
        assert_eq!(json["status"]["final"], true);
        assert_eq!(json["events"][2]["raw_code"], "DELIVRD");
        assert_eq!(json["events"][2]["at_unix_ms"], 1_763_729_009_250_i64);
    }
}
