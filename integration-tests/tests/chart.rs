//! What stands in `k8s/` agrees with the programs: settings, methods, metrics, alerts. No cluster and no Helm needed.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use hongyan_identity::MethodTable;
use serde_json::{Map, Value};

/// A component as the values call it, and the folder of its program.
const SERVICES: [(&str, &str); 5] = [
    ("verify", "verify-svc"),
    ("dispatch", "sms-dispatch-svc"),
    ("carrierLink", "carrier-link-svc"),
    ("uplinkRouter", "uplink-router-svc"),
    ("audit", "audit-svc"),
];
/// The crates that read settings for every service.
const SHARED_SETTINGS: [&str; 4] = ["chassis", "identity", "queue", "telemetry"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn schema() -> Value {
    serde_json::from_str(&text("k8s/hongyan/values.schema.json")).unwrap()
}

/// The Rust sources below a folder, without their tests.
fn sources(folder: &str) -> String {
    let mut all = String::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = fs::read_to_string(&path).unwrap();
                all.push_str(source.split("#[cfg(test)]\nmod ").next().unwrap_or_default());
            }
        }
    }
    all
}

/// What of a source stands between double quotes and is made of `allowed` characters only.
fn literals(source: &str, allowed: fn(char) -> bool) -> BTreeSet<&str> {
    source
        .split('"')
        .filter(|piece| !piece.is_empty() && piece.chars().all(allowed))
        .collect()
}

fn is_key(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.'
}

/// Every word of a text that begins with `hongyan_`.
fn metrics_named_in(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("hongyan_"))
        .collect()
}

#[test]
fn dashboards_and_alerts_ask_for_metrics_that_exist() {
    let source = sources("services") + &sources("shared");
    let told = literals(&source, is_key);
    for file in [
        "k8s/hongyan/dashboards/hongyan.json",
        "k8s/hongyan/alerts/hongyan.yaml",
    ] {
        let text = text(file);
        let asked = metrics_named_in(&text);
        assert!(asked.len() > 20, "{file} names {} metrics", asked.len());
        for metric in asked {
            let of_histogram = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| metric.strip_suffix(suffix));
            assert!(
                told.contains(metric) || of_histogram.is_some_and(|base| told.contains(base)),
                "{file} asks for {metric}, which no program tells"
            );
        }
    }
}

#[test]
fn the_charts_method_table_is_the_one_that_the_mesh_is_tested_with() {
    let tested = text("integration-tests/src/harness/mesh/method-table.yaml");
    let charts = text("k8s/hongyan/files/method-table.yaml")
        .replace("spiffe://TRUST_DOMAIN/", "spiffe://hongyan.test/");
    let tested = MethodTable::parse(&tested).unwrap();
    assert!(tested.knows("/hongyan.dispatch.v1.DispatchService/SendMessage"));
    assert_eq!(MethodTable::parse(&charts).unwrap(), tested);
}

/// `#/definitions/…` followed.
fn resolved<'a>(schema: &'a Value, node: &'a Value) -> &'a Value {
    match node.get("$ref").and_then(Value::as_str) {
        Some(reference) => schema.pointer(&reference[1..]).unwrap(),
        None => node,
    }
}

fn properties<'a>(schema: &'a Value, node: &'a Value) -> Option<&'a Map<String, Value>> {
    resolved(schema, node).get("properties")?.as_object()
}

/// The dotted keys below a schema of nested settings.
fn dotted(schema: &Value, node: &Value, prefix: &str, keys: &mut BTreeSet<String>) {
    match properties(schema, node) {
        Some(properties) => {
            for (name, inner) in properties {
                let dot = if prefix.is_empty() { "" } else { "." };
                dotted(schema, inner, &format!("{prefix}{dot}{name}"), keys);
            }
        }
        None => {
            keys.insert(prefix.to_owned());
        }
    }
}

/// The keys that the chart writes by itself, for whichever service.
fn written_by_the_chart() -> BTreeSet<String> {
    let template = text("k8s/hongyan/templates/_settings.tpl");
    let keys: BTreeSet<String> = template
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(key, _)| key.to_owned())
        .filter(|key| key.contains('.') && key.chars().all(is_key))
        .collect();
    assert!(
        keys.contains("grpc.listen") && keys.contains("record.dir"),
        "{keys:?}"
    );
    keys
}

/// Each service's keys that the values can set.
fn settable() -> BTreeMap<&'static str, BTreeSet<String>> {
    let schema = schema();
    let pointer = |path: &str| schema.pointer(path).unwrap();
    SERVICES
        .iter()
        .map(|(component, folder)| {
            let mut keys = BTreeSet::new();
            dotted(&schema, pointer("/properties/settings"), "", &mut keys);
            let own = format!("/properties/{component}/properties/settings");
            dotted(&schema, pointer(&own), "", &mut keys);
            (*folder, keys)
        })
        .collect()
}

