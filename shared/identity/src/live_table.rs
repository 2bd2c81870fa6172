//! The method table of a running process.

use std::{path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use crate::{credentials::CredentialError, method_table::MethodTable, spiffe::SpiffeId};

const MAX_FILE_OCTETS: usize = 1 << 20;

/// A table that follows its file; cheap to clone. A changed file that cannot be used leaves the old table in force.
#[derive(Clone)]
pub struct LiveMethodTable {
    file: Arc<PathBuf>,
    current: Arc<ArcSwap<(String, MethodTable)>>,
}

impl LiveMethodTable {
    /// Reads the file, at most 1 MiB.
    pub async fn load(file: PathBuf) -> Result<Self, CredentialError> {
        let current = read(&file).await?;
        Ok(Self {
            file: Arc::new(file),
            current: Arc::new(ArcSwap::from_pointee(current)),
        })
    }

    /// Whether that caller may call that method now.
    pub fn allows(&self, method: &str, caller: &SpiffeId) -> bool {
        self.current.load().1.allows(method, caller)
    }

    /// Whether the table has a row for the method.
    pub fn knows(&self, method: &str) -> bool {
        self.current.load().1.knows(method)
    }

    /// Looks at the file again. `Ok(true)`: a new table is in force.
    pub async fn reload(&self) -> Result<bool, CredentialError> {
        let new = read(&self.file).await?;
        if new.0 == self.current.load().0 {
            return Ok(false);
        }
        self.current.store(Arc::new(new));
        Ok(true)
    }

    /// Reloads at the interval until the token is cancelled. A failure is logged once for each new reason.
    pub async fn keep_fresh(self, interval: Duration, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(interval);
        let mut last_failure = String::new();
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            match self.reload().await {
                Ok(changed) => {
                    if changed {
                        tracing::info!("the method table changed");
                        metrics::counter!("hongyan_method_table_reloads_total", "outcome" => "ok")
                            .increment(1);
                    }
                    last_failure.clear();
                }
                Err(error) if error.to_string() != last_failure => {
                    last_failure = error.to_string();
                    tracing::warn!(%error, "the new method table cannot be used; the old one stays in force");
                    metrics::counter!("hongyan_method_table_reloads_total", "outcome" => "failed")
                        .increment(1);
                }
                Err(_) => {}
            }
        }
    }
}

async fn read(file: &PathBuf) -> Result<(String, MethodTable), CredentialError> {
    let text = tokio::fs::read_to_string(file)
        .await
        .map_err(|source| CredentialError::Read {
            file: file.clone(),
            source,
        })?;
    let refuse = |reason: String| CredentialError::Content {
        file: file.clone(),
        reason,
    };
    if text.len() > MAX_FILE_OCTETS {
        return Err(refuse(format!("is larger than {MAX_FILE_OCTETS} octets")));
    }
    let table = MethodTable::parse(&text).map_err(|error| refuse(error.to_string()))?;
    Ok((text, table))
}
