//! One link of this service against a private Redis and a gateway of the test's own.
#![allow(dead_code, reason = "each test file uses its part of these helpers")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]
#![allow(unreachable_pub, reason = "a test file includes this as a private module")]

pub mod gateway;
pub mod peer;
#[path = "../../../../shared/queue/tests/support/mod.rs"]
pub mod private;
pub mod sgip_gateway;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hongyan_carrier_link_svc::{
    Tuning,
    codes::Codes,
    link::{Common, LinkShared},
    runner,
};
use hongyan_catalog::{Cmpp, CmppVersion, KeepAlive, Link, Protocol, TextRules};
use hongyan_chassis::LiveKeyring;
use hongyan_config::SecretFile;
use hongyan_domain::{Carrier, LinkName, MessageClass, MessageId, Msisdn, Partition};
use hongyan_proto::{
    audit::v1::AuditEvent,
    carrier::v1::{InboundUplink, LinkEvent, LinkHealth, OutboundMessage, link_event::Event},
};
use hongyan_queue::{Consumer, Redis, keys};
use prost::Message as _;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::private::PrivateRedis;

const KEYRING: &str = r#"{"active":"k1","keys":{"k1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="},"tag_key":"ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="}"#;
pub const PHONE: &str = "13800138000";
pub const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
pub const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

pub struct World {
    pub server: PrivateRedis,
    pub redis: Redis,
    pub keyring: LiveKeyring,
    directory: TempDir,
}

