//! `reroot policy check | show | shipped | reference`

use std::path::{Path, PathBuf};

use reroot::policy;
use reroot::preview::{Preview, preview};
use serde_json::json;

use super::args::{Format, PolicyCommand};
use super::{Exit, Fault, Printer, World, load};

pub(crate) fn run(command: &PolicyCommand, world: &World, printer: Printer) -> Result<Exit, Fault> {
    match command {
        PolicyCommand::Check { files } => check(files, printer),
        PolicyCommand::Show { file, leaf, set, config } => show(file, leaf, set, config, world, printer),
        PolicyCommand::Shipped { name } => shipped(name.as_deref(), printer),
        PolicyCommand::Reference => {
            printer.data(&policy::reference_markdown());
            Ok(Exit::Done)
        }
    }
}

/// Lists the mistakes of every file, not only of the first bad one.
fn check(files: &[PathBuf], printer: Printer) -> Result<Exit, Fault> {
    let mut exit = Exit::Done;
    for file in files {
        match load::policy(file) {
            Ok(policy) => match printer.format {
                Format::Text => printer.data(&format!("{}: good: `{}`\n", file.display(), policy.name())),
                Format::Json => printer.json(&json!({ "file": file.display().to_string(), "name": policy.name() })),
            },
            Err(Fault::Library(error)) => {
                printer.error(&error);
                exit = Exit::of(&error);
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(exit)
}

fn shipped(name: Option<&str>, printer: Printer) -> Result<Exit, Fault> {
    let Some(name) = name else {
        for (name, _) in policy::SHIPPED {
            printer.data(&format!("{}\n", name.trim_end_matches(".toml")));
        }
        return Ok(Exit::Done);
    };
    match policy::SHIPPED.iter().find(|(file, _)| file.trim_end_matches(".toml") == name) {
        Some((_, text)) => {
            printer.data(text);
            Ok(Exit::Done)
        }
        None => {
            Err(Fault::usage(format!("there is no shipped policy {name:?}"))
                .hint("`reroot policy shipped` lists them."))
        }
    }
}

/// The certificate that would be issued for one leaf, field by field.
fn show(
    file: &Path,
    leaf: &Path,
    set: &[String],
    config: &Path,
    world: &World,
    printer: Printer,
) -> Result<Exit, Fault> {
    let policy = load::policy(file)?;
    let params = policy.params(&load::params(set)?)?;
    let config = load::config(config)?;
    let identity = config.issuer_identity()?;
    let anchors = config.anchors()?;
    let request = Preview {
        policy: &policy,
        params,
        issuer: &identity,
        anchors: &anchors,
        leaf: &load::bytes("leaf", leaf)?,
        name: &leaf.display().to_string(),
        at: world.now,
    };
    match preview(&request)? {
        Ok(shown) => {
            match printer.format {
                Format::Text => {
                    for (field, value) in &shown.fields {
                        printer.data(&format!("{field:<28}{value}\n"));
                    }
                }
                Format::Json => {
                    let fields: serde_json::Map<_, _> =
                        shown.fields.iter().map(|(field, value)| (field.clone(), json!(value))).collect();
                    printer.json(&json!({ "fields": fields }));
                }
            }
            Ok(Exit::Done)
        }
        Err(findings) => {
            for finding in &findings {
                printer.failure(&format!("{}: {} [{}]", finding.item, finding.reason, finding.code), None);
            }
            Ok(Exit::Input)
        }
    }
}
