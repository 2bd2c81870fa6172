//! Where a mesh keeps its files: everything below one directory.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// The directory of one mesh.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Makes the directories that are missing.
    pub fn new(root: impl Into<PathBuf>) -> Result<Self> {
        let layout = Self { root: root.into() };
        for folder in [
            layout.logs(),
            layout.redis(),
            layout.tls(),
            layout.catalog(),
            layout.secrets(),
            layout.settings_dir(),
            layout.audit_data(),
            layout.world(),
        ] {
            fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        Ok(layout)
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// One log for each of the mesh's own programs.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// The log of one program.
    pub fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    /// There while the disk of a program is full.
    pub fn full_disk(&self, name: &str) -> PathBuf {
        self.settings_dir().join(format!("{name}.full"))
    }

    /// Redis' append-only file.
    pub fn redis(&self) -> PathBuf {
        self.root.join("redis")
    }

    /// Certificates and keys.
    pub fn tls(&self) -> PathBuf {
        self.root.join("tls")
    }

    /// The catalog's YAML files.
    pub fn catalog(&self) -> PathBuf {
        self.root.join("catalog")
    }

    /// What the carriers gave us to log in with.
    pub fn secrets(&self) -> PathBuf {
        self.catalog().join("secrets")
    }

    /// Settings files and what they name.
    pub fn settings_dir(&self) -> PathBuf {
        self.root.join("settings")
    }

    /// The settings file of one program.
    pub fn settings(&self, name: &str) -> PathBuf {
        self.settings_dir().join(format!("{name}.yaml"))
    }

    /// The keys that personal data is sealed with.
    pub fn keyring(&self) -> PathBuf {
        self.settings_dir().join("keyring.json")
    }

    /// The keys that wrap the keys of subjects in the record.
    pub fn record_kek(&self) -> PathBuf {
        self.settings_dir().join("record-kek.json")
    }

    /// The key that signs the record's checkpoints.
    pub fn signing_key(&self) -> PathBuf {
        self.settings_dir().join("record-signing.key")
    }

    /// Who may call what.
    pub fn method_table(&self) -> PathBuf {
        self.settings_dir().join("method-table.yaml")
    }

    /// The record.
    pub fn audit_data(&self) -> PathBuf {
        self.root.join("audit")
    }

    /// What belongs to the simulated world outside: files and logs of the simulators. It may hold personal data, as the
    /// real world does; nothing of the mesh writes here.
    pub fn world(&self) -> PathBuf {
        self.root.join("world")
    }

    /// Whether a file belongs to the world outside and not to the mesh.
    pub fn is_of_the_world(&self, file: &Path) -> bool {
        file.starts_with(self.world())
    }
}
