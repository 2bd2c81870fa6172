//! Installs logs, traces and metrics for the process.

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider},
};
use tokio::task::AbortHandle;
use tracing::{level_filters::LevelFilter, warn};
use tracing_subscriber::{
    Layer as _, filter::Targets, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::{TelemetrySettings, log, metrics_recorder, names};

/// Spans of these crates stay out of the traces: the exporter itself speaks gRPC through them, and would trace its own
/// exports for ever. A name stands for all that begin with it.
const NOT_TRACED: [&str; 7] = [
    "h2",
    "hyper",
    "tonic",
    "tower",
    "opentelemetry",
    "reqwest",
    "rustls",
];
/// One export may take this long.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(3);
const EXPORT_INTERVAL: Duration = Duration::from_secs(1);
/// Spans that wait for their export; beyond it they are dropped, never waited for.
const SPANS_WAITING: usize = 16_384;
const SPANS_PER_EXPORT: usize = 512;
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Why telemetry could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `log.filter` is not a filter.
    #[error("log.filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The exporter of traces could not be made.
    #[error("telemetry.otlp_endpoint: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The recorder of metrics could not be made.
    #[error("metrics: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// This process has telemetry already.
    #[error("telemetry is installed already")]
    Twice,
}

/// The process's telemetry. Dropping it loses the spans that wait for their export: end with [`Telemetry::shutdown`].
#[derive(Debug)]
pub struct Telemetry {
    tracer_provider: SdkTracerProvider,
    metrics: PrometheusHandle,
    upkeep: AbortHandle,
}

/// Installs logs, traces and metrics for the whole process, once. Must be called inside a Tokio runtime, which the exporter's
/// connection lives on.
pub fn init(
    service: &'static str,
    instance: &str,
    settings: &TelemetrySettings,
) -> Result<Telemetry, TelemetryError> {
    let recorder = metrics_recorder::recorder()?;
    let metrics = recorder.handle();
    let tracer_provider = tracer_provider(service, instance, settings)?;
    let traces = tracing_opentelemetry::layer()
        .with_tracer(tracer_provider.tracer("hongyan"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(traced());
    let logs = fmt::layer()
        .event_format(log::JsonLines {
            service,
            instance: instance.to_owned(),
        })
        .with_writer(std::io::stderr)
        .with_filter(log::filter(&settings.log_filter)?);
    tracing_subscriber::registry()
        .with(traces)
        .with(logs)
        .try_init()
        .map_err(|_| TelemetryError::Twice)?;
    ::metrics::set_global_recorder(recorder).map_err(|_| TelemetryError::Twice)?;
    let drained = metrics.clone();
    let upkeep = tokio::spawn(async move {
        let mut interval = tokio::time::interval(UPKEEP_INTERVAL);
        loop {
            interval.tick().await;
            metrics_recorder::upkeep(&drained);
        }
    })
    .abort_handle();
    Ok(Telemetry {
        tracer_provider,
        metrics,
        upkeep,
    })
}

impl Telemetry {
    /// The metrics in Prometheus' text format.
    pub fn render_metrics(&self) -> String {
        self.metrics.render()
    }

    /// A handle that renders the metrics for as long as anybody keeps it.
    pub fn metrics_renderer(&self) -> impl Fn() -> String + Clone + Send + Sync + 'static {
        let metrics = self.metrics.clone();
        move || metrics.render()
    }

    /// Exports what waits and ends. Takes at most a few seconds; what the collector did not take by then is lost, and said
    /// so in the log.
    pub async fn shutdown(self) {
        let provider = self.tracer_provider.clone();
        // The SDK blocks its thread until the export is done, and the export needs the runtime: never on a worker.
        match tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(EXPORT_TIMEOUT)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(error = %error, "the last spans may be lost"),
            Err(error) => warn!(error = %error, "the exporter of spans did not end"),
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.upkeep.abort();
    }
}

/// What is traced: our own spans at INFO and above.
fn traced() -> Targets {
    Targets::new()
        .with_default(LevelFilter::INFO)
        .with_targets(NOT_TRACED.map(|target| (target, LevelFilter::OFF)))
}

fn tracer_provider(
    service: &'static str,
    instance: &str,
    settings: &TelemetrySettings,
) -> Result<SdkTracerProvider, TelemetryError> {
    let resource = Resource::builder_empty()
        .with_attributes([
            KeyValue::new(names::SERVICE_NAME, service),
            KeyValue::new(names::SERVICE_INSTANCE_ID, instance.to_owned()),
        ])
        .build();
    let mut builder =
        SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(
                settings.sample_ratio,
            ))));
    if let Some(endpoint) = &settings.otlp_endpoint {
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(EXPORT_TIMEOUT)
            .build()?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(SPANS_WAITING)
            .with_max_export_batch_size(SPANS_PER_EXPORT)
            .with_scheduled_delay(EXPORT_INTERVAL)
            .build();
        builder = builder.with_span_processor(
            BatchSpanProcessor::builder(exporter)
                .with_batch_config(batches)
                .build(),
        );
    }
    Ok(builder.build())
}
