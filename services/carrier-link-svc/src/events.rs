//! What a link tells: events for dispatch on `{p}:receipts`, and events for the record. Pure but for the events' ids.

use bytes::Bytes;
use hongyan_catalog::CarrierSeen;
use hongyan_domain::{Carrier, LinkName, MessageId};
use hongyan_envelope::Tag;
use hongyan_proto::{
    audit::v1::AuditEvent,
    carrier::v1::{
        CarrierLearned, LessonSource, LinkEvent, LinkHealth, MessageExpired, MessageReturned,
        MessageUnsendable, ReturnReason, SegmentReceipt, SegmentRefused, SegmentSubmitted, SubmitUncertain,
        link_event::Event,
    },
    common::v1::Carrier as ProtoCarrier,
};
use hongyan_telemetry::TraceContext;
use prost::Message as _;
use uuid::Uuid;

/// Who tells.
#[derive(Debug, Clone)]
pub struct Teller {
    /// The link.
    pub link: LinkName,
    /// This service's SPIFFE id.
    pub actor: String,
}

/// An event in both forms, encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// A [`LinkEvent`].
    pub event: Vec<u8>,
    /// An [`AuditEvent`]; empty for what is for dispatch alone.
    pub audit: Vec<u8>,
}

/// Which segment of which message, and whose.
pub struct About<'a> {
    /// The message.
    pub message_id: MessageId,
    /// From 1; 0 for the whole message.
    pub segment: u8,
    /// In how many segments the link sends the message; 0 where that is not known.
    pub segments: u8,
    /// The recipient's tag.
    pub subject: Option<&'a Tag>,
    /// The message's trace.
    pub trace: Option<TraceContext>,
}

/// A segment that the carrier took.
pub struct Submitted {
    /// The carrier's id, in hexadecimal.
    pub carrier_message_id: String,
    /// The sequence number of the PDU.
    pub sequence: u32,
    /// Which connection.
    pub slot: u16,
    /// From 1.
    pub attempt: u32,
}

impl Teller {
    /// The carrier took a segment.
    pub fn submitted(&self, about: &About<'_>, submitted: &Submitted, now_ms: u64) -> Told {
        let attributes = [
            ("carrier_message_id", submitted.carrier_message_id.clone()),
            ("sequence", submitted.sequence.to_string()),
            ("slot", submitted.slot.to_string()),
            ("attempt", submitted.attempt.to_string()),
        ];
        let event = Event::Submitted(SegmentSubmitted {
            carrier_message_id: submitted.carrier_message_id.clone(),
            sequence: submitted.sequence,
            slot: u32::from(submitted.slot),
            attempt: submitted.attempt,
            submitted_at_unix_ms: signed(now_ms),
        });
        self.tell(about, event, "SEGMENT_SUBMITTED", "TAKEN", &attributes, now_ms)
    }

    /// The carrier refused a segment for good.
    pub fn refused(&self, about: &About<'_>, raw_code: &str, attempt: u32, now_ms: u64) -> Told {
        let event = Event::Refused(SegmentRefused {
            raw_code: raw_code.to_owned(),
            attempt,
        });
        let attributes = [
            ("raw_code", raw_code.to_owned()),
            ("attempt", attempt.to_string()),
        ];
        self.tell(about, event, "SEGMENT_REFUSED", "REFUSED", &attributes, now_ms)
    }

    /// Nobody knows whether the carrier has a segment.
    pub fn uncertain(&self, about: &About<'_>, resend: bool, attempt: u32, now_ms: u64) -> Told {
        let event = Event::Uncertain(SubmitUncertain { resend, attempt });
        let outcome = if resend { "RESEND" } else { "GIVEN_UP" };
        let attributes = [("attempt", attempt.to_string())];
        self.tell(about, event, "SUBMIT_UNCERTAIN", outcome, &attributes, now_ms)
    }

    /// The message's validity ran out.
    pub fn expired(&self, about: &About<'_>, now_ms: u64) -> Told {
        self.tell(
            about,
            Event::Expired(MessageExpired {}),
            "MESSAGE_EXPIRED",
            "EXPIRED",
            &[],
            now_ms,
        )
    }

