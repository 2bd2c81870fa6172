//! The control side of a simulator: HTTP and JSON.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde::de::DeserializeOwned;
use serde_json::Value;

const CALL_LIMIT: Duration = Duration::from_secs(30);

/// Asks and steers one simulator.
#[derive(Debug, Clone)]
pub struct Control {
    address: SocketAddr,
    client: reqwest::Client,
}

impl Control {
    /// Of the simulator whose control side listens there.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            client: reqwest::Client::new(),
        }
    }

    /// `GET /<path>`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let url = format!("http://{}/{path}", self.address);
        let answer = self
            .client
            .get(&url)
            .timeout(CALL_LIMIT)
            .send()
            .await?
            .error_for_status()?;
        answer
            .json()
            .await
            .with_context(|| format!("the answer to {url}"))
    }

    /// `POST /<path>`; what it answers besides its status is not looked at.
    pub async fn post(&self, path: &str, body: &Value) -> Result<()> {
        let url = format!("http://{}/{path}", self.address);
        let answer = self
            .client
            .post(&url)
            .timeout(CALL_LIMIT)
            .json(body)
            .send()
            .await?;
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        ensure!(status.is_success(), "{url} answered {status}: {text}");
        Ok(())
    }
}
