//! What the workspace's rooms must not hold, by `cargo metadata` and by the sources: rules that an absence tells.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Pure crates: no runtime, no network, no clock of their own.
const L0: [&str; 4] = [
    "hongyan-domain",
    "hongyan-carrier-wire",
    "hongyan-envelope",
    "hongyan-tlog",
];
const L1: [&str; 7] = [
    "hongyan-proto",
    "hongyan-config",
    "hongyan-telemetry",
    "hongyan-catalog",
    "hongyan-identity",
    "hongyan-queue",
    "hongyan-throttle",
];
const L2: [&str; 1] = ["hongyan-chassis"];

struct Workspace {
    root: PathBuf,
    /// Folder and normal (not dev) dependencies of each member.
    members: BTreeMap<String, (PathBuf, BTreeSet<String>)>,
    /// Every package of the resolved tree.
    packages: Vec<(String, String)>,
}

/// The platform that this machine builds for, as `rustc -vV` says it.
fn host() -> String {
    let output = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .arg("-vV")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.unwrap().to_owned()
}

fn workspace() -> Workspace {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        // A build has fetched the packages of its own platform and no others.
        .args(["--filter-platform", &host()])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let ids: BTreeSet<&str> = metadata["workspace_members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_str().unwrap())
        .collect();
    let mut members = BTreeMap::new();
    let mut packages = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap().to_owned();
        packages.push((name.clone(), package["version"].as_str().unwrap().to_owned()));
        if ids.contains(package["id"].as_str().unwrap()) {
            let manifest = Path::new(package["manifest_path"].as_str().unwrap());
            let dependencies = package["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|dependency| dependency["kind"] != "dev")
                .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
                .collect();
            members.insert(name, (manifest.parent().unwrap().to_path_buf(), dependencies));
        }
    }
    let root = PathBuf::from(metadata["workspace_root"].as_str().unwrap());
    Workspace {
        root,
        members,
        packages,
    }
}

impl Workspace {
    fn dependencies(&self, member: &str) -> &BTreeSet<String> {
        &self
            .members
            .get(member)
            .unwrap_or_else(|| panic!("{member} is not in the workspace"))
            .1
    }

    fn is_service(&self, member: &str) -> bool {
        self.members[member].0.starts_with(self.root.join("services"))
    }

    /// Below a member's `src`, the files that hold `needle` in code outside of comments.
    fn sources_naming(&self, member: &str, needle: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.members[member].0.join("src")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = fs::read_to_string(&path).unwrap();
                    let names = text.lines().any(|line| {
                        !line.trim_start().starts_with("//")
                            && line.split("//").next().unwrap().contains(needle)
                    });
                    if names {
                        found.push(path.strip_prefix(&self.root).unwrap().to_path_buf());
                    }
                }
            }
        }
        found.sort();
        found
    }
}

#[test]
fn pure_crates_have_no_runtime_and_no_clock() {
    let workspace = workspace();
    for member in L0 {
        for forbidden in ["tokio", "redis", "tonic", "hyper", "tracing", "futures-util"] {
            assert!(
                !workspace.dependencies(member).contains(forbidden),
                "{member} depends on {forbidden}"
            );
        }
        for forbidden in [
            "SystemTime::now",
            "Instant::now",
            "std::env",
            "std::net",
            "now_utc(",
        ] {
            let naming = workspace.sources_naming(member, forbidden);
            assert!(naming.is_empty(), "{forbidden} in {naming:?}");
        }
    }
}

#[test]
fn arrows_point_down_only() {
    let workspace = workspace();
    let level = |member: &str| {
        if L0.contains(&member) {
            0
        } else if L1.contains(&member) {
            1
        } else if L2.contains(&member) {
            2
        } else if workspace.is_service(member) {
            3
        } else {
            4
        }
    };
    for (member, (_, dependencies)) in &workspace.members {
        for dependency in dependencies
            .iter()
            .filter(|name| workspace.members.contains_key(*name))
        {
            let (above, below) = (level(member), level(dependency));
            assert!(
                below <= above,
                "{member} (level {above}) depends on {dependency} (level {below})"
            );
            assert!(
                below != 4,
                "{member} depends on {dependency}, on which nothing may depend"
            );
            assert!(below != 3, "{member} depends on the service {dependency}");
            // Rooms of one floor may lean on each other only where the floor is L0 or L1.
            assert!(
                above != 0 || L0.contains(&dependency.as_str()),
                "{member} depends on {dependency}"
            );
        }
    }
}

