//! `reroot policy show`

use reroot_core::durable::Access;
use reroot_core::durable::output::{Shape, write_new};
use reroot_core::policy::Policy;
use reroot_core::preview::{Decided, PolicyLine, Preview, STAND_IN_BATCH, Shown, ShownField, ZONES, Zone, preview};
use reroot_core::report::{ShownUnder, Table};
use reroot_core::x509::Time;

use super::{Exit, Fault, Printer, World, instant, issuer, load};
use crate::args::{Format, ShowArgs};
use crate::{anchors, render};
use reroot_core::text::Printable;

/// The certificate that would be issued for one leaf, field by field.
pub(super) fn run(args: &ShowArgs, world: &World, printer: Printer) -> Result<Exit, Fault> {
    args.der.as_deref().map_or(Ok(()), |path| load::place(path, Shape::PLAIN))?;
    let policy = load::policy(&args.file)?;
    let params = policy.params(&load::params(&args.set)?)?;
    let at = instant(args.at.as_deref(), world)?;
    let wanted = args.issuer.is_none() || args.source_anchor.is_empty();
    let configured = match &world.configuration {
        Some(_) if wanted && !args.config.exists() => return Err(no_configuration(args)),
        Some(configuration) if wanted => Some(configuration.load(&args.config, printer, NO_CONFIG)?),
        None if wanted => return Err(nothing_to_show_with(args)),
        _ => None,
    };
    let identity = match (&args.issuer, &configured) {
        (Some(path), _) => issuer(path)?,
        (None, Some(configured)) => configured.issuer()?,
        (None, None) => unreachable!("without it the configuration was read"),
    };
    let anchors = anchors::source(&args.source_anchor, configured.as_deref())?;
    let request = Preview {
        policy: &policy,
        params,
        issuer: &identity,
        anchors: &anchors,
        leaf: &load::bytes("leaf", &args.leaf)?,
        name: &render::path_json(&args.leaf),
        at,
    };
    let shown = match preview(&request)? {
        Ok(shown) => shown,
        Err(finding) => {
            let reason = printer.value(&finding.reason);
            printer.failure(&format!("{}: {reason} [{}]", finding.item, finding.code), None);
            return Ok(Exit::Input);
        }
    };
    if let Some(path) = &args.der {
        write_new(path, Access::Public, &shown.unsigned)?;
    }
    match printer.format {
        Format::Text => printer.data(&text(&policy, at, &shown)),
        Format::Json => printer.json(&ShownUnder { policy: &policy, at, shown: &shown }),
    }
    if shown.findings.is_empty() {
        return Ok(Exit::Done);
    }
    printer.failure("this certificate would not be issued: the leaf would be rejected with these findings", None);
    Ok(Exit::Input)
}

/// What must be known before anything can be shown, as far as no option names it.
fn missing(args: &ShowArgs) -> &'static str {
    match (&args.issuer, args.source_anchor.is_empty()) {
        (None, true) => "the issuing CA and the trust anchors of the leaf",
        (None, false) => "the issuing CA",
        (Some(_), _) => "the trust anchors of the leaf",
    }
}

fn no_configuration(args: &ShowArgs) -> Fault {
    let config = Printable::new(&args.config);
    Fault::usage(format!("there is no configuration `{config}` to name {}", missing(args))).hint(NO_CONFIG)
}

/// The same in a program without a configuration.
fn nothing_to_show_with(args: &ShowArgs) -> Fault {
    Fault::usage(format!("no option names {}", missing(args)))
        .hint("Give the CA's certificate with --issuer and the root of the leaf with --source-anchor.")
}

const NO_CONFIG: &str = "Name one with --config (`reroot init DIR` makes it), or give the CA's certificate with --issuer \
                         and the root of the leaf with --source-anchor.";

/// Width of a field's name.
const NAME: usize = 24;

fn text(policy: &Policy, at: Time, shown: &Shown) -> String {
    let mut table = Table::new(NAME);
    let leaf = &shown.leaf;
    table.line("policy", format!("`{}`, {}", policy.name(), policy.file_name()));
    table.line("leaf", format!("{}, {} with a {} key", leaf.uid, leaf.family, leaf.key));
    table.line("leaf's subject", &leaf.subject);
    table.line("leaf's anchor", &leaf.anchor);
    if !leaf.relaxations.is_empty() {
        table.line("relaxations", leaf.relaxations.join(", "));
    }
    table.line("issued at", format!("{at}, in batch {STAND_IN_BATCH} (a stand-in)"));
    for warning in &leaf.warnings {
        table.line("note", format!("{} [{}]", warning.reason, warning.code));
    }
    table.text("\n");
    shown.fields.iter().for_each(|field| show_field(&mut table, field));
    table.text("\n");
    let most = "(any leaf of this policy, the largest signature)";
    let size = [
        format!("tbsCertificate {} bytes", shown.tbs_bytes),
        format!("certificate at most {} bytes {most}", shown.max_bytes),
    ];
    table.lines("size", &size);
    if let Some(line) = &shown.max_bytes_line {
        show_line(&mut table, line);
    }
    let (fits, small): (Vec<&Zone>, Vec<&Zone>) = ZONES.iter().partition(|zone| zone.fits(shown.max_bytes));
    table.lines("zones it fits", &zones(&fits));
    table.lines("zones too small", &zones(&small));
    if shown.findings.is_empty() {
        table.line("findings", "none: it would be issued");
    }
    for finding in &shown.findings {
        table.line("FINDING", format!("{}: {}: {}", finding.code, finding.field, finding.message));
        show_line(&mut table, &finding.line);
    }
    table.finish()
}

fn show_field(table: &mut Table, field: &ShownField) {
    let critical = if field.critical { ", critical" } else { "" };
    table.lines(&format!("{}{critical}", field.name), &field.value);
    match &field.decided {
        Decided::Elsewhere(what) => table.line("", format!("  <- {what}")),
        Decided::Policy(line) => show_line(table, line),
    }
}

fn show_line(table: &mut Table, line: &PolicyLine) {
    let mut place = format!("<- line {}: ", line.line);
    for part in &line.text {
        table.line("", format!("  {place}{part}"));
        place = " ".repeat(place.len());
    }
}

/// One line for each part.
fn zones(zones: &[&Zone]) -> Vec<String> {
    let mut lines: Vec<(&str, Vec<String>)> = Vec::new();
    for zone in zones {
        let shown = format!("{} ({} bytes)", zone.zones, zone.bytes);
        match lines.last_mut() {
            Some((part, list)) if *part == zone.part => list.push(shown),
            _ => lines.push((zone.part, vec![shown])),
        }
    }
    if lines.is_empty() {
        return vec!["none".to_owned()];
    }
    lines.into_iter().map(|(part, list)| format!("{part}: zones {}", list.join(", "))).collect()
}
