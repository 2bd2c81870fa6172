//! What the tests of several modules use.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

use std::{net::SocketAddr, time::Duration};

use hongyan_catalog::{Cmpp, CmppVersion, KeepAlive, Link, Protocol, TextRules};
use hongyan_domain::{Carrier, LinkName, MessageClass, MessageId, Msisdn, Partition};
use hongyan_envelope::Keyring;

use crate::{events::Teller, outbound::Outbound};

pub(crate) const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
pub(crate) const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
pub(crate) const PHONE: &str = "13800138000";

pub(crate) fn message_id(n: u8) -> MessageId {
    MessageId::new(1_700_000_000_000, Partition::new(0).unwrap(), [n; 8])
}

pub(crate) fn link(gateway: SocketAddr) -> Link {
    Link {
        name: LinkName::parse("cmcc-a").unwrap(),
        carrier: Carrier::ChinaMobile,
        protocol: Protocol::Cmpp(Cmpp {
            version: CmppVersion::V3_0,
        }),
        host: gateway.ip().to_string(),
        port: gateway.port(),
        account: "900001".to_owned(),
        secret_file: "/nonexistent".into(),
        service_id: "HONGYAN".to_owned(),
        connections: 1,
        window: 16,
        pace_segments_per_second: 1_000,
        access_number: None,
        keep_alive: KeepAlive {
            idle: Duration::from_secs(30),
            timeout: Duration::from_secs(10),
            attempts: 3,
        },
        response_timeout: Duration::from_secs(10),
        submit_attempts: 1,
        reconnect: None,
        text: TextRules::default(),
    }
}

pub(crate) fn outbound(text: &str, segments: u32) -> Outbound {
    Outbound {
        message_id: message_id(0),
        class: MessageClass::Notice,
        phone: Msisdn::parse(PHONE).unwrap(),
        source: "1069012345".to_owned(),
        text: text.to_owned(),
        segments,
        valid_until_unix_ms: 1_795_293_793_000,
        queued_at_unix_ms: 0,
    }
}

pub(crate) fn teller() -> Teller {
    Teller {
        link: LinkName::parse("cmcc-a").unwrap(),
        actor: "spiffe://test/svc/carrier-link".to_owned(),
    }
}

pub(crate) const KEYRING: &str = r#"{"active":"k1","keys":{"k1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="},"tag_key":"ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="}"#;

pub(crate) fn keyring() -> Keyring {
    Keyring::parse(KEYRING).unwrap()
}
