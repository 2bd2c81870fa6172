//! The catalog's links come and go without a restart.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod support;

use std::{net::SocketAddr, path::Path, time::Duration};

use hongyan_carrier_link_svc::links::{self, Directory};
use hongyan_catalog::LiveCatalog;
use hongyan_domain::MessageClass::Notice;
use support::{
    World,
    gateway::{Answer, Gateway, SECRET},
    private::eventually,
};
use tokio_util::sync::CancellationToken;

fn declare(directory: &Path, links: &[(&str, SocketAddr, u16)]) {
    let links = links.iter().map(|(name, gateway, connections)| {
        let (host, port) = (gateway.ip(), gateway.port());
        format!(
            "  - name: {name}\n    carrier: china_mobile\n    protocol: cmpp\n    version: \"3.0\"\n    host: {host}\n    \
             port: {port}\n    sp_id: \"900001\"\n    secret_file: secret\n    service_id: HONGYAN\n    \
             connections: {connections}\n    pace_segments_per_second: 1000\n"
        )
    });
    let text = format!("links:\n{}", links.collect::<String>());
    std::fs::write(directory.join("links.yaml"), text).unwrap();
}

#[tokio::test]
async fn links_are_added_changed_and_removed_while_others_go_on() {
    let world = World::new().await;
    let (one, other) = (
        Gateway::start(|_| Answer::Take).await,
        Gateway::start(|_| Answer::Take).await,
    );
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("secret"), SECRET).unwrap();
    std::fs::write(directory.path().join("tenants.yaml"), "tenants: []\n").unwrap();
    std::fs::write(directory.path().join("routes.yaml"), "routes: []\n").unwrap();
    declare(directory.path(), &[("cmcc-a", one.address, 1)]);
    let catalog = LiveCatalog::start(directory.path(), Duration::from_millis(20)).unwrap();
    let (shown, shutdown) = (Directory::default(), CancellationToken::new());
    let running = tokio::spawn(links::run(
        catalog,
        world.common(),
        shown.clone(),
        shutdown.clone(),
    ));
    eventually("logged in", || async { one.open().0 == 1 }).await;

    declare(
        directory.path(),
        &[("cmcc-a", one.address, 1), ("cmcc-b", other.address, 1)],
    );
    eventually("the new link is up", || async { other.open().0 == 1 }).await;
    assert_eq!(one.logins().len(), 1, "the first one did not notice");
    let names: Vec<_> = shown.states().into_iter().map(|link| link.link).collect();
    assert_eq!(names, ["cmcc-a", "cmcc-b"]);

    declare(
        directory.path(),
        &[("cmcc-a", one.address, 2), ("cmcc-b", other.address, 1)],
    );
    eventually("two connections", || async { one.open().0 == 2 }).await;
    let id = world.queue(Notice, 1, "after the change").await;
    eventually("submitted", || async { world.story(id).await.len() == 1 }).await;
    assert_eq!(other.logins().len(), 1);

    declare(directory.path(), &[("cmcc-a", one.address, 2)]);
    eventually("the link is gone", || async {
        other.open().0 == 0 && shown.states().len() == 1
    })
    .await;
    shutdown.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(one.open().0, 0);
    assert!(shown.states().is_empty());
}
