//! `hongyan audit head`.

use hongyan_proto::audit::v1::{GetHeadRequest, GetHeadResponse};
use serde_json::json;

use crate::{
    answer::{Answer, Failure},
    clients::Clients,
    exit::Exit,
    screen::Screen,
    table::{list, table},
};

pub(crate) async fn run(clients: &Clients, screen: Screen) -> Result<Answer, Failure> {
    let mut client = clients.audit()?;
    let head = client
        .get_head(GetHeadRequest {})
        .await
        .map_err(Failure::of("audit"))?;
    Ok(render(&head.into_inner(), screen))
}

/// A missing event is a no.
fn render(head: &GetHeadResponse, screen: Screen) -> Answer {
    let mut parts = vec![
        list([
            ("size", head.size.to_string()),
            ("indexed", head.indexed.to_string()),
        ]),
        table(
            screen,
            &["log", "entries", "published", "root"],
            head.logs.iter().map(|log| {
                [
                    log.log.clone(),
                    log.size.to_string(),
                    log.published.to_string(),
                    hex::encode(&log.root_hash).chars().take(16).collect(),
                ]
            }),
        ),
        table(
            screen,
            &["action", "events"],
            head.events_by_action
                .iter()
                .map(|(action, count)| [action.clone(), count.to_string()]),
        ),
    ];
    if head.gaps.is_empty() {
        parts.push("no numbered event is missing".to_owned());
    } else {
        let rows = head.gaps.iter().map(|gap| {
            [
                gap.producer.clone(),
                gap.epoch.to_string(),
                gap.first_missing.to_string(),
                gap.last_missing.to_string(),
            ]
        });
        parts.push(format!(
            "missing events:\n{}",
            table(screen, &["producer", "epoch", "first", "last"], rows)
        ));
    }
    let gaps = head.gaps.iter().map(|gap| {
        json!({
            "producer": gap.producer,
            "epoch": gap.epoch,
            "first_missing": gap.first_missing,
            "last_missing": gap.last_missing,
        })
    });
    Answer {
        text: parts.join("\n\n"),
        exit: if head.gaps.is_empty() { Exit::Yes } else { Exit::No },
        json: json!({
            "size": head.size,
            "indexed": head.indexed,
            "events_by_action": head.events_by_action,
            "gaps": gaps.collect::<Vec<_>>(),
            "logs": head.logs.iter().map(|log| json!({
                "log": log.log,
                "origin": log.origin,
                "size": log.size,
                "published": log.published,
                "root_hash": hex::encode(&log.root_hash),
                "verifier_key": log.verifier_key,
            })).collect::<Vec<_>>(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use hongyan_proto::audit::v1::{GetHeadResponse, LogHead, SequenceGap};

    use super::render;
    use crate::{exit::Exit, screen::Screen};

    fn head() -> GetHeadResponse {
        GetHeadResponse {
            size: 3,
            indexed: 3,
            events_by_action: [
                ("MESSAGE_FINAL".to_owned(), 1),
                ("MESSAGE_ACCEPTED".to_owned(), 2),
            ]
            .into(),
            gaps: Vec::new(),
            logs: vec![LogHead {
                log: "cdr/2026h2/0".to_owned(),
                origin: "audit.example.org/cdr/2026h2/0".to_owned(),
                size: 3,
                published: 2,
                root_hash: vec![0xcd; 32].into(),
                verifier_key: "audit.example.org/cdr/2026h2/0+00000000+key".to_owned(),
            }],
        }
    }

    #[test]
    fn a_whole_record_is_a_yes() {
        let answer = render(&head(), Screen::of_width(120));
        let expected = "\
size     3
indexed  3

┌──────────────┬─────────┬───────────┬──────────────────┐
│ log          ┆ entries ┆ published ┆ root             │
╞══════════════╪═════════╪═══════════╪══════════════════╡
│ cdr/2026h2/0 ┆ 3       ┆ 2         ┆ cdcdcdcdcdcdcdcd │
└──────────────┴─────────┴───────────┴──────────────────┘

┌──────────────────┬────────┐
│ action           ┆ events │
╞══════════════════╪════════╡
│ MESSAGE_ACCEPTED ┆ 2      │
│ MESSAGE_FINAL    ┆ 1      │
└──────────────────┴────────┘

no numbered event is missing";
        assert_eq!((&*answer.text, answer.exit), (expected, Exit::Yes));
        assert_eq!(answer.json["events_by_action"]["MESSAGE_ACCEPTED"], 2);
    }

    #[test]
    fn a_gap_is_a_no_and_is_named() {
        let gap = SequenceGap {
            producer: "verify-svc-1".into(),
            epoch: 9,
            first_missing: 4,
            last_missing: 5,
        };
        let answer = render(
            &GetHeadResponse {
                gaps: vec![gap],
                ..head()
            },
            Screen::of_width(120),
        );
        assert_eq!(answer.exit, Exit::No);
        assert!(answer.text.contains("verify-svc-1"));
        assert_eq!(answer.json["gaps"][0]["last_missing"], 5);
    }
}
