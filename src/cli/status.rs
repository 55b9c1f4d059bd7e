//! `reroot status`

use reroot::ledger::OpenBatch;
use reroot::report::Table;
use reroot::status::Status;

use super::args::{Format, StatusArgs};
use super::{Exit, Fault, Printer, World, load, render};

pub(crate) fn run(args: &StatusArgs, world: &World, printer: Printer) -> Result<Exit, Fault> {
    let config = load::config(&args.config, printer)?;
    let status = Status::of(&config, world.now);
    match printer.format {
        Format::Json => printer.json(&status),
        Format::Text => printer.data(&text(&status)),
    }
    Ok(if status.is_sound() { Exit::Done } else { Exit::Findings })
}

fn text(status: &Status) -> String {
    let mut table = Table::new(16);
    for (name, places) in [("issuing key", &status.issuing_key), ("manifest key", &status.manifest_key)] {
        match &places[..] {
            [] => table.line(name, "not on this machine"),
            places => table.lines(name, places),
        }
    }
    for certificate in &status.certificates {
        let (end, days) = (certificate.not_after, certificate.days_left);
        let left =
            if days < 0 { "ended".to_owned() } else { format!("{} days left", render::count(days.unsigned_abs())) };
        table.line(certificate.role, format!("{}  until {end}, {left}", certificate.subject));
    }
    if let Some(ledger) = &status.ledger {
        let total = &ledger.overview.total;
        table.line("ledger", &ledger.path);
        table.line("  head", ledger.head.to_string());
        let (batches, sealed, open) = (total.batches, total.sealed, total.open());
        let [batches, sealed, open] = [batches, sealed, open].map(render::count);
        table.line("  batches", format!("{batches} = {sealed} sealed + {open} open"));
        for batch in &ledger.overview.open {
            table.line("  open", open_batch(batch));
        }
        let lock = match (ledger.locked, ledger.locked_by) {
            (false, _) => "free".to_owned(),
            (true, None) => "a run is on".to_owned(),
            (true, Some(process)) => format!("a run is on (process {process})"),
        };
        table.line("  lock", lock);
    }
    for problem in &status.problems {
        table.lines("problem", &problem.lines().collect::<Vec<_>>());
    }
    for warning in &status.warnings {
        table.line("warning", warning);
    }
    table.finish()
}

fn open_batch(batch: &OpenBatch) -> String {
    let OpenBatch { id, policy, issued_at, leaves, certificates, .. } = batch;
    let [leaves, certificates] = [*leaves, *certificates].map(render::count);
    format!("{id} of {issued_at} under `{policy}`: {certificates} of {leaves} leaves have a certificate")
}
