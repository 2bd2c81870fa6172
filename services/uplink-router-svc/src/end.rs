//! What became of an uplink, and how that is told: to the tenant's feed and to the record.

use hongyan_domain::TenantId;
use hongyan_envelope::{Keyring, SUBJECT, SealError};
use hongyan_proto::{
    audit::v1::AuditEvent,
    uplink::v1::{Uplink, UplinkDisposition},
};
use prost::Message as _;
use uuid::Uuid;

use crate::received::Received;

/// The context under which entries of the feed are sealed.
pub const FEED_SEALED_AS: &[u8] = b"uplink-feed";

/// What became of a tenant's uplink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// In a word.
    pub disposition: UplinkDisposition,
    /// The message that answered it; empty for none.
    pub reply_message_id: String,
    /// Why it is not what was asked for: UPPER_SNAKE; empty where it is.
    pub detail: String,
}

impl End {
    /// No reply went out.
    pub fn silent(disposition: UplinkDisposition, detail: &str) -> Self {
        Self {
            disposition,
            reply_message_id: String::new(),
            detail: detail.to_owned(),
        }
    }
}

/// A disposition without the enumeration's prefix, e.g. `ANSWERED`.
pub fn label(disposition: UplinkDisposition) -> &'static str {
    let name = disposition.as_str_name();
    name.strip_prefix("UPLINK_DISPOSITION_").unwrap_or(name)
}

/// What is told about an uplink.
pub struct Story<'a> {
    /// The uplink.
    pub received: &'a Received,
    /// The tenant, where the access number has one.
    pub tenant: Option<&'a TenantId>,
    /// The rule that matched; empty for none.
    pub command: &'a str,
    /// The handler that was to be asked; empty for none.
    pub handler: &'a str,
    /// The text as it may be kept.
    pub kept_text: &'a str,
    /// What became of it; `None` where the access number is nobody's.
    pub end: Option<&'a End>,
}

impl Story<'_> {
    /// The entry of the tenant's feed, sealed.
    pub fn feed_entry(&self, keyring: &Keyring) -> Result<Vec<u8>, SealError> {
        let received = self.received;
        let uplink = Uplink {
            uplink_id: received.uplink_id.clone(),
            phone: received.phone.clone(),
            access_number: received.access_number.clone(),
            text: self.kept_text.to_owned(),
            command: self.command.to_owned(),
            disposition: self
                .end
                .map_or(UplinkDisposition::Unspecified, |end| end.disposition)
                .into(),
            reply_message_id: self
                .end
                .map_or_else(String::new, |end| end.reply_message_id.clone()),
            received_at_unix_ms: received.received_at_unix_ms,
            partial: received.partial,
        };
        keyring.seal(FEED_SEALED_AS, &uplink.encode_to_vec())
    }

    /// The entry of the record, encoded: what was done, in whose name, and the subject's tag; no text, no number.
    pub fn audit_event(
        &self,
        keyring: &Keyring,
        actor: &str,
        trace_id: Option<String>,
        now_unix_ms: i64,
    ) -> Vec<u8> {
        let received = self.received;
        let mut attributes = vec![
            ("uplink_id", received.uplink_id.clone()),
            ("access_number", digits(&received.access_number)),
            ("link", visible(&received.link)),
        ];
        let optional = [
            ("rule", self.command),
            ("handler", self.handler),
            ("detail", self.end.map_or("", |end| &end.detail)),
            ("partial", if received.partial { "true" } else { "" }),
        ];
        attributes.extend(
            optional
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| (name, value.to_owned())),
        );
        let action = if self.end.is_some() {
            "UPLINK_ROUTED"
        } else {
            "UPLINK_UNROUTED"
        };
        let subject = received.sender.map(|sender| keyring.tag(SUBJECT, &sender.e164()));
        let event = AuditEvent {
            event_id: Uuid::now_v7().to_string(),
            occurred_at_unix_ms: now_unix_ms,
            action: action.to_owned(),
            outcome: self
                .end
                .map_or("UNROUTED", |end| label(end.disposition))
                .to_owned(),
            actor: actor.to_owned(),
            tenant: self
                .tenant
                .map_or_else(String::new, |tenant| tenant.as_str().to_owned()),
            message_id: self
                .end
                .map_or_else(String::new, |end| end.reply_message_id.clone()),
            trace_id: trace_id.unwrap_or_default(),
            subject_tag: subject.map_or_else(Default::default, |tag| tag.as_bytes().to_vec().into()),
            attributes: attributes
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            ..AuditEvent::default()
        };
        event.encode_to_vec()
    }
}

