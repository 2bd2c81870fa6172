//! `hongyan audit query`.

use std::io::{self, BufRead};

use hongyan_config::SecretFile;
use hongyan_proto::audit::v1::{AuditEvent, Leaf, QueryRequest};
use serde_json::{Value, json};

use super::subject;
use crate::{
    answer::{Answer, Failure},
    args::Query,
    clients::Clients,
    exit::Exit,
    screen::Screen,
    table::slim_table,
    when,
};

/// The most that one page holds.
const MAX_PAGE: u32 = 1_000;
/// A page may be short, even empty, and still have a next one: the service does a bounded amount of work for each.
const MAX_PAGES: u32 = 10_000;

pub(crate) async fn run(args: Query, clients: &Clients, screen: Screen) -> Result<Answer, Failure> {
    let mut client = clients.audit()?;
    let limit = args.limit;
    let keyring = clients.settings.keyring_file.as_ref();
    let mut request = request(args, keyring, when::now_unix_ms(), &mut io::stdin().lock())?;
    let mut leaves: Vec<Leaf> = Vec::new();
    for _ in 0..MAX_PAGES {
        // Fits: the limit is a u32.
        request.page_size = (limit - leaves.len() as u32).min(MAX_PAGE);
        let page = client
            .query(request.clone())
            .await
            .map_err(Failure::of("audit"))?
            .into_inner();
        leaves.extend(page.leaves);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || leaves.len() as u32 >= limit {
            break;
        }
    }
    Ok(render(&leaves, &request.page_token, screen))
}

fn request(
    args: Query,
    keyring: Option<&SecretFile>,
    now_unix_ms: i64,
    stdin: &mut impl BufRead,
) -> Result<QueryRequest, Failure> {
    let time = |name: &str, text: Option<String>| match text {
        None => Ok(0),
        Some(text) => {
            when::parse(&text, now_unix_ms).map_err(|why| Failure::Usage(format!("--{name} {why}")))
        }
    };
    let which = args.which;
    let subject_tag = subject::tag("--subject", which.subject, which.subject_tag, keyring, stdin)?;
    Ok(QueryRequest {
        message_id: which.message,
        trace_id: which.trace,
        actor: which.actor,
        subject_tag: subject_tag.into(),
        action: which.action,
        from_unix_ms: time("from", args.from)?,
        until_unix_ms: time("until", args.until)?,
        page_size: 0,
        page_token: args.page_token,
        newest_first: args.newest_first,
    })
}

/// What a person is shown of an event.
pub(super) fn cells(leaf: &Leaf, screen: Screen) -> [String; 6] {
    let none = AuditEvent::default();
    let event = leaf.event.as_ref().unwrap_or(&none);
    [
        leaf.index.to_string(),
        screen.time(leaf.received_at_unix_ms),
        event.action.clone(),
        event.outcome.clone(),
        event.tenant.clone(),
        details(event),
    ]
}

fn render(leaves: &[Leaf], next_page_token: &str, screen: Screen) -> Answer {
    let rows = leaves.iter().map(|leaf| cells(leaf, screen));
    let mut text = if leaves.is_empty() {
        "no events".to_owned()
    } else {
        let heading = ["index", "received", "action", "outcome", "tenant", "details"];
        slim_table(screen, heading, rows)
    };
    if !next_page_token.is_empty() {
        text = format!("{text}\nthere is more: --page-token {next_page_token}");
    }
    Answer {
        text,
        exit: Exit::Yes,
        json: json!({
            "events": leaves.iter().map(leaf_json).collect::<Vec<_>>(),
            "next_page_token": next_page_token,
        }),
    }
}

/// Everything that is long, in one column that can be wrapped.
pub(super) fn details(event: &AuditEvent) -> String {
    let named = [
        ("actor", &event.actor),
        ("message", &event.message_id),
        ("trace", &event.trace_id),
        ("consent", &event.consent_id),
        ("purpose", &event.purpose),
    ];
    let named = named
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={value}"));
    let attributes = event
        .attributes
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    named.chain(attributes).collect::<Vec<_>>().join(" ")
}

