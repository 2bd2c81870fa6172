//! Tables for people.

use comfy_table::{Cell, ContentArrangement, Table, presets};

/// Rows under a heading; what comes from outside stands in one line, without control characters.
pub(crate) fn table<R>(heading: &[&str], rows: impl IntoIterator<Item = R>) -> String
where
    R: IntoIterator<Item = String>,
{
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(heading.iter().map(Cell::new));
    for row in rows {
        table.add_row(row.into_iter().map(|text| plain(&text)));
    }
    table.to_string()
}

/// As [`table`], without the columns that are empty in every row.
pub(crate) fn slim_table<const N: usize>(
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
    table(&heading, rows)
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
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{list, slim_table, table};

    #[test]
    fn empty_columns_are_left_out() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned);
        let slim = slim_table(["a", "b", "c"], [row(["1", "", ""]), row(["", "", "2"])]);
        assert_eq!(
            slim,
            table(
                &["a", "c"],
                [["1".to_owned(), String::new()], [String::new(), "2".to_owned()]]
            )
        );
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let text = table(&["a"], [["x\u{1b}[2Jy\nz".to_owned()]]);
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
