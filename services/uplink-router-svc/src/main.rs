//! The uplink router as a process.

use std::process::ExitCode;

use hongyan_chassis::ServiceInfo;
use hongyan_uplink_router_svc::{build, settings::Settings};

fn main() -> ExitCode {
    let info = ServiceInfo {
        name: "uplink-router-svc",
        version: env!("CARGO_PKG_VERSION"),
        descriptor_set: hongyan_proto::FILE_DESCRIPTOR_SET,
    };
    hongyan_chassis::main(info, Settings::read, build)
}
