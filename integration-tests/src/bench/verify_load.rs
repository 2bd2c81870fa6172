//! Load on verify-svc: every question is about a person of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hongyan_proto::verify::v1::{VerifyIdentityRequest, verify_service_client::VerifyServiceClient};
use tonic::transport::Channel;

use super::drive::{self, Run};

/// verify-svc, and what to ask.
#[derive(Clone)]
pub struct VerifyTarget {
    channels: Arc<[Channel]>,
    next: Arc<AtomicU64>,
    question: Arc<dyn Fn(u64) -> VerifyIdentityRequest + Send + Sync>,
}

impl VerifyTarget {
    /// `question` makes the n-th request; its `request_id` must be new each time. At least one channel.
    pub fn new(
        channels: Vec<Channel>,
        question: impl Fn(u64) -> VerifyIdentityRequest + Send + Sync + 'static,
    ) -> Self {
        Self {
            channels: channels.into(),
            next: Arc::default(),
            question: Arc::new(question),
        }
    }

    async fn ask(&self) -> bool {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let index = n as usize % self.channels.len();
        let mut client = VerifyServiceClient::new(self.channels[index].clone());
        client.verify_identity((self.question)(n)).await.is_ok()
    }

    /// As many as `in_flight` callers can ask.
    pub async fn closed(&self, in_flight: usize, length: Duration) -> anyhow::Result<Run> {
        let target = self.clone();
        drive::closed(in_flight, length, move |_| {
            let target = target.clone();
            async move { target.ask().await }
        })
        .await
    }

    /// Questions at a fixed rate, whatever the answers do.
    pub async fn open(&self, rate: f64, length: Duration) -> anyhow::Result<Run> {
        let target = self.clone();
        drive::open(rate, length, move |_| {
            let target = target.clone();
            async move { target.ask().await }
        })
        .await
    }
}
