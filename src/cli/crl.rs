//! `reroot crl`, and `reroot sign` with a plan of lists

use std::fmt::Write as _;
use std::path::Path;

use reroot::config::Config;
use reroot::ledger::{CrlRound, Ledger};
use reroot::revoke::due::{Limits, due};
use reroot::revoke::export::{Form, export};
use reroot::revoke::plan::{self, CrlCeremony, CrlSignJob, PlanJob};
use reroot::revoke::{Round, RoundJob, make};
use reroot::text::Printable;
use serde_json::{Value, json};

use super::args::{CrlArgs, CrlCommand, CrlExportArg, Format, SignArgs};
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World, load, render, revoke};

pub(crate) fn run(args: &CrlArgs, world: &World, printer: Printer) -> Result<Exit, Fault> {
    match &args.command {
        None => round(args, world, printer),
        Some(CrlCommand::Plan { out, published, valid, config }) => {
            plan_round(out, published.as_deref(), seconds("--valid", valid)?, config, world, printer)
        }
        Some(CrlCommand::Finish { signatures, out, config }) => finish(signatures, out, config, printer),
        Some(CrlCommand::Due { dir, ledger, before, waiting }) => {
            let limits = Limits { before: seconds("--before", before)?, waiting: seconds("--waiting", waiting)? };
            is_due(dir, ledger.as_deref(), limits, world, printer)
        }
        Some(CrlCommand::Export { to, out, config }) => write_export(*to, out, config, printer),
    }
}

fn round(args: &CrlArgs, world: &World, printer: Printer) -> Result<Exit, Fault> {
    let out = args.out.as_deref().expect("it is required without a subcommand");
    let config = load::config(&args.config, printer)?;
    let issuer = config.issuer_identity()?;
    let root = issuer.certificate().subject() == issuer.certificate().issuer();
    let default = if root { ROOT_VALID } else { VALID };
    let validity = seconds("--valid", args.valid.as_deref().unwrap_or(default))?;
    let signer = config.open_issuer_signer(&Secrets)?;
    let ledger = load::ledger(&config, issuer.spki(), args.new_ledger, printer)?;
    let job = RoundJob { issuer: &issuer, signer: &*signer, out, now: world.now, skew: SKEW, validity };
    let made = make(&job, &ledger)?;
    for note in signer.notes() {
        printer.warn(&format!("{note} (another token went on)"));
    }
    published(&made, out, &ledger, printer)
}

fn published(made: &Round, out: &Path, ledger: &Ledger, printer: Printer) -> Result<Exit, Fault> {
    let head = ledger.head()?;
    match printer.format {
        Format::Json => {
            let mut object = round_json(&made.round);
            object["outcome"] = json!("done");
            object["resumed"] = json!(made.resumed);
            object["out"] = json!(render::path_json(out));
            object["files"] = json!(made.files);
            object["signatures_made"] = json!(made.signatures_made);
            object["ledger_head"] = json!(head.to_string());
            printer.json(&object);
        }
        Format::Text => {
            if made.resumed {
                printer.say("an earlier run had begun this round");
            }
            let mut text = round_text(&made.round);
            let _ = writeln!(text, "{:<14}{}", "signatures", render::count(made.signatures_made));
            let _ = writeln!(text, "{:<14}{}", "written to", Printable::new(out));
            let _ = writeln!(text, "{:<14}{head}", "ledger head");
            printer.data(&text);
        }
    }
    Ok(Exit::Done)
}

