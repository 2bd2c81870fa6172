//! The same request id is the same message, however often and however many at once ask.

use futures_util::future::join_all;
use hongyan_proto::common::v1::MessageClass;
use tonic::Code;

use crate::support::{INSURER, accept, final_state, fresh_request, reason, shared};

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_at_once_are_one_message_and_a_hundred_equal_answers() {
    let mesh = shared().await;
    let client = mesh.client(INSURER).await.unwrap();
    let request = fresh_request(MessageClass::Otp, "您的验证码是604817，请勿告诉他人。");
    let clients = join_all((0..4).map(|_| async { client.dispatch().unwrap() })).await;
    let calls = (0..100).map(|n| {
        let mut dispatch = clients[n % 4].clone();
        let request = request.clone();
        async move { dispatch.send_message(request).await.unwrap().into_inner() }
    });
    let answers = join_all(calls).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    final_state(&client, &answers[0].message_id).await;
    let taken = mesh.gateways()[0].taken(Some(&request.phone)).await.unwrap();
    assert_eq!(taken.len(), 1, "the carrier has it once");
}

#[tokio::test]
async fn a_stream_gives_the_same_answer_as_a_single_call() {
    let mesh = shared().await;
    let client = mesh.client(INSURER).await.unwrap();
    let request = fresh_request(MessageClass::Notice, "您的保单已生效。");
    let single = client
        .dispatch()
        .unwrap()
        .send_message(request.clone())
        .await
        .unwrap()
        .into_inner();
    let streamed = hongyan_integration_tests::harness::traffic::send_all(
        &client,
        std::slice::from_ref(&request),
        crate::support::PATIENCE,
    )
    .await
    .unwrap();
    assert_eq!(streamed.accepted[&request.request_id], single);
}

#[tokio::test]
async fn an_id_that_was_used_for_something_else_is_refused() {
    let mesh = shared().await;
    let client = mesh.client(INSURER).await.unwrap();
    let request = fresh_request(MessageClass::Notice, "您的保单已生效。");
    let id = accept(&client, request.clone()).await;
    let mut other = request;
    other.phone = crate::support::fresh_number();
    let refusal = client
        .dispatch()
        .unwrap()
        .send_message(other.clone())
        .await
        .unwrap_err();
    assert_eq!(
        (refusal.code(), reason(&refusal).as_str()),
        (Code::AlreadyExists, "REQUEST_ID_REUSED")
    );
    final_state(&client, &id).await;
    assert!(
        mesh.gateways()[0]
            .taken(Some(&other.phone))
            .await
            .unwrap()
            .is_empty()
    );
}