    /// The message cannot be put on this link's wire.
    pub fn unsendable(&self, about: &About<'_>, reason: &str, now_ms: u64) -> Told {
        let event = Event::Unsendable(MessageUnsendable {
            reason: reason.to_owned(),
        });
        let attributes = [("reason", reason.to_owned())];
        self.tell(
            about,
            event,
            "MESSAGE_UNSENDABLE",
            "UNSENDABLE",
            &attributes,
            now_ms,
        )
    }

    /// Nothing of the message is with the carrier and the link does not go on with it. `sealed` is the queue entry's body
    /// as it was; `raw_code` is empty where the carrier said nothing.
    pub fn returned(
        &self,
        about: &About<'_>,
        reason: ReturnReason,
        raw_code: &str,
        sealed: Bytes,
        attempt: u32,
        now_ms: u64,
    ) -> Told {
        let event = Event::Returned(MessageReturned {
            reason: reason.into(),
            raw_code: raw_code.to_owned(),
            sealed,
            attempt,
        });
        let outcome = match reason {
            ReturnReason::NoRoute => "NO_ROUTE",
            ReturnReason::LinkDown => "LINK_DOWN",
            ReturnReason::Unspecified => "UNSPECIFIED",
        };
        let attributes = [
            ("raw_code", raw_code.to_owned()),
            ("attempt", attempt.to_string()),
        ];
        self.tell(about, event, "MESSAGE_RETURNED", outcome, &attributes, now_ms)
    }

    /// A subscriber's text came by this link: what that says about the subscriber's carrier. For dispatch alone.
    pub fn learned(&self, subject: &Tag, seen: CarrierSeen, now_ms: u64) -> Told {
        let event = Event::CarrierLearned(CarrierLearned {
            subject_tag: subject.as_bytes().to_vec().into(),
            carrier: carrier(seen.carrier).into(),
            expected: carrier(seen.expected).into(),
            source: LessonSource::Uplink.into(),
        });
        self.about_no_message(event, now_ms)
    }

    /// How the link is in this process. For dispatch alone.
    pub fn health(&self, instance: &str, ready: usize, allowed: u16, is_gone: bool, now_ms: u64) -> Told {
        let event = Event::Health(LinkHealth {
            instance: instance.to_owned(),
            connections_ready: u32::try_from(ready).unwrap_or(u32::MAX),
            connections_allowed: u32::from(allowed),
            gone: is_gone,
        });
        self.about_no_message(event, now_ms)
    }

    fn about_no_message(&self, event: Event, now_ms: u64) -> Told {
        let event = LinkEvent {
            event: Some(event),
            ..self.event(now_ms)
        };
        Told {
            event: event.encode_to_vec(),
            audit: Vec::new(),
        }
    }

    /// A receipt, of a message that only the store can name: both forms leave out message, segment and trace, which the
    /// script adds at the end.
    pub fn receipt(
        &self,
        carrier_message_id: &str,
        stat: &str,
        done_time: &str,
        subject: Option<&Tag>,
        now_ms: u64,
    ) -> Told {
        let event = LinkEvent {
            event: Some(Event::Receipt(SegmentReceipt {
                carrier_message_id: carrier_message_id.to_owned(),
                stat: stat.to_owned(),
                done_time: done_time.to_owned(),
            })),
            ..self.event(now_ms)
        };
        let attributes = [
            ("carrier_message_id", carrier_message_id.to_owned()),
            ("stat", stat.to_owned()),
        ];
        let audit = self.audit("RECEIPT_RECEIVED", "HEARD", subject, &attributes, now_ms);
        Told {
            event: event.encode_to_vec(),
            audit: audit.encode_to_vec(),
        }
    }

    /// A subscriber's text, without the text.
    pub fn uplink(
        &self,
        uplink_id: &str,
        access_number: &str,
        partial: bool,
        subject: Option<&Tag>,
        trace: Option<TraceContext>,
        now_ms: u64,
    ) -> Vec<u8> {
        let attributes = [
            ("uplink_id", uplink_id.to_owned()),
            ("access_number", access_number.to_owned()),
        ];
        let outcome = if partial { "PARTIAL" } else { "COMPLETE" };
        let mut event = self.audit("UPLINK_RECEIVED", outcome, subject, &attributes, now_ms);
        event.trace_id = trace_id(trace);
        event.encode_to_vec()
    }

