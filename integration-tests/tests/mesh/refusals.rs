//! Wrong requests: each is refused with its reason and its field, and leaves nothing behind.

use hongyan_proto::{
    common::v1::MessageClass,
    dispatch::v1::{GetMessageRequest, SendMessageRequest, Template, send_message_request::Content},
};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::support::{BUREAU, INSURER, OPERATOR, OwnMesh, fresh_number, fresh_request, reason, shared};

type Change = fn(&mut SendMessageRequest);

fn template(id: &str, parameters: &[(&str, &str)]) -> Content {
    Content::Template(Template {
        id: id.into(),
        parameters: parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    })
}

#[tokio::test]
async fn each_wrong_message_has_its_error_and_changes_nothing() {
    let mut mesh = OwnMesh::start().await;
    let client = mesh.client(INSURER).await.unwrap();
    let operator = mesh.client(OPERATOR).await.unwrap();
    let cases: [(&str, &str, Change); 26] = [
        ("no request id", "request_id", |r| r.request_id.clear()),
        ("a request id with a blank", "request_id", |r| {
            r.request_id = "a b".into();
        }),
        ("a request id of 65 characters", "request_id", |r| {
            r.request_id = "x".repeat(65);
        }),
        ("a request id with a phone number", "request_id", |r| {
            r.request_id = "to-13800138000".into();
        }),
        ("no phone", "phone", |r| r.phone.clear()),
        ("a landline", "phone", |r| r.phone = "01012345678".into()),
        ("ten digits", "phone", |r| r.phone = "1380013800".into()),
        ("a number abroad", "phone", |r| r.phone = "+12025550123".into()),
        ("a very long phone", "phone", |r| r.phone = "1".repeat(100_000)),
        ("no class", "class", |r| r.class = 0),
        ("a class that is not", "class", |r| r.class = 99),
        ("no content", "content", |r| r.content = None),
        ("an empty text", "text", |r| {
            r.content = Some(Content::Text(String::new()));
        }),
        ("a text of 403 units", "text", |r| {
            r.content = Some(Content::Text("鸿".repeat(397)));
        }),
        ("a control character", "text", |r| {
            r.content = Some(Content::Text("a\u{0}b".into()));
        }),
        ("an unknown template", "template.id", |r| {
            r.content = Some(template("no-such", &[]));
        }),
        ("a parameter too few", "template.parameters", |r| {
            r.content = Some(template("login-code", &[("code", "1")]));
        }),
        ("a parameter too many", "template.parameters", |r| {
            r.class = MessageClass::Otp.into();
            r.content = Some(template(
                "login-code",
                &[("code", "1"), ("minutes", "5"), ("more", "x")],
            ));
        }),
        ("a template of another class", "class", |r| {
            r.content = Some(template("login-code", &[("code", "1"), ("minutes", "5")]));
        }),
        ("another's signature", "signature", |r| {
            r.signature = "滨海人社".into();
        }),
        ("an extension of letters", "extension", |r| {
            r.extension = "12a".into();
        }),
        ("too long an extension", "extension", |r| {
            r.extension = "12345".into();
        }),
        ("a reference of 129 characters", "reference", |r| {
            r.reference = "x".repeat(129);
        }),
        ("a reference with a phone number", "reference", |r| {
            r.reference = "13800138000".into();
        }),
        ("a validity of ten years", "validity_seconds", |r| {
            r.validity_seconds = 315_360_000;
        }),
        ("a trace that is none", "traceparent", |r| {
            r.traceparent = "00-00-00-00".into();
        }),
    ];
    for (what, field, change) in cases {
        let mut request = fresh_request(MessageClass::Notice, "您的保单已生效。");
        change(&mut request);
        let refusal = client
            .dispatch()
            .unwrap()
            .send_message(request)
            .await
            .expect_err(what);
        assert_eq!(refusal.code(), Code::InvalidArgument, "{what}: {refusal:?}");
        let details = refusal.get_error_details();
        let fields: Vec<_> = details
            .bad_request()
            .unwrap()
            .field_violations
            .iter()
            .map(|one| one.field.clone())
            .collect();
        assert!(
            fields.iter().any(|one| one.starts_with(field)),
            "{what}: {fields:?}"
        );
        assert!(!reason(&refusal).is_empty(), "{what} has a reason");
    }
    let head = operator
        .audit()
        .unwrap()
        .get_head(hongyan_proto::audit::v1::GetHeadRequest {})
        .await
        .unwrap();
    assert!(
        !head
            .into_inner()
            .events_by_action
            .contains_key("MESSAGE_ACCEPTED")
    );
    let queues = operator
        .dispatch()
        .unwrap()
        .get_queues(hongyan_proto::dispatch::v1::GetQueuesRequest {})
        .await;
    assert!(
        queues
            .unwrap()
            .into_inner()
            .queues
            .iter()
            .all(|queue| queue.waiting == 0 && queue.taken == 0)
    );
    assert!(mesh.gateways()[0].taken(None).await.unwrap().is_empty());
    mesh.must_run().unwrap();
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once() {
    let mesh = shared().await;
    let client = mesh.client(INSURER).await.unwrap();
    let mut request = fresh_request(MessageClass::Notice, "");
    request.phone = "1".into();
    request.signature = "nobody".into();
    let refusal = client
        .dispatch()
        .unwrap()
        .send_message(request)
        .await
        .unwrap_err();
    let details = refusal.get_error_details();
    assert!(
        details.bad_request().unwrap().field_violations.len() >= 3,
        "{details:?}"
    );
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let mesh = shared().await;
    let client = mesh.client(INSURER).await.unwrap();
    for (id, code) in [
        ("01890a5d-ac96-774b-bcce-b302099a8057", Code::NotFound),
        ("no uuid", Code::InvalidArgument),
        ("", Code::InvalidArgument),
    ] {
        let request = GetMessageRequest {
            message_id: id.into(),
        };
        let refusal = client.dispatch().unwrap().get_message(request).await.unwrap_err();
        assert_eq!(refusal.code(), code, "{id}");
    }
}

#[tokio::test]
async fn nobody_sends_in_anothers_name() {
    let mesh = shared().await;
    let client = mesh.client(BUREAU).await.unwrap();
    let mut request = fresh_request(MessageClass::Notice, "您的社保卡已制好。");
    request.tenant = "xinghe-life".into();
    let refusal = client
        .dispatch()
        .unwrap()
        .send_message(request)
        .await
        .unwrap_err();
    assert!(
        matches!(refusal.code(), Code::PermissionDenied | Code::InvalidArgument),
        "{refusal:?}"
    );
    // A caller that no tenant names may send nothing.
    let stranger = mesh.client("caller/stranger").await.unwrap();
    let mut request = fresh_request(MessageClass::Notice, "您好。");
    request.phone = fresh_number();
    let refusal = stranger
        .dispatch()
        .unwrap()
        .send_message(request)
        .await
        .unwrap_err();
    assert_eq!(refusal.code(), Code::PermissionDenied, "{refusal:?}");
}

/// Stream entries that nobody of the mesh wrote: they go to the dead letters, and the work behind them goes on.
#[tokio::test]
async fn wrong_stream_entries_are_put_aside() {
    let mut mesh = OwnMesh::with(|options| {
        // What cannot be opened is tried five times, in case that its key is on its way.
        options.set("carrier-link-svc", "link.lease_ms", "1000");
    })
    .await;
    let mut redis = mesh.redis().connection().await.unwrap();
    for stream in [
        "{p0}:out:cmcc-a:notice",
        "{p0}:receipts",
        "{p0}:uplinks",
        "{p0}:audit",
    ] {
        for body in [b"".as_slice(), b"\xff\xff\xff\xff", b"\x0a\x05hello", &[0; 4096]] {
            let _: String = redis::cmd("XADD")
                .arg(stream)
                .arg("*")
                .arg("b")
                .arg(body)
                .query_async(&mut redis)
                .await
                .unwrap();
        }
        let _: String = redis::cmd("XADD")
            .arg(stream)
            .arg("*")
            .arg("x")
            .arg("y")
            .query_async(&mut redis)
            .await
            .unwrap();
    }
    let client = mesh.client(INSURER).await.unwrap();
    let id = crate::support::accept(&client, fresh_request(MessageClass::Notice, "您的保单已生效。")).await;
    assert_eq!(
        crate::support::status_of(&crate::support::final_state(&client, &id).await),
        "DELIVERED"
    );
    let dead =
        hongyan_integration_tests::harness::wait::until("dead letters", crate::support::PATIENCE, || {
            let mut redis = redis.clone();
            async move {
                let keys: Vec<String> = redis::cmd("KEYS")
                    .arg("{p0}:dead:*")
                    .query_async(&mut redis)
                    .await
                    .ok()?;
                let mut total = 0_u64;
                for key in &keys {
                    total += redis::cmd("XLEN")
                        .arg(key)
                        .query_async::<u64>(&mut redis)
                        .await
                        .ok()?;
                }
                (total >= 20).then_some(keys)
            }
        })
        .await
        .unwrap();
    assert_eq!(dead.len(), 4, "{dead:?}");
    mesh.must_run().unwrap();
}
