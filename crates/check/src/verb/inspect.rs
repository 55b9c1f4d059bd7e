//! `reroot inspect`

use std::collections::BTreeMap;

use reroot_core::inspect::{Inspection, Judgement, Look, look, look_and_verify};
use reroot_core::origin::Disposition;
use reroot_core::parallel;
use reroot_core::reel::{InputRecord, Limits};
use reroot_core::report::Table;
use reroot_core::verify::{Family, SourceRules};
use reroot_core::x509::KeyAlgorithm;

use crate::args::{Format, InspectArgs};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::printer::Printer;
use crate::progress::Counter;
use crate::world::{Configured, World};
use crate::{anchors, load, render};

const NO_CONFIG: &str = "Name a trust anchor with --source-anchor, or a configuration that has one with --config.";

/// Shows what is in an archive.
pub fn run(args: &InspectArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    let inputs = load::inputs(&args.inputs)?;
    let counter = Counter::new(printer.draws());
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
        let configured = if args.source_anchor.is_empty() { Some(configured(args, world, printer)?) } else { None };
        let anchors = anchors::source(&args.source_anchor, configured.as_deref())?;
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
            jobs: parallel::cores(),
            engine: load::engine(args.generic),
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
        Format::Text => printer.data(&text(&seen)),
        Format::Json => {
            let entries = seen.entries().map(|entry| Ok(render::document(&entry?)));
            printer.json_with_list(&seen, "entries", entries)?;
        }
    }
    let flawed = if args.verify { seen.has_faults() } else { !seen.without_certificates.is_empty() };
    Ok(if flawed { Exit::Findings } else { Exit::Done })
}

/// Where the anchors are that no option names.
fn configured(args: &InspectArgs, world: &World, printer: Printer) -> Result<Box<dyn Configured>, Fault> {
    world
        .configured(&args.config, printer, NO_CONFIG)?
        .ok_or_else(|| Fault::usage("no trust anchor").hint("Name the root of the source leaves with --source-anchor."))
}

/// Without a policy: STSAFE-A, every key this program knows, no relaxation.
fn usual_rules() -> SourceRules {
    SourceRules { family: Family::StsafeA, keys: KeyAlgorithm::SUBJECTS.to_vec(), relax: vec![] }
}

/// A folder of thousands of files is one line; JSON has each file with its digest.
fn inputs_by_folder(table: &mut Table, inputs: &[InputRecord]) {
    let mut folders: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for input in inputs {
        let name = input.name.to_string();
        let folder = name.rsplit_once('/').map_or(".", |(folder, _)| folder);
        let (files, bytes) = folders.entry(folder.to_owned()).or_default();
        *files += 1;
        *bytes += input.bytes;
    }
    for (folder, (files, bytes)) in folders {
        let (files, bytes) = (render::count(files), render::count(bytes));
        table.line("inputs", format!("{files} in {folder} ({bytes} bytes; --format json lists them)"));
    }
}

/// Inputs that are named one by one.
const MAX_INPUTS: usize = 10;

fn text(seen: &Inspection) -> String {
    let mut table = Table::new(13);
    if seen.inputs.len() > MAX_INPUTS {
        inputs_by_folder(&mut table, &seen.inputs);
    } else {
        for input in &seen.inputs {
            let bytes = render::count(input.bytes);
            table.line("input", format!("{} ({bytes} bytes, sha256 {})", input.name, input.sha256));
        }
    }
    table.line("items", render::count(seen.items));
    table.line(if seen.verified { "verified" } else { "leaves" }, render::count(seen.leaves));
    for (name, groups) in [("family", &seen.families), ("issuer", &seen.issuers), ("key", &seen.keys)] {
        let groups = groups.iter().map(|(group, count)| format!("{} × {group}", render::count(*count)));
        table.lines(name, &groups.collect::<Vec<_>>());
    }
    if let Some((first, last)) = seen.not_before {
        table.line("not before", format!("{first} to {last}"));
    }
    if let Some((first, last)) = seen.not_after {
        table.line("not after", format!("{first} to {last}"));
    }
    if let Some((first, last)) = &seen.uids {
        table.line("UID", format!("{first} to {last}"));
    }
    for disposition in [Disposition::Rejected, Disposition::Ignored] {
        table.text(&render::findings(&seen.findings, disposition));
    }
    for input in &seen.without_certificates {
        table.text(&format!("no certificate in input {input}\n"));
    }
    table.text(&render::missing(&seen.missing));
    table.text(&render::warnings(&seen.warnings));
    if !seen.verified && seen.leaves > 0 {
        table.text("nothing was verified: add --verify\n");
    }
    table.finish()
}
