//! `reroot plan`

use std::fmt::Write as _;

use reroot::pipeline::{self, AirGapped, Authority, ExternalFile, Outcome, Plan, Planned};
use reroot::text::Printable;
use serde_json::{Value, json};

use super::args::{Format, PlanArgs};
use super::issue::{self, Surroundings};
use super::progress::Bars;
use super::{Exit, Fault, Printer, World, load, render};

pub(crate) fn run(args: &PlanArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    let around = Surroundings::load(&args.issue, printer)?.with_manifest_signer()?;
    let ledger = load::ledger(&around.config, around.issuer.spki(), args.new_ledger, printer)?;
    let job = around.job(&args.issue, world, issue::CHUNK_SIZE);
    let bars = Bars::new(printer.terminal && printer.format == Format::Text);
    let authority: &dyn Authority = if args.foreign { &ExternalFile::to_ask() } else { &AirGapped::to_ask() };
    let task = Plan { job: &job, stdin: &mut *world.checking.stdin };
    let outcome = pipeline::run(task, &ledger, authority, &bars, &world.checking.cancel)?;
    for note in around.notes() {
        printer.warn(&format!("{note} (another token went on)"));
    }
    Ok(report(&outcome, args, printer))
}

fn report(outcome: &Outcome<Planned>, args: &PlanArgs, printer: Printer) -> Exit {
    if printer.format == Format::Json {
        printer.json(&as_json(outcome, args));
    }
    let text = printer.format == Format::Text;
    match outcome {
        Outcome::AlreadyDone(planned) => {
            if text {
                let out = Printable::new(&args.issue.out);
                printer.say(&format!("already done: `{out}` is the plan of batch {}", planned.summary.batch));
                printer.data(&in_words(planned, args));
            }
            exit(planned)
        }
        Outcome::Done(planned) => {
            if text {
                printer.data(&in_words(planned, args));
            }
            exit(planned)
        }
        Outcome::DryRun(summary) => {
            if text {
                printer.say("dry run: nothing was recorded or written");
                printer.data(&issue::text(summary, &args.issue.out, args.issue.timings));
            }
            Exit::Done
        }
        Outcome::Refused(refusal) => {
            if text {
                issue::say_refused("nothing was planned", refusal, issue::refused_hint(refusal), printer);
            }
            issue::refused_exit(refusal)
        }
    }
}

fn exit(planned: &Planned) -> Exit {
    let summary = &planned.summary;
    if summary.rejected > 0 || !summary.reasons.is_empty() { Exit::Findings } else { Exit::Done }
}

fn in_words(planned: &Planned, args: &PlanArgs) -> String {
    let summary = &planned.summary;
    let mut text = issue::text(summary, &args.issue.out, args.issue.timings);
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<12}{value}");
    };
    line("batch", summary.batch.clone());
    line("issued at", summary.issued_at.to_string());
    line("plan", planned.plan_sha256.to_string());
    line("written to", format!("{} ({} bytes)", Printable::new(&args.issue.out), render::count(planned.bytes)));
    text
}

fn as_json(outcome: &Outcome<Planned>, args: &PlanArgs) -> Value {
    let (word, planned) = match outcome {
        Outcome::AlreadyDone(planned) => ("already-done", planned),
        Outcome::Done(planned) => ("done", planned),
        Outcome::DryRun(summary) => {
            let mut object = json!({ "outcome": "dry-run", "counts": { "items": summary.items, "leaves": summary.issued,
                "rejected": summary.rejected, "ignored": summary.ignored }, "warnings": summary.warnings });
            render::findings_json(&mut object, &summary.findings);
            return object;
        }
        Outcome::Refused(refusal) => return issue::refusal_json(refusal),
    };
    let summary = &planned.summary;
    let mut object = json!({
        "outcome": word,
        "batch": summary.batch,
        "issued_at": summary.issued_at.to_string(),
        "plan": render::path_json(&args.issue.out),
        "plan_sha256": planned.plan_sha256.to_string(),
        "bytes": planned.bytes,
        "counts": {
            "items": summary.items,
            "leaves": summary.issued,
            "rejected": summary.rejected,
            "ignored": summary.ignored,
        },
        "reasons": summary.reasons,
        "missing": summary.missing,
        "ledger_head": summary.head.map(|digest| digest.to_string()),
        "warnings": summary.warnings,
    });
    render::findings_json(&mut object, &summary.findings);
    object
}
