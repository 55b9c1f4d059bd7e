//! `reroot policy show`

use std::fmt::Write as _;

use reroot_core::crypto::sha256;
use reroot_core::durable::Access;
use reroot_core::durable::output::{Shape, write_new};
use reroot_core::policy::Policy;
use reroot_core::preview::{Decided, PolicyLine, Preview, STAND_IN_BATCH, Shown, ShownField, ZONES, Zone, preview};
use reroot_core::x509::Time;
use serde_json::{Value, json};

use super::{Exit, Fault, Printer, World, instant, issuer, load};
use crate::args::{Format, ShowArgs};
use crate::render;
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
    let anchors = match &configured {
        Some(configured) if args.source_anchor.is_empty() => configured.source_anchors()?,
        _ => load::certificates(&args.source_anchor)?,
    };
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
        Format::Json => printer.json(&as_json(&policy, at, &shown)),
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
    let mut text = String::new();
    let leaf = &shown.leaf;
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<NAME$}{}", Printable::new(value));
    };
    line("policy", &format!("`{}`, {}", policy.name(), policy.file_name()));
    line("leaf", &format!("{}, {} with a {} key", leaf.uid, leaf.family, leaf.key));
    line("leaf's subject", &leaf.subject);
    line("leaf's anchor", &leaf.anchor);
    if !leaf.relaxations.is_empty() {
        line("relaxations", &leaf.relaxations.join(", "));
    }
    line("issued at", &format!("{at}, in batch {STAND_IN_BATCH} (a stand-in)"));
    for warning in &leaf.warnings {
        line("note", &format!("{} [{}]", warning.reason, warning.code));
    }
    text.push('\n');
    for field in &shown.fields {
        show_field(&mut text, field);
    }
    text.push('\n');
    let size = vec![
        format!("tbsCertificate {} octets", shown.tbs_octets),
        format!("certificate at most {} octets (any leaf of this policy, the largest signature)", shown.max_octets),
    ];
    show_value(&mut text, "size", &size);
    if let Some(line) = &shown.max_octets_line {
        show_line(&mut text, line);
    }
    let (fits, small): (Vec<&Zone>, Vec<&Zone>) = ZONES.iter().partition(|zone| zone.fits(shown.max_octets));
    show_value(&mut text, "zones it fits", &zones(&fits));
    show_value(&mut text, "zones too small", &zones(&small));
    if shown.findings.is_empty() {
        show_value(&mut text, "findings", &["none: it would be issued".to_owned()]);
    }
    for finding in &shown.findings {
        let message = format!("{}: {}: {}", finding.code, finding.field, finding.message);
        show_value(&mut text, "FINDING", &[message]);
        show_line(&mut text, &finding.line);
    }
    text
}

fn show_field(text: &mut String, field: &ShownField) {
    let critical = if field.critical { ", critical" } else { "" };
    show_value(text, &format!("{}{critical}", field.name), &field.value);
    match &field.decided {
        Decided::Elsewhere(what) => {
            let _ = writeln!(text, "{:NAME$}  <- {what}", "");
        }
        Decided::Policy(line) => show_line(text, line),
    }
}

/// A name and its value, the value's lines below each other; a name too long for its column has its own line.
fn show_value(text: &mut String, name: &str, value: &[String]) {
    let mut name = name;
    if name.len() >= NAME {
        let _ = writeln!(text, "{name}");
        name = "";
    }
    for line in value {
        let _ = writeln!(text, "{name:<NAME$}{}", Printable::new(line));
        name = "";
    }
}

fn show_line(text: &mut String, line: &PolicyLine) {
    let mut place = format!("<- line {}: ", line.line);
    for part in &line.text {
        let _ = writeln!(text, "{:NAME$}  {place}{}", "", Printable::new(part));
        place = " ".repeat(place.len());
    }
}

/// One line for each part.
fn zones(zones: &[&Zone]) -> Vec<String> {
    let mut lines: Vec<(&str, Vec<String>)> = Vec::new();
    for zone in zones {
        let shown = format!("{} ({} octets)", zone.zones, zone.octets);
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

fn as_json(policy: &Policy, at: Time, shown: &Shown) -> Value {
    let leaf = &shown.leaf;
    let line = |line: &PolicyLine| json!({ "path": line.path, "line": line.line, "text": line.text });
    let fields: Vec<Value> = shown
        .fields
        .iter()
        .map(|field| {
            let (by_policy, otherwise) = match &field.decided {
                Decided::Elsewhere(what) => (Value::Null, json!(what)),
                Decided::Policy(place) => (line(place), Value::Null),
            };
            json!({
                "name": field.name,
                "oid": field.oid.map(|oid| oid.to_string()),
                "critical": field.oid.map(|_| field.critical),
                "value": field.value,
                "policy": by_policy,
                "otherwise": otherwise,
            })
        })
        .collect();
    let zones: Vec<Value> = ZONES
        .iter()
        .map(|zone| {
            json!({ "part": zone.part, "zones": zone.zones, "octets": zone.octets, "fits": zone.fits(shown.max_octets) })
        })
        .collect();
    let findings: Vec<Value> = shown
        .findings
        .iter()
        .map(|finding| {
            json!({
                "code": finding.code.as_str(),
                "field": finding.field,
                "message": finding.message,
                "policy": line(&finding.line),
            })
        })
        .collect();
    json!({
        "would_be_issued": shown.findings.is_empty(),
        "policy": { "file": policy.file_name(), "name": policy.name(), "sha256": sha256(policy.bytes()).to_string() },
        "issued_at": at.to_string(),
        "batch": STAND_IN_BATCH,
        "leaf": {
            "uid": leaf.uid,
            "family": leaf.family,
            "subject": leaf.subject,
            "key": leaf.key,
            "sha256": leaf.sha256.to_string(),
            "anchor": leaf.anchor,
            "relaxations": leaf.relaxations,
            "warnings": leaf.warnings.iter().map(|warning| json!({
                "code": warning.code.as_str(), "message": warning.reason,
            })).collect::<Vec<_>>(),
        },
        "fields": fields,
        "size": { "tbs": shown.tbs_octets, "certificate_at_most": shown.max_octets, "policy": shown.max_octets_line.as_ref().map(line) },
        "zones": zones,
        "findings": findings,
    })
}
