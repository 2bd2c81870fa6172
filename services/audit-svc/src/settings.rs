//! What can be set.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use hongyan_chassis::HttpLimits;
use hongyan_config::{SecretFile, Source, is_domain};
use hongyan_queue::RedisSettings;

use crate::{
    log::DEFAULT_SEGMENT_OCTETS,
    publish::{TilesPlace, WitnessPolicy},
    retention::{MAX_MONTHS, Retention},
};

/// The settings of this service; those of every service are the chassis'.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `record.dir`: holds the journal (`log`) and the index (`index`). One process at a time. Journal, tiles and locks are
    /// what must be kept, all of one moment; the index can be deleted at any stop.
    pub dir: PathBuf,
    /// `record.segment_octets` (64 MiB): how large a file of the journal is made; 1 MiB to 1 GiB.
    pub segment_octets: u64,
    /// `record.organisation`: a domain of whoever the record belongs to. It stands in the first line of every checkpoint, so
    /// it must never change.
    pub organisation: String,
    /// `record.signing_key_file`: the key that signs checkpoints, as `hongyan audit keygen` writes it.
    pub signing_key: SecretFile,
    /// `record.clock_ahead_days` (31): so far the machine's clock may be ahead of the newest entry at a start, or leap while
    /// the process runs; 1 to 36,500. A start with a clock further ahead is refused, for what is destroyed by a wrong
    /// clock is destroyed. Raise it for the first start after a longer stop.
    pub clock_ahead: Duration,
    /// `record.publish_interval_ms` (1,000): a checkpoint at most so often, where nobody waits for one; 10 to 60,000.
    pub publish_interval: Duration,
    /// `tiles.dir` (`tiles` in `record.dir`): the logs as others read them. May be copied, served, taken home. Or
    /// `tiles.url` (`s3://bucket/prefix`) with `tiles.endpoint`, `tiles.region` (`us-east-1`), `tiles.access_key_file` and
    /// `tiles.secret_key_file`: the same in a bucket.
    pub tiles: TilesPlace,
    /// `tiles.listen` (not served): where the logs are served by HTTP, read-only.
    pub tiles_listen: Option<SocketAddr>,
    /// `tiles.max_connections` (256), `tiles.max_connections_per_address` (64): connections to `tiles.listen` at once; one
    /// more is closed. 1 to 16,384 each. What else a peer may have is not set but fixed.
    pub tiles_limits: HttpLimits,
    /// `locks.dir` (`locks` in `record.dir`): the newest checkpoint of each log. Put it on another disk than the tiles,
    /// and a rollback of one of them shows.
    pub locks_dir: PathBuf,
    /// `retention.sms_event_months` (6), `retention.pd_access_months`, `retention.cdr_months`, `retention.meta_months` (36
    /// each): so many whole months of Beijing's calendar after the end of its half-year the entries of a log of the class
    /// are dropped, its hashes and checkpoint stay; 0 for never, 1,200 at most.
    pub retention: Retention,
    /// `keyring.file`: the keyring of the mesh, with which producers seal personal data. Followed when it changes.
    pub keyring_file: SecretFile,
    /// `keyring.reload_interval_ms` (1,000): how often both keyrings are looked at.
    pub keyring_reload: Duration,
    /// `keys.dir` (`keys` in `record.dir`): the keys of subjects, without which personal data in the record opens for
    /// nobody. What is erased here is erased; so must be every copy of it.
    pub keys_dir: PathBuf,
    /// `keys.kek_file`: the keyring that wraps the keys of subjects, in the form of `keyring.file` and with keys of its
    /// own. Followed when it changes.
    pub kek_file: SecretFile,
    /// `witness.list` (nobody), `witness.quorum` (all of them), `witness.timeout_ms` (2,000), `witness.ca_file`: who cosigns
    /// each checkpoint before it is published.
    pub witness: WitnessPolicy,
    /// `redis.*`.
    pub redis: RedisSettings,
}

