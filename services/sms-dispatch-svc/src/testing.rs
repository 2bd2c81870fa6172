//! What the tests of this crate share.

use hongyan_catalog::{Catalog, Tenant};
use hongyan_domain::TenantId;
use hongyan_envelope::{Keyring, SUBJECT};
use hongyan_proto::{
    common::v1::MessageClass,
    dispatch::v1::{SendMessageRequest, send_message_request::Content},
};

use crate::{request::Surroundings, routing::Health};

pub(crate) fn catalog() -> Catalog {
    Catalog::load(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/catalog")).unwrap()
}

pub(crate) fn tenant<'a>(catalog: &'a Catalog, id: &str) -> &'a Tenant {
    catalog.tenant(&TenantId::parse(id).unwrap()).unwrap()
}

pub(crate) fn keyring() -> Keyring {
    keyring_with_tag_octet(2)
}

pub(crate) fn keyring_with_tag_octet(octet: u8) -> Keyring {
    const ONES: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    let tag_key = match octet {
        2 => "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=",
        _ => "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=",
    };
    Keyring::parse(&format!(
        r#"{{"active":"k1","keys":{{"k1":"{ONES}"}},"tag_key":"{tag_key}"}}"#
    ))
    .unwrap()
}

/// Nothing was learned and every link is up.
pub(crate) fn surrounded<T>(work: impl FnOnce(&Surroundings<'_>) -> T) -> T {
    let keyring = keyring();
    work(&Surroundings {
        tag: &|phone| keyring.tag(SUBJECT, &phone.e164()),
        learned: &|_| None,
        health: &Health::default(),
    })
}

/// A one-time code to a subscriber of China Mobile.
pub(crate) fn request() -> SendMessageRequest {
    SendMessageRequest {
        request_id: "req-1".into(),
        phone: "13800138000".into(),
        class: MessageClass::Otp.into(),
        content: Some(Content::Text("您的验证码是123456".into())),
        ..SendMessageRequest::default()
    }
}
