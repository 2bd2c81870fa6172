//! What only one protocol has.

use std::{net::SocketAddr, path::Path, time::Duration};

use serde_saphyr::Spanned;

use super::{HOUR_MS, Notes, file, values};
use crate::{
    Alphabet, Bind, Cmpp, CmppVersion, LongMessages, Numbering, Protocol, ReceiptId, Sgip, Smgp, SmgpVersion,
    Smpp, SubmitCoding, Tls, raw,
};

/// The protocol with its block. A block of another protocol is a mistake: somebody believes that it counts.
pub(super) fn check(
    dir: &Path,
    raw: &raw::Link,
    connections: u64,
    notes: &mut Notes<'_>,
) -> Option<Protocol> {
    let spoken = raw.protocol.value.as_str();
    if !["cmpp", "sgip", "smgp", "smpp"].contains(&spoken) {
        notes.add(
            &raw.protocol,
            format!("protocol {spoken:?} is not spoken; it must be cmpp, sgip, smgp or smpp"),
        );
        return None;
    }
    only_with("sgip", spoken, raw.sgip.as_ref(), notes);
    only_with("smgp", spoken, raw.smgp.as_ref(), notes);
    only_with("smpp", spoken, raw.smpp.as_ref(), notes);
    match spoken {
        "cmpp" => Some(Protocol::Cmpp(Cmpp {
            version: version(
                raw,
                &[("3.0", CmppVersion::V3_0), ("2.0", CmppVersion::V2_0)],
                notes,
            )?,
        })),
        "sgip" => {
            version(raw, &[("1.2", ())], notes);
            let Some(block) = &raw.sgip else {
                notes.add(&raw.protocol, "sgip needs its block: node_id, corp_id, listen");
                return None;
            };
            sgip(dir, raw, &block.value, notes).map(Protocol::Sgip)
        }
        "smgp" => {
            let msg_src = raw.smgp.as_ref().and_then(|block| block.value.msg_src.as_ref());
            if let Some(msg_src) = msg_src {
                values::visible(msg_src, "msg_src", 8, notes);
            }
            let versions = [("3.0", SmgpVersion::V3_0), ("1.3", SmgpVersion::V1_3)];
            Some(Protocol::Smgp(Smgp {
                version: version(raw, &versions, notes)?,
                msg_src: msg_src.map(|msg_src| msg_src.value.clone()),
            }))
        }
        _ => {
            version(raw, &[("3.4", ())], notes);
            let block = raw.smpp.as_ref().map(|block| &block.value);
            smpp(
                dir,
                block.unwrap_or(&raw::links::Smpp::default()),
                connections,
                notes,
            )
            .map(Protocol::Smpp)
        }
    }
}

/// Checks who logs in and for which service; gives the latter.
pub(super) fn names(raw: &raw::Link, protocol: Option<&Protocol>, notes: &mut Notes<'_>) -> String {
    // Where the protocol is not known, the widest limits avoid a second mistake.
    let (account, service) = match protocol {
        Some(Protocol::Cmpp(_)) => (6, 10),
        Some(Protocol::Sgip(_)) | None => (16, 10),
        Some(Protocol::Smgp(_)) => (8, 10),
        Some(Protocol::Smpp(_)) => (15, 5),
    };
    values::visible(&raw.account, "account", account, notes);
    let is_smpp = matches!(protocol, Some(Protocol::Smpp(_)));
    let Some(service_id) = &raw.service_id else {
        if protocol.is_some() && !is_smpp {
            notes.add(
                &raw.protocol,
                format!("{} needs a service_id", raw.protocol.value),
            );
        }
        return String::new();
    };
    if !(is_smpp && service_id.value.is_empty()) {
        values::visible(service_id, "service_id", service, notes);
    }
    service_id.value.clone()
}

fn only_with<T>(name: &str, spoken: &str, block: Option<&Spanned<T>>, notes: &mut Notes<'_>) {
    if let Some(block) = block
        && name != spoken
    {
        notes.add(
            block,
            format!("{name} does not belong to a link that speaks {spoken}"),
        );
    }
}

/// The first is the default.
fn version<T: Copy>(raw: &raw::Link, versions: &[(&str, T)], notes: &mut Notes<'_>) -> Option<T> {
    let Some(given) = &raw.version else {
        return versions.first().map(|(_, version)| *version);
    };
    one_of(given, "version", versions, notes)
}

/// What a word means; another word is noted.
fn one_of<T: Copy>(
    given: &Spanned<String>,
    what: &str,
    words: &[(&str, T)],
    notes: &mut Notes<'_>,
) -> Option<T> {
    let found = words.iter().find(|(word, _)| *word == given.value);
    if found.is_none() {
        let allowed: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        notes.add(
            given,
            format!("{what} {:?} must be {}", given.value, allowed.join(" or ")),
        );
    }
    found.map(|(_, meant)| *meant)
}