impl Settings {
    /// Reads them; mistakes are noted in the source.
    pub fn read(source: &mut Source) -> Self {
        let dir = source.required("record.dir", PathBuf::new());
        Self {
            tiles: TilesPlace::read(source, dir.join("tiles")),
            locks_dir: source.or("locks.dir", dir.join("locks")),
            keys_dir: source.or("keys.dir", dir.join("keys")),
            kek_file: SecretFile::new(source.required("keys.kek_file", PathBuf::new())),
            keyring_file: SecretFile::new(source.required("keyring.file", PathBuf::new())),
            keyring_reload: source.duration_ms("keyring.reload_interval_ms", 1_000),
            tiles_listen: source.optional("tiles.listen"),
            tiles_limits: read_tiles_limits(source),
            organisation: read_organisation(source),
            signing_key: SecretFile::new(source.required("record.signing_key_file", PathBuf::new())),
            publish_interval: Duration::from_millis(source.within(
                "record.publish_interval_ms",
                1_000,
                10,
                60_000,
            )),
            clock_ahead: Duration::from_hours(24 * source.within("record.clock_ahead_days", 31, 1, 36_500)),
            retention: read_retention(source),
            witness: WitnessPolicy::read(source),
            dir,
            segment_octets: source.within("record.segment_octets", DEFAULT_SEGMENT_OCTETS, 1 << 20, 1 << 30),
            redis: RedisSettings::read(source),
        }
    }
}

fn read_tiles_limits(source: &mut Source) -> HttpLimits {
    let default = HttpLimits::default();
    let mut count = |key: &str, default: usize| {
        let count = source.within(key, default as u64, 1, 1 << 14);
        usize::try_from(count).unwrap_or(default)
    };
    HttpLimits {
        connections: count("tiles.max_connections", default.connections),
        connections_per_address: count(
            "tiles.max_connections_per_address",
            default.connections_per_address,
        ),
        ..default
    }
}

/// It can never be changed, so what is no domain is told before anything is signed under it.
fn read_organisation(source: &mut Source) -> String {
    let organisation: String = source.required("record.organisation", String::new());
    // Empty where it is not set, which is told already.
    if !organisation.is_empty() && !is_domain(&organisation) {
        source.note("record.organisation", "must be a domain, e.g. example.org");
    }
    organisation
}

