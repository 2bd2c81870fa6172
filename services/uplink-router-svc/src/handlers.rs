//! Asking the business's own handlers.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use hongyan_catalog::Handler;
use hongyan_chassis::{Channel, Dialer, MAX_MESSAGE_OCTETS, code_name};
use hongyan_identity::SpiffeId;
use hongyan_proto::uplink::v1::{
    HandleUplinkRequest, HandleUplinkResponse, uplink_handler_service_client::UplinkHandlerServiceClient,
};
use tonic::{Code, Request};

/// Connections to one handler: its calls are few and slow.
const CONNECTIONS: usize = 1;
/// Channels kept. More handlers than this in the history of one process means that the catalog changed often: all are
/// dropped, and opened again when they are next asked.
const MOST_CHANNELS: usize = 1_024;

/// Channels to the handlers of all tenants, opened when first asked.
pub struct Handlers {
    dialer: Dialer,
    /// By address and expected SPIFFE id.
    channels: Mutex<HashMap<(String, String), Channel>>,
}

/// Why a handler gave no answer. Its own words are left out: they may hold anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandlerFailure {
    /// Address or SPIFFE id of the catalog cannot be dialled.
    #[error("its address or SPIFFE id cannot be dialled")]
    NotDialable,
    /// It did not answer in time.
    #[error("no answer within its deadline")]
    Late,
    /// It answered with an error, or cannot be reached (UNAVAILABLE).
    #[error("it failed with {}", code_name(*.0))]
    Failed(Code),
}

impl HandlerFailure {
    /// UPPER_SNAKE, for metrics and the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotDialable => "NOT_DIALABLE",
            Self::Late => "DEADLINE_EXCEEDED",
            Self::Failed(code) => code_name(code),
        }
    }
}

impl Handlers {
    /// Under this process's identity.
    pub fn new(dialer: Dialer) -> Self {
        Self {
            dialer,
            channels: Mutex::default(),
        }
    }

    /// Asks once, for as long as the handler's deadline.
    pub async fn ask(
        &self,
        handler: &Handler,
        question: HandleUplinkRequest,
    ) -> Result<HandleUplinkResponse, HandlerFailure> {
        let channel = self.channel(handler)?;
        let mut client = UplinkHandlerServiceClient::new(channel)
            .max_decoding_message_size(MAX_MESSAGE_OCTETS)
            .max_encoding_message_size(MAX_MESSAGE_OCTETS);
        let mut request = Request::new(question);
        request.set_timeout(handler.deadline);
        match client.handle_uplink(request).await {
            Ok(answer) => Ok(answer.into_inner()),
            Err(status) if status.code() == Code::DeadlineExceeded => Err(HandlerFailure::Late),
            Err(status) => Err(HandlerFailure::Failed(status.code())),
        }
    }

    fn channel(&self, handler: &Handler) -> Result<Channel, HandlerFailure> {
        let key = (handler.address.clone(), handler.spiffe_id.clone());
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = channels.get(&key) {
            return Ok(channel.clone());
        }
        let expected: SpiffeId = handler
            .spiffe_id
            .parse()
            .map_err(|_| HandlerFailure::NotDialable)?;
        let channel = self
            .dialer
            .channel(&handler.address, &expected, CONNECTIONS)
            .map_err(|_| HandlerFailure::NotDialable)?;
        if channels.len() >= MOST_CHANNELS {
            channels.clear();
        }
        channels.insert(key, channel.clone());
        Ok(channel)
    }
}
