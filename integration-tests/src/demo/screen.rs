//! What the demo shows, and the count of what went wrong.

use std::{fmt::Display, io::Write as _, time::Instant};

use comfy_table::{ContentArrangement, Table, presets::UTF8_BORDERS_ONLY};

/// Writes to standard output and remembers whether everything was as it should be. A terminal that is gone is no reason
/// to stop: the checks go on and the exit status tells.
#[derive(Debug)]
pub struct Screen {
    step: u32,
    failures: Vec<String>,
    step_started: Instant,
}

impl Default for Screen {
    fn default() -> Self {
        Self {
            step: 0,
            failures: Vec::new(),
            step_started: Instant::now(),
        }
    }
}

impl Screen {
    /// Begins a numbered step.
    pub fn step(&mut self, title: &str) {
        self.step += 1;
        self.step_started = Instant::now();
        line(format_args!("\n{}. {title}", self.step));
    }

    /// One thing that must hold. Gives back whether it does.
    pub fn check(&mut self, what: impl Display, holds: bool) -> bool {
        let mark = if holds { '✓' } else { '✗' };
        line(format_args!("   {mark} {what}"));
        if !holds {
            self.failures.push(format!("step {}: {what}", self.step));
        }
        holds
    }

    /// Something that could not even be tried to its end.
    pub fn failed(&mut self, error: &anyhow::Error) {
        self.check(format!("{error:#}"), false);
    }

    /// A sentence.
    pub fn say(&self, text: impl Display) {
        line(format_args!("   {text}"));
    }

    /// Text of several lines, indented.
    pub fn block(&self, text: &str) {
        for one in text.lines() {
            line(format_args!("     {one}"));
        }
    }

    /// A table.
    pub fn table<const N: usize>(&self, header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) {
        let mut table = Table::new();
        table.load_preset(UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Disabled).set_header(header);
        for row in rows {
            table.add_row(row);
        }
        self.block(&table.to_string());
    }

    /// Seconds since the step began.
    pub fn step_seconds(&self) -> f64 {
        self.step_started.elapsed().as_secs_f64()
    }

    /// What did not hold.
    pub fn failures(&self) -> &[String] {
        &self.failures
    }
}

fn line(text: std::fmt::Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::Screen;

    #[test]
    fn what_did_not_hold_is_remembered_with_its_step() {
        let mut screen = Screen::default();
        screen.step("first");
        assert!(screen.check("water is wet", true));
        screen.step("second");
        assert!(!screen.check("fire is cold", false));
        assert_eq!(screen.failures(), ["step 2: fire is cold"]);
    }
}
