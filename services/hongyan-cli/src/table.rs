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
    use super::{list, table};

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
