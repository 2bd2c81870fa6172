//! Accepts messages once, decides their way, keeps their state; owner of the send queues.

use std::process::ExitCode;

use hongyan_chassis::ServiceInfo;
use hongyan_sms_dispatch_svc::{build, settings::Settings};

fn main() -> ExitCode {
    let info = ServiceInfo {
        name: "sms-dispatch-svc",
        version: env!("CARGO_PKG_VERSION"),
        descriptor_set: hongyan_proto::FILE_DESCRIPTOR_SET,
    };
    hongyan_chassis::main(info, Settings::read, build)
}
