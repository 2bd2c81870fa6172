//! What only one protocol has.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// What is spoken on a link, from the service provider's side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// China Mobile's.
    Cmpp(Cmpp),
    /// China Unicom's.
    Sgip(Sgip),
    /// China Telecom's.
    Smgp(Smgp),
    /// Everybody else's, version 3.4.
    Smpp(Smpp),
}

impl Protocol {
    /// For operators, e.g. `CMPP 3.0`.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Cmpp(cmpp) => match cmpp.version {
                CmppVersion::V2_0 => "CMPP 2.0",
                CmppVersion::V3_0 => "CMPP 3.0",
            },
            Self::Sgip(_) => "SGIP 1.2",
            Self::Smgp(smgp) => match smgp.version {
                SmgpVersion::V1_3 => "SMGP 1.3",
                SmgpVersion::V3_0 => "SMGP 3.0",
            },
            Self::Smpp(_) => "SMPP 3.4",
        }
    }
}

/// CMPP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cmpp {
    /// Offered first; the gateway's answer may fall back.
    pub version: CmppVersion,
}

/// The version that a CMPP login begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CmppVersion {
    /// 2.0.
    V2_0,
    /// 3.0.
    V3_0,
}

/// SGIP 1.2: submits go over connections that we make, receipts and uplinks come over connections that the gateway makes
/// to our listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sgip {
    /// The service provider's node: ten digits, 3, area code, enterprise code. Above 2^31.
    pub node_id: u32,
    /// The enterprise code: five digits.
    pub corp_id: String,
    /// Where each replica awaits the gateway's connections.
    pub listen: SocketAddr,
    /// The name by which the gateway logs in to us: 1 to 16 visible ASCII characters.
    pub peer_account: String,
    /// The file that holds the gateway's password.
    pub peer_secret_file: PathBuf,
    /// A submit connection that carries nothing for so long is unbound, and made again when there is work: 1 s to an hour.
    pub idle_close: Duration,
    /// A gateway's connection that carries nothing for so long is closed: 1 s to an hour.
    pub peer_idle_close: Duration,
}

/// SMGP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smgp {
    /// Told at login; the gateway's answer may fall back.
    pub version: SmgpVersion,
    /// The `MsgSrc` parameter of each submit (the service provider's code): 1 to 8 visible ASCII characters; `None` for
    /// gateways that do not ask for it.
    pub msg_src: Option<String>,
}

/// The version that an SMGP login begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmgpVersion {
    /// 1.3, whose submit lacks `FixedFee`.
    V1_3,
    /// 3.0.
    V3_0,
}

/// SMPP 3.4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smpp {
    /// 0 to 12 visible ASCII characters.
    pub system_type: String,
    /// How connections log in.
    pub bind: Bind,
    /// Of the number shown.
    pub source: Numbering,
    /// Of the recipient's number.
    pub destination: Numbering,
    /// What stands before the eleven digits of a recipient: empty, `86` or `+86`.
    pub destination_prefix: String,
    /// The `data_coding` that says UCS-2: 8 but for odd centres.
    pub ucs2_data_coding: u8,
    /// What `data_coding` 0 means in what arrives.
    pub default_alphabet: Alphabet,
    /// In what a text is written.
    pub submit_coding: SubmitCoding,
    /// How the parts of a long message say that they are parts.
    pub long_messages: LongMessages,
    /// How receipts write the id that the submit's response gave.
    pub receipt_id: ReceiptId,
    /// TLS to the carrier; `None` for plain TCP.
    pub tls: Option<Tls>,
}

/// How the connections of an SMPP link log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bind {
    /// Each sends and receives.
    Transceiver,
    /// The first half of the connections (rounded up) sends, the other half receives: at least two connections.
    TransmitterAndReceiver,
}

/// Type of number and numbering plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbering {
    /// 0 to 6; 1 international, 2 national, 5 alphanumeric.
    pub ton: u8,
    /// 0 to 18; 1 is E.164.
    pub npi: u8,
}

/// A centre's default alphabet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    /// GSM 7-bit, one septet an octet.
    Gsm7,
    /// GSM 7-bit, eight septets in seven octets.
    Gsm7Packed,
    /// ASCII.
    Ascii,
    /// Latin-1.
    Latin1,
}

/// In what an SMPP link writes texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubmitCoding {
    /// Always UCS-2.
    Ucs2,
    /// The centre's default alphabet where it has every character of a text, else UCS-2. Where a text is cut does not
    /// depend on it: what is counted and billed is UCS-2 either way.
    Default,
}

/// How an SMPP link numbers the parts of a long message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LongMessages {
    /// By a user data header in front of the text, which phones read.
    Header,
    /// By the parameters `sar_msg_ref_num`, `sar_total_segments`, `sar_segment_seqnum`, of which the centre makes a
    /// header.
    Sar,
}

/// How receipts write a message's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptId {
    /// As the response wrote it but for leading zeros and the case of letters.
    Same,
    /// Found out: a receipt's id is looked for as it is, and as the hexadecimal of a decimal number.
    Auto,
    /// Decimal, where the response has hexadecimal.
    Decimal,
    /// Hexadecimal, where the response has decimal.
    Hex,
}

/// TLS from us to a carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// PEM certificates of the authorities that may sign the carrier's certificate.
    pub roots_file: PathBuf,
    /// The name that the carrier's certificate must have.
    pub server_name: String,
    /// Our certificate (chain) and its key in PEM, for carriers that ask for them: both or none.
    pub client: Option<(PathBuf, PathBuf)>,
}
