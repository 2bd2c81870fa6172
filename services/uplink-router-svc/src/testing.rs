//! Catalogs for the unit tests.

use std::fs;

use hongyan_catalog::{Catalog, Tenant};
use hongyan_domain::TenantId;

const LINKS: &str = "\
links:
  - {name: l, carrier: china_mobile, protocol: cmpp, host: h, port: 7890, sp_id: '901234', secret_file: s, \
service_id: X, pace_segments_per_second: 10}
";
const ROUTES: &str = "routes: [{carrier: china_mobile, links: [l]}]\n";

/// A tenant with rules, handler, templates.
pub(crate) const FULL: &str = "\
tenants:
  - id: hrss
    callers: [spiffe://td/caller/hrss]
    signatures: [测试]
    access_numbers: [{number: '10690', extension_digits: 3}]
    templates:
      balance: {text: '余额{balance}元。'}
      detail: {text: '明细{balance}。'}
      about: {text: '您问了{what}。'}
      help: {text: '回复SBYE#卡号。'}
      apology: {text: '请稍后再试。'}
      stopped: {text: '已退订。'}
    handlers:
      cards: {address: '127.0.0.1:1', spiffe_id: spiffe://td/handler/cards, deadline_ms: 500}
    keywords:
      rules:
        - {name: balance, pattern: 'SBYE#{card}', handler: cards, template: balance}
        - {name: login, pattern: '{card}*{password}', handler: cards, template: balance}
        - {name: about, pattern: 'WHAT {what}', template: about}
      help_template: help
      apology_template: apology
      opt_out: {words: [停止], template: stopped}
";

/// A tenant with an access number and nothing else.
pub(crate) const BARE: &str = "\
tenants:
  - id: hrss
    callers: [spiffe://td/caller/hrss]
    signatures: [测试]
    access_numbers: [{number: '10690', extension_digits: 3}]
";

pub(crate) fn catalog() -> Catalog {
    catalog_of(FULL)
}

pub(crate) fn catalog_of(tenants: &str) -> Catalog {
    let dir = tempfile::tempdir().expect("a directory for the catalog");
    for (file, text) in [
        ("tenants.yaml", tenants),
        ("links.yaml", LINKS),
        ("routes.yaml", ROUTES),
    ] {
        fs::write(dir.path().join(file), text).expect("a file of the catalog");
    }
    Catalog::load(dir.path()).expect("a catalog as it should be")
}

pub(crate) fn tenant(catalog: &Catalog) -> &Tenant {
    let id = TenantId::parse("hrss").expect("a tenant id");
    catalog.tenant(&id).expect("the tenant of the tests")
}

pub(crate) fn keyring() -> hongyan_envelope::Keyring {
    let json = r#"{
        "active": "k1",
        "keys": {"k1": "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE="},
        "tag_key": "YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI="
    }"#;
    hongyan_envelope::Keyring::parse(json).expect("keys as they should be")
}
