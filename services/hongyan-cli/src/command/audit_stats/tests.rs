//! What an operator reads.

use hongyan_proto::audit::v1::{GetStatisticsResponse, StatisticsRow};
use time::macros::offset;

use super::{Sum, grouped, render, request};
use crate::{args::Stats, exit::Exit, screen::Screen};

/// 2025-11-21 20:00 at +08:00.
const HOUR: i64 = 1_763_726_400_000;
const HOUR_MS: i64 = 3_600_000;

fn row(tenant: &str, hour: i64, numbers: [u64; 4]) -> StatisticsRow {
    let [delivered, rejected, expired, unknown] = numbers;
    let undelivered = [
        ("REJECTED MK:0001".to_owned(), rejected),
        ("EXPIRED".to_owned(), expired),
    ];
    StatisticsRow {
        tenant: tenant.into(),
        carrier: "CHINA_MOBILE".into(),
        class: "NOTICE".into(),
        hour_unix_ms: hour,
        accepted: numbers.iter().sum(),
        delivered,
        undelivered: undelivered.into_iter().filter(|(_, count)| *count > 0).collect(),
        unknown,
    }
}

fn answer(rows: Vec<StatisticsRow>) -> GetStatisticsResponse {
    GetStatisticsResponse { rows, indexed: 9 }
}

#[test]
fn sums_causes_and_hours_are_shown_and_less_than_promised_is_a_no() {
    let found = answer(vec![
        row("binhai-hrss", HOUR, [950, 40, 10, 0]),
        row("binhai-hrss", HOUR + HOUR_MS, [470, 20, 0, 10]),
        row("xinghe-life", HOUR, [250, 0, 0, 0]),
    ]);
    let told = render(&found, Screen::unlimited(offset!(+8)));
    let expected = "\
┌─────────────┬──────────────┬────────┬──────────┬───────────┬─────────────┬─────────┬───────┬────────┐
│ tenant      ┆ carrier      ┆ class  ┆ accepted ┆ delivered ┆ undelivered ┆ unknown ┆ %     ┆ ≥ 95 % │
╞═════════════╪══════════════╪════════╪══════════╪═══════════╪═════════════╪═════════╪═══════╪════════╡
│ binhai-hrss ┆ CHINA_MOBILE ┆ NOTICE ┆ 1,500    ┆ 1,420     ┆ 70          ┆ 10      ┆ 94.6  ┆ NO     │
│ xinghe-life ┆ CHINA_MOBILE ┆ NOTICE ┆ 250      ┆ 250       ┆ 0           ┆ 0       ┆ 100.0 ┆ yes    │
│ all         ┆              ┆        ┆ 1,750    ┆ 1,670     ┆ 70          ┆ 10      ┆ 95.4  ┆ yes    │
└─────────────┴──────────────┴────────┴──────────┴───────────┴─────────────┴─────────┴───────┴────────┘

┌─────────────────────┬──────────┬─────────────┐
│ undelivered because ┆ messages ┆ of accepted │
╞═════════════════════╪══════════╪═════════════╡
│ REJECTED MK:0001    ┆ 60       ┆ 3.4 %       │
│ EXPIRED             ┆ 10       ┆ 0.5 %       │
└─────────────────────┴──────────┴─────────────┘

accepted by hour: █ delivered ▒ undelivered ░ unknown
2025-11-21 20:00  ██████████████████████████████████████▒▒  1,250  96.0 %
2025-11-21 21:00  ███████████████▒                          500  94.0 %

unknown: without a final status yet, or with one that says that nobody knows; the promise is 95 % of what was accepted";
    assert_eq!((told.text.as_str(), told.exit), (expected, Exit::Yes));
    assert_eq!(told.json["total"]["delivered_per_mille"], 954);
    assert_eq!(told.json["rows"][0]["undelivered"]["REJECTED MK:0001"], 40);

    let worse = render(&answer(vec![row("t", HOUR, [94, 6, 0, 0])]), Screen::of_width(80));
    assert_eq!(worse.exit, Exit::No);
    assert_eq!(worse.json["total"]["keeps_promise"], false);
}

#[test]
fn the_promise_is_not_kept_by_rounding() {
    let sum = |delivered, accepted| Sum {
        accepted,
        delivered,
        ..Sum::default()
    };
    assert!(sum(95, 100).keeps_promise() && sum(950_000, 1_000_000).keeps_promise());
    assert!(!sum(949_999, 1_000_000).keeps_promise());
    assert_eq!(sum(949_999, 1_000_000).percent(), "94.9");
    assert_eq!(
        (sum(0, 0).percent().as_str(), sum(0, 0).keeps_promise()),
        ("-", true)
    );
}

#[test]
fn a_long_time_is_shown_by_days_and_the_oldest_are_left_out() {
    let rows = (0..24 * 60).map(|hour| row("t", HOUR + hour * HOUR_MS, [1, 0, 0, 0]));
    let told = render(&answer(rows.collect()), Screen::of_width(80)).text;
    assert!(told.contains("accepted by day"), "{told}");
    assert!(told.contains("13 days before are left out"), "{told}");
    assert!(told.contains("2026-01-18  ████"), "{told}");
    assert!(told.lines().all(|line| line.chars().count() <= 120), "{told}");
}

#[test]
fn nothing_is_said_to_be_nothing() {
    let told = render(&answer(Vec::new()), Screen::of_width(80));
    assert_eq!((told.text.as_str(), told.exit), ("no messages", Exit::Yes));
}

#[test]
fn conditions_are_passed_on_and_times_read() {
    let args = Stats {
        from: Some("2h".into()),
        until: Some("2025-11-21T20:00:00+08:00".into()),
        tenant: "t".into(),
        carrier: "c".into(),
        class: "k".into(),
    };
    let asked = request(&args, HOUR + 2 * HOUR_MS).unwrap();
    assert_eq!((asked.from_unix_ms, asked.until_unix_ms), (HOUR, HOUR));
    assert_eq!(
        (
            asked.tenant.as_str(),
            asked.carrier.as_str(),
            asked.class.as_str()
        ),
        ("t", "c", "k")
    );
    let wrong = Stats {
        until: Some("soon".into()),
        ..args
    };
    assert!(request(&wrong, HOUR).unwrap_err().to_string().contains("--until"));
}

#[test]
fn numbers_are_grouped() {
    for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
        assert_eq!(grouped(number), text);
    }
}
