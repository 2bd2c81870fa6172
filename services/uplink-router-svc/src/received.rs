//! An uplink as it is taken off the stream.

use hongyan_domain::Msisdn;
use hongyan_envelope::{Keyring, OpenError};
use hongyan_proto::carrier::v1::InboundUplink;
use hongyan_queue::Entry;
use prost::Message as _;
use uuid::Uuid;
use zeroize::{Zeroize as _, Zeroizing};

/// The context under which links seal uplinks.
pub const SEALED_AS: &[u8] = b"uplink";

/// A subscriber's text. Has no `Debug`: nearly all of it is personal.
pub struct Received {
    /// A UUID; the same for every attempt.
    pub uplink_id: String,
    /// The link that it came by.
    pub link: String,
    /// As the carrier sent it, or E.164.
    pub phone: String,
    /// The sender, where it is a mobile number and can be answered.
    pub sender: Option<Msisdn>,
    /// The access number with extension.
    pub access_number: String,
    /// What it says; wiped when dropped, because it may hold a secret.
    pub text: Zeroizing<String>,
    /// When the link had it, in milliseconds since 1970.
    pub received_at_unix_ms: i64,
    /// Parts of it are missing.
    pub partial: bool,
}

/// Why an entry cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// Its key is not in the ring, which may not have been reloaded yet.
    KeyMissing,
    /// It never will be: UPPER_SNAKE, why.
    Never(&'static str),
}

impl Received {
    /// Opens and checks an entry.
    pub fn open(keyring: &Keyring, entry: &Entry) -> Result<Self, Unreadable> {
        let sealed = entry.body().ok_or(Unreadable::Never("NO_BODY"))?;
        let opened = keyring.open(SEALED_AS, sealed).map_err(|error| match error {
            OpenError::UnknownKey { .. } => Unreadable::KeyMissing,
            OpenError::Malformed | OpenError::UnknownVersion { .. } => Unreadable::Never("NOT_SEALED"),
            OpenError::NotAuthentic => Unreadable::Never("NOT_AUTHENTIC"),
        })?;
        let mut uplink =
            InboundUplink::decode(opened.as_slice()).map_err(|_| Unreadable::Never("NOT_AN_UPLINK"))?;
        let text = Zeroizing::new(std::mem::take(&mut uplink.text));
        if Uuid::try_parse(&uplink.uplink_id).is_err() {
            uplink.phone.zeroize();
            return Err(Unreadable::Never("NO_UPLINK_ID"));
        }
        Ok(Self {
            sender: Msisdn::parse(&uplink.phone).ok(),
            uplink_id: uplink.uplink_id,
            link: uplink.link,
            phone: uplink.phone,
            access_number: uplink.access_number,
            text,
            received_at_unix_ms: uplink.received_at_unix_ms,
            partial: uplink.partial,
        })
    }
}
