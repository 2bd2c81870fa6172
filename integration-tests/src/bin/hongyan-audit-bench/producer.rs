//! Producers, each with its own numbers, that append events which are encoded already.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use hongyan_proto::audit::v1::AppendedEvent;
use prost::Message as _;
use tonic::{Request, Status, client::Grpc, codegen::http::uri::PathAndQuery, transport::Channel};
use tonic_prost::ProstCodec;

use super::events::Events;

const APPEND: &str = "/hongyan.audit.v1.AuditService/Append";

/// `AppendRequest`, its events as they are on the wire.
#[derive(Clone, PartialEq, prost::Message)]
struct RawRequest {
    #[prost(string, tag = "1")]
    producer: String,
    #[prost(uint64, tag = "2")]
    epoch: u64,
    #[prost(uint64, tag = "3")]
    first_seq: u64,
    #[prost(bytes = "bytes", repeated, tag = "4")]
    events: Vec<Bytes>,
    #[prost(bool, tag = "5")]
    wait_published: bool,
}

/// `AppendResponse`, its places as they are on the wire.
#[derive(Clone, PartialEq, prost::Message)]
struct RawResponse {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    appended: Vec<Bytes>,
}

/// One producer. Several appends may be under way at once.
pub(crate) struct Producer {
    channel: Channel,
    events: Arc<Events>,
    name: String,
    epoch: u64,
    next_seq: AtomicU64,
}

impl Producer {
    pub(crate) fn new(channel: Channel, events: Arc<Events>, name: String, epoch: u64) -> Self {
        Self {
            channel,
            events,
            name,
            epoch,
            next_seq: AtomicU64::new(1),
        }
    }

    /// Appends the events from number `first` on; gives the place of the last one.
    pub(crate) async fn append(
        &self,
        first: u64,
        count: usize,
        wait_published: bool,
    ) -> Result<AppendedEvent, Status> {
        let request = RawRequest {
            producer: self.name.clone(),
            epoch: self.epoch,
            first_seq: self.next_seq.fetch_add(count as u64, Ordering::Relaxed),
            events: self.events.batch(first, count),
            wait_published,
        };
        let mut client = Grpc::new(self.channel.clone());
        let ready = client.ready().await;
        ready.map_err(|error| Status::unavailable(error.to_string()))?;
        let path = PathAndQuery::from_static(APPEND);
        let codec = ProstCodec::<RawRequest, RawResponse>::default();
        let answer: RawResponse = client
            .unary(Request::new(request), path, codec)
            .await?
            .into_inner();
        match answer.appended.last() {
            Some(last) if answer.appended.len() == count => AppendedEvent::decode(last.clone())
                .map_err(|error| Status::internal(format!("the answer: {error}"))),
            _ => Err(Status::internal("the answer is about another number of events")),
        }
    }
}
