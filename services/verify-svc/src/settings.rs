//! The settings of this service, besides those that every service has.

use std::{path::PathBuf, time::Duration};

use hongyan_config::{SecretFile, Source};
use hongyan_identity::SpiffeId;
use hongyan_queue::RedisSettings;

use crate::upstream::UpstreamsSettings;

/// Everything that `verify-svc` reads.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `redis.*`.
    pub redis: RedisSettings,
    /// `keyring.file`: the keys that personal data is sealed with. `None` only beside a noted mistake.
    pub keyring_file: Option<SecretFile>,
    /// `keyring.reload_interval_ms` (1,000).
    pub keyring_reload: Duration,
    /// `catalog.dir`.
    pub catalog_dir: PathBuf,
    /// `catalog.reload_interval_ms` (1,000).
    pub catalog_reload: Duration,
    /// `audit.address`: `host:port` of audit-svc.
    pub audit_address: String,
    /// `audit.spiffe_id`: who must answer there; by default `svc/audit` of the own trust domain.
    pub audit_id: Option<SpiffeId>,
    /// `audit.timeout_ms` (3,000): an answer whose event is not on record by then is not given.
    pub audit_timeout: Duration,
    /// `stream.max_in_flight` (64): items of one stream that are verified at once.
    pub stream_in_flight: usize,
    /// `stream.patience_ms` (5,000): how long an item of a stream waits for room under its tenant's rate.
    pub stream_patience: Duration,
    /// `upstreams`, `upstream.<name>.*` and `ask.*`.
    pub upstreams: UpstreamsSettings,
}

impl Settings {
    /// Reads them; mistakes are noted in the source.
    pub fn read(source: &mut Source) -> Self {
        let keyring_file = source.secret_file("keyring.file");
        if keyring_file.is_none() {
            // Notes the mistake where there is not even a path.
            source.required("keyring.file", PathBuf::new());
        }
        Self {
            redis: RedisSettings::read(source),
            keyring_file,
            keyring_reload: source.duration_ms("keyring.reload_interval_ms", 1_000),
            catalog_dir: source.required("catalog.dir", PathBuf::new()),
            catalog_reload: source.duration_ms("catalog.reload_interval_ms", 1_000),
            audit_address: source.required("audit.address", String::new()),
            audit_id: audit_id(source),
            audit_timeout: Duration::from_millis(source.within("audit.timeout_ms", 3_000, 10, 60_000)),
            stream_in_flight: source.within("stream.max_in_flight", 64, 1, 4_096) as usize,
            stream_patience: source.duration_ms("stream.patience_ms", 5_000),
            upstreams: UpstreamsSettings::read(source),
        }
    }
}

fn audit_id(source: &mut Source) -> Option<SpiffeId> {
    const KEY: &str = "audit.spiffe_id";
    let (key, text) = if let Some(given) = source.optional::<String>(KEY) {
        (KEY, given)
    } else {
        // Required by the identity's own settings, which also report where it is missing.
        let domain = source.optional::<String>("identity.trust_domain")?;
        ("identity.trust_domain", format!("spiffe://{domain}/svc/audit"))
    };
    text.parse()
        .map_err(|error: hongyan_identity::InvalidSpiffeId| source.note(key, &error.to_string()))
        .ok()
}
