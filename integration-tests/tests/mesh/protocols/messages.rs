//! What a carrier does with one message, and what becomes of it.

use std::time::Duration;

use futures_util::future::join_all;
use hongyan_integration_tests::harness::{mesh::Spoken, wait};
use hongyan_proto::{common::v1::MessageClass, dispatch::v1::GetMessageResponse};
use serde_json::{Value, json};

use super::Line;
use crate::support::{PATIENCE, status_of};

/// Longer than any receipt takes.
const SILENCE: Duration = Duration::from_secs(3);

/// What must be seen.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// It arrives, the gateway has each segment once, and nobody says otherwise.
    Delivered,
    /// It arrives, perhaps twice, and says so.
    DeliveredPerhapsTwice,
    /// It does not arrive.
    Undelivered,
    /// Refused, with a code of the protocol.
    Rejected,
    /// Not this carrier's number: it arrives over another link.
    Elsewhere,
    /// Nobody knows, and nobody tries again.
    Unknown,
    /// Taken, and nothing is heard of it any more.
    Silent,
}

struct Case {
    class: MessageClass,
    next: Option<u64>,
    then: Value,
    fate: Fate,
}

fn case(then: Value, fate: Fate) -> Case {
    Case {
        class: MessageClass::Notice,
        next: None,
        then,
        fate,
    }
}

/// A case that befalls the first submit alone.
fn once(then: Value, fate: Fate) -> Case {
    Case {
        next: Some(1),
        ..case(then, fate)
    }
}

fn cases(line: &Line) -> Vec<Case> {
    let mut cases = vec![
        once(json!({"result": "throttle"}), Fate::Delivered),
        case(json!({"result": "refuse"}), Fate::Rejected),
        case(json!({"result": "no_route"}), Fate::Elsewhere),
        case(json!({"delay_ms": 700}), Fate::Delivered),
        // No answer, an answer without its body, one to something else.
        once(json!({"answer": "none"}), Fate::DeliveredPerhapsTwice),
        once(json!({"answer": "lost"}), Fate::DeliveredPerhapsTwice),
        once(json!({"answer": "wrong_sequence"}), Fate::DeliveredPerhapsTwice),
        Case {
            class: MessageClass::Otp,
            ..case(json!({"answer": "lost"}), Fate::Unknown)
        },
        // Receipts before the answer, thrice, much later, never, of messages that did not arrive.
        case(json!({"receipt": {"time": "early"}}), Fate::Delivered),
        case(json!({"receipt": {"copies": 3}}), Fate::Delivered),
        case(
            json!({"receipt": {"delay_ms": 2_000, "jitter_ms": 500}}),
            Fate::Delivered,
        ),
        case(json!({"receipt": {"time": "never"}}), Fate::Silent),
        case(json!({"receipt": {"stat": "UNDELIV"}}), Fate::Undelivered),
        case(json!({"receipt": {"form": "short"}}), Fate::Delivered),
        case(json!({"receipt": {"form": "long"}}), Fate::Delivered),
        case(json!({"receipt": {"form": "odd"}}), Fate::Delivered),
        case(json!({"receipt": {"padding": "nul"}}), Fate::Delivered),
        // About a message that never was: nothing is heard of the one that was.
        case(json!({"receipt": {"id": "unknown"}}), Fate::Silent),
    ];
    cases.extend(of_protocol(line));
    cases
}

/// An answer that is cut off behind its header.
fn unreadable() -> Case {
    once(json!({"answer": "without_body"}), Fate::DeliveredPerhapsTwice)
}

