//! Batches on a stream.

use hongyan_proto::dispatch::v1::{SendMessagesRequest, SendResult, send_result};
use hongyan_sms_dispatch_svc::settings::Settings;
use tokio_stream::{StreamExt as _, iter};
use tonic::Code;

use crate::{
    house::{House, SHEBAO, code, message, notice, reason, soon},
    redis_server::ask,
};

fn verdict(result: &SendResult) -> String {
    match result.result.as_ref().unwrap() {
        send_result::Result::Accepted(_) => "ACCEPTED".to_owned(),
        send_result::Result::Problem(problem) => problem.reason.clone(),
    }
}

#[tokio::test]
async fn every_item_is_acknowledged_in_order_by_its_request_id_over_many_batches() {
    let house = House::open_with(|settings: &mut Settings| settings.max_entries = 100_000).await;
    let mut client = house.client(SHEBAO).await;
    let batches: Vec<_> = (0..20_u32)
        .map(|batch| SendMessagesRequest {
            items: (0..100_u32)
                .map(|item| {
                    notice(
                        &format!("{batch}-{item}"),
                        &format!("138{:08}", batch * 100 + item),
                    )
                })
                .collect(),
        })
        .collect();
    let sent: Vec<String> = batches
        .iter()
        .flat_map(|batch| &batch.items)
        .map(|item| item.request_id.clone())
        .collect();
    let answers = client.send_messages(iter(batches)).await.unwrap().into_inner();
    let answers: Vec<_> = soon("the answers", answers.collect()).await;
    let results: Vec<SendResult> = answers
        .into_iter()
        .flat_map(|answer: Result<_, _>| {
            let answer: hongyan_proto::dispatch::v1::SendMessagesResponse = answer.unwrap();
            answer.results
        })
        .collect();
    assert!(results.iter().all(|result| verdict(result) == "ACCEPTED"));
    assert_eq!(
        results
            .into_iter()
            .map(|result| result.request_id)
            .collect::<Vec<_>>(),
        sent
    );
    assert_eq!(
        ask::<u64>(&house.redis, "XLEN", &["{p0}:out:cmcc:notice"]).await,
        2_000
    );
    house.close().await;
}

#[tokio::test]
async fn a_refused_item_has_its_problem_and_harms_no_other() {
    let house = House::open().await;
    let mut client = house.client(SHEBAO).await;
    let mut wrong = code("r-3", "nonsense");
    wrong.signature = "别人".into();
    let traced = hongyan_proto::dispatch::v1::SendMessageRequest {
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into(),
        ..code("r-5", "13800138005")
    };
    let quiet = hongyan_proto::dispatch::v1::SendMessageRequest {
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b7-00".into(),
        ..code("r-6", "13800138006")
    };
    let items = vec![
        code("r-1", "13800138000"),
        code("r-1", "13800138000"),
        code("r-2", "13800138000"),
        wrong,
        code("r-1", "13800138009"),
        traced,
        quiet,
    ];
    let mut answers = client
        .send_messages(iter([SendMessagesRequest { items }]))
        .await
        .unwrap()
        .into_inner();
    let results = soon("the answer", answers.message())
        .await
        .unwrap()
        .unwrap()
        .results;
    let verdicts: Vec<_> = results.iter().map(verdict).collect();
    assert_eq!(
        verdicts,
        [
            "ACCEPTED",
            "ACCEPTED",
            "THROTTLED",
            "INVALID_REQUEST",
            "REQUEST_ID_REUSED",
            "ACCEPTED",
            "ACCEPTED"
        ]
    );
    let accepted = |at: usize| match results[at].result.as_ref().unwrap() {
        send_result::Result::Accepted(accepted) => accepted.clone(),
        send_result::Result::Problem(problem) => panic!("{problem:?}"),
    };
    let problem = |at: usize| match results[at].result.as_ref().unwrap() {
        send_result::Result::Problem(problem) => problem.clone(),
        send_result::Result::Accepted(_) => panic!("accepted"),
    };
    assert_eq!(accepted(0), accepted(1));
    assert!((1..=60_000).contains(&problem(2).retry_after_ms));
    let mut fields: Vec<_> = problem(3).fields.into_iter().map(|field| field.field).collect();
    fields.sort();
    assert_eq!(fields, ["phone", "signature"]);

    let trace = |shown: hongyan_proto::dispatch::v1::GetMessageResponse| shown.trace_id;
    assert_eq!(
        trace(message(&mut client, &accepted(5).message_id).await),
        "4bf92f3577b34da6a3ce929d0e0e4736"
    );
    assert_eq!(
        trace(message(&mut client, &accepted(6).message_id).await),
        "4bf92f3577b34da6a3ce929d0e0e4737"
    );
    let own = trace(message(&mut client, &accepted(0).message_id).await);
    assert_eq!(own.len(), 32, "an item without a trace begins one");
    assert!(soon("the end", answers.message()).await.unwrap().is_none());
    house.close().await;
}

#[tokio::test]
async fn a_batch_without_items_or_with_too_many_ends_the_stream() {
    let house = House::open().await;
    let mut client = house.client(SHEBAO).await;
    for count in [0_usize, 257] {
        let items = (0..count)
            .map(|n| notice(&format!("r-{n}"), "13800138000"))
            .collect();
        let mut answers = client
            .send_messages(iter([SendMessagesRequest { items }]))
            .await
            .unwrap()
            .into_inner();
        let status = soon("the refusal", answers.message()).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::InvalidArgument, "INVALID_REQUEST"),
            "{count}"
        );
    }
    assert_eq!(
        ask::<u64>(&house.redis, "EXISTS", &["{p0}:out:cmcc:notice"]).await,
        0
    );
    house.close().await;
}

#[tokio::test]
async fn an_open_stream_does_not_hold_up_the_drain() {
    let house = House::open().await;
    let mut client = house.client(SHEBAO).await;
    let first = iter([SendMessagesRequest {
        items: vec![code("r-1", "13800138000")],
    }]);
    let requests = first.chain(tokio_stream::pending());
    let mut answers = client.send_messages(requests).await.unwrap().into_inner();
    soon("the answer", answers.message()).await.unwrap().unwrap();
    house.begin_drain();
    assert!(soon("the end", answers.message()).await.unwrap().is_none());
    house.close().await;
}
