//! Holds the carriers' sessions: takes messages off the send queues, puts receipts and uplinks on streams.

use std::process::ExitCode;

use hongyan_carrier_link_svc::{NAME, Settings, build};
use hongyan_chassis::ServiceInfo;

fn main() -> ExitCode {
    let info = ServiceInfo {
        name: NAME,
        version: env!("CARGO_PKG_VERSION"),
        descriptor_set: hongyan_proto::FILE_DESCRIPTOR_SET,
    };
    hongyan_chassis::main(info, Settings::read, build)
}
