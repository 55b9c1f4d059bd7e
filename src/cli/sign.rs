//! `reroot sign`

use std::fmt::Write as _;
use std::io::Read as _;

use reroot::issue::Issuer;
use reroot::plan::{Ceremony, SignJob, SignOutcome, Signed, sign};
use serde_json::{Value, json};

use super::args::{Format, SignArgs};
use super::progress::Bars;
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World, issue, load, plan, render};

pub(crate) fn run(args: &SignArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    issue::check_reason("--accept-clock", args.accept_clock.as_deref())?;
    let config = load::config(&args.config)?;
    let signing = config.signing()?;
    let anchors = config.anchors()?;
    let issuer = Issuer::new(config.issuer_identity()?, config.open_issuer_signer(&Secrets)?)?;
    let ledger = plan::ledger(config.ledger_path(), issuer.identity().spki(), args.new_ledger)?;
    let job = SignJob {
        plan: &args.plan,
        out: &args.out,
        issuer: &issuer,
        anchors: &anchors,
        planners: &signing.planners,
        policies: &signing.policies,
        max_days: signing.max_days,
        now: world.now,
        accept_clock: args.accept_clock.as_deref(),
        jobs: args.jobs.unwrap_or_else(issue::cores),
    };
    let bars = Bars::new(printer.terminal && printer.format == Format::Text);
    let stdin = &mut world.stdin;
    let outcome = sign(&job, &ledger, &bars, &world.cancel, &mut |ceremony| {
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
    })?;
    for note in issuer.notes() {
        printer.warn(&format!("{note} (another token went on)"));
    }
    let (word, signed) = match &outcome {
        SignOutcome::AlreadyDone(signed) => ("already-done", signed),
        SignOutcome::Done(signed) => ("done", signed),
    };
    match printer.format {
        Format::Json => printer.json(&as_json(word, signed, args)),
        Format::Text => {
            if word == "already-done" {
                let out = render::path(&args.out);
                printer.say(&format!("already done: `{out}` holds the signatures of batch {}", signed.batch));
            }
            printer.data(&text(signed, args));
        }
    }
    Ok(Exit::Done)
}

/// What a person needs to see before the key is used.
fn in_words(ceremony: &Ceremony) -> String {
    let mut text = render::warnings(&ceremony.warnings);
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<14}{value}");
    };
    line("to sign", &format!("{} certificates", render::count(ceremony.count)));
    line("issuing CA", &ceremony.issuer);
    line("policy", &format!("{}, SHA-256 {}", ceremony.policy.0, ceremony.policy.1));
    for (name, value) in &ceremony.params {
        line("parameter", &format!("{name} = {}", render::escape(value)));
    }
    if let Some(reason) = &ceremony.reissue {
        line("REISSUE", &format!("chips get another certificate: {}", render::escape(reason)));
    }
    for relaxation in &ceremony.relaxations {
        line("relaxation", relaxation);
    }
    for (anchor, count) in &ceremony.anchors {
        line("leaves", &format!("{} verified under `{anchor}`", render::count(*count)));
    }
    for (name, shown) in ["first", "last"].iter().zip(&ceremony.shown) {
        line(name, &format!("chip {}, serial {}", shown.uid, shown.serial));
        line("", &format!("subject `{}`", shown.subject));
        line("", &format!("valid {} to {}", shown.not_before, shown.not_after));
    }
    line("issued at", &ceremony.issued_at.to_string());
    line("batch", &ceremony.batch);
    line("planner", &format!("`{}`, SHA-256 {}", ceremony.planner.0, ceremony.planner.1));
    line("plan", &ceremony.plan_sha256.to_string());
    if ceremony.resumed {
        line("resumed", "an earlier run of this command has begun to sign this plan");
    }
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
    line("written to", format!("{} ({} bytes)", args.out.display(), render::count(signed.bytes)));
    line("ledger head", signed.head.to_string());
    text
}

fn as_json(word: &str, signed: &Signed, args: &SignArgs) -> Value {
    json!({
        "outcome": word,
        "batch": signed.batch,
        "plan_sha256": signed.plan_sha256.to_string(),
        "signatures": args.out.display().to_string(),
        "count": signed.count,
        "signatures_made": signed.signatures_made,
        "bytes": signed.bytes,
        "resumed": signed.resumed,
        "ledger_head": signed.head.to_string(),
    })
}
