//! What is known beside the messages: where numbers are, and how the links are.

use std::{collections::HashMap, sync::LazyLock};

use bytes::Bytes;
use hongyan_domain::{Carrier, MessageId, Partition};
use hongyan_queue::{Batch, QueueError, Script, StreamId, keys as shared, lua};

use super::Store;
use crate::{
    keys,
    routing::{Lesson, Report},
    worker::GROUP,
};

static LEARN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "learn",
        &[
            lua::AUDIT,
            include_str!("../lua/lesson.lua"),
            include_str!("../lua/learn.lua"),
        ],
    )
});

/// A process that has not told of its link for so long is forgotten: ten minutes.
const REPORT_KEPT_MS: i64 = 600_000;

/// A number seen with a carrier, as a link reports it.
pub struct Sighting {
    /// Where the number's state lives.
    pub partition: Partition,
    /// Its tag, as in keys.
    pub tag: String,
    /// What follows.
    pub lesson: Lesson,
    /// How long it holds.
    pub kept_ms: u64,
    /// When, by this service's clock.
    pub now_ms: i64,
    /// The encoded audit event, for where something changes by it.
    pub audit_event: Vec<u8>,
    /// Where in which trace; empty for none.
    pub traceparent: String,
    /// The report's entry, which this settles.
    pub entry: StreamId,
}

impl Store {
    /// Takes in what a link has seen of where a number is, and settles the report. True where that changed where the
    /// number's messages go.
    pub async fn learn(&self, sighting: &Sighting) -> Result<bool, QueueError> {
        let Sighting {
            partition, lesson, ..
        } = sighting;
        let call = LEARN
            .prepare()
            .key(keys::ported(*partition, &sighting.tag))
            .key(shared::audit(*partition))
            .key(shared::audit_seq(*partition))
            .key(shared::receipts(*partition))
            .arg(lesson.kind.as_str())
            .arg(lesson.carrier.as_str())
            .arg(lesson.expected.as_str())
            .arg(lesson.value(sighting.now_ms))
            .arg(sighting.kept_ms)
            .arg(sighting.now_ms)
            .arg(sighting.audit_event.as_slice())
            .arg(sighting.traceparent.as_str())
            .arg(GROUP)
            .arg(sighting.entry.to_string());
        Ok(call.run::<u64>(&mut self.redis.shared()).await? == 1)
    }

    /// What is needed to send a message another way: the text that was kept beside its record, and where its number was
    /// learned to be.
    pub async fn kept(
        &self,
        id: MessageId,
        tag: &str,
    ) -> Result<(Option<Bytes>, Option<Carrier>), QueueError> {
        let mut batch = Batch::new();
        batch.command("HGET", &[keys::message(id).as_str(), "b"]);
        batch.command("GET", &[keys::ported(id.partition(), tag).as_str()]);
        let mut found = batch
            .run_as::<Option<Bytes>>(&mut self.redis.shared())
            .await?
            .into_iter();
        let body = found.next().transpose()?.flatten();
        let learned = found.next().transpose()?.flatten();
        Ok((body, learned.as_deref().and_then(carrier)))
    }

    /// Writes down what a process told of its link.
    pub async fn report_health(&self, report: &Report, gone: bool) -> Result<(), QueueError> {
        let field = format!("told|{}|{}", report.link, report.instance);
        let mut batch = Batch::new();
        if gone {
            batch.command("HDEL", &[keys::HEALTH, field.as_str()]);
        } else {
            let value = format!(
                "{}|{}|{}",
                report.connections_ready, report.connections_allowed, report.told_at_ms
            );
            batch.command("HSET", &[keys::HEALTH, field.as_str(), value.as_str()]);
        }
        if report.connections_ready > 0 {
            let field = format!("ready|{}", report.link);
            let told_at = report.told_at_ms.to_string();
            batch.command("HSET", &[keys::HEALTH, field.as_str(), told_at.as_str()]);
        }
        for result in batch.run(&mut self.redis.shared()).await? {
            result?;
        }
        Ok(())
    }

    /// All that processes told of their links, and when each link was last ready. What is long outdated is dropped.
    pub async fn health(&self, now_ms: i64) -> Result<(Vec<Report>, HashMap<String, i64>), QueueError> {
        let mut batch = Batch::new();
        batch.command("HGETALL", &[keys::HEALTH]);
        let fields: HashMap<String, String> = match batch.run_as(&mut self.redis.shared()).await?.pop() {
            Some(fields) => fields?,
            None => HashMap::new(),
        };
        let (mut reports, mut ready_at, mut outdated) = (Vec::new(), HashMap::new(), Vec::new());
        for (field, value) in fields {
            if let Some(link) = field.strip_prefix("ready|") {
                if let Ok(at_ms) = value.parse() {
                    ready_at.insert(link.to_owned(), at_ms);
                }
                continue;
            }
            match report(&field, &value) {
                Some(report) if now_ms.saturating_sub(report.told_at_ms) <= REPORT_KEPT_MS => {
                    reports.push(report);
                }
                _ => outdated.push(field),
            }
        }
        if !outdated.is_empty() {
            let mut batch = Batch::new();
            for field in &outdated {
                batch.command("HDEL", &[keys::HEALTH, field.as_str()]);
            }
            batch.run(&mut self.redis.shared()).await?;
        }
        Ok((reports, ready_at))
    }
}

fn carrier(kept: &[u8]) -> Option<Carrier> {
    std::str::from_utf8(kept).ok()?.split('|').next()?.parse().ok()
}

/// `told|<link>|<instance>` and `<ready>|<allowed>|<when>`.
fn report(field: &str, value: &str) -> Option<Report> {
    let (link, instance) = field.strip_prefix("told|")?.split_once('|')?;
    let mut values = value.split('|');
    Some(Report {
        link: link.to_owned(),
        instance: instance.to_owned(),
        connections_ready: values.next()?.parse().ok()?,
        connections_allowed: values.next()?.parse().ok()?,
        told_at_ms: values.next()?.parse().ok()?,
    })
}
