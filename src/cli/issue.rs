//! `reroot issue`: with the key at hand, or, `--issuer cmp`, with an external CA.

use std::fmt::Write as _;
use std::path::Path;

use reroot::config::Config;
use reroot::delivery::Form;
use reroot::origin::{ChipName, Disposition};
use reroot::pipeline::authority::AskAgain;
use reroot::pipeline::{Ended, OnMissing, OnReject, OnSurplus, Outcome, Refusal, Summary};
use reroot::report::Table;
use reroot::setup::{By, Choices, Reel};
use reroot::text::Printable;
use reroot_check::chip::chip;
use reroot_check::words::ours;

use super::args::{FormArg, Format, IssueArgs, IssueCommand, IssuerArg, OnMissingArg, OnRejectArg, OnSurplusArg};
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World, load, progress, render};

pub(crate) fn run(args: &IssueCommand, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    let (choices, mut config) = chosen(&args.issue, by(args)?, world, printer)?;
    if args.issue.engine.generic {
        config.sign_generically();
    }
    let reel = Reel::ready(&config, choices, &Secrets)?;
    let ledger = load::ledger(&config, reel.issuer_key(), args.new_ledger, printer)?;
    let outcome = progress::with_bars(world, printer, |around| reel.issue(&ledger, around))?;
    printer.notes(reel.notes());
    let ended = Ended { outcome: &outcome, out: &args.issue.out };
    Ok(report(&ended, args.issue.timings, ("nothing was signed", refused_hint), printer))
}

/// Who signs, as the options say.
fn by(args: &IssueCommand) -> Result<By, Fault> {
    match args.issuer {
        IssuerArg::Local if args.new_ledger || args.because.is_some() => {
            Err(Fault::usage("--new-ledger, --ask-again and --because go with --issuer cmp"))
        }
        IssuerArg::Local => Ok(By::Local),
        IssuerArg::Cmp => {
            let chips = args.ask_again.iter().filter(|uid| *uid != "all");
            let chips = chips.map(|uid| chip(uid)).collect::<Result<Vec<ChipName>, Fault>>()?;
            let all = args.ask_again.iter().any(|uid| uid == "all");
            let which = if all { AskAgain::All } else { AskAgain::Only(chips) };
            Ok(By::Cmp(args.because.clone().map(|reason| (which, reason))))
        }
    }
}

/// What the options say of a batch, and the configuration that they name.
pub(super) fn chosen(args: &IssueArgs, by: By, world: &World, printer: Printer) -> Result<(Choices, Config), Fault> {
    let mut choices = Choices {
        inputs: load::inputs(&args.inputs)?,
        by,
        policy: load::policy(&args.policy)?,
        params: load::params(&args.set)?,
        out: args.out.clone(),
        findings: args.findings.clone(),
        forms: args.form.iter().map(|form| form.into_library()).collect(),
        on_reject: args.on_reject.into_library(),
        on_missing: args.on_missing.into_library(),
        on_surplus: args.on_surplus.into_library(),
        expected: None,
        expect_count: args.expect_count,
        expect_head: None,
        beacon: None,
        known_ledgers: args.known_ledger.clone(),
        known_names: args.known.clone(),
        bulk_id: args.bulk_id.clone(),
        publish_bulk_id: args.publish_bulk_id,
        reissue: args.reissue.clone(),
        accept_clock: args.accept_clock.clone(),
        jobs: args.jobs,
        chunk: args.chunk,
        engine: load::engine(args.engine.generic),
        pool: None,
        dry_run: args.dry_run,
    };
    choices.check()?;
    let config = load::config(&args.config, printer)?;
    load::ending(&config, world, printer);
    let family = choices.policy.source().family;
    choices.expected = args.expect.as_deref().map(|path| load::expected(path, family)).transpose()?;
    choices.expect_head = args.expect_head.as_deref().map(load::head).transpose()?;
    choices.beacon = args.beacon.as_deref().map(load::beacon).transpose()?;
    Ok((choices, config))
}

/// What is typed, as the libraries have it under the same names.
macro_rules! into_library {
    ($($typed:ident => $library:ident: $($name:ident),*;)*) => {$(
        impl $typed {
            pub(super) fn into_library(self) -> $library {
                match self {
                    $(Self::$name => $library::$name),*
                }
            }
        }
    )*};
}

