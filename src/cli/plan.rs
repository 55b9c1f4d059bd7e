//! `reroot plan`

use reroot::pipeline::{Ended, Outcome, Planned};
use reroot::setup::{By, Reel};
use reroot::text::Printable;

use super::args::{Format, PlanArgs};
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World, issue, load, progress};

pub(crate) fn run(args: &PlanArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    let by = if args.foreign { By::ExternalFile } else { By::AirGapped };
    let (choices, config) = issue::chosen(&args.issue, by, world, printer)?;
    let reel = Reel::ready(&config, choices, &Secrets)?;
    let ledger = load::ledger(&config, reel.issuer_key(), args.new_ledger, printer)?;
    let outcome = progress::with_bars(world, printer, |around| reel.plan(&ledger, around))?;
    printer.notes(reel.notes());
    let ended = Ended { outcome: &outcome, out: &args.issue.out };
    Ok(report(&ended, args.issue.timings, printer))
}

fn report(ended: &Ended<'_, Planned>, timings: bool, printer: Printer) -> Exit {
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
        printer.data(&table.finish());
    }
    issue::exit(&planned.summary)
}
