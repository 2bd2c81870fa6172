//! Accepting: from checked requests to durable messages.

use std::sync::Arc;

use bytes::Bytes;
use hongyan_catalog::{Catalog, LiveCatalog, Tenant, Window};
use hongyan_chassis::{LiveKeyring, Problem};
use hongyan_domain::{Carrier, MessageClass, MessageId, Msisdn};
use hongyan_envelope::{Keyring, SUBJECT};
use hongyan_proto::{
    carrier::v1::OutboundMessage,
    dispatch::v1::{SendMessageRequest, SendMessageResponse},
};
use prost::Message as _;
use rand::Rng as _;
use tracing::Span;

use crate::{
    audit,
    caller::Caller,
    clock::now_unix_ms,
    convert::{carrier_to_proto, class_of, class_to_proto},
    fingerprint::Fingerprint,
    lifecycle::QUEUE_GRACE_MS,
    metric::{self, Metrics},
    record::{MessageRecord, RECORD_VERSION},
    refusal,
    request::{self, Submission, Surroundings},
    route::Ground,
    routing::{Health, Learned, LiveHealth},
    store::{Accepted, Draft, Store},
    trace::{self, Origin},
};

/// What a sealed message for a link is authenticated with.
pub const OUTBOUND_CONTEXT: &[u8] = b"outbound";

/// Accepts messages. Cheap to clone.
#[derive(Clone)]
pub struct Acceptor {
    store: Store,
    catalog: LiveCatalog,
    keyring: LiveKeyring,
    health: LiveHealth,
    learned: Arc<Learned>,
    most_entries: u64,
    metrics: Metrics,
}

/// What one batch of requests is decided by.
struct World {
    catalog: Arc<Catalog>,
    keyring: Arc<Keyring>,
    health: Arc<Health>,
    now_ms: i64,
}

/// What is believed of where a number is.
#[derive(Clone, Copy)]
enum Belief {
    /// What this process remembers; Redis knows better.
    Remembered,
    /// What Redis has just said.
    Told(Carrier),
}

/// A request on its way through.
struct Prepared {
    draft: Draft,
    answer: SendMessageResponse,
    span: Span,
}

impl Acceptor {
    /// `most_entries` bounds each send queue.
    pub fn new(
        store: Store,
        catalog: LiveCatalog,
        keyring: LiveKeyring,
        health: LiveHealth,
        most_entries: u64,
    ) -> Self {
        Self {
            store,
            catalog,
            keyring,
            health,
            learned: Arc::default(),
            most_entries,
            metrics: Metrics::new(),
        }
    }

    /// Accepts or refuses each request, in order, all of them in one write to Redis. Safe to drop at any await: each
    /// message is either accepted or not, and the same request id tells which.
    pub async fn accept(
        &self,
        requests: &[SendMessageRequest],
        caller: &Caller,
        origin: Origin,
    ) -> Vec<Result<SendMessageResponse, Problem>> {
        let world = World {
            catalog: self.catalog.current(),
            keyring: self.keyring.current(),
            health: self.health.current(),
            now_ms: now_unix_ms(),
        };
        let mut drafts = Vec::with_capacity(requests.len());
        let mut waiting = Vec::with_capacity(requests.len());
        let prepared: Vec<Result<(), Problem>> = requests
            .iter()
            .map(|request| {
                let Prepared { draft, answer, span } =
                    self.prepare(request, caller, origin, &world, Belief::Remembered)?;
                drafts.push(draft);
                waiting.push((request, answer, span));
                Ok(())
            })
            .collect();
        let mut verdicts = self.verdicts(&drafts).await;
        self.ask_again(&mut drafts, &mut waiting, &mut verdicts, caller, origin, &world)
            .await;
        let mut accepted = drafts.iter().zip(waiting).zip(verdicts);
        let results = prepared.into_iter().zip(requests).map(|(prepared, request)| {
            let result = prepared.and_then(|()| {
                let ((draft, (_, answer, span)), verdict) =
                    accepted.next().ok_or_else(refusal::of_missing_verdict)?;
                let result = self.conclude(draft, answer, verdict);
                trace::outcome(
                    &span,
                    result
                        .as_ref()
                        .err()
                        .map_or("ACCEPTED", |problem| &problem.reason),
                );
                result
            });
            if let Err(problem) = &result {
                metric::refused(&problem.reason, class_of(request.class));
            }
            result
        });
        results.collect()
    }

