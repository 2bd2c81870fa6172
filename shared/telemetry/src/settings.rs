//! What can be set.

use hongyan_config::Source;

/// How this process tells about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct TelemetrySettings {
    /// `log.filter`: which log lines are written, in the syntax of `tracing_subscriber`'s `EnvFilter`, e.g.
    /// `info,hongyan_queue=debug`.
    pub log_filter: String,
    /// `telemetry.otlp_endpoint`: a collector that takes OTLP over gRPC, e.g. `http://127.0.0.1:4317`. Traces are exported
    /// only where it is set.
    pub otlp_endpoint: Option<String>,
    /// `telemetry.sample_ratio`: which share of the traces that begin here is recorded, 0.0 to 1.0. A trace that begins
    /// elsewhere is recorded where its beginner decided so.
    pub sample_ratio: f64,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self {
            log_filter: "info".to_owned(),
            otlp_endpoint: None,
            sample_ratio: 1.0,
        }
    }
}

impl TelemetrySettings {
    /// Reads `log.filter`, `telemetry.otlp_endpoint` and `telemetry.sample_ratio`.
    pub fn read(source: &mut Source) -> Self {
        let default = Self::default();
        let settings = Self {
            log_filter: source.or("log.filter", default.log_filter),
            otlp_endpoint: source.optional("telemetry.otlp_endpoint"),
            sample_ratio: source.or("telemetry.sample_ratio", default.sample_ratio),
        };
        if let Err(error) = crate::log::filter(&settings.log_filter) {
            source.note("log.filter", &format!("must be a filter such as info: {error}"));
        }
        if let Some(endpoint) = &settings.otlp_endpoint
            && !is_plain_http(endpoint)
        {
            source.note(
                "telemetry.otlp_endpoint",
                "must be an address such as http://127.0.0.1:4317",
            );
        }
        if !(0.0..=1.0).contains(&settings.sample_ratio) {
            source.note("telemetry.sample_ratio", "must lie between 0.0 and 1.0");
        }
        settings
    }
}

/// The exporter is built without TLS: the collector is a neighbour on the node.
fn is_plain_http(endpoint: &str) -> bool {
    endpoint
        .parse::<http::Uri>()
        .is_ok_and(|uri| uri.scheme_str() == Some("http") && uri.authority().is_some())
}

#[cfg(test)]
mod tests {
    use hongyan_config::{Source, SourceSpec};

    use super::TelemetrySettings;

    fn read(env: &[(&str, &str)]) -> (TelemetrySettings, Vec<String>) {
        let mut source = Source::load(SourceSpec {
            file: None,
            env_prefix: "HONGYAN",
            env: env
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        });
        let settings = TelemetrySettings::read(&mut source);
        let mistakes = source.finish().err().map_or_else(Vec::new, |mistakes| mistakes.0);
        (
            settings,
            mistakes.into_iter().map(|mistake| mistake.key).collect(),
        )
    }

    #[test]
    fn without_settings_info_is_logged_and_nothing_exported() {
        let (settings, mistakes) = read(&[]);
        assert_eq!(settings, TelemetrySettings::default());
        assert!(mistakes.is_empty());
    }

    #[test]
    fn what_is_set_is_used() {
        let (settings, mistakes) = read(&[
            ("HONGYAN_LOG_FILTER", "warn,hongyan_queue=debug"),
            ("HONGYAN_TELEMETRY_OTLP_ENDPOINT", "http://127.0.0.1:4317"),
            ("HONGYAN_TELEMETRY_SAMPLE_RATIO", "0.25"),
        ]);
        assert!(mistakes.is_empty(), "{mistakes:?}");
        assert_eq!(settings.log_filter, "warn,hongyan_queue=debug");
        assert_eq!(settings.otlp_endpoint.as_deref(), Some("http://127.0.0.1:4317"));
        assert!((settings.sample_ratio - 0.25).abs() < f64::EPSILON);
    }

    #[test]
    fn wrong_values_are_mistakes() {
        let (_, mistakes) = read(&[
            ("HONGYAN_LOG_FILTER", "hongyan=loud"),
            ("HONGYAN_TELEMETRY_OTLP_ENDPOINT", "https://collector:4317"),
            ("HONGYAN_TELEMETRY_SAMPLE_RATIO", "1.5"),
        ]);
        assert_eq!(
            mistakes,
            ["log.filter", "telemetry.otlp_endpoint", "telemetry.sample_ratio"]
        );
    }
}
