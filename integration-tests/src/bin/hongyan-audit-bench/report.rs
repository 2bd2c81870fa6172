//! The figures, their marks and their floors.

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use serde::Serialize;

/// How good a figure is meant to be.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mark {
    AtLeast(f64),
    AtMost(f64),
}

/// One line of the table.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) figure: f64,
    pub(crate) unit: &'static str,
    pub(crate) mark: Option<Mark>,
    /// A floor of the same run: its name, its figure in the same unit.
    pub(crate) floor: Option<(&'static str, f64)>,
}

/// Everything that was measured.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: String,
    /// How the load was made, and what it left.
    pub(crate) notes: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, figure: f64, unit: &'static str) -> Self {
        Self {
            what: what.into(),
            figure,
            unit,
            mark: None,
            floor: None,
        }
    }

    pub(crate) fn at_least(mut self, mark: f64) -> Self {
        self.mark = Some(Mark::AtLeast(mark));
        self
    }

    pub(crate) fn at_most(mut self, mark: f64) -> Self {
        self.mark = Some(Mark::AtMost(mark));
        self
    }

    pub(crate) fn over(mut self, name: &'static str, floor: f64) -> Self {
        self.floor = Some((name, floor));
        self
    }

    fn is_met(&self) -> Option<bool> {
        self.mark.map(|mark| match mark {
            Mark::AtLeast(mark) => self.figure >= mark,
            Mark::AtMost(mark) => self.figure <= mark,
        })
    }

    fn cells(&self) -> [String; 5] {
        let mark = self.mark.map_or_else(String::new, |mark| match mark {
            Mark::AtLeast(mark) => format!("≥ {}", shown(mark)),
            Mark::AtMost(mark) => format!("≤ {}", shown(mark)),
        });
        let met = match self.is_met() {
            None => "",
            Some(true) => "met",
            Some(false) => "MISSED",
        };
        let floor = self.floor.map_or_else(String::new, |(name, floor)| {
            format!("{:.3} of {name}: {}", self.figure / floor, shown(floor))
        });
        [
            self.what.clone(),
            format!("{} {}", shown(self.figure), self.unit),
            mark,
            met.to_owned(),
            floor,
        ]
    }
}

impl Report {
    pub(crate) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// As Markdown, which a terminal shows as well.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table
            .load_preset(ASCII_MARKDOWN)
            .set_header(["the record", "figure", "mark", "", "of the floor"]);
        for row in &self.rows {
            table.add_row(row.cells());
        }
        let notes = self.notes.join("\n* ");
        format!("Machine: {}\n\n{table}\n\n* {notes}", self.machine)
    }
}

/// Three figures at least, thousands parted.
fn shown(figure: f64) -> String {
    let decimals = match figure.abs() {
        f if f >= 100.0 => 0,
        f if f >= 10.0 => 1,
        f if f >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{figure:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut parted = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            parted.push(',');
        }
        parted.push(digit);
    }
    parted + rest
}

#[cfg(test)]
mod tests {
    use super::{Row, shown};

    #[test]
    fn figures_are_readable() {
        assert_eq!(
            [0.0123, 1.234, 12.34, 999.6, 1_234_567.0].map(shown),
            ["0.012", "1.23", "12.3", "1,000", "1,234,567"]
        );
    }

    #[test]
    fn marks_are_told_as_met_or_missed_and_floors_as_ratios() {
        let rate = Row::new("events", 20_000.0, "/s").at_least(20_000.0);
        let rate = rate.over("bare sync", 80_000.0);
        assert_eq!(
            rate.cells(),
            [
                "events",
                "20,000 /s",
                "≥ 20,000",
                "met",
                "0.250 of bare sync: 80,000"
            ]
        );
        let slow = Row::new("p99", 25.1, "ms").at_most(25.0);
        assert_eq!(slow.cells()[3], "MISSED");
        assert_eq!(Row::new("p50", 1.0, "ms").cells()[3], "");
    }
}
