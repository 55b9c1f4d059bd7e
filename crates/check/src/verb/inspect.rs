//! `reroot inspect`

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::num::NonZero;

use reroot_core::inspect::{EntryReport, Inspection, Judgement, Look, look, look_and_verify};
use reroot_core::origin::{Disposition, ItemName};
use reroot_core::reel::Limits;
use reroot_core::verify::{Family, SourceRules};
use reroot_core::x509::{Certificate, KeyAlgorithm};
use serde_json::{Value, json};

use crate::args::{Format, InspectArgs};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::printer::Printer;
use crate::progress::Counter;
use crate::world::World;
use crate::{load, render};

const NO_CONFIG: &str = "Name a trust anchor with --source-anchor, or a configuration that has one with --config.";

/// Shows what is in an archive.
pub fn run(args: &InspectArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    let inputs = load::inputs(&args.inputs)?;
    let counter = Counter::new(printer.terminal && printer.format == Format::Text);
    let scratch = std::env::temp_dir();
    let request = Look {
        inputs: &inputs,
        limits: Limits::default(),
        scratch: &scratch,
        entries: printer.format == Format::Json,
        advance: &|count| counter.advance(count),
        cancel: &world.cancel,
    };
    let seen = if args.verify {
        let anchors = if args.source_anchor.is_empty() {
            configured(args, world, printer)?
        } else {
            load::certificates(&args.source_anchor)?
        };
        let rules = match &args.policy {
            Some(path) => load::policy(path)?.source().clone(),
            None => usual_rules(),
        };
        let expected = args.expect.as_deref().map(|path| load::expected(path, rules.family)).transpose()?;
        let judgement = Judgement {
            anchors: &anchors,
            rules: &rules,
            expected: expected.as_ref().map(|(list, _)| list),
            at: world.now,
            jobs: std::thread::available_parallelism().map_or(1, NonZero::get),
            engine: load::engine(args.generic_verify),
        };
        look_and_verify(&request, &judgement, &mut *world.stdin)?
    } else {
        look(&request, &mut *world.stdin)?
    };
    counter.finish();
    if let Some(path) = &args.findings {
        seen.findings.write_to(path)?;
    }
    match printer.format {
        Format::Text => printer.data(&text(&seen, args.verify)),
        Format::Json => {
            let entries = seen.entries().map(|entry| Ok(entry_json(&entry?)));
            printer.json_with_list(&as_json(&seen, args.verify), "entries", entries)?;
        }
    }
    let flawed = if args.verify { seen.has_faults() } else { !seen.without_certificates.is_empty() };
    Ok(if flawed { Exit::Findings } else { Exit::Done })
}

/// The anchors that no option names.
fn configured(args: &InspectArgs, world: &World, printer: Printer) -> Result<Vec<Certificate>, Fault> {
    match world.configured(&args.config, printer, NO_CONFIG)? {
        Some(configured) => configured.source_anchors(),
        None => Err(Fault::usage("no trust anchor").hint("Name the root of the source leaves with --source-anchor.")),
    }
}

/// Without a policy: STSAFE-A, every key this program knows, no relaxation.
fn usual_rules() -> SourceRules {
    SourceRules {
        family: Family::StsafeA,
        keys: vec![
            KeyAlgorithm::P256,
            KeyAlgorithm::P384,
            KeyAlgorithm::P521,
            KeyAlgorithm::Ed25519,
            KeyAlgorithm::BrainpoolP256r1,
            KeyAlgorithm::BrainpoolP384r1,
        ],
        relax: vec![],
    }
}

fn text(seen: &Inspection, verified: bool) -> String {
    let mut text = String::new();
    for input in &seen.inputs {
        let _ = writeln!(
            text,
            "input        {} ({} bytes, sha256 {})",
            input.name,
            render::count(input.bytes),
            input.sha256
        );
    }
    let _ = writeln!(text, "items        {}", render::count(seen.items));
    let what = if verified { "verified" } else { "leaves" };
    let _ = writeln!(text, "{what:<12} {}", render::count(seen.leaves));
    groups(&mut text, "family", &seen.families);
    groups(&mut text, "issuer", &seen.issuers);
    groups(&mut text, "key", &seen.keys);
    if let Some((first, last)) = seen.not_before {
        let _ = writeln!(text, "not before   {first} to {last}");
    }
    if let Some((first, last)) = seen.not_after {
        let _ = writeln!(text, "not after    {first} to {last}");
    }
    if let Some((first, last)) = &seen.uids {
        let _ = writeln!(text, "UID          {first} to {last}");
    }
    for disposition in [Disposition::Rejected, Disposition::Ignored] {
        text += &render::findings(&seen.findings, disposition);
    }
    for input in &seen.without_certificates {
        let _ = writeln!(text, "no certificate in input {input}");
    }
    text += &render::missing(&seen.missing);
    text += &render::warnings(&seen.warnings);
    if !verified && seen.leaves > 0 {
        text.push_str("nothing was verified: add --verify\n");
    }
    text
}

fn groups(text: &mut String, name: &str, groups: &BTreeMap<String, u64>) {
    for (at, (group, count)) in groups.iter().enumerate() {
        let name = if at == 0 { name } else { "" };
        let _ = writeln!(text, "{name:<12} {} × {group}", render::count(*count));
    }
}

fn as_json(seen: &Inspection, verified: bool) -> Value {
    let range = |range: &Option<(String, String)>| range.as_ref().map(|(first, last)| json!([first, last]));
    json!({
        "verified": verified,
        "inputs": seen.inputs.iter().map(|input| json!({
            "name": input.name.as_str(), "bytes": input.bytes, "sha256": input.sha256.to_string(),
        })).collect::<Vec<_>>(),
        "items": seen.items,
        "leaves": seen.leaves,
        "families": seen.families,
        "issuers": seen.issuers,
        "keys": seen.keys,
        "not_before": range(&seen.not_before.map(|(a, b)| (a.to_string(), b.to_string()))),
        "not_after": range(&seen.not_after.map(|(a, b)| (a.to_string(), b.to_string()))),
        "uids": range(&seen.uids.as_ref().map(|(a, b)| (a.to_string(), b.to_string()))),
        "without_certificates": seen.without_certificates.iter().map(ItemName::as_str).collect::<Vec<_>>(),
        "missing": seen.missing.iter().map(render::missing_json).collect::<Vec<_>>(),
        "warnings": seen.warnings,
        "codes": render::codes_json(&seen.findings),
    })
}

/// One list an item: what takes it out, and what is only worth a look.
fn entry_json(entry: &EntryReport) -> Value {
    let mut findings: Vec<Value> = entry.findings.iter().map(render::finding_json).collect();
    findings.extend(entry.warnings.iter().map(|warning| {
        json!({ "disposition": "noted", "code": warning.code.as_str(), "reason": warning.reason, "item": entry.item })
    }));
    json!({ "item": entry.item, "uid": entry.uid, "findings": findings })
}
