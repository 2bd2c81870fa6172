//! What can be chosen about a mesh.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::{SERVICES, catalog::CatalogFiles, settings::Settings, spoken::Spoken, world};

/// Where the mesh lives on disk.
#[derive(Debug)]
pub enum Home {
    /// A directory that goes with the mesh.
    Temporary(TempDir),
    /// A directory that stays.
    Kept(PathBuf),
}

impl Home {
    /// A new directory that goes with the mesh, or stays where `HONGYAN_KEEP` is set (for looking at it afterwards).
    pub fn temporary() -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("hongyan-mesh-")
            .tempdir()
            .context("cannot make a temporary directory")?;
        if std::env::var_os("HONGYAN_KEEP").is_some() {
            return Ok(Self::Kept(dir.keep()));
        }
        Ok(Self::Temporary(dir))
    }

    /// From now on it stays.
    pub fn keep(&mut self) -> &Path {
        if let Self::Temporary(dir) = self {
            dir.disable_cleanup(true);
        }
        self.path()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        match self {
            Self::Temporary(dir) => dir.path(),
            Self::Kept(path) => path,
        }
    }
}

/// Changes the example catalog before it is written.
pub type CatalogChange = Box<dyn FnOnce(&mut CatalogFiles) -> Result<()> + Send>;

/// What can be chosen.
pub struct MeshOptions {
    /// Where it lives on disk.
    pub home: Home,
    /// Replicas of carrier-link-svc.
    pub link_replicas: usize,
    /// Whether the services send their traces to the sink.
    pub traced: bool,
    /// Programs that are not started; their addresses are known and nobody answers there.
    pub leave_out: BTreeSet<String>,
    /// Arguments beyond the usual, by program; for gateways (`gateway-cmcc-a` …).
    pub args: BTreeMap<String, Vec<String>>,
    /// Programs whose disk can be filled, see [`super::Mesh::disk`].
    pub disks: BTreeSet<String>,
    /// Settings beyond the usual, by program.
    pub settings: BTreeMap<String, Settings>,
    /// What links of the example catalog speak, by link; the others speak what the example says.
    pub spoken: BTreeMap<String, Spoken>,
    /// Changes to the example catalog.
    pub catalog: Option<CatalogChange>,
}

impl std::fmt::Debug for MeshOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MeshOptions")
            .field("home", &self.home)
            .finish_non_exhaustive()
    }
}

impl MeshOptions {
    /// One replica of everything, traced, in a temporary directory.
    pub fn new() -> Result<Self> {
        Ok(Self {
            home: Home::temporary()?,
            link_replicas: 1,
            traced: true,
            leave_out: BTreeSet::new(),
            args: BTreeMap::new(),
            disks: BTreeSet::new(),
            settings: BTreeMap::new(),
            spoken: BTreeMap::new(),
            catalog: None,
        })
    }

    /// One program alone, and the Redis that it needs; not traced.
    pub fn only(program: &str) -> Result<Self> {
        let mut options = Self::new()?;
        options.traced = false;
        let programs = SERVICES.into_iter().chain(world::PROGRAMS);
        options.leave_out = programs
            .filter(|other| *other != program)
            .map(str::to_owned)
            .collect();
        Ok(options)
    }

    /// Sets one setting of one program beyond the usual.
    pub fn set(&mut self, program: &str, key: &str, value: &str) -> &mut Self {
        self.settings
            .entry(program.to_owned())
            .or_default()
            .set(key, value);
        self
    }
}
