//! A tenant: who may speak for it, from which numbers, how much.

use std::{collections::BTreeMap, time::Duration};

use hongyan_domain::{Carrier, MessageClass, TenantId};

use crate::{Keywords, Template};

/// An access number and its extension together: at most 21 digits, the width of the carriers' field.
pub const MAX_SOURCE_DIGITS: usize = 21;

/// One customer of the mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its name.
    pub id: TenantId,
    /// The SPIFFE ids that speak for it. No other tenant has any of them.
    pub callers: Vec<String>,
    /// Its signatures without brackets, at least one; the first stands where a caller names none.
    pub signatures: Vec<String>,
    /// The numbers that it sends from and is texted at.
    pub access_numbers: Vec<AccessNumber>,
    /// How much it may do.
    pub limits: Limits,
    /// By id.
    pub templates: BTreeMap<String, Template>,
    /// What to do with texts from subscribers.
    pub keywords: Keywords,
    /// The business's own programs that answer questions, by name.
    pub handlers: BTreeMap<String, Handler>,
}

impl Tenant {
    /// A template by its id.
    pub fn template(&self, id: &str) -> Option<&Template> {
        self.templates.get(id)
    }

    /// A handler by its name.
    pub fn handler(&self, name: &str) -> Option<&Handler> {
        self.handlers.get(name)
    }

    /// The number that messages to a carrier's subscribers leave from: the first declared that serves the carrier.
    pub fn access_number(&self, carrier: Carrier) -> Option<&AccessNumber> {
        self.access_numbers.iter().find(|number| number.serves(carrier))
    }

    /// Whether this is one of its signatures, without brackets.
    pub fn has_signature(&self, signature: &str) -> bool {
        self.signatures.iter().any(|own| own == signature)
    }

    /// The signature that stands where a caller names none; empty never, for a tenant has at least one.
    pub fn default_signature(&self) -> &str {
        self.signatures.first().map_or("", String::as_str)
    }
}

/// A number of the carriers' 10… space that belongs to a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessNumber {
    /// Digits.
    pub number: String,
    /// Up to so many further digits may follow it.
    pub extension_digits: u8,
    /// The carriers whose subscribers see it; empty for all.
    pub carriers: Vec<Carrier>,
}

impl AccessNumber {
    /// Whether subscribers of a carrier are served by it.
    pub fn serves(&self, carrier: Carrier) -> bool {
        self.carriers.is_empty() || self.carriers.contains(&carrier)
    }

    /// The extension of a number that begins with this one; `None` where it does not, or has too many digits or
    /// something else behind.
    pub fn extension_of<'a>(&self, dialled: &'a str) -> Option<&'a str> {
        let extension = dialled.strip_prefix(self.number.as_str())?;
        let fits = extension.len() <= usize::from(self.extension_digits)
            && extension.bytes().all(|octet| octet.is_ascii_digit());
        fits.then_some(extension)
    }
}

/// How much a tenant may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// One-time codes to one number; by default 1 in 60 s, 5 in an hour, 10 in 24 hours.
    pub otp: Vec<Window>,
    /// Notices and bulk messages to one number, counted together; by default 50 in 24 hours.
    pub notice: Vec<Window>,
    /// So many messages may wait for the carriers at once.
    pub queue_depth: u64,
    /// Verifications a second, over all callers.
    pub verify_per_second: u32,
}

impl Limits {
    /// The windows that a class counts in. Replies have none: the subscriber asked.
    pub fn windows(&self, class: MessageClass) -> &[Window] {
        match class {
            MessageClass::Otp => &self.otp,
            MessageClass::Notice | MessageClass::Bulk => &self.notice,
            MessageClass::Reply => &[],
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let window = |max, seconds| Window {
            max,
            period: Duration::from_secs(seconds),
        };
        Self {
            otp: vec![window(1, 60), window(5, 3600), window(10, 86_400)],
            notice: vec![window(50, 86_400)],
            queue_depth: 1_000_000,
            verify_per_second: 50,
        }
    }
}

/// At most `max` in any stretch of time as long as `period`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// From 1.
    pub max: u32,
    /// Whole seconds, at most seven days.
    pub period: Duration,
}

impl Window {
    /// The period in milliseconds.
    pub fn period_ms(&self) -> u64 {
        u64::try_from(self.period.as_millis()).unwrap_or(u64::MAX)
    }
}

/// A program of the business that answers subscribers' questions by `UplinkHandlerService`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handler {
    /// `host:port`.
    pub address: String,
    /// Who must answer there.
    pub spiffe_id: String,
    /// Later than this is too late.
    pub deadline: Duration,
}
