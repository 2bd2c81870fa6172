//! Sends messages another way: finds out what [`crate::reroute`] must know, and notes in an open message what it decides.

use std::{sync::Arc, time::Duration};

use hongyan_catalog::{Catalog, LiveCatalog};
use hongyan_chassis::LiveKeyring;
use hongyan_domain::{LinkName, MessageId, status::CodeTable};
use hongyan_envelope::Keyring;
use hongyan_proto::carrier::v1::{LessonSource, LinkEvent, OutboundMessage, ReturnReason, link_event::Event};
use hongyan_queue::{QueueError, StreamId, keys as shared};
use prost::Message as _;

use crate::{
    acceptor::OUTBOUND_CONTEXT,
    convert::{carrier_of, class_of, reason_name},
    lifecycle::{give_up, outcome},
    metric,
    record::MessageRecord,
    reroute::{self, Known, Way, Wish},
    routing::{Health, Lesson, LessonKind, LiveHealth},
    settling::{Open, Terms},
    store::{Claim, Store},
};

/// What sends messages another way. Cheap to clone.
#[derive(Clone)]
pub struct Rerouter {
    store: Store,
    catalog: LiveCatalog,
    keyring: LiveKeyring,
    health: LiveHealth,
    actor: Arc<str>,
    lesson_kept: Duration,
}

/// The world at one moment: one batch of work is decided by one.
pub struct World {
    /// The declared world.
    pub catalog: Arc<Catalog>,
    /// The keys.
    pub keyring: Arc<Keyring>,
    /// How the links are.
    pub health: Arc<Health>,
    actor: Arc<str>,
    lesson_kept_ms: u64,
}

impl Rerouter {
    /// `actor` is the service's own id, as it stands on record; `lesson_kept` is how long it holds where a number was found.
    pub fn new(
        store: Store,
        catalog: LiveCatalog,
        keyring: LiveKeyring,
        health: LiveHealth,
        actor: Arc<str>,
        lesson_kept: Duration,
    ) -> Self {
        Self {
            store,
            catalog,
            keyring,
            health,
            actor,
            lesson_kept,
        }
    }

