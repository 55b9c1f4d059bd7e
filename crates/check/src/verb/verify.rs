//! `reroot verify`

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::num::NonZero;

use reroot_core::audit::{Audit, AuditReport, LIST, ListFile, NotGiven, PossessionShown, audit};
use reroot_core::durable::Access;
use reroot_core::durable::output::{self, Shape};
use reroot_core::manifest;
use reroot_core::reel::Limits;
use reroot_core::text::Printable;
use reroot_core::verify::Family;
use serde_json::{Value, json};

use crate::args::{Format, VerifyArgs};
use crate::beside::{self, Possession};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::printer::Printer;
use crate::progress::Counter;
use crate::words::ours;
use crate::world::World;
use crate::{load, page, render};

/// Verifies a batch and reports.
pub fn run(args: &VerifyArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    let anchors = load::anchors(&args.anchors, world, printer)?;
    args.report.as_deref().map_or(Ok(()), |path| load::place(path, Shape::PLAIN))?;
    let tsa_anchors = load::certificates(&args.tsa_anchor)?;
    let timestamp = timestamp(args)?;
    let possession = Possession::read(&args.batch)?;
    let inputs = load::inputs(&args.input)?;
    let beacon = args.beacon.as_deref().map(load::beacon).transpose()?;
    let head = args.head.as_deref().map(load::chain_head).transpose()?;
    let list = args.expect.as_deref().map(|path| load::bytes("expected list", path)).transpose()?;
    let list_name = args.expect.as_deref().map(render::path_json).unwrap_or_default();
    let counter = Counter::new(printer.terminal && printer.format == Format::Text);
    let scratch = std::env::temp_dir();
    let job = Audit {
        batch: &args.batch,
        source_anchors: &anchors.source,
        issuer_anchors: &anchors.issuer,
        manifest_anchors: &anchors.manifest,
        history: &args.history,
        head,
        expected: list.as_deref().map(|octets| ListFile { octets, name: &list_name }),
        timestamp: timestamp.as_deref(),
        tsa_anchors: &tsa_anchors,
        beacon,
        max_stamp_delay: args.max_stamp_delay,
        now: world.now,
        possession: possession.as_ref().map(Possession::files),
        inputs: &inputs,
        limits: Limits::default(),
        scratch: &scratch,
        jobs: args.jobs.or_else(|| std::thread::available_parallelism().ok().map(NonZero::get)).unwrap_or(1),
        engine: load::engine(args.engine.generic_verify),
        advance: &|count| counter.advance(count),
        cancel: &world.cancel,
    };
    let mut report = audit(&job, &mut *world.stdin)?;
    counter.finish();
    report.warnings.iter_mut().for_each(|warning| *warning = ours(warning));
    if let Some(path) = &args.report {
        let anchors = [("source", &anchors.source), ("issuer", &anchors.issuer), ("manifest", &anchors.manifest)];
        let page = page::page(
            &report,
            &args.batch,
            &anchors,
            (&facts(&report), &unchecked(&report)),
            (printer.program, world.now),
        );
        output::write_new(path, Access::Public, page.as_bytes())?;
    }
    match printer.format {
        Format::Text => printer.data(&text(&report)),
        Format::Json => printer.json(&as_json(&report)),
    }
    Ok(if report.holds() { Exit::Done } else { Exit::Findings })
}

/// The time-stamp that was named, or the one beside the batch.
fn timestamp(args: &VerifyArgs) -> Result<Option<Vec<u8>>, Fault> {
    let beside = beside::timestamp(&args.batch);
    let path = args.timestamp.clone().or(beside.filter(|path| path.exists()));
    path.map(|path| load::bytes("time-stamp", &path)).transpose()
}

fn text(report: &AuditReport) -> String {
    let mut text = String::new();
    for (name, value) in facts(report) {
        let _ = writeln!(text, "{name:<14}{}", Printable::new(&value));
    }
    for check in &report.checks {
        let _ = writeln!(text, "checked       {}", Printable::new(check));
    }
    for unchecked in unchecked(report) {
        let _ = writeln!(text, "not checked   {}", Printable::new(&unchecked));
    }
    if let Some(list) = &report.list {
        text.push_str(&render::missing(&list.missing));
    }
    for warning in &report.warnings {
        let _ = writeln!(text, "note: {}", Printable::new(warning));
    }
    for fault in &report.faults {
        let _ = writeln!(
            text,
            "FAULT [{}] {}: {}",
            fault.code,
            Printable::new(&fault.place),
            Printable::new(&fault.message)
        );
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
        if let Some(stamped) = &report.timestamp {
            facts.push((
                "stamped at",
                format!("{}, so it existed then (the word of `{}`)", stamped.time, stamped.authority),
            ));
        }
        if let Some(beacon) = statement.beacon {
            facts.push(("beacon", format!("sha256 {beacon}")));
        }
        facts.push(("policy", format!("{} (sha256 {})", statement.policy.name, statement.policy.sha256)));
        facts.push(("issuer", statement.issuer.subject.clone()));
    }
    if let Some(digest) = report.statement_sha256 {
        facts.push(("statement", format!("sha256 {digest}")));
    }
    if let Some(history) = &report.history {
        let (batches, lines) = (render::count(history.batches), render::count(history.lines));
        facts.push(("history", format!("{batches} batches, {lines} lines, {} to {}", history.from, history.to)));
        for (name, chained) in &history.policies {
            let (batches, certificates) = (render::count(chained.batches), render::count(chained.certificates));
            facts.push(("history", format!("policy `{name}`: {batches} batches, {certificates} certificates")));
        }
        for ((name, reason), count) in &history.reissues {
            let certificates = render::count(*count);
            facts.push(("history", format!("policy `{name}`: {certificates} certificates issued again: {reason}")));
        }
        if let Some(head) = history.head {
            facts.push(("head", format!("statement sha256 {head}")));
        }
    }
    facts.extend(accounted(report));
    facts.push(("certificates", format!("{} checked", render::count(report.certificates))));
    facts.push((
        "possession",
        match report.possession {
            PossessionShown::Partial { shown, chips } => {
                format!("partial: {} of {} chips", render::count(shown), render::count(chips))
            }
            other => other.as_str().to_owned(),
        },
    ));
    for (relaxation, count) in &report.relaxations {
        facts.push(("relaxation", format!("{relaxation}: {} leaves", render::count(*count))));
    }
    for (subject, count) in &report.anchors {
        facts.push(("anchor", format!("{subject}: {} leaves", render::count(*count))));
    }
    facts
}

