//! Settings files, as the services read them.

use std::{
    collections::BTreeMap,
    fmt::{Display, Write as _},
    net::SocketAddr,
    path::Path,
};

use anyhow::Result;

use super::layout::Layout;
use crate::harness::ca::{Identity, TRUST_DOMAIN, write_whole};

/// Settings by dotted key; a later value replaces an earlier one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets one.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "callers give literals, addresses and formatted text alike"
    )]
    pub fn set(&mut self, key: &str, value: impl Display) -> &mut Self {
        self.0.insert(key.to_owned(), value.to_string());
        self
    }

    /// Sets a path.
    pub fn set_path(&mut self, key: &str, path: &Path) -> &mut Self {
        self.set(key, path.display())
    }

    /// Sets all that `other` has.
    pub fn merge(&mut self, other: &Self) -> &mut Self {
        self.0.extend(other.0.clone());
        self
    }

    /// What every service needs.
    pub fn of_service(
        layout: &Layout,
        identity: &Identity,
        grpc: SocketAddr,
        admin: SocketAddr,
        otlp: Option<SocketAddr>,
    ) -> Self {
        let mut settings = Self::new();
        settings
            .set("grpc.listen", grpc)
            .set("admin.listen", admin)
            .set_path("identity.cert_file", &identity.cert_file)
            .set_path("identity.key_file", &identity.key_file)
            .set_path("identity.roots_file", &identity.roots_file)
            .set("identity.trust_domain", TRUST_DOMAIN)
            .set_path("identity.method_table_file", &layout.method_table());
        if let Some(otlp) = otlp {
            settings.set("telemetry.otlp_endpoint", format!("http://{otlp}"));
        }
        settings
    }

    /// As YAML, one quoted value a line.
    pub fn yaml(&self) -> String {
        self.0.iter().fold(String::new(), |mut yaml, (key, value)| {
            // A JSON string is a YAML string.
            let _ = writeln!(yaml, "{key}: {}", serde_json::Value::from(value.as_str()));
            yaml
        })
    }

    /// Writes the file whole.
    pub fn write(&self, file: &Path) -> Result<()> {
        write_whole(file, &self.yaml())
    }
}

#[cfg(test)]
mod tests {
    use hongyan_config::{Source, SourceSpec};

    use super::Settings;

    #[test]
    fn a_service_reads_what_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("settings.yaml");
        let mut settings = Settings::new();
        settings
            .set("grpc.listen", "127.0.0.1:1")
            .set("a.b.c", "quo\"te")
            .set("grpc.listen", "127.0.0.1:2");
        settings.write(&file).unwrap();
        let mut source = Source::load(SourceSpec {
            file: Some(file),
            env_prefix: "HONGYAN",
            env: Vec::new(),
        });
        assert_eq!(source.required("grpc.listen", String::new()), "127.0.0.1:2");
        assert_eq!(source.required("a.b.c", String::new()), "quo\"te");
        source.finish().unwrap();
    }
}
