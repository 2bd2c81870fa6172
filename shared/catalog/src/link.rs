//! A link: one login to one carrier's gateway.

use std::{path::PathBuf, time::Duration};

use hongyan_domain::{Carrier, LinkName};

/// How to reach a carrier and how fast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its name; queues and keys carry it.
    pub name: LinkName,
    /// Whose gateway it is.
    pub carrier: Carrier,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Name or address of the gateway.
    pub host: String,
    /// Its TCP port.
    pub port: u16,
    /// The service provider's id (`SP_Id`, `Source_Addr`, `Msg_src`): 1 to 6 visible ASCII characters.
    pub sp_id: String,
    /// The file that holds the shared secret.
    pub secret_file: PathBuf,
    /// `Service_Id`: 1 to 10 visible ASCII characters.
    pub service_id: String,
    /// How many connections the carrier allows for this login, over all replicas: 1 to 64.
    pub connections: u16,
    /// Submits without their response on one connection: 1 to 1,024.
    pub window: u16,
    /// Segments a second over all connections and replicas: 1 to 100,000.
    pub pace_segments_per_second: u32,
    /// What every source on this link must begin with; `None` where the carrier does not tie the login to a number.
    pub access_number: Option<String>,
    /// So long without traffic, then a keep-alive.
    pub keep_alive_interval: Duration,
    /// A response that takes longer is taken for lost.
    pub response_timeout: Duration,
}

/// What is spoken on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// China Mobile's, from the service provider's side.
    Cmpp {
        /// Offered first; the gateway's answer may fall back.
        version: CmppVersion,
    },
}

/// The version that a CMPP login begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CmppVersion {
    /// 2.0.
    V2_0,
    /// 3.0.
    V3_0,
}
