//! Compiles the protos in pure Rust (protox), so that no machine needs a `protoc`.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const AREAS: [&str; 7] = [
    "common", "verify", "dispatch", "uplink", "audit", "carrier", "process",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    let files: Vec<PathBuf> = AREAS
        .iter()
        .map(|area| root.join(format!("hongyan/{area}/v1/{area}.proto")))
        .collect();
    let descriptors = protox::compile(&files, [&root])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("hongyan.binpb"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".hongyan")
        // A leaf of the record is hashed: its attributes must encode in one order.
        .btree_map(".hongyan.audit.v1")
        .compile_fds(descriptors)?;
    Ok(())
}
