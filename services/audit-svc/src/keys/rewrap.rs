//! Rotation of the key-encryption key: older slots are wrapped under the active one, a few at a time.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{SubjectKeys, blocking, error::KeysError, file, keeper::Command};

/// Between two looks at which key is active.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Between two pieces of 256 slots, so that new keys do not wait: at most 12,800 slots a second.
const PAUSE: Duration = Duration::from_millis(20);

impl SubjectKeys {
    /// Sees that every key is wrapped under the active key-encryption key, after a start and after each rotation, until
    /// the token is cancelled. When a pass has ended the older ones can be taken out of `keys.kek_file`; the log says so.
    pub(crate) async fn keep_wrapped(self, end: CancellationToken) {
        let mut done_under = String::new();
        let mut last_failure = String::new();
        loop {
            let active = self.kek.current().active().to_owned();
            if active != done_under {
                match self.rewrap_all(&active, &end).await {
                    Ok(None) => {}
                    Ok(Some(keys)) => {
                        metrics::counter!("hongyan_audit_keys_rewrapped_total").increment(u64::from(keys));
                        metrics::gauge!("hongyan_audit_keys_rewrap_failed").set(0.0);
                        // After a plain start there is nothing to tell.
                        if keys > 0 || !done_under.is_empty() {
                            tracing::info!(
                                kek = active,
                                keys,
                                "every subject's key is wrapped under the active key-encryption key"
                            );
                        }
                        done_under = active;
                        last_failure.clear();
                    }
                    Err(error) => {
                        metrics::gauge!("hongyan_audit_keys_rewrap_failed").set(1.0);
                        let reason = error.to_string();
                        if reason != last_failure {
                            tracing::error!(%error, "subjects' keys stay under an older key-encryption key");
                            last_failure = reason;
                        }
                    }
                }
            }
            if wait(LOOK_EVERY, &end).await {
                return;
            }
        }
    }

    /// One pass: how many keys it wrapped; `None` where it was broken off, or another key became the active one.
    async fn rewrap_all(&self, active: &str, end: &CancellationToken) -> Result<Option<u32>, KeysError> {
        let dir = self.dir.clone();
        let periods = blocking(move || file::periods(&dir)).await?;
        let mut keys: u32 = 0;
        for period in periods {
            let mut from = Some(1);
            while let Some(start) = from {
                if end.is_cancelled() || self.kek.current().active() != active {
                    return Ok(None);
                }
                let done = self
                    .ask(|answer| Command::Rewrap {
                        period,
                        from: start,
                        answer,
                    })
                    .await?;
                keys = keys.saturating_add(done.keys);
                from = done.next;
                if from.is_some() && wait(PAUSE, end).await {
                    return Ok(None);
                }
            }
        }
        Ok(Some(keys))
    }
}

/// Whether the end came meanwhile.
async fn wait(time: Duration, end: &CancellationToken) -> bool {
    tokio::select! {
        () = end.cancelled() => true,
        () = tokio::time::sleep(time) => false,
    }
}
