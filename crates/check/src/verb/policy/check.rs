//! `reroot policy check`

use std::fmt::Write as _;
use std::path::Path;

use reroot_core::error::Error;
use reroot_core::report::{CheckedPolicy, Issuing, PolicyFile, PolicyFiles, check_policy};
use reroot_core::text::Printable;

use super::{Exit, Fault, Printer, World, instant, issuer, load};
use crate::args::{CheckArgs, Format};
use crate::render;

/// Lists the mistakes of every file, not only of the first bad one.
pub(super) fn run(args: &CheckArgs, world: &World, printer: Printer) -> Result<Exit, Fault> {
    let issuing = match &args.issuer {
        None => None,
        Some(path) => Some(Issuing {
            identity: issuer(path)?,
            at: instant(args.at.as_deref(), world)?,
            params: load::params(&args.set)?,
        }),
    };
    let mut exit = Exit::Done;
    let mut files = Vec::new();
    for file in &args.files {
        match check(file, issuing.as_ref()) {
            Ok(checked) => {
                if printer.format == Format::Text {
                    printer.data(&text(&checked, file));
                }
                files.push(PolicyFile::good(file, checked));
            }
            Err(error) => {
                exit = Exit::of(error.class());
                if printer.format == Format::Text {
                    printer.error(&error);
                }
                files.push(PolicyFile::bad(file, render::failed(&error)));
            }
        }
    }
    if printer.format == Format::Json {
        printer.json(&PolicyFiles { files });
    }
    Ok(exit)
}

fn check(file: &Path, issuing: Option<&Issuing>) -> Result<CheckedPolicy, Error> {
    check_policy(load::policy(file)?, issuing)
}

fn text(checked: &CheckedPolicy, file: &Path) -> String {
    let family = checked.policy.source().family;
    let mut text = format!(
        "{}: good: `{}` for {family} leaves with {} keys",
        Printable::new(file),
        checked.policy.name(),
        checked.keys().join(", ")
    );
    for (name, pattern) in checked.policy.declared_params() {
        let _ = write!(text, "; wants --set {name}={}", Printable::new(pattern));
    }
    if let Some(bytes) = checked.max_bytes {
        let _ = write!(text, "; certificates of at most {bytes} bytes");
    }
    text += "\n";
    if let Some(load) = checked.policy.crl_load() {
        let _ = writeln!(
            text,
            "  {} CRLs of at most {} entries, {} bytes each (average {} entries); full CRL {} entries, {} bytes",
            load.shards, load.shard_entries, load.shard_bytes, load.average_entries, load.full_entries, load.full_bytes
        );
        if checked.policy.never_ends() {
            text += "  revoked certificates stay on the CRLs permanently, because none of them ends\n";
        }
    }
    for note in &checked.notes {
        let _ = writeln!(text, "note: {note}");
    }
    text
}
