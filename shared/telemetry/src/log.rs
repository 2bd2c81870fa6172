//! Log lines: JSON, one object a line.

use std::fmt::{self, Write as _};

use opentelemetry::{Context, trace::TraceContextExt as _};
use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    EnvFilter,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        time::{FormatTime as _, SystemTime},
    },
    registry::LookupSpan,
};

/// A longer text value is cut: a log line is no place for a dump, and one line must not starve the others.
const MAX_TEXT_OCTETS: usize = 4096;

/// Parses `log.filter`.
pub(crate) fn filter(text: &str) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
    EnvFilter::builder().parse(text)
}

/// Writes an event as one JSON object: what every line has, then the event's own fields under `fields`.
#[derive(Debug)]
pub(crate) struct JsonLines {
    pub(crate) service: &'static str,
    pub(crate) instance: String,
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut timestamp = String::with_capacity(32);
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let mut fields = Fields::default();
        event.record(&mut fields);

        let mut line = Map::new();
        let mut put = |key: &str, value: Value| {
            line.insert(key.to_owned(), value);
        };
        put("timestamp", timestamp.into());
        put("level", event.metadata().level().as_str().into());
        put("service", self.service.into());
        put("instance", self.instance.as_str().into());
        put("target", event.metadata().target().into());
        put("message", fields.message.into());
        // The layer below attaches a span's context while it is entered, so this is the span of the event.
        let context = Context::current();
        let span = context.span().span_context().clone();
        if span.is_valid() {
            put("trace_id", span.trace_id().to_string().into());
            put("span_id", span.span_id().to_string().into());
        }
        if let Some(span) = ctx.lookup_current() {
            put("span", span.name().into());
        }
        if !fields.others.is_empty() {
            put("fields", Value::Object(fields.others));
        }
        writeln!(writer, "{}", Value::Object(line))
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.others.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // Writing to a string fails only where the value's own `Debug` does; then what it wrote so far stands.
        let _ = write!(text, "{value:?}");
        self.record_str(field, &text);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let text = cut(value);
        if field.name() == "message" {
            text.clone_into(&mut self.message);
        } else {
            self.put(field, text.into());
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
}

fn cut(text: &str) -> &str {
    if text.len() <= MAX_TEXT_OCTETS {
        return text;
    }
    &text[..text.floor_char_boundary(MAX_TEXT_OCTETS)]
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use serde_json::Value;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::{JsonLines, MAX_TEXT_OCTETS, cut};
    use crate::TraceContext;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(story: impl FnOnce()) -> Vec<Value> {
        let sink = Sink::default();
        let made = sink.clone();
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let subscriber = tracing_subscriber::registry()
            .with(tracing_opentelemetry::layer().with_tracer(tracer))
            .with(
                tracing_subscriber::fmt::layer()
                    .event_format(JsonLines {
                        service: "test-svc",
                        instance: "i1".to_owned(),
                    })
                    .with_writer(move || made.clone()),
            );
        tracing::subscriber::with_default(subscriber, story);
        let written = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        written
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn a_line_is_one_object_with_the_ids_of_its_span() {
        let mut inside = None;
        let lines = lines(|| {
            let span = tracing::info_span!("work");
            let _entered = span.enter();
            inside = TraceContext::current();
            tracing::warn!(
                count = 3,
                ratio = 0.5,
                ok = true,
                what = "two\nlines",
                "late {}",
                7
            );
        });
        let inside = inside.unwrap();
        let line = &lines[0];
        assert_eq!(lines.len(), 1);
        assert_eq!(line["service"], "test-svc");
        assert_eq!(line["instance"], "i1");
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["message"], "late 7");
        assert_eq!(line["span"], "work");
        assert_eq!(line["trace_id"], inside.trace_id());
        assert_eq!(line["span_id"], inside.span_id());
        assert_eq!(
            line["fields"],
            serde_json::json!({"count": 3, "ratio": 0.5, "ok": true, "what": "two\nlines"})
        );
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn outside_of_a_span_there_are_no_ids() {
        let lines = lines(|| tracing::info!("started"));
        assert_eq!(lines[0].get("trace_id"), None);
        assert_eq!(lines[0].get("fields"), None);
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let long = "鸿".repeat(MAX_TEXT_OCTETS);
        assert!(cut(&long).len() <= MAX_TEXT_OCTETS);
        assert!(cut(&long).chars().all(|c| c == '鸿'));
    }
}
