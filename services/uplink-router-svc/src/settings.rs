//! The settings of this service.

use std::{path::PathBuf, time::Duration};

use hongyan_config::{SecretFile, Source};
use hongyan_identity::SpiffeId;
use hongyan_queue::RedisSettings;

use crate::loop_guard::LoopPolicy;

/// Everything that this service reads, besides what the chassis reads.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `redis.*`.
    pub redis: RedisSettings,
    /// `catalog.dir`.
    pub catalog_dir: PathBuf,
    /// `catalog.reload_interval_ms` (1,000).
    pub catalog_interval: Duration,
    /// `keyring.file`; `None` only where that was noted as a mistake.
    pub keyring_file: Option<SecretFile>,
    /// `keyring.reload_interval_ms` (1,000).
    pub keyring_interval: Duration,
    /// `dispatch.address`: `host:port`.
    pub dispatch_address: String,
    /// `dispatch.spiffe_id` (`svc/dispatch` of `identity.trust_domain`): whom to expect there; `None` only where a
    /// mistake was noted.
    pub dispatch_id: Option<SpiffeId>,
    /// `dispatch.connections` (4).
    pub dispatch_connections: usize,
    /// How uplinks are worked on.
    pub router: RouterSettings,
    /// `watch.max_per_tenant` (32): open `WatchUplinks` streams of one tenant at this process.
    pub max_watchers_per_tenant: usize,
}

/// How uplinks are worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouterSettings {
    /// `router.lease_ms` (30,000): an uplink whose worker has not been heard of for so long goes to another. Work that
    /// takes longer renews its lease.
    pub lease: Duration,
    /// `router.concurrency` (64): uplinks at work at once.
    pub concurrency: usize,
    /// `router.give_up_after_ms` (3,600,000): a reply that could not be sent for so long is given up, with an alarm. An
    /// opt-out is never given up.
    pub give_up_after: Duration,
    /// `loop.max_replies` (5), `loop.window_ms` (600,000), `loop.same_text_row` (3).
    pub loops: LoopPolicy,
}

impl Default for RouterSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            concurrency: 64,
            give_up_after: Duration::from_hours(1),
            loops: LoopPolicy::default(),
        }
    }
}

impl Settings {
    /// Reads them; mistakes are noted in the source.
    pub fn read(source: &mut Source) -> Self {
        let keyring_file = source.secret_file("keyring.file");
        if keyring_file.is_none() && source.optional::<String>("keyring.file").is_none() {
            source.note("keyring.file", "must be set");
        }
        Self {
            redis: RedisSettings::read(source),
            catalog_dir: source.required("catalog.dir", PathBuf::new()),
            catalog_interval: source.duration_ms("catalog.reload_interval_ms", 1_000),
            keyring_file,
            keyring_interval: source.duration_ms("keyring.reload_interval_ms", 1_000),
            dispatch_address: source.required("dispatch.address", String::new()),
            dispatch_id: dispatch_id(source),
            dispatch_connections: count(source, "dispatch.connections", 4, 64),
            router: RouterSettings::read(source),
            max_watchers_per_tenant: count(source, "watch.max_per_tenant", 32, 1_024),
        }
    }
}

impl RouterSettings {
    fn read(source: &mut Source) -> Self {
        let default = Self::default();
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let limit = |source: &mut Source, key: &str, default: u32| {
            u32::try_from(source.within(key, u64::from(default), 1, 1_000)).unwrap_or(default)
        };
        Self {
            lease: source.duration_ms("router.lease_ms", ms(default.lease)),
            concurrency: count(source, "router.concurrency", default.concurrency as u64, 1_024),
            give_up_after: source.duration_ms("router.give_up_after_ms", ms(default.give_up_after)),
            loops: LoopPolicy {
                max_replies: limit(source, "loop.max_replies", default.loops.max_replies),
                window: source.duration_ms("loop.window_ms", ms(default.loops.window)),
                same_text_row: limit(source, "loop.same_text_row", default.loops.same_text_row),
            },
        }
    }
}

/// Of this mesh's own trust domain, where the settings do not say another.
fn dispatch_id(source: &mut Source) -> Option<SpiffeId> {
    let text = match source.optional::<String>("dispatch.spiffe_id") {
        Some(text) => text,
        // A missing trust domain is the chassis' to report.
        None => format!(
            "spiffe://{}/svc/dispatch",
            source.optional::<String>("identity.trust_domain")?
        ),
    };
    let id = text.parse::<SpiffeId>();
    id.map_err(|error| source.note("dispatch.spiffe_id", &error.to_string()))
        .ok()
}

fn count(source: &mut Source, key: &str, default: u64, most: u64) -> usize {
    usize::try_from(source.within(key, default, 1, most)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use hongyan_config::{Source, SourceSpec};

    use super::{RouterSettings, Settings};

    fn source(env: &[(&str, &str)]) -> Source {
        Source::load(SourceSpec {
            file: None,
            env_prefix: "HONGYAN",
            env: env
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        })
    }

    #[test]
    fn what_is_missing_or_wrong_is_reported_at_once() {
        let mut source = source(&[
            ("HONGYAN_DISPATCH_SPIFFE_ID", "dispatch"),
            ("HONGYAN_LOOP_MAX_REPLIES", "0"),
        ]);
        Settings::read(&mut source);
        let keys: Vec<_> = source
            .finish()
            .unwrap_err()
            .0
            .into_iter()
            .map(|mistake| mistake.key)
            .collect();
        for key in [
            "keyring.file",
            "catalog.dir",
            "dispatch.address",
            "dispatch.spiffe_id",
            "loop.max_replies",
        ] {
            assert_eq!(
                keys.iter().filter(|own| *own == key).count(),
                1,
                "{key} in {keys:?}"
            );
        }
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let settings = Settings::read(&mut source(&[("HONGYAN_ROUTER_CONCURRENCY", "8")]));
        let expected = RouterSettings {
            concurrency: 8,
            ..RouterSettings::default()
        };
        assert_eq!(settings.router, expected);
        assert_eq!(
            (settings.dispatch_connections, settings.max_watchers_per_tenant),
            (4, 32)
        );
    }
}
