//! The operator's hand, as a program that was run and ended.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use tokio::process::Command;

use super::{Addresses, Layout, Settings};
use crate::harness::{
    ca::{Identity, TRUST_DOMAIN},
    process::find_program,
};

const RUN_LIMIT: Duration = Duration::from_mins(1);

/// Runs `hongyan` as one identity.
#[derive(Debug, Clone)]
pub struct Cli {
    program: PathBuf,
    config: PathBuf,
}

/// What one run gave.
#[derive(Debug, Clone)]
pub struct CliOutput {
    /// Exit status 0.
    pub success: bool,
    /// The exit status; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Cli {
    /// Writes its settings.
    pub(super) fn new(layout: &Layout, identity: &Identity, addresses: &Addresses) -> Result<Self> {
        let mut settings = Settings::new();
        settings
            .set_path("identity.cert_file", &identity.cert_file)
            .set_path("identity.key_file", &identity.key_file)
            .set_path("identity.roots_file", &identity.roots_file)
            .set("identity.trust_domain", TRUST_DOMAIN)
            .set_path("keyring.file", &layout.keyring())
            .set("verify.address", &addresses.verify)
            .set("dispatch.address", &addresses.dispatch)
            .set("audit.address", &addresses.audit)
            .set("links", addresses.links.join(","));
        let name = identity.spiffe.rsplit('/').next().unwrap_or("operator");
        let config = layout.settings(&format!("hongyan-{name}"));
        settings.write(&config)?;
        Ok(Self {
            program: find_program("hongyan")?,
            config,
        })
    }

    /// How a person would call it.
    pub fn command_line(&self) -> String {
        format!("{} --config {}", self.program.display(), self.config.display())
    }

    /// Runs one command; an exit status other than 0 is no error here.
    pub async fn run(&self, args: &[&str]) -> Result<CliOutput> {
        let run = Command::new(&self.program)
            .arg("--config")
            .arg(&self.config)
            .args(args)
            .env_remove("HONGYAN_KEEP")
            .env_remove("HONGYAN_BIN_DIR")
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(RUN_LIMIT, run)
            .await
            .with_context(|| format!("hongyan {args:?} did not end within {RUN_LIMIT:?}"))?
            .context("cannot run hongyan")?;
        Ok(CliOutput {
            success: output.status.success(),
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}
