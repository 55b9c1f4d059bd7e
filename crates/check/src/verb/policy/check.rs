//! `reroot policy check`

use std::fmt::Write as _;
use std::path::Path;

use reroot_core::audit::check_issuer;
use reroot_core::cert::IssuerIdentity;
use reroot_core::crypto::{named_notes, sha256};
use reroot_core::policy::{BatchContext, Policy, PolicyErrors};
use reroot_core::preview::STAND_IN_BATCH;
use reroot_core::text::Printable;
use reroot_core::x509::Time;
use serde_json::{Value, json};

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
            set: load::params(&args.set)?,
        }),
    };
    let mut exit = Exit::Done;
    let mut files = Vec::new();
    for file in &args.files {
        match check(file, issuing.as_ref()) {
            Ok(checked) => {
                if printer.format == Format::Text {
                    printer.data(&checked.text(file));
                }
                files.push(checked.json(file));
            }
            Err(Fault::Library(error)) => {
                exit = Exit::of(error.class());
                if printer.format == Format::Text {
                    printer.error(&*error);
                }
                files.push(
                    json!({ "file": render::path_json(file), "good": false, "mistakes": render::places_json(&*error) }),
                );
            }
            Err(Fault::FrontDoor { message, hint, .. }) => {
                exit = Exit::Usage;
                if printer.format == Format::Text {
                    printer.failure(&printer.value(&message), hint.as_deref());
                }
                files.push(
                    json!({ "file": render::path_json(file), "good": false, "mistakes": [{ "message": message }] }),
                );
            }
        }
    }
    if printer.format == Format::Json {
        printer.json(&json!({ "files": files }));
    }
    Ok(exit)
}

/// A CA to check against.
struct Issuing {
    identity: IssuerIdentity,
    at: Time,
    set: std::collections::BTreeMap<String, String>,
}

/// A good policy.
struct Checked {
    policy: Policy,
    /// The most octets of a certificate under the CA that was given.
    octets: Option<usize>,
    /// What is worth a note about that CA.
    notes: Vec<String>,
}

fn check(file: &Path, issuing: Option<&Issuing>) -> Result<Checked, Fault> {
    let policy = load::policy(file)?;
    let octets = issuing.map(|issuing| octets(&policy, issuing)).transpose()?;
    let notes = match issuing {
        // without the chain, nothing can be said of it
        Some(Issuing { identity, at, .. }) if !identity.chain().is_empty() => check_issuer(&policy, identity, *at)?,
        Some(Issuing { identity, .. }) => named_notes(identity.certificate()),
        None => vec![],
    };
    Ok(Checked { policy, octets, notes })
}

/// Binds the policy to the CA, which finds every mistake that only shows there. Values that other policies of the
/// command line declare are not meant for this one.
fn octets(policy: &Policy, issuing: &Issuing) -> Result<usize, PolicyErrors> {
    let mut set = issuing.set.clone();
    set.retain(|name, _| policy.declared_params().any(|(declared, _)| declared == name));
    let params = policy.params(&set)?;
    let context = BatchContext { batch: STAND_IN_BATCH.to_owned(), issued_at: issuing.at, params };
    Ok(policy.bind(&issuing.identity, &context)?.max_certificate_octets(&issuing.identity))
}

impl Checked {
    fn keys(&self) -> Vec<String> {
        self.policy.source().keys.iter().map(ToString::to_string).collect()
    }

    fn text(&self, file: &Path) -> String {
        let family = self.policy.source().family;
        let mut text = format!(
            "{}: good: `{}` for {family} leaves with {} keys",
            Printable::new(file),
            self.policy.name(),
            self.keys().join(", ")
        );
        for (name, pattern) in self.policy.declared_params() {
            let _ = write!(text, "; wants --set {name}={}", Printable::new(pattern));
        }
        if let Some(octets) = self.octets {
            let _ = write!(text, "; certificates of at most {octets} octets");
        }
        text += "\n";
        if let Some(load) = self.policy.crl_load() {
            let _ = writeln!(
                text,
                "  {} CRLs of at most {} entries, {} bytes each (average {} entries); full CRL {} entries, {} bytes",
                load.shards,
                load.shard_entries,
                load.shard_bytes,
                load.average_entries,
                load.full_entries,
                load.full_bytes
            );
            if self.policy.never_ends() {
                text += "  revoked certificates stay on the CRLs permanently, because none of them ends\n";
            }
        }
        for note in &self.notes {
            let _ = writeln!(text, "note: {note}");
        }
        text
    }

    fn json(&self, file: &Path) -> Value {
        let policy = &self.policy;
        let params: serde_json::Map<String, Value> =
            policy.declared_params().map(|(name, pattern)| (name.to_owned(), json!(pattern))).collect();
        let mut facts = json!({
            "file": render::path_json(file),
            "good": true,
            "name": policy.name(),
            "version": policy.version(),
            "description": policy.description(),
            "sha256": sha256(policy.bytes()).to_string(),
            "family": policy.source().family.as_str(),
            "keys": self.keys(),
            "params": params,
            "max_octets": self.octets,
            "notes": self.notes,
        });
        if let Some(load) = policy.crl_load() {
            facts["crls"] = json!({
                "shards": load.shards, "average_entries": load.average_entries, "shard_entries": load.shard_entries,
                "shard_bytes": load.shard_bytes, "full_entries": load.full_entries, "full_bytes": load.full_bytes,
                "stay_permanently": policy.never_ends(),
            });
        }
        facts
    }
}
