//! What a link of the mesh and its gateway speak, and how both are told so.

use std::net::SocketAddr;

use super::catalog::ExampleLink;

/// How the simulated gateway of an SGIP link logs in at the link's listener.
const SMG_ACCOUNT: &str = "smg";
/// The enterprise code of an SGIP link, and its node: 3, area code 0100, enterprise code.
const SGIP_CORP: &str = "92008";
const SGIP_NODE: &str = "3010092008";

/// A protocol in one of its versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spoken {
    /// China Mobile's, 2.0.
    Cmpp2,
    /// China Mobile's, 3.0.
    Cmpp3,
    /// China Unicom's, 1.2.
    Sgip,
    /// China Telecom's, 1.3.
    Smgp1,
    /// China Telecom's, 3.0.
    Smgp3,
    /// 3.4.
    Smpp,
}

impl Spoken {
    /// As links tell it to operators once they are logged in.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Cmpp2 => "CMPP 2.0",
            Self::Cmpp3 => "CMPP 3.0",
            Self::Sgip => "SGIP 1.2",
            Self::Smgp1 => "SMGP 1.3",
            Self::Smgp3 => "SMGP 3.0",
            Self::Smpp => "SMPP 3.4",
        }
    }

    /// Before the colon of a raw code.
    pub const fn code_prefix(self) -> &'static str {
        match self {
            Self::Cmpp2 | Self::Cmpp3 => "CMPP",
            Self::Sgip => "SGIP",
            Self::Smgp1 | Self::Smgp3 => "SMGP",
            Self::Smpp => "SMPP",
        }
    }

    /// As `links.yaml` names it: protocol and version.
    const fn declared(self) -> (&'static str, &'static str) {
        match self {
            Self::Cmpp2 => ("cmpp", "2.0"),
            Self::Cmpp3 => ("cmpp", "3.0"),
            Self::Sgip => ("sgip", "1.2"),
            Self::Smgp1 => ("smgp", "1.3"),
            Self::Smgp3 => ("smgp", "3.0"),
            Self::Smpp => ("smpp", "3.4"),
        }
    }

    /// The fields of a link in `links.yaml`, in the place of those of the same names.
    pub(super) fn fields(self, listener: SocketAddr) -> Vec<(&'static str, String)> {
        let (protocol, version) = self.declared();
        let mut fields = vec![
            ("protocol", protocol.to_owned()),
            ("version", format!("\"{version}\"")),
        ];
        match self {
            Self::Sgip => fields.push((
                "sgip",
                format!(
                    "{{node_id: {SGIP_NODE}, corp_id: \"{SGIP_CORP}\", listen: \"{listener}\", peer_account: {SMG_ACCOUNT}}}"
                ),
            )),
            Self::Smpp => {
                fields.push(("service_id", "\"\"".to_owned()));
                fields.push(("smpp", "{receipt_id: decimal}".to_owned()));
            }
            Self::Cmpp2 | Self::Cmpp3 | Self::Smgp1 | Self::Smgp3 => {}
        }
        fields
    }

    /// The arguments of the gateway beyond addresses and account.
    pub(super) fn gateway_args(self, link: &ExampleLink, listener: SocketAddr) -> Vec<String> {
        let (protocol, version) = self.declared();
        let mut args = vec![format!("--protocol={protocol}-{version}")];
        if self == Self::Sgip {
            args.push(format!("--deliver-to={listener}"));
            args.push(format!("--deliver-login={SMG_ACCOUNT}:{}", link.secret));
        }
        if self == Self::Smpp {
            // The answer to a submit says 1f, its receipt 0000000031, as many centres do.
            args.push("--smpp-receipt-id=decimal".to_owned());
        }
        args
    }
}
