//! Sending a message another way. Pure.
//!
//! At most once in its life, and only while nothing of it can have arrived: its link gave it back (the carrier does not
//! serve the number, or the link has been down for too long), it waits for such a link, or a receipt says that the carrier
//! does not serve the number. It then goes to another link with its validity as it was. Whoever has been rerouted once is
//! not rerouted again, so that no two links can play it back and forth.

use hongyan_catalog::{Catalog, Readiness, Tenant};
use hongyan_domain::{
    Carrier, LinkName, MessageClass, Msisdn,
    status::{Action, CodeTable, MessageStatus},
};
use hongyan_proto::{
    carrier::v1::{LinkEvent, OutboundMessage, ReturnReason, link_event::Event},
    dispatch::v1::MessageStatus as ProtoStatus,
};

use crate::{
    convert::{carrier_of, carrier_to_proto, class_of},
    lifecycle::outcome,
    record::{EventKind, EventRecord, MessageRecord, Reroute},
    route::carries,
    routing::Health,
    story,
};

/// Why a message should go another way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Why.
    pub reason: ReturnReason,
    /// The carrier's word; empty where it said none.
    pub raw_code: String,
    /// When that happened.
    pub at_unix_ms: i64,
    /// The link gave it back: it is in no queue any more. Else the carrier has it, and says that it will not deliver it.
    pub was_returned: bool,
}

/// The other way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The link that it goes to.
    pub link: LinkName,
    /// The carrier that it then counts as sent to.
    pub carrier: Carrier,
    /// The number that it leaves from there.
    pub source: String,
    /// Where the catalog has the recipient.
    pub expected: Carrier,
    /// In how many segments it counts as sent, until the link says more.
    pub segments: u32,
}

/// What is known when another way is looked for.
pub struct Known<'a> {
    /// The declared world.
    pub catalog: &'a Catalog,
    /// How the links are.
    pub health: &'a Health,
    /// Where the number was learned to be.
    pub learned: Option<Carrier>,
    /// Now.
    pub now_ms: i64,
}

/// What a report of the message's own link asks for, if anything. A receipt counts only where the text was kept and no
/// segment has arrived.
pub fn wish(record: &MessageRecord, event: &LinkEvent, codes: &CodeTable) -> Option<Wish> {
    if record.has_left(&event.link) {
        return None;
    }
    match event.event.as_ref()? {
        Event::Returned(returned) => Some(Wish {
            reason: returned.reason(),
            raw_code: codes.refusal(&returned.raw_code).raw_code,
            at_unix_ms: event.at_unix_ms,
            was_returned: true,
        }),
        Event::Receipt(receipt) => {
            let detail = codes.receipt(&receipt.stat);
            let counts = detail.action == Action::Reroute
                && record.body_kept
                && record.segments.iter().all(|segment| segment.delivered.is_none());
            counts.then_some(Wish {
                reason: ReturnReason::NoRoute,
                raw_code: detail.raw_code,
                at_unix_ms: event.at_unix_ms,
                was_returned: false,
            })
        }
        _ => None,
    }
}

/// Whether a report says that the link's carrier does not serve the number.
pub fn says_no_route(event: &LinkEvent, codes: &CodeTable) -> bool {
    match &event.event {
        Some(Event::Returned(returned)) => returned.reason() == ReturnReason::NoRoute,
        Some(Event::Refused(refused)) => codes.refusal(&refused.raw_code).action == Action::Reroute,
        Some(Event::Receipt(receipt)) => codes.receipt(&receipt.stat).action == Action::Reroute,
        _ => false,
    }
}

/// Whether a report is a receipt of a segment that did not arrive.
pub fn says_failed(event: &LinkEvent, codes: &CodeTable) -> bool {
    let Some(Event::Receipt(receipt)) = &event.event else {
        return false;
    };
    matches!(
        codes.receipt(&receipt.stat).status,
        MessageStatus::Undelivered | MessageStatus::Expired | MessageStatus::Rejected
    )
}

/// Whether a message may go another way at all: it has not before, its end is not told, and it is still worth sending.
pub fn may_go(record: &MessageRecord, now_ms: i64) -> bool {
    record.rerouted.is_none()
        && record.announced() == ProtoStatus::Unspecified
        && now_ms < record.valid_until_unix_ms
}

