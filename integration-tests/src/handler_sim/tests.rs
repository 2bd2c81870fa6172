//! The simulator over real mutual TLS and HTTP.

use std::{path::Path, time::Duration};

use hongyan_identity::{Connector, Credentials, IdentitySettings};
use hongyan_proto::uplink::v1::{
    HandleUplinkRequest, uplink_handler_service_client::UplinkHandlerServiceClient,
};
use tonic::{
    Code, Request,
    transport::{Channel, Endpoint},
};

use super::{Balances, Config, Faults, HandlerSim, Stats};
use crate::harness::ca::{TRUST_DOMAIN, TestCa, Validity, spiffe};

struct World {
    dir: tempfile::TempDir,
    ca: TestCa,
    sim: HandlerSim,
}

impl World {
    async fn start() -> Self {
        let (dir, ca) = (tempfile::tempdir().unwrap(), TestCa::new("handlers").unwrap());
        let own = ca.write(dir.path(), "handler/cards", Validity::Usual).unwrap();
        let mut balances = Balances::default();
        balances.add_flag("62220202=12.50").unwrap();
        balances.cards.entry("62220203".to_owned()).or_default().password = Some("9".to_owned());
        let sim = HandlerSim::start(Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            control: "127.0.0.1:0".parse().unwrap(),
            cert_file: own.cert_file.clone(),
            key_file: own.key_file.clone(),
            roots_file: own.roots_file.clone(),
            trust_domain: TRUST_DOMAIN.to_owned(),
            balances,
        })
        .await
        .unwrap();
        Self { dir, ca, sim }
    }

    async fn client(&self, path: &str) -> UplinkHandlerServiceClient<Channel> {
        let own = self.ca.write(self.dir.path(), path, Validity::Usual).unwrap();
        let settings = IdentitySettings {
            cert_file: own.cert_file.clone(),
            key_file: own.key_file.clone(),
            roots_file: own.roots_file.clone(),
            trust_domain: TRUST_DOMAIN.to_owned(),
            method_table_file: None,
            reload_interval: Duration::from_secs(1),
        };
        let credentials = Credentials::load(&settings).await.unwrap();
        let connector = Connector::new(credentials, spiffe("handler/cards").parse().unwrap());
        let endpoint = Endpoint::from_shared(format!("http://{}", self.sim.grpc())).unwrap();
        UplinkHandlerServiceClient::new(endpoint.connect_with_connector_lazy(connector))
    }

    fn control(&self, path: &str) -> String {
        format!("http://{}{path}", self.sim.control())
    }
}

fn question(fields: &[(&str, &str)]) -> HandleUplinkRequest {
    HandleUplinkRequest {
        uplink_id: "u1".to_owned(),
        command: "balance".to_owned(),
        fields: fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..HandleUplinkRequest::default()
    }
}

#[tokio::test]
async fn the_router_is_answered_and_nobody_else() {
    let world = World::start().await;
    let mut router = world.client("svc/uplink-router").await;
    let answer = router
        .handle_uplink(question(&[("card", "62220202")]))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.parameters["balance"], "12.50");
    assert_eq!(answer.parameters["card_tail"], "0202");
    for (fields, code) in [
        (&[("card", "1")][..], Code::NotFound),
        (&[][..], Code::NotFound),
        (&[("card", "62220203")][..], Code::PermissionDenied),
        (
            &[("card", "62220203"), ("password", "8")][..],
            Code::PermissionDenied,
        ),
    ] {
        assert_eq!(
            router.handle_uplink(question(fields)).await.unwrap_err().code(),
            code,
            "{fields:?}"
        );
    }
    router
        .handle_uplink(question(&[("card", "62220203"), ("password", "9")]))
        .await
        .unwrap();
    let mut caller = world.client("caller/hrss").await;
    let refused = caller
        .handle_uplink(question(&[("card", "62220202")]))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let stats = world.sim.stats();
    assert_eq!(
        (stats.asked, stats.answered, stats.by_command["balance"]),
        (6, 2, 6)
    );
    assert_eq!(stats.questions.back().unwrap().fields, ["card", "password"]);
    assert!(
        !format!("{stats:?}").contains("6222"),
        "what stood in the fields is not kept"
    );
    world.sim.stop().await;
}

#[tokio::test]
async fn faults_are_set_and_told_over_http() {
    let world = World::start().await;
    let http = reqwest::Client::new();
    let faults = Faults {
        fail: Some("UNAVAILABLE".to_owned()),
        times: Some(1),
        ..Faults::default()
    };
    let set = http
        .post(world.control("/faults"))
        .json(&faults)
        .send()
        .await
        .unwrap();
    assert!(set.status().is_success());
    let wrong = Faults {
        fail: Some("SLEEPY".to_owned()),
        ..Faults::default()
    };
    let refused = http
        .post(world.control("/faults"))
        .json(&wrong)
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status().as_u16(), 400);

    let mut router = world.client("svc/uplink-router").await;
    let card = || question(&[("card", "62220202")]);
    assert_eq!(
        router.handle_uplink(card()).await.unwrap_err().code(),
        Code::Unavailable
    );
    router.handle_uplink(card()).await.unwrap();

    world.sim.set_faults(Faults {
        hang: true,
        ..Faults::default()
    });
    let mut hanging = Request::new(card());
    hanging.set_timeout(Duration::from_millis(100));
    assert!(router.handle_uplink(hanging).await.is_err());
    let stats: Stats = http
        .get(world.control("/stats"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!((stats.asked, stats.answered), (3, 1));
    http.post(world.control("/reset")).send().await.unwrap();
    assert_eq!(world.sim.stats(), Stats::default());
    router.handle_uplink(card()).await.unwrap();
}

#[tokio::test]
async fn without_credentials_it_does_not_start() {
    let nowhere = Path::new("/nowhere");
    let started = HandlerSim::start(Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        control: "127.0.0.1:0".parse().unwrap(),
        cert_file: nowhere.join("cert.pem"),
        key_file: nowhere.join("key.pem"),
        roots_file: nowhere.join("roots.pem"),
        trust_domain: TRUST_DOMAIN.to_owned(),
        balances: Balances::default(),
    });
    assert!(started.await.is_err());
}
