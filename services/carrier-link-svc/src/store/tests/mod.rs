//! The scripts on a real server: what they write, and that repeating them writes nothing more.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

use std::collections::HashMap;

use hongyan_domain::{LinkName, MessageClass};
use hongyan_envelope::SUBJECT;
use hongyan_proto::{
    audit::v1::AuditEvent,
    carrier::v1::{LinkEvent, link_event::Event},
};
use hongyan_queue::{Consumer, Redis, keys as shared};
use prost::Message as _;

use super::{
    Attempt, Doubt, Hold, Job, Left, PartJob, PartReply, Place, ReceiptReply, Reply, Store, keys, parts_key,
};
use crate::{
    events::{About, Submitted, Told},
    policy::Intent,
    support::PrivateRedis,
    testing,
};

const NOW_MS: u64 = 1_700_000_000_000;

struct World {
    redis: Redis,
    store: Store,
    _server: PrivateRedis,
}

type Fields = HashMap<String, Vec<u8>>;

impl World {
    async fn new() -> Self {
        let server = PrivateRedis::start();
        let redis = server.connect().await;
        Self {
            store: Store::new(&redis, &link(), &Consumer::unique("one")),
            redis,
            _server: server,
        }
    }

    fn another(&self) -> Store {
        Store::new(&self.redis, &link(), &Consumer::unique("other"))
    }

    /// An entry on the queue, taken by `store`.
    async fn taken(&self, store: &Store, n: u8) -> Place {
        let stream = shared::out(partition(), &link(), MessageClass::Notice);
        let _: String = redis::cmd("XADD")
            .arg(&[stream.as_str(), "*", "b", "sealed"])
            .query_async(&mut self.redis.shared())
            .await
            .unwrap();
        let group = store.join(MessageClass::Notice).await.unwrap();
        let entry = group.read(1, 0).await.unwrap().remove(0);
        Place {
            partition: partition(),
            stream: entry.stream,
            id: entry.id,
            message_id: testing::message_id(n),
        }
    }

    async fn run(&self, job: Job) -> Reply {
        run(&self.store, &job).await
    }

    async fn entries(&self, stream: String) -> Vec<Fields> {
        let entries: Vec<(String, Fields)> = redis::cmd("XRANGE")
            .arg(&[stream.as_str(), "-", "+"])
            .query_async(&mut self.redis.shared())
            .await
            .unwrap();
        entries.into_iter().map(|(_, fields)| fields).collect()
    }

    async fn events(&self) -> Vec<LinkEvent> {
        let entries = self.entries(shared::receipts(partition())).await;
        entries
            .iter()
            .map(|fields| LinkEvent::decode(fields["b"].as_slice()).unwrap())
            .collect()
    }

    async fn audit(&self) -> Vec<AuditEvent> {
        let entries = self.entries(shared::audit(partition())).await;
        entries
            .iter()
            .map(|fields| AuditEvent::decode(fields["b"].as_slice()).unwrap())
            .collect()
    }

    async fn intent(&self, place: &Place) -> Intent {
        let asked = [(place.partition, place.message_id)];
        self.store.intents(asked).await.unwrap().remove(0)
    }

    async fn held(&self, place: &Place) -> u64 {
        let (count, _, _, _): (u64, redis::Value, redis::Value, redis::Value) = redis::cmd("XPENDING")
            .arg(&[place.stream.as_ref(), super::GROUP])
            .query_async(&mut self.redis.shared())
            .await
            .unwrap();
        count
    }
}

async fn run(store: &Store, job: &Job) -> Reply {
    store.run([job]).await.unwrap().remove(0).unwrap()
}

fn link() -> LinkName {
    LinkName::parse("cmcc-a").unwrap()
}

fn partition() -> hongyan_domain::Partition {
    hongyan_domain::Partition::new(0).unwrap()
}

fn attempt(segment: u8, number: u32) -> Attempt {
    Attempt {
        segment,
        number,
        reference: 7,
        at_ms: NOW_MS,
        reserved: None,
    }
}

fn about(place: &Place, segment: u8) -> About<'_> {
    About {
        message_id: place.message_id,
        segment,
        segments: 0,
        subject: None,
        trace: None,
    }
}

fn submitted(place: &Place, segment: u8, carrier_message_id: &str, left: Left) -> Job {
    let submitted = Submitted {
        carrier_message_id: carrier_message_id.to_owned(),
        sequence: 5,
        slot: 0,
        attempt: 1,
    };
    Job::Submitted {
        place: place.clone(),
        segment,
        carrier_message_id: carrier_message_id.to_owned(),
        told: testing::teller().submitted(&about(place, segment), &submitted, NOW_MS),
        traceparent: testing::TRACEPARENT.to_owned(),
        tag: "tag".to_owned(),
        left,
        doubt: None,
        now_ms: NOW_MS,
    }
}

fn receipt(carrier_message_id: &str, stat: &str) -> Job {
    let tag = testing::keyring().tag(SUBJECT, "+8613800138000");
    Job::Receipt {
        partition: partition(),
        carrier_message_id: carrier_message_id.to_owned(),
        told: testing::teller().receipt(carrier_message_id, stat, "2611212043", Some(&tag), NOW_MS),
        mark: stat.to_owned(),
        tag: "tag".to_owned(),
        submitted_ms: Some(NOW_MS - 30_000),
        look_at_ms: NOW_MS + 1_000,
        now_ms: NOW_MS,
    }
}

fn settle(place: &Place, goes_on_after: Option<u32>) -> Job {
    let told: Told = testing::teller().uncertain(&about(place, 1), goes_on_after.is_some(), 1, NOW_MS);
    Job::Settle {
        place: place.clone(),
        goes_on_after,
        told,
        traceparent: testing::TRACEPARENT.to_owned(),
        doubt: Some(Doubt {
            tag: "tag".to_owned(),
            segment: 1,
            look_at_ms: NOW_MS + 1_000,
        }),
        hold: Hold::Any,
        now_ms: NOW_MS,
    }
}

mod receipts;
mod reserved;
mod slots;
mod submits;
