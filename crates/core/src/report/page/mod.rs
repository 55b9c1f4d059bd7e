//! The report of `verify` as a web page: one file, no scripts, nothing fetched, everything escaped (page/html).

mod html;

use std::fmt::Display;
use std::path::Path;

use crate::audit::{AuditReport, BatchDetails, Example, ListShown, PossessionShown};
use crate::crypto::sha256;
use crate::manifest::Statement;
use crate::preview::Decided;
use crate::text::Printable;
use crate::x509::{Certificate, Time};

use super::{count, facts};
use html::{Html, STYLE};

/// What a page says beside the report itself.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The batch directory.
    pub batch: &'a Path,
    /// What there is to see in it.
    pub details: &'a BatchDetails,
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
    let Page { batch, details, anchors, unchecked, program, now } = *beside;
    let (verdict, header) = if report.holds() {
        ("Batch OK", "<header class=\"good\">\n")
    } else {
        ("Batch verification FAILED", "<header class=\"bad\">\n")
    };
    let mut page = Html(String::with_capacity(64 * 1024));
    page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    // the browser must run and fetch nothing, even if a name in a certificate contains markup
    page.raw(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
    );
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.element("title", &format!("{verdict}: {}", Printable::new(batch)));
    page.raw(STYLE);
    page.raw("</head>\n<body>\n");
    page.raw(header);
    page.element("h1", verdict);
    page.element(
        "p",
        &format!("{} \u{2014} checked {now} by {program} {}", Printable::new(batch), env!("CARGO_PKG_VERSION")),
    );
    page.raw("</header>\n");
    numbers(&mut page, report);
    faults(&mut page, report);
    page.list("Warnings", &report.warnings);
    page.table("Summary", facts(report).into_iter().map(|(name, value)| (name.to_owned(), value)));
    page.list("Checked", &report.checks);
    page.list("Not checked", unchecked);
    page.list("What this report does not show", &not_shown(report));
    left_out(&mut page, report, details);
    expected(&mut page, report, details);
    contents(&mut page, report);
    issuer(&mut page, details);
    if let Some(example) = &details.example {
        fields(&mut page, example);
    }
    if let Some(policy) = &details.policy {
        page.text("Policy", policy);
    }
    used(&mut page, anchors);
    digests(&mut page, report, details);
    page.raw("</body>\n</html>\n");
    page.0
}

/// Chips that a page lists one by one.
const MAX_MISSING: usize = 1_000;

/// What a reader looks for first.
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
        "that the issuing key signed nothing else: no check can find a certificate that was signed outside of the ledger"
            .to_owned(),
        "that the chips were on a certain reel: the archive and the list of expected chips show that".to_owned(),
    ];
    if report.timestamp.is_none() {
        list.push("when the batch was sealed: the signer says it, and there is no time-stamp".to_owned());
    } else {
        list.push("that the batch was not sealed before its time-stamp: a time-stamp shows the latest time".to_owned());
    }
    if report.possession != PossessionShown::Complete {
        list.push(
            "that every chip holds its key: the manufacturer's certificate says it, the chip was not asked".to_owned(),
        );
    }
    list.push(match &report.history {
        None => "that no chip has a certificate in another batch: the other batches were not given".to_owned(),
        Some(_) => {
            "that the history has no later batch, unless its head was kept elsewhere; that the reasons for certificates \
             issued again are true; that a chip has one certificate over all policy names"
                .to_owned()
        }
    });
    list
}

fn faults(page: &mut Html, report: &AuditReport) {
    if report.faults.is_empty() {
        return;
    }
    page.head("Faults", &FAULTS);
    for fault in &report.faults {
        page.row(&FAULTS, [fault.code.as_str(), &fault.place, &fault.message]);
    }
    page.raw("</table>\n");
    if report.more_faults > 0 {
        page.element("p", &format!("and {} more", count(report.more_faults)));
    }
}

