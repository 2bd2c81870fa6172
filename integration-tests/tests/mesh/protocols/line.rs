//! One link of a mesh, its gateway, and somebody to talk to behind it.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use futures_util::future::join_all;
use hongyan_integration_tests::harness::{
    mesh::{Client, Control, Gateway, LINKS_OF_THE_EXAMPLE, Spoken, TakenSegment, replaced_once},
    wait,
};
use hongyan_proto::{
    carrier::v1::{GetLinksRequest, LinkState},
    common::v1::MessageClass,
    dispatch::v1::{GetMessageResponse, SendMessageRequest},
    uplink::v1::{Uplink, WatchUplinksRequest},
};
use serde_json::{Value, json};
use tokio_stream::StreamExt as _;

use crate::support::{BUREAU, OPERATOR, OwnMesh, PATIENCE, accept, fresh_id, look_up, status_of};

/// The first digits of a number of each link's carrier.
const PREFIXES: [&str; 3] = ["137", "186", "189"];

/// A response that takes longer than so many milliseconds is taken for lost.
const RESPONSE_TIMEOUT_MS: &str = "1500";

/// The links of one mesh.
pub(super) struct Lines {
    lines: Vec<Line>,
}

/// One link, with all that a test does about it.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) spoken: Spoken,
    pub(super) link: &'static str,
    pub(super) gateway: Gateway,
    control: Control,
    /// The gateways of the other links.
    others: Vec<Gateway>,
    prefix: &'static str,
    pub(super) bureau: Arc<Client>,
    operator: Arc<Client>,
    _mesh: Arc<OwnMesh>,
}

impl Lines {
    /// A mesh whose links speak these.
    pub(super) async fn start(spoken: [Spoken; 3]) -> Self {
        let mesh = OwnMesh::with(|options| {
            for (link, spoken) in LINKS_OF_THE_EXAMPLE.iter().zip(spoken) {
                options.spoken.insert(link.name.to_owned(), spoken);
            }
            options
                .set("carrier-link-svc", "link.lease_ms", "2000")
                .set("carrier-link-svc", "link.reconnect_first_ms", "50")
                .set("carrier-link-svc", "link.reconnect_most_ms", "500");
            options.catalog = Some(Box::new(|files| {
                let names = "telecom-a, unicom-a, cmcc-a";
                files.routes = replaced_once(
                    &files.routes,
                    &format!("# fallback: [{names}]"),
                    &format!("fallback: [{names}]"),
                )?;
                for link in LINKS_OF_THE_EXAMPLE {
                    for (field, value) in [
                        ("connections", "1"),
                        ("response_timeout_ms", RESPONSE_TIMEOUT_MS),
                        ("keep_alive_interval_ms", "1000"),
                        ("keep_alive_timeout_ms", "500"),
                        ("keep_alive_attempts", "2"),
                    ] {
                        files.set_link(link.name, field, value)?;
                    }
                }
                Ok(())
            }));
        })
        .await;
        let bureau = Arc::new(mesh.client(BUREAU).await.unwrap());
        let operator = Arc::new(mesh.client(OPERATOR).await.unwrap());
        let gateways = mesh.gateways();
        let controls = mesh.world.gateways;
        let mesh = Arc::new(mesh);
        let lines = (0..spoken.len())
            .map(|n| Line {
                spoken: spoken[n],
                link: LINKS_OF_THE_EXAMPLE[n].name,
                gateway: gateways[n].clone(),
                control: Control::new(controls[n]),
                others: (0..gateways.len())
                    .filter(|other| *other != n)
                    .map(|other| gateways[other].clone())
                    .collect(),
                prefix: PREFIXES[n],
                bureau: bureau.clone(),
                operator: operator.clone(),
                _mesh: mesh.clone(),
            })
            .collect();
        Self { lines }
    }

    /// Does this with every line, at the same time.
    pub(super) async fn each<R>(&self, what: impl AsyncFn(&Line) -> R) -> Vec<R> {
        join_all(self.lines.iter().map(|line| what(line))).await
    }
}

