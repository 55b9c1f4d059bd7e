//! The one way into the page's text: everything that is not written here is made printable and escaped.

use std::fmt::{Display, Write as _};

use crate::report::count;
use crate::text::Printable;

/// A page that grows.
pub(super) struct Html(pub(super) String);

impl Html {
    /// Adds what this program itself has written as HTML.
    pub(super) fn raw(&mut self, html: &'static str) {
        self.0.push_str(html);
    }

    pub(super) fn element(&mut self, tag: &'static str, text: &str) {
        let _ = writeln!(self.0, "<{tag}>{}</{tag}>", escape(text));
    }

    pub(super) fn number(&mut self, id: &'static str, what: &'static str, number: u64) {
        let _ = writeln!(self.0, "<div><dt>{what}</dt><dd id=\"{id}\">{}</dd></div>", count(number));
    }

    /// Begins a table under a heading; `</table>` ends it.
    pub(super) fn head<const N: usize>(&mut self, title: &str, columns: &[&'static str; N]) {
        self.element("h2", title);
        self.raw("<table class=\"columns\">\n<tr>");
        for column in columns {
            let _ = write!(self.0, "<th scope=\"col\">{column}</th>");
        }
        self.raw("</tr>\n");
    }

    /// Each cell knows its column's name: a narrow page shows one below the other.
    pub(super) fn row<const N: usize>(&mut self, columns: &[&'static str; N], cells: [&str; N]) {
        self.row_of_lines(columns, cells.map(|cell| vec![cell.to_owned()]));
    }

    /// As [`row`](Self::row), with cells of several lines.
    pub(super) fn row_of_lines<const N: usize>(&mut self, columns: &[&'static str; N], cells: [Vec<String>; N]) {
        self.raw("<tr>");
        for (column, lines) in columns.iter().zip(cells) {
            let lines: Vec<String> = lines.iter().map(|line| escape(line)).collect();
            let _ = write!(self.0, "<td data-column=\"{column}\">{}</td>", lines.join("<br>"));
        }
        self.raw("</tr>\n");
    }

    pub(super) fn table(&mut self, title: &str, rows: impl IntoIterator<Item = (String, String)>) {
        self.element("h2", title);
        self.raw("<table>\n");
        for (name, value) in rows {
            let _ = writeln!(self.0, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escape(&name), escape(&value));
        }
        self.raw("</table>\n");
    }

    pub(super) fn list(&mut self, title: &str, items: &[String]) {
        if items.is_empty() {
            return;
        }
        self.element("h2", title);
        self.raw("<ul>\n");
        for item in items {
            self.element("li", item);
        }
        self.raw("</ul>\n");
    }

    /// Text as its author wrote it, with a number for each line.
    pub(super) fn text(&mut self, title: &str, text: &str) {
        self.element("h2", title);
        self.raw("<ol class=\"text\">\n");
        for line in text.lines() {
            self.element("li", &line.replace('\t', "    "));
        }
        self.raw("</ol>\n");
    }

    /// Bars from left to right, each with its number beside it: a reader who cannot see the bars loses nothing.
    pub(super) fn chart<N: Display>(&mut self, title: &str, bars: &[(N, u64)]) {
        let largest = bars.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
        let shown = &bars[..bars.len().min(MAX_BARS)];
        let height = shown.len() * 22 + 8;
        let _ = writeln!(
            self.0,
            "<figure><figcaption>{0}</figcaption>\n<svg role=\"img\" aria-label=\"{0}\" viewBox=\"0 0 420 {height}\" \
             width=\"420\" height=\"{height}\">",
            escape(title)
        );
        for (position, (name, number)) in shown.iter().enumerate() {
            let (top, text) = (position * 22 + 4, position * 22 + 18);
            // tenths of a pixel are fine enough
            let tenths = u128::from(*number) * 2200 / u128::from(largest);
            let _ = writeln!(
                self.0,
                "<text x=\"112\" y=\"{text}\" text-anchor=\"end\">{}</text><rect x=\"120\" y=\"{top}\" width=\"{}.{}\" \
                 height=\"18\"/><text x=\"{}\" y=\"{text}\">{}</text>",
                escape(&name.to_string()),
                tenths / 10,
                tenths % 10,
                126 + tenths / 10,
                count(*number),
            );
        }
        self.raw("</svg>");
        if bars.len() > shown.len() {
            self.element("p", &format!("and {} more", bars.len() - shown.len()));
        }
        self.raw("</figure>\n");
    }
}

/// Text as HTML: printable, and characters that mean something to a browser as references.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in Printable::new(text).to_string().chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
    out
}

const MAX_BARS: usize = 40;

/// Light and dark as the reader's system says; paper is always light.
pub(super) const STYLE: &str = concat!("<style>\n", include_str!("style.css"), "</style>\n");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_browser_would_run_gets_through() {
        assert_eq!(
            escape("<script>alert('1')</script> & \"x\""),
            "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot;"
        );
        assert_eq!(escape("a\u{202e}b\n"), "a\\u{202e}b\\u{a}");
    }
}
