//! What can be set, besides what every service has.

use std::{path::PathBuf, time::Duration};

use hongyan_config::{SecretFile, Source};
use hongyan_queue::RedisSettings;

/// This service's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `redis.*`.
    pub redis: RedisSettings,
    /// `catalog.dir`: the directory of `tenants.yaml`, `links.yaml` and `routes.yaml`.
    pub catalog_dir: PathBuf,
    /// `catalog.reload_interval_ms` (1,000): how often the files are looked at.
    pub catalog_reload_interval: Duration,
    /// `keyring.file`: the keys that messages are sealed and numbers tagged with. `None` only beside a noted mistake.
    pub keyring_file: Option<SecretFile>,
    /// `keyring.reload_interval_ms` (1,000): how often the file is looked at.
    pub keyring_reload_interval: Duration,
    /// `accept.batches_per_stream` (8): batches of one stream at work at once.
    pub batches_per_stream: usize,
    /// `accept.batches` (64): batches of all streams at work at once.
    pub batches: usize,
    /// `queue.max_entries` (2,000,000): entries of one send queue, beyond which messages are refused.
    pub max_entries: u64,
    /// `watch.max_per_tenant` (16): watchers of receipts that a tenant may have open at this process.
    pub max_watchers: usize,
    /// `worker.batch` (256): reports that are settled together.
    pub worker_batch: usize,
    /// `worker.lease_ms` (10,000): how long reports may be at work before another replica takes them over.
    pub worker_lease: Duration,
    /// `routing.link_down_after_ms` (30,000; 1,000 to 3,600,000): how long nobody may have told of a ready connection of
    /// a link before its messages go to another link of their route.
    pub link_down_after: Duration,
    /// `routing.learned_for_days` (120; 1 to 3,650): how long it holds where a number was found. A number may be taken to
    /// another carrier again after 120 days.
    pub learned_for: Duration,
}

impl Settings {
    /// Reads the settings; mistakes are noted in the source.
    pub fn read(source: &mut Source) -> Self {
        let redis = RedisSettings::read(source);
        let catalog_dir: PathBuf = source.required("catalog.dir", PathBuf::new());
        let keyring_file = source.secret_file("keyring.file");
        if keyring_file.is_none() && source.optional::<String>("keyring.file").is_none() {
            source.note("keyring.file", "must be set");
        }
        let mut count = |key: &str, default: u64, most: u64| source.within(key, default, 1, most) as usize;
        let batches_per_stream = count("accept.batches_per_stream", 8, 64);
        let batches = count("accept.batches", 64, 4_096);
        let max_watchers = count("watch.max_per_tenant", 16, 1_024);
        let worker_batch = count("worker.batch", 256, 1_024);
        Self {
            redis,
            catalog_dir,
            catalog_reload_interval: source.duration_ms("catalog.reload_interval_ms", 1_000),
            keyring_file,
            keyring_reload_interval: source.duration_ms("keyring.reload_interval_ms", 1_000),
            batches_per_stream,
            batches,
            max_entries: source.within("queue.max_entries", 2_000_000, 1, 1_000_000_000),
            max_watchers,
            worker_batch,
            worker_lease: source.duration_ms("worker.lease_ms", 10_000),
            link_down_after: Duration::from_millis(source.within(
                "routing.link_down_after_ms",
                30_000,
                1_000,
                3_600_000,
            )),
            learned_for: Duration::from_hours(24 * source.within("routing.learned_for_days", 120, 1, 3_650)),
        }
    }
}

#[cfg(test)]
mod tests {
    use hongyan_config::{Source, SourceSpec};

    use super::Settings;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        let env = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let mut source = Source::load(SourceSpec {
            file: None,
            env_prefix: "HONGYAN",
            env,
        });
        let settings = Settings::read(&mut source);
        source
            .finish()
            .map(|()| settings)
            .map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn every_missing_setting_is_named_once() {
        let mistakes = read(&[]).unwrap_err();
        for key in ["redis.url", "catalog.dir", "keyring.file"] {
            assert_eq!(mistakes.matches(key).count(), 1, "{mistakes}");
        }
    }

    #[test]
    fn limits_have_limits() {
        let mistakes = read(&[
            ("HONGYAN_REDIS_URL", "redis://127.0.0.1:1"),
            ("HONGYAN_CATALOG_DIR", "catalog"),
            (
                "HONGYAN_KEYRING_FILE",
                concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
            ),
            ("HONGYAN_ACCEPT_BATCHES", "0"),
            ("HONGYAN_QUEUE_MAX_ENTRIES", "many"),
            ("HONGYAN_WORKER_BATCH", "5000"),
        ])
        .unwrap_err();
        for key in ["accept.batches", "queue.max_entries", "worker.batch"] {
            assert!(mistakes.contains(key), "{mistakes}");
        }
    }
}
