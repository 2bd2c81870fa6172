//! A catalog that follows its files, and never a half of them.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

use std::{fs, os::unix::fs::symlink, path::Path, time::Duration};

use hongyan_catalog::{CatalogError, LiveCatalog};

const LOOK: Duration = Duration::from_millis(10);

fn write(dir: &Path, signature: &str) {
    fs::create_dir_all(dir).unwrap();
    let tenants = format!("tenants:\n  - id: a\n    signatures: [{signature}]\n");
    fs::write(dir.join("links.yaml"), "links: []\n").unwrap();
    fs::write(dir.join("routes.yaml"), "routes: []\n").unwrap();
    fs::write(dir.join("tenants.yaml"), tenants).unwrap();
}

fn signature(live: &LiveCatalog) -> String {
    live.current()
        .tenants()
        .next()
        .unwrap()
        .default_signature()
        .to_owned()
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
    panic!("never: {what}");
}

#[tokio::test]
async fn a_good_change_is_followed_and_a_bad_one_refused_whole() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "甲");
    let live = LiveCatalog::start(dir.path(), LOOK).unwrap();
    assert_eq!((signature(&live).as_str(), live.generation()), ("甲", 1));
    let held = live.current();

    write(dir.path(), "乙");
    until("the change", || signature(&live) == "乙").await;
    assert_eq!(
        held.tenants().next().unwrap().default_signature(),
        "甲",
        "what was taken stays as it was"
    );

    // A file with a mistake, together with a good change in another: neither comes into force.
    write(dir.path(), "");
    fs::write(
        dir.path().join("routes.yaml"),
        "routes: [{carrier: china_mobile, links: [none]}]\n",
    )
    .unwrap();
    let before = live.generation();
    fs::remove_file(dir.path().join("links.yaml")).unwrap();
    tokio::time::sleep(LOOK * 5).await;
    assert_eq!((signature(&live).as_str(), live.generation()), ("乙", before));

    write(dir.path(), "丙");
    until("the repair", || signature(&live) == "丙").await;
}

#[tokio::test]
async fn the_table_of_codes_comes_changes_and_goes() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "甲");
    let live = LiveCatalog::start(dir.path(), LOOK).unwrap();
    let advice = || live.current().codes().receipt("MA:0001").advice.into_owned();
    let built_in = advice();
    let table = |text: &str| {
        let entry = "protocol: cmpp, kind: receipt, code: 'MA:0001', status: undelivered, cause: carrier";
        format!("codes:\n  - {{{entry}, advice: {text}}}\n")
    };
    let file = dir.path().join("codes.yaml");
    fs::write(&file, table("One.")).unwrap();
    until("the table", || advice() == "One.").await;
    let before = live.generation();
    fs::write(&file, "codes: [{protocol: cmpp}]\n").unwrap();
    tokio::time::sleep(LOOK * 5).await;
    assert_eq!((advice().as_str(), live.generation()), ("One.", before));
    fs::write(&file, table("Two.")).unwrap();
    until("the repair", || advice() == "Two.").await;
    fs::remove_file(&file).unwrap();
    until("the built-in table", || advice() == built_in).await;
}

#[tokio::test]
async fn a_swapped_symbolic_link_is_a_change() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("v1"), "甲");
    write(&dir.path().join("v2"), "乙");
    symlink("v1", dir.path().join("..data")).unwrap();
    let live = LiveCatalog::start(dir.path().join("..data"), LOOK).unwrap();
    symlink("v2", dir.path().join("new")).unwrap();
    fs::rename(dir.path().join("new"), dir.path().join("..data")).unwrap();
    until("the swap", || signature(&live) == "乙").await;
}

#[tokio::test]
async fn a_readers_own_rules_refuse_too() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "甲");
    let check = |catalog: &hongyan_catalog::Catalog| {
        let place = hongyan_catalog::Place {
            file: "tenants.yaml",
            line: 3,
        };
        let bad = catalog.tenants().any(|tenant| tenant.has_signature("乙"));
        bad.then(|| CatalogError::new(place, "no 乙 here"))
            .into_iter()
            .collect()
    };
    let live = LiveCatalog::start_with_check(dir.path(), LOOK, check).unwrap();
    write(dir.path(), "乙");
    tokio::time::sleep(LOOK * 5).await;
    assert_eq!(signature(&live), "甲");
    write(dir.path(), "丙");
    until("the allowed change", || signature(&live) == "丙").await;
    drop(live);

    write(dir.path(), "乙");
    let errors = LiveCatalog::start_with_check(dir.path(), LOOK, check).unwrap_err();
    assert!(errors.to_string().contains("tenants.yaml:3: no 乙 here"));
}
