//! Tables for spreadsheets and scripts (RFC 4180, with LF).

use crate::text::no_formula;

/// Returns the table with these columns and rows.
///
/// A cell that a spreadsheet would take for a formula begins with an apostrophe: names of policies and folders are other
/// people's words.
pub fn table<'a>(columns: &[&str], rows: impl IntoIterator<Item = Vec<String>> + 'a) -> String {
    let mut text = columns.join(",") + "\n";
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| quoted(cell)).collect();
        text += &cells.join(",");
        text.push('\n');
    }
    text
}

fn quoted(cell: &str) -> String {
    let cell = no_formula(cell);
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be_and_none_is_a_formula() {
        let row = ["plain", "a,b", "say \"a\"", "two\nlines", "=1+1", ""].map(str::to_owned).to_vec();
        assert_eq!(table(&["a", "b"], [row]), "a,b\nplain,\"a,b\",\"say \"\"a\"\"\",\"two\nlines\",'=1+1,\n");
    }
}