/// The other way for a message, as it was sealed for its link; `None` where there is none.
///
/// After "no route": the route of the carrier that the number was meanwhile learned to be with, then the fallback links of
/// its own route; those of another carrier first. From a link that is down: another link of its route that is up.
pub fn find(
    record: &MessageRecord,
    outbound: &OutboundMessage,
    reason: ReturnReason,
    known: &Known<'_>,
) -> Option<Way> {
    let catalog = known.catalog;
    let tenant = hongyan_domain::TenantId::parse(&record.tenant).ok()?;
    let tenant = catalog.tenant(&tenant)?;
    let class = class_of(record.class)?;
    let carrier = carrier_of(record.carrier)?;
    let from = LinkName::parse(&record.link).ok()?;
    let phone = Msisdn::parse(&outbound.phone).ok()?;
    let expected = catalog.carrier_of(&phone).unwrap_or(carrier);
    let draw = draw(&record.subject_tag);
    let extension = extension(tenant, carrier, &outbound.source);
    let fits = |link: &LinkName, carrier: Carrier| {
        let source = source(tenant, carrier, &outbound.source, extension)?;
        let is_other = *link != from && carries(catalog.link(link)?, &source);
        is_other.then(|| Way {
            link: link.clone(),
            carrier,
            source,
            expected,
            segments: outbound.segments,
        })
    };
    match reason {
        ReturnReason::NoRoute => {
            let learned = known
                .learned
                .filter(|learned| !catalog.serves(&from, *learned))
                .and_then(|learned| {
                    let readiness = |link: &LinkName| {
                        fits(link, learned)?;
                        Some(known.health.readiness(link))
                    };
                    let first = catalog.route(learned, class)?.order(draw, readiness).next()?;
                    fits(first, learned)
                });
            learned.or_else(|| fallback(carrier, class, &from, known, fits))
        }
        ReturnReason::LinkDown => {
            let up = |link: &LinkName| {
                fits(link, carrier)?;
                Some(known.health.readiness(link)).filter(|readiness| *readiness == Readiness::Up)
            };
            let first = catalog.route(carrier, class)?.order(draw, up).next()?;
            fits(first, carrier)
        }
        ReturnReason::Unspecified => None,
    }
}

fn fallback(
    carrier: Carrier,
    class: MessageClass,
    from: &LinkName,
    known: &Known<'_>,
    fits: impl Fn(&LinkName, Carrier) -> Option<Way>,
) -> Option<Way> {
    let catalog = known.catalog;
    let own = catalog.link(from).map(|link| link.carrier);
    catalog
        .route(carrier, class)?
        .fallback
        .iter()
        .filter_map(|name| {
            let link = catalog.link(name)?;
            let way = fits(name, link.carrier)?;
            Some(((known.health.readiness(name), Some(link.carrier) == own), way))
        })
        // Of equals the first: the order of the file.
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, way)| way)
}

/// Writes down that the message goes another way now. What was learned of it on its first way is no fact any more.
pub fn take(record: &mut MessageRecord, way: &Way, wish: &Wish, now_ms: i64) {
    let mut entry = EventRecord {
        at_unix_ms: now_ms,
        raw_code: wish.raw_code.clone(),
        link: way.link.as_str().to_owned(),
        ..EventRecord::default()
    };
    entry.set_kind(EventKind::Rerouted);
    entry.set_reason(wish.reason);
    record.rerouted = Some(Reroute {
        at_unix_ms: now_ms,
        from_link: std::mem::replace(&mut record.link, way.link.as_str().to_owned()),
        reason: wish.reason.into(),
        raw_code: wish.raw_code.clone(),
        expected: carrier_to_proto(way.expected).into(),
        taught: false,
    });
    record.set_carrier(carrier_to_proto(way.carrier));
    record.segments.clear();
    record.segment_count = way.segments;
    record.refused = None;
    record.resent = None;
    story::add(record, entry);
}

/// Whether a queue's message may be taken out of it: nothing of it has left, and nobody is told of its end.
pub fn still_waits(record: &MessageRecord, link: &LinkName, now_ms: i64, codes: &CodeTable) -> bool {
    may_go(record, now_ms)
        && record.link == link.as_str()
        && outcome(record, codes).detail.status == MessageStatus::Queued
}

/// Chooses among links that share the messages: the same for the same number.
pub fn draw(subject_tag: &[u8]) -> u64 {
    subject_tag
        .iter()
        .take(8)
        .fold(0, |draw, octet| (draw << 8) | u64::from(*octet))
}

/// What stands behind the tenant's access number; `None` where the catalog has changed since.
fn extension<'s>(tenant: &Tenant, carrier: Carrier, source: &'s str) -> Option<&'s str> {
    source.strip_prefix(tenant.access_number(carrier)?.number.as_str())
}

/// The number that the recipient sees on the other way; `None` where the tenant may not send there, or not with this
/// extension.
fn source(tenant: &Tenant, carrier: Carrier, before: &str, extension: Option<&str>) -> Option<String> {
    let number = tenant.access_number(carrier)?;
    let Some(extension) = extension else {
        return number.extension_of(before).map(|_| before.to_owned());
    };
    let made = format!("{}{extension}", number.number);
    number.extension_of(&made)?;
    Some(made)
}

#[cfg(test)]
mod tests;