    fn tell(
        &self,
        about: &About<'_>,
        event: Event,
        action: &str,
        outcome: &str,
        attributes: &[(&str, String)],
        now_ms: u64,
    ) -> Told {
        let message_id = about.message_id.to_string();
        let event = LinkEvent {
            message_id: message_id.clone(),
            segment: u32::from(about.segment),
            segments: u32::from(about.segments),
            event: Some(event),
            ..self.event(now_ms)
        };
        let mut audit = self.audit(action, outcome, about.subject, attributes, now_ms);
        audit.message_id = message_id;
        audit.trace_id = trace_id(about.trace);
        audit
            .attributes
            .insert("segment".to_owned(), about.segment.to_string());
        Told {
            event: event.encode_to_vec(),
            audit: audit.encode_to_vec(),
        }
    }

    fn event(&self, now_ms: u64) -> LinkEvent {
        LinkEvent {
            link: self.link.as_str().to_owned(),
            at_unix_ms: signed(now_ms),
            ..LinkEvent::default()
        }
    }

    fn audit(
        &self,
        action: &str,
        outcome: &str,
        subject: Option<&Tag>,
        attributes: &[(&str, String)],
        now_ms: u64,
    ) -> AuditEvent {
        let link = ("link", self.link.as_str().to_owned());
        let attributes = attributes.iter().cloned().chain([link]);
        AuditEvent {
            event_id: Uuid::now_v7().to_string(),
            occurred_at_unix_ms: signed(now_ms),
            action: action.to_owned(),
            outcome: outcome.to_owned(),
            actor: self.actor.clone(),
            subject_tag: subject
                .map(|tag| tag.as_bytes().to_vec().into())
                .unwrap_or_default(),
            attributes: attributes.map(|(key, value)| (key.to_owned(), value)).collect(),
            ..AuditEvent::default()
        }
    }
}

/// A carrier as the protobuf messages name it.
pub fn carrier(carrier: Carrier) -> ProtoCarrier {
    match carrier {
        Carrier::ChinaMobile => ProtoCarrier::ChinaMobile,
        Carrier::ChinaUnicom => ProtoCarrier::ChinaUnicom,
        Carrier::ChinaTelecom => ProtoCarrier::ChinaTelecom,
        Carrier::ChinaBroadnet => ProtoCarrier::ChinaBroadnet,
    }
}

fn trace_id(trace: Option<TraceContext>) -> String {
    trace.map(|trace| trace.trace_id()).unwrap_or_default()
}

/// The protobuf messages have signed times.
pub fn signed(unix_ms: u64) -> i64 {
    i64::try_from(unix_ms).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use hongyan_proto::{
        audit::v1::AuditEvent,
        carrier::v1::{LinkEvent, link_event::Event},
    };
    use prost::Message as _;

    use super::{About, Submitted};
    use crate::testing;

    #[test]
    fn both_forms_name_the_message_and_no_person() {
        let teller = testing::teller();
        let tag = testing::keyring().tag(hongyan_envelope::SUBJECT, "+8613800138000");
        let about = About {
            message_id: testing::message_id(3),
            segment: 2,
            segments: 3,
            subject: Some(&tag),
            trace: hongyan_telemetry::TraceContext::parse(testing::TRACEPARENT),
        };
        let submitted = Submitted {
            carrier_message_id: "7fd913c12d34b9c9".to_owned(),
            sequence: 9,
            slot: 1,
            attempt: 2,
        };
        let told = teller.submitted(&about, &submitted, 1_000);
        let event = LinkEvent::decode(told.event.as_slice()).unwrap();
        assert_eq!(
            (event.message_id.as_str(), event.segment, event.segments),
            (testing::message_id(3).to_string().as_str(), 2, 3)
        );
        assert!(matches!(event.event, Some(Event::Submitted(submitted)) if submitted.attempt == 2));
        let audit = AuditEvent::decode(told.audit.as_slice()).unwrap();
        assert_eq!(
            (audit.action.as_str(), audit.outcome.as_str()),
            ("SEGMENT_SUBMITTED", "TAKEN")
        );
        assert_eq!(audit.trace_id, testing::TRACE_ID);
        assert_eq!(audit.subject_tag.as_ref(), tag.as_bytes());
        assert_eq!(audit.attributes["segment"], "2");
        for octets in [told.event, told.audit] {
            assert!(!String::from_utf8_lossy(&octets).contains("13800138000"));
        }
    }
}
