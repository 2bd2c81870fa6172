//! `audit-svc`: keeps the record that nobody can rewrite, and answers questions about it.

use std::process::ExitCode;

use hongyan_audit_svc::{Settings, build};
use hongyan_chassis::ServiceInfo;

fn main() -> ExitCode {
    let info = ServiceInfo {
        name: "audit-svc",
        version: env!("CARGO_PKG_VERSION"),
        descriptor_set: hongyan_proto::FILE_DESCRIPTOR_SET,
    };
    hongyan_chassis::main(info, Settings::read, build)
}
