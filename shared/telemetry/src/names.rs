//! The names of attributes, in one place, because the semantic conventions still move.
//!
//! Use them in a span as `tracing::info_span!("send", { names::MESSAGING_SYSTEM } = names::SYSTEM_REDIS)`, or plainly written
//! where a field is recorded later. An attribute holds ids, counts and codes; never personal data.

pub use opentelemetry_semantic_conventions::attribute::{
    ERROR_TYPE, MESSAGING_BATCH_MESSAGE_COUNT, MESSAGING_CONSUMER_GROUP_NAME, MESSAGING_DESTINATION_NAME,
    MESSAGING_DESTINATION_PARTITION_ID, MESSAGING_MESSAGE_ID, MESSAGING_OPERATION_NAME,
    MESSAGING_OPERATION_TYPE, MESSAGING_SYSTEM, NETWORK_PEER_ADDRESS, NETWORK_PEER_PORT, RPC_METHOD,
    RPC_RESPONSE_STATUS_CODE, RPC_SYSTEM_NAME, SERVER_ADDRESS, SERVER_PORT, SERVICE_INSTANCE_ID,
    SERVICE_NAME,
};

/// The value of [`RPC_SYSTEM_NAME`] for gRPC.
pub const SYSTEM_GRPC: &str = "grpc";
/// The value of [`MESSAGING_SYSTEM`] for Redis streams (not in the conventions' list, which allows own values).
pub const SYSTEM_REDIS: &str = "redis";

/// Values of the special field `otel.kind`.
pub mod kind {
    /// Answers a request.
    pub const SERVER: &str = "server";
    /// Asks another process and waits.
    pub const CLIENT: &str = "client";
    /// Hands work over without waiting for it.
    pub const PRODUCER: &str = "producer";
    /// Works off what was handed over.
    pub const CONSUMER: &str = "consumer";
    /// Stays inside the process.
    pub const INTERNAL: &str = "internal";
}

/// Values of [`MESSAGING_OPERATION_TYPE`].
pub mod operation {
    /// An entry is put on a stream.
    pub const SEND: &str = "send";
    /// Entries are taken off a stream.
    pub const RECEIVE: &str = "receive";
    /// An entry is worked off.
    pub const PROCESS: &str = "process";
    /// An entry is settled.
    pub const SETTLE: &str = "settle";
}

/// A message's id (a UUID of ours, no personal data).
pub const MESSAGE_ID: &str = "hongyan.message_id";
/// The tenant's id.
pub const TENANT: &str = "hongyan.tenant";
/// The caller's idempotency key.
pub const REQUEST_ID: &str = "hongyan.request_id";
/// `otp`, `reply`, `notice` or `bulk`.
pub const CLASS: &str = "hongyan.class";
/// The carrier, as in the catalog.
pub const CARRIER: &str = "hongyan.carrier";
/// The name of a link to a carrier.
pub const LINK: &str = "hongyan.link";
/// Which connection of the link.
pub const SLOT: &str = "hongyan.slot";
/// Which segment of a message, from 1.
pub const SEGMENT: &str = "hongyan.segment";
/// How many segments a message has.
pub const SEGMENTS: &str = "hongyan.segments";
/// The sequence number of a PDU.
pub const SEQUENCE: &str = "hongyan.sequence";
/// The id that the carrier gave to a segment.
pub const CARRIER_MESSAGE_ID: &str = "hongyan.carrier_message_id";
/// The carrier's own code, raw.
pub const RAW_CODE: &str = "hongyan.raw_code";
/// A message's status after this step.
pub const STATUS: &str = "hongyan.status";
/// Which attempt this is, from 1.
pub const ATTEMPT: &str = "hongyan.attempt";
/// An uplink's id.
pub const UPLINK_ID: &str = "hongyan.uplink_id";
/// The keyword rule that an uplink matched.
pub const RULE: &str = "hongyan.rule";
/// The business's handler that was asked.
pub const HANDLER: &str = "hongyan.handler";
/// A verification's id.
pub const VERIFICATION_ID: &str = "hongyan.verification_id";
/// The identity upstream that was asked.
pub const UPSTREAM: &str = "hongyan.upstream";
/// How a decision came out, one of a small set.
pub const OUTCOME: &str = "hongyan.outcome";
/// The reason of a refusal, `UPPER_SNAKE`.
pub const REASON: &str = "hongyan.reason";
/// The SPIFFE id of the peer.
pub const PEER: &str = "hongyan.peer";
