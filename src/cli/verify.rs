//! `reroot verify`

use std::fmt::Write as _;
use std::num::NonZero;

use reroot::audit::{Audit, AuditReport, audit};
use reroot::reel::Limits;
use serde_json::{Value, json};

use super::args::{Format, VerifyArgs};
use super::progress::Counter;
use super::{Exit, Fault, Printer, World, load, render};

pub(crate) fn run(args: &VerifyArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    let anchors = load::anchors(&args.anchors)?;
    let inputs = load::inputs(&args.input)?;
    let counter = Counter::new(printer.terminal && printer.format == Format::Text);
    let scratch = std::env::temp_dir();
    let job = Audit {
        batch: &args.batch,
        source_anchors: &anchors.source,
        issuer_anchors: &anchors.issuer,
        manifest_anchors: &anchors.manifest,
        inputs: &inputs,
        limits: Limits::default(),
        scratch: &scratch,
        jobs: args.jobs.or_else(|| std::thread::available_parallelism().ok().map(NonZero::get)).unwrap_or(1),
        advance: &|count| counter.advance(count),
        cancel: &world.cancel,
    };
    let report = audit(&job, &mut *world.stdin)?;
    counter.finish();
    match printer.format {
        Format::Text => printer.data(&text(&report)),
        Format::Json => printer.json(&as_json(&report)),
    }
    Ok(if report.holds() { Exit::Done } else { Exit::Findings })
}

fn text(report: &AuditReport) -> String {
    let mut text = String::new();
    for (name, value) in facts(report) {
        let _ = writeln!(text, "{name:<14}{value}");
    }
    for check in &report.checks {
        let _ = writeln!(text, "checked       {check}");
    }
    for warning in &report.warnings {
        let _ = writeln!(text, "note: {warning}");
    }
    for fault in &report.faults {
        let _ = writeln!(text, "FAULT [{}] {}: {}", fault.code, fault.place, fault.message);
    }
    if report.more_faults > 0 {
        let _ = writeln!(text, "... and {} more faults", render::count(report.more_faults));
    }
    text.push_str(if report.holds() { "the batch holds\n" } else { "THE BATCH DOES NOT HOLD\n" });
    text
}

fn facts(report: &AuditReport) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(statement) = &report.statement {
        facts.push(("batch", statement.batch.clone()));
        facts.push(("issued at", statement.issued_at.to_string()));
        facts.push(("sealed at", format!("{} (the signer's word)", statement.created)));
        facts.push(("policy", format!("{} (sha256 {})", statement.policy.name, statement.policy.sha256)));
        facts.push(("issuer", statement.issuer.subject.clone()));
    }
    facts.push(("certificates", format!("{} checked", render::count(report.certificates))));
    for (relaxation, count) in &report.relaxations {
        facts.push(("relaxation", format!("{relaxation}: {} leaves", render::count(*count))));
    }
    for (subject, count) in &report.anchors {
        facts.push(("anchor", format!("{subject}: {} leaves", render::count(*count))));
    }
    facts
}

fn as_json(report: &AuditReport) -> Value {
    json!({
        "holds": report.holds(),
        "batch": report.statement.as_ref().map(|statement| statement.batch.clone()),
        "certificates": report.certificates,
        "checks": report.checks,
        "anchors": report.anchors,
        "relaxations": report.relaxations,
        "warnings": report.warnings,
        "faults": report.faults.iter().map(|fault| json!({
            "code": fault.code.as_str(), "place": fault.place, "message": fault.message,
        })).collect::<Vec<_>>(),
        "more_faults": report.more_faults,
    })
}
