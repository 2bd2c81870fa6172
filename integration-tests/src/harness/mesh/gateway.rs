//! A simulated carrier's control side, as a test uses it.

use std::net::SocketAddr;

use anyhow::Result;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Control;

/// Messages asked for at once.
const PAGE: usize = 1_000;

/// One submit that the gateway had, refused ones included.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TakenSegment {
    /// In the order of taking, from 1.
    pub n: u64,
    /// Whom it was for.
    pub number: String,
    /// Where it came from: access number and extension.
    pub source: String,
    /// Which part of a long text it is; `None` for a short one.
    pub part: Option<Part>,
    /// When the gateway had it.
    pub received_at_unix_ms: u64,
    /// The segment's text, where the gateway keeps texts.
    pub text: Option<String>,
    /// The result that it was answered with; 0 is taken.
    pub result: u32,
}

/// A part of a long text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Part {
    /// From 1.
    pub number: u32,
    /// Of how many.
    pub total: u32,
}

/// Asks a gateway's control side.
#[derive(Debug, Clone)]
pub struct Gateway {
    control: Control,
}

impl Gateway {
    /// Of the gateway whose control side listens there.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            control: Control::new(address),
        }
    }

    /// Every submit taken, oldest first; of one number, where one is given.
    pub async fn taken(&self, number: Option<&str>) -> Result<Vec<TakenSegment>> {
        let mut all: Vec<TakenSegment> = Vec::new();
        loop {
            let after = all.last().map_or(0, |last| last.n);
            let mut path = format!("messages?after={after}&limit={PAGE}");
            if let Some(number) = number {
                path.push_str("&number=");
                path.push_str(number);
            }
            let page: Vec<TakenSegment> = self.control.get(&path).await?;
            let last_page = page.len() < PAGE;
            all.extend(page);
            if last_page {
                return Ok(all);
            }
        }
    }

    /// The texts that a number was sent, whole, oldest first.
    pub async fn texts(&self, number: &str) -> Result<Vec<String>> {
        self.control.get(&format!("texts?number={number}")).await
    }

    /// What it counts.
    pub async fn stats(&self) -> Result<Value> {
        self.control.get("stats").await
    }

    /// How it misbehaves from now on.
    pub async fn set_faults(&self, faults: &Value) -> Result<()> {
        self.control.post("faults", faults).await
    }

    /// A subscriber texts an access number.
    pub async fn uplink(&self, from: &str, to: &str, text: &str) -> Result<()> {
        self.control
            .post("uplink", &json!({"from": from, "to": to, "text": text}))
            .await
    }

    /// Cuts every connection.
    pub async fn drop_connections(&self) -> Result<()> {
        self.control.post("drop", &json!({})).await
    }
}
