//! Sealing what subscribers wrote. The one place where an uplink's text is in hand besides reading it off the wire.

use hongyan_domain::{LinkName, Partition};
use hongyan_envelope::{Keyring, SUBJECT, SealError, Tag};
use hongyan_proto::carrier::v1::InboundUplink;
use hongyan_telemetry::TraceContext;
use prost::Message as _;
use uuid::Uuid;

use crate::{
    events::{Teller, signed},
    inbound::{Part, Person, Text, join, pack, reference_name},
    store::{Collected, Job, PartJob, parts_key},
    work::traceparent,
};

/// The context of sealed uplinks.
const UPLINK: &[u8] = b"uplink";
/// The context of sealed parts of uplinks, which only this service reads.
const UPLINK_PART: &[u8] = b"uplink-part";

/// Where and when something arrived.
pub struct Arrival<'a> {
    /// The link.
    pub link: &'a LinkName,
    /// Where the sender's state lives.
    pub partition: Partition,
    /// The carrier's id of the delivery; `None` where it gave none.
    pub carrier_message_id: Option<String>,
    /// The span in which it arrived.
    pub trace: Option<TraceContext>,
    /// When.
    pub now_ms: u64,
}

/// The job that stores a whole text.
pub fn whole(keyring: &Keyring, teller: &Teller, arrival: Arrival<'_>, text: Text) -> Result<Job, SealError> {
    let subject = subject(keyring, &text.from);
    let uplink = InboundUplink {
        text: text.said,
        ..head(&arrival, &text.from, &text.access_number)
    };
    let access_number = &uplink.access_number;
    let audit = teller.uplink(
        &uplink.uplink_id,
        access_number,
        false,
        Some(&subject),
        arrival.trace,
        arrival.now_ms,
    );
    Ok(Job::Uplink {
        partition: arrival.partition,
        sealed: keyring.seal(UPLINK, &uplink.encode_to_vec())?,
        carrier_message_id: arrival.carrier_message_id,
        traceparent: traceparent(arrival.trace),
        audit,
        now_ms: arrival.now_ms,
    })
}

/// The job that stores a part.
pub fn part(
    keyring: &Keyring,
    arrival: Arrival<'_>,
    part: &Part,
    wait_ms: u64,
) -> Result<PartJob, SealError> {
    let head = head(&arrival, &part.from, &part.access_number);
    let sender = subject(keyring, &part.from).short();
    let reference = reference_name(part.concat);
    let total = part.concat.total();
    Ok(PartJob {
        parts: parts_key(
            arrival.partition,
            arrival.link,
            &sender,
            &part.access_number,
            &reference,
            total,
        ),
        partition: arrival.partition,
        number: part.concat.number(),
        total,
        sealed: keyring.seal(UPLINK_PART, &pack(part.coding, &part.octets))?,
        head: keyring.seal(UPLINK_PART, &head.encode_to_vec())?,
        carrier_message_id: arrival.carrier_message_id,
        traceparent: traceparent(arrival.trace),
        deadline_ms: arrival.now_ms.saturating_add(wait_ms),
    })
}

/// The job that tells a text of stored parts, complete or not. A part that cannot be opened is a missing one; without its
/// head the text cannot be told at all, and `None` comes back.
pub fn assembled(
    keyring: &Keyring,
    teller: &Teller,
    partition: Partition,
    parts: &str,
    collected: &Collected,
    now_ms: u64,
) -> Option<Result<Job, SealError>> {
    let head = keyring.open(UPLINK_PART, &collected.head).ok()?;
    let mut uplink = InboundUplink::decode(head.as_slice()).ok()?;
    let open = |sealed: &Option<Vec<u8>>| {
        let opened = keyring.open(UPLINK_PART, sealed.as_deref()?).ok()?;
        Some(opened.to_vec())
    };
    let opened: Vec<_> = collected.parts.iter().map(open).collect();
    uplink.partial = opened.iter().any(Option::is_none);
    uplink.text = join(opened);
    let trace = TraceContext::parse(&collected.traceparent);
    let subject = keyring.tag(SUBJECT, &uplink.phone);
    let audit = teller.uplink(
        &uplink.uplink_id,
        &uplink.access_number,
        uplink.partial,
        Some(&subject),
        trace,
        now_ms,
    );
    let sealed = keyring.seal(UPLINK, &uplink.encode_to_vec());
    Some(sealed.map(|sealed| Job::Complete {
        partition,
        parts: parts.to_owned(),
        made_of: collected.count(),
        sealed,
        traceparent: collected.traceparent.clone(),
        audit,
        now_ms,
    }))
}

/// The tag of a person, by whatever the carrier calls them.
pub fn subject(keyring: &Keyring, person: &Person) -> Tag {
    keyring.tag(SUBJECT, &person.number)
}

fn head(arrival: &Arrival<'_>, from: &Person, access_number: &str) -> InboundUplink {
    InboundUplink {
        uplink_id: Uuid::now_v7().to_string(),
        link: arrival.link.as_str().to_owned(),
        phone: from.number.clone(),
        access_number: access_number.to_owned(),
        received_at_unix_ms: signed(arrival.now_ms),
        ..InboundUplink::default()
    }
}
