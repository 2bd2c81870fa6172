//! The settings that every service has.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use hongyan_config::Source;
use hongyan_identity::IdentitySettings;
use hongyan_telemetry::TelemetrySettings;

/// What the chassis reads for every service, besides the service's own settings.
#[derive(Debug, Clone)]
pub struct ChassisSettings {
    /// `grpc.listen`: where the service answers; port 0 takes a free one.
    pub grpc_listen: SocketAddr,
    /// `admin.listen`: where health, readiness and metrics are told, in plaintext; never to be published.
    pub admin_listen: SocketAddr,
    /// `grpc.max_concurrent_requests` (1,024): unary calls at work at once; beyond it they are shed.
    pub max_concurrent_requests: usize,
    /// `grpc.max_open_streams` (1,024): open streaming calls at once; beyond it they are shed.
    pub max_open_streams: usize,
    /// `grpc.max_streams_per_connection` (1,024): HTTP/2 streams that one connection may have open.
    pub max_streams_per_connection: u32,
    /// `grpc.default_deadline_ms` (10,000): of a unary call that names none, here and in calls to others.
    pub default_deadline: Duration,
    /// `grpc.max_deadline_ms` (60,000): a longer deadline of a unary call is cut down to it.
    pub max_deadline: Duration,
    /// `drain.notice_ms` (0): how long the process says that it is not ready before it stops accepting, so that load
    /// balancers hear of it.
    pub drain_notice: Duration,
    /// `drain.timeout_ms` (25,000): how long the whole drain may take before the hard end.
    pub drain_timeout: Duration,
    /// `ports_file`: where the addresses in use are written as JSON, for a program that started this one on port 0.
    pub ports_file: Option<PathBuf>,
    /// Who this process is.
    pub identity: IdentitySettings,
    /// How it tells about itself.
    pub telemetry: TelemetrySettings,
}

impl ChassisSettings {
    /// Reads them; mistakes are noted in the source.
    pub fn read(source: &mut Source) -> Self {
        const MOST: u64 = 1 << 20;
        const HOUR_MS: u64 = 3_600_000;
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut count = |key: &str, default: u64| {
            let value = source.within(key, default, 1, MOST);
            u32::try_from(value).unwrap_or(u32::MAX)
        };
        let max_concurrent_requests = count("grpc.max_concurrent_requests", 1024) as usize;
        let max_open_streams = count("grpc.max_open_streams", 1024) as usize;
        let max_streams_per_connection = count("grpc.max_streams_per_connection", 1024);
        let settings = Self {
            grpc_listen: source.required("grpc.listen", nowhere),
            admin_listen: source.required("admin.listen", nowhere),
            max_concurrent_requests,
            max_open_streams,
            max_streams_per_connection,
            default_deadline: source.duration_ms("grpc.default_deadline_ms", 10_000),
            max_deadline: source.duration_ms("grpc.max_deadline_ms", 60_000),
            drain_notice: Duration::from_millis(source.within("drain.notice_ms", 0, 0, HOUR_MS)),
            drain_timeout: source.duration_ms("drain.timeout_ms", 25_000),
            ports_file: source.optional("ports_file"),
            identity: IdentitySettings::read(source),
            telemetry: TelemetrySettings::read(source),
        };
        if settings.default_deadline > settings.max_deadline {
            source.note(
                "grpc.default_deadline_ms",
                "must not be longer than grpc.max_deadline_ms",
            );
        }
        if settings.drain_notice >= settings.drain_timeout {
            source.note("drain.notice_ms", "must be shorter than drain.timeout_ms");
        }
        if settings.identity.method_table_file.is_none() {
            source.note(
                "identity.method_table_file",
                "must be set: what the table does not allow is refused",
            );
        }
        settings
    }
}