#[test]
fn every_setting_in_the_chart_is_one_of_the_program() {
    let shared: String = SHARED_SETTINGS
        .iter()
        .map(|name| sources(&format!("shared/{name}/src")))
        .collect();
    let mut everything = shared.clone();
    for (folder, keys) in settable() {
        let source = sources(&format!("services/{folder}/src")) + &shared;
        let known = literals(&source, is_key);
        for key in keys {
            assert!(known.contains(key.as_str()), "{folder} has no setting {key}");
        }
        everything.push_str(&source);
    }
    let known = literals(&everything, is_key);
    for key in written_by_the_chart() {
        assert!(known.contains(key.as_str()), "no service has a setting {key}");
    }
    // Under an upstream's name: the values' own words besides the two files, which the chart mounts.
    let source = text("services/verify-svc/src/upstream/settings.rs");
    let known = literals(&source, is_key);
    let schema = schema();
    let upstream = properties(&schema, schema.pointer("/definitions/upstream").unwrap()).unwrap();
    let given = upstream
        .keys()
        .map(String::as_str)
        .filter(|key| !["name", "apiKey", "ca"].contains(key));
    for key in given.chain(["api_key_file", "ca_file", "upstreams"]) {
        assert!(known.contains(key), "an upstream has no setting {key}");
    }
}

#[test]
fn every_setting_of_the_programs_has_its_place_in_the_chart() {
    let mut charts = written_by_the_chart();
    charts.extend(settable().into_values().flatten());
    let files = SERVICES
        .iter()
        .map(|(_, folder)| format!("services/{folder}/src/settings.rs"))
        .chain(
            SHARED_SETTINGS
                .iter()
                .map(|name| format!("shared/{name}/src/settings.rs")),
        );
    for file in files {
        let source = text(&file);
        let source = source.split("#[cfg(test)]\nmod ").next().unwrap();
        for key in literals(source, is_key) {
            let is_dotted = key.contains('.') && !key.starts_with('.') && !key.ends_with('.');
            // An address, as in a default, is no key.
            let is_setting = is_dotted && key.starts_with(|c: char| c.is_ascii_lowercase());
            assert!(
                !is_setting || charts.contains(key),
                "{file} reads {key}, which the chart neither writes nor takes"
            );
        }
    }
}

/// Both ways: what the values have, the schema knows; what the schema knows, the values show.
fn same_shape(schema: &Value, node: &Value, values: &Value, path: &str, all: &str) {
    let Some(properties) = properties(schema, node) else {
        return;
    };
    let Some(values) = values.as_object() else {
        return;
    };
    for name in values.keys() {
        assert!(
            properties.contains_key(name),
            "{path}{name} is a value without schema"
        );
    }
    for (name, inner) in properties {
        let is_shown = match values.get(name) {
            Some(value) => {
                same_shape(schema, inner, value, &format!("{path}{name}."), all);
                true
            }
            // Optional: shown in a comment.
            None => all.contains(&format!("{name}:")),
        };
        assert!(
            is_shown || path.is_empty() && name == "global",
            "{path}{name} is not shown in values.yaml"
        );
    }
}

#[test]
fn values_and_schema_are_of_one_shape() {
    let schema = schema();
    let path = "k8s/hongyan/values.yaml";
    same_shape(&schema, &schema, &yaml(path), "", &text(path));
    // Each service's own settings are told in comments beside an empty map.
    let all = text(path);
    for key in settable().into_values().flatten() {
        let name = key.rsplit('.').next().unwrap();
        assert!(
            all.contains(&format!("{name}:")),
            "values.yaml does not tell {key}"
        );
    }
}

#[test]
fn every_alert_says_how_bad_it_is_and_what_to_do() {
    let rules = yaml("k8s/hongyan/alerts/hongyan.yaml");
    let readme = text("k8s/README.md");
    let groups = rules["groups"].as_array().unwrap();
    let mut names = BTreeSet::new();
    for rule in groups.iter().flat_map(|group| group["rules"].as_array().unwrap()) {
        let name = rule["alert"].as_str().unwrap();
        assert!(names.insert(name), "{name} stands twice");
        let severity = rule["labels"]["severity"].as_str().unwrap();
        assert!(["critical", "warning"].contains(&severity), "{name}: {severity}");
        assert!(!rule["annotations"]["summary"].as_str().unwrap().is_empty());
        assert!(
            readme.contains(&format!("| `{name}` |")),
            "k8s/README.md does not say what to do about {name}"
        );
    }
    let described = readme
        .lines()
        .filter(|line| line.starts_with("| `Hongyan"))
        .count();
    assert_eq!(
        described,
        names.len(),
        "k8s/README.md tells of an alert that is not there"
    );
}

#[test]
fn the_image_and_the_chart_name_the_programs_as_the_workspace_does() {
    let names = text("k8s/hongyan/templates/_names.tpl");
    let dockerfile = text("k8s/Dockerfile");
    for (component, folder) in SERVICES {
        assert!(names.contains(&format!("{component}: {{name: ")), "{component}");
        assert!(names.contains(&format!("program: {folder},")), "{folder}");
        let manifest = text(&format!("services/{folder}/Cargo.toml"));
        let package = format!("hongyan-{folder}");
        assert!(manifest.contains(&format!("name = \"{package}\"")), "{package}");
        assert!(dockerfile.contains(&format!("{folder} ")), "{folder}");
    }
}
