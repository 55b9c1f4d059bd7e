//! `reroot crl`, and `reroot sign` with a plan of lists

use std::path::Path;

use reroot::approval::Approval;
use reroot::config::Config;
use reroot::durable::output::Shape;
use reroot::error::Error;
use reroot::ledger::Ledger;
use reroot::report::{Place, Table};
use reroot::revoke::due::{Limits, due};
use reroot::revoke::export::{Form, export};
use reroot::revoke::plan::{self, PlanJob};
use reroot::revoke::{Carried, ExportMade, Round, RoundCarried, RoundJob, RoundPublished, make};
use reroot::setup::{SignChoices, Vault};
use reroot::text::Printable;
use serde::Serialize;

use super::args::{CrlArgs, CrlCommand, CrlExportArg, Format, SignArgs};
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World, destination, load, render, revoke};

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
    load::place_unless_there(out, LISTS)?;
    let config = load::config(&args.config, printer)?;
    load::ending(&config, world, printer);
    let issuer = config.issuer_identity()?;
    let root = issuer.certificate().subject() == issuer.certificate().issuer();
    let default = if root { ROOT_VALID } else { VALID };
    let validity = seconds("--valid", args.valid.as_deref().unwrap_or(default))?;
    let signer = config.open_issuer_signer(&Secrets)?;
    let ledger = load::ledger(&config, issuer.spki(), args.new_ledger, printer)?;
    let job = RoundJob { issuer: &issuer, signer: &*signer, out, now: world.time(), skew: SKEW, validity };
    let made = make(&job, &ledger)?;
    printer.notes(signer.notes());
    published(&made, out, &ledger, printer)
}

fn published(made: &Round, out: &Path, ledger: &Ledger, printer: Printer) -> Result<Exit, Fault> {
    let report = RoundPublished { made, out, head: ledger.head()? };
    if made.resumed {
        printer.tell("an earlier run had started this round");
    }
    shown(&report, report.facts(), printer);
    Ok(Exit::Done)
}

fn shown(report: &impl Serialize, facts: Vec<(&'static str, String)>, printer: Printer) {
    match printer.format {
        Format::Json => printer.json(report),
        Format::Text => printer.data(&table(facts)),
    }
}

fn table(facts: Vec<(&'static str, String)>) -> String {
    let mut table = Table::new(14);
    table.extend(facts);
    table.finish()
}

fn plan_round(
    out: &Path,
    published: Option<&Path>,
    validity: i64,
    config: &Path,
    world: &World,
    printer: Printer,
) -> Result<Exit, Fault> {
    load::place_unless_there(out, Shape::PLAIN)?;
    let config = load::config(config, printer)?;
    let issuer = config.issuer_identity()?;
    let certificate = config.manifest_certificate()?;
    let signer = config.open_manifest_signer(&Secrets)?;
    let ledger = load::ledger(&config, issuer.spki(), false, printer)?;
    let planner = (&certificate, &*signer);
    let job = PlanJob { issuer: &issuer, planner, out, published, now: world.time(), skew: SKEW, validity };
    let round = plan::plan(&job, &ledger)?;
    let report = RoundCarried { round: &round, file: Carried::Plan(Place(out)), head: ledger.head()? };
    shown(&report, report.facts(), printer);
    printer.tell("next: `reroot sign` on the machine with the key, then `reroot crl finish`");
    Ok(Exit::Done)
}

fn finish(signatures: &Path, out: &Path, config: &Path, printer: Printer) -> Result<Exit, Fault> {
    load::place_unless_there(out, LISTS)?;
    let config = load::config(config, printer)?;
    let issuer = config.issuer_identity()?;
    let ledger = load::ledger(&config, issuer.spki(), false, printer)?;
    let made = plan::finish(signatures, &issuer, &ledger, out)?;
    published(&made, out, &ledger, printer)
}

/// Signs a plan of lists, on the machine that has the key.
pub(super) fn sign(
    args: &SignArgs,
    mut choices: SignChoices,
    world: &mut World,
    printer: Printer,
) -> Result<Exit, Fault> {
    load::place_unless_there(&choices.out, Shape::PLAIN)?;
    let config: Config = load::config(&args.config, printer)?;
    load::ending(&config, world, printer);
    choices.approvals = Approval::read_all(&args.approvals).map_err(Error::from)?;
    let vault = Vault::open(&config, &Secrets)?;
    let ledger = load::ledger(&config, vault.issuer_key(), args.new_ledger, printer)?;
    let now = world.time();
    let mut confirm = |ceremony: &plan::CrlCeremony| {
        printer.say(table(ceremony.facts()).trim_end());
        args.yes || revoke::confirmed(world, printer, "sign")
    };
    let round = vault.sign_lists(&choices, &ledger, &mut confirm, now)?;
    printer.notes(vault.notes());
    let file = Carried::Signatures(Place(&choices.out));
    let report = RoundCarried { round: &round, file, head: ledger.head()? };
    shown(&report, report.facts(), printer);
    Ok(Exit::Done)
}

fn is_due(dir: &Path, ledger: Option<&Path>, limits: Limits, world: &World, printer: Printer) -> Result<Exit, Fault> {
    let ledger = ledger.map(Ledger::open_to_read).transpose()?;
    let found = due(dir, ledger.as_ref(), world.now, limits)?;
    match printer.format {
        Format::Json => printer.json(&found),
        Format::Text => {
            let verdict = if found.reasons.is_empty() { "OK: no round is due\n" } else { "DUE: run `reroot crl`\n" };
            printer.data(&(table(found.facts()) + verdict));
        }
    }
    Ok(if found.reasons.is_empty() { Exit::Done } else { Exit::Findings })
}

fn write_export(to: CrlExportArg, out: &Path, config: &Path, printer: Printer) -> Result<Exit, Fault> {
    destination::check(out, printer)?;
    let config = load::config(config, printer)?;
    let issuer = config.issuer_identity()?;
    let ledger = load::ledger(&config, issuer.spki(), false, printer)?;
    let form = match to {
        CrlExportArg::AwsRevoke => Form::AwsRevoke,
        CrlExportArg::AzureDpsDisable => Form::AzureDpsDisable,
        CrlExportArg::Jsonl => Form::Jsonl,
    };
    let (content, exported) = export(&ledger, &issuer, form)?;
    destination::text(out, &content, printer)?;
    match printer.format {
        Format::Json => printer.json(&ExportMade::new(out, exported)),
        Format::Text => {
            printer.say(&format!("certificates: {}", render::count(exported.lines)));
        }
    }
    if exported.left_out > 0 {
        printer.warn(&format!("revoked certificates that this form cannot name: {}", exported.left_out));
    }
    Ok(Exit::Done)
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
/// A folder of lists, filled in its place, with the length of usual names in it.
const LISTS: Shape = Shape::directory(0, "shard-00000.crl".len());
const VALID: &str = "8d";
const ROOT_VALID: &str = "400d";
