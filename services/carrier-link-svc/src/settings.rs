//! The settings of this service, besides those that every service has.

use std::{path::PathBuf, time::Duration};

use hongyan_config::{SecretFile, Source};
use hongyan_queue::RedisSettings;

/// All of them.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `redis.*`.
    pub redis: RedisSettings,
    /// `catalog.dir`: the directory with `links.yaml`.
    pub catalog_dir: PathBuf,
    /// `catalog.reload_interval_ms` (1,000).
    pub catalog_interval: Duration,
    /// `keyring.file`: the keys that open outbound messages and seal uplinks.
    pub keyring_file: Option<SecretFile>,
    /// `keyring.reload_interval_ms` (1,000).
    pub keyring_interval: Duration,
    /// `link.*`.
    pub tuning: Tuning,
}

/// How this process works its links.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// `link.lease_ms` (15,000): what a process holds and neither settles nor renews for so long, another takes over.
    /// Renewed at a third of it.
    pub lease: Duration,
    /// `link.slot_ttl_ms` (6,000): for so long after its last sign of life a dead process's connections stay taken.
    /// Renewed at a third of it.
    pub slot_ttl: Duration,
    /// `link.reconnect_first_ms` (500): the first wait before a connection is tried again; it doubles.
    pub reconnect_first: Duration,
    /// `link.reconnect_most_ms` (30,000): the longest such wait.
    pub reconnect_most: Duration,
    /// `link.connect_timeout_ms` (5,000): for the TCP connection.
    pub connect_timeout: Duration,
    /// `link.part_wait_ms` (120,000): how long the parts of a long uplink wait for the missing ones.
    pub part_wait: Duration,
    /// `link.answer_within_ms` (20,000): a receipt or uplink that cannot be stored for so long is answered with an error,
    /// so that the carrier sends it again later.
    pub answer_within: Duration,
    /// `link.doubt_wait_ms` (30,000): a receipt under an unknown id that has waited so long beyond the response timeout and
    /// the lease is of a submit whose answer never came.
    pub doubt_wait: Duration,
    /// `link.drain_ms` (8,000): how long a draining connection waits for open answers.
    pub drain: Duration,
    /// `link.down_after_ms` (30,000): a link that no process can send on for so long gives back what it holds unsent, so that
    /// it goes another way.
    pub down_after: Duration,
    /// `link.max_attempts` (3): how often a segment without answer is sent again where its class allows that.
    pub max_attempts: u32,
    /// `link.max_throttled` (50): how often a segment is tried again after the carrier asked to slow down.
    pub max_throttled: u32,
    /// `link.require_gateway_proof` (false): refuse a gateway that leaves its authenticator out.
    pub require_gateway_proof: bool,
}

impl Settings {
    /// Reads them; mistakes are noted in the source.
    pub fn read(source: &mut Source) -> Self {
        let redis = RedisSettings::read(source);
        let catalog_dir = source.required("catalog.dir", PathBuf::from("."));
        let catalog_interval = source.duration_ms("catalog.reload_interval_ms", 1_000);
        let keyring_file = source.secret_file("keyring.file");
        if keyring_file.is_none() && source.optional::<String>("keyring.file").is_none() {
            source.note("keyring.file", "must be set: outbound messages are sealed");
        }
        Self {
            redis,
            catalog_dir,
            catalog_interval,
            keyring_file,
            keyring_interval: source.duration_ms("keyring.reload_interval_ms", 1_000),
            tuning: Tuning::read(source),
        }
    }
}

impl Tuning {
    fn read(source: &mut Source) -> Self {
        const HOUR_MS: u64 = 3_600_000;
        let mut within = |key: &str, default: u64, least: u64, most: u64| {
            Duration::from_millis(source.within(key, default, least, most))
        };
        let tuning = Self {
            lease: within("link.lease_ms", 15_000, 1_000, HOUR_MS),
            slot_ttl: within("link.slot_ttl_ms", 6_000, 500, HOUR_MS),
            reconnect_first: within("link.reconnect_first_ms", 500, 10, HOUR_MS),
            reconnect_most: within("link.reconnect_most_ms", 30_000, 10, HOUR_MS),
            connect_timeout: within("link.connect_timeout_ms", 5_000, 10, HOUR_MS),
            part_wait: within("link.part_wait_ms", 120_000, 100, 24 * HOUR_MS),
            answer_within: within("link.answer_within_ms", 20_000, 100, HOUR_MS),
            doubt_wait: within("link.doubt_wait_ms", 30_000, 100, HOUR_MS / 2),
            drain: within("link.drain_ms", 8_000, 1, HOUR_MS),
            down_after: within("link.down_after_ms", 30_000, 100, 24 * HOUR_MS),
            max_attempts: source.within("link.max_attempts", 3, 1, 100) as u32,
            max_throttled: source.within("link.max_throttled", 50, 1, 10_000) as u32,
            require_gateway_proof: source.or("link.require_gateway_proof", false),
        };
        if tuning.reconnect_first > tuning.reconnect_most {
            source.note(
                "link.reconnect_first_ms",
                "must not be longer than link.reconnect_most_ms",
            );
        }
        tuning
    }
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            slot_ttl: Duration::from_secs(6),
            reconnect_first: Duration::from_millis(500),
            reconnect_most: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            part_wait: Duration::from_mins(2),
            answer_within: Duration::from_secs(20),
            doubt_wait: Duration::from_secs(30),
            drain: Duration::from_secs(8),
            down_after: Duration::from_secs(30),
            max_attempts: 3,
            max_throttled: 50,
            require_gateway_proof: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use hongyan_config::{Source, SourceSpec};

    use super::{Settings, Tuning};

    fn read(pairs: &[(&str, &str)]) -> (Settings, String) {
        let env = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let mut source = Source::load(SourceSpec {
            file: None,
            env_prefix: "HONGYAN",
            env: env.collect(),
        });
        let settings = Settings::read(&mut source);
        let mistakes = source.finish().err().map(|mistakes| mistakes.to_string());
        (settings, mistakes.unwrap_or_default())
    }

    #[test]
    fn what_is_missing_is_named_and_the_rest_has_its_default() {
        let (settings, mistakes) = read(&[("HONGYAN_REDIS_URL", "redis://localhost")]);
        assert!(
            mistakes.contains("catalog.dir") && mistakes.contains("keyring.file"),
            "{mistakes}"
        );
        let (found, default) = (settings.tuning, Tuning::default());
        assert_eq!(format!("{found:?}"), format!("{default:?}"));
    }

    #[test]
    fn waits_that_contradict_each_other_are_refused() {
        let (_, mistakes) = read(&[
            ("HONGYAN_LINK_RECONNECT_FIRST_MS", "5000"),
            ("HONGYAN_LINK_RECONNECT_MOST_MS", "100"),
            ("HONGYAN_LINK_SLOT_TTL_MS", "1"),
        ]);
        assert!(mistakes.contains("link.reconnect_first_ms"), "{mistakes}");
        assert!(mistakes.contains("link.slot_ttl_ms"), "{mistakes}");
    }
}
