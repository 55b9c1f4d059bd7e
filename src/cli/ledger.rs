//! `reroot ledger verify | stats | head`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use reroot::crypto::sha256;
use reroot::error::Error;
use reroot::ledger::{Ledger, LedgerOverview, LedgerReport, LedgerStats, MAX_FINDINGS};
use reroot::pipeline::{Progress, Stage};
use reroot::text::Printable;
use reroot::x509::Sha256Digest;
use serde_json::{Value, json};

use super::args::{Format, LedgerCommand, WhichLedger};
use super::progress::Bars;
use super::{Exit, Fault, Printer, load, render};

pub(crate) fn run(command: &LedgerCommand, printer: Printer) -> Result<Exit, Fault> {
    match command {
        LedgerCommand::Head { ledger } => head(&Opened::open(ledger, printer)?, printer),
        LedgerCommand::Stats { ledger } => stats(&Opened::open(ledger, printer)?, printer),
        LedgerCommand::Verify { ledger, expect_head } => {
            let expected = expect_head.as_deref().map(load::head).transpose()?;
            verify(&Opened::open(ledger, printer)?, expected, printer)
        }
    }
}

struct Opened {
    path: PathBuf,
    ledger: Ledger,
    issuer: Sha256Digest,
}

impl Opened {
    fn open(which: &WhichLedger, printer: Printer) -> Result<Self, Fault> {
        let (path, ledger) = if let Some(path) = &which.ledger {
            (path.clone(), Ledger::open_to_read(path)?)
        } else {
            let config = load::config_or(&which.config, printer, "Name the ledger, or a configuration with --config.")?;
            let path = config.ledger_path().to_owned();
            let ledger = Ledger::open_to_read(&path)?;
            ledger.check_issuer(config.issuer_identity()?.spki())?;
            if let Some(file) = config.head_file() {
                ledger.compare_head_in(file)?;
            }
            (path, ledger)
        };
        let issuer = sha256(&ledger.issuer()?);
        Ok(Self { path, ledger, issuer })
    }

    fn text(&self) -> String {
        format!(
            "{:<12}{}\n{:<12}{} (SHA-256 of its key)\n",
            "ledger",
            Printable::new(&self.path),
            "issuer",
            self.issuer
        )
    }

    fn json(&self) -> Value {
        json!({ "ledger": render::path_json(&self.path), "issuer_spki_sha256": self.issuer.to_string() })
    }
}

fn head(opened: &Opened, printer: Printer) -> Result<Exit, Fault> {
    let head = opened.ledger.head()?;
    match printer.format {
        Format::Json => printer.json(&with(opened.json(), &[("head", json!(head.to_string()))])),
        Format::Text => printer.data(&format!("{head}\n")),
    }
    Ok(Exit::Done)
}

fn stats(opened: &Opened, printer: Printer) -> Result<Exit, Fault> {
    let overview = opened.ledger.overview()?;
    let head = opened.ledger.head()?;
    let bytes = on_disk(&opened.path)?;
    match printer.format {
        Format::Json => printer.json(&with(
            opened.json(),
            &[
                ("head", json!(head.to_string())),
                ("bytes", json!(bytes)),
                ("total", total_json(&overview.total)),
                ("policies", policies_json(&overview)),
                ("open", open_json(&overview)),
            ],
        )),
        Format::Text => {
            let mut text = opened.text();
            let _ = writeln!(text, "{:<12}{head}", "head");
            let _ = writeln!(text, "{:<12}{} octets", "size", render::count(bytes));
            text += &total(&overview.total);
            text += &policies(&overview);
            text += &open(&overview);
            printer.data(&text);
        }
    }
    Ok(Exit::Done)
}

fn verify(opened: &Opened, expected: Option<Sha256Digest>, printer: Printer) -> Result<Exit, Fault> {
    let bars = Bars::new(printer.terminal && printer.format == Format::Text);
    bars.begin(Stage::Settle);
    let told = std::cell::Cell::new(0);
    let report = opened.ledger.examine(&|done, of| {
        if told.get() == 0 {
            bars.total(of);
        }
        bars.advance(done - told.replace(done));
    });
    bars.end(Stage::Settle);
    let report = report?;
    // a ledger that is in order may still be an old one
    if let Some(expected) = expected.filter(|expected| report.findings.is_empty() && *expected != report.head) {
        return Err(Error::HeadDiffers { found: report.head, expected }.into());
    }
    match printer.format {
        Format::Json => printer.json(&report_json(opened, &report)),
        Format::Text => printer.data(&report_text(opened, &report)),
    }
    Ok(if report.findings.is_empty() { Exit::Done } else { Exit::Findings })
}

