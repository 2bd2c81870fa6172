//! Tables for people.

use comfy_table::{Cell, ColumnConstraint, ContentArrangement, Table, presets};

use crate::screen::Screen;

/// How far the last column is set in where it stands below its row.
const INDENT: usize = 4;

/// Rows under a heading; what comes from outside stands in one line, without control characters. Where the screen is too
/// narrow the last column is wrapped between words; where its words are too long it stands below its row; where not even
/// the other columns fit each row is a list.
pub(crate) fn table<R>(screen: Screen, heading: &[&str], rows: impl IntoIterator<Item = R>) -> String
where
    R: IntoIterator<Item = String>,
{
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|row| row.into_iter().map(|text| plain(&text)).collect())
        .collect();
    let table = bordered(heading, &rows);
    let Some(width) = screen.width() else {
        return table.to_string();
    };
    let widths = table.column_max_content_widths();
    let borders = 3 * widths.len() + 1;
    let total = borders + widths.iter().copied().map(usize::from).sum::<usize>();
    let width = usize::from(width);
    if total <= width {
        return table.to_string();
    }
    let others = total - usize::from(widths.last().copied().unwrap_or(0));
    if others + longest_word(heading, &rows) <= width {
        return wrapped(table, width).to_string();
    }
    // Without the borders the other columns need less.
    if others - borders + 2 * widths.len() <= width {
        return last_below(heading, &rows, width);
    }
    lists(heading, &rows, width)
}

fn bordered(heading: &[&str], rows: &[Vec<String>]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(heading.iter().map(Cell::new));
    for row in rows {
        table.add_row(row);
    }
    table
}

/// The columns but the last keep their width where they can.
fn wrapped(mut table: Table, width: usize) -> Table {
    let widths = table.column_max_content_widths();
    let others: usize = widths.iter().rev().skip(1).copied().map(usize::from).sum();
    table
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width).unwrap_or(u16::MAX));
    if others + 3 * widths.len() < width {
        for column in 0..widths.len().saturating_sub(1) {
            if let Some(column) = table.column_mut(column) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
    }
    table
}

/// In the last column.
fn longest_word(heading: &[&str], rows: &[Vec<String>]) -> usize {
    let last = rows.iter().filter_map(|row| row.last().map(String::as_str));
    last.chain(heading.last().copied())
        .flat_map(str::split_whitespace)
        .map(|word| word.chars().count())
        .max()
        .unwrap_or(0)
}

/// Without borders; the last column set in below its row.
fn last_below(heading: &[&str], rows: &[Vec<String>], width: usize) -> String {
    let mut others = Table::new();
    others
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    let but_last = |count: usize| count.saturating_sub(1);
    others.set_header(&heading[..but_last(heading.len())]);
    for row in rows {
        others.add_row(&row[..but_last(row.len())]);
    }
    let mut lines = Vec::new();
    // Each row is one line: nothing in it holds a line break.
    let below = std::iter::once(None).chain(rows.iter().map(|row| row.last()));
    for (line, below) in others.to_string().lines().zip(below) {
        lines.push(line.trim().to_owned());
        let text = below.map(String::as_str).unwrap_or_default();
        lines.extend(
            lines_of(text, width - INDENT)
                .into_iter()
                .map(|line| format!("{:INDENT$}{line}", "")),
        );
    }
    lines.join("\n")
}

/// Each row as names with their values below each other, without the empty ones; an empty line between rows.
fn lists(heading: &[&str], rows: &[Vec<String>], width: usize) -> String {
    let name_width = heading.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let value_width = width.saturating_sub(name_width + 2).max(1);
    let list = |row: &Vec<String>| {
        let mut lines = Vec::new();
        for (name, value) in heading.iter().zip(row) {
            let mut name = *name;
            for line in lines_of(value, value_width) {
                for piece in pieces(&line, value_width) {
                    lines.push(format!("{name:name_width$}  {piece}"));
                    name = "";
                }
            }
        }
        lines.join("\n")
    };
    rows.iter().map(list).collect::<Vec<_>>().join("\n\n")
}

/// A line cut between letters where it is too wide; Chinese characters and what stands with them are two columns wide.
fn pieces(line: &str, width: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut used = 0;
    for letter in line.chars() {
        let wide = if letter >= '\u{1100}' { 2 } else { 1 };
        if used > 0 && used + wide > width {
            pieces.push(String::new());
            used = 0;
        }
        used += wide;
        if let Some(piece) = pieces.last_mut() {
            piece.push(letter);
        }
    }
    pieces
}