fn sgip(dir: &Path, link: &raw::Link, raw: &raw::links::Sgip, notes: &mut Notes<'_>) -> Option<Sgip> {
    let node_id = values::number(
        Some(&raw.node_id),
        "node_id",
        3_000_000_000..=3_999_999_999,
        3_000_000_000,
        notes,
    );
    let is_corp_id =
        raw.corp_id.value.len() == 5 && raw.corp_id.value.bytes().all(|octet| octet.is_ascii_digit());
    if !is_corp_id {
        notes.add(&raw.corp_id, "corp_id must be five digits");
    }
    let listen: Option<SocketAddr> = raw.listen.value.parse().ok();
    let listen = listen.filter(|address| address.port() != 0);
    if listen.is_none() {
        notes.add(
            &raw.listen,
            "listen must be an address with port, e.g. 0.0.0.0:8801",
        );
    }
    let peer_account = raw.peer_account.as_ref().unwrap_or(&link.account);
    if raw.peer_account.is_some() {
        values::visible(peer_account, "peer_account", 16, notes);
    }
    let peer_secret_file = raw.peer_secret_file.as_ref().unwrap_or(&link.secret_file);
    let peer_secret_file = if raw.peer_secret_file.is_some() {
        file(dir, peer_secret_file, "peer_secret_file", notes)
    } else {
        dir.join(&peer_secret_file.value)
    };
    let within = 1_000..=HOUR_MS;
    let idle = values::number(
        raw.idle_close_ms.as_ref(),
        "idle_close_ms",
        within.clone(),
        30_000,
        notes,
    );
    let peer_idle = values::number(
        raw.peer_idle_close_ms.as_ref(),
        "peer_idle_close_ms",
        within,
        60_000,
        notes,
    );
    Some(Sgip {
        node_id: u32::try_from(node_id).ok()?,
        corp_id: raw.corp_id.value.clone(),
        listen: listen?,
        peer_account: peer_account.value.clone(),
        peer_secret_file,
        idle_close: Duration::from_millis(idle),
        peer_idle_close: Duration::from_millis(peer_idle),
    })
}

fn smpp(dir: &Path, raw: &raw::links::Smpp, connections: u64, notes: &mut Notes<'_>) -> Option<Smpp> {
    if let Some(system_type) = &raw.system_type
        && !system_type.value.is_empty()
    {
        values::visible(system_type, "system_type", 12, notes);
    }
    let bind = raw.bind.as_ref().map_or(Some(Bind::Transceiver), |given| {
        let words = [
            ("transceiver", Bind::Transceiver),
            ("transmitter+receiver", Bind::TransmitterAndReceiver),
        ];
        let bind = one_of(given, "bind", &words, notes)?;
        if bind == Bind::TransmitterAndReceiver && connections < 2 {
            notes.add(given, "transmitter+receiver needs two connections or more");
        }
        Some(bind)
    });
    let source = numbering(raw.source.as_ref(), Numbering { ton: 0, npi: 1 }, notes);
    let destination = numbering(raw.destination.as_ref(), Numbering { ton: 1, npi: 1 }, notes);
    let prefix = raw.destination_prefix.as_ref().map_or(Some("86"), |given| {
        one_of(
            given,
            "destination_prefix",
            &[("86", "86"), ("+86", "+86"), ("", "")],
            notes,
        )
    });
    let ucs2 = values::number(
        raw.ucs2_data_coding.as_ref(),
        "ucs2_data_coding",
        0..=255,
        8,
        notes,
    );
    let alphabet = raw
        .default_alphabet
        .as_ref()
        .map_or(Some(Alphabet::Gsm7), |given| {
            let words = [
                ("gsm7", Alphabet::Gsm7),
                ("gsm7_packed", Alphabet::Gsm7Packed),
                ("ascii", Alphabet::Ascii),
                ("latin1", Alphabet::Latin1),
            ];
            one_of(given, "default_alphabet", &words, notes)
        });
    let coding = raw
        .submit_coding
        .as_ref()
        .map_or(Some(SubmitCoding::Ucs2), |given| {
            let words = [("ucs2", SubmitCoding::Ucs2), ("default", SubmitCoding::Default)];
            one_of(given, "submit_coding", &words, notes)
        });
    let long = raw
        .long_messages
        .as_ref()
        .map_or(Some(LongMessages::Header), |given| {
            let words = [("header", LongMessages::Header), ("sar", LongMessages::Sar)];
            one_of(given, "long_messages", &words, notes)
        });
    let receipt_id = raw.receipt_id.as_ref().map_or(Some(ReceiptId::Auto), |given| {
        let words = [
            ("auto", ReceiptId::Auto),
            ("same", ReceiptId::Same),
            ("decimal", ReceiptId::Decimal),
            ("hex", ReceiptId::Hex),
        ];
        one_of(given, "receipt_id", &words, notes)
    });
    let tls = raw.tls.as_ref().map(|raw| tls(dir, raw, notes));
    Some(Smpp {
        system_type: raw
            .system_type
            .as_ref()
            .map(|text| text.value.clone())
            .unwrap_or_default(),
        bind: bind?,
        source,
        destination,
        destination_prefix: prefix?.to_owned(),
        ucs2_data_coding: ucs2 as u8,
        default_alphabet: alphabet?,
        submit_coding: coding?,
        long_messages: long?,
        receipt_id: receipt_id?,
        tls,
    })
}

fn numbering(raw: Option<&raw::links::Numbering>, default: Numbering, notes: &mut Notes<'_>) -> Numbering {
    raw.map_or(default, |raw| Numbering {
        ton: values::number(Some(&raw.ton), "ton", 0..=6, 0, notes) as u8,
        npi: values::number(Some(&raw.npi), "npi", 0..=18, 0, notes) as u8,
    })
}

fn tls(dir: &Path, raw: &raw::links::Tls, notes: &mut Notes<'_>) -> Tls {
    if !values::is_host(&raw.server_name.value) {
        notes.add(
            &raw.server_name,
            "server_name must be a name or an address, without port",
        );
    }
    let client = match (&raw.cert_file, &raw.key_file) {
        (Some(cert), Some(key)) => Some((
            file(dir, cert, "cert_file", notes),
            file(dir, key, "key_file", notes),
        )),
        (None, None) => None,
        (Some(alone), None) => {
            notes.add(alone, "cert_file needs key_file");
            None
        }
        (None, Some(alone)) => {
            notes.add(alone, "key_file needs cert_file");
            None
        }
    };
    Tls {
        roots_file: file(dir, &raw.roots_file, "roots_file", notes),
        server_name: raw.server_name.value.clone(),
        client,
    }
}
