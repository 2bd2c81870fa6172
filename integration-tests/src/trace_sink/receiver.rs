//! The OTLP side.

use std::{future::Future, sync::Arc};

use anyhow::Result;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    resource::v1::Resource,
};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status, transport::server::TcpIncoming};

use super::{
    span::{self, Span},
    store::SpanStore,
};

const MAX_REQUEST_OCTETS: usize = 16 << 20;

#[derive(Debug)]
struct Receiver {
    store: Arc<SpanStore>,
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut rejected_spans = 0;
        for of_process in request.into_inner().resource_spans {
            let (service, instance) = process_name(of_process.resource);
            for span in of_process.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                match Span::of_otlp(span, &service, &instance) {
                    Some(span) => self.store.insert(span),
                    None => rejected_spans += 1,
                }
            }
        }
        let partial_success = (rejected_spans > 0).then(|| ExportTracePartialSuccess {
            rejected_spans,
            error_message: "a trace id has 16 octets, a span id 8, not all zero".to_owned(),
        });
        Ok(Response::new(ExportTraceServiceResponse { partial_success }))
    }
}

fn process_name(resource: Option<Resource>) -> (String, String) {
    let attributes = span::attributes(resource.map(|resource| resource.attributes).unwrap_or_default());
    let value = |name: &str| {
        attributes
            .iter()
            .find(|(key, _)| key == name)
            .map_or("?", |(_, value)| value.as_str())
            .to_owned()
    };
    (value("service.name"), value("service.instance.id"))
}

pub(super) async fn serve(
    store: Arc<SpanStore>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<()> {
    let service = TraceServiceServer::new(Receiver { store }).max_decoding_message_size(MAX_REQUEST_OCTETS);
    tonic::transport::Server::builder()
        .add_service(service)
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), shutdown)
        .await?;
    Ok(())
}
