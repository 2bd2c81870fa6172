//! What a caller is told, and what the record keeps of it.

use hongyan_domain::Carrier;
use hongyan_envelope::{Keyring, SUBJECT, SealError};
use hongyan_proto::{
    audit::v1::AuditEvent,
    common::v1 as common,
    verify::v1::{Element, Outcome, VerifyIdentityRequest, VerifyIdentityResponse},
};
use prost::Message as _;
use uuid::Uuid;

use crate::{question::Question, upstream::Heard};

/// Binds sealed personal data to the record.
const CONTEXT: &[u8] = b"audit-personal";

/// The reason of INDETERMINATE where the asking process died: the question may have been charged, and is not repeated.
pub const INTERRUPTED: &str = "INTERRUPTED";
/// The reason of INDETERMINATE where the settings name no upstream for the number's carrier.
pub const NO_UPSTREAM: &str = "NO_UPSTREAM";

/// What the upstreams said. `carrier` is the catalog's word, which gives way to the upstream's.
pub fn from_heard(
    question: &Question,
    verification_id: Uuid,
    carrier: Option<Carrier>,
    heard: &Heard,
) -> VerifyIdentityResponse {
    VerifyIdentityResponse {
        outcome: heard.meaning.outcome.into(),
        mismatched: heard
            .meaning
            .mismatched
            .iter()
            .map(|element| i32::from(*element))
            .collect(),
        raw_code: heard.raw_code.clone(),
        upstream: heard.upstream.to_string(),
        charged: heard.meaning.charged,
        upstream_latency_ms: u32::try_from(heard.latency.as_millis()).unwrap_or(u32::MAX),
        reason: heard.meaning.reason.clone(),
        ..blank(question, verification_id, heard.carrier.or(carrier))
    }
}

/// Nobody could tell, for a reason of ours.
pub fn indeterminate(
    question: &Question,
    verification_id: Uuid,
    carrier: Option<Carrier>,
    charged: Option<bool>,
    reason: &str,
) -> VerifyIdentityResponse {
    VerifyIdentityResponse {
        outcome: Outcome::Indeterminate.into(),
        charged,
        reason: reason.to_owned(),
        ..blank(question, verification_id, carrier)
    }
}

fn blank(question: &Question, verification_id: Uuid, carrier: Option<Carrier>) -> VerifyIdentityResponse {
    let carrier = match carrier {
        None => common::Carrier::Unspecified,
        Some(Carrier::ChinaMobile) => common::Carrier::ChinaMobile,
        Some(Carrier::ChinaUnicom) => common::Carrier::ChinaUnicom,
        Some(Carrier::ChinaTelecom) => common::Carrier::ChinaTelecom,
        Some(Carrier::ChinaBroadnet) => common::Carrier::ChinaBroadnet,
    };
    VerifyIdentityResponse {
        request_id: question.request_id.as_str().to_owned(),
        verification_id: verification_id.to_string(),
        elements: question.claims.elements().into(),
        carrier: carrier.into(),
        ..VerifyIdentityResponse::default()
    }
}

/// Who asked, and when the answer was given.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// The SPIFFE id of the caller.
    pub actor: &'a str,
    /// Its tenant.
    pub tenant: &'a str,
    /// 32 hexadecimal digits, or empty.
    pub trace_id: &'a str,
    /// Milliseconds.
    pub now_unix_ms: i64,
    /// All attempts at the question; empty where they are not known any more.
    pub attempts: &'a str,
}

/// The event that must be on record before the answer leaves. Its id is the verification's: where an answer had to be put
/// on record a second time because nobody could know of the first, both events have the same.
pub fn event(
    question: &Question,
    answer: &VerifyIdentityResponse,
    given: Given<'_>,
    keyring: &Keyring,
) -> Result<AuditEvent, SealError> {
    let canonical = question.canonical();
    let personal = VerifyIdentityRequest {
        phone: canonical.phone.clone(),
        name: canonical.name,
        id_number: canonical.id_number,
        ..VerifyIdentityRequest::default()
    };
    let charged = match answer.charged {
        Some(true) => "true",
        Some(false) => "false",
        None => "unknown",
    };
    let mismatched: Vec<_> = answer
        .mismatched()
        .map(|element| short(element.as_str_name(), "ELEMENT_"))
        .collect();
    let attributes = [
        ("request_id", answer.request_id.clone()),
        ("verification_id", answer.verification_id.clone()),
        ("elements", short(answer.elements().as_str_name(), "ELEMENTS_")),
        ("mismatched", mismatched.join(" ")),
        ("raw_code", answer.raw_code.clone()),
        ("carrier", short(answer.carrier().as_str_name(), "CARRIER_")),
        ("upstream", answer.upstream.clone()),
        ("charged", charged.to_owned()),
        ("upstream_latency_ms", answer.upstream_latency_ms.to_string()),
        ("reason", answer.reason.clone()),
        ("attempts", given.attempts.to_owned()),
    ];
    Ok(AuditEvent {
        event_id: answer.verification_id.clone(),
        occurred_at_unix_ms: given.now_unix_ms,
        action: "VERIFY_ANSWERED".to_owned(),
        outcome: short(answer.outcome().as_str_name(), "OUTCOME_"),
        actor: given.actor.to_owned(),
        tenant: given.tenant.to_owned(),
        // A verification is found by its id like a message by its own.
        message_id: answer.verification_id.clone(),
        trace_id: given.trace_id.to_owned(),
        subject_tag: keyring.tag(SUBJECT, &canonical.phone).as_bytes().to_vec().into(),
        purpose: question.purpose.clone(),
        consent_id: question.consent_id.clone(),
        attributes: attributes
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        sealed: keyring.seal(CONTEXT, &personal.encode_to_vec())?.into(),
    })
}