fn read_retention(source: &mut Source) -> Retention {
    let default = Retention::default();
    let mut months = |key: &str, default: u32| {
        let months = source.within(key, u64::from(default), 0, u64::from(MAX_MONTHS));
        u32::try_from(months).unwrap_or(default)
    };
    Retention {
        sms_event: months("retention.sms_event_months", default.sms_event),
        pd_access: months("retention.pd_access_months", default.pd_access),
        cdr: months("retention.cdr_months", default.cdr),
        meta: months("retention.meta_months", default.meta),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use hongyan_config::{Source, SourceSpec};
    use hongyan_tlog::key::{Algorithm, Signer};

    use super::Settings;
    use crate::{Retention, publish::TilesPlace};

    /// What is read of these lines, behind those that must be there, and the keys of the mistakes.
    fn read(dir: &Path, lines: &str) -> (Settings, Vec<String>) {
        let file = dir.join("settings.yaml");
        let secret = dir.join("secret");
        fs::write(&secret, "secret").unwrap();
        let secret = secret.display();
        let must = format!(
            "record.dir: /record\nrecord.organisation: example.org\nrecord.signing_key_file: {secret}\n\
             keys.kek_file: {secret}\nkeyring.file: {secret}\nredis.url: redis://127.0.0.1:6379\n"
        );
        fs::write(&file, must + &lines.replace("SECRET", &secret.to_string())).unwrap();
        let mut source = Source::load(SourceSpec {
            file: Some(file),
            env_prefix: "HONGYAN",
            env: Vec::new(),
        });
        let settings = Settings::read(&mut source);
        let mistakes = source.finish().err();
        let mistakes = mistakes.iter().flat_map(|mistakes| &mistakes.0);
        (settings, mistakes.map(|mistake| mistake.key.clone()).collect())
    }

    fn witness(seed: u8) -> String {
        let name = format!("witness.example/{seed}");
        let signer = Signer::from_seed(&name, Algorithm::CosignatureV1, &[seed; 32]).unwrap();
        format!("{} https://witness.example/{seed}", signer.verifier())
    }

    #[test]
    fn nothing_of_it_need_be_set() {
        let dir = tempfile::tempdir().unwrap();
        let (settings, mistakes) = read(dir.path(), "");
        assert_eq!(mistakes, [""; 0]);
        assert_eq!(settings.retention, Retention::default());
        assert_eq!(
            (settings.witness.witnesses.len(), settings.witness.quorum),
            (0, 0)
        );
        let TilesPlace::Dir(tiles) = settings.tiles else {
            panic!("a directory");
        };
        assert_eq!(tiles, Path::new("/record/tiles"));
        assert_eq!(settings.tiles_listen, None);
        let limits = settings.tiles_limits;
        assert_eq!((limits.connections, limits.connections_per_address), (256, 64));
    }

    #[test]
    fn retention_witnesses_and_bucket_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let lines = format!(
            "retention: {{sms_event_months: 12, meta_months: 0}}\n\
             witness:\n  list: [\"{}\", \"{}\"]\n  timeout_ms: 500\n\
             tiles:\n  url: s3://record/logs\n  endpoint: http://127.0.0.1:9000\n  region: cn-north-1\n  \
             access_key_file: SECRET\n  secret_key_file: SECRET\n",
            witness(1),
            witness(2)
        );
        let (settings, mistakes) = read(dir.path(), &lines);
        assert_eq!(mistakes, [""; 0]);
        let retention = Retention {
            sms_event: 12,
            meta: 0,
            ..Retention::default()
        };
        assert_eq!(settings.retention, retention);
        assert_eq!(settings.witness.quorum, 2, "all of them");
        assert_eq!(settings.witness.timeout.as_millis(), 500);
        let TilesPlace::Bucket(bucket) = settings.tiles else {
            panic!("a bucket");
        };
        assert_eq!(
            (&*bucket.name, &*bucket.prefix, &*bucket.region),
            ("record", "logs", "cn-north-1")
        );
    }

    #[test]
    fn limits_of_the_port_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let lines =
            "tiles: {listen: 127.0.0.1:8480, max_connections: 1000, max_connections_per_address: 5}\n";
        let (settings, mistakes) = read(dir.path(), lines);
        assert_eq!(mistakes, [""; 0]);
        let limits = settings.tiles_limits;
        assert_eq!((limits.connections, limits.connections_per_address), (1_000, 5));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let twice = format!("witness.list: [\"{0}\", \"{0}\"]\n", witness(1));
        for (lines, key) in [
            ("record.clock_ahead_days: 0\n", "record.clock_ahead_days"),
            ("retention.cdr_months: 1201\n", "retention.cdr_months"),
            ("retention.cdr_years: 3\n", "retention.cdr_years"),
            ("witness.list: [nobody]\n", "witness.list"),
            (twice.as_str(), "witness.list"),
            ("witness.quorum: 1\n", "witness.quorum"),
            ("witness.timeout_ms: 6000\n", "witness.timeout_ms"),
            ("tiles.max_connections: 0\n", "tiles.max_connections"),
            ("tiles.max_connections: 16385\n", "tiles.max_connections"),
            (
                "tiles.max_connections_per_address: 0\n",
                "tiles.max_connections_per_address",
            ),
            ("tiles.url: https://record\n", "tiles.url"),
            ("tiles.url: s3://record\n", "tiles.url"),
            (
                "tiles.url: s3://record\ntiles.dir: /tiles\ntiles.access_key_file: SECRET\ntiles.secret_key_file: SECRET\n",
                "tiles.dir",
            ),
        ] {
            let (_, mistakes) = read(dir.path(), lines);
            assert_eq!(mistakes, [key], "{lines}");
        }
    }
}
