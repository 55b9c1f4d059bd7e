//! The report of `verify` as a web page: one file, no scripts, nothing fetched, everything escaped.

use std::fmt::{Display, Write as _};
use std::path::Path;

use crate::audit::{AuditReport, PossessionShown};
use crate::crypto::sha256;
use crate::text::Printable;
use crate::x509::{Certificate, Time};

use super::{count, facts};

/// What a page says beside the report itself.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The batch directory.
    pub batch: &'a Path,
    /// The trust anchors that were used, by what they are for.
    pub anchors: &'a [(&'a str, &'a [Certificate])],
    /// What was not checked, in words.
    pub unchecked: &'a [String],
    /// Name of the program.
    pub program: &'a str,
    /// The instant of the audit.
    pub now: Time,
}

/// Returns the whole page.
pub fn page(report: &AuditReport, beside: &Page<'_>) -> String {
    let Page { batch, anchors, unchecked, program, now } = *beside;
    let verdict = if report.holds() { "The batch holds" } else { "The batch does not hold" };
    let class = if report.holds() { "good" } else { "bad" };
    let title = format!("{verdict}: {}", Printable::new(batch));
    let mut page = Html(String::with_capacity(32 * 1024));
    page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    // nothing may run or be fetched, whatever a name in a certificate says
    page.raw(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
    );
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.element("title", &title);
    page.raw(STYLE);
    page.raw("</head>\n<body>\n");
    let _ = writeln!(page.0, "<header class=\"{class}\">\n<h1>{verdict}</h1>");
    page.element(
        "p",
        &format!("{} \u{2014} checked {now} by {program} {}", Printable::new(batch), env!("CARGO_PKG_VERSION")),
    );
    page.raw("</header>\n");
    numbers(&mut page, report);
    faults(&mut page, report);
    page.list("Worth a look", &report.warnings);
    page.table("Summary", facts(report).into_iter().map(|(name, value)| (name.to_owned(), value)));
    page.list("What was checked and holds", &report.checks);
    page.list("What was not checked", unchecked);
    if let Some(list) = &report.list {
        let mut missing: Vec<String> = list.missing.iter().take(MAX_MISSING).map(ToString::to_string).collect();
        if list.missing.len() > missing.len() {
            missing.push(format!("... and {} more", count((list.missing.len() - missing.len()) as u64)));
        }
        page.list("Expected chips that are missing", &missing);
    }
    page.list("What this does not show", &not_shown(report));
    charts(&mut page, report);
    used(&mut page, anchors);
    digests(&mut page, report);
    page.raw("</body>\n</html>\n");
    page.0
}

/// Chips that a page lists one by one.
const MAX_MISSING: usize = 1_000;

/// What somebody looks for first.
fn numbers(page: &mut Html, report: &AuditReport) {
    page.raw("<dl class=\"numbers\">\n");
    page.number("certificates", "certificates checked", report.certificates);
    if report.statement.is_some() {
        page.number("rejected", "items rejected", report.rejected);
        page.number("ignored", "items ignored", report.ignored);
        page.number("word", "findings on the signer\u{2019}s word", report.word.values().sum());
    }
    page.number("warnings", "warnings", report.warnings.len() as u64);
    page.number("faults", "faults", report.faults.len() as u64 + report.more_faults);
    page.raw("</dl>\n");
}

/// Said on the page itself, because the page is what is kept.
fn not_shown(report: &AuditReport) -> Vec<String> {
    let mut list = vec![
        "that the issuing key signed nothing else: what is signed outside of the ledger nobody can detect".to_owned(),
        "that the chips were on a certain reel: the archive and the list of expected chips say that".to_owned(),
    ];
    if report.timestamp.is_none() {
        list.push("when the batch was sealed: that is the signer's word, and there is no time-stamp".to_owned());
    } else {
        list.push("that the batch was not sealed before its time-stamp: a time-stamp shows the latest time".to_owned());
    }
    if report.possession != PossessionShown::Complete {
        list.push(
            "that every chip was asked for its key: the manufacturer's certificate stands in for that".to_owned(),
        );
    }
    list.push(match &report.history {
        None => "that no chip got a certificate in another batch: the other batches were not looked at".to_owned(),
        Some(_) => {
            "that no batch follows the last one of the history, unless its head was kept elsewhere; that reasons for \
                    certificates issued again are good ones; that chips have one certificate over all policy names"
                .to_owned()
        }
    });
    list
}

fn faults(page: &mut Html, report: &AuditReport) {
    if report.faults.is_empty() {
        return;
    }
    page.head("What does not hold", FAULTS);
    for fault in &report.faults {
        page.row(&FAULTS, [fault.code.as_str(), &fault.place, &fault.message]);
    }
    page.raw("</table>\n");
    if report.more_faults > 0 {
        page.element("p", &format!("and {} more", count(report.more_faults)));
    }
}

