//! `hongyan audit entry`: one event as it stands in its log, with what is sealed in it for whoever may see that.

use hongyan_proto::{
    audit::v1::{
        AuditEvent, GetEntryRequest, Leaf, LogPlace, RevealEntryRequest, SealedState, get_entry_request,
        reveal_entry_request,
    },
    verify::v1::VerifyIdentityRequest,
};
use prost::Message as _;
use serde_json::{Value, json};

use super::audit_query::{details, leaf_json};
use crate::{
    answer::{Answer, Failure},
    args::{Entry, EntryPlace},
    clients::Clients,
    exit::Exit,
    screen::Screen,
    table::list,
};

/// What came, whether or not it was revealed.
#[derive(Debug, Default)]
struct Shown {
    leaf: Leaf,
    state: SealedState,
    personal: Vec<u8>,
    /// Where the record says who looked.
    used_index: Option<u64>,
}

pub(crate) async fn run(args: Entry, clients: &Clients, screen: Screen) -> Result<Answer, Failure> {
    let mut client = clients.audit()?;
    let shown = if args.reveal {
        let by = match args.place {
            EntryPlace::Index(index) => reveal_entry_request::By::Index(index),
            EntryPlace::Log(log, log_index) => reveal_entry_request::By::Place(LogPlace { log, log_index }),
        };
        let request = RevealEntryRequest {
            by: Some(by),
            purpose: args.purpose.unwrap_or_default(),
        };
        let answer = client.reveal_entry(request).await;
        let answer = answer.map_err(Failure::of("audit"))?.into_inner();
        Shown {
            state: answer.sealed_state(),
            leaf: answer.leaf.unwrap_or_default(),
            personal: answer.personal.to_vec(),
            used_index: Some(answer.used_index),
        }
    } else {
        let by = match args.place {
            EntryPlace::Index(index) => get_entry_request::By::Index(index),
            EntryPlace::Log(log, log_index) => get_entry_request::By::Place(LogPlace { log, log_index }),
        };
        let answer = client.get_entry(GetEntryRequest { by: Some(by) }).await;
        let answer = answer.map_err(Failure::of("audit"))?.into_inner();
        Shown {
            state: answer.sealed_state(),
            leaf: answer.leaf.unwrap_or_default(),
            ..Shown::default()
        }
    };
    Ok(render(&shown, screen))
}

fn render(shown: &Shown, screen: Screen) -> Answer {
    let none = AuditEvent::default();
    let leaf = &shown.leaf;
    let event = leaf.event.as_ref().unwrap_or(&none);
    let person = personal(event, &shown.personal);
    let mut lines = vec![
        ("index", leaf.index.to_string()),
        ("place", format!("{}/{}", leaf.log, leaf.log_index)),
        ("received", screen.time(leaf.received_at_unix_ms)),
        ("occurred", screen.time(event.occurred_at_unix_ms)),
        ("action", event.action.clone()),
        ("outcome", event.outcome.clone()),
        ("tenant", event.tenant.clone()),
        ("event id", event.event_id.clone()),
        ("subject", hex::encode(&event.subject_tag)),
        ("details", details(event)),
        (
            "sealed",
            words(shown.state, shown.used_index.is_some()).to_owned(),
        ),
    ];
    lines.extend(person.iter().map(|(name, value)| (*name, value.clone())));
    if let Some(index) = shown.used_index {
        lines.push(("on record", format!("{index} (KEY_USED)")));
    }
    let mut json = leaf_json(leaf);
    if let Some(fields) = json.as_object_mut() {
        fields.insert("log".to_owned(), json!(leaf.log));
        fields.insert("log_index".to_owned(), json!(leaf.log_index));
        fields.insert("sealed_state".to_owned(), json!(state_name(shown.state)));
        fields.insert("used_index".to_owned(), json!(shown.used_index));
        let named: serde_json::Map<_, _> = person
            .into_iter()
            .map(|(name, value)| (name.replace(' ', "_"), json!(value)))
            .collect();
        let personal = if named.is_empty() {
            Value::Null
        } else {
            Value::Object(named)
        };
        fields.insert("personal".to_owned(), personal);
    }
    Answer {
        text: list(lines),
        json,
        exit: match shown.state {
            SealedState::Erased | SealedState::Unreadable if shown.used_index.is_some() => Exit::No,
            _ => Exit::Yes,
        },
    }
}

