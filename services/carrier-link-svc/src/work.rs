//! One message on its way through this process.

use std::fmt;

use bytes::Bytes;
use hongyan_carrier_wire::concat::Part;
use hongyan_envelope::Tag;
use hongyan_telemetry::{TraceContext, context, names};
use tracing::Span;

use crate::{
    clock,
    events::About,
    outbound::Outbound,
    store::{Attempt, Place, Reserved},
};

/// A message with its parts, and how far it has come. Segments leave one after the other, each when the carrier has taken
/// the one before it: so they arrive in order even when one of them has to be sent again.
pub struct Work {
    /// Where its entry stands.
    pub place: Place,
    /// Its rank within its class: the order in which messages were taken off the queue.
    pub order: u64,
    /// The entry's body as it was, to be given back.
    pub sealed: Bytes,
    /// What is to be sent.
    pub outbound: Outbound,
    /// Its parts.
    pub parts: Vec<Part>,
    /// The reference in their headers.
    pub reference: u16,
    /// The segment that is to be sent next, from 1.
    pub segment: u8,
    /// Attempts at it, this one included.
    pub attempt: u32,
    /// How often the carrier asked to slow down instead of taking it.
    pub throttled: u32,
    /// The id under which the segment leaves, in a protocol in which we give it: kept for every attempt at the segment.
    pub reserved: Option<String>,
    /// The recipient's tag.
    pub subject: Tag,
    /// The trace that the entry carried.
    pub carried: Option<TraceContext>,
    /// The work on it here, continuing that trace or linked to it.
    pub span: Span,
}

impl Work {
    /// The attempt that is next.
    pub fn next_attempt(&self) -> Attempt {
        Attempt {
            segment: self.segment,
            number: self.attempt,
            reference: self.reference,
            at_ms: clock::unix_ms(),
            reserved: self.reserved.clone().map(|carrier_message_id| Reserved {
                carrier_message_id,
                traceparent: self.traceparent(),
            }),
        }
    }

    /// How many segments it has: at most seven.
    pub fn total(&self) -> u8 {
        u8::try_from(self.parts.len()).unwrap_or(u8::MAX)
    }

    /// No segment comes behind the next one.
    pub fn is_last(&self) -> bool {
        self.segment >= self.total()
    }

    /// The part that is next.
    pub fn part(&self) -> Option<&Part> {
        self.parts.get(usize::from(self.segment).checked_sub(1)?)
    }

    /// Its validity has run out.
    pub fn is_expired(&self, now_ms: u64) -> bool {
        now_ms >= self.outbound.valid_until_unix_ms
    }

    /// Certainly nothing of it is with the carrier.
    pub fn is_untouched(&self) -> bool {
        self.segment == 1 && self.attempt == 1
    }

    /// For an event about the segment that is next.
    pub fn about(&self) -> About<'_> {
        About {
            message_id: self.place.message_id,
            segment: self.segment,
            segments: self.total(),
            subject: Some(&self.subject),
            trace: self.trace(),
        }
    }

    /// For an event about the whole message.
    pub fn about_all(&self) -> About<'_> {
        About {
            segment: 0,
            ..self.about()
        }
    }

    /// The message's trace: the one that it carried, else the one that began here.
    pub fn trace(&self) -> Option<TraceContext> {
        self.carried.or_else(|| TraceContext::of(&self.span))
    }

    /// The place of the work's span, for what follows from it.
    pub fn traceparent(&self) -> String {
        self.traceparent_in(&self.span)
    }

    /// The place of a span of this work; where spans have none, what the message carried, so that its trace is not lost.
    /// Empty for none.
    pub fn traceparent_in(&self, span: &Span) -> String {
        traceparent(TraceContext::of(span).or(self.carried))
    }
}

impl fmt::Debug for Work {
    /// Without what is to be sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work")
            .field("message_id", &self.place.message_id)
            .field("segment", &self.segment)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

/// A place in a trace as it stands in a stream; empty for none.
pub fn traceparent(context: Option<TraceContext>) -> String {
    context.map(|context| context.to_string()).unwrap_or_default()
}

/// The span of the work on a message. The first attempt continues the message's trace; a later one is a root of its own
/// that links back to it.
pub fn process_span(
    link: &str,
    outbound: &Outbound,
    carried: Option<&TraceContext>,
    is_first: bool,
    now_ms: u64,
) -> Span {
    let span = tracing::info_span!(
        "process",
        otel.name = format!("process {link}"),
        otel.kind = names::kind::CONSUMER,
        { names::MESSAGING_SYSTEM } = names::SYSTEM_REDIS,
        { names::MESSAGING_OPERATION_TYPE } = names::operation::PROCESS,
        { names::MESSAGING_CONSUMER_GROUP_NAME } = crate::store::GROUP,
        { names::LINK } = link,
        { names::MESSAGE_ID } = %outbound.message_id,
        { names::CLASS } = outbound.class.as_str(),
        { names::SEGMENTS } = outbound.segments,
        "hongyan.queue_wait_ms" = now_ms.saturating_sub(outbound.queued_at_unix_ms),
        { names::OUTCOME } = tracing::field::Empty,
    );
    if is_first {
        context::continue_from(&span, carried);
    } else {
        context::root_linked_to(&span, carried);
    }
    span
}
