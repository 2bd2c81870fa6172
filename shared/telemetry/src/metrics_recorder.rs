//! Metrics in Prometheus' text format.

use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

/// The suffix of histograms that measure time.
const SECONDS: &str = "_seconds";
/// Upper bounds in seconds: from what a loopback call takes to what an operator waits for.
const SECONDS_BUCKETS: [f64; 16] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0,
];
/// Upper bounds for histograms that count things, such as the entries of a batch.
const COUNT_BUCKETS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

pub(crate) fn recorder() -> Result<PrometheusRecorder, BuildError> {
    Ok(PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix(SECONDS.to_owned()), &SECONDS_BUCKETS)?
        .set_buckets(&COUNT_BUCKETS)?
        .build_recorder())
}

/// Histograms keep every value until they are drained; this drains them, so that a process that nobody scrapes does not
/// grow.
pub(crate) fn upkeep(handle: &PrometheusHandle) {
    handle.run_upkeep();
}

#[cfg(test)]
mod tests {
    use super::{recorder, upkeep};

    #[test]
    fn times_get_buckets_in_seconds_and_counts_get_powers_of_two() {
        let recorder = recorder().unwrap();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            metrics::counter!("hongyan_tries_total", "outcome" => "ok").increment(2);
            metrics::histogram!("hongyan_wait_seconds").record(0.02);
            metrics::histogram!("hongyan_batch_entries").record(100.0);
        });
        upkeep(&handle);
        let text = handle.render();
        for line in [
            "hongyan_tries_total{outcome=\"ok\"} 2",
            "hongyan_wait_seconds_bucket{le=\"0.01\"} 0",
            "hongyan_wait_seconds_bucket{le=\"0.025\"} 1",
            "hongyan_batch_entries_bucket{le=\"64\"} 0",
            "hongyan_batch_entries_bucket{le=\"128\"} 1",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }
}