/// Words put into lines; a word that is longer than a line has one for itself.
fn lines_of(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// As [`table`], without the columns that are empty in every row.
pub(crate) fn slim_table<const N: usize>(
    screen: Screen,
    heading: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let rows: Vec<_> = rows.into_iter().collect();
    let used: Vec<_> = (0..N)
        .filter(|nth| rows.iter().any(|row| !row[*nth].is_empty()))
        .collect();
    let heading: Vec<_> = used.iter().map(|nth| heading[*nth]).collect();
    let rows = rows
        .iter()
        .map(|row| used.iter().map(|nth| row[*nth].clone()).collect::<Vec<_>>());
    table(screen, &heading, rows)
}

/// Names with their values, below each other; without those that have none.
pub(crate) fn list<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let pairs: Vec<_> = pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines: Vec<_> = pairs
        .into_iter()
        .map(|(name, value)| format!("{name:width$}  {}", plain(&value)))
        .collect();
    lines.join("\n")
}

/// A terminal obeys control characters, and not all text here is ours.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use time::UtcOffset;

    use super::{list, slim_table, table};
    use crate::screen::Screen;

    fn unlimited() -> Screen {
        Screen::unlimited(UtcOffset::UTC)
    }

    fn widest(text: &str) -> usize {
        // The texts of these tests hold Chinese characters, two columns each, and others of one.
        let width = |c: char| {
            if ('\u{4e00}'..='\u{9fff}').contains(&c) {
                2
            } else {
                1
            }
        };
        text.lines()
            .map(|line| line.chars().map(width).sum())
            .max()
            .unwrap_or(0)
    }

    #[test]
    fn a_narrow_screen_wraps_the_last_column_alone() {
        let rows = || [["2026-11-22 06:03:46", "slot 0, sequence 569346829, attempt 1"].map(str::to_owned)];
        let wide = table(unlimited(), &["time", "detail"], rows());
        assert_eq!(widest(&wide), 63);
        let narrow = table(Screen::of_width(50), &["time", "detail"], rows());
        assert!(widest(&narrow) <= 50, "{narrow}");
        assert!(narrow.contains("2026-11-22 06:03:46"), "{narrow}");
        assert_eq!(narrow.lines().count(), 6, "{narrow}");
    }

    #[test]
    fn a_last_column_of_long_words_stands_below_its_row() {
        let rows = || {
            [[
                "06:03:46",
                "SUBMITTED",
                "carrier's id bb18448186a10000bb18448186a10000",
            ]
            .map(str::to_owned)]
        };
        let narrow = table(Screen::of_width(50), &["time", "event", "detail"], rows());
        let expected = "\
time      event
06:03:46  SUBMITTED
    carrier's id bb18448186a10000bb18448186a10000";
        assert_eq!(narrow, expected);
        // What fits nowhere is cut between letters, and still all there.
        let tiny = table(Screen::of_width(20), &["time", "event", "detail"], rows());
        let expected = "\
time    06:03:46
event   SUBMITTED
detail  carrier's id
        bb18448186a1
        0000bb184481
        86a10000";
        assert_eq!(tiny, expected);
    }

    #[test]
    fn where_not_even_the_first_columns_fit_each_row_is_a_list() {
        let rows = [
            ["xinghe-life", "星河人寿保险", "3"].map(str::to_owned),
            ["all", "", "4"].map(str::to_owned),
        ];
        let text = table(Screen::of_width(16), &["tenant", "name", "accepted"], rows);
        let expected = "\
tenant    xinghe
          -life
name      星河人
          寿保险
accepted  3

tenant    all
accepted  4";
        assert_eq!(text, expected);
        assert!(widest(&text) <= 16, "{text}");
    }

    #[test]
    fn chinese_characters_are_two_columns_wide() {
        let text = table(
            unlimited(),
            &["a", "b"],
            [["星河人寿", "1"], ["ab", "2"]].map(|row| row.map(str::to_owned)),
        );
        let widths: Vec<_> = text.lines().map(widest).collect();
        assert!(widths.iter().all(|width| *width == widths[0]), "{text}");
    }

    #[test]
    fn empty_columns_are_left_out() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned);
        let slim = slim_table(
            unlimited(),
            ["a", "b", "c"],
            [row(["1", "", ""]), row(["", "", "2"])],
        );
        assert_eq!(
            slim,
            table(
                unlimited(),
                &["a", "c"],
                [["1".to_owned(), String::new()], [String::new(), "2".to_owned()]]
            )
        );
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let text = table(unlimited(), &["a"], [["x\u{1b}[2Jy\nz".to_owned()]]);
        assert!(text.contains("x [2Jy z") && !text.contains('\u{1b}'));
        assert_eq!(list([("n", "a\rb".to_owned())]), "n  a b");
    }

    #[test]
    fn lists_are_aligned_and_leave_out_what_is_empty() {
        let text = list([
            ("a", "1".to_owned()),
            ("none", String::new()),
            ("long", "2".to_owned()),
        ]);
        assert_eq!(text, "a     1\nlong  2");
    }
}