/// Digits of a number that a carrier sent; anything else might be anything.
fn digits(text: &str) -> String {
    const MOST: usize = 32;
    text.chars().filter(char::is_ascii_digit).take(MOST).collect()
}

fn visible(text: &str) -> String {
    const MOST: usize = 64;
    text.chars().filter(char::is_ascii_graphic).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use hongyan_domain::{Msisdn, TenantId};
    use hongyan_envelope::{Keyring, SUBJECT};
    use hongyan_proto::{
        audit::v1::AuditEvent,
        uplink::v1::{Uplink, UplinkDisposition},
    };
    use prost::Message as _;

    use super::{End, FEED_SEALED_AS, Story, label};
    use crate::{received::Received, testing::keyring};

    fn received() -> Received {
        Received {
            uplink_id: "01901234-5678-7abc-bfff-ffffffffffff".into(),
            link: "cmcc-1".into(),
            phone: "+8613800138000".into(),
            sender: Msisdn::parse("13800138000").ok(),
            access_number: "10690123".into(),
            text: zeroize::Zeroizing::new("6222*secret".into()),
            received_at_unix_ms: 7,
            partial: true,
        }
    }

    fn audit(keyring: &Keyring, story: &Story<'_>) -> AuditEvent {
        let trace = Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned());
        let octets = story.audit_event(keyring, "spiffe://td/svc/uplink-router", trace, 9);
        for personal in ["13800138000", "6222", "secret"] {
            let found = octets
                .windows(personal.len())
                .any(|window| window == personal.as_bytes());
            assert!(!found, "{personal} is on record");
        }
        AuditEvent::decode(octets.as_slice()).unwrap()
    }

    #[test]
    fn the_record_holds_no_personal_data_and_the_feed_is_sealed() {
        let keyring = keyring();
        let (received, tenant) = (received(), TenantId::parse("hrss").unwrap());
        let end = End {
            disposition: UplinkDisposition::Answered,
            reply_message_id: "m".into(),
            detail: String::new(),
        };
        let story = Story {
            received: &received,
            tenant: Some(&tenant),
            command: "login",
            handler: "cards",
            kept_text: "6222****",
            end: Some(&end),
        };
        let event = audit(&keyring, &story);
        assert_eq!(
            (event.action.as_str(), event.outcome.as_str()),
            ("UPLINK_ROUTED", "ANSWERED")
        );
        assert_eq!((event.tenant.as_str(), event.message_id.as_str()), ("hrss", "m"));
        assert_eq!(
            event.subject_tag,
            keyring.tag(SUBJECT, "+8613800138000").as_bytes().as_slice()
        );
        assert_eq!(event.attributes["rule"], "login");
        assert_eq!(event.attributes["partial"], "true");
        let sealed = story.feed_entry(&keyring).unwrap();
        let uplink = Uplink::decode(keyring.open(FEED_SEALED_AS, &sealed).unwrap().as_slice()).unwrap();
        assert_eq!(
            (uplink.text.as_str(), uplink.phone.as_str()),
            ("6222****", "+8613800138000")
        );
        assert_eq!(uplink.disposition(), UplinkDisposition::Answered);
    }

    #[test]
    fn an_unrouted_uplink_is_on_record_without_a_tenant() {
        let keyring = keyring();
        let mut received = received();
        received.access_number = "12333\nx".into();
        let story = Story {
            received: &received,
            tenant: None,
            command: "",
            handler: "",
            kept_text: "",
            end: None,
        };
        let event = audit(&keyring, &story);
        assert_eq!(
            (event.action.as_str(), event.outcome.as_str()),
            ("UPLINK_UNROUTED", "UNROUTED")
        );
        assert_eq!(event.attributes["access_number"], "12333");
        assert_eq!(event.tenant, "");
    }

    #[test]
    fn labels_have_no_prefix() {
        assert_eq!(label(UplinkDisposition::LoopSuppressed), "LOOP_SUPPRESSED");
    }
}
