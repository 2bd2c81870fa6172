//! What a service gives to the chassis.

use std::convert::Infallible;

use axum::response::IntoResponse;
use http::Request;
use tonic::{body::Body, server::NamedService, service::Routes};
use tower_service::Service as TowerService;

/// The largest message that a service of the mesh takes or gives: 1 MiB. Set it on every generated server with
/// `max_decoding_message_size` and `max_encoding_message_size`.
pub const MAX_MESSAGE_OCTETS: usize = 1 << 20;

/// Why a service could not be built. The text is logged, so it holds no secret and no personal data.
pub type BuildError = Box<dyn std::error::Error + Send + Sync>;

/// What a program is, as it says itself.
#[derive(Debug, Clone, Copy)]
pub struct ServiceInfo {
    /// The program's name, e.g. `sms-dispatch-svc`; also the service name in logs and traces.
    pub name: &'static str,
    /// `env!("CARGO_PKG_VERSION")` of the program.
    pub version: &'static str,
    /// The encoded descriptors of its gRPC services: `hongyan_proto::FILE_DESCRIPTOR_SET`. They tell which methods exist
    /// and which of them stream, and answer reflection.
    pub descriptor_set: &'static [u8],
}

/// The gRPC services of a process.
#[derive(Debug, Default)]
pub struct Service {
    pub(crate) routes: Routes,
    pub(crate) names: Vec<&'static str>,
}

impl Service {
    /// Adds a generated server.
    #[must_use]
    pub fn with<S>(self, server: S) -> Self
    where
        S: TowerService<Request<Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        let mut names = self.names;
        names.push(S::NAME);
        Self {
            routes: self.routes.add_service(server),
            names,
        }
    }
}
