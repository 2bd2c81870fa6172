//! The feed over gRPC.

use hongyan_chassis::Problem;
use hongyan_proto::uplink::v1::{AckUplinksRequest, WatchUplinksRequest, WatchUplinksResponse};
use tokio_stream::StreamExt as _;
use tonic::{Code, Status, Streaming};

use crate::fixture::Fixture;

fn request(cursor: &str) -> WatchUplinksRequest {
    WatchUplinksRequest {
        subscription: "desk".to_owned(),
        cursor: cursor.to_owned(),
    }
}

async fn next(stream: &mut Streaming<WatchUplinksResponse>) -> (Vec<String>, String) {
    let answer = stream.next().await.unwrap().unwrap();
    (
        answer.uplinks.into_iter().map(|uplink| uplink.text).collect(),
        answer.cursor,
    )
}

fn reason<T>(answer: Result<T, Status>) -> (Code, String) {
    let problem = Problem::from_status(&answer.err().expect("a refusal"));
    (problem.code, problem.reason.into_owned())
}

#[tokio::test]
async fn what_is_not_acknowledged_comes_again() {
    let fixture = Fixture::start().await;
    fixture.worker().await;
    let mut client = fixture.client("caller/hrss").await;
    for text in ["一", "二"] {
        fixture.uplink(text).await;
        fixture.settled().await;
    }
    let mut stream = client.watch_uplinks(request("")).await.unwrap().into_inner();
    let (texts, cursor) = next(&mut stream).await;
    assert_eq!(texts, ["一", "二"]);
    fixture.uplink("三").await;
    assert_eq!(next(&mut stream).await.0, ["三"], "and then as they come");
    drop(stream);

    let mut again = client.watch_uplinks(request("")).await.unwrap().into_inner();
    assert_eq!(next(&mut again).await.0, ["一", "二", "三"]);
    let ack = AckUplinksRequest {
        subscription: "desk".to_owned(),
        cursor: cursor.clone(),
    };
    client.ack_uplinks(ack).await.unwrap();
    drop(again);
    let mut rest = client.watch_uplinks(request("")).await.unwrap().into_inner();
    assert_eq!(next(&mut rest).await.0, ["三"]);
    drop(rest);
    let mut from_cursor = client.watch_uplinks(request(&cursor)).await.unwrap().into_inner();
    assert_eq!(next(&mut from_cursor).await.0, ["三"]);
}

#[tokio::test]
async fn a_caller_sees_its_own_tenant_alone() {
    let fixture = Fixture::start().await;
    fixture.worker().await;
    fixture.uplink("我的").await;
    fixture.uplink_from("+8613900139000", "10691", "别人的").await;
    fixture.settled().await;
    let mut other = fixture.client("caller/other").await;
    let mut stream = other.watch_uplinks(request("")).await.unwrap().into_inner();
    let (texts, cursor) = next(&mut stream).await;
    assert_eq!(texts, ["别人的"]);
    let mut nobody = fixture.client("caller/nobody").await;
    let refused = reason(nobody.watch_uplinks(request("")).await);
    assert_eq!(refused, (Code::PermissionDenied, "NO_TENANT".to_owned()));
    // A cursor of another tenant's feed is refused, not misread.
    let mut own = fixture.client("caller/hrss").await;
    let refused = reason(own.watch_uplinks(request(&cursor)).await);
    assert_eq!(refused, (Code::InvalidArgument, "INVALID_REQUEST".to_owned()));
}

#[tokio::test]
async fn wrong_requests_are_refused_by_field() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client("caller/hrss").await;
    for (subscription, cursor, field) in [
        ("", "", "subscription"),
        ("A b", "", "subscription"),
        ("a", "!", "cursor"),
    ] {
        let request = WatchUplinksRequest {
            subscription: subscription.to_owned(),
            cursor: cursor.to_owned(),
        };
        let problem = Problem::from_status(&client.watch_uplinks(request).await.err().unwrap());
        assert_eq!(
            (problem.code, problem.fields[0].field.as_str()),
            (Code::InvalidArgument, field)
        );
    }
    let nowhere = AckUplinksRequest {
        subscription: "a".to_owned(),
        cursor: String::new(),
    };
    assert_eq!(
        client.ack_uplinks(nowhere).await.err().unwrap().code(),
        Code::InvalidArgument
    );
}

#[tokio::test]
async fn watchers_are_bounded_and_end_with_the_process() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client("caller/hrss").await;
    let mut first = client.watch_uplinks(request("")).await.unwrap().into_inner();
    let second = client.watch_uplinks(request("")).await.unwrap();
    let refused = reason(client.watch_uplinks(request("")).await);
    assert_eq!(refused, (Code::ResourceExhausted, "TOO_MANY_WATCHERS".to_owned()));
    drop(second);
    crate::support::eventually("a place is free again", async || {
        client.clone().watch_uplinks(request("")).await.is_ok()
    })
    .await;
    fixture.shutdown.cancel();
    assert!(first.next().await.is_none(), "the stream ends");
}