    /// The world as it is now.
    pub fn world(&self) -> World {
        World {
            catalog: self.catalog.current(),
            keyring: self.keyring.current(),
            health: self.health.current(),
            actor: Arc::clone(&self.actor),
            lesson_kept_ms: u64::try_from(self.lesson_kept.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Decides what becomes of a message that its link gave back by the report `entry`, or of which a receipt says that the
    /// carrier does not serve its number: it goes another way, back into its queue, or it ends.
    pub async fn decide(
        &self,
        open: &mut Open,
        wish: &Wish,
        event: &LinkEvent,
        entry: StreamId,
        world: &World,
        now_ms: i64,
    ) -> Result<(), QueueError> {
        let returned = match &event.event {
            Some(Event::Returned(returned)) => Some(&returned.sealed),
            _ => None,
        };
        let nothing_left = open
            .record
            .segments
            .iter()
            .all(|segment| segment.submitted.is_none() && segment.receipt().is_none());
        if reroute::may_go(&open.record, now_ms) && (nothing_left || returned.is_none()) {
            let tag = open.record.tag().unwrap_or_default();
            let (kept, learned) = self.store.kept(open.id, &tag).await?;
            let sealed = returned.cloned().or(kept);
            let way = sealed
                .and_then(|sealed| world.way(&open.record, open.id, &sealed, wish.reason, learned, now_ms));
            if let Some((way, sealed)) = way {
                open.claim = returned.map(|_| Claim::Report(entry));
                world.take(open, &way, sealed, wish, now_ms);
                return Ok(());
            }
        }
        let Some(sealed) = returned else {
            return Ok(());
        };
        metric::returned(reason_name(wish.reason), &open.record.link);
        let is_open = !outcome(&open.record, world.codes()).detail.is_final;
        let is_down = wish.reason == ReturnReason::LinkDown;
        if is_down && is_open && now_ms < open.record.valid_until_unix_ms {
            // Nowhere else to go: it waits where it waited.
            open.record.possible_duplicate |= !nothing_left;
            open.goes = queue(open.id, &open.record).map(|queue| (queue, sealed.to_vec()));
            open.claim = Some(Claim::Report(entry));
        } else {
            give_up(&mut open.record, wish);
        }
        Ok(())
    }
}

impl World {
    /// What the carriers' codes mean.
    pub fn codes(&self) -> &CodeTable {
        self.catalog.codes()
    }

    /// For the changes of one batch.
    pub fn terms(&self, now_ms: i64) -> Terms<'_> {
        Terms {
            now_ms,
            actor: &self.actor,
            codes: self.codes(),
            lesson_kept_ms: self.lesson_kept_ms,
        }
    }

    /// Another way for a message, and how it is sealed for that.
    pub fn way(
        &self,
        record: &MessageRecord,
        id: MessageId,
        sealed: &[u8],
        reason: ReturnReason,
        learned: Option<hongyan_domain::Carrier>,
        now_ms: i64,
    ) -> Option<(Way, Vec<u8>)> {
        let outbound = self.open(sealed)?;
        let known = Known {
            catalog: &self.catalog,
            health: &self.health,
            learned,
            now_ms,
        };
        let way = reroute::find(record, &outbound, reason, &known)?;
        if way.source == outbound.source {
            return Some((way, sealed.to_vec()));
        }
        let outbound = OutboundMessage {
            source: way.source.clone(),
            ..outbound
        };
        let sealed = self.keyring.seal(OUTBOUND_CONTEXT, &outbound.encode_to_vec());
        match sealed {
            Ok(sealed) => Some((way, sealed)),
            Err(error) => {
                tracing::error!(message_id = %id, %error, "a message cannot be sealed for another link");
                None
            }
        }
    }

    /// The message inside; `None` where its key is not there, or what is inside is no message.
    pub fn open(&self, sealed: &[u8]) -> Option<OutboundMessage> {
        let plain = self
            .keyring
            .open(OUTBOUND_CONTEXT, sealed)
            .inspect_err(|error| tracing::error!(%error, "a message cannot be opened for another link"))
            .ok()?;
        OutboundMessage::decode(plain.as_slice()).ok()
    }

    /// Notes that a message takes the way.
    pub fn take(&self, open: &mut Open, way: &Way, sealed: Vec<u8>, wish: &Wish, now_ms: i64) {
        reroute::take(&mut open.record, way, wish, now_ms);
        open.goes = queue(open.id, &open.record).map(|queue| (queue, sealed));
    }

    /// What a report teaches of where the number is, if anything: a carrier that does not serve it is not its carrier; one
    /// that took it after another did not is, unless it then does not deliver it: a gateway may take any number. Noted in
    /// the record where it is learned, so that it is learned once.
    pub fn lesson(&self, record: &mut MessageRecord, event: &LinkEvent) -> Option<Lesson> {
        if record.has_left(&event.link) {
            return None;
        }
        let carrier = carrier_of(record.carrier)?;
        let was_taught = record
            .rerouted
            .as_ref()
            .is_some_and(|reroute| reroute.reason() == ReturnReason::NoRoute);
        if reroute::says_no_route(event, self.codes())
            || was_taught && reroute::says_failed(event, self.codes())
        {
            if let Some(reroute) = &mut record.rerouted {
                reroute.taught = true;
            }
            return Some(Lesson {
                kind: LessonKind::Forget,
                carrier,
                expected: carrier,
                source: LessonSource::NoRoute,
            });
        }
        let link = LinkName::parse(&record.link).ok()?;
        let reroute = record.rerouted.as_mut()?;
        let took_it = matches!(event.event, Some(Event::Submitted(_) | Event::Receipt(_)));
        if !took_it || reroute.taught || reroute.reason() != ReturnReason::NoRoute {
            return None;
        }
        reroute.taught = true;
        let expected = carrier_of(reroute.expected)?;
        Some(Lesson {
            kind: LessonKind::Learn,
            carrier: if self.catalog.serves(&link, expected) {
                expected
            } else {
                carrier
            },
            expected,
            source: LessonSource::NoRoute,
        })
    }
}

/// The send queue of a message's link; `None` for a record that names no link or class of ours.
fn queue(id: MessageId, record: &MessageRecord) -> Option<String> {
    let link = LinkName::parse(&record.link).ok()?;
    Some(shared::out(id.partition(), &link, class_of(record.class)?))
}
