//! `LinkService`: what the links of this process are doing.

use std::sync::Arc;

use hongyan_proto::carrier::v1::{GetLinksRequest, GetLinksResponse, link_service_server::LinkService};
use tonic::{Request, Response, Status};

use crate::links::Directory;

/// Answers operators.
pub struct LinkRpc {
    /// Names the process among its replicas.
    pub instance: Arc<str>,
    /// The links.
    pub directory: Directory,
}

#[tonic::async_trait]
impl LinkService for LinkRpc {
    async fn get_links(
        &self,
        _request: Request<GetLinksRequest>,
    ) -> Result<Response<GetLinksResponse>, Status> {
        Ok(Response::new(GetLinksResponse {
            instance: self.instance.to_string(),
            links: self.directory.states(),
        }))
    }
}
