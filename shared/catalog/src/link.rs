//! A link: one login to one carrier's gateway. What every protocol has is a field of [`Link`]; what only one has stands in
//! its block under [`Protocol`].

mod protocol;

use std::{path::PathBuf, time::Duration};

use hongyan_domain::{Carrier, LinkName};

pub use protocol::{
    Alphabet, Bind, Cmpp, CmppVersion, LongMessages, Numbering, Protocol, ReceiptId, Sgip, Smgp, SmgpVersion,
    Smpp, SubmitCoding, Tls,
};

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
    /// Who logs in, in visible ASCII: CMPP's `SP_Id` (1 to 6 characters), SGIP's login name (16), SMGP's `ClientID` (8),
    /// SMPP's `system_id` (15).
    pub account: String,
    /// The file that holds the shared secret or password.
    pub secret_file: PathBuf,
    /// `Service_Id`, `ServiceType`, `ServiceID` or `service_type`: 1 to 10 visible ASCII characters; with SMPP 0 to 5.
    pub service_id: String,
    /// How many connections the carrier allows for this login, over all replicas: 1 to 64.
    pub connections: u16,
    /// Submits without their response on one connection: 1 to 1,024.
    pub window: u16,
    /// Segments a second over all connections and replicas: 1 to 100,000.
    pub pace_segments_per_second: u32,
    /// What every source on this link must begin with; `None` where the carrier does not tie the login to a number.
    pub access_number: Option<String>,
    /// How a silent peer is found out. SGIP has no keep-alive and does not look at it.
    pub keep_alive: KeepAlive,
    /// A response that takes longer is taken for lost.
    pub response_timeout: Duration,
    /// How often one submit leaves on one connection at most, in the same octets under the same sequence number, each
    /// after a response timeout: 1 to 10. One-time codes leave once, whatever stands here. With SMPP, whose centres need
    /// not know a repetition by its number, everything does unless declared otherwise.
    pub submit_attempts: u8,
    /// The waits between attempts to connect; `None` where the service's own hold.
    pub reconnect: Option<Reconnect>,
    /// How texts are cut.
    pub text: TextRules,
}

/// How a silent peer is found out: after `idle` without traffic it is asked; each question waits `timeout` for its answer;
/// after `attempts` questions without one the connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepAlive {
    /// 100 ms to 10 minutes.
    pub idle: Duration,
    /// 100 ms to 2 minutes.
    pub timeout: Duration,
    /// 1 to 10.
    pub attempts: u8,
}

/// How long to wait before connecting again: doubles from the first to the longest while attempts fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reconnect {
    /// 10 ms to an hour.
    pub first: Duration,
    /// Not shorter than the first, at most an hour.
    pub longest: Duration,
}

/// How texts are cut for a carrier. All are sent as UCS-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextRules {
    /// The width of the reference in the header of each part.
    pub reference: ConcatReference,
    /// Room that the carrier needs for the signature that it adds itself; `None` where it adds none.
    pub carrier_signature: Option<CarrierSignature>,
}

/// The width of a part's reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConcatReference {
    /// One octet, 67 characters a part. The one that every gateway knows.
    #[default]
    Bits8,
    /// Two octets, 66 characters a part.
    Bits16,
}

/// A signature that the carrier adds to each message itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CarrierSignature {
    /// Which part must leave room.
    pub place: SignaturePlace,
    /// UTF-16 units with both brackets: 1 to 32.
    pub characters: u8,
}

/// Where a carrier adds its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignaturePlace {
    /// Before the text: the first part has less room.
    Front,
    /// Behind the text: the last part has less room.
    End,
}