fn plan_round(
    out: &Path,
    published: Option<&Path>,
    validity: i64,
    config: &Path,
    world: &World,
    printer: Printer,
) -> Result<Exit, Fault> {
    let config = load::config(config, printer)?;
    let issuer = config.issuer_identity()?;
    let certificate = config.manifest_certificate()?;
    let signer = config.open_manifest_signer(&Secrets)?;
    let ledger = load::ledger(&config, issuer.spki(), false, printer)?;
    let planner = (&certificate, &*signer);
    let job = PlanJob { issuer: &issuer, planner, out, published, now: world.now, skew: SKEW, validity };
    let round = plan::plan(&job, &ledger)?;
    match printer.format {
        Format::Json => {
            let mut object = round_json(&round);
            object["outcome"] = json!("done");
            object["plan"] = json!(render::path_json(out));
            object["ledger_head"] = json!(ledger.head()?.to_string());
            printer.json(&object);
        }
        Format::Text => {
            let mut text = round_text(&round);
            let _ = writeln!(text, "{:<14}{}", "written to", Printable::new(out));
            printer.data(&text);
            printer.say("next: `reroot sign` on the machine with the key, then `reroot crl finish`");
        }
    }
    Ok(Exit::Done)
}

fn finish(signatures: &Path, out: &Path, config: &Path, printer: Printer) -> Result<Exit, Fault> {
    let config = load::config(config, printer)?;
    let issuer = config.issuer_identity()?;
    let ledger = load::ledger(&config, issuer.spki(), false, printer)?;
    let made = plan::finish(signatures, &issuer, &ledger, out)?;
    published(&made, out, &ledger, printer)
}

/// Signs a plan of lists, on the machine that has the key.
pub(super) fn sign(args: &SignArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    let config: Config = load::config(&args.config, printer)?;
    let signing = config.signing()?;
    let issuer = config.issuer_identity()?;
    let signer = config.open_issuer_signer(&Secrets)?;
    let ledger = load::ledger(&config, issuer.spki(), args.new_ledger, printer)?;
    let job = CrlSignJob {
        plan: &args.plan,
        out: &args.out,
        issuer: &issuer,
        signer: &*signer,
        planners: &signing.planners,
        max_days: signing.max_days,
        now: world.now,
    };
    let round = plan::sign(&job, &ledger, &mut |ceremony| {
        printer.say(&in_words(ceremony));
        args.yes || revoke::confirmed(world, printer, "sign")
    })?;
    for note in signer.notes() {
        printer.warn(&format!("{note} (another token went on)"));
    }
    let head = ledger.head()?;
    match printer.format {
        Format::Json => {
            let mut object = round_json(&round);
            object["outcome"] = json!("done");
            object["signatures"] = json!(render::path_json(&args.out));
            object["ledger_head"] = json!(head.to_string());
            printer.json(&object);
        }
        Format::Text => {
            let mut text = round_text(&round);
            let _ = writeln!(text, "{:<14}{}", "written to", Printable::new(&args.out));
            let _ = writeln!(text, "{:<14}{head}", "ledger head");
            printer.data(&text);
        }
    }
    Ok(Exit::Done)
}

/// What a person needs to see before the key is used.
fn in_words(ceremony: &CrlCeremony) -> String {
    let CrlCeremony { plan_sha256, planner, round, changes, entries_before } = ceremony;
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<14}{value}");
    };
    line("plan", plan_sha256.to_string());
    line("planner", format!("`{}`", Printable::new(planner)));
    let sizes: Vec<u64> = round.lists.iter().skip(1).map(|list| list.entries).collect();
    if let (Some(least), Some(most)) = (sizes.iter().min(), sizes.iter().max()) {
        line("shards", format!("{} of {least} to {most} entries", sizes.len()));
    }
    let before =
        entries_before.map_or("the first round here".to_owned(), |count| format!("before {}", render::count(count)));
    line("changes", format!("{} certificates revoked or released since the last round here", render::count(*changes)));
    line("entries", format!("{} on the full list, {before}", render::count(round.lists[0].entries)));
    line("round", format!("{}, {} to {}", round.number, round.this_update, round.next_update));
    line("to sign", format!("{} revocation lists", render::count(round.lists.len() as u64)));
    text.trim_end().to_owned()
}