/// Which items were not issued, and why.
fn left_out(page: &mut Html, report: &AuditReport, details: &BatchDetails) {
    if details.left_out.is_empty() {
        return;
    }
    page.head("Why items were not issued", &REASONS);
    for ((disposition, code), items) in &details.reasons {
        page.row(&REASONS, [&count(*items), disposition, code.as_str(), code.hint().unwrap_or_default()]);
    }
    page.raw("</table>\n");
    page.head("Items that were not issued", &LEFT_OUT);
    for line in &details.left_out {
        let uid = line.uid().map(ToString::to_string).unwrap_or_default();
        let code = format!("{}: {}", line.disposition().as_str(), line.code());
        page.row(&LEFT_OUT, [line.item().as_str(), &uid, &code, line.reason()]);
    }
    page.raw("</table>\n");
    let more = (report.rejected + report.ignored).saturating_sub(details.left_out.len() as u64);
    if more > 0 {
        page.element("p", &format!("and {} more: all of them are in rejected.jsonl", count(more)));
    }
}

/// The list of expected chips: as the auditor's list shows it, or else as the batch says.
fn expected(page: &mut Html, report: &AuditReport, details: &BatchDetails) {
    let Some(statement) = &report.statement else { return };
    let stated = statement.expected.as_ref();
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String| rows.push((name.to_owned(), value));
    if let Some(stated) = stated {
        row("list", format!("{} chips, SHA-256 {}", count(stated.count), stated.sha256));
    }
    let (missing, total): (Vec<String>, u64) = match (&report.list, stated.and_then(|stated| stated.unmet.as_ref())) {
        (Some(ListShown { listed, missing, unlisted }), _) => {
            row("your list", format!("{} chips", count(*listed)));
            row("missing", count(missing.len() as u64));
            row("not on it", format!("{} certificates", count(*unlisted)));
            (missing.iter().map(ToString::to_string).collect(), missing.len() as u64)
        }
        (None, Some(unmet)) => {
            row("missing", format!("{} (the signer's word)", count(unmet.missing_count)));
            row("not on it", format!("{} items (the signer's word)", count(unmet.surplus)));
            (details.missing.iter().map(ToString::to_string).collect(), unmet.missing_count)
        }
        (None, None) => (vec![], 0),
    };
    if rows.is_empty() {
        return;
    }
    page.table("Expected chips", rows);
    let mut shown: Vec<String> = missing.into_iter().take(MAX_MISSING).collect();
    if total > shown.len() as u64 {
        shown.push(format!("... and {} more", count(total - shown.len() as u64)));
    }
    page.list("Expected chips that are missing", &shown);
}

/// What the certificates are: what all of them have in common as text, what differs as charts.
fn contents(page: &mut Html, report: &AuditReport) {
    if report.certificates == 0 {
        return;
    }
    let tally = &report.tally;
    let mut all = Vec::new();
    let mut charts = Vec::new();
    let mut show = |name: &str, title: &str, bars: Vec<(String, u64)>| match bars.as_slice() {
        [] => {}
        [(value, _)] => all.push((name.to_owned(), value.clone())),
        _ => charts.push((title.to_owned(), bars)),
    };
    show("key", "Certificates by kind of key", bars(&tally.keys));
    show("valid from", "Certificates by beginning of validity", bars(&tally.begins));
    show("valid until", "Certificates by end of validity", bars(&tally.ends));
    show("leaves made in", "Leaves by the year of their making", bars(&tally.made));
    let lengths = tally.lengths.iter().map(|(from, count)| (format!("{from}\u{2013}{}", from + 15), *count));
    show("bytes", "Certificates by length in bytes", lengths.collect());
    if let Some(Statement { counts, .. }) = &report.statement {
        let items = [("issued", counts.issued), ("rejected", counts.rejected), ("ignored", counts.ignored)];
        let items: Vec<(String, u64)> =
            items.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name.to_owned(), count)).collect();
        if items.len() > 1 {
            charts.push(("Items of the inputs".to_owned(), items));
        }
    }
    if !all.is_empty() {
        page.table("The same in all certificates", all);
    }
    if !charts.is_empty() {
        page.element("h2", "Charts");
        page.raw("<div class=\"charts\">\n");
        for (title, bars) in &charts {
            page.chart(title, bars);
        }
        page.raw("</div>\n");
    }
}

