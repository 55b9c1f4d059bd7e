//! `reroot ledger`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use reroot::cert::IssuerIdentity;
use reroot::crypto::sha256;
use reroot::durable::output::Shape;
use reroot::error::Error;
use reroot::ledger::{
    BackupReport, CopyReport, HeadReport, Ledger, LedgerOverview, LedgerReport, LedgerStats, MAX_FINDINGS, is_url,
};
use reroot::pipeline::{Progress, Stage};
use reroot::report::Table;
use reroot::text::Printable;
use reroot::x509::Sha256Digest;
use serde::Serialize;
use serde_json::Value;

use super::args::{Format, LedgerCommand, WhichLedger};
use super::progress::Bars;
use super::{Exit, Fault, Printer, World, batches, load, render};

pub(crate) fn run(command: &LedgerCommand, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    let open = |which: &WhichLedger| Opened::open(which.ledger.as_deref(), &which.config, printer);
    match command {
        LedgerCommand::Abandon { batch, because, by, yes, config } => {
            batches::abandon((batch, because), by.as_deref(), *yes, config, world, printer)
        }
        LedgerCommand::Backup { out, config } => backup(out, config, printer),
        LedgerCommand::Copy { from, to } => copy(from, to, printer),
        LedgerCommand::ExportNames { out, ledger } => {
            export_names(&Opened::open(ledger.ledger.as_deref(), &ledger.config, printer)?, out, printer)
        }
        LedgerCommand::Find { wanted, ledger, csv } => {
            batches::find(&Opened::open(ledger.ledger.as_deref(), &ledger.config, printer)?, wanted, *csv, printer)
        }
        LedgerCommand::Publish { batch, inputs, out, expect, config } => {
            batches::publish(batch, inputs, (out, expect.as_deref(), config), world, printer)
        }
        LedgerCommand::Head { ledger } => head(&open(ledger)?, printer),
        LedgerCommand::List { ledger, look_in, csv } => batches::list(&open(ledger)?, &look_in.look_in, *csv, printer),
        LedgerCommand::Show { batch, ledger, look_in } => {
            let opened = Opened::open(ledger.ledger.as_deref(), &ledger.config, printer)?;
            batches::show(&opened, batch, &look_in.look_in, printer)
        }
        LedgerCommand::Stats { ledger } => stats(&open(ledger)?, printer),
        LedgerCommand::Verify { ledger, expect_head, from } => {
            let expected = expect_head.as_deref().map(load::head).transpose()?;
            verify(&open(ledger)?, expected, from.as_deref(), printer)
        }
    }
}

/// A ledger that is looked at.
pub(super) struct Opened {
    path: PathBuf,
    pub(super) ledger: Ledger,
    issuer: Sha256Digest,
    /// The issuing CA, where a configuration names it.
    pub(super) identity: Option<IssuerIdentity>,
    /// Where the ledger goes on, if it was moved.
    moved_to: Option<String>,
}

impl Opened {
    fn open(ledger: Option<&Path>, config: &Path, printer: Printer) -> Result<Self, Fault> {
        let (path, ledger, identity) = if let Some(path) = ledger {
            (path.to_owned(), Ledger::open_to_read(path)?, None)
        } else {
            let config = load::config_or(config, printer, "Name the ledger, or a configuration with --config.")?;
            let path = config.ledger_path().to_owned();
            let ledger = Ledger::open_to_read(&path)?;
            let identity = config.issuer_identity()?;
            ledger.check_issuer(identity.spki())?;
            if let Some(file) = config.head_file() {
                ledger.compare_head_in(file)?;
            }
            (path, ledger, Some(identity))
        };
        let (issuer, moved_to) = (sha256(&ledger.issuer()?), ledger.moved_to()?);
        Ok(Self { path, ledger, issuer, identity, moved_to })
    }

    fn table(&self) -> Table {
        let mut table = Table::new(12);
        table.line("ledger", Printable::new(&self.path).to_string());
        table.line("issuer", format!("{} (SHA-256 of its key)", self.issuer));
        if let Some(place) = &self.moved_to {
            table.line("moved to", Printable::new(place).to_string());
        }
        table
    }

