//! The report of `verify` as a web page: one file, no scripts, nothing fetched, everything escaped.

use std::fmt::{Display, Write as _};
use std::path::Path;

use reroot::audit::AuditReport;
use reroot::crypto::sha256;
use reroot::x509::{Certificate, Time};

use super::render;

/// The whole page.
pub(crate) fn page(
    report: &AuditReport,
    batch: &Path,
    anchors: &[(&str, &Vec<Certificate>)],
    facts: &[(&'static str, String)],
    now: Time,
) -> String {
    let verdict = if report.holds() { "The batch holds" } else { "The batch does not hold" };
    let class = if report.holds() { "good" } else { "bad" };
    let title = format!("{verdict}: {}", batch.display());
    let mut page = Page(String::with_capacity(32 * 1024));
    page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    // nothing may run or be fetched, whatever a name in a certificate says
    page.raw(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
    );
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.element("title", &title);
    page.raw(STYLE);
    page.raw("</head>\n<body>\n");
    let _ = writeln!(page.0, "<h1 class=\"{class}\">{verdict}</h1>");
    page.element("p", &format!("{} \u{2014} checked {now} by reroot {}", batch.display(), env!("CARGO_PKG_VERSION")));
    page.table("Summary", facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    page.list("What was checked and holds", &report.checks);
    page.list("Worth a look", &report.warnings);
    faults(&mut page, report);
    charts(&mut page, report);
    used(&mut page, anchors);
    digests(&mut page, report);
    page.raw("</body>\n</html>\n");
    page.0
}

fn faults(page: &mut Page, report: &AuditReport) {
    if report.faults.is_empty() {
        return;
    }
    page.raw("<h2>What does not hold</h2>\n<table>\n<tr><th>code</th><th>place</th><th>what</th></tr>\n");
    for fault in &report.faults {
        page.row(&[fault.code.as_str(), &fault.place, &fault.message]);
    }
    page.raw("</table>\n");
    if report.more_faults > 0 {
        page.element("p", &format!("and {} more", render::count(report.more_faults)));
    }
}

fn charts(page: &mut Page, report: &AuditReport) {
    if report.certificates == 0 {
        return;
    }
    let tally = &report.tally;
    page.raw("<h2>What is in it</h2>\n<div class=\"charts\">\n");
    page.chart("Certificates by end of validity", tally.ends.iter());
    page.chart("Certificates by beginning of validity", tally.begins.iter());
    page.chart("Certificates by kind of key", tally.keys.iter());
    page.chart("Leaves by the year of their making", tally.made.iter());
    let lengths = tally.lengths.iter().map(|(from, count)| (format!("{from}\u{2013}{}", from + 15), count));
    page.chart(
        "Certificates by length in octets",
        lengths.collect::<Vec<_>>().iter().map(|(name, count)| (name, *count)),
    );
    if let Some(statement) = &report.statement {
        let counts = &statement.counts;
        let items = [("issued", &counts.issued), ("rejected", &counts.rejected), ("ignored", &counts.ignored)];
        page.chart("Items of the inputs", items.iter().map(|(name, count)| (name, *count)));
    }
    page.raw("</div>\n");
}

/// The anchors are what everything rests on: whoever reads the page compares these digests with their own.
fn used(page: &mut Page, anchors: &[(&str, &Vec<Certificate>)]) {
    page.raw("<h2>Trust anchors used</h2>\n<table>\n<tr><th>for</th><th>subject</th><th>SHA-256 of the certificate</th></tr>\n");
    for (kind, list) in anchors {
        for anchor in *list {
            page.row(&[kind, &anchor.subject().to_string(), &sha256(anchor.der()).to_string()]);
        }
    }
    page.raw("</table>\n");
}

fn digests(page: &mut Page, report: &AuditReport) {
    let Some(statement) = &report.statement else { return };
    page.raw("<h2>Digests</h2>\n<table>\n<tr><th>file</th><th>SHA-256</th></tr>\n");
    if let Some(digest) = report.statement_sha256 {
        page.row(&["manifest.json", &digest.to_string()]);
    }
    for (name, digest) in statement.digests() {
        page.row(&[name, &digest.to_string()]);
    }
    page.row(&["Merkle root of the lines", &statement.entries.root_hash.to_string()]);
    page.raw("</table>\n");
}

struct Page(String);

impl Page {
    fn raw(&mut self, html: &str) {
        self.0.push_str(html);
    }

    fn element(&mut self, tag: &str, text: &str) {
        let _ = writeln!(self.0, "<{tag}>{}</{tag}>", escape(text));
    }

    fn row(&mut self, cells: &[&str]) {
        self.raw("<tr>");
        for cell in cells {
            let _ = write!(self.0, "<td>{}</td>", escape(cell));
        }
        self.raw("</tr>\n");
    }

    fn table(&mut self, title: &str, rows: impl Iterator<Item = (String, String)>) {
        self.element("h2", title);
        self.raw("<table>\n");
        for (name, value) in rows {
            let _ = writeln!(self.0, "<tr><th>{}</th><td>{}</td></tr>", escape(&name), escape(&value));
        }
        self.raw("</table>\n");
    }

    fn list(&mut self, title: &str, items: &[String]) {
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

    /// Bars from left to right; the numbers stand beside them, so that nothing rests on the drawing.
    fn chart<'a, N: Display + 'a>(&mut self, title: &str, bars: impl Iterator<Item = (N, &'a u64)>) {
        let all: Vec<(String, u64)> = bars.map(|(name, count)| (name.to_string(), *count)).collect();
        let largest = all.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
        let shown = &all[..all.len().min(MAX_BARS)];
        let height = shown.len() * 22 + 8;
        let _ = writeln!(
            self.0,
            "<figure><figcaption>{0}</figcaption>\n<svg role=\"img\" aria-label=\"{0}\" viewBox=\"0 0 420 {height}\" width=\"420\" height=\"{height}\">",
            escape(title)
        );
        for (position, (name, count)) in shown.iter().enumerate() {
            let (top, text) = (position * 22 + 4, position * 22 + 18);
            // tenths of a pixel are fine enough
            let tenths = u128::from(*count) * 2200 / u128::from(largest);
            let _ = writeln!(
                self.0,
                "<text x=\"112\" y=\"{text}\" text-anchor=\"end\">{}</text><rect x=\"120\" y=\"{top}\" width=\"{}.{}\" height=\"18\"/><text x=\"{}\" y=\"{text}\">{}</text>",
                escape(name),
                tenths / 10,
                tenths % 10,
                126 + tenths / 10,
                render::count(*count),
            );
        }
        self.raw("</svg>");
        if all.len() > shown.len() {
            self.element("p", &format!("and {} more", all.len() - shown.len()));
        }
        self.raw("</figure>\n");
    }
}

/// Text as HTML: printable ASCII, what means something to a browser as a reference, everything else too.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            ' '..='~' | '\u{2014}' | '\u{2013}' => out.push(character),
            _ => out.extend(character.escape_unicode()),
        }
    }
    out
}

const MAX_BARS: usize = 40;

const STYLE: &str = "<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; background: #fff }
h1 { border-left: .4rem solid; padding-left: .8rem } h1.good { border-color: #176f2c } h1.bad { border-color: #b3121f; color: #b3121f }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid #ddd; overflow-wrap: anywhere }
th { font-weight: 600; white-space: nowrap } td { font-family: ui-monospace, monospace; font-size: .85rem }
td:first-child { overflow-wrap: normal } .charts { display: flex; flex-wrap: wrap; gap: 1rem } figure { margin: 0 } figcaption { font-weight: 600 } svg { max-width: 100%; height: auto } svg text { font: 12px system-ui, sans-serif } rect { fill: #2f5d8a }
@media print { body { margin: 0; max-width: none } h2 { break-after: avoid } figure, tr { break-inside: avoid } }
</style>
";

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