fn is_due(dir: &Path, ledger: Option<&Path>, limits: Limits, world: &World, printer: Printer) -> Result<Exit, Fault> {
    let ledger = ledger.map(Ledger::open_to_read).transpose()?;
    let found = due(dir, ledger.as_ref(), world.now, limits)?;
    let index = found.index.as_ref();
    match printer.format {
        Format::Json => printer.json(&json!({
            "due": !found.reasons.is_empty(),
            "reasons": found.reasons,
            "round": index.map(|index| index.round),
            "next_update": index.map(|index| &index.next_update),
        })),
        Format::Text => {
            let mut text = String::new();
            if let Some(index) = index {
                let _ = writeln!(text, "{:<14}{} to {}", "published", index.round, Printable::new(&index.next_update));
            }
            for reason in &found.reasons {
                let _ = writeln!(text, "{:<14}{}", "due", Printable::new(reason));
            }
            text += if found.reasons.is_empty() { "OK: no round is due\n" } else { "DUE: run `reroot crl`\n" };
            printer.data(&text);
        }
    }
    Ok(if found.reasons.is_empty() { Exit::Done } else { Exit::Findings })
}

fn write_export(to: CrlExportArg, out: &Path, config: &Path, printer: Printer) -> Result<Exit, Fault> {
    let config = load::config(config, printer)?;
    let issuer = config.issuer_identity()?;
    let ledger = load::ledger(&config, issuer.spki(), false, printer)?;
    let form = match to {
        CrlExportArg::AwsRevoke => Form::AwsRevoke,
        CrlExportArg::AzureDpsDisable => Form::AzureDpsDisable,
        CrlExportArg::Jsonl => Form::Jsonl,
    };
    let exported = export(&ledger, &issuer, form, out)?;
    match printer.format {
        Format::Json => printer.json(&json!({
            "out": render::path_json(out),
            "lines": exported.lines,
            "left_out": exported.left_out,
        })),
        Format::Text => {
            printer.data(&format!("{}\n", Printable::new(out)));
            printer.say(&format!("certificates: {}", render::count(exported.lines)));
        }
    }
    if exported.left_out > 0 {
        printer.warn(&format!("revoked certificates that this form cannot name: {}", exported.left_out));
    }
    Ok(Exit::Done)
}

fn round_text(round: &CrlRound) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{:<14}{}", "round", round.number);
    let _ = writeln!(text, "{:<14}{} to {}", "valid", round.this_update, round.next_update);
    let _ = writeln!(text, "{:<14}{} with the full one", "lists", render::count(round.lists.len() as u64));
    let _ = writeln!(text, "{:<14}{}", "entries", render::count(round.lists[0].entries));
    text
}

fn round_json(round: &CrlRound) -> Value {
    json!({
        "round": round.number,
        "this_update": round.this_update.to_string(),
        "next_update": round.next_update.to_string(),
        "lists": round.lists.iter().map(|list| json!({
            "urls": list.scope.urls(),
            "entries": list.entries,
            "tbs_sha256": list.tbs_sha256.to_string(),
        })).collect::<Vec<_>>(),
    })
}

/// `8d` or `36h`
fn seconds(option: &str, text: &str) -> Result<i64, Fault> {
    let unit = |text: &str| match text.as_bytes().last() {
        Some(b'd') => Some(86_400),
        Some(b'h') => Some(3_600),
        _ => None,
    };
    let number = unit(text).and_then(|unit| Some((text[..text.len() - 1].parse::<u32>().ok()?, unit)));
    match number {
        Some((number, unit)) if (1..=40_000).contains(&number) => Ok(i64::from(number) * unit),
        _ => Err(Fault::usage(format!("{option} `{}` is not days or hours", Printable::new(text)))
            .hint("Write days or hours, such as 8d or 36h.")),
    }
}

/// Seconds that thisUpdate is before the clock: for relying parties whose clock is slow.
const SKEW: i64 = 300;
const VALID: &str = "8d";
const ROOT_VALID: &str = "400d";
