//! Decides whether phone, name and id number belong together, and proves that it asked lawfully.

use std::process::ExitCode;

use hongyan_chassis::ServiceInfo;
use hongyan_verify_svc::{Settings, build};

fn main() -> ExitCode {
    let info = ServiceInfo {
        name: "verify-svc",
        version: env!("CARGO_PKG_VERSION"),
        descriptor_set: hongyan_proto::FILE_DESCRIPTOR_SET,
    };
    hongyan_chassis::main(info, Settings::read, build)
}
