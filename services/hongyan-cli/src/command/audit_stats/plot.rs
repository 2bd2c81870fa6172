//! Messages over time, drawn with characters.

use std::collections::BTreeMap;

use super::{Sum, grouped};
use crate::screen::Screen;

/// Lines of a plot, at most; of a longer time each is a day, and of more days the last ones are shown.
const MOST_LINES: usize = 48;
/// Cells of the longest bar.
const CELLS: u64 = 40;
const LEAST_CELLS: u64 = 10;
/// What a line holds beside its bar, about.
const BESIDE: u64 = 36;
/// `2026-11-22 06:00`, and the same without the hour.
const HOUR_CHARS: usize = 16;
const DAY_CHARS: usize = 10;

/// A bar for each hour that has messages, or for each day where these are too many: as long as many were accepted, and
/// drawn by what became of them.
pub(super) fn plot(hours: &BTreeMap<i64, Sum>, screen: Screen) -> String {
    let by_day = hours.len() > MOST_LINES;
    let chars = if by_day { DAY_CHARS } else { HOUR_CHARS };
    let mut lines: Vec<(String, Sum)> = Vec::new();
    for (hour, sum) in hours {
        let name: String = screen.time(*hour).chars().take(chars).collect();
        match lines.last_mut() {
            Some((last, so_far)) if *last == name => {
                so_far.accepted += sum.accepted;
                so_far.delivered += sum.delivered;
                so_far.undelivered += sum.undelivered;
                so_far.unknown += sum.unknown;
            }
            _ => lines.push((name, sum.clone())),
        }
    }
    let left_out = lines.len().saturating_sub(MOST_LINES);
    let lines = lines.split_off(left_out);
    let most = lines.iter().map(|(_, sum)| sum.accepted).max().unwrap_or(0);
    let width = screen.width().map_or(CELLS, |width| {
        u64::from(width).saturating_sub(BESIDE).clamp(LEAST_CELLS, CELLS)
    });
    let unit = if by_day { "day" } else { "hour" };
    let mut text = vec![format!("accepted by {unit}: █ delivered ▒ undelivered ░ unknown")];
    if left_out > 0 {
        text.push(format!("the {left_out} days before are left out"));
    }
    for (name, sum) in lines {
        text.push(format!(
            "{name}  {}  {}  {} %",
            bar(&sum, most, width),
            grouped(sum.accepted),
            sum.percent()
        ));
    }
    text.join("\n")
}

/// Its three pieces together are as long as the whole says; each is rounded at its end.
fn bar(sum: &Sum, most: u64, width: u64) -> String {
    let cells = |count: u64| {
        let cells = (u128::from(count) * u128::from(width) + u128::from(most / 2)) / u128::from(most.max(1));
        usize::try_from(cells).unwrap_or(0)
    };
    let ends = [
        cells(sum.delivered),
        cells(sum.delivered + sum.undelivered),
        cells(sum.delivered + sum.undelivered + sum.unknown),
    ];
    let pieces = [
        "█".repeat(ends[0]),
        "▒".repeat(ends[1] - ends[0]),
        "░".repeat(ends[2] - ends[1]),
    ];
    let width = usize::try_from(width).unwrap_or(0);
    format!("{:<width$}", pieces.concat())
}
