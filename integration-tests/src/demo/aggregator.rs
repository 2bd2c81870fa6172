//! A fourth carrier for the story: an aggregator that is reached by SMPP and takes the numbers of China Broadnet, which
//! has no gateway of its own.

use anyhow::Result;

use crate::{
    gateway_sim::{Account, Config, GatewaySim, ProtocolChoice},
    harness::mesh::{CatalogChange, LINKS_OF_THE_EXAMPLE, replaced_once},
};

/// The link that the demo adds to the example catalog.
pub(super) const LINK: &str = "aggregator-a";
/// A customer who is with China Broadnet.
pub(super) const CUSTOMER: &str = "19200138104";
const ACCOUNT: &str = "904567";
const ROUTE: &str = "{carrier: china_broadnet, links: [cmcc-a]}";

/// The secret is that of the first link, whose file is there already.
const DECLARATION: &str = r#"
  - name: aggregator-a
    carrier: china_broadnet
    protocol: smpp
    host: 127.0.0.1
    port: PORT
    account: "904567"
    secret_file: secrets/cmcc-a
    service_id: ""
    connections: 1
    pace_segments_per_second: 500
    smpp:
      receipt_id: decimal
"#;

/// Its gateway, inside the demo. Receipts have decimal ids where the responses had hexadecimal ones, as many do.
pub(super) async fn start() -> Result<GatewaySim> {
    let [first, ..] = LINKS_OF_THE_EXAMPLE;
    GatewaySim::start(Config {
        protocol: ProtocolChoice::Smpp {
            decimal_receipts: true,
            tls: None,
        },
        accounts: vec![Account::new(ACCOUNT, first.secret)],
        ..Config::default()
    })
    .await
}

/// Declares link and route.
pub(super) fn declared(gateway: &GatewaySim) -> CatalogChange {
    let port = gateway.addr().port();
    Box::new(move |files| {
        files.routes = replaced_once(&files.routes, ROUTE, &ROUTE.replace("cmcc-a", LINK))?;
        files
            .links
            .push_str(&DECLARATION.replace("PORT", &port.to_string()));
        Ok(())
    })
}