    /// Numbers that are with another carrier than was remembered: their messages are made anew for that one, and accepted
    /// as they then are. So a second write follows only where this process did not know of a number yet.
    async fn ask_again(
        &self,
        drafts: &mut [Draft],
        waiting: &mut [(&SendMessageRequest, SendMessageResponse, Span)],
        verdicts: &mut [Result<Accepted, Problem>],
        caller: &Caller,
        origin: Origin,
        world: &World,
    ) {
        let mut places = Vec::new();
        let mut anew = Vec::new();
        for (place, verdict) in verdicts.iter_mut().enumerate() {
            let (Ok(Accepted::Ported(carrier)), Some((request, answer, span)), Some(draft)) =
                (&*verdict, waiting.get_mut(place), drafts.get(place))
            else {
                continue;
            };
            self.learned.set(
                &draft.subject,
                Some(*carrier).filter(|carrier| !draft.is_expected(*carrier)),
            );
            trace::outcome(span, "PORTED");
            match self.prepare(request, caller, origin, world, Belief::Told(*carrier)) {
                Ok(prepared) => {
                    (*answer, *span) = (prepared.answer, prepared.span);
                    anew.push(prepared.draft);
                    places.push(place);
                }
                Err(problem) => *verdict = Err(problem),
            }
        }
        let again = self.verdicts(&anew).await;
        for ((place, draft), verdict_again) in places.into_iter().zip(anew).zip(again) {
            if let (Some(verdict), Some(made)) = (verdicts.get_mut(place), drafts.get_mut(place)) {
                (*verdict, *made) = (verdict_again, draft);
            }
        }
    }

    async fn verdicts(&self, drafts: &[Draft]) -> Vec<Result<Accepted, Problem>> {
        if drafts.is_empty() {
            return Vec::new();
        }
        match self.store.accept(drafts).await {
            Ok(verdicts) => verdicts
                .into_iter()
                .map(|verdict| verdict.map_err(|error| refusal::of_store(&error)))
                .collect(),
            Err(error) => {
                let problem = refusal::of_store(&error);
                drafts.iter().map(|_| Err(problem.clone())).collect()
            }
        }
    }

    fn conclude(
        &self,
        draft: &Draft,
        answer: SendMessageResponse,
        verdict: Result<Accepted, Problem>,
    ) -> Result<SendMessageResponse, Problem> {
        match verdict? {
            Accepted::New => {
                self.metrics.accepted(draft.class, answer.segments);
                Ok(answer)
            }
            Accepted::Before(first) => {
                self.metrics.repeated(draft.class);
                SendMessageResponse::decode(first).map_err(|error| Problem::internal(&error))
            }
            refused => Err(refusal::of_verdict(&refused, draft.class)),
        }
    }

