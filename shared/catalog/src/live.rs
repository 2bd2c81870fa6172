//! The catalog that follows its files.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::task::AbortHandle;

use crate::{Catalog, CatalogError, CatalogErrors, load};

/// Further rules of a reader of the catalog, such as a grammar: every mistake that it sees.
type ExtraCheck = Box<dyn Fn(&Catalog) -> Vec<CatalogError> + Send + Sync>;

/// Always holds a catalog that was checked whole. Cheap to clone; the files are watched until the last clone is gone.
///
/// The files' content is compared, not their times, so that a mounted Kubernetes `ConfigMap`, which swaps a symbolic
/// link, is followed like any other directory.
#[derive(Clone)]
pub struct LiveCatalog {
    shared: Arc<Shared>,
    _watch: Arc<AbortOnDrop>,
}

struct Shared {
    dir: PathBuf,
    check: ExtraCheck,
    current: ArcSwap<Catalog>,
    generation: AtomicU64,
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl std::fmt::Debug for LiveCatalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveCatalog")
            .field("dir", &self.shared.dir)
            .field("generation", &self.generation())
            .finish_non_exhaustive()
    }
}

impl LiveCatalog {
    /// Loads the directory, and again whenever a look at it, every `interval`, finds it changed. To be called within a
    /// Tokio runtime.
    pub fn start(dir: impl AsRef<Path>, interval: Duration) -> Result<Self, CatalogErrors> {
        Self::start_with_check(dir, interval, |_| Vec::new())
    }

    /// The same with a reader's own rules: what they find wrong refuses the catalog like any other mistake.
    pub fn start_with_check(
        dir: impl AsRef<Path>,
        interval: Duration,
        check: impl Fn(&Catalog) -> Vec<CatalogError> + Send + Sync + 'static,
    ) -> Result<Self, CatalogErrors> {
        let dir = dir.as_ref().to_owned();
        let files = load::read(&dir)?;
        let catalog = checked(&dir, &files, &check)?;
        tracing::info!(
            digest = catalog.digest(),
            tenants = catalog.tenants().count(),
            links = catalog.links().count(),
            "catalog loaded"
        );
        metrics::gauge!("hongyan_catalog_generation").set(1.0);
        let shared = Arc::new(Shared {
            dir,
            check: Box::new(check),
            current: ArcSwap::from_pointee(catalog),
            generation: AtomicU64::new(1),
        });
        let task = tokio::spawn(follow(Arc::clone(&shared), interval));
        Ok(Self {
            shared,
            _watch: Arc::new(AbortOnDrop(task.abort_handle())),
        })
    }

    /// The catalog now in force. Take it once for one request, so that the request sees one world.
    pub fn current(&self) -> Arc<Catalog> {
        self.shared.current.load_full()
    }

    /// How many catalogs have been in force: 1 after the start.
    pub fn generation(&self) -> u64 {
        self.shared.generation.load(Ordering::Relaxed)
    }
}

fn checked(
    dir: &Path,
    files: &load::Files,
    check: &(impl Fn(&Catalog) -> Vec<CatalogError> + ?Sized),
) -> Result<Catalog, CatalogErrors> {
    let catalog = load::parse(dir, files)?;
    let errors = check(&catalog);
    if errors.is_empty() {
        Ok(catalog)
    } else {
        Err(CatalogErrors::new(errors))
    }
}

/// What one look at the files found.
enum Look {
    Same,
    New(Box<Catalog>),
    /// With the digest, where the files could be read, so that one mistake is reported once.
    Bad(Option<String>, CatalogErrors),
}

fn look(shared: &Shared, refused: Option<&str>) -> Look {
    let files = match load::read(&shared.dir) {
        Ok(files) => files,
        Err(errors) => return Look::Bad(None, errors),
    };
    if files.digest == shared.current.load().digest() || refused == Some(files.digest.as_str()) {
        return Look::Same;
    }
    // Files change one after the other, and a mounted directory may be swapped between two reads: only what stood still
    // is looked at more closely.
    match load::read(&shared.dir) {
        Ok(again) if again.digest == files.digest => {}
        _ => return Look::Same,
    }
    match checked(&shared.dir, &files, &*shared.check) {
        Ok(catalog) => Look::New(Box::new(catalog)),
        Err(errors) => Look::Bad(Some(files.digest), errors),
    }
}

async fn follow(shared: Arc<Shared>, interval: Duration) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // The last refused state of the files, and what was said about it.
    let mut refused: (Option<String>, Option<CatalogErrors>) = (None, None);
    loop {
        ticks.tick().await;
        let looked = {
            let shared = Arc::clone(&shared);
            let digest = refused.0.clone();
            // Parsing a large table takes longer than an async task may keep its thread.
            tokio::task::spawn_blocking(move || look(&shared, digest.as_deref())).await
        };
        match looked {
            Ok(Look::Same) => {
                if refused.0.is_none() {
                    refused.1 = None;
                }
            }
            Ok(Look::New(catalog)) => {
                refused = (None, None);
                let digest = catalog.digest().to_owned();
                shared.current.store(Arc::from(catalog));
                let generation = shared.generation.fetch_add(1, Ordering::Relaxed) + 1;
                metrics::counter!("hongyan_catalog_reloads_total").increment(1);
                metrics::gauge!("hongyan_catalog_generation").set(generation as f64);
                tracing::info!(digest, generation, "catalog reloaded");
            }
            Ok(Look::Bad(digest, errors)) => {
                if refused.1.as_ref() != Some(&errors) || digest != refused.0 {
                    metrics::counter!("hongyan_catalog_reload_failures_total").increment(1);
                    tracing::warn!(%errors, "catalog change refused; the catalog before it stays in force");
                }
                refused = (digest, Some(errors));
            }
            // The look panicked or the runtime ends; the next look tells.
            Err(error) => tracing::warn!(%error, "catalog could not be looked at"),
        }
    }
}
