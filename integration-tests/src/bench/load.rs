//! The load: the same code against the mesh and against the floor, so that their ratio means something.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use hongyan_identity::{Connector, Credentials, SpiffeId};
use hongyan_proto::{
    common::v1::MessageClass,
    dispatch::v1::{
        SendMessageRequest, SendMessagesRequest, dispatch_service_client::DispatchServiceClient,
        send_message_request::Content, send_result,
    },
};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
};
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tonic::transport::{Channel, Endpoint};

use super::drive::{self, Run};

/// Batches of one stream under way at once.
const BATCHES_IN_FLIGHT: usize = 16;

/// A dispatch service, the mesh's or the floor's.
#[derive(Clone)]
pub struct Target {
    channels: Arc<[Channel]>,
    pub(super) numbers: Arc<Numbers>,
}

/// Mobile numbers and request ids that were not used before, so that no throttle and no idempotency record is met.
pub struct Numbers {
    next: AtomicU64,
    run: String,
}

impl Numbers {
    /// Numbers from 138 0000 0000 on.
    pub fn new() -> Self {
        Self {
            next: AtomicU64::new(0),
            run: uuid::Uuid::now_v7().simple().to_string(),
        }
    }

    /// A notice of one segment to a number of its own.
    pub fn notice(&self) -> SendMessageRequest {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        SendMessageRequest {
            request_id: format!("b{}-{n}", &self.run[..16]),
            phone: (13_800_000_000 + n % 199_999_999).to_string(),
            class: MessageClass::Notice.into(),
            content: Some(Content::Text(
                "您的社会保险费已到缴费期，请于月底前完成缴费。".to_owned(),
            )),
            ..Default::default()
        }
    }
}

impl Default for Numbers {
    fn default() -> Self {
        Self::new()
    }
}

impl Target {
    /// Opens `connections` connections (tops of one are about 52,000 calls a second).
    pub async fn connect(
        address: &str,
        credentials: &Credentials,
        expected: &SpiffeId,
        connections: usize,
        numbers: Arc<Numbers>,
    ) -> anyhow::Result<Self> {
        let mut channels = Vec::with_capacity(connections);
        for _ in 0..connections {
            let connector = Connector::new(credentials.clone(), expected.clone());
            let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
            channels.push(endpoint.connect_with_connector(connector).await?);
        }
        Ok(Self {
            channels: channels.into(),
            numbers,
        })
    }

    pub(super) fn client(&self, index: usize) -> DispatchServiceClient<Channel> {
        DispatchServiceClient::new(self.channels[index % self.channels.len()].clone())
    }

    async fn send_one(&self, caller: usize) -> bool {
        self.client(caller)
            .send_message(self.numbers.notice())
            .await
            .is_ok()
    }

    /// As many unary calls as `in_flight` callers can make.
    pub async fn unary_closed(&self, in_flight: usize, length: Duration) -> anyhow::Result<Run> {
        let target = self.clone();
        drive::closed(in_flight, length, move |caller| {
            let target = target.clone();
            async move { target.send_one(caller).await }
        })
        .await
    }

    /// Unary calls at a fixed rate, whatever the answers do.
    pub async fn unary_open(&self, rate: f64, length: Duration) -> anyhow::Result<Run> {
        let target = self.clone();
        drive::open(rate, length, move |index| {
            let target = target.clone();
            async move { target.send_one(index).await }
        })
        .await
    }

    /// Items of `streams` bidirectional streams in batches of `batch`, as many as go.
    pub async fn stream_closed(&self, streams: usize, batch: usize, length: Duration) -> anyhow::Result<Run> {
        let start = Instant::now();
        let mut running = JoinSet::new();
        for stream in 0..streams {
            let target = self.clone();
            running.spawn(async move { target.one_stream(stream, batch, start + length).await });
        }
        let (mut ok, mut failed) = (0, 0);
        while let Some(counts) = running.join_next().await {
            let counts = counts??;
            ok += counts.0;
            failed += counts.1;
        }
        Ok(Run {
            per_second: ok as f64 / start.elapsed().as_secs_f64(),
            failed,
            latency: None,
        })
    }

    async fn one_stream(&self, stream: usize, batch: usize, until: Instant) -> anyhow::Result<(u64, u64)> {
        let (batches, requests) = mpsc::channel(BATCHES_IN_FLIGHT);
        let numbers = self.numbers.clone();
        let answered = Arc::new(Semaphore::new(BATCHES_IN_FLIGHT));
        let may_send = answered.clone();
        tokio::spawn(async move {
            while Instant::now() < until {
                let Ok(place) = may_send.acquire().await else {
                    return;
                };
                place.forget();
                let items = (0..batch).map(|_| numbers.notice()).collect();
                if batches.send(SendMessagesRequest { items }).await.is_err() {
                    return;
                }
            }
        });
        let mut answers = self
            .client(stream)
            .send_messages(ReceiverStream::new(requests))
            .await?
            .into_inner();
        let (mut ok, mut failed) = (0, 0);
        while let Some(answer) = answers.next().await {
            for result in answer?.results {
                match result.result {
                    Some(send_result::Result::Accepted(_)) => ok += 1,
                    _ => failed += 1,
                }
            }
            answered.add_permits(1);
        }
        Ok((ok, failed))
    }
}
