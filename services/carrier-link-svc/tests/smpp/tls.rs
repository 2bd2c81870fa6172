//! TLS to the carrier.

use hongyan_catalog::{Link, Smpp, Tls};
use hongyan_domain::MessageClass::Notice;
use tempfile::TempDir;

use crate::{
    centre::{Centre, declare, settings},
    support::{World, peer::Peer, private::eventually},
    tls_front::{Authority, Front, NAME},
};

#[tokio::test]
async fn tls_knows_the_carrier_and_is_known_and_its_files_rotate() {
    let world = World::new().await;
    let gateway = Peer::start(Centre {
        stat: Some("DELIVRD"),
        ..Centre::default()
    })
    .await;
    let (carrier, us) = (Authority::new(), Authority::new());
    let front = Front::start(gateway.address, &carrier, &us).await;
    let directory = TempDir::new().unwrap();
    let roots_file = directory.path().join("roots.pem");
    carrier.trust(&roots_file);
    let tls = Tls {
        roots_file: roots_file.clone(),
        server_name: NAME.to_owned(),
        client: Some(us.client(directory.path())),
    };
    let link = Link {
        port: front.address.port(),
        ..declare(
            &world,
            &gateway,
            Smpp {
                tls: Some(tls),
                ..settings()
            },
        )
    };
    let replica = world.run(&link);
    let first = world.queue(Notice, 1, "缴费成功").await;
    eventually("sent and delivered over TLS", || async {
        world.story(first).await.len() == 2
    })
    .await;

    // Both authorities change; the files do not know it yet.
    let (new_carrier, new_us) = (Authority::new(), Authority::new());
    front.change(&new_carrier, &new_us);
    let second = world.queue(Notice, 2, "缴费成功").await;
    eventually("a failure that is told", || async {
        let connections = replica.link.board.state().connections;
        connections
            .iter()
            .any(|connection| connection.last_error.contains("TLS"))
    })
    .await;
    assert_eq!(gateway.logins(), 1);
    assert!(world.story(second).await.is_empty());

    // The files are replaced in place; nothing is restarted.
    new_us.client(directory.path());
    new_carrier.trust(&roots_file);
    eventually("sent and delivered over the new TLS", || async {
        world.story(second).await.len() == 2
    })
    .await;
    assert_eq!(gateway.logins(), 2);
    replica.drain().await;
}

#[tokio::test]
async fn a_carrier_of_another_name_gets_no_password() {
    let world = World::new().await;
    let gateway = Peer::start(Centre::default()).await;
    let (carrier, us) = (Authority::new(), Authority::new());
    let front = Front::start(gateway.address, &carrier, &us).await;
    let directory = TempDir::new().unwrap();
    let roots_file = directory.path().join("roots.pem");
    carrier.trust(&roots_file);
    let tls = Tls {
        roots_file,
        server_name: "other.example".to_owned(),
        client: Some(us.client(directory.path())),
    };
    let link = Link {
        port: front.address.port(),
        ..declare(
            &world,
            &gateway,
            Smpp {
                tls: Some(tls),
                ..settings()
            },
        )
    };
    let replica = world.run(&link);
    eventually("a failure that is told", || async {
        let connections = replica.link.board.state().connections;
        connections
            .iter()
            .any(|connection| connection.last_error.contains("TLS"))
    })
    .await;
    assert_eq!(gateway.logins(), 0);
    replica.drain().await;
}
