//! Dispatch and a business's handler, made up.

use std::{
    collections::{HashMap, VecDeque},
    future::pending,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use hongyan_chassis::Problem;
use hongyan_proto::{
    dispatch::v1::{
        AckReceiptsRequest, AckReceiptsResponse, GetMessageRequest, GetMessageResponse, GetQueuesRequest,
        GetQueuesResponse, SendMessageRequest, SendMessageResponse, SendMessagesRequest,
        SendMessagesResponse, SetOptOutRequest, SetOptOutResponse, WatchReceiptsRequest,
        WatchReceiptsResponse, dispatch_service_server::DispatchService, send_message_request::Content,
    },
    uplink::v1::{
        HandleUplinkRequest, HandleUplinkResponse, uplink_handler_service_server::UplinkHandlerService,
    },
};
use tokio_stream::Empty;
use tonic::{Request, Response, Status, Streaming};

/// What dispatch was asked, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    OptOut { tenant: String, phone: String },
    Sent(SendMessageRequest),
}

#[derive(Default)]
pub struct DispatchState {
    pub told: Vec<Told>,
    /// What the next calls answer in place of the truth.
    pub failures: VecDeque<Status>,
    /// Texts that are refused for good.
    pub refused_texts: Vec<String>,
    accepted: HashMap<String, SendMessageRequest>,
}

/// Keeps a message once by its request id, as the real one does.
#[derive(Clone, Default)]
pub struct FakeDispatch(Arc<Mutex<DispatchState>>);

impl FakeDispatch {
    pub fn state(&self) -> MutexGuard<'_, DispatchState> {
        self.0.lock().unwrap()
    }

    /// The texts that were accepted, once each.
    pub fn texts(&self) -> Vec<String> {
        let sent = |told: &Told| match told {
            Told::Sent(request) => Some(text(request)),
            Told::OptOut { .. } => None,
        };
        self.state().told.iter().filter_map(sent).collect()
    }
}

pub fn text(request: &SendMessageRequest) -> String {
    match &request.content {
        Some(Content::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

#[tonic::async_trait]
impl DispatchService for FakeDispatch {
    type SendMessagesStream = Empty<Result<SendMessagesResponse, Status>>;
    type WatchReceiptsStream = Empty<Result<WatchReceiptsResponse, Status>>;

    async fn send_message(
        &self,
        request: Request<SendMessageRequest>,
    ) -> Result<Response<SendMessageResponse>, Status> {
        let request = request.into_inner();
        let mut state = self.state();
        if let Some(failure) = state.failures.pop_front() {
            return Err(failure);
        }
        if state.refused_texts.contains(&text(&request)) {
            return Err(Problem::invalid().field("text", "is not allowed").into());
        }
        let message_id = format!("message-of-{}", request.request_id);
        match state.accepted.get(&request.request_id) {
            Some(before) if *before != request => {
                return Err(Problem::conflict("REQUEST_ID_REUSED", "another message").into());
            }
            Some(_) => {}
            None => {
                state.accepted.insert(request.request_id.clone(), request.clone());
                state.told.push(Told::Sent(request.clone()));
            }
        }
        Ok(Response::new(SendMessageResponse {
            request_id: request.request_id,
            message_id,
            ..SendMessageResponse::default()
        }))
    }

    async fn set_opt_out(
        &self,
        request: Request<SetOptOutRequest>,
    ) -> Result<Response<SetOptOutResponse>, Status> {
        let SetOptOutRequest {
            tenant,
            phone,
            opted_out,
        } = request.into_inner();
        assert!(opted_out);
        let mut state = self.state();
        if let Some(failure) = state.failures.pop_front() {
            return Err(failure);
        }
        state.told.push(Told::OptOut { tenant, phone });
        Ok(Response::new(SetOptOutResponse {}))
    }

    async fn send_messages(
        &self,
        _: Request<Streaming<SendMessagesRequest>>,
    ) -> Result<Response<Self::SendMessagesStream>, Status> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn get_message(
        &self,
        _: Request<GetMessageRequest>,
    ) -> Result<Response<GetMessageResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn watch_receipts(
        &self,
        _: Request<WatchReceiptsRequest>,
    ) -> Result<Response<Self::WatchReceiptsStream>, Status> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn ack_receipts(
        &self,
        _: Request<AckReceiptsRequest>,
    ) -> Result<Response<AckReceiptsResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn get_queues(&self, _: Request<GetQueuesRequest>) -> Result<Response<GetQueuesResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }
}

/// What the handler does with a question.
#[derive(Clone)]
pub enum Behaviour {
    Answers(HandleUplinkResponse),
    Fails(Status),
    Hangs,
    Slow(Duration, HandleUplinkResponse),
}

#[derive(Clone)]
pub struct FakeHandler {
    pub behaviour: Arc<Mutex<Behaviour>>,
    pub asked: Arc<Mutex<Vec<HandleUplinkRequest>>>,
}

pub fn answer(parameters: &[(&str, &str)]) -> HandleUplinkResponse {
    HandleUplinkResponse {
        parameters: parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        template: String::new(),
    }
}

impl Default for FakeHandler {
    fn default() -> Self {
        Self {
            behaviour: Arc::new(Mutex::new(Behaviour::Answers(answer(&[("balance", "12.50")])))),
            asked: Arc::default(),
        }
    }
}

impl FakeHandler {
    pub fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    pub fn asked(&self) -> Vec<HandleUplinkRequest> {
        self.asked.lock().unwrap().clone()
    }
}

#[tonic::async_trait]
impl UplinkHandlerService for FakeHandler {
    async fn handle_uplink(
        &self,
        request: Request<HandleUplinkRequest>,
    ) -> Result<Response<HandleUplinkResponse>, Status> {
        self.asked.lock().unwrap().push(request.into_inner());
        let behaviour = self.behaviour.lock().unwrap().clone();
        match behaviour {
            Behaviour::Answers(answer) => Ok(Response::new(answer)),
            Behaviour::Fails(status) => Err(status),
            Behaviour::Hangs => pending().await,
            Behaviour::Slow(delay, answer) => {
                tokio::time::sleep(delay).await;
                Ok(Response::new(answer))
            }
        }
    }
}
