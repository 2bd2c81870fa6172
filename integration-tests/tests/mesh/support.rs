//! What the tests share.

use std::{
    ops::{Deref, DerefMut},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use hongyan_integration_tests::harness::{
    judge,
    mesh::{Client, Mesh, MeshOptions, people},
    traffic::{Answers, ReceiptWatcher},
};
use hongyan_proto::{
    common::v1::MessageClass,
    dispatch::v1::{GetMessageRequest, GetMessageResponse, Receipt, SendMessageRequest},
};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use tonic::Status;
use tonic_types::StatusExt as _;

/// The tenants of the example catalog, and an operator.
pub(crate) const INSURER: &str = "caller/xinghe-life";
pub(crate) const BUREAU: &str = "caller/binhai-hrss";
pub(crate) const OPERATOR: &str = "operator/test";

/// The bureau's access number.
pub(crate) const BUREAU_NUMBER: &str = "1069812333";

/// How long the mesh may take for what it usually does within a second; tests share few processors.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Meshes of tests' own that run at once: each is a dozen processes, and machines have four processors.
static PLACES: Semaphore = Semaphore::const_new(2);

/// A mesh that one test has for itself, and may break.
pub(crate) struct OwnMesh {
    mesh: Mesh,
    _place: Option<SemaphorePermit<'static>>,
}

impl Deref for OwnMesh {
    type Target = Mesh;

    fn deref(&self) -> &Mesh {
        &self.mesh
    }
}

impl DerefMut for OwnMesh {
    fn deref_mut(&mut self) -> &mut Mesh {
        &mut self.mesh
    }
}

impl OwnMesh {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut MeshOptions)) -> Self {
        let place = PLACES.acquire().await.unwrap();
        let mut options = MeshOptions::new().unwrap();
        change(&mut options);
        Self {
            mesh: Mesh::start(options).await.unwrap(),
            _place: Some(place),
        }
    }

    /// For a test that mostly waits: it takes no place.
    pub(crate) async fn idle() -> Self {
        Self {
            mesh: Mesh::start(MeshOptions::new().unwrap()).await.unwrap(),
            _place: None,
        }
    }
}

/// The mesh that tests share which leave it as it was. It ends with the test program: the watchdog sees to it.
pub(crate) async fn shared() -> &'static Mesh {
    static SHARED: OnceCell<Mesh> = OnceCell::const_new();
    SHARED
        .get_or_init(async || Mesh::start(MeshOptions::new().unwrap()).await.unwrap())
        .await
}

/// A number of China Mobile's that no other test uses.
pub(crate) fn fresh_number() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(50_000_000);
    people::number(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A request id that no other test uses.
pub(crate) fn fresh_id(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{what}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A request with an id and a number of its own.
pub(crate) fn fresh_request(class: MessageClass, text: &str) -> SendMessageRequest {
    hongyan_integration_tests::harness::traffic::request(&fresh_id("r"), &fresh_number(), class, text)
}

/// `ErrorInfo.reason` of a refusal.
pub(crate) fn reason(status: &Status) -> String {
    status
        .get_error_details()
        .error_info()
        .map_or_else(String::new, |info| info.reason.clone())
}

/// Sends one message that must be accepted; gives its id.
pub(crate) async fn accept(client: &Client, request: SendMessageRequest) -> String {
    client
        .dispatch()
        .unwrap()
        .send_message(request)
        .await
        .unwrap()
        .into_inner()
        .message_id
}

/// What dispatch knows of a message.
pub(crate) async fn look_up(client: &Client, message_id: &str) -> GetMessageResponse {
    let request = GetMessageRequest {
        message_id: message_id.to_owned(),
    };
    client
        .dispatch()
        .unwrap()
        .get_message(request)
        .await
        .unwrap()
        .into_inner()
}

/// Waits until a message is final, and gives what dispatch knows then.
pub(crate) async fn final_state(client: &Client, message_id: &str) -> GetMessageResponse {
    let what = format!("message {message_id} is final");
    hongyan_integration_tests::harness::wait::until(&what, PATIENCE, || async {
        let state = look_up(client, message_id).await;
        state
            .status
            .as_ref()
            .is_some_and(|status| status.r#final)
            .then_some(state)
    })
    .await
    .unwrap()
}

/// `DELIVERED` and so on.
pub(crate) fn status_of(state: &GetMessageResponse) -> String {
    judge::status_word(state.status.as_ref().unwrap().status)
}

/// The ids of all that was accepted.
pub(crate) fn ids(answers: &Answers) -> Vec<String> {
    answers
        .accepted
        .values()
        .map(|accepted| accepted.message_id.clone())
        .collect()
}

/// The first receipt of a message.
pub(crate) async fn receipt(watcher: &ReceiptWatcher, message_id: &str) -> Receipt {
    watcher
        .wait_for(&[message_id.to_owned()], PATIENCE)
        .await
        .unwrap();
    watcher
        .receipts()
        .into_iter()
        .find(|receipt| receipt.message_id == message_id)
        .unwrap()
}
