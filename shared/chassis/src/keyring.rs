//! A keyring that follows its file.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use hongyan_config::{SecretFile, SecretFileError};
use hongyan_envelope::{Keyring, KeyringError};
use tokio_util::sync::CancellationToken;

/// Why a key file cannot be used. Names the file or the field, never a key.
#[derive(Debug, thiserror::Error)]
pub enum LiveKeyringError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// It is not a keyring.
    #[error("key file: {0}")]
    Keyring(#[from] KeyringError),
    /// The reading itself was broken off.
    #[error("the key file was not read to its end")]
    Aborted,
}

/// The keys in force. Cheap to clone. A changed file that cannot be used leaves the old keys in force.
#[derive(Clone)]
pub struct LiveKeyring {
    file: SecretFile,
    current: Arc<ArcSwap<Keyring>>,
}

impl LiveKeyring {
    /// Reads the file.
    pub async fn load(file: SecretFile) -> Result<Self, LiveKeyringError> {
        let keyring = read(file.clone()).await?;
        Ok(Self {
            file,
            current: Arc::new(ArcSwap::from_pointee(keyring)),
        })
    }

    /// The keys in force now. Take them anew for each piece of work.
    pub fn current(&self) -> Arc<Keyring> {
        self.current.load_full()
    }

    /// Looks at the file again.
    pub async fn reload(&self) -> Result<(), LiveKeyringError> {
        self.current.store(Arc::new(read(self.file.clone()).await?));
        Ok(())
    }

    /// Looks at the file at the interval until the token is cancelled. A failure is logged once for each new reason.
    pub async fn keep_fresh(self, interval: Duration, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(interval);
        let mut last_failure = String::new();
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            match self.reload().await {
                Ok(()) => last_failure.clear(),
                Err(error) => {
                    metrics::counter!("hongyan_keyring_reload_failures_total").increment(1);
                    let reason = error.to_string();
                    if reason != last_failure {
                        tracing::warn!(%error, "new keys cannot be used; the old ones stay in force");
                        last_failure = reason;
                    }
                }
            }
        }
    }
}

async fn read(file: SecretFile) -> Result<Keyring, LiveKeyringError> {
    let read = tokio::task::spawn_blocking(move || Ok(Keyring::parse(&file.read()?)?));
    read.await.map_err(|_| LiveKeyringError::Aborted)?
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use hongyan_config::SecretFile;
    use tokio_util::sync::CancellationToken;

    use super::LiveKeyring;

    /// Base64 of 32 octets of one letter.
    const K1: &str = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=";
    const K2: &str = "YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI=";
    const TAG: &str = "Y2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2M=";

    fn keys(active: &str) -> String {
        format!(r#"{{"active":"{active}","keys":{{"k1":"{K1}","k2":"{K2}"}},"tag_key":"{TAG}"}}"#)
    }

    #[tokio::test]
    async fn new_keys_come_into_force_and_a_bad_file_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        fs::write(&path, keys("k1")).unwrap();
        let live = LiveKeyring::load(SecretFile::new(&path)).await.unwrap();
        let sealed = live.current().seal(b"outbound", b"body").unwrap();
        assert_eq!(live.current().active(), "k1");

        fs::write(&path, "{").unwrap();
        let error = live.reload().await.unwrap_err().to_string();
        assert!(error.starts_with("key file: ") && !error.contains(K1), "{error}");
        assert_eq!(live.current().active(), "k1");

        let end = CancellationToken::new();
        let watching = tokio::spawn(live.clone().keep_fresh(Duration::from_millis(5), end.clone()));
        fs::write(&path, keys("k2")).unwrap();
        let rotated = async {
            while live.current().active() != "k2" {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), rotated)
            .await
            .unwrap();
        end.cancel();
        watching.await.unwrap();
        // What the old key sealed is still opened.
        assert_eq!(
            live.current().open(b"outbound", &sealed).unwrap().as_slice(),
            b"body"
        );
    }

    #[tokio::test]
    async fn without_a_usable_file_there_are_no_keys() {
        let dir = tempfile::tempdir().unwrap();
        let missing = SecretFile::new(dir.path().join("none.json"));
        assert!(LiveKeyring::load(missing).await.is_err());
    }
}
