//! `reroot sign`

use std::fmt::Write as _;
use std::io::Read as _;

use reroot::issue::Issuer;
use reroot::pipeline::{self, Local, Outcome, Sign, SignJob, Signed};
use reroot::plan::Ceremony;
use reroot::text::Printable;
use serde_json::{Value, json};

use super::args::{Format, SignArgs};
use super::progress::Bars;
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World, crl, issue, load, render};

pub(crate) fn run(args: &SignArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    issue::check_reason("--accept-clock", args.accept_clock.as_deref())?;
    if reroot::revoke::plan::is_plan(&args.plan) {
        return crl::sign(args, world, printer);
    }
    let config = load::config(&args.config, printer)?;
    let signing = config.signing()?;
    let anchors = config.anchors()?;
    let issuer = Issuer::new(config.issuer_identity()?, config.open_issuer_signer(&Secrets)?)?;
    let ledger = load::ledger(&config, issuer.identity().spki(), args.new_ledger, printer)?;
    let job = SignJob {
        plan: &args.plan,
        out: &args.out,
        issuer: issuer.identity(),
        anchors: &anchors,
        planners: &signing.planners,
        policies: &signing.policies,
        max_days: signing.max_days,
        now: world.now,
        accept_clock: args.accept_clock.as_deref(),
        jobs: args.jobs.unwrap_or_else(issue::cores),
    };
    let bars = Bars::new(printer.terminal && printer.format == Format::Text);
    let stdin = &mut world.checking.stdin;
    let mut confirm = |ceremony: &Ceremony| {
        printer.say(&in_words(ceremony));
        if args.yes {
            return true;
        }
        printer.warn("the CA key signs all of it when you type `sign`");
        let mut answer = String::new();
        let mut octet = [0];
        while !answer.ends_with('\n') && answer.len() < 64 && stdin.read(&mut octet).unwrap_or(0) == 1 {
            answer.push(char::from(octet[0]));
        }
        answer.trim() == "sign"
    };
    let task = Sign { job: &job, confirm: &mut confirm };
    let authority = Local { issuer: &issuer };
    let outcome = pipeline::run(task, &ledger, &authority, &bars, &world.checking.cancel)?;
    for note in issuer.notes() {
        printer.warn(&format!("{note} (another token went on)"));
    }
    let (word, signed) = match &outcome {
        Outcome::AlreadyDone(signed) => ("already-done", signed),
        Outcome::Done(signed) => ("done", signed),
        Outcome::DryRun(_) | Outcome::Refused(_) => unreachable!("a plan is signed whole or not at all"),
    };
    match printer.format {
        Format::Json => printer.json(&as_json(word, signed, args)),
        Format::Text => {
            if word == "already-done" {
                let out = Printable::new(&args.out);
                printer.say(&format!("already done: `{out}` holds the signatures of batch {}", signed.batch));
            }
            printer.data(&text(signed, args));
        }
    }
    Ok(Exit::Done)
}

/// What a person needs to see before the key is used. What decides stands last, right above the question: what stands
/// before it grows with what the plan chose, and can leave the screen.
fn in_words(ceremony: &Ceremony) -> String {
    let mut text = render::warnings(&ceremony.warnings);
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<14}{}", Printable::new(value));
    };
    line("plan", &ceremony.plan_sha256.to_string());
    line("planner", &format!("`{}`, SHA-256 {}", ceremony.planner.0, ceremony.planner.1));
    line("batch", &ceremony.batch);
    line("issued at", &ceremony.issued_at.to_string());
    for (anchor, count) in &ceremony.anchors {
        line("leaves", &format!("{} verified under `{anchor}`", render::count(*count)));
    }
    for (name, shown) in ["first", "last"].iter().zip(&ceremony.shown) {
        line(name, &format!("chip {}, serial {}", shown.uid, shown.serial));
        line("", &format!("subject `{}`", shown.subject));
        line("", &format!("valid {} to {}", shown.not_before, shown.not_after));
    }
    for relaxation in &ceremony.relaxations {
        line("relaxation", relaxation.as_str());
    }
    for (name, value) in &ceremony.params {
        line("parameter", &format!("{name} = {value}"));
    }
    if ceremony.resumed {
        line("resumed", "an earlier run of this command has begun to sign this plan");
    }
    line("issuing CA", &ceremony.issuer);
    if let Some(reason) = &ceremony.reissue {
        line("REISSUE", &format!("chips get another certificate: {reason}"));
    }
    line("policy", &format!("{}, SHA-256 {}", ceremony.policy.0, ceremony.policy.1));
    // a long reason can take the word above it off the screen
    let again = if ceremony.reissue.is_some() { ", all of them a REISSUE" } else { "" };
    line("to sign", &format!("{} certificates{again}", render::count(ceremony.count)));
    text.trim_end().to_owned()
}

fn text(signed: &Signed, args: &SignArgs) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<12}{value}");
    };
    line("batch", signed.batch.clone());
    line("signed", render::count(signed.count));
    line("signatures", render::count(signed.signatures_made));
    line("plan", signed.plan_sha256.to_string());
    line("written to", format!("{} ({} bytes)", Printable::new(&args.out), render::count(signed.bytes)));
    line("its SHA-256", signed.file_sha256.to_string());
    line("ledger head", signed.head.to_string());
    text
}

fn as_json(word: &str, signed: &Signed, args: &SignArgs) -> Value {
    json!({
        "outcome": word,
        "batch": signed.batch,
        "plan_sha256": signed.plan_sha256.to_string(),
        "signatures": render::path_json(&args.out),
        "count": signed.count,
        "signatures_made": signed.signatures_made,
        "bytes": signed.bytes,
        "signatures_sha256": signed.file_sha256.to_string(),
        "resumed": signed.resumed,
        "ledger_head": signed.head.to_string(),
    })
}