impl Line {
    /// A number of this carrier's that nobody else has.
    pub(super) fn number(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(60_000_000);
        format!("{}{}", self.prefix, NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// For the messages of failed assertions.
    pub(super) fn what(&self, about: &str) -> String {
        format!("{}: {about}", self.spoken.label())
    }

    /// A rule for what happens to some messages.
    pub(super) async fn rule(&self, rule: &Value) {
        self.control.post("faults/rules", rule).await.unwrap();
    }

    /// What the gateway does wrong from now on.
    pub(super) async fn faults(&self, faults: &Value) {
        self.gateway.set_faults(faults).await.unwrap();
    }

    /// Tells the gateway's control something else.
    pub(super) async fn post(&self, path: &str, body: &Value) {
        self.control.post(path, body).await.unwrap();
    }

    /// Somebody texts the bureau.
    pub(super) async fn uplink(&self, uplink: &Value) {
        self.control.post("uplink", uplink).await.unwrap();
    }

    /// Sends a message of the bureau's; gives its id.
    pub(super) async fn send(&self, phone: &str, class: MessageClass, text: &str) -> String {
        let request = SendMessageRequest {
            request_id: fresh_id("p"),
            phone: phone.to_owned(),
            class: class.into(),
            content: Some(hongyan_proto::dispatch::v1::send_message_request::Content::Text(
                text.to_owned(),
            )),
            ..SendMessageRequest::default()
        };
        accept(&self.bureau, request).await
    }

    /// What became of a message, once it is final or nobody would wait for that any longer.
    pub(super) async fn fate(&self, message_id: &str) -> GetMessageResponse {
        let is_final = async || {
            let state = self.now(message_id).await;
            state.status.is_some_and(|status| status.r#final).then_some(())
        };
        // What it is then is told by whoever asked.
        let _ = wait::until("final", PATIENCE, is_final).await;
        self.now(message_id).await
    }

    /// What is known of a message now.
    pub(super) async fn now(&self, message_id: &str) -> GetMessageResponse {
        look_up(&self.bureau, message_id).await
    }

    /// Sends a notice that must arrive; gives the segments that the gateway took for it.
    pub(super) async fn delivers(&self, text: &str) -> Vec<TakenSegment> {
        let number = self.number();
        let id = self.send(&number, MessageClass::Notice, text).await;
        let state = self.fate(&id).await;
        assert_eq!(status_of(&state), "DELIVERED", "{}: {state:?}", self.what(text));
        self.taken(&number).await
    }

    /// What the gateway took for a number and did not refuse.
    pub(super) async fn taken(&self, number: &str) -> Vec<TakenSegment> {
        let mut taken = self.gateway.taken(Some(number)).await.unwrap();
        taken.retain(|segment| segment.result == 0);
        taken
    }

    /// How many segments the other links' gateways took for a number, fewest first.
    pub(super) async fn taken_elsewhere(&self, number: &str) -> Vec<usize> {
        let mut taken = Vec::new();
        for other in &self.others {
            taken.push(other.taken(Some(number)).await.unwrap().len());
        }
        taken.sort_unstable();
        taken
    }

    /// The first whole text that a number was sent.
    pub(super) async fn reply(&self, number: &str) -> String {
        wait::until(&self.what("a reply"), PATIENCE, || async {
            self.gateway.texts(number).await.unwrap().into_iter().next()
        })
        .await
        .unwrap()
    }

    /// The first uplink of a number, as the bureau's stream tells it.
    pub(super) async fn told(&self, from: &str) -> Uplink {
        let request = WatchUplinksRequest {
            subscription: fresh_id("pu"),
            cursor: String::new(),
        };
        let mut stream = self
            .bureau
            .uplink()
            .unwrap()
            .watch_uplinks(request)
            .await
            .unwrap()
            .into_inner();
        loop {
            let next = tokio::time::timeout(PATIENCE, stream.next())
                .await
                .unwrap_or_else(|_| panic!("{}", self.what("the uplink is told")))
                .unwrap()
                .unwrap();
            if let Some(uplink) = next
                .uplinks
                .into_iter()
                .find(|uplink| uplink.phone.ends_with(from))
            {
                return uplink;
            }
        }
    }

    /// The link as operators see it.
    pub(super) async fn state(&self) -> LinkState {
        let links = self
            .operator
            .link(0)
            .unwrap()
            .get_links(GetLinksRequest {})
            .await
            .unwrap()
            .into_inner()
            .links;
        links.into_iter().find(|link| link.link == self.link).unwrap()
    }

    /// How many logins the gateway has let in.
    pub(super) async fn logins(&self) -> u64 {
        let stats = self.gateway.stats().await.unwrap();
        stats["logins"]["accepted"].as_u64().unwrap()
    }

    /// Waits until all that the gateway had to deliver is taken or given up; with SGIP, whose deliveries have connections
    /// of their own, until it has left the gateway.
    pub(super) async fn nothing_left_to_deliver(&self, what: &str) {
        let is_quiet = || async {
            let stats = self.gateway.stats().await.unwrap();
            let count = |name: &str| stats["receipts"][name].as_u64().unwrap();
            let is_told = self.spoken == Spoken::Sgip
                || count("sent") == count("taken") + count("refused") + count("unanswered");
            (is_told && stats["waiting_delivers"] == 0).then_some(())
        };
        wait::until(&self.what(what), PATIENCE, is_quiet).await.unwrap();
    }

    /// A rule about one number.
    pub(super) async fn rule_for(&self, number: &str, next: Option<u64>, then: &Value) {
        let mut rule = json!({"number": number, "then": then});
        if let Some(next) = next {
            rule["next"] = json!(next);
        }
        self.rule(&rule).await;
    }
}
