//! `hongyan send`.

use std::{
    io::{self, BufRead},
    time::Duration,
};

use hongyan_chassis::Channel;
use hongyan_proto::dispatch::v1::{
    GetMessageRequest, GetMessageResponse, SendMessageRequest, SendMessageResponse, Template,
    dispatch_service_client::DispatchServiceClient, send_message_request::Content,
};
use serde_json::json;
use tokio::time::Instant;
use tonic::Code;
use uuid::Uuid;

use super::{input, message};
use crate::{
    answer::{Answer, Failure},
    args::{Class, Send},
    clients::Clients,
    exit::Exit,
    screen::Screen,
    table::list,
    words,
};

const LOOK_EVERY: Duration = Duration::from_millis(500);
const DELIVERED: &str = "DELIVERED";

pub(crate) async fn run(args: Send, clients: &Clients, screen: Screen) -> Result<Answer, Failure> {
    let mut client = clients.dispatch()?;
    let wait = args.wait.map(Duration::from_secs);
    // The lock of standard input must not live across an await.
    let request = request(args, &mut io::stdin().lock())?;
    let accepted = client
        .send_message(request)
        .await
        .map_err(Failure::of("dispatch"))?
        .into_inner();
    let Some(wait) = wait else {
        return Ok(render(&accepted, screen));
    };
    let message = await_final(&mut client, &accepted.message_id, wait).await?;
    Ok(render_final(&accepted, &message, screen))
}

fn request(args: Send, stdin: &mut impl BufRead) -> Result<SendMessageRequest, Failure> {
    let phone = if args.phone == "-" {
        input::line(stdin)?
    } else {
        args.phone
    };
    let content = match (args.text, args.template) {
        (Some(text), _) if text == "-" => Content::Text(input::all(stdin)?),
        (Some(text), _) => Content::Text(text),
        (None, id) => Content::Template(Template {
            id: id.unwrap_or_default(),
            parameters: args.parameters.into_iter().collect(),
        }),
    };
    let class = match args.class {
        Class::Otp => 1,
        Class::Reply => 2,
        Class::Notice => 3,
        Class::Bulk => 4,
    };
    Ok(SendMessageRequest {
        request_id: args.request_id.unwrap_or_else(|| Uuid::new_v4().to_string()),
        phone,
        class,
        content: Some(content),
        signature: args.signature,
        extension: args.extension,
        reference: args.reference,
        validity_seconds: args.validity,
        tenant: args.tenant,
        traceparent: String::new(),
    })
}

/// Looks until the message is final or the time is up; a service that is away for a moment is asked again.
async fn await_final(
    client: &mut DispatchServiceClient<Channel>,
    message_id: &str,
    wait: Duration,
) -> Result<GetMessageResponse, Failure> {
    let end = Instant::now() + wait;
    loop {
        let request = GetMessageRequest {
            message_id: message_id.to_owned(),
        };
        let in_time = Instant::now() + LOOK_EVERY < end;
        match client.get_message(request).await {
            Ok(found) => {
                let message = found.into_inner();
                let is_final = message.status.as_ref().is_some_and(|status| status.r#final);
                if is_final || !in_time {
                    return Ok(message);
                }
            }
            Err(status) if in_time && status.code() == Code::Unavailable => {}
            Err(status) => return Err(Failure::of("dispatch")(status)),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn render(accepted: &SendMessageResponse, screen: Screen) -> Answer {
    let text = list([
        ("message", accepted.message_id.clone()),
        ("accepted", screen.time(accepted.accepted_at_unix_ms)),
        ("segments", accepted.segments.to_string()),
        ("carrier", words::carrier(accepted.carrier)),
        ("request", accepted.request_id.clone()),
    ]);
    let json = json!({
        "request_id": accepted.request_id,
        "message_id": accepted.message_id,
        "segments": accepted.segments,
        "carrier": words::carrier(accepted.carrier),
        "accepted_at_unix_ms": accepted.accepted_at_unix_ms,
    });
    Answer {
        text,
        json,
        exit: Exit::Yes,
    }
}

/// With the state that the wait ended with.
fn render_final(accepted: &SendMessageResponse, message: &GetMessageResponse, screen: Screen) -> Answer {
    let mut answer = render(accepted, screen);
    let status = message
        .status
        .as_ref()
        .map(|detail| words::status(detail.status))
        .unwrap_or_default();
    answer.text = message::render(message, screen);
    if let Some(fields) = answer.json.as_object_mut() {
        fields.insert("message".to_owned(), message::message_json(message));
    }
    answer.exit = if status == DELIVERED { Exit::Yes } else { Exit::No };
    answer
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use hongyan_proto::dispatch::v1::{
        GetMessageResponse, SendMessageRequest, SendMessageResponse, StatusDetail,
        send_message_request::Content,
    };
    use time::macros::offset;

    use super::{render, render_final, request};
    use crate::{
        args::{Cli, Command},
        exit::Exit,
        screen::Screen,
    };

    fn parse(line: &[&str], stdin: &str) -> SendMessageRequest {
        let line = ["hongyan", "send", "--class", "notice"].iter().chain(line);
        let Command::Send(args) = Cli::try_parse_from(line).unwrap().command else {
            panic!()
        };
        request(*args, &mut stdin.as_bytes()).unwrap()
    }

    #[test]
    fn phone_and_text_may_come_from_standard_input() {
        let request = parse(&["--phone", "-", "--text", "-"], "13800138000\n您好\n再见\n");
        assert_eq!(request.phone, "13800138000");
        assert_eq!(request.content, Some(Content::Text("您好\n再见".into())));
        assert_eq!(request.class, 3);
        assert!(!request.request_id.is_empty());
    }

    #[test]
    fn a_template_is_sent_with_its_parameters() {
        let request = parse(
            &[
                "--phone",
                "1",
                "--template",
                "t",
                "--param",
                "a=b",
                "--tenant",
                "x",
                "--request-id",
                "r",
            ],
            "",
        );
        let Some(Content::Template(template)) = request.content else {
            panic!()
        };
        assert_eq!(
            (template.id.as_str(), template.parameters["a"].as_str()),
            ("t", "b")
        );
        assert_eq!((request.tenant.as_str(), request.request_id.as_str()), ("x", "r"));
    }

    #[test]
    fn an_accept_is_a_yes_and_after_a_wait_only_a_delivery_is() {
        let accepted = SendMessageResponse {
            message_id: "m".into(),
            segments: 2,
            ..SendMessageResponse::default()
        };
        let plain = render(&accepted, Screen::unlimited(offset!(UTC)));
        assert_eq!(
            (plain.exit, &plain.json["segments"]),
            (Exit::Yes, &serde_json::json!(2))
        );
        assert!(plain.text.starts_with("message   m\n"), "{}", plain.text);
        for (status, exit) in [
            (3, Exit::Yes),
            (1, Exit::No),
            (2, Exit::No),
            (4, Exit::No),
            (6, Exit::No),
        ] {
            let detail = StatusDetail {
                status,
                ..StatusDetail::default()
            };
            let message = GetMessageResponse {
                status: Some(detail),
                ..GetMessageResponse::default()
            };
            let answer = render_final(&accepted, &message, Screen::unlimited(offset!(UTC)));
            assert_eq!(answer.exit, exit, "{status}");
            assert_eq!(answer.json["message_id"], "m");
            assert!(answer.json["message"]["status"].is_object());
        }
    }
}
