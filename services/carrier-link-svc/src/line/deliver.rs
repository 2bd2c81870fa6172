//! Receipts and uplinks: stored first, answered then. [`Verdict::Taken`] means that it is durable.

use hongyan_catalog::LiveCatalog;
use hongyan_telemetry::{TraceContext, context, names};
use tracing::Span;

use super::{Delivery, Line, Pending, span_name};
use crate::{
    clock,
    inbound::{self, Inbound},
    protocol::{Conversation, Delivered, Verdict},
    recorder::Recorded,
    store::{Job, PartReply, ReceiptReply, Reply, Store},
    uplink::{self, Arrival, Unassembled},
};

type Connected<'a> = Option<(&'a mut dyn Conversation, u64)>;

impl Line {
    /// The carrier delivers something.
    pub fn deliver(&mut self, delivered: Delivered, talk: &mut dyn Conversation, now_ms: u64) {
        self.heard();
        let span = tracing::info_span!(
            parent: None,
            "deliver",
            otel.name = span_name(talk, "deliver"),
            otel.kind = names::kind::CONSUMER,
            { names::LINK } = self.link.name(),
            { names::SLOT } = self.slot,
            { names::SEQUENCE } = delivered.sequence,
            { names::CARRIER_MESSAGE_ID } = tracing::field::Empty,
            { names::MESSAGE_ID } = tracing::field::Empty,
            { names::SEGMENT } = tracing::field::Empty,
            { names::RAW_CODE } = tracing::field::Empty,
            { names::OUTCOME } = tracing::field::Empty,
        );
        let mut delivery = Delivery {
            key: delivered.key,
            span,
            parts: None,
        };
        self.tell_carrier(&delivered.inbound);
        match self.job_of(delivered, &mut delivery) {
            Ok(job) => self.order(
                job,
                Pending::Deliver(Box::new(delivery)),
                Some(self.link.tuning.answer_within),
            ),
            Err(verdict) => Self::respond(&delivery, verdict, Some((talk, now_ms))),
        }
    }

    /// A subscriber whose text came by this link is where this link's carrier is: told once for each text.
    fn tell_carrier(&mut self, inbound: &Inbound) {
        let from = match inbound {
            Inbound::Text(text) => &text.from,
            Inbound::Part(part) if part.concat.number() == 1 => &part.from,
            _ => return,
        };
        let Some(number) = &from.msisdn else {
            return;
        };
        let catalog = self.link.catalog.as_ref().map(LiveCatalog::current);
        let Some(seen) = catalog.and_then(|catalog| catalog.carrier_seen(&self.link.link.name, number))
        else {
            return;
        };
        let subject = uplink::subject(&self.link.keyring.current(), from);
        let now_ms = clock::unix_ms();
        let tell = Job::Tell {
            partition: from.partition(self.link.store.partitions()),
            told: self.link.teller.learned(&subject, seen, now_ms),
            traceparent: String::new(),
            now_ms,
        };
        self.order(tell, Pending::Nothing, Some(self.link.tuning.answer_within));
    }

    /// What is to be stored; `Err` holds the verdict by which the delivery is refused.
    fn job_of(&self, delivered: Delivered, delivery: &mut Delivery) -> Result<Job, Verdict> {
        let Delivered { id, inbound, .. } = delivered;
        let keyring = self.link.keyring.current();
        let partitions = self.link.store.partitions();
        let now_ms = clock::unix_ms();
        let arrival = |person: &inbound::Person, span: &Span| Arrival {
            link: &self.link.link.name,
            partition: person.partition(partitions),
            carrier_message_id: id.clone(),
            trace: TraceContext::of(span),
            now_ms,
        };
        match inbound {
            Inbound::Receipt(receipt) => {
                let carrier_message_id = receipt.carrier_message_id;
                delivery
                    .span
                    .record(names::CARRIER_MESSAGE_ID, carrier_message_id.as_str());
                delivery.span.record(names::RAW_CODE, receipt.stat.as_str());
                self.link.board.receipt();
                let subject = receipt
                    .person
                    .msisdn
                    .as_ref()
                    .map(|_| uplink::subject(&keyring, &receipt.person));
                let told = self.link.teller.receipt(
                    &carrier_message_id,
                    &receipt.stat,
                    &receipt.done_time,
                    subject.as_ref(),
                    now_ms,
                );
                Ok(Job::Receipt {
                    partition: receipt.person.partition(partitions),
                    carrier_message_id,
                    told,
                    mark: mark(&receipt.stat, &receipt.done_time),
                    tag: uplink::subject(&keyring, &receipt.person).short(),
                    submitted_ms: receipt.submitted_ms,
                    look_at_ms: self.link.doubt_look_ms(now_ms),
                    now_ms,
                })
            }
            Inbound::Text(text) => {
                let arrival = arrival(&text.from, &delivery.span);
                uplink::whole(&keyring, &self.link.teller, arrival, text).map_err(cannot_seal)
            }
            Inbound::Part(part) => {
                let wait_ms = u64::try_from(self.link.tuning.part_wait.as_millis()).unwrap_or(u64::MAX);
                let arrival = arrival(&part.from, &delivery.span);
                let job = uplink::part(&keyring, arrival, &part, wait_ms).map_err(cannot_seal)?;
                delivery.parts = Some(job.parts.clone());
                Ok(Job::Part(job))
            }
            Inbound::Malformed => {
                self.count("hongyan_link_receipts_total", "malformed");
                Err(Verdict::Structure)
            }
            Inbound::Ignored => Err(Verdict::Taken),
        }
    }