#[test]
fn each_outside_world_has_one_door() {
    let workspace = workspace();
    let allowed: [(&str, &[&str]); 4] = [
        ("rustls", &["hongyan-identity"]),
        ("tokio-rustls", &["hongyan-identity"]),
        ("opentelemetry", &["hongyan-telemetry"]),
        ("redis", &["hongyan-queue", "hongyan-throttle"]),
    ];
    for (library, doors) in allowed {
        for (member, (_, dependencies)) in &workspace.members {
            let service = library == "redis" && workspace.is_service(member);
            // The harness looks at everything from outside.
            if service || doors.contains(&member.as_str()) || member == "hongyan-integration-tests" {
                continue;
            }
            assert!(!dependencies.contains(library), "{member} depends on {library}");
        }
    }
}

#[test]
fn a_service_names_redis_in_its_store_alone() {
    let workspace = workspace();
    for member in workspace
        .members
        .keys()
        .filter(|member| workspace.is_service(member))
    {
        for file in workspace.sources_naming(member, "redis::") {
            let in_store = file.components().any(|part| {
                let part = part.as_os_str().to_string_lossy();
                part == "store" || part == "store.rs"
            });
            assert!(in_store, "{} names redis", file.display());
        }
    }
}

#[test]
fn the_environment_is_read_by_config_alone() {
    let workspace = workspace();
    for member in workspace.members.keys() {
        if ["hongyan-config", "hongyan-integration-tests"].contains(&member.as_str()) {
            continue;
        }
        for needle in ["env::var", "env::vars"] {
            let naming = workspace.sources_naming(member, needle);
            assert!(naming.is_empty(), "{needle} in {naming:?}");
        }
    }
}

#[test]
fn one_source_of_cryptography() {
    let banned = [
        "openssl",
        "openssl-sys",
        "native-tls",
        "aws-lc-rs",
        "aws-lc-sys",
        "aws-lc-fips-sys",
    ];
    for (name, version) in workspace().packages {
        assert!(
            !banned.contains(&name.as_str()),
            "{name} {version} is in the tree"
        );
    }
}

#[test]
fn files_stay_readable() {
    let workspace = workspace();
    for member in workspace.members.keys() {
        for file in workspace.sources_naming(member, "") {
            // Tables of cases may be as long as they need.
            if file
                .file_stem()
                .is_some_and(|stem| stem.to_string_lossy().ends_with("tests"))
            {
                continue;
            }
            let lines = fs::read_to_string(workspace.root.join(&file))
                .unwrap()
                .lines()
                .count();
            assert!(lines <= 500, "{} has {lines} lines", file.display());
        }
    }
}

/// The reasons that a source gives for refusals, outside of its tests.
fn reasons(source: &str) -> BTreeSet<&str> {
    let source = source
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    let makers = [
        "not_found",
        "denied",
        "precondition",
        "conflict",
        "exhausted",
        "unavailable",
        "new",
    ];
    let calls = source.split("Problem::").skip(1).filter_map(|call| {
        let (maker, arguments) = call.split_once('(')?;
        makers.contains(&maker).then_some(arguments)
    });
    let reasons = calls.filter_map(|arguments| {
        let (before, behind) = arguments.split_once('"')?;
        let is_next = before
            .chars()
            .all(|c| c.is_whitespace() || c == ',' || c == ':' || c.is_alphanumeric());
        is_next.then(|| behind.split('"').next().unwrap_or_default())
    });
    reasons.collect()
}

#[test]
fn every_reason_for_a_refusal_is_in_the_reference() {
    let workspace = workspace();
    let reference = fs::read_to_string(workspace.root.join("REFERENCE.md")).unwrap();
    let mut seen = 0;
    for member in workspace.members.keys() {
        for file in workspace.sources_naming(member, "Problem::") {
            let is_test = file.iter().any(|part| part.to_string_lossy().contains("test"));
            if is_test {
                continue;
            }
            let source = fs::read_to_string(workspace.root.join(&file)).unwrap();
            for reason in reasons(&source) {
                seen += 1;
                assert!(
                    reference.contains(&format!("`{reason}`")),
                    "REFERENCE.md says nothing of {reason} ({})",
                    file.display()
                );
            }
        }
    }
    assert!(
        seen > 40,
        "only {seen} reasons were found: they are written in another way now"
    );
}