into_library! {
    FormArg => Form: Der, Pem;
    OnMissingArg => OnMissing: Note, Stop;
    OnRejectArg => OnReject: Skip, Stop;
    OnSurplusArg => OnSurplus: Ignore, Reject;
}

/// Prints how a batch ended, and returns the exit; what a refusal is called, and what helps then, depends on the command.
pub(super) fn report(
    ended: &Ended<'_, Summary>,
    timings: bool,
    (refusal, hint): (&str, fn(&Refusal) -> Option<&'static str>),
    printer: Printer,
) -> Exit {
    if printer.format == Format::Json {
        printer.json(ended);
    }
    let summary = match ended.outcome {
        Outcome::AlreadyDone(summary) => {
            printer.tell(&format!("already done: `{}` holds batch {}", Printable::new(ended.out), summary.batch));
            // one line, unless something in the batch is worth a look
            if !timings && !summary.is_short() {
                return Exit::Done;
            }
            summary
        }
        Outcome::Done(summary) => summary,
        Outcome::DryRun(summary) => {
            printer.tell("dry run: nothing was recorded or signed");
            summary
        }
        Outcome::Refused(refused) => return refuse(refusal, refused, hint(refused), printer),
    };
    if printer.format == Format::Text {
        printer.data(&text(summary, ended.out, timings).finish());
    }
    exit(summary)
}

pub(super) fn exit(summary: &Summary) -> Exit {
    if summary.is_short() { Exit::Findings } else { Exit::Done }
}

/// Prints why nothing was made; the JSON document has said it already. That every chip has its certificate is not a fault.
pub(super) fn refuse(what: &str, refusal: &Refusal, hint: Option<&str>, printer: Printer) -> Exit {
    let done = !refusal.issued_in.is_empty();
    if printer.format == Format::Text && done {
        for warning in &refusal.warnings {
            printer.warn(&ours(warning));
        }
        let batches = refusal.issued_in.join(", ");
        printer.say(&format!("already done: every chip of this input has its certificate, in batch {batches}"));
    } else if printer.format == Format::Text {
        printer.failure(&refused(what, refusal), hint);
    }
    if done { Exit::Done } else { Exit::Input }
}

/// None where the reasons say themselves what to do.
pub(super) fn refused_hint(refusal: &Refusal) -> Option<&'static str> {
    let rejected = refusal.findings.count(Disposition::Rejected) > 0;
    match (refusal.skip_helps, refusal.note_helps) {
        (true, true) => Some(
            "Look closer with `reroot inspect --verify`; `--on-reject skip` with `--on-missing note` issues the good \
             leaves that are there.",
        ),
        (true, false) => Some("Look closer with `reroot inspect --verify`; `--on-reject skip` issues the good leaves."),
        (false, true) => Some("`--on-missing note` issues the leaves that are there."),
        (false, false) if refusal.ready > 0 => None,
        (false, false) if rejected => Some("Look closer with `reroot inspect --verify`."),
        (false, false) => Some("Look at what is in there with `reroot inspect`."),
    }
}

pub(super) fn text(summary: &Summary, out: &Path, timings: bool) -> Table {
    let mut table = Table::new(12);
    table.text(&render::findings(&summary.findings, Disposition::Rejected));
    table.text(&render::findings(&summary.findings, Disposition::Ignored));
    table.text(&render::missing(&summary.missing));
    for reason in &summary.reasons {
        table.text(&format!("noted: {}\n", Printable::new(&ours(reason))));
    }
    table.text(&render::warnings(&summary.warnings));
    for (name, value) in summary.facts(out) {
        let option = if name == "ledger head" { "  (--expect-head next time)" } else { "" };
        table.line(name, format!("{value}{option}"));
    }
    if timings {
        table.extend(summary.timings.facts());
    }
    table
}

fn refused(what: &str, refusal: &Refusal) -> String {
    let mut text = String::from(what);
    for reason in &refusal.reasons {
        let _ = write!(text, "\n  - {}", Printable::new(&ours(reason)));
    }
    text.push('\n');
    text += &render::findings(&refusal.findings, Disposition::Rejected);
    text += &render::findings(&refusal.findings, Disposition::Ignored);
    text += &render::missing(&refusal.missing);
    text += &render::warnings(&refusal.warnings);
    text.trim_end().to_owned()
}