    /// The store has answered about a delivery.
    pub(super) fn deliver_recorded(&mut self, delivery: Delivery, recorded: Recorded, talk: Connected<'_>) {
        let result = match recorded {
            Recorded::Reply(Reply::Receipt(reply)) => self.receipt_recorded(&delivery, reply),
            Recorded::Reply(Reply::Part(PartReply::Complete(collected))) => {
                let now_ms = clock::unix_ms();
                let keyring = self.link.keyring.current();
                let parts = delivery.parts.clone().unwrap_or_default();
                let partition = Store::partition_of(&parts);
                let job = partition.ok_or(Unassembled::Damaged).and_then(|partition| {
                    uplink::assembled(&keyring, &self.link.teller, partition, &parts, &collected, now_ms)
                });
                match job {
                    Ok(job) => {
                        let patience = Some(self.link.tuning.answer_within);
                        self.order(job, Pending::Deliver(Box::new(delivery)), patience);
                        return;
                    }
                    Err(error) => {
                        tracing::error!(link = self.link.name(), %error, "a long uplink cannot be told");
                        Verdict::Other
                    }
                }
            }
            Recorded::Reply(Reply::Part(PartReply::Waiting)) => {
                self.count("hongyan_link_uplinks_total", "part");
                Verdict::Taken
            }
            Recorded::Reply(Reply::Part(PartReply::Full)) => {
                self.count("hongyan_link_uplinks_total", "refused");
                Verdict::SlowDown
            }
            Recorded::Reply(Reply::Done) => {
                self.count("hongyan_link_uplinks_total", "taken");
                Verdict::Taken
            }
            Recorded::Reply(Reply::Before | Reply::Part(PartReply::Seen)) => {
                self.count("hongyan_link_uplinks_total", "duplicate");
                Verdict::Taken
            }
            Recorded::Reply(Reply::GoOn | Reply::Lost | Reply::Outdated)
            | Recorded::Refused(_)
            | Recorded::GaveUp => {
                self.count("hongyan_link_deliveries_unstored_total", "unstored");
                Verdict::Other
            }
        };
        Self::respond(&delivery, result, talk);
    }

    fn receipt_recorded(&self, delivery: &Delivery, reply: ReceiptReply) -> Verdict {
        let (outcome, result) = match &reply {
            ReceiptReply::Matched { .. } => ("matched", Verdict::Taken),
            ReceiptReply::Duplicate => ("duplicate", Verdict::Taken),
            ReceiptReply::Parked => ("parked", Verdict::Taken),
            ReceiptReply::Full => ("refused", Verdict::Other),
        };
        self.count("hongyan_link_receipts_total", outcome);
        delivery.span.record(names::OUTCOME, outcome);
        if let ReceiptReply::Matched {
            message_id,
            segment,
            traceparent,
        } = reply
        {
            // Only now it is known whose story this belongs to; the span has not been entered.
            context::continue_from(&delivery.span, TraceContext::parse(&traceparent).as_ref());
            delivery.span.record(names::MESSAGE_ID, message_id);
            delivery.span.record(names::SEGMENT, segment);
        }
        result
    }

    /// Answers the carrier, where the connection still stands; else it will deliver again.
    fn respond(delivery: &Delivery, verdict: Verdict, talk: Connected<'_>) {
        if verdict != Verdict::Taken {
            delivery.span.record(names::OUTCOME, "refused");
        }
        if let Some((talk, now_ms)) = talk {
            talk.answer(delivery.key, verdict, now_ms);
        }
    }

    fn count(&self, metric: &'static str, outcome: &'static str) {
        metrics::counter!(metric, "link" => self.link.name().to_owned(), "outcome" => outcome).increment(1);
    }
}

fn cannot_seal(error: hongyan_envelope::SealError) -> Verdict {
    tracing::error!(%error, "an uplink could not be sealed");
    Verdict::Other
}

/// The same for the same receipt: FNV-1a of what it says.
fn mark(stat: &str, done_time: &str) -> String {
    let octets = stat.bytes().chain([0]).chain(done_time.bytes());
    let hash = octets.fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