fn bars<'a, N: Display + 'a>(counts: impl IntoIterator<Item = (&'a N, &'a u64)>) -> Vec<(String, u64)> {
    counts.into_iter().map(|(name, count)| (name.to_string(), *count)).collect()
}

fn issuer(page: &mut Html, details: &BatchDetails) {
    let Some(issuer) = &details.issuer else { return };
    let validity = issuer.validity();
    let rows = [
        ("subject", issuer.subject().to_string()),
        ("issuer", issuer.issuer().to_string()),
        ("serial number", hex::encode_upper(issuer.serial().content())),
        ("valid", format!("{} to {}", validity.not_before(), validity.not_after())),
        ("key", format!("{}, SHA-256 {}", issuer.spki().algorithm(), sha256(issuer.spki().der()))),
        ("certificate", format!("SHA-256 {}", sha256(issuer.der()))),
    ];
    page.table("Issuing CA", rows.map(|(name, value)| (name.to_owned(), value)));
}

/// One certificate beside the lines of the policy that decide it.
fn fields(page: &mut Html, example: &Example) {
    page.head(&format!("Certificate of chip {}, field by field", example.uid), &FIELDS);
    for field in &example.fields {
        let critical = if field.critical { ", critical" } else { "" };
        let decided = match &field.decided {
            Decided::Elsewhere(what) => vec![(*what).to_owned()],
            Decided::Policy(line) => {
                let mut lines = line.text.clone();
                if let Some(first) = lines.first_mut() {
                    *first = format!("line {}: {first}", line.line);
                }
                lines
            }
        };
        page.row_of_lines(&FIELDS, [vec![format!("{}{critical}", field.name)], field.value.clone(), decided]);
    }
    page.raw("</table>\n");
    let sha256 = example.sha256;
    page.element("p", &format!("It is the first certificate of the batch. SHA-256 {sha256}"));
}

/// Everything rests on the anchors: the reader compares these digests with their own.
fn used(page: &mut Html, anchors: &[(&str, &[Certificate])]) {
    page.head("Trust anchors used", &ANCHORS);
    for (kind, list) in anchors {
        for anchor in *list {
            page.row(&ANCHORS, [kind, &anchor.subject().to_string(), &sha256(anchor.der()).to_string()]);
        }
    }
    page.raw("</table>\n");
}

/// The digests of the statement, and beside them those that differ.
fn digests(page: &mut Html, report: &AuditReport, details: &BatchDetails) {
    let Some(statement) = &report.statement else { return };
    page.head("Digests", &DIGESTS);
    if let Some(digest) = report.statement_sha256 {
        page.row(&DIGESTS, ["manifest.json", &digest.to_string()]);
    }
    for (name, digest) in statement.digests() {
        let found = details.different.iter().find(|(different, _)| different == name);
        let lines = match found {
            None => vec![digest.to_string()],
            Some((_, found)) => vec![format!("{digest} expected"), format!("{found} found")],
        };
        page.row_of_lines(&DIGESTS, [vec![name.to_owned()], lines]);
    }
    page.row(&DIGESTS, ["Merkle root of the lines", &statement.entries.root_hash.to_string()]);
    page.raw("</table>\n");
}

const FAULTS: [&str; 3] = ["code", "place", "what"];
const REASONS: [&str; 4] = ["items", "outcome", "reason", "what to do"];
const LEFT_OUT: [&str; 4] = ["item", "chip", "outcome", "found"];
const FIELDS: [&str; 3] = ["field", "value", "decided by"];
const ANCHORS: [&str; 3] = ["for", "subject", "SHA-256 of the certificate"];
const DIGESTS: [&str; 2] = ["file", "SHA-256"];