fn report_text(opened: &Opened, report: &LedgerReport) -> String {
    let mut text = opened.text();
    let _ = writeln!(text, "{:<12}{}", "head", report.head);
    text += &total(&report.stats);
    for finding in &report.findings {
        let _ = writeln!(text, "finding: record {}: {}", finding.position, Printable::new(&finding.what));
    }
    if report.findings.len() >= MAX_FINDINGS {
        text += "there may be more: the walk ends here\n";
    }
    if !report.compared {
        text += "leaf lists and results were not compared: the records are not what was recorded\n";
    }
    text += if report.findings.is_empty() { "the ledger holds\n" } else { "THE LEDGER DOES NOT HOLD\n" };
    if !report.findings.is_empty() {
        text += "Sign nothing with this key before the latest good copy is restored, and keep this file.\n";
    }
    text
}

fn report_json(opened: &Opened, report: &LedgerReport) -> Value {
    let findings: Vec<Value> =
        report.findings.iter().map(|finding| json!({ "record": finding.position, "finding": finding.what })).collect();
    with(
        opened.json(),
        &[
            ("head", json!(report.head.to_string())),
            ("total", total_json(&report.stats)),
            ("findings", json!(findings)),
            ("compared", json!(report.compared)),
            ("holds", json!(report.findings.is_empty())),
        ],
    )
}

fn total(stats: &LedgerStats) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<12}{value}");
    };
    let count = render::count;
    line("records", count(stats.records));
    line(
        "batches",
        format!("{} = {} sealed + {} open", count(stats.batches), count(stats.sealed), count(open_of(stats))),
    );
    line("leaves", format!("{}, {} of them may have been signed", count(stats.leaves), count(stats.intended)));
    line("issued", count(stats.certificates));
    line("signatures", format!("{}, serial numbers given up {}", count(stats.signatures_made), count(stats.retries)));
    line("CA records", count(stats.ca_records));
    if stats.accepted > 0 {
        line("accepted", count(stats.accepted));
    }
    text
}

fn total_json(stats: &LedgerStats) -> Value {
    json!({
        "records": stats.records,
        "batches": stats.batches,
        "sealed": stats.sealed,
        "open": open_of(stats),
        "leaves": stats.leaves,
        "intended": stats.intended,
        "certificates": stats.certificates,
        "signatures_made": stats.signatures_made,
        "retries": stats.retries,
        "ca_records": stats.ca_records,
        "accepted": stats.accepted,
    })
}

/// A damaged ledger may have more seals than batches.
fn open_of(stats: &LedgerStats) -> u64 {
    stats.batches.saturating_sub(stats.sealed)
}

fn policies(overview: &LedgerOverview) -> String {
    let count = render::count;
    let mut text = String::new();
    for (name, of) in &overview.policies {
        let _ = writeln!(
            text,
            "policy      `{}`: batches {}, leaves {}, certificates {}, signatures {}, serial numbers given up {}",
            Printable::new(name),
            count(of.batches),
            count(of.leaves),
            count(of.certificates),
            count(of.signatures_made),
            count(of.retries)
        );
    }
    text
}

fn policies_json(overview: &LedgerOverview) -> Value {
    let policies = overview.policies.iter().map(|(name, of)| {
        json!({
            "name": name,
            "batches": of.batches,
            "sealed": of.sealed,
            "leaves": of.leaves,
            "certificates": of.certificates,
            "signatures_made": of.signatures_made,
            "retries": of.retries,
        })
    });
    policies.collect()
}

fn open(overview: &LedgerOverview) -> String {
    let count = render::count;
    let mut text = String::new();
    for batch in &overview.open {
        let _ = writeln!(
            text,
            "open        {} of {} under `{}`: {} of {} leaves have a certificate, {} may have been signed",
            batch.id,
            batch.issued_at,
            Printable::new(&batch.policy),
            count(batch.certificates),
            count(batch.leaves),
            count(batch.intended)
        );
    }
    if !overview.open.is_empty() {
        text += "an open batch holds its chips: the command that began it finishes it\n";
    }
    text
}

fn open_json(overview: &LedgerOverview) -> Value {
    let open = overview.open.iter().map(|batch| {
        json!({
            "batch": batch.id.to_string(),
            "policy": batch.policy,
            "issued_at": batch.issued_at.to_string(),
            "leaves": batch.leaves,
            "intended": batch.intended,
            "certificates": batch.certificates,
        })
    });
    open.collect()
}

/// Octets of the file, without its write-ahead log.
fn on_disk(path: &Path) -> Result<u64, Fault> {
    let about = std::fs::metadata(path);
    let about = about.map_err(|source| Fault::usage(format!("cannot look at `{}`: {source}", Printable::new(path))))?;
    Ok(about.len())
}

fn with(mut object: Value, members: &[(&str, Value)]) -> Value {
    for (name, value) in members {
        object[*name] = value.clone();
    }
    object
}
