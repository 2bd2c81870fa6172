//! What the demo shows, and the count of what went wrong.

use std::{fmt::Display, io::Write, process::ExitCode, time::Instant};

use comfy_table::{ContentArrangement, Table, presets::UTF8_BORDERS_ONLY};

/// Writes to standard output and remembers whether everything was as it should be. A terminal that is gone is no reason
/// to stop: the checks go on and the exit status tells.
pub(super) struct Screen {
    out: Box<dyn Write + Send>,
    step: u32,
    failures: Vec<String>,
    step_started: Instant,
}

impl Screen {
    /// On standard output.
    pub(super) fn stdout() -> Self {
        Self::on(Box::new(std::io::stdout()))
    }

    fn on(out: Box<dyn Write + Send>) -> Self {
        Self {
            out,
            step: 0,
            failures: Vec::new(),
            step_started: Instant::now(),
        }
    }

    /// Begins a numbered step.
    pub(super) fn step(&mut self, title: &str) {
        self.step += 1;
        self.step_started = Instant::now();
        let number = self.step;
        self.line(format_args!("\n{number}. {title}"));
    }

    /// One thing that must hold. Gives back whether it does.
    pub(super) fn check(&mut self, what: impl Display, holds: bool) -> bool {
        let mark = if holds { '✓' } else { '✗' };
        self.line(format_args!("   {mark} {what}"));
        if !holds {
            self.failures.push(format!("step {}: {what}", self.step));
        }
        holds
    }

    /// Something that could not even be tried to its end.
    pub(super) fn failed(&mut self, error: &anyhow::Error) {
        self.check(format!("{error:#}"), false);
    }

    /// A sentence.
    pub(super) fn say(&mut self, text: impl Display) {
        self.line(format_args!("   {text}"));
    }

    /// Text of several lines, indented.
    pub(super) fn block(&mut self, text: &str) {
        for one in text.lines() {
            self.line(format_args!("     {one}"));
        }
    }

    /// A table.
    pub(super) fn table<const N: usize>(
        &mut self,
        header: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) {
        let mut table = Table::new();
        table
            .load_preset(UTF8_BORDERS_ONLY)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(header);
        for row in rows {
            table.add_row(row);
        }
        self.block(&table.to_string());
    }

    /// Seconds since the step began.
    pub(super) fn step_seconds(&self) -> f64 {
        self.step_started.elapsed().as_secs_f64()
    }

    /// The last lines, and the exit status.
    pub(super) fn verdict(&mut self) -> ExitCode {
        if self.failures.is_empty() {
            self.line(format_args!("\nEverything did what it should."));
            return ExitCode::SUCCESS;
        }
        self.line(format_args!(
            "\n{} of the checks did not hold:",
            self.failures.len()
        ));
        for failure in std::mem::take(&mut self.failures) {
            self.line(format_args!("   ✗ {failure}"));
        }
        ExitCode::FAILURE
    }

    /// Whether something did not hold so far.
    pub(super) fn has_failed(&self) -> bool {
        !self.failures.is_empty()
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.out, "{text}").and_then(|()| self.out.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::Screen;

    #[test]
    fn what_did_not_hold_is_remembered_with_its_step() {
        let mut screen = Screen::on(Box::new(std::io::sink()));
        screen.step("first");
        assert!(screen.check("water is wet", true));
        screen.step("second");
        assert!(!screen.check("fire is cold", false));
        assert_eq!(screen.failures, ["step 2: fire is cold"]);
    }
}
