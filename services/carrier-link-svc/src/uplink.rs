//! Sealing what subscribers wrote. The one place where an uplink's text is in hand besides reading it off the wire.

use hongyan_domain::{LinkName, Partition};
use hongyan_envelope::{Keyring, OpenError, SUBJECT, SealError, Tag};
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

/// Why the stored parts of a text cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unassembled {
    /// They were sealed under a key that is not in the ring: another process has it already, or this one still will.
    #[error("the key of the parts is not in the keyring")]
    KeyMissing,
    /// What is known of the whole text cannot be read, and never will be.
    #[error("the head of the parts cannot be read")]
    Damaged,
    /// The text could not be sealed.
    #[error("{0}")]
    Seal(SealError),
}

/// The job that tells a text of stored parts, complete or not. A part that is damaged is a missing one.
pub fn assembled(
    keyring: &Keyring,
    teller: &Teller,
    partition: Partition,
    parts: &str,
    collected: &Collected,
    now_ms: u64,
) -> Result<Job, Unassembled> {
    let open = |sealed: &[u8]| match keyring.open(UPLINK_PART, sealed) {
        Ok(opened) => Ok(Some(opened.to_vec())),
        Err(OpenError::UnknownKey { .. }) => Err(Unassembled::KeyMissing),
        Err(_) => Ok(None),
    };
    let head = open(&collected.head)?.ok_or(Unassembled::Damaged)?;
    let mut uplink = InboundUplink::decode(head.as_slice()).map_err(|_| Unassembled::Damaged)?;
    let parts_opened = collected
        .parts
        .iter()
        .map(|part| part.as_deref().map_or(Ok(None), open));
    let opened = parts_opened.collect::<Result<Vec<_>, _>>()?;
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
    Ok(Job::Complete {
        partition,
        parts: parts.to_owned(),
        made_of: collected.count(),
        sealed: keyring
            .seal(UPLINK, &uplink.encode_to_vec())
            .map_err(Unassembled::Seal)?,
        traceparent: collected.traceparent.clone(),
        audit,
        now_ms,
    })
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

#[cfg(test)]
mod tests {
    use hongyan_carrier_wire::text::Coding;
    use hongyan_envelope::Keyring;
    use hongyan_proto::carrier::v1::InboundUplink;
    use prost::Message as _;

    use super::{UPLINK, UPLINK_PART, Unassembled, assembled};
    use crate::{
        inbound::pack,
        store::{Collected, Job},
        testing,
    };

    fn collected(keyring: &Keyring) -> Collected {
        let head = InboundUplink {
            phone: "+8613800138000".to_owned(),
            ..InboundUplink::default()
        };
        let part = |text: &[u8]| keyring.seal(UPLINK_PART, &pack(Coding::Ascii, text)).unwrap();
        Collected {
            head: keyring.seal(UPLINK_PART, &head.encode_to_vec()).unwrap(),
            traceparent: String::new(),
            parts: vec![Some(part(b"SBYE")), None, Some(part(b"123"))],
        }
    }

    fn tell(keyring: &Keyring, collected: &Collected) -> Result<InboundUplink, Unassembled> {
        let partition = hongyan_domain::Partition::new(0).unwrap();
        match assembled(
            keyring,
            &testing::teller(),
            partition,
            "{p0}:part:x",
            collected,
            1,
        )? {
            Job::Complete { sealed, made_of, .. } => {
                assert_eq!(made_of, collected.count());
                let plain = keyring.open(UPLINK, &sealed).unwrap();
                Ok(InboundUplink::decode(plain.as_slice()).unwrap())
            }
            _ => panic!("another job"),
        }
    }

    #[test]
    fn what_is_missing_or_damaged_is_a_gap() {
        let keyring = testing::keyring();
        let mut parts = collected(&keyring);
        let told = tell(&keyring, &parts).unwrap();
        assert_eq!((told.text.as_str(), told.partial), ("SBYE…123", true));
        if let Some(Some(sealed)) = parts.parts.last_mut()
            && let Some(octet) = sealed.last_mut()
        {
            *octet ^= 1;
        }
        assert_eq!(tell(&keyring, &parts).unwrap().text, "SBYE…");
    }

    #[test]
    fn a_key_that_is_still_to_come_loses_nothing_and_a_damaged_head_everything() {
        let elsewhere = Keyring::parse(&testing::KEYRING.replace("k1", "k2")).unwrap();
        let parts = collected(&elsewhere);
        assert_eq!(tell(&testing::keyring(), &parts), Err(Unassembled::KeyMissing));
        let headless = Collected {
            head: b"?".to_vec(),
            ..collected(&testing::keyring())
        };
        assert_eq!(tell(&testing::keyring(), &headless), Err(Unassembled::Damaged));
    }
}
