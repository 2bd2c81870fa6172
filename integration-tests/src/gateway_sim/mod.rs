//! A carrier's gateway to try Hongyan, or any other client, against: CMPP 2.0 and 3.0, SGIP 1.2, SMGP 1.3 and 3.0 and
//! SMPP 3.4 from the gateway's side, over real TCP with real logins, that misbehaves on demand and counts what it takes.
//!
//! ```text
//!  carrier link ══TCP══▶ connection ──▶ rules (what to answer, when, which receipt) ──▶ ledger (what was taken)
//!                   protocol │ ▲                                                           │
//!                            │ └──────── outbox: receipts and uplinks by their time ◀──────┘
//!  tests, curl ──HTTP/JSON──▶ control: /stats /messages /texts /faults /uplink /drop /reset
//! ```
//!
//! Everything but `protocol` is the same for all of them: `carrier` and `protocol` say what of a PDU is what.
//!
//! [`GatewaySim::start`] runs it inside a test; the program `hongyan-gateway-sim` runs it alone. Everything it keeps is
//! bounded, see [`Config`]. It holds numbers and, where asked, texts: it is for made-up data only.

mod account;
mod caller;
mod carrier;
mod config;
mod connection;
mod control;
mod damage;
mod faults;
mod handle;
mod hub;
mod ledger;
mod message;
mod outbox;
mod protocol;
mod rate;
mod serving;
mod take;
#[cfg(test)]
mod tests;
mod tls;
mod uplink;

pub use config::{Account, Config, ConnectionEvent, DeliverTo, ProtocolChoice, TlsFiles};
pub use faults::{
    Answer, CloseAt, Code, ConnectionEffects, ConnectionRule, Cut, Damage, Effects, Faults, Meaning, Padding,
    ReceiptChange, ReceiptForm, ReceiptId, ReceiptPlan, ReceiptTime, Rule,
};
pub use handle::{GatewaySim, MessageFilter};
pub use ledger::{
    AccountCount, ConnectionCount, DeliverCount, LoginCount, MessageView, NumberCount, PartView, Stats,
    content_hash,
};
pub use uplink::{PhoneReport, Uplink, UplinkCoding};