pub(super) fn leaf_json(leaf: &Leaf) -> Value {
    let none = AuditEvent::default();
    let event = leaf.event.as_ref().unwrap_or(&none);
    json!({
        "index": leaf.index,
        "producer": leaf.producer,
        "epoch": leaf.epoch,
        "seq": leaf.seq,
        "received_at_unix_ms": leaf.received_at_unix_ms,
        "event_id": event.event_id,
        "occurred_at_unix_ms": event.occurred_at_unix_ms,
        "action": event.action,
        "outcome": event.outcome,
        "actor": event.actor,
        "tenant": event.tenant,
        "message_id": event.message_id,
        "trace_id": event.trace_id,
        "subject_tag": hex::encode(&event.subject_tag),
        "purpose": event.purpose,
        "consent_id": event.consent_id,
        "attributes": event.attributes,
        "is_sealed": !event.sealed.is_empty(),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser as _;
    use hongyan_config::SecretFile;
    use hongyan_envelope::{Keyring, SUBJECT};
    use hongyan_proto::audit::v1::{AuditEvent, Leaf, QueryRequest};
    use time::macros::offset;

    use super::{render, request};
    use crate::{
        answer::Failure,
        args::{Audit, Cli, Command},
        screen::Screen,
    };

    const KEYS: &str = r#"{"active": "k1", "keys": {"k1": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}, "tag_key": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="}"#;

    fn parse(line: &[&str], stdin: &str, keys: bool) -> Result<QueryRequest, Failure> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        fs::write(&path, KEYS).unwrap();
        let file = keys.then(|| SecretFile::new(path));
        let line = ["hongyan", "audit", "query"].iter().chain(line);
        let Command::Audit(Audit::Query(args)) = Cli::try_parse_from(line).unwrap().command else {
            panic!()
        };
        request(*args, file.as_ref(), 1_763_729_008_123, &mut stdin.as_bytes())
    }

    #[test]
    fn conditions_are_passed_on_and_times_read() {
        let line = [
            "--message",
            "m",
            "--trace",
            "t",
            "--actor",
            "a",
            "--action",
            "X",
            "--from",
            "1h",
            "--until",
            "1763729008123",
            "--newest-first",
        ];
        let request = parse(&line, "", false).unwrap();
        assert_eq!(
            (
                request.message_id.as_str(),
                request.trace_id.as_str(),
                request.actor.as_str()
            ),
            ("m", "t", "a")
        );
        assert_eq!(
            (request.from_unix_ms, request.until_unix_ms),
            (1_763_725_408_123, 1_763_729_008_123)
        );
        assert!(request.newest_first && request.subject_tag.is_empty());
    }

    #[test]
    fn a_number_becomes_its_tag_in_every_writing() {
        let tag = Keyring::parse(KEYS).unwrap().tag(SUBJECT, "+8613800138000");
        for (line, stdin) in [
            (["--subject", "13800138000"], ""),
            (["--subject", "+86 138-0013-8000"], ""),
            (["--subject", "-"], "13800138000\n"),
        ] {
            let request = parse(&line, stdin, true).unwrap();
            assert_eq!(request.subject_tag[..], tag.as_bytes()[..]);
        }
        let request = parse(&["--subject-tag", &tag.to_string()], "", false).unwrap();
        assert_eq!(request.subject_tag[..], tag.as_bytes()[..]);
    }

    #[test]
    fn wrong_subjects_are_refused_and_not_echoed() {
        for (line, keys, expected) in [
            (["--subject", "13800138000"], false, "keyring.file"),
            (["--subject", "23800138000"], true, "--subject"),
            (["--subject-tag", "abcd"], false, "64 hexadecimal"),
            (["--from", "yesterday"], false, "--from must be"),
        ] {
            let error = parse(&line, "", keys).unwrap_err().to_string();
            assert!(
                error.contains(expected) && !error.contains("3800138000"),
                "{error}"
            );
        }
    }

    #[test]
    fn events_are_shown_with_their_place() {
        let event = AuditEvent {
            action: "MESSAGE_FINAL".into(),
            outcome: "DELIVERED".into(),
            attributes: [
                ("link".to_owned(), "cmcc-1".to_owned()),
                ("raw_code".to_owned(), "DELIVRD".to_owned()),
            ]
            .into(),
            sealed: vec![1].into(),
            ..AuditEvent::default()
        };
        let leaf = Leaf {
            index: 7,
            received_at_unix_ms: 1_763_729_008_123,
            event: Some(event),
            ..Leaf::default()
        };
        let answer = render(&[leaf], "0a", Screen::unlimited(offset!(+8)));
        for expected in [
            "│ 7 ",
            "2025-11-21 20:43:28.123",
            "MESSAGE_FINAL",
            "link=cmcc-1 raw_code=DELIVRD",
            "--page-token 0a",
        ] {
            assert!(answer.text.contains(expected), "{expected} in {}", answer.text);
        }
        assert_eq!(answer.json["events"][0]["attributes"]["link"], "cmcc-1");
        assert_eq!(answer.json["events"][0]["is_sealed"], true);
        assert_eq!(render(&[], "", Screen::unlimited(offset!(UTC))).text, "no events");
    }
}
