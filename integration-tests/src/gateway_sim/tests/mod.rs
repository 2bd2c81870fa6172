//! The simulator as a carrier link meets it, over real sockets.

mod client;
mod cmpp;
mod cmpp_faults;
mod cmpp_traffic;
mod every;
mod links;
mod sgip;
mod smgp;
mod smpp;
mod speakers;

use super::{Account, Config, GatewaySim};

/// A gateway with quick receipts.
async fn gateway() -> GatewaySim {
    start(Config {
        receipt: super::ReceiptPlan {
            delay_ms: 1,
            ..Default::default()
        },
        ..Config::default()
    })
    .await
}

async fn start(config: Config) -> GatewaySim {
    GatewaySim::start(config).await.unwrap()
}

fn account(text: &str) -> Account {
    Account::parse(text).unwrap()
}
