//! `codes.yaml`.

use std::{borrow::Cow, collections::HashMap};

use hongyan_domain::status::{Action, Cause, Code, CodeKind, CodeTable, Meaning, MessageStatus, Protocol};
use serde_saphyr::Spanned;

use super::Notes;
use crate::raw::codes::{CodesFile, Entry};

const MAX_CODES: usize = 2_000;
const MAX_ADVICE_CHARS: usize = 200;

/// The table that the file makes: the built-in one, with the file's entries in it.
pub(super) fn check(file: &CodesFile, notes: &mut Notes<'_>) -> CodeTable {
    let mut table = match file.begin_with.as_ref() {
        None => CodeTable::built_in().clone(),
        Some(given) => match given.value.as_str() {
            "all" => CodeTable::built_in().clone(),
            "documented" => CodeTable::documented(),
            "nothing" => CodeTable::default(),
            _ => {
                notes.add(given, "begin_with must be all, documented or nothing");
                CodeTable::default()
            }
        },
    };
    notes.bound("codes", file.codes.len(), MAX_CODES);
    let mut first_lines: HashMap<(Protocol, CodeKind, Code), u64> = HashMap::new();
    for raw in file.codes.iter().take(MAX_CODES) {
        let protocol = protocol(&raw.protocol, notes);
        let Some(kind) = kind(&raw.kind, notes) else {
            continue;
        };
        let code = code(&raw.code, kind, notes);
        let meaning = meaning(raw, kind, notes);
        let Some(((protocol, code), meaning)) = protocol.zip(code).zip(meaning) else {
            continue;
        };
        let line = raw.code.referenced.line();
        if let Some(first) = first_lines.insert((protocol, kind, code.clone()), line) {
            notes.add(
                &raw.code,
                format!("this code is declared twice, first in line {first}"),
            );
        }
        table.set(protocol, kind, code, meaning);
    }
    table
}

fn protocol(given: &Spanned<String>, notes: &mut Notes<'_>) -> Option<Protocol> {
    given
        .value
        .parse()
        .map_err(|error| notes.add(given, format!("protocol {:?} {error}", given.value)))
        .ok()
}

fn kind(given: &Spanned<String>, notes: &mut Notes<'_>) -> Option<CodeKind> {
    let kind = match given.value.as_str() {
        "submit" => Some(CodeKind::Submit),
        "login" => Some(CodeKind::Login),
        "receipt" => Some(CodeKind::Receipt),
        _ => None,
    };
    if kind.is_none() {
        notes.add(
            given,
            format!("kind {:?} must be submit, login or receipt", given.value),
        );
    }
    kind
}

fn code(given: &Spanned<String>, kind: CodeKind, notes: &mut Notes<'_>) -> Option<Code> {
    let read = match kind {
        CodeKind::Receipt => Code::word(&given.value),
        CodeKind::Submit | CodeKind::Login => Code::number(&given.value),
    };
    let code = read
        .map_err(|error| notes.add(given, format!("code {:?} {error}", given.value)))
        .ok()?;
    if matches!(code, Code::Number(0) | Code::Numbers(0, _)) {
        notes.add(
            given,
            "code 0 means taken in every protocol and cannot be changed",
        );
        return None;
    }
    Some(code)
}

fn meaning(raw: &Entry, kind: CodeKind, notes: &mut Notes<'_>) -> Option<Meaning> {
    let status = status(raw, kind, notes);
    let cause = cause(&raw.cause, notes);
    let action = raw
        .action
        .as_ref()
        .map_or(Some(Action::None), |given| action(given, kind, status, notes));
    let advice = advice(&raw.advice, notes);
    Some(Meaning {
        status: status?,
        cause: cause?,
        action: action?,
        advice: Cow::Owned(advice?),
    })
}

/// A refusal is a refusal; what a receipt says must be told.
fn status(raw: &Entry, kind: CodeKind, notes: &mut Notes<'_>) -> Option<MessageStatus> {
    match (kind, &raw.status) {
        (CodeKind::Submit | CodeKind::Login, None) => Some(MessageStatus::Rejected),
        (CodeKind::Submit | CodeKind::Login, Some(given)) => {
            notes.add(
                given,
                "status belongs to receipts: what a carrier did not take is rejected",
            );
            None
        }
        (CodeKind::Receipt, None) => {
            notes.add(&raw.code, "a receipt's code needs a status");
            None
        }
        (CodeKind::Receipt, Some(given)) => {
            let status = match given.value.as_str() {
                "submitted" => Some(MessageStatus::Submitted),
                "delivered" => Some(MessageStatus::Delivered),
                "undelivered" => Some(MessageStatus::Undelivered),
                "unknown" => Some(MessageStatus::Unknown),
                _ => None,
            };
            if status.is_none() {
                notes.add(
                    given,
                    format!(
                        "status {:?} must be submitted, delivered, undelivered or unknown",
                        given.value
                    ),
                );
            }
            status
        }
    }
}

fn cause(given: &Spanned<String>, notes: &mut Notes<'_>) -> Option<Cause> {
    let cause = match given.value.as_str() {
        "none" => Some(Cause::None),
        "caller" => Some(Cause::Caller),
        "content" => Some(Cause::Content),
        "recipient" => Some(Cause::Recipient),
        "carrier" => Some(Cause::Carrier),
        "us" => Some(Cause::Us),
        _ => None,
    };
    if cause.is_none() {
        notes.add(
            given,
            format!(
                "cause {:?} must be none, caller, content, recipient, carrier or us",
                given.value
            ),
        );
    }
    cause
}

/// Only what can be done: a segment that was taken is not sent more slowly, and one that may have arrived is not sent
/// by another carrier.
fn action(
    given: &Spanned<String>,
    kind: CodeKind,
    status: Option<MessageStatus>,
    notes: &mut Notes<'_>,
) -> Option<Action> {
    let action = [Action::None, Action::SlowDown, Action::Reroute]
        .into_iter()
        .find(|action| action.as_str() == given.value);
    let fits = match (action, kind) {
        (None, _) => Err(format!(
            "action {:?} must be none, slow_down or reroute",
            given.value
        )),
        (Some(Action::None), _) | (Some(Action::SlowDown | Action::Reroute), CodeKind::Submit) => Ok(()),
        (Some(Action::SlowDown), CodeKind::Receipt) => {
            Err("action slow_down belongs to submits: a receipt is too late for it".to_owned())
        }
        (Some(_), CodeKind::Login) => Err("a login's code has no action".to_owned()),
        (Some(Action::Reroute), CodeKind::Receipt) if status == Some(MessageStatus::Undelivered) => Ok(()),
        (Some(Action::Reroute), CodeKind::Receipt) => {
            Err("action reroute needs the status undelivered".to_owned())
        }
    };
    match fits {
        Ok(()) => action,
        Err(reason) => {
            notes.add(given, reason);
            None
        }
    }
}

fn advice(given: &Spanned<String>, notes: &mut Notes<'_>) -> Option<String> {
    let chars = given.value.chars().count();
    if (1..=MAX_ADVICE_CHARS).contains(&chars) && !given.value.chars().any(char::is_control) {
        return Some(given.value.clone());
    }
    notes.add(
        given,
        format!("advice must be one line of 1 to {MAX_ADVICE_CHARS} characters"),
    );
    None
}
