//! How far a long command is.

use std::{
    io::{IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use crate::table::plain;

const EVERY: Duration = Duration::from_millis(200);
const CELLS: u64 = 20;

/// A line on the terminal; nothing where nobody looks.
pub(crate) struct Progress {
    is_seen: bool,
    next: Instant,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            is_seen: std::io::stderr().is_terminal(),
            next: Instant::now(),
        }
    }

    /// So many entries of so many.
    pub(crate) fn show(&mut self, name: &str, done: u64, size: u64) {
        if !self.is_seen || Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + EVERY;
        // A terminal that is gone needs no progress.
        let _ = write!(std::io::stderr(), "\r\x1b[K{}", line(name, done, size));
    }

    pub(crate) fn clear(&self) {
        if self.is_seen {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

fn line(name: &str, done: u64, size: u64) -> String {
    let percent = done.saturating_mul(100).checked_div(size).unwrap_or(100).min(100);
    let cells = (percent * CELLS / 100) as usize;
    let (bar, width) = ("#".repeat(cells), CELLS as usize);
    format!(
        "{} [{bar:<width$}] {percent:>3} %  {done} of {size} entries",
        plain(name)
    )
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_line_says_how_far_it_is() {
        assert_eq!(
            line("cdr", 5, 20),
            "cdr [#####               ]  25 %  5 of 20 entries"
        );
        assert_eq!(
            line("a\u{1b}b", 0, 0),
            "a b [####################] 100 %  0 of 0 entries"
        );
    }
}