fn short(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_owned()
}

/// Whether an answer is one that a caller may be given: never without an outcome.
pub fn is_whole(answer: &VerifyIdentityResponse) -> bool {
    answer.outcome() != Outcome::Unspecified
        && answer.mismatched().all(|element| element != Element::Unspecified)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hongyan_domain::Carrier;
    use hongyan_proto::verify::v1::{Element, Outcome, VerifyIdentityRequest};
    use prost::Message as _;
    use time::macros::date;
    use uuid::Uuid;

    use super::{Given, INTERRUPTED, event, from_heard, indeterminate, is_whole};
    use crate::{
        question::Question,
        testing,
        upstream::{Heard, codes::Meaning},
    };

    fn question() -> Question {
        let request = VerifyIdentityRequest {
            request_id: "r-1".into(),
            phone: "13800138000".into(),
            name: "张三".into(),
            id_number: "11010519491231002X".into(),
            consent_id: "consent-7".into(),
            purpose: "投保实名核验".into(),
        };
        Question::read(&request, date!(2026 - 11 - 21)).unwrap()
    }

    fn heard() -> Heard {
        Heard {
            meaning: Meaning {
                outcome: Outcome::Mismatch,
                mismatched: vec![Element::Name],
                charged: Some(true),
                reason: String::new(),
            },
            raw_code: "2".into(),
            carrier: Some(Carrier::ChinaUnicom),
            upstream: "alpha".into(),
            latency: Duration::from_millis(42),
            attempts: "alpha:2:charged".into(),
        }
    }

    #[test]
    fn the_event_tells_everything_but_who_it_is_about() {
        let id = Uuid::now_v7();
        let answer = from_heard(&question(), id, Some(Carrier::ChinaMobile), &heard());
        let keyring = testing::keyring();
        let given = Given {
            actor: "spiffe://td/caller/a",
            tenant: "a",
            trace_id: "4bf92f3577b34da6a3ce929d0e0e4736",
            now_unix_ms: 1_795_000_000_000,
            attempts: "alpha:2:charged",
        };
        let event = event(&question(), &answer, given, &keyring).unwrap();
        assert_eq!(
            (event.action.as_str(), event.outcome.as_str()),
            ("VERIFY_ANSWERED", "MISMATCH")
        );
        assert_eq!(event.consent_id, "consent-7");
        let attribute = |name: &str| event.attributes.get(name).map(String::as_str);
        assert_eq!(
            attribute("carrier"),
            Some("CHINA_UNICOM"),
            "the upstream's word wins"
        );
        assert_eq!(attribute("mismatched"), Some("NAME"));
        assert_eq!(attribute("charged"), Some("true"));
        assert_eq!(attribute("elements"), Some("PHONE_NAME_ID_NUMBER"));
        assert_eq!(attribute("reason"), None, "what is empty is left out");
        assert_eq!(
            event.subject_tag.as_ref(),
            keyring.tag("subject", "+8613800138000").as_bytes()
        );

        let opened = keyring.open(b"audit-personal", &event.sealed).unwrap();
        let personal = VerifyIdentityRequest::decode(opened.as_slice()).unwrap();
        assert_eq!(personal.name, "张三");
        let mut outside = event.clone();
        outside.sealed.clear();
        let text = format!("{outside:?}");
        for secret in ["13800138000", "张三", "19491231"] {
            assert!(!text.contains(secret));
        }
    }

    #[test]
    fn an_interrupted_question_is_indeterminate_and_its_charge_unknown() {
        let answer = indeterminate(&question(), Uuid::nil(), None, None, INTERRUPTED);
        assert_eq!(answer.outcome(), Outcome::Indeterminate);
        assert_eq!((answer.charged, answer.reason.as_str()), (None, "INTERRUPTED"));
        assert!(
            is_whole(&answer) && !is_whole(&hongyan_proto::verify::v1::VerifyIdentityResponse::default())
        );
    }
}
