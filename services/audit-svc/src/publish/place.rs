//! Where the files of the logs may stand: in a directory, or in a bucket of an S3-compatible store.
//!
//! A bucket holds the files alone. The locks stay in a local directory in either case: they are what tells whether somebody
//! rolled the files back.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use hongyan_config::{SecretFile, Source};
use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, RetryConfig, aws::AmazonS3Builder, local::LocalFileSystem,
    path::Path as ObjectPath, prefix::PrefixStore,
};

use super::PublishError;

/// How long one request to a bucket may take, and how often and for how long it is made again. What fails then is tried
/// again by the next round.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const MOST_RETRIES: usize = 3;
const RETRY_TIMEOUT: Duration = Duration::from_secs(15);

/// Where the files of the logs are.
#[derive(Debug, Clone)]
pub enum TilesPlace {
    /// A directory, which is made where it is missing.
    Dir(PathBuf),
    /// A bucket.
    Bucket(Bucket),
}

/// A bucket of an S3-compatible store, which must know conditional writes (`If-None-Match`).
#[derive(Debug, Clone)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// What stands in front of every key; may be empty.
    pub prefix: String,
    /// The store's address; Amazon's where there is none.
    pub endpoint: Option<String>,
    /// Its region.
    pub region: String,
    /// Who asks.
    pub access_key: SecretFile,
    /// And what proves it.
    pub secret_key: SecretFile,
}

impl TilesPlace {
    /// `tiles.dir` (`default`), or `tiles.url` (`s3://bucket/prefix`) with `tiles.endpoint`, `tiles.region` (`us-east-1`),
    /// `tiles.access_key_file` and `tiles.secret_key_file`; mistakes are noted in the source.
    pub fn read(source: &mut Source, default: PathBuf) -> Self {
        let dir = source.optional::<PathBuf>("tiles.dir");
        let endpoint = source.optional("tiles.endpoint");
        let region = source.or("tiles.region", "us-east-1".to_owned());
        let access_key = source.secret_file("tiles.access_key_file");
        let secret_key = source.secret_file("tiles.secret_key_file");
        let Some(url) = source.optional::<String>("tiles.url") else {
            return Self::Dir(dir.unwrap_or(default));
        };
        if dir.is_some() {
            source.note("tiles.dir", "must not be set beside tiles.url");
        }
        let Some((name, prefix)) = bucket_of(&url) else {
            source.note("tiles.url", "must be s3://<bucket> or s3://<bucket>/<prefix>");
            return Self::Dir(default);
        };
        let (Some(access_key), Some(secret_key)) = (access_key, secret_key) else {
            let why = "needs tiles.access_key_file and tiles.secret_key_file";
            source.note("tiles.url", why);
            return Self::Dir(default);
        };
        Self::Bucket(Bucket {
            name,
            prefix,
            endpoint,
            region,
            access_key,
            secret_key,
        })
    }

    /// Opens it. A directory syncs files before a write answers, and their directories with them.
    pub(super) fn open(&self) -> Result<Arc<dyn ObjectStore>, PublishError> {
        match self {
            Self::Dir(dir) => {
                let failed = |source| failed(&dir.display().to_string(), source);
                fs::create_dir_all(dir).map_err(|error| {
                    failed(object_store::Error::Generic {
                        store: "local",
                        source: error.into(),
                    })
                })?;
                let files = LocalFileSystem::new_with_prefix(dir).map_err(failed)?;
                // Each tile that ever was partial would leave an empty directory, of 4 kB on most file systems.
                let files = files.with_automatic_cleanup(true);
                Ok(Arc::new(files.with_fsync(true)))
            }
            Self::Bucket(bucket) => bucket.open(),
        }
    }
}

impl Bucket {
    fn open(&self) -> Result<Arc<dyn ObjectStore>, PublishError> {
        let shown = format!("s3://{}/{}", self.name, self.prefix);
        let secret = |file: &SecretFile| {
            let read = file.read();
            read.map_err(|error| {
                failed(
                    &shown,
                    object_store::Error::Generic {
                        store: "S3",
                        source: error.into(),
                    },
                )
            })
        };
        let retry = RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: MOST_RETRIES,
            retry_timeout: RETRY_TIMEOUT,
        };
        let client = ClientOptions::new()
            .with_timeout(REQUEST_TIMEOUT)
            .with_connect_timeout(CONNECT_TIMEOUT);
        let mut builder = AmazonS3Builder::new()
            .with_client_options(client)
            .with_retry(retry)
            // Not every store that speaks S3 knows how to remove many at once.
            .with_disable_bulk_delete(true)
            .with_bucket_name(&self.name)
            .with_region(&self.region)
            .with_access_key_id(secret(&self.access_key)?.trim())
            .with_secret_access_key(secret(&self.secret_key)?.trim());
        if let Some(endpoint) = &self.endpoint {
            // Whoever writes http into the settings means it: a store beside this process.
            builder = builder
                .with_endpoint(endpoint)
                .with_allow_http(endpoint.starts_with("http://"));
        }
        let files = builder.build().map_err(|source| failed(&shown, source))?;
        if self.prefix.is_empty() {
            Ok(Arc::new(files))
        } else {
            Ok(Arc::new(PrefixStore::new(
                files,
                ObjectPath::from(self.prefix.as_str()),
            )))
        }
    }
}

/// Name and prefix.
fn bucket_of(url: &str) -> Option<(String, String)> {
    let rest = url.strip_prefix("s3://")?;
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let of_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let is_name = (3..=63).contains(&name.len()) && name.chars().all(of_name);
    let prefix = prefix.trim_end_matches('/');
    let of_prefix = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let is_prefix = prefix.chars().all(of_prefix)
        && (prefix.is_empty() || prefix.split('/').all(|piece| !piece.is_empty()));
    (is_name && is_prefix).then(|| (name.to_owned(), prefix.to_owned()))
}

fn failed(path: &str, source: object_store::Error) -> PublishError {
    PublishError::Store {
        doing: "opening",
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::bucket_of;

    #[test]
    fn a_bucket_is_named_by_its_url() {
        for (url, found) in [
            ("s3://record", Some(("record", ""))),
            ("s3://record/", Some(("record", ""))),
            (
                "s3://my.record-1/logs/of/us/",
                Some(("my.record-1", "logs/of/us")),
            ),
            ("s3://", None),
            ("s3://ab", None),
            ("s3:///logs", None),
            ("s3://Record", None),
            ("s3://record//logs", None),
            ("s3://record/lo gs", None),
            ("https://record", None),
            ("record", None),
        ] {
            let found = found.map(|(name, prefix)| (name.to_owned(), prefix.to_owned()));
            assert_eq!(bucket_of(url), found, "{url}");
        }
    }
}