fn charts(page: &mut Html, report: &AuditReport) {
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
fn used(page: &mut Html, anchors: &[(&str, &[Certificate])]) {
    page.head("Trust anchors used", ANCHORS);
    for (kind, list) in anchors {
        for anchor in *list {
            page.row(&ANCHORS, [kind, &anchor.subject().to_string(), &sha256(anchor.der()).to_string()]);
        }
    }
    page.raw("</table>\n");
}

fn digests(page: &mut Html, report: &AuditReport) {
    let Some(statement) = &report.statement else { return };
    page.head("Digests", DIGESTS);
    if let Some(digest) = report.statement_sha256 {
        page.row(&DIGESTS, ["manifest.json", &digest.to_string()]);
    }
    for (name, digest) in statement.digests() {
        page.row(&DIGESTS, [name, &digest.to_string()]);
    }
    page.row(&DIGESTS, ["Merkle root of the lines", &statement.entries.root_hash.to_string()]);
    page.raw("</table>\n");
}

struct Html(String);

impl Html {
    fn raw(&mut self, html: &str) {
        self.0.push_str(html);
    }

    fn element(&mut self, tag: &str, text: &str) {
        let _ = writeln!(self.0, "<{tag}>{}</{tag}>", escape(text));
    }

    fn number(&mut self, id: &str, what: &str, number: u64) {
        let _ = writeln!(self.0, "<div><dt>{what}</dt><dd id=\"{id}\">{}</dd></div>", count(number));
    }

    fn head<const N: usize>(&mut self, title: &str, columns: [&str; N]) {
        self.element("h2", title);
        self.raw("<table class=\"columns\">\n<tr>");
        for column in columns {
            let _ = write!(self.0, "<th scope=\"col\">{column}</th>");
        }
        self.raw("</tr>\n");
    }

    /// Each cell knows its column's name: a narrow page shows one below the other.
    fn row<const N: usize>(&mut self, columns: &[&str; N], cells: [&str; N]) {
        self.raw("<tr>");
        for (column, cell) in columns.iter().zip(cells) {
            let _ = write!(self.0, "<td data-column=\"{column}\">{}</td>", escape(cell));
        }
        self.raw("</tr>\n");
    }

    fn table(&mut self, title: &str, rows: impl Iterator<Item = (String, String)>) {
        self.element("h2", title);
        self.raw("<table>\n");
        for (name, value) in rows {
            let _ = writeln!(self.0, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escape(&name), escape(&value));
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
        for (position, (name, bars)) in shown.iter().enumerate() {
            let (top, text) = (position * 22 + 4, position * 22 + 18);
            // tenths of a pixel are fine enough
            let tenths = u128::from(*bars) * 2200 / u128::from(largest);
            let _ = writeln!(
                self.0,
                "<text x=\"112\" y=\"{text}\" text-anchor=\"end\">{}</text><rect x=\"120\" y=\"{top}\" width=\"{}.{}\" height=\"18\"/><text x=\"{}\" y=\"{text}\">{}</text>",
                escape(name),
                tenths / 10,
                tenths % 10,
                126 + tenths / 10,
                count(*bars),
            );
        }
        self.raw("</svg>");
        if all.len() > shown.len() {
            self.element("p", &format!("and {} more", all.len() - shown.len()));
        }
        self.raw("</figure>\n");
    }
}

/// Text as HTML: printable, and what means something to a browser as a reference.
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

const FAULTS: [&str; 3] = ["code", "place", "what"];
const ANCHORS: [&str; 3] = ["for", "subject", "SHA-256 of the certificate"];
const DIGESTS: [&str; 2] = ["file", "SHA-256"];

const STYLE: &str = "<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; background: #fff }
h1, header p { margin: 0 } h2 { font-size: 1.25rem; margin: 2rem 0 .5rem }
header { border-left: .5rem solid; padding: .25rem 0 .25rem .8rem; overflow-wrap: anywhere } .good { border-color: #176f2c } .bad { border-color: #b3121f } .bad h1 { color: #b3121f }
.numbers { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.5rem 0 } .numbers div { flex: 1 1 9rem; display: flex; flex-direction: column-reverse; border: 1px solid #ccc; border-radius: .3rem; padding: .5rem .8rem }
.numbers dt { color: #444; font-size: .875rem } .numbers dd { margin: 0; font-size: 1.6rem; font-weight: 600; font-variant-numeric: tabular-nums }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd }
th { font-weight: 600 } th[scope=row] { white-space: nowrap; width: 8rem } td { font-family: ui-monospace, monospace; font-size: .8125rem; line-height: 1.6; overflow-wrap: anywhere }
.columns td { font-size: .75rem } .columns td:first-child { white-space: nowrap } .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.5rem } figure { margin: 0 } figcaption { font-weight: 600 }
svg { max-width: 100%; height: auto } svg text { font: 12px system-ui, sans-serif } rect { fill: #2f5d8a }
@media screen and (max-width: 52rem) { .columns, .columns tbody, .columns tr, .columns td { display: block } .columns th { display: none } .columns tr { border-bottom: 1px solid #ddd; padding: .5rem 0 } .columns td, .columns td:first-child { border: 0; padding: 0; white-space: normal } .columns td::before { content: attr(data-column); display: block; font: .8125rem system-ui, sans-serif; color: #555 } }
@media (max-width: 30rem) { body { margin: 1rem auto } th[scope=row] { width: 6rem } ul { padding-left: 1.25rem } }
@media print { body { margin: 0; max-width: none; font-size: 11pt } h2 { break-after: avoid } figure, tr, .numbers { break-inside: avoid } rect { print-color-adjust: exact } }
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
