//! Links of every protocol, and each way to be wrong with its line and reason.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use hongyan_catalog::{
    Alphabet, Bind, CarrierSignature, Catalog, Cmpp, CmppVersion, ConcatReference, KeepAlive, Link,
    LongMessages, Numbering, Protocol, ReceiptId, Reconnect, SignaturePlace, SmgpVersion, SubmitCoding,
};
use hongyan_domain::LinkName;

const COMMON: &str = "host: h, port: 7890, secret_file: s, pace_segments_per_second: 10";
const CMPP: &str = "protocol: cmpp, account: '901234', service_id: X";
const SGIP: &str = "protocol: sgip, account: hongyan, service_id: X";
const SGIP_BLOCK: &str = "sgip: {node_id: 3010092008, corp_id: '92008', listen: '0.0.0.0:8801'}";
const SMGP: &str = "protocol: smgp, account: '10000001', service_id: X";
const SMPP: &str = "protocol: smpp, account: hongyan";

fn load(links: &[String]) -> Result<Catalog, Vec<String>> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("tenants.yaml"), "tenants: []\n").unwrap();
    fs::write(dir.path().join("routes.yaml"), "routes: []\n").unwrap();
    let mut text = "links:\n".to_owned();
    for (number, link) in links.iter().enumerate() {
        let _ = writeln!(
            text,
            "  - {{name: l{number}, carrier: china_mobile, {COMMON}, {link}}}"
        );
    }
    fs::write(dir.path().join("links.yaml"), text).unwrap();
    Catalog::load(dir.path()).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

fn one(link: &str) -> Link {
    load(&[link.to_owned()]).unwrap().links().next().unwrap().clone()
}

fn wrong(link: &str) -> String {
    let errors = load(&[link.to_owned()]).expect_err(link);
    assert_eq!(errors.len(), 1, "{link}: {errors:#?}");
    assert!(errors[0].starts_with("links.yaml:2: "), "{}", errors[0]);
    errors[0].clone()
}

#[test]
fn what_is_left_out_has_its_default() {
    let link = one(CMPP);
    assert_eq!(
        link.protocol,
        Protocol::Cmpp(Cmpp {
            version: CmppVersion::V3_0
        })
    );
    let second = Duration::from_secs(1);
    assert_eq!(
        link.keep_alive,
        KeepAlive {
            idle: 30 * second,
            timeout: 10 * second,
            attempts: 3
        }
    );
    assert_eq!((link.connections, link.window, link.submit_attempts), (1, 16, 3));
    assert_eq!((link.response_timeout, link.reconnect), (10 * second, None));
    assert_eq!(link.text.reference, ConcatReference::Bits8);
    assert_eq!(link.text.carrier_signature, None);
    assert_eq!(one(SMPP).window, 10, "a centre's guideline");
}

#[test]
fn what_cmpp_calls_sp_id_is_the_account() {
    assert_eq!(
        one("protocol: cmpp, sp_id: '901234', service_id: X").account,
        "901234"
    );
}

#[test]
fn the_common_settings_are_the_same_for_every_protocol() {
    let settings = "connections: 4, window: 32, keep_alive_interval_ms: 15000, keep_alive_timeout_ms: 5000, \
                    keep_alive_attempts: 2, response_timeout_ms: 20000, submit_attempts: 2, \
                    reconnect: {first_ms: 100, longest_ms: 5000}, concat_reference_bits: 16, \
                    carrier_adds_signature: {where: end, characters: 6}, access_number: '10690'";
    for protocol in [CMPP, &format!("{SGIP}, {SGIP_BLOCK}"), SMGP, SMPP] {
        let link = one(&format!("{protocol}, {settings}"));
        let ms = Duration::from_millis;
        assert_eq!((link.connections, link.window), (4, 32));
        assert_eq!(
            link.keep_alive,
            KeepAlive {
                idle: ms(15_000),
                timeout: ms(5_000),
                attempts: 2
            }
        );
        assert_eq!((link.response_timeout, link.submit_attempts), (ms(20_000), 2));
        assert_eq!(
            link.reconnect,
            Some(Reconnect {
                first: ms(100),
                longest: ms(5_000)
            })
        );
        assert_eq!(link.text.reference, ConcatReference::Bits16);
        assert_eq!(
            link.text.carrier_signature,
            Some(CarrierSignature {
                place: SignaturePlace::End,
                characters: 6
            })
        );
        assert_eq!(link.access_number.as_deref(), Some("10690"));
    }
}

