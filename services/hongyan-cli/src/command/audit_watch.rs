//! `hongyan audit watch`: a line for each event as it is published.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use hongyan_chassis::{Channel, Problem};
use hongyan_proto::audit::v1::{Leaf, WatchRequest, WatchResponse, audit_service_client::AuditServiceClient};
use serde_json::Value;
use tonic::{Code, Status, Streaming};

use super::{
    audit_query::{cells, leaf_json},
    subject,
};
use crate::{
    answer::{Answer, Failure},
    args::Watch,
    clients::Clients,
    exit::Exit,
    screen::Screen,
    table::plain,
};

/// A service that restarts is asked again,
const WAIT: Duration = Duration::from_secs(1);
/// so many times in a row.
const MOST_ATTEMPTS: u32 = 30;

pub(crate) async fn run(
    args: Watch,
    as_json: bool,
    clients: &Clients,
    screen: Screen,
) -> Result<Answer, Failure> {
    let mut client = clients.audit()?;
    let keyring = clients.settings.keyring_file.as_ref();
    let which = args.which;
    let tag = subject::tag(
        "--subject",
        which.subject,
        which.subject_tag,
        keyring,
        &mut io::stdin().lock(),
    )?;
    let mut request = WatchRequest {
        from_index: args.from_index,
        message_id: which.message,
        trace_id: which.trace,
        actor: which.actor,
        subject_tag: tag.into(),
        action: which.action,
    };
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut attempts = 0;
    while left > 0 {
        let broke = match follow(
            &mut client,
            &mut request,
            &mut left,
            as_json,
            screen,
            &mut attempts,
        )
        .await
        {
            Ok(()) => break,
            Err(status) => status,
        };
        attempts += 1;
        if attempts == 1 {
            // Whoever watches must not take a break for silence.
            let note = format!("{}; asking again", plain(broke.message()));
            let _ = writeln!(io::stderr(), "{note}");
        }
        let comes_back = matches!(broke.code(), Code::Unavailable);
        if !comes_back || attempts > MOST_ATTEMPTS {
            return Err(broken(&broke, request.from_index));
        }
        tokio::time::sleep(WAIT).await;
    }
    // Everything was said already.
    Ok(Answer {
        text: String::new(),
        json: Value::Null,
        exit: Exit::Yes,
    })
}

/// Prints events until there were as many as wanted, nobody reads them, or the stream breaks off.
async fn follow(
    client: &mut AuditServiceClient<Channel>,
    request: &mut WatchRequest,
    left: &mut u64,
    as_json: bool,
    screen: Screen,
    attempts: &mut u32,
) -> Result<(), Status> {
    let mut answers: Streaming<WatchResponse> = client.watch(request.clone()).await?.into_inner();
    while let Some(answer) = answers.message().await? {
        *attempts = 0;
        for leaf in &answer.leaves {
            let line = if as_json {
                leaf_json(leaf).to_string()
            } else {
                line(leaf, screen)
            };
            let mut stdout = io::stdout().lock();
            if writeln!(stdout, "{line}").and_then(|()| stdout.flush()).is_err() {
                // Whoever closed the pipe wants no more.
                return Ok(());
            }
            *left -= 1;
            if *left == 0 {
                return Ok(());
            }
        }
        request.from_index = Some(answer.next_index);
    }
    Err(Status::unavailable("the service ended the stream"))
}

/// With where to go on.
fn broken(status: &Status, next: Option<u64>) -> Failure {
    let mut problem = Problem::from_status(status);
    if let Some(next) = next {
        problem.message = format!("{}; to go on: --from-index {next}", problem.message);
    }
    Failure::Service {
        service: "audit",
        problem,
    }
}

/// What comes from outside stands in one line.
fn line(leaf: &Leaf, screen: Screen) -> String {
    let said = cells(leaf, screen).into_iter().filter(|cell| !cell.is_empty());
    let said: Vec<_> = said.collect();
    plain(&said.join("  "))
}

#[cfg(test)]
mod tests {
    use hongyan_proto::audit::v1::{AuditEvent, Leaf};
    use time::UtcOffset;
    use tonic::Status;

    use super::{broken, line};
    use crate::screen::Screen;

    #[test]
    fn an_event_is_one_line_whatever_it_holds() {
        let leaf = Leaf {
            index: 7,
            received_at_unix_ms: 1_763_729_008_123,
            event: Some(AuditEvent {
                action: "MESSAGE_FINAL".into(),
                outcome: "DELIVERED".into(),
                actor: "spiffe://hongyan.test/svc/dispatch".into(),
                purpose: "理赔\n\u{1b}[2J".into(),
                attributes: [("raw_code".into(), "DELIVRD".into())].into(),
                ..AuditEvent::default()
            }),
            ..Leaf::default()
        };
        assert_eq!(
            line(&leaf, Screen::unlimited(UtcOffset::UTC)),
            "7  2025-11-21 12:43:28.123  MESSAGE_FINAL  DELIVERED  \
             actor=spiffe://hongyan.test/svc/dispatch purpose=理赔  [2J raw_code=DELIVRD"
        );
    }

    #[test]
    fn a_stream_that_broke_off_says_where_to_go_on() {
        let status = Status::resource_exhausted("64 watchers are there");
        assert!(broken(&status, Some(41)).to_string().contains("--from-index 41"));
        assert!(!broken(&status, None).to_string().contains("--from-index"));
    }
}