/// The person's data by its names, as far as this program knows what its producer encoded.
fn personal(event: &AuditEvent, octets: &[u8]) -> Vec<(&'static str, String)> {
    if octets.is_empty() {
        return Vec::new();
    }
    let known = (event.action == "VERIFY_ANSWERED")
        .then(|| VerifyIdentityRequest::decode(octets).ok())
        .flatten();
    match known {
        Some(person) => [
            ("phone", person.phone),
            ("name", person.name),
            ("id number", person.id_number),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect(),
        None => vec![("octets", hex::encode(octets))],
    }
}

fn words(state: SealedState, is_revealed: bool) -> &'static str {
    match state {
        SealedState::Unspecified => "",
        SealedState::None => "nothing",
        SealedState::Sealed if is_revealed => "yes, and opened here",
        SealedState::Sealed => "yes; --reveal --purpose … opens it for whoever may",
        SealedState::Erased => "erased: its key was destroyed, nobody can open it",
        SealedState::Unreadable => {
            "unreadable: its key is missing or damaged; the log of audit-svc says more"
        }
    }
}

fn state_name(state: SealedState) -> &'static str {
    let name = state.as_str_name();
    name.strip_prefix("SEALED_STATE_").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use hongyan_proto::{
        audit::v1::{AuditEvent, Leaf, SealedState},
        verify::v1::VerifyIdentityRequest,
    };
    use prost::Message as _;
    use time::macros::offset;

    use super::{Shown, render};
    use crate::{exit::Exit, screen::Screen};

    fn shown(action: &str, state: SealedState, personal: Vec<u8>, used_index: Option<u64>) -> Shown {
        let event = AuditEvent {
            action: action.into(),
            sealed: vec![1].into(),
            ..AuditEvent::default()
        };
        Shown {
            leaf: Leaf {
                index: 7,
                log: "pd-access/2026h2/0".into(),
                log_index: 3,
                event: Some(event),
                ..Leaf::default()
            },
            state,
            personal,
            used_index,
        }
    }

    #[test]
    fn a_person_is_shown_by_name_and_what_is_not_known_as_octets() {
        let person = VerifyIdentityRequest {
            phone: "13800138000".into(),
            name: "张三".into(),
            ..VerifyIdentityRequest::default()
        };
        let screen = Screen::unlimited(offset!(+8));
        let octets = person.encode_to_vec();
        let answer = render(
            &shown("VERIFY_ANSWERED", SealedState::Sealed, octets.clone(), Some(9)),
            screen,
        );
        for expected in ["pd-access/2026h2/0/3", "13800138000", "张三", "9 (KEY_USED)"] {
            assert!(answer.text.contains(expected), "{expected} in {}", answer.text);
        }
        assert!(!answer.text.contains("id number"));
        assert_eq!(answer.json["personal"]["name"], "张三");
        assert_eq!(answer.exit, Exit::Yes);
        let other = render(
            &shown("OTHER", SealedState::Sealed, octets.clone(), Some(9)),
            screen,
        );
        assert_eq!(other.json["personal"]["octets"], hex::encode(octets));
    }

    #[test]
    fn what_does_not_open_is_said_and_is_the_answer_no_to_whoever_wanted_to_see_it() {
        let screen = Screen::unlimited(offset!(+8));
        for (state, used, words, exit) in [
            (SealedState::None, Some(1), "nothing", Exit::Yes),
            (SealedState::Erased, Some(1), "its key was destroyed", Exit::No),
            (SealedState::Erased, None, "its key was destroyed", Exit::Yes),
            (SealedState::Unreadable, Some(1), "missing or damaged", Exit::No),
            (SealedState::Sealed, None, "--reveal", Exit::Yes),
        ] {
            let answer = render(&shown("VERIFY_ANSWERED", state, Vec::new(), used), screen);
            assert!(answer.text.contains(words), "{}", answer.text);
            assert_eq!(answer.exit, exit, "{state:?}");
            assert!(answer.json["personal"].is_null());
        }
    }
}