#[test]
fn sgip_logs_its_gateway_in_as_itself_unless_told_otherwise() {
    let Protocol::Sgip(sgip) = one(&format!("{SGIP}, {SGIP_BLOCK}")).protocol else {
        panic!("not SGIP");
    };
    assert_eq!((sgip.node_id, sgip.corp_id.as_str()), (3_010_092_008, "92008"));
    assert_eq!(sgip.listen, "0.0.0.0:8801".parse().unwrap());
    assert_eq!(sgip.peer_account, "hongyan");
    assert!(sgip.peer_secret_file.ends_with("s"));
    let own = "peer_account: smg, peer_secret_file: p, idle_close_ms: 5000, peer_idle_close_ms: 7000}";
    let link = one(&format!(
        "{SGIP}, {}",
        SGIP_BLOCK.replace('}', &format!(", {own}"))
    ));
    let Protocol::Sgip(sgip) = link.protocol else {
        panic!("not SGIP");
    };
    assert_eq!(sgip.peer_account, "smg");
    assert!(sgip.peer_secret_file.ends_with("p"));
    assert_eq!(
        (sgip.idle_close, sgip.peer_idle_close),
        (Duration::from_secs(5), Duration::from_secs(7))
    );
}

#[test]
fn smgp_has_two_versions() {
    for (written, version) in [("3.0", SmgpVersion::V3_0), ("1.3", SmgpVersion::V1_3)] {
        let Protocol::Smgp(smgp) = one(&format!(
            "{SMGP}, version: '{written}', smgp: {{msg_src: '10000001'}}"
        ))
        .protocol
        else {
            panic!("not SMGP");
        };
        assert_eq!(
            (smgp.version, smgp.msg_src.as_deref()),
            (version, Some("10000001"))
        );
    }
}

#[test]
fn smpp_says_how_numbers_and_ids_are_written() {
    let plain = one(SMPP);
    assert_eq!(plain.submit_attempts, 1);
    let Protocol::Smpp(plain) = plain.protocol else {
        panic!("not SMPP");
    };
    assert_eq!(
        (plain.bind, plain.receipt_id),
        (Bind::Transceiver, ReceiptId::Auto)
    );
    assert_eq!(plain.destination, Numbering { ton: 1, npi: 1 });
    assert_eq!(
        (plain.destination_prefix.as_str(), plain.ucs2_data_coding),
        ("86", 8)
    );
    assert_eq!((plain.default_alphabet, plain.tls), (Alphabet::Gsm7, None));
    assert_eq!(
        (plain.submit_coding, plain.long_messages),
        (SubmitCoding::Ucs2, LongMessages::Header)
    );
    let block = "smpp: {system_type: VMA, bind: transmitter+receiver, source: {ton: 5, npi: 0}, \
                 destination: {ton: 2, npi: 1}, destination_prefix: '', ucs2_data_coding: 24, default_alphabet: latin1, \
                 submit_coding: default, long_messages: sar, receipt_id: decimal, tls: {roots_file: roots.pem, \
                 server_name: smsc.example, cert_file: c.pem, key_file: k.pem}}";
    let Protocol::Smpp(smpp) = one(&format!("{SMPP}, connections: 2, {block}")).protocol else {
        panic!("not SMPP");
    };
    assert_eq!(
        (smpp.system_type.as_str(), smpp.bind),
        ("VMA", Bind::TransmitterAndReceiver)
    );
    assert_eq!(smpp.source, Numbering { ton: 5, npi: 0 });
    assert_eq!(
        (smpp.destination_prefix.as_str(), smpp.ucs2_data_coding),
        ("", 24)
    );
    assert_eq!(
        (smpp.default_alphabet, smpp.receipt_id),
        (Alphabet::Latin1, ReceiptId::Decimal)
    );
    assert_eq!(
        (smpp.submit_coding, smpp.long_messages),
        (SubmitCoding::Default, LongMessages::Sar)
    );
    let tls = smpp.tls.unwrap();
    assert_eq!(tls.server_name, "smsc.example");
    assert!(tls.roots_file.ends_with("roots.pem") && tls.client.unwrap().1.ends_with("k.pem"));
}