    /// What is reported of this ledger.
    pub(super) fn json(&self, report: &impl Serialize) -> Value {
        let mut value = render::document(report);
        value["ledger"] = render::path_json(&self.path).into();
        value["issuer_spki_sha256"] = self.issuer.to_string().into();
        if let Some(place) = &self.moved_to {
            value["moved_to"] = place.clone().into();
        }
        value
    }
}

fn backup(out: &Path, config: &Path, printer: Printer) -> Result<Exit, Fault> {
    let config = load::config(config, printer)?;
    let issuer = config.issuer_identity()?;
    // a file of this name is refused like an existing ledger; everything else is checked as for all outputs
    load::place_unless_there(out, Shape::PLAIN)?;
    // compares the head that was noted: a ledger that was exchanged is not what is to be kept
    drop(load::ledger(&config, issuer.spki(), false, printer)?);
    let head = Ledger::back_up(config.ledger_path(), issuer.spki(), out)?;
    let report = BackupReport::new(out, head);
    Ok(say(&report, report.facts(), printer))
}

fn copy(from: &Path, to: &Path, printer: Printer) -> Result<Exit, Fault> {
    let (records, head) = Ledger::copy(from, to)?;
    let report = CopyReport::new(to, records, head);
    let exit = say(&report, report.facts(), printer);
    let key = if is_url(to) { "url" } else { "path" };
    printer.tell(&format!(
        "`{}` is closed; write `{key}` of the new one into [ledger] of the configuration",
        Printable::new(from)
    ));
    Ok(exit)
}

