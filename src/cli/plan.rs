//! `reroot plan`

use std::path::Path;

use reroot::ledger::Pool;
use reroot::pipeline::{Ended, Outcome, Planned};
use reroot::setup::{By, Reel};
use reroot::text::Printable;

use super::args::{Format, PlanArgs};
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World, issue, load, progress, render};

pub(crate) fn run(args: &PlanArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    let by = if args.foreign { By::ExternalFile } else { By::AirGapped };
    let (mut choices, config) = issue::chosen(&args.issue, by, world, printer)?;
    choices.pool.clone_from(&args.pool);
    let reel = Reel::ready(&config, choices, &Secrets)?;
    let ledger = load::ledger(&config, reel.issuer_key(), args.new_ledger, printer)?;
    let mut pool = args.pool.as_ref().map(|_| Pool::open(config.ledger_path())).transpose()?;
    let outcome = progress::with_bars(world, printer, |around| match &mut pool {
        Some(pool) => reel.plan_for(pool, &ledger, around),
        None => reel.plan(&ledger, around),
    })?;
    printer.notes(reel.notes());
    let ended = Ended { outcome: &outcome, out: &args.issue.out };
    Ok(report(&ended, args.pool.as_deref(), args.issue.timings, printer))
}

fn report(ended: &Ended<'_, Planned>, pool: Option<&Path>, timings: bool, printer: Printer) -> Exit {
    if printer.format == Format::Json {
        printer.json(ended);
    }
    let planned = match ended.outcome {
        Outcome::AlreadyDone(planned) => {
            let out = Printable::new(ended.out);
            printer.tell(&format!("already done: `{out}` is the plan of batch {}", planned.summary.batch));
            planned
        }
        Outcome::Done(planned) => planned,
        Outcome::DryRun(summary) => {
            printer.tell("dry run: nothing was recorded or written");
            if printer.format == Format::Text {
                printer.data(&issue::text(summary, ended.out, timings).finish());
            }
            return Exit::Done;
        }
        Outcome::Refused(refusal) => {
            return issue::refuse("nothing was planned", refusal, issue::refused_hint(refusal), printer);
        }
    };
    if printer.format == Format::Text {
        let mut table = issue::text(&planned.summary, ended.out, timings);
        table.extend(planned.facts(ended.out));
        if let Some(folder) = pool {
            let chunks = render::count(planned.chunks.len() as u64);
            table.line("handed out", format!("{chunks} chunks, whose leaves are in `{}`", Printable::new(folder)));
        }
        printer.data(&table.finish());
    }
    issue::exit(&planned.summary)
}
