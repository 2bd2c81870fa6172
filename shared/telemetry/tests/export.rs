//! Spans reach a collector over OTLP, under the names of the conventions, and the exporter's own calls do not.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

use std::{net::SocketAddr, time::Duration};

use hongyan_telemetry::{TelemetrySettings, TraceContext, context, init, names};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::span::SpanKind,
};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

struct Collector(mpsc::UnboundedSender<ExportTraceServiceRequest>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        // The receiver is gone only when the test is over.
        let _ = self.0.send(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

async fn collector() -> (SocketAddr, mpsc::UnboundedReceiver<ExportTraceServiceRequest>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(
        Server::builder()
            .add_service(TraceServiceServer::new(Collector(sender)))
            .serve_with_incoming(TcpListenerStream::new(listener)),
    );
    (address, receiver)
}

// A current-thread runtime on purpose: there a careless shutdown deadlocks.
#[tokio::test]
async fn spans_reach_the_collector_and_shutdown_flushes_them() {
    let (address, mut exports) = collector().await;
    let settings = TelemetrySettings {
        otlp_endpoint: Some(format!("http://{address}")),
        log_filter: "off".to_owned(),
        ..TelemetrySettings::default()
    };
    let telemetry = init("test-svc", "test-1", &settings).unwrap();
    assert!(
        init("test-svc", "test-1", &settings).is_err(),
        "only once a process"
    );

    let given = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
    let span = tracing::info_span!(
        "rpc",
        otel.name = "hongyan.test.v1.Test/Ask",
        otel.kind = names::kind::SERVER,
        { names::RPC_SYSTEM_NAME } = names::SYSTEM_GRPC,
        { names::RPC_RESPONSE_STATUS_CODE } = tracing::field::Empty,
    );
    context::continue_from(&span, Some(&given));
    span.record(names::RPC_RESPONSE_STATUS_CODE, "OK");
    drop(span);
    for target_is_off in [
        tracing::info_span!(target: "h2::client", "noise"),
        tracing::info_span!(target: "hyper_util::pool", "noise"),
        tracing::info_span!(target: "opentelemetry_sdk", "noise"),
    ] {
        target_is_off.in_scope(|| {});
    }
    telemetry.shutdown().await;

    let export = timeout(Duration::from_secs(10), exports.recv())
        .await
        .unwrap()
        .unwrap();
    assert!(exports.try_recv().is_err(), "one export");
    let resource = &export.resource_spans[0];
    let service: Vec<_> = resource
        .resource
        .iter()
        .flat_map(|resource| &resource.attributes)
        .map(|attribute| format!("{}={:?}", attribute.key, attribute.value))
        .collect();
    assert!(
        service
            .iter()
            .any(|text| text.starts_with("service.name=") && text.contains("test-svc"))
    );
    assert!(
        service
            .iter()
            .any(|text| text.starts_with("service.instance.id=") && text.contains("test-1"))
    );
    let spans: Vec<_> = resource
        .scope_spans
        .iter()
        .flat_map(|scope| &scope.spans)
        .collect();
    assert_eq!(spans.len(), 1);
    let span = spans[0];
    assert_eq!(span.name, "hongyan.test.v1.Test/Ask");
    assert_eq!(span.kind(), SpanKind::Server);
    let trace_id = u128::from_be_bytes(span.trace_id.clone().try_into().unwrap());
    assert_eq!(format!("{trace_id:032x}"), given.trace_id());
    for key in ["rpc.system.name", "rpc.response.status_code"] {
        assert!(
            span.attributes.iter().any(|attribute| attribute.key == key),
            "{key}"
        );
    }
}
