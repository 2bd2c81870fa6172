//! Where the credentials are.

use std::{path::PathBuf, time::Duration};

use hongyan_config::Source;

/// The settings under `identity`.
#[derive(Debug, Clone)]
pub struct IdentitySettings {
    /// `identity.cert_file`: this process's certificate chain, PEM, leaf first.
    pub cert_file: PathBuf,
    /// `identity.key_file`: its private key, PEM.
    pub key_file: PathBuf,
    /// `identity.roots_file`: who may vouch for peers, PEM.
    pub roots_file: PathBuf,
    /// `identity.trust_domain`: peers of other trust domains are refused.
    pub trust_domain: String,
    /// `identity.method_table_file`: who may call what; a client has none.
    pub method_table_file: Option<PathBuf>,
    /// `identity.reload_interval_ms` (1,000): how often the files are looked at again.
    pub reload_interval: Duration,
}

impl IdentitySettings {
    /// Reads them; mistakes are noted in the source.
    pub fn read(source: &mut Source) -> Self {
        Self {
            cert_file: source.required("identity.cert_file", PathBuf::new()),
            key_file: source.required("identity.key_file", PathBuf::new()),
            roots_file: source.required("identity.roots_file", PathBuf::new()),
            trust_domain: source.required("identity.trust_domain", String::new()),
            method_table_file: source.optional("identity.method_table_file"),
            reload_interval: source.duration_ms("identity.reload_interval_ms", 1_000),
        }
    }
}
