//! `reroot verify`

use std::fmt::Write as _;

use reroot_core::audit::code::SOURCE_REJECTED;
use reroot_core::audit::{Audit, AuditReport, BatchDetails, Fault as Failing, ListFile, NotGiven, audit};
use reroot_core::durable::Access;
use reroot_core::durable::output::{self, Shape};
use reroot_core::origin::Code;
use reroot_core::parallel;
use reroot_core::proof::BatchStatus;
use reroot_core::reel::Limits;
use reroot_core::report::{Page, Table, facts, page};
use reroot_core::text::Printable;
use serde_json::Value;

use crate::args::{Format, VerifyArgs};
use crate::beside::{self, Possession};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::printer::Printer;
use crate::progress::Counter;
use crate::words::ours;
use crate::world::World;
use crate::{anchors, lists, load, render};

/// Verifies a batch and reports.
pub fn run(args: &VerifyArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    let anchors = anchors::all(&args.anchors, world, printer)?;
    args.report.as_deref().map_or(Ok(()), |path| load::place(path, Shape::PLAIN))?;
    let tsa_anchors = load::certificates(&args.tsa_anchor)?;
    let timestamp = timestamp(args)?;
    let possession = Possession::read(&args.batch)?;
    let inputs = load::inputs(&args.input)?;
    let beacon = args.beacon.as_deref().map(load::beacon).transpose()?;
    let head = args.head.as_deref().map(load::chain_head).transpose()?;
    let list = args.expect.as_deref().map(|path| load::bytes("expected list", path)).transpose()?;
    let list_name = args.expect.as_deref().map(render::path_json).unwrap_or_default();
    let mut statuses = lists::statuses(&args.crl, None, world.now)?;
    let counter = Counter::new(printer.draws());
    let scratch = std::env::temp_dir();
    let job = Audit {
        batch: &args.batch,
        source_anchors: &anchors.source,
        issuer_anchors: &anchors.issuer,
        manifest_anchors: &anchors.manifest,
        history: &args.history,
        head,
        expected: list.as_deref().map(|bytes| ListFile { bytes, name: &list_name }),
        timestamp: timestamp.as_deref(),
        tsa_anchors: &tsa_anchors,
        beacon,
        max_stamp_delay: args.max_stamp_delay,
        now: world.now,
        possession: possession.as_ref().map(Possession::files),
        inputs: &inputs,
        limits: Limits::default(),
        scratch: &scratch,
        jobs: args.jobs.unwrap_or_else(parallel::cores),
        engine: load::engine(args.engine.generic),
        advance: &|count| counter.advance(count),
        cancel: &world.cancel,
    };
    let mut report = audit(&job, &mut *world.stdin)?;
    counter.finish();
    report.warnings.iter_mut().for_each(|warning| *warning = ours(warning));
    // the revocation status of a batch that failed verification is not reported
    let status = match statuses.as_mut().filter(|_| report.holds()) {
        None => None,
        Some(statuses) => match statuses.of_batch(&args.batch)? {
            Ok(status) => Some(status),
            Err(fault) => {
                report.faults.push(fault);
                None
            }
        },
    };
    if let Some(path) = &args.report {
        let details = BatchDetails::read(&job, &report)?;
        let page = page(
            &report,
            &Page {
                batch: &args.batch,
                details: &details,
                anchors: &[("source", &anchors.source), ("issuer", &anchors.issuer), ("manifest", &anchors.manifest)],
                unchecked: &unchecked(&report),
                program: printer.program,
                now: world.now,
            },
        );
        output::write_new(path, Access::Public, page.as_bytes())?;
    }
    match printer.format {
        Format::Text => printer.data(&text(&report, status.as_ref())),
        Format::Json => {
            let mut facts = as_json(&report);
            if let Some(status) = &status {
                facts["revocation"] = render::document(status);
            }
            printer.json(&facts);
        }
    }
    Ok(if report.holds() { Exit::Done } else { Exit::Findings })
}

/// The time-stamp that was named, or the one beside the batch.
fn timestamp(args: &VerifyArgs) -> Result<Option<Vec<u8>>, Fault> {
    let beside = beside::timestamp(&args.batch);
    let path = args.timestamp.clone().or(beside.filter(|path| path.exists()));
    Ok(path.map(|path| load::bytes("time-stamp", &path)).transpose()?)
}

fn text(report: &AuditReport, status: Option<&BatchStatus>) -> String {
    let mut table = Table::new(14);
    table.extend(facts(report));
    table.extend(status.into_iter().flat_map(BatchStatus::facts));
    for check in &report.checks {
        table.line("checked", check);
    }
    for unchecked in unchecked(report) {
        table.line("not checked", unchecked);
    }
    let mut text = table.finish();
    if let Some(list) = &report.list {
        text.push_str(&render::missing(&list.missing));
    }
    for warning in &report.warnings {
        let _ = writeln!(text, "note: {}", Printable::new(warning));
    }
    text.push_str(&faults(report));
    if report.more_faults > 0 {
        let _ = writeln!(text, "... and {} more faults", render::count(report.more_faults));
    }
    text.push_str(if report.holds() { "batch OK\n" } else { "batch verification FAILED\n" });
    text
}

/// The faults in their order, those of one code together: the first of them, how many there are, and what to do.
fn faults(report: &AuditReport) -> String {
    let mut of_code: Vec<(Code, Vec<&Failing>)> = Vec::new();
    for fault in &report.faults {
        match of_code.iter_mut().find(|(code, _)| *code == fault.code) {
            Some((_, others)) => others.push(fault),
            None => of_code.push((fault.code, vec![fault])),
        }
    }
    let mut text = String::new();
    for (code, faults) in of_code {
        for fault in faults.iter().take(SHOWN) {
            let (place, message) = (Printable::new(&fault.place), Printable::new(&fault.message));
            let _ = writeln!(text, "FAULT [{code}] {place}: {message}");
        }
        if faults.len() > SHOWN {
            let more = render::count((faults.len() - SHOWN) as u64);
            let _ = writeln!(text, "  ... and {more} more of this kind (--format json lists them)");
        }
        let every = code == SOURCE_REJECTED && faults.len() as u64 + report.more_faults >= report.certificates;
        if let Some(hint) = if every { Some(WRONG_ANCHOR) } else { code.hint() } {
            let _ = writeln!(text, "  hint: {}", ours(hint));
        }
    }
    text
}

/// Faults of one kind that are printed.
const SHOWN: usize = 3;

const WRONG_ANCHOR: &str = "Every leaf of the batch fails: check that --source-anchor names the root that the leaves were \
                            issued under.";

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

/// The report for programs, with the option that gives what was not given.
fn as_json(report: &AuditReport) -> Value {
    let mut value = render::document(report);
    for (at, what) in report.not_given.iter().enumerate() {
        value["not_checked"][at]["option"] = option(*what).into();
    }
    value
}
