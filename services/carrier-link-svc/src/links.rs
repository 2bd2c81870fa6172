//! The links of this process, as the catalog declares them now.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hongyan_catalog::{Link, LiveCatalog};
use hongyan_domain::LinkName;
use hongyan_proto::carrier::v1::LinkState;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    link::{Common, LinkShared},
    runner::{self, Failed},
};

/// The catalog is looked at so often; it follows its files at its own interval.
const LOOK_PERIOD: Duration = Duration::from_millis(250);

/// What operators ask about.
#[derive(Clone, Default)]
pub struct Directory(Arc<Mutex<BTreeMap<LinkName, Arc<LinkShared>>>>);

impl Directory {
    /// Every link's state.
    pub fn states(&self) -> Vec<LinkState> {
        self.lock().values().map(|link| link.board.state()).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<LinkName, Arc<LinkShared>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Running {
    link: Link,
    end: CancellationToken,
    task: JoinHandle<Result<(), Failed>>,
}

/// A link's tasks ended though nobody told them to.
#[derive(Debug, thiserror::Error)]
#[error("link {link}: {why}")]
pub struct LinkFailed {
    link: String,
    why: Failed,
}

/// Runs the declared links until told to end. A link that is added, removed or changed begins, drains, or drains and
/// begins anew, without the others noticing. What waits on the queues of a link that is removed stays there: dispatch
/// closes it when its validity has run out, or it leaves when the link is declared again.
pub async fn run(
    catalog: LiveCatalog,
    common: Common,
    directory: Directory,
    shutdown: CancellationToken,
) -> Result<(), LinkFailed> {
    let mut running: BTreeMap<LinkName, Running> = BTreeMap::new();
    while !shutdown.is_cancelled() {
        let declared = catalog.current();
        let outdated: Vec<LinkName> = running
            .iter()
            .filter(|(name, link)| declared.link(name) != Some(&link.link))
            .map(|(name, _)| name.clone())
            .collect();
        end(&mut running, &outdated, &directory).await?;
        for link in declared.links() {
            if !running.contains_key(&link.name) {
                let started = start(link, &common, &directory, &shutdown);
                running.insert(link.name.clone(), started);
            }
        }
        let dead = running.iter().find(|(_, link)| link.task.is_finished());
        if let Some(name) = dead.map(|(name, _)| name.clone()) {
            end(&mut running, &[name], &directory).await?;
        }
        let _ = shutdown
            .run_until_cancelled(tokio::time::sleep(LOOK_PERIOD))
            .await;
    }
    let all: Vec<LinkName> = running.keys().cloned().collect();
    end(&mut running, &all, &directory).await
}

fn start(link: &Link, common: &Common, directory: &Directory, shutdown: &CancellationToken) -> Running {
    let end = shutdown.child_token();
    let shared = LinkShared::new(link, common);
    directory.lock().insert(link.name.clone(), Arc::clone(&shared));
    tracing::info!(
        link = link.name.as_str(),
        connections = link.connections,
        "link started"
    );
    Running {
        link: link.clone(),
        task: tokio::spawn(runner::run(shared, end.clone())),
        end,
    }
}

/// Ends these links, all at the same time.
async fn end(
    running: &mut BTreeMap<LinkName, Running>,
    names: &[LinkName],
    directory: &Directory,
) -> Result<(), LinkFailed> {
    let ending: Vec<(LinkName, Running)> = names
        .iter()
        .filter_map(|name| running.remove_entry(name))
        .collect();
    for (_, link) in &ending {
        link.end.cancel();
    }
    let mut outcome = Ok(());
    for (name, link) in ending {
        let ended = link.task.await.map_err(Failed::from).and_then(|ended| ended);
        outcome = outcome.and(ended.map_err(|why| LinkFailed {
            link: name.as_str().to_owned(),
            why,
        }));
        directory.lock().remove(&name);
        tracing::info!(link = name.as_str(), "link ended");
    }
    outcome
}
