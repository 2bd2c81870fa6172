//! Proofs and questions over everything that the run left.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use hongyan_integration_tests::bench::latency::{Latencies, Percentiles};
use hongyan_proto::audit::v1::{
    GetHeadRequest, GetProofRequest, LogHead, LogPlace, QueryRequest,
    audit_service_client::AuditServiceClient, get_proof_request::By,
};
use hongyan_tlog::{key::Verifier, leaf_hash, proof_text::TlogProof};
use rand::Rng as _;
use tokio::task::JoinSet;
use tonic::transport::Channel;

use super::{
    events::{ACCEPTED, ACTOR, EVENTS_OF_A_MESSAGE, Events},
    server::Server,
};

/// Askers at once.
const ASKERS: usize = 4;
/// A question about a time covers so much of it.
const TIME_SPAN_MS: i64 = 10_000;
const PAGE: u32 = 100;

/// How many were asked a second, and how long each took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) per_second: f64,
    pub(crate) latency: Percentiles,
}

/// Proofs of events anywhere in the logs, each verified here.
pub(crate) async fn proofs(server: &Server, length: Duration) -> Result<Asked> {
    let head = server.operator()?.get_head(GetHeadRequest {}).await?.into_inner();
    let logs: Arc<[LogHead]> = head.logs.into_iter().filter(|log| log.published > 0).collect();
    let total: u64 = logs.iter().map(|log| log.published).sum();
    let key: Arc<Verifier> = Arc::new(logs.first().context("no log")?.verifier_key.parse()?);
    ask(server, length, move |mut client| {
        let (logs, key) = (Arc::clone(&logs), Arc::clone(&key));
        async move {
            let mut place = rand::rng().random_range(0..total);
            let log = logs
                .iter()
                .find(|log| {
                    let is_here = place < log.published;
                    if !is_here {
                        place -= log.published;
                    }
                    is_here
                })
                .context("no such place")?;
            let by = By::Place(LogPlace {
                log: log.log.clone(),
                log_index: place,
            });
            let answer = client
                .get_proof(GetProofRequest { by: Some(by) })
                .await?
                .into_inner();
            let proof = TlogProof::parse(answer.proof.as_bytes())?;
            ensure!(proof.index == place, "a proof of another place");
            proof.verify(
                &leaf_hash(&answer.leaf),
                &log.origin,
                &key.named(&log.origin)?,
                &[],
            )?;
            Ok(())
        }
    })
    .await
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Question {
    Message,
    Trace,
    Subject,
    ActorActionTime,
}

/// Questions about messages below `messages`, between two times.
pub(crate) async fn questions(
    server: &Server,
    question: Question,
    messages: u64,
    times: (i64, i64),
    length: Duration,
) -> Result<Asked> {
    let events = Arc::clone(&server.events);
    ask(server, length, move |mut client| {
        let message = rand::rng().random_range(0..messages.max(1));
        let request = request(&events, question, message, times);
        async move {
            let answer = client.query(request).await?.into_inner();
            let whole = match question {
                Question::Message | Question::Trace => answer.leaves.len() as u64 >= EVENTS_OF_A_MESSAGE,
                _ => !answer.leaves.is_empty(),
            };
            ensure!(
                whole,
                "{question:?} about message {message}: {} leaves",
                answer.leaves.len()
            );
            Ok(())
        }
    })
    .await
}

fn request(events: &Events, question: Question, message: u64, times: (i64, i64)) -> QueryRequest {
    let mut request = QueryRequest {
        page_size: PAGE,
        ..QueryRequest::default()
    };
    match question {
        Question::Message => request.message_id = events.message_id(message),
        Question::Trace => request.trace_id = events.trace_id(message),
        Question::Subject => request.subject_tag = events.subject_tag(message).to_vec().into(),
        Question::ActorActionTime => {
            let latest = (times.1 - TIME_SPAN_MS).max(times.0 + 1);
            ACTOR.clone_into(&mut request.actor);
            ACCEPTED.clone_into(&mut request.action);
            request.from_unix_ms = rand::rng().random_range(times.0..latest);
            request.until_unix_ms = request.from_unix_ms + TIME_SPAN_MS;
        }
    }
    request
}

/// Asks again and again, [`ASKERS`] at once.
async fn ask<F, Fut>(server: &Server, length: Duration, question: F) -> Result<Asked>
where
    F: Fn(AuditServiceClient<Channel>) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<()>> + Send,
{
    let start = Instant::now();
    let mut askers = JoinSet::new();
    for _ in 0..ASKERS {
        let (client, question) = (server.operator()?, question.clone());
        askers.spawn(async move {
            let mut took = Vec::new();
            while start.elapsed() < length {
                let begun = Instant::now();
                question(client.clone()).await?;
                took.push(begun.elapsed());
            }
            anyhow::Ok(took)
        });
    }
    let mut latencies = Latencies::new()?;
    let mut asked = 0_u64;
    while let Some(took) = askers.join_next().await {
        for took in took?? {
            latencies.record(took);
            asked += 1;
        }
    }
    Ok(Asked {
        per_second: asked as f64 / start.elapsed().as_secs_f64(),
        latency: latencies.percentiles(),
    })
}