/// What only some protocols can do.
fn of_protocol(line: &Line) -> Vec<Case> {
    match line.spoken.code_prefix() {
        "SMGP" => vec![
            unreadable(),
            case(json!({"receipt": {"damage": ["unknown_tlv"]}}), Fate::Delivered),
            // Not to be read: refused as such, so that the gateway does not send it for ever.
            case(json!({"receipt": {"damage": ["cut_tlv"]}}), Fate::Silent),
            case(
                json!({"receipt": {"stat": "EXPIRED", "error": 7}}),
                Fate::Undelivered,
            ),
        ],
        "SMPP" => vec![
            // Taken, by its status; under which id is not told, so no receipt finds it.
            once(json!({"answer": "without_body"}), Fate::Silent),
            case(json!({"receipt": {"damage": ["unknown_tlv"]}}), Fate::Delivered),
            case(json!({"receipt": {"stat": "EXPIRED"}}), Fate::Undelivered),
        ],
        "SGIP" => vec![
            unreadable(),
            case(
                json!({"receipt": {"stat": "UNDELIV", "error": 27}}),
                Fate::Undelivered,
            ),
        ],
        _ => vec![
            unreadable(),
            case(json!({"receipt": {"stat": "MK:0001"}}), Fate::Undelivered),
            case(json!({"receipt": {"stat": "EXPIRED"}}), Fate::Undelivered),
        ],
    }
}

/// What differs from the fate that each message, of two segments, must have.
pub(super) async fn with_another_fate_than_their_carriers(line: &Line) -> Vec<String> {
    let logins = line.logins().await;
    let seen = join_all(cases(line).iter().map(|case| seen(line, case))).await;
    let mut wrong: Vec<String> = seen.into_iter().flatten().map(|what| line.what(&what)).collect();
    // SGIP's connections end when there is nothing to do.
    if line.spoken != Spoken::Sgip && line.logins().await != logins {
        wrong.push(line.what("a connection was lost over one message"));
    }
    wrong
}

/// What differs from what must be seen.
async fn seen(line: &Line, case: &Case) -> Option<String> {
    let number = line.number();
    line.rule_for(&number, case.next, &case.then).await;
    let text = "您的社保卡已制好，请携带身份证到就近网点领取。".repeat(4);
    let id = line.send(&number, case.class, &text).await;
    let state = match case.fate {
        Fate::Silent => without_receipt(line, &id).await,
        _ => line.fate(&id).await,
    };
    let status = status_of(&state);
    let taken = line.taken(&number).await.len();
    let elsewhere = line.taken_elsewhere(&number).await;
    let raw_codes = raw_codes(&state);
    let twice = state.possible_duplicate;
    let prefix = format!("{}:", line.spoken.code_prefix());
    let is_right = match case.fate {
        Fate::Delivered => status == "DELIVERED" && taken == 2 && !twice,
        Fate::DeliveredPerhapsTwice => status == "DELIVERED" && twice && (2..=3).contains(&taken),
        Fate::Undelivered => status == "UNDELIVERED" && taken == 2,
        Fate::Rejected => {
            status == "REJECTED" && taken == 0 && raw_codes.iter().any(|code| code.starts_with(&prefix))
        }
        Fate::Elsewhere => status == "DELIVERED" && taken == 0,
        // A code is not sent twice.
        Fate::Unknown => status == "UNKNOWN" && taken <= 1,
        Fate::Silent => status == "SUBMITTED" && taken == 2,
    };
    // Once, over one other link, or not at all.
    let is_right = is_right
        && match case.fate {
            Fate::Elsewhere => elsewhere == [0, 2],
            _ => elsewhere == [0, 0],
        };
    (!is_right).then(|| {
        format!(
            "{}: {:?} expected, but {status} {raw_codes:?}, taken {taken} and elsewhere {elsewhere:?}, twice: {twice}",
            case.then, case.fate
        )
    })
}

/// How it stands when all segments were taken and all receipts of the others have come.
async fn without_receipt(line: &Line, id: &str) -> GetMessageResponse {
    wait::until(&line.what("submitted"), PATIENCE, || async {
        (status_of(&line.now(id).await) == "SUBMITTED").then_some(())
    })
    .await
    .unwrap();
    tokio::time::sleep(SILENCE).await;
    line.now(id).await
}

fn raw_codes(state: &GetMessageResponse) -> Vec<String> {
    state
        .segments
        .iter()
        .filter_map(|segment| segment.status.as_ref())
        .chain(&state.status)
        .map(|status| status.raw_code.clone())
        .collect()
}