/// One replica of the service, as far as one link goes.
pub struct Replica {
    pub link: Arc<LinkShared>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl World {
    pub async fn new() -> Self {
        let server = PrivateRedis::start();
        let redis = server.connect().await;
        let directory = TempDir::new().unwrap();
        std::fs::write(directory.path().join("keys.json"), KEYRING).unwrap();
        std::fs::write(directory.path().join("secret"), gateway::SECRET).unwrap();
        let keyring = LiveKeyring::load(SecretFile::new(directory.path().join("keys.json")))
            .await
            .unwrap();
        Self {
            server,
            redis,
            keyring,
            directory,
        }
    }

    pub fn declare(&self, gateway: SocketAddr) -> Link {
        Link {
            name: name(),
            carrier: Carrier::ChinaMobile,
            protocol: Protocol::Cmpp(Cmpp {
                version: CmppVersion::V3_0,
            }),
            host: gateway.ip().to_string(),
            port: gateway.port(),
            account: "900001".to_owned(),
            secret_file: self.directory.path().join("secret"),
            service_id: "HONGYAN".to_owned(),
            connections: 1,
            window: 16,
            pace_segments_per_second: 1_000,
            access_number: None,
            keep_alive: KeepAlive {
                idle: Duration::from_secs(30),
                timeout: Duration::from_secs(10),
                attempts: 3,
            },
            response_timeout: Duration::from_secs(10),
            submit_attempts: 1,
            reconnect: None,
            text: TextRules::default(),
        }
    }

    pub fn common(&self) -> Common {
        Common {
            redis: self.redis.clone(),
            consumer: Consumer::unique("link"),
            keyring: self.keyring.clone(),
            actor: "spiffe://test/svc/carrier-link".to_owned(),
            instance: "link-0".into(),
            catalog: None,
            codes: Codes::default(),
            tuning: Tuning {
                lease: Duration::from_millis(1_500),
                slot_ttl: Duration::from_millis(1_200),
                reconnect_first: Duration::from_millis(20),
                reconnect_most: Duration::from_millis(200),
                drain: Duration::from_secs(2),
                part_wait: Duration::from_millis(300),
                ..Tuning::default()
            },
        }
    }

    pub fn run(&self, link: &Link) -> Replica {
        Self::run_as(link, &self.common())
    }

    pub fn run_as(link: &Link, common: &Common) -> Replica {
        let shared = LinkShared::new(link, common);
        let shutdown = CancellationToken::new();
        let running = runner::run(Arc::clone(&shared), shutdown.clone());
        Replica {
            link: shared,
            shutdown,
            task: tokio::spawn(async move { running.await.unwrap() }),
        }
    }

    /// Puts a message on its queue, as dispatch does; gives its id.
    pub async fn queue(&self, class: MessageClass, n: u8, text: &str) -> MessageId {
        self.queue_until(class, n, text, now_ms() + 600_000).await
    }

    pub async fn queue_until(
        &self,
        class: MessageClass,
        n: u8,
        text: &str,
        valid_until_unix_ms: i64,
    ) -> MessageId {
        let message_id = MessageId::new(1_700_000_000_000, partition(), [n; 8]);
        let message = OutboundMessage {
            message_id: message_id.to_string(),
            class: match class {
                MessageClass::Otp => 1,
                MessageClass::Reply => 2,
                MessageClass::Notice => 3,
                MessageClass::Bulk => 4,
            },
            phone: Msisdn::parse(PHONE).unwrap().e164(),
            source: "1069012345".to_owned(),
            text: text.to_owned(),
            segments: u32::from(hongyan_domain::text::segments(text).unwrap().get()),
            valid_until_unix_ms,
            queued_at_unix_ms: now_ms(),
        };
        self.queue_raw(class, &message.encode_to_vec()).await;
        message_id
    }

    pub async fn queue_raw(&self, class: MessageClass, plain: &[u8]) {
        let sealed = self.keyring.current().seal(b"outbound", plain).unwrap();
        redis::cmd("XADD")
            .arg(keys::out(partition(), &name(), class))
            .arg("*")
            .arg("b")
            .arg(sealed)
            .arg("tp")
            .arg(TRACEPARENT)
            .exec_async(&mut self.redis.shared())
            .await
            .unwrap();
    }

    /// Everything on the receipts stream but the links' health.
    pub async fn events(&self) -> Vec<LinkEvent> {
        let told = self.told().await;
        let is_health = |event: &LinkEvent| matches!(event.event, Some(Event::Health(_)));
        told.into_iter().filter(|event| !is_health(event)).collect()
    }

    /// What the links told of their health, in order.
    pub async fn health(&self) -> Vec<LinkHealth> {
        let told = self.told().await;
        let health = told.into_iter().filter_map(|event| match event.event {
            Some(Event::Health(health)) => Some(health),
            _ => None,
        });
        health.collect()
    }

    async fn told(&self) -> Vec<LinkEvent> {
        let bodies = self.bodies(&keys::receipts(partition())).await;
        bodies
            .iter()
            .map(|body| LinkEvent::decode(body.as_slice()).unwrap())
            .collect()
    }

    /// The events of one message, as a short text each.
    pub async fn story(&self, message_id: MessageId) -> Vec<String> {
        let events = self.events().await;
        let of_message = events
            .iter()
            .filter(|event| event.message_id == message_id.to_string());
        of_message.map(short).collect()
    }

    pub async fn audit(&self) -> Vec<AuditEvent> {
        let bodies = self.bodies(&keys::audit(partition())).await;
        bodies
            .iter()
            .map(|body| AuditEvent::decode(body.as_slice()).unwrap())
            .collect()
    }

    pub async fn uplinks(&self) -> Vec<InboundUplink> {
        let keyring = self.keyring.current();
        let bodies = self.bodies(&keys::uplinks(partition())).await;
        let open = |sealed: &Vec<u8>| keyring.open(b"uplink", sealed).unwrap();
        bodies
            .iter()
            .map(|sealed| InboundUplink::decode(open(sealed).as_slice()).unwrap())
            .collect()
    }

    async fn bodies(&self, stream: &str) -> Vec<Vec<u8>> {
        type Entries = Vec<(String, std::collections::HashMap<String, Vec<u8>>)>;
        let entries: Entries = redis::cmd("XRANGE")
            .arg(&[stream, "-", "+"])
            .query_async(&mut self.redis.shared())
            .await
            .unwrap();
        entries
            .into_iter()
            .map(|(_, mut fields)| fields.remove("b").unwrap())
            .collect()
    }

    /// Unsettled entries of a class.
    pub async fn pending(&self, class: MessageClass) -> u64 {
        let (count, _, _, _): (u64, redis::Value, redis::Value, redis::Value) = redis::cmd("XPENDING")
            .arg(&[keys::out(partition(), &name(), class).as_str(), "link"])
            .query_async(&mut self.redis.shared())
            .await
            .unwrap();
        count
    }

    /// Keys that match.
    pub async fn keys(&self, pattern: &str) -> Vec<String> {
        redis::cmd("KEYS")
            .arg(pattern)
            .query_async(&mut self.redis.shared())
            .await
            .unwrap()
    }
}

impl Replica {
    /// Ends it in order.
    pub async fn drain(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }

    /// Ends it as kill -9 does: nothing is given back.
    pub fn kill(self) {
        self.task.abort();
    }
}

pub fn name() -> LinkName {
    LinkName::parse("cmcc-a").unwrap()
}

pub fn partition() -> Partition {
    Partition::new(0).unwrap()
}

pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

fn short(event: &LinkEvent) -> String {
    let segment = event.segment;
    match event.event.as_ref().unwrap() {
        Event::Submitted(submitted) => format!("submitted {segment} attempt {}", submitted.attempt),
        Event::Refused(refused) => format!("refused {segment} {}", refused.raw_code),
        Event::Uncertain(uncertain) => format!("uncertain {segment} resend {}", uncertain.resend),
        Event::Receipt(receipt) => format!("receipt {segment} {}", receipt.stat),
        Event::Expired(_) => "expired".to_owned(),
        Event::Unsendable(unsendable) => format!("unsendable {}", unsendable.reason),
        Event::Returned(returned) => format!(
            "returned {} {}",
            returned.reason().as_str_name(),
            returned.raw_code
        ),
        Event::CarrierLearned(learned) => format!("learned {}", learned.carrier().as_str_name()),
        Event::Health(health) => format!("health {}", health.connections_ready),
    }
}
