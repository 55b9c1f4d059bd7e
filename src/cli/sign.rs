//! `reroot sign`

use std::io::Read;
use std::path::Path;

use reroot::approval::Approval;
use reroot::error::Error;
use reroot::pipeline::{Ended, Outcome};
use reroot::plan::Ceremony;
use reroot::report::Table;
use reroot::setup::{SignChoices, Vault};
use reroot::text::Printable;

use super::args::{Format, SignArgs};
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World, crl, load, progress, render, work};

pub(crate) fn run(args: &SignArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    match (&args.plan, &args.out, &args.pool.pool) {
        (Some(plan), Some(out), _) => sign(args, plan, out, world, printer),
        (_, _, Some(url)) => work::run(args, url.as_deref(), world, printer),
        _ => unreachable!("a plan and an output are required without a pool"),
    }
}

fn sign(args: &SignArgs, plan: &Path, out: &Path, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    let mut choices = SignChoices {
        plan: plan.to_owned(),
        out: out.to_owned(),
        approvals: vec![],
        click: None,
        socket: None,
        accept_clock: args.accept_clock.clone(),
        jobs: args.jobs,
    };
    choices.check()?;
    if reroot::revoke::plan::is_plan(plan) {
        return crl::sign(args, choices, world, printer);
    }
    let config = load::config(&args.config, printer)?;
    load::ending(&config, world, printer);
    choices.approvals = Approval::read_all(&args.approvals).map_err(Error::from)?;
    let vault = Vault::open(&config, &Secrets)?;
    let ledger = load::ledger(&config, vault.issuer_key(), args.new_ledger, printer)?;
    let outcome = progress::with_bars(world, printer, |around| {
        let mut confirm = |stdin: &mut dyn Read, ceremony: &Ceremony| {
            printer.say(&in_words(ceremony));
            args.yes || typed(stdin, "sign", "the CA key signs all of it when you type `sign`", printer)
        };
        vault.sign(&choices, &ledger, &mut confirm, around)
    })?;
    printer.notes(vault.notes());
    if let Outcome::AlreadyDone(signed) = &outcome {
        let out = Printable::new(out);
        printer.tell(&format!("already done: `{out}` holds the signatures of batch {}", signed.batch));
    }
    match (printer.format, &outcome) {
        (Format::Json, _) => printer.json(&Ended { outcome: &outcome, out }),
        (Format::Text, Outcome::AlreadyDone(signed) | Outcome::Done(signed)) => {
            let mut table = Table::new(12);
            table.extend(signed.facts(out));
            printer.data(&table.finish());
        }
        (Format::Text, Outcome::DryRun(_) | Outcome::Refused(_)) => {
            unreachable!("a plan is signed whole or not at all")
        }
    }
    Ok(Exit::Done)
}

/// Whether a person typed the word.
pub(super) fn typed(stdin: &mut dyn Read, word: &str, warning: &str, printer: Printer) -> bool {
    printer.warn(warning);
    let mut answer = String::new();
    let mut byte = [0];
    while !answer.ends_with('\n') && answer.len() < 64 && stdin.read(&mut byte).unwrap_or(0) == 1 {
        answer.push(char::from(byte[0]));
    }
    answer.trim() == word
}

/// What a person needs to see before the key is used.
fn in_words(ceremony: &Ceremony) -> String {
    let mut table = Table::new(14);
    table.text(&render::warnings(&ceremony.warnings));
    table.extend(ceremony.facts());
    table.finish().trim_end().to_owned()
}
