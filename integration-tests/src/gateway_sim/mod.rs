//! A carrier's gateway (ISMG) to try Hongyan against: CMPP 2.0 and 3.0 from the server's side, over real TCP with
//! real authentication, that misbehaves on demand and counts what it takes.
//!
//! ```text
//!  carrier link ══CMPP══▶ connection ──▶ rules (what to answer, when, which receipt) ──▶ ledger (what was taken)
//!                            ▲                                                              │
//!                            └────────── outbox: receipts and uplinks by their time ◀───────┘
//!  tests, curl ──HTTP/JSON──▶ control: /stats /messages /texts /faults /uplink /drop /reset
//! ```
//!
//! [`GatewaySim::start`] runs it inside a test; the program `hongyan-gateway-sim` runs it alone. Everything it keeps is
//! bounded, see [`Config`]. It holds numbers and, where asked, texts: it is for made-up data only.

mod config;
mod connection;
mod control;
mod deliver;
mod faults;
mod handle;
mod hub;
mod ledger;
mod outbox;
mod rate;
#[cfg(test)]
mod tests;
mod uplink;

pub use config::{Account, Config};
pub use faults::{Answer, Cut, Effects, Faults, ReceiptChange, ReceiptForm, ReceiptPlan, ReceiptTime, Rule};
pub use handle::{GatewaySim, MessageFilter};
pub use ledger::{
    ConnectionCount, DeliverCount, LoginCount, MessageView, NumberCount, PartView, Stats, content_hash,
};
pub use uplink::{Uplink, UplinkCoding};
