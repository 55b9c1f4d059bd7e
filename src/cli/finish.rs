//! `reroot finish`

use reroot::pipeline::Ended;
use reroot::setup::{Came, FinishChoices, Returned};

use super::args::FinishArgs;
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World, issue, load, progress};

pub(crate) fn run(args: &FinishArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    let digest = args.expect_signatures.as_deref().map(load::digest_of_signatures).transpose()?;
    let came = match &args.signatures {
        Some(file) => Came::Signatures(file.clone(), digest),
        None if args.pool => Came::OnLedger,
        None => Came::Certificates(load::inputs(&args.certificates)?),
    };
    let choices = FinishChoices {
        plan: args.plan.clone(),
        came,
        out: args.out.clone(),
        findings: args.findings.clone(),
        accept_clock: args.accept_clock.clone(),
        jobs: args.jobs,
    };
    choices.check()?;
    let config = load::config(&args.config, printer)?;
    load::ending(&config, world, printer);
    let returned = Returned::ready(&config, choices, &Secrets)?;
    let ledger = load::ledger(&config, returned.issuer_key(), false, printer)?;
    let outcome = progress::with_bars(world, printer, |around| returned.finish(&ledger, around))?;
    printer.notes(returned.notes());
    let ended = Ended { outcome: &outcome, out: &args.out };
    Ok(issue::report(&ended, false, ("nothing was sealed", |_| Some(HINT)), printer))
}

const HINT: &str = "Ask the CA to correct the certificates listed above, then pass the full set again. The differences that \
                    are allowed come from [foreign] in the policy stored in the plan.";
