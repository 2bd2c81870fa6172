//! `links.yaml` as it is written.

use serde::Deserialize;
use serde_saphyr::Spanned;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinksFile {
    pub(crate) links: Vec<Link>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Link {
    pub(crate) name: Spanned<String>,
    pub(crate) carrier: Spanned<String>,
    pub(crate) protocol: Spanned<String>,
    #[serde(default)]
    pub(crate) version: Option<Spanned<String>>,
    pub(crate) host: Spanned<String>,
    pub(crate) port: Spanned<u64>,
    /// CMPP's own word for it is understood as well.
    #[serde(alias = "sp_id")]
    pub(crate) account: Spanned<String>,
    pub(crate) secret_file: Spanned<String>,
    #[serde(default)]
    pub(crate) service_id: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) connections: Option<Spanned<u64>>,
    #[serde(default)]
    pub(crate) window: Option<Spanned<u64>>,
    pub(crate) pace_segments_per_second: Spanned<u64>,
    #[serde(default)]
    pub(crate) access_number: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) keep_alive_interval_ms: Option<Spanned<u64>>,
    #[serde(default)]
    pub(crate) keep_alive_timeout_ms: Option<Spanned<u64>>,
    #[serde(default)]
    pub(crate) keep_alive_attempts: Option<Spanned<u64>>,
    #[serde(default)]
    pub(crate) response_timeout_ms: Option<Spanned<u64>>,
    #[serde(default)]
    pub(crate) submit_attempts: Option<Spanned<u64>>,
    #[serde(default)]
    pub(crate) reconnect: Option<Reconnect>,
    #[serde(default)]
    pub(crate) concat_reference_bits: Option<Spanned<u64>>,
    #[serde(default)]
    pub(crate) carrier_adds_signature: Option<CarrierSignature>,
    #[serde(default)]
    pub(crate) sgip: Option<Spanned<Sgip>>,
    #[serde(default)]
    pub(crate) smgp: Option<Spanned<Smgp>>,
    #[serde(default)]
    pub(crate) smpp: Option<Spanned<Smpp>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reconnect {
    pub(crate) first_ms: Spanned<u64>,
    pub(crate) longest_ms: Spanned<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CarrierSignature {
    #[serde(rename = "where")]
    pub(crate) place: Spanned<String>,
    pub(crate) characters: Spanned<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sgip {
    pub(crate) node_id: Spanned<u64>,
    pub(crate) corp_id: Spanned<String>,
    pub(crate) listen: Spanned<String>,
    #[serde(default)]
    pub(crate) peer_account: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) peer_secret_file: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) idle_close_ms: Option<Spanned<u64>>,
    #[serde(default)]
    pub(crate) peer_idle_close_ms: Option<Spanned<u64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Smgp {
    #[serde(default)]
    pub(crate) msg_src: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Smpp {
    pub(crate) system_type: Option<Spanned<String>>,
    pub(crate) bind: Option<Spanned<String>>,
    pub(crate) source: Option<Numbering>,
    pub(crate) destination: Option<Numbering>,
    pub(crate) destination_prefix: Option<Spanned<String>>,
    pub(crate) ucs2_data_coding: Option<Spanned<u64>>,
    pub(crate) default_alphabet: Option<Spanned<String>>,
    pub(crate) submit_coding: Option<Spanned<String>>,
    pub(crate) long_messages: Option<Spanned<String>>,
    pub(crate) receipt_id: Option<Spanned<String>>,
    pub(crate) tls: Option<Tls>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Numbering {
    pub(crate) ton: Spanned<u64>,
    pub(crate) npi: Spanned<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    pub(crate) roots_file: Spanned<String>,
    pub(crate) server_name: Spanned<String>,
    #[serde(default)]
    pub(crate) cert_file: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) key_file: Option<Spanned<String>>,
}