    fn prepare(
        &self,
        request: &SendMessageRequest,
        caller: &Caller,
        origin: Origin,
        world: &World,
        belief: Belief,
    ) -> Result<Prepared, Problem> {
        let (catalog, keyring, now_ms) = (&*world.catalog, &*world.keyring, world.now_ms);
        let tenant = caller.tenant(&request.tenant, catalog)?;
        let surroundings = Surroundings {
            tag: &|phone| keyring.tag(SUBJECT, &phone.e164()),
            learned: &|tag| match belief {
                Belief::Remembered => self.learned.get(tag),
                Belief::Told(carrier) => Some(carrier),
            },
            health: &world.health,
        };
        let submission = request::check(request, tenant, catalog, &surroundings)?;
        let (span, context) = trace::accept_span(origin, submission.trace);
        let partition = self.store.partition_of(&submission.phone);
        let id = MessageId::new(now_ms.unsigned_abs(), partition, rand::rng().random());
        let message_id = id.to_string();
        trace::describe(&span, &message_id, tenant.id.as_str(), &submission);

        let tag = submission.tag;
        let valid_until_ms =
            now_ms.saturating_add(i64::try_from(submission.validity.as_millis()).unwrap_or(i64::MAX));
        let record = MessageRecord {
            version: RECORD_VERSION,
            tenant: tenant.id.as_str().to_owned(),
            request_id: submission.request_id.as_str().to_owned(),
            reference: submission.reference.as_str().to_owned(),
            class: class_to_proto(submission.class).into(),
            carrier: carrier_to_proto(submission.carrier).into(),
            link: submission.link.as_str().to_owned(),
            segment_count: submission.segments.into(),
            accepted_at_unix_ms: now_ms,
            valid_until_unix_ms: valid_until_ms,
            subject_tag: Bytes::copy_from_slice(tag.as_bytes()),
            traceparent: context.map(|context| context.to_string()).unwrap_or_default(),
            body_kept: submission.has_fallback,
            ..MessageRecord::default()
        };
        let answer = SendMessageResponse {
            request_id: record.request_id.clone(),
            message_id: message_id.clone(),
            segments: record.segment_count,
            carrier: record.carrier,
            accepted_at_unix_ms: now_ms,
        };
        // A reply is free of throttles and opt-outs because the subscriber asked, and only the router knows that: from
        // anybody else the class would be a way around both.
        let admitted_as = match submission.class {
            MessageClass::Reply if !caller.is_uplink_router() => MessageClass::Notice,
            class => class,
        };
        let draft = Draft {
            id,
            tenant: tenant.id.clone(),
            class: submission.class,
            admitted_as,
            link: submission.link.clone(),
            carrier: submission.carrier,
            // What Redis has just said is not asked again: it cannot go on for ever.
            ground: match belief {
                Belief::Remembered => submission.ground,
                Belief::Told(_) => Ground::Settled,
            },
            subject: tag,
            tag: tag.short(),
            now_ms,
            fingerprint: Fingerprint::of(request, &submission.phone, keyring),
            answer: answer.encode_to_vec(),
            windows: windows(tenant.limits.windows(admitted_as)),
            most_waiting: self.most_waiting(tenant),
            most_entries: self.most_entries,
            audit_event: audit::accepted(&message_id, &record, caller.id()),
            record: record.to_octets(),
            sealed: seal(&message_id, &submission, valid_until_ms, now_ms, keyring)?,
            keeps_body: submission.has_fallback,
            traceparent: record.traceparent,
            deadline_ms: valid_until_ms.saturating_add(QUEUE_GRACE_MS),
            request_id: submission.request_id,
        };
        Ok(Prepared { draft, answer, span })
    }

    /// A partition's share of what the tenant may have waiting. Numbers spread evenly, so the shares fill evenly.
    fn most_waiting(&self, tenant: &Tenant) -> u64 {
        tenant
            .limits
            .queue_depth
            .div_ceil(self.store.partitions().count().into())
    }

    /// The keyed tag of a number, as in keys and on record.
    pub fn tag(&self, phone: &Msisdn) -> hongyan_envelope::Tag {
        self.keyring.current().tag(SUBJECT, &phone.e164())
    }
}

fn seal(
    message_id: &str,
    submission: &Submission,
    valid_until_unix_ms: i64,
    now_ms: i64,
    keyring: &Keyring,
) -> Result<Vec<u8>, Problem> {
    let outbound = OutboundMessage {
        message_id: message_id.to_owned(),
        class: class_to_proto(submission.class).into(),
        phone: submission.phone.e164(),
        source: submission.source.clone(),
        text: submission.text.clone(),
        segments: submission.segments.into(),
        valid_until_unix_ms,
        queued_at_unix_ms: now_ms,
    };
    keyring
        .seal(OUTBOUND_CONTEXT, &outbound.encode_to_vec())
        .map_err(|error| Problem::internal(&error))
}

/// As the script reads them.
fn windows(windows: &[Window]) -> String {
    let one = |window: &Window| format!("{}:{}", window.max, window.period_ms());
    windows.iter().map(one).collect::<Vec<_>>().join(",")
}
