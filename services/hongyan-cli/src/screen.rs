//! Where an answer is read: how wide it may be, and by which clock.

use std::io::{self, IsTerminal as _};

use time::UtcOffset;

use crate::when;

/// What rendering must know of the reader.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    offset: UtcOffset,
    width: Option<u16>,
}

impl Screen {
    /// Standard output. What is no terminal is read by programs or by `less -S`: there a line is as long as it is.
    pub(crate) fn of_stdout(offset: UtcOffset, asked: Option<u16>) -> Self {
        let stdout = io::stdout();
        let of_terminal = || {
            let size = rustix::termios::tcgetwinsize(&stdout).ok()?;
            Some(size.ws_col).filter(|columns| *columns > 0)
        };
        let width = asked.or_else(|| stdout.is_terminal().then(of_terminal).flatten());
        Self { offset, width }
    }

    /// The columns there are; `None` for no limit.
    pub(crate) fn width(self) -> Option<u16> {
        self.width
    }

    /// Whether there is room for what is only convenient.
    pub(crate) fn is_wide(self) -> bool {
        self.width.is_none_or(|width| width >= 120)
    }

    /// A moment with its date.
    pub(crate) fn time(self, unix_ms: i64) -> String {
        when::show(unix_ms, self.offset)
    }

    /// A moment without its date where that is the day of `day`.
    pub(crate) fn time_on(self, unix_ms: i64, day: i64) -> String {
        let (moment, day) = (self.time(unix_ms), self.time(day));
        match (moment.split_once(' '), day.split_once(' ')) {
            (Some((date, time)), Some((same, _))) if date == same => time.to_owned(),
            _ => moment,
        }
    }
}

#[cfg(test)]
impl Screen {
    pub(crate) fn unlimited(offset: UtcOffset) -> Self {
        Self { offset, width: None }
    }

    pub(crate) fn of_width(width: u16) -> Self {
        Self {
            offset: UtcOffset::UTC,
            width: Some(width),
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::offset;

    use super::Screen;

    #[test]
    fn the_date_stands_where_it_is_another() {
        let screen = Screen::unlimited(offset!(+8));
        let noon = 1_763_697_600_000;
        assert_eq!(screen.time_on(noon + 1, noon), "12:00:00.001");
        assert_eq!(screen.time_on(noon + 43_200_000, noon), "2025-11-22 00:00:00.000");
        assert_eq!(screen.time_on(0, noon), "-");
    }
}
