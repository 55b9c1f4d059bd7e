//! `reroot verify`

use std::fmt::Write as _;
use std::num::NonZero;

use reroot::audit::{Audit, AuditReport, audit};
use reroot::reel::Limits;
use serde_json::{Value, json};

use super::args::{Format, VerifyArgs};
use super::progress::Counter;
use super::{Exit, Fault, Printer, World, load, render};

const NO_CONFIG: &str =
    "Name the trust anchors with --source-anchor and --issuer-anchor, or a configuration that has them with --config.";

pub(crate) fn run(args: &VerifyArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    let configured = args.source_anchor.is_empty() || args.issuer_anchor.is_none();
    let config = if configured { Some(load::config_or(&args.config, NO_CONFIG)?) } else { None };
    let source_anchors = match &config {
        Some(config) if args.source_anchor.is_empty() => config.anchors()?,
        _ => load::certificates(&args.source_anchor)?,
    };
    let issuer_anchors = match (&args.issuer_anchor, &config) {
        (Some(path), _) => load::certificates(std::slice::from_ref(path))?,
        (None, Some(config)) => config.issuer_identity()?.chain().last().cloned().into_iter().collect(),
        (None, None) => vec![],
    };
    if issuer_anchors.is_empty() || source_anchors.is_empty() {
        return Err(Fault::usage("no trust anchor")
            .hint("Name the root of the source leaves with --source-anchor and your own with --issuer-anchor."));
    }
    let manifest_anchors = match &args.manifest_anchor {
        Some(path) => load::certificates(std::slice::from_ref(path))?,
        None => issuer_anchors.clone(),
    };
    let inputs = load::inputs(&args.input)?;
    let counter = Counter::new(printer.terminal && printer.format == Format::Text);
    let scratch = std::env::temp_dir();
    let job = Audit {
        batch: &args.batch,
        source_anchors: &source_anchors,
        issuer_anchors: &issuer_anchors,
        manifest_anchors: &manifest_anchors,
        inputs: &inputs,
        limits: Limits::default(),
        scratch: &scratch,
        jobs: args.jobs.or_else(|| std::thread::available_parallelism().ok().map(NonZero::get)).unwrap_or(1),
        engine: load::engine(args.engine.generic_verify),
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