/// What was left out, and on whose word.
fn accounted(report: &AuditReport) -> Vec<(&'static str, String)> {
    if report.statement.is_none() {
        return vec![];
    }
    let mut facts = vec![
        ("rejected", format!("{} items", render::count(report.rejected))),
        ("ignored", format!("{} items", render::count(report.ignored))),
    ];
    if let Some(history) = &report.history {
        let shown = render::count(history.shown);
        facts.push(("shown", format!("{shown} findings about earlier batches, by those batches")));
    }
    let total: u64 = report.word.values().sum();
    let kinds: Vec<String> =
        report.word.iter().map(|(code, count)| format!("{} {code}", render::count(*count))).collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!(": {}", kinds.join(", ")) };
    facts.push(("signer's word", format!("{} findings{kinds}", render::count(total))));
    if let Some(list) = &report.list {
        let (listed, missing) = (render::count(list.listed), render::count(list.missing.len() as u64));
        let unlisted = render::count(list.unlisted);
        let message =
            format!("{listed} chips on the list, {missing} of them missing; {unlisted} certificates of other chips");
        facts.push(("expected", message));
    }
    facts
}

/// What was not checked because something was not given, with the option that gives it.
pub fn unchecked(report: &AuditReport) -> Vec<String> {
    report.not_given.iter().map(|what| format!("{} (no {})", what.unchecked(), option(*what))).collect()
}

const fn option(what: NotGiven) -> &'static str {
    match what {
        NotGiven::Inputs => "--input",
        NotGiven::History => "--history",
        NotGiven::ExpectedList => "--expect",
        NotGiven::TimestampAnchor => "--tsa-anchor",
    }
}

fn as_json(report: &AuditReport) -> Value {
    json!({
        "holds": report.holds(),
        "batch": report.statement.as_ref().map(|statement| statement.batch.clone()),
        "statement_sha256": report.statement_sha256.map(|digest| digest.to_string()),
        "format": report.statement.as_ref().map(|statement| manifest::Format::name(statement.format.encoder())),
        "family": report.statement.as_ref().and_then(|statement| statement.format.family().map(Family::as_str)),
        "beacon": report.statement.as_ref().and_then(|statement| statement.beacon).map(|digest| digest.to_string()),
        "seals": report.statement.as_ref().map(|statement| &statement.seals),
        "timestamp": report.timestamp.as_ref().map(|stamped| json!({
            "time": stamped.time.to_string(), "authority": stamped.authority, "serial": stamped.serial,
            "policy": stamped.policy,
        })),
        "history": report.history.as_ref().map(|history| json!({
            "batches": history.batches, "lines": history.lines, "from": history.from.to_string(),
            "to": history.to.to_string(), "head": history.head.map(|head| head.to_string()), "complete": history.complete,
            "policies": history.policies.iter().map(|(name, chained)| json!({
                "name": name, "batches": chained.batches, "certificates": chained.certificates,
            })).collect::<Vec<_>>(),
            "reissues": history.reissues.iter().map(|((name, reason), count)| json!({
                "policy": name, "reason": reason, "certificates": count,
            })).collect::<Vec<_>>(),
            "shown": history.shown,
        })),
        "rejected": report.rejected,
        "ignored": report.ignored,
        "signers_word": report.word.iter().map(|(code, count)| (code.to_string(), *count)).collect::<BTreeMap<_, _>>(),
        "code_list": LIST,
        "expected": report.list.as_ref().map(|list| json!({
            "listed": list.listed, "unlisted": list.unlisted,
            "missing": list.missing.iter().map(render::missing_json).collect::<Vec<_>>(),
        })),
        "not_checked": report.not_given.iter().map(|what| json!({
            "option": option(*what), "what": what.unchecked(),
        })).collect::<Vec<_>>(),
        "possession": report.possession.as_str(),
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