/// Prints a report, or the rows of its table.
fn say<const N: usize>(report: &impl Serialize, facts: [(&'static str, String); N], printer: Printer) -> Exit {
    match printer.format {
        Format::Json => printer.json(&render::document(report)),
        Format::Text => {
            let mut table = Table::new(12);
            table.extend(facts);
            printer.data(&table.finish());
        }
    }
    Exit::Done
}

fn export_names(opened: &Opened, out: &Path, printer: Printer) -> Result<Exit, Fault> {
    load::place(out, Shape::PLAIN)?;
    let exported = opened.ledger.export_names(out)?;
    match printer.format {
        Format::Json => printer.json(&opened.json(&exported)),
        Format::Text => {
            let mut table = opened.table();
            table.line("head", exported.head.to_string());
            table.line("names", render::count(exported.names));
            printer.data(&table.finish());
        }
    }
    Ok(Exit::Done)
}

fn head(opened: &Opened, printer: Printer) -> Result<Exit, Fault> {
    let head = opened.ledger.head()?;
    match printer.format {
        Format::Json => printer.json(&opened.json(&HeadReport { head })),
        Format::Text => printer.data(&format!("{head}\n")),
    }
    Ok(Exit::Done)
}

fn stats(opened: &Opened, printer: Printer) -> Result<Exit, Fault> {
    let overview = opened.ledger.overview()?;
    let head = opened.ledger.head()?;
    let bytes = on_disk(&opened.path)?;
    match printer.format {
        Format::Json => {
            let mut value = opened.json(&overview);
            value["head"] = head.to_string().into();
            value["bytes"] = bytes.into();
            printer.json(&value);
        }
        Format::Text => {
            let mut table = opened.table();
            table.line("head", head.to_string());
            if let Some(bytes) = bytes {
                table.line("size", format!("{} bytes", render::count(bytes)));
            }
            total(&mut table, &overview.total);
            policies(&mut table, &overview);
            open(&mut table, &overview);
            printer.data(&table.finish());
        }
    }
    Ok(Exit::Done)
}

fn verify(
    opened: &Opened,
    expected: Option<Sha256Digest>,
    from: Option<&Path>,
    printer: Printer,
) -> Result<Exit, Fault> {
    let bars = Bars::new(printer);
    bars.begin(Stage::Settle);
    let told = std::cell::Cell::new(0);
    let progress = |done, of| {
        if told.get() == 0 {
            bars.total(of);
        }
        bars.advance(done - told.replace(done));
    };
    let report = match from {
        Some(file) => opened.ledger.examine_after(file, &progress),
        None => opened.ledger.examine(&progress),
    };
    bars.end(Stage::Settle);
    let report = report?;
    // a ledger that is in order may still be an old one
    if let Some(expected) = expected.filter(|expected| report.findings.is_empty() && *expected != report.head) {
        return Err(Error::HeadDiffers { found: report.head, expected }.into());
    }
    match printer.format {
        Format::Json => printer.json(&opened.json(&report)),
        Format::Text => printer.data(&report_text(opened, &report)),
    }
    Ok(if report.findings.is_empty() { Exit::Done } else { Exit::Findings })
}

fn report_text(opened: &Opened, report: &LedgerReport) -> String {
    let mut table = opened.table();
    table.line("head", report.head.to_string());
    if let Some(unread) = report.unread {
        table.line("not read", format!("{} records, whose head was noted", render::count(unread)));
    }
    total(&mut table, &report.stats);
    let mut text = table.finish();
    for finding in &report.findings {
        let _ = writeln!(text, "finding: record {}: {}", finding.position, Printable::new(&finding.what));
    }
    if report.findings.len() >= MAX_FINDINGS {
        text += "there may be more: the walk ends here\n";
    }
    if !report.compared {
        text += "leaf lists and results were not compared: the records are not what was recorded\n";
    }
    text += if report.findings.is_empty() { "ledger OK\n" } else { "ledger verification FAILED\n" };
    if !report.findings.is_empty() {
        text += "Sign nothing with this key before the latest good copy is restored, and keep this file.\n";
    }
    text
}

fn total(table: &mut Table, stats: &LedgerStats) {
    let mut line = |name: &str, value: String| table.line(name, value);
    let count = render::count;
    line("records", count(stats.records));
    let abandoned = match stats.abandoned {
        0 => String::new(),
        abandoned => format!(" + {} abandoned", count(abandoned)),
    };
    line(
        "batches",
        format!(
            "{} = {} sealed + {} open{}",
            count(stats.batches),
            count(stats.sealed),
            count(stats.open()),
            abandoned
        ),
    );
    line("leaves", format!("{}, {} of them may have been signed", count(stats.leaves), count(stats.intended)));
    line("issued", count(stats.certificates));
    line("signatures", format!("{}, serial numbers given up {}", count(stats.signatures_made), count(stats.retries)));
    line("CA records", count(stats.ca_records));
    for (name, number) in [
        ("accepted", stats.accepted),
        ("revoked", stats.revoked),
        ("released", stats.released),
        ("blocked", stats.blocked),
        ("unblocked", stats.unblocked),
        ("CRL rounds", stats.crl_rounds),
        ("CRLs signed", stats.crls),
    ] {
        if number > 0 {
            line(name, count(number));
        }
    }
}

fn policies(table: &mut Table, overview: &LedgerOverview) {
    let count = render::count;
    for (name, of) in &overview.policies {
        let said = format!(
            "`{name}`: batches {}, leaves {}, certificates {}, signatures {}, serial numbers given up {}",
            count(of.batches),
            count(of.leaves),
            count(of.certificates),
            count(of.signatures_made),
            count(of.retries)
        );
        table.line("policy", said);
    }
}

fn open(table: &mut Table, overview: &LedgerOverview) {
    let count = render::count;
    for batch in &overview.open {
        let said = format!(
            "{} of {} under `{}`: {} of {} leaves have a certificate, {} may have been signed",
            batch.id,
            batch.issued_at,
            batch.policy,
            count(batch.certificates),
            count(batch.leaves),
            count(batch.intended)
        );
        table.line("open", said);
    }
    if !overview.open.is_empty() {
        table.text("an open batch holds its chips: the command that began it finishes it\n");
    }
}

/// Bytes of the file, without its write-ahead log.
fn on_disk(path: &Path) -> Result<Option<u64>, Fault> {
    if is_url(path) {
        return Ok(None);
    }
    let about = std::fs::metadata(path);
    let about = about.map_err(|source| Fault::usage(format!("cannot look at `{}`: {source}", Printable::new(path))))?;
    Ok(Some(about.len()))
}
