//! gRPC health follows the readiness.

use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::readiness::Board;

/// What [`follow`] needs to end well.
pub(crate) struct Ending {
    /// The process takes no more calls.
    pub(crate) shutdown: CancellationToken,
    /// Cancelled by [`follow`]: watchers have been given the last status, their streams may end.
    pub(crate) last_status_told: CancellationToken,
}

/// Keeps the status of the process (`""`) and of each service true, until the process drains and takes no more calls.
pub(crate) async fn follow(
    board: Board,
    reporter: HealthReporter,
    services: Vec<&'static str>,
    ending: Ending,
) {
    let mut changes = board.changes();
    loop {
        tell(&reporter, &services, board.is_ready()).await;
        if board.is_draining() {
            ending.shutdown.cancelled().await;
            ending.last_status_told.cancel();
            return;
        }
        changes.next().await;
    }
}

pub(crate) async fn tell(reporter: &HealthReporter, services: &[&'static str], ready: bool) {
    metrics::gauge!("hongyan_ready").set(f64::from(u8::from(ready)));
    let status = if ready {
        ServingStatus::Serving
    } else {
        ServingStatus::NotServing
    };
    for service in services.iter().chain([&""]) {
        reporter.set_service_status(service, status).await;
    }
}
