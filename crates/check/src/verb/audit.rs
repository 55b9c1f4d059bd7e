//! `reroot audit`

use reroot_core::journal::{Head, JournalFault, JournalReport, verify};
use reroot_core::manifest::ManifestAnchor;
use reroot_core::report::{Table, count};
use reroot_core::text::Printable;
use serde::Serialize;

use crate::anchors;
use crate::args::{AuditCommand, AuditVerifyArgs, Format};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::printer::Printer;
use crate::world::World;

/// Runs one of the commands about audit logs.
pub fn run(command: &AuditCommand, world: &World, printer: Printer) -> Result<Exit, Fault> {
    match command {
        AuditCommand::Verify(args) => verify_log(args, world, printer),
    }
}

fn verify_log(args: &AuditVerifyArgs, world: &World, printer: Printer) -> Result<Exit, Fault> {
    let [after, noted] = [("--after", &args.after), ("--head", &args.head)]
        .map(|(option, text)| text.as_deref().map(|text| head(option, text)).transpose());
    let (after, noted) = (after?, noted?);
    let configured =
        if args.manifest_anchor.is_none() { world.configured(&args.config, printer, NO_ANCHOR)? } else { None };
    let anchors = anchors::manifest(args.manifest_anchor.as_deref(), configured.as_deref())?;
    if anchors.is_empty() {
        return Err(Fault::usage("no trust anchor of the manifest signer was named").hint(NO_ANCHOR));
    }
    let anchors = anchors.iter().map(ManifestAnchor::from_certificate).collect::<Result<Vec<_>, _>>()?;
    let report = verify(&args.dir, &anchors, after, noted)?;
    if report.files == 0 {
        return Err(Fault::usage(format!("`{}` holds no audit log", Printable::new(&args.dir)))
            .hint("The files of a log are named by days, such as `2026-11-28-0001.jsonl`."));
    }
    match printer.format {
        Format::Json => printer.json(&document(&report)),
        Format::Text => printer.data(&text(&report)),
    }
    Ok(if report.holds() { Exit::Done } else { Exit::Findings })
}

fn head(option: &str, text: &str) -> Result<Head, Fault> {
    text.parse().map_err(|error| Fault::usage(format!("{option}: `{}` is not a head: {error}", Printable::new(text))))
}

fn text(report: &JournalReport) -> String {
    let mut table = Table::new(14);
    let between = |from, to| format!("{from} to {to}");
    table.extend([("files", count(report.files)), ("events", count(report.events))]);
    table.extend(report.from.zip(report.to).map(|(from, to)| ("written", between(from, to))));
    table.extend([
        ("sealed up to", report.sealed.map_or_else(|| "nothing".to_owned(), |head| format!("event {}", head.seq))),
        ("head", report.head.to_string()),
        ("noted head", noted(report).to_owned()),
    ]);
    for fault in &report.faults {
        table.text(&format!("FAULT [{}] {fault}\n", fault.code));
    }
    if report.more_faults > 0 {
        table.text(&format!("and {} more\n", count(report.more_faults)));
    }
    table.text(if report.holds() { "audit log OK\n" } else { "audit log verification FAILED\n" });
    table.finish()
}

fn noted(report: &JournalReport) -> &'static str {
    match report.noted {
        Some(_) => "the log has it",
        None => "not given, or not met: the end of the open file may be cut off",
    }
}

/// The same for programs.
#[derive(Serialize)]
struct Document<'a> {
    outcome: &'static str,
    files: u64,
    events: u64,
    from: Option<String>,
    to: Option<String>,
    sealed_up_to: Option<u64>,
    head: String,
    noted_head_met: bool,
    faults: &'a [JournalFault],
    more_faults: u64,
}

fn document(report: &JournalReport) -> Document<'_> {
    Document {
        outcome: if report.holds() { "ok" } else { "failed" },
        files: report.files,
        events: report.events,
        from: report.from.map(|time| time.to_string()),
        to: report.to.map(|time| time.to_string()),
        sealed_up_to: report.sealed.map(|head| head.seq),
        head: report.head.to_string(),
        noted_head_met: report.noted.is_some(),
        faults: &report.faults,
        more_faults: report.more_faults,
    }
}

const NO_ANCHOR: &str = "Name the trust anchor of the manifest signer with --manifest-anchor.";