#[test]
fn each_mistake_has_its_line_and_reason() {
    let sgip = |from: &str, to: &str| format!("{SGIP}, {}", SGIP_BLOCK.replace(from, to));
    let smpp = |block: &str| format!("{SMPP}, smpp: {{{block}}}");
    for (link, part) in [
        (
            "protocol: smtp, account: a, service_id: X".to_owned(),
            "must be cmpp, sgip, smgp or smpp",
        ),
        (
            format!("{CMPP}, version: '1.0'"),
            "version \"1.0\" must be \"3.0\" or \"2.0\"",
        ),
        (format!("{SMGP}, version: '2.0'"), "must be \"3.0\" or \"1.3\""),
        (format!("{SMPP}, version: '5.0'"), "must be \"3.4\""),
        (
            format!("{CMPP}, {SGIP_BLOCK}"),
            "sgip does not belong to a link that speaks cmpp",
        ),
        (
            format!("{SMGP}, smpp: {{}}"),
            "smpp does not belong to a link that speaks smgp",
        ),
        (
            "protocol: cmpp, account: '901234'".to_owned(),
            "cmpp needs a service_id",
        ),
        (
            "protocol: cmpp, account: '9012345', service_id: X".to_owned(),
            "account must be 1 to 6",
        ),
        (
            "protocol: smgp, account: '123456789', service_id: X".to_owned(),
            "account must be 1 to 8",
        ),
        (
            "protocol: smpp, account: a, service_id: ABCDEF".to_owned(),
            "service_id must be 1 to 5",
        ),
        (
            format!("{CMPP}, keep_alive_attempts: 0"),
            "keep_alive_attempts must lie",
        ),
        (
            format!("{CMPP}, keep_alive_timeout_ms: 1"),
            "keep_alive_timeout_ms must lie",
        ),
        (format!("{CMPP}, submit_attempts: 11"), "submit_attempts must lie"),
        (
            format!("{CMPP}, reconnect: {{first_ms: 200, longest_ms: 100}}"),
            "first_ms must not be longer",
        ),
        (format!("{CMPP}, concat_reference_bits: 12"), "must be 8 or 16"),
        (
            format!("{CMPP}, carrier_adds_signature: {{where: middle, characters: 3}}"),
            "where must be front or end",
        ),
        (
            format!("{CMPP}, carrier_adds_signature: {{where: end, characters: 33}}"),
            "characters must lie",
        ),
        (SGIP.to_owned(), "sgip needs its block"),
        (sgip("3010092008", "92008"), "node_id must lie between 3000000000"),
        (sgip("'92008'", "'9200'"), "corp_id must be five digits"),
        (sgip("0.0.0.0:8801", "smsc:8801"), "listen must be an address"),
        (sgip("0.0.0.0:8801", "0.0.0.0:0"), "listen must be an address"),
        (sgip("}", ", peer_account: ''}"), "peer_account must be"),
        (
            sgip("}", ", peer_secret_file: ''}"),
            "peer_secret_file must be a path",
        ),
        (sgip("}", ", idle_close_ms: 1}"), "idle_close_ms must lie"),
        (
            format!("{SMGP}, smgp: {{msg_src: '123456789'}}"),
            "msg_src must be",
        ),
        (smpp("bind: both"), "bind \"both\" must be"),
        (smpp("bind: transmitter+receiver"), "needs two connections"),
        (smpp("source: {ton: 7, npi: 0}"), "ton must lie"),
        (
            smpp("destination_prefix: '0086'"),
            "destination_prefix \"0086\" must be",
        ),
        (smpp("ucs2_data_coding: 256"), "ucs2_data_coding must lie"),
        (
            smpp("default_alphabet: ebcdic"),
            "default_alphabet \"ebcdic\" must be",
        ),
        (smpp("submit_coding: gbk"), "submit_coding \"gbk\" must be"),
        (smpp("long_messages: tlv"), "long_messages \"tlv\" must be"),
        (smpp("receipt_id: octal"), "receipt_id \"octal\" must be"),
        (
            smpp("tls: {roots_file: r, server_name: 'a b'}"),
            "server_name must be",
        ),
        (
            smpp("tls: {roots_file: '', server_name: a}"),
            "roots_file must be a path",
        ),
        (
            smpp("tls: {roots_file: r, server_name: a, cert_file: c}"),
            "cert_file needs key_file",
        ),
        (
            smpp("tls: {roots_file: r, server_name: a, key_file: k}"),
            "key_file needs cert_file",
        ),
    ] {
        let error = wrong(&link);
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn two_links_cannot_listen_at_one_address() {
    let link = format!("{SGIP}, {SGIP_BLOCK}");
    let errors = load(&[link.clone(), link.clone()]).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert!(
        errors[0].starts_with("links.yaml:3: ")
            && errors[0].contains("0.0.0.0:8801 is link \"l0\"'s already"),
        "{}",
        errors[0]
    );
    assert!(load(&[link.clone(), link.replace("8801", "8802")]).is_ok());
}

#[test]
fn the_example_has_a_link_of_each_protocol() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/protocols");
    let catalog = Catalog::load(dir).unwrap();
    let labels = ["mobile", "unicom", "telecom", "smpp"].map(|name| {
        catalog
            .link(&LinkName::parse(name).unwrap())
            .unwrap()
            .protocol
            .label()
    });
    assert_eq!(labels, ["CMPP 3.0", "SGIP 1.2", "SMGP 3.0", "SMPP 3.4"]);
}
