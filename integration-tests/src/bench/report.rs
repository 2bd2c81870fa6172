//! The table: figures, their floor, the ratio.

use super::{drive::Run, floors::Floors, usage::Usage};

/// One line of the table.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Row {
    /// What was done.
    pub what: String,
    /// Operations a second.
    pub per_second: f64,
    /// Operations that failed.
    pub failed: u64,
    /// p50, p99 and p99.9 in milliseconds from the intended start; only of open runs.
    pub latency_ms: Option<[f64; 3]>,
    /// The floor: its name and its rate.
    pub floor: Option<(String, f64)>,
}

impl Row {
    /// A row of a run, with its floor where the run went as fast as it could.
    pub fn new(what: &str, run: &Run, floor: Option<(&str, f64)>) -> Self {
        Self {
            what: what.to_owned(),
            per_second: run.per_second,
            failed: run.failed,
            latency_ms: run
                .latency
                .map(|latency| [latency.p50_ms, latency.p99_ms, latency.p999_ms]),
            floor: floor.map(|(name, rate)| (name.to_owned(), rate)),
        }
    }

    fn cells(&self) -> [String; 7] {
        let latency = |index: usize| {
            self.latency_ms
                .map_or_else(String::new, |ms| format!("{:.1}", ms[index]))
        };
        let floor = self
            .floor
            .as_ref()
            .map_or_else(String::new, |(name, rate)| format!("{name}: {}", whole(*rate)));
        let ratio = self
            .floor
            .as_ref()
            .map_or_else(String::new, |(_, rate)| format!("{:.3}", self.per_second / rate));
        let mut rate = whole(self.per_second);
        if self.failed > 0 {
            rate = format!("{rate} ({} failed)", self.failed);
        }
        [
            self.what.clone(),
            rate,
            latency(0),
            latency(1),
            latency(2),
            floor,
            ratio,
        ]
    }
}

/// What one program used while messages went end to end.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Cost {
    /// The program.
    pub program: String,
    /// CPU seconds for each 1,000 messages.
    pub cpu_seconds_per_1000: f64,
    /// Resident memory at the end, mebibytes.
    pub resident_mib: f64,
}

impl Cost {
    /// From what was used before and after.
    pub fn new(program: &str, before: Usage, after: Usage, messages: f64) -> Self {
        Self {
            program: program.to_owned(),
            cpu_seconds_per_1000: (after.cpu_seconds - before.cpu_seconds) * 1_000.0 / messages.max(1.0),
            resident_mib: after.resident_mib,
        }
    }
}

/// Everything that a run of the benchmark showed.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Report {
    /// Cores, processor, kernel.
    pub machine: String,
    /// The floors.
    pub floors: Floors,
    /// The figures.
    pub rows: Vec<Row>,
    /// What they cost.
    pub costs: Vec<Cost>,
}

const HEAD: [&str; 7] = [
    "what", "a second", "p50 ms", "p99 ms", "p99.9 ms", "floor", "ratio",
];

impl Report {
    /// As Markdown, which a terminal shows as well.
    pub fn markdown(&self) -> String {
        let mut text = format!("Machine: {}\n\n", self.machine);
        text.push_str(&line(&HEAD.map(str::to_owned)));
        text.push_str("|---|--:|--:|--:|--:|---|--:|\n");
        for row in &self.rows {
            text.push_str(&line(&row.cells()));
        }
        text.push_str("\n| program | CPU s for 1,000 messages end to end | resident MiB |\n|---|--:|--:|\n");
        for cost in &self.costs {
            let cells = [
                cost.program.clone(),
                format!("{:.3}", cost.cpu_seconds_per_1000),
                format!("{:.0}", cost.resident_mib),
            ];
            text.push_str(&line(&cells));
        }
        let all: f64 = self.costs.iter().map(|cost| cost.cpu_seconds_per_1000).sum();
        text.push_str(&line(&["all".to_owned(), format!("{all:.3}"), String::new()]));
        text
    }
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// A rate without decimals, thousands parted.
fn whole(rate: f64) -> String {
    let digits = format!("{rate:.0}");
    let mut parted = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            parted.push(',');
        }
        parted.push(digit);
    }
    parted
}

/// Cores, processor and kernel as Linux tells them.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let processor = cpuinfo.lines().find_map(|line| {
        line.strip_prefix("model name")?
            .split_once(": ")
            .map(|pair| pair.1)
    });
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{cores} cores, {}, Linux {}",
        processor.unwrap_or("unknown processor"),
        kernel.trim()
    )
}

#[cfg(test)]
mod tests {
    use super::{Row, whole};
    use crate::bench::drive::Run;

    #[test]
    fn rates_are_readable() {
        assert_eq!(
            [whole(7.4), whole(999.6), whole(1_234_567.0)],
            ["7", "1,000", "1,234,567"]
        );
    }

    #[test]
    fn a_row_shows_its_ratio_and_its_failures() {
        let run = Run {
            per_second: 500.0,
            failed: 3,
            latency: None,
        };
        let cells = Row::new("accepts", &run, Some(("echo", 2_000.0))).cells();
        assert_eq!(
            cells,
            ["accepts", "500 (3 failed)", "", "", "", "echo: 2,000", "0.250"]
        );
    }
}
