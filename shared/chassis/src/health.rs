//! gRPC health follows the readiness.

use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::readiness::Board;

/// Keeps the status of the process (`""`) and of each service true until the token is cancelled.
pub(crate) async fn follow(
    board: Board,
    reporter: HealthReporter,
    services: Vec<&'static str>,
    end: CancellationToken,
) {
    let mut changes = board.changes();
    loop {
        tell(&reporter, &services, board.is_ready()).await;
        match end.run_until_cancelled(changes.next()).await {
            Some(true) => {}
            Some(false) | None => return,
        }
    }
}

pub(crate) async fn tell(reporter: &HealthReporter, services: &[&'static str], ready: bool) {
    let status = if ready {
        ServingStatus::Serving
    } else {
        ServingStatus::NotServing
    };
    for service in services.iter().chain([&""]) {
        reporter.set_service_status(service, status).await;
    }
}
