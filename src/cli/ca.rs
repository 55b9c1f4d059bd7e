//! `reroot ca`

use std::path::{Path, PathBuf};

use reroot::ca::{self, CaError, ProofOptions, Request, RequestRole};
use reroot::config::{Config, Holder};
use reroot::crypto::{named_notes, sha256};
use reroot::delivery::certificate_to_pem;
use reroot::durable::Access;
use reroot::durable::output::{self, Shape};
use reroot::ledger::Ledger;
use reroot::text::Printable;
use reroot::x509::{Certificate, Name, Spki, pem};
use serde_json::{Value, json};

use super::args::{CaCommand, Format, RoleArg};
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World, load, render};

pub(crate) fn run(command: &CaCommand, world: &World, printer: Printer) -> Result<Exit, Fault> {
    match command {
        CaCommand::Csr { role, organization, out, config } => {
            csr(*role, organization.as_deref(), out, config, world, printer)
        }
        CaCommand::Import { certificate, chain, config } => import(certificate, chain, config, printer),
        CaCommand::Proof { code, out, days, config } => proof(code, *days, out, config, world, printer),
        CaCommand::Show { config } => show(config, printer),
    }
}

fn proof(code: &str, days: u16, out: &Path, config: &Path, world: &World, printer: Printer) -> Result<Exit, Fault> {
    // looked at before anything is signed; writing looks again
    load::place(out, Shape::PLAIN)?;
    let config = load::config(config, printer)?;
    let issuer = config.issuer_identity()?;
    let signer = config.open_issuer_signer(&Secrets)?;
    let ledger = load::ledger(&config, issuer.spki(), false, printer)?;
    let options = ProofOptions { code, days, now: world.now, random: world.random() };
    let certificate = ca::proof(&issuer, &*signer, &ledger, &options)?;
    output::write_new(out, Access::Public, certificate_to_pem(certificate.der()).as_bytes())?;
    match printer.format {
        Format::Json => printer.json(&described("possession", &certificate)),
        Format::Text => {
            printer.data(&format!("{}\n", Printable::new(out)));
            printer.say(&format!("issued by {}", certificate.issuer()));
            printer.say(&format!("valid until {}; its key was thrown away", certificate.validity().not_after()));
        }
    }
    Ok(Exit::Done)
}

fn csr(
    role: RoleArg,
    organization: Option<&str>,
    out: &Path,
    config: &Path,
    world: &World,
    printer: Printer,
) -> Result<Exit, Fault> {
    load::place(out, Shape::PLAIN)?;
    let config = load::config(config, printer)?;
    let (role, holder) = match role {
        RoleArg::Issuing => (RequestRole::Issuing, Holder::Issuer),
        RoleArg::Manifest => (RequestRole::Manifest, Holder::Manifest),
    };
    let signer = config.open_bare_key(holder, &Secrets)?;
    let subject = match organization {
        Some(organization) => role.name(organization, signer.public_key())?,
        None => present_name(config.certificate_path(holder))?,
    };
    // the ledger is the issuing key's, whichever key signs
    let ledger = if holder == Holder::Issuer {
        ledger(&config, signer.public_key(), printer)?
    } else {
        ledger(&config, config.open_bare_key(Holder::Issuer, &Secrets)?.public_key(), printer)?
    };
    let der = ca::request(&*signer, &ledger, &Request { role, subject: &subject, now: world.now })?;
    output::write_new(out, Access::Public, pem::write("CERTIFICATE REQUEST", &der).as_bytes())?;
    match printer.format {
        Format::Json => printer.json(&json!({
            "file": render::path_json(out),
            "subject": subject.to_string(),
            "key": signer.public_key().algorithm().to_string(),
            "spki_sha256": sha256(signer.public_key().der()).to_string(),
        })),
        Format::Text => {
            printer.data(&format!("{}\n", Printable::new(out)));
            printer.say(&format!("requested for {subject}"));
            printer.say("next: have it certified, then `reroot ca import CERTIFICATE`");
        }
    }
    Ok(Exit::Done)
}

/// The name in the certificate that a new one is to replace.
fn present_name(path: &Path) -> Result<Name, Fault> {
    if !path.exists() {
        return Err(Fault::usage(format!("there is no certificate `{}` to take the name from", Printable::new(path)))
            .hint("Give the name with --organization."));
    }
    match load::certificates(&[path.to_owned()])?.first() {
        Some(certificate) => Ok(certificate.subject().clone()),
        None => Err(Fault::usage(format!("`{}` holds no certificate", Printable::new(path)))),
    }
}

/// The ledger; a CA that has no certificate yet may have none, and gets one.
fn ledger(config: &Config, issuer: &Spki, printer: Printer) -> Result<Ledger, Fault> {
    let fresh = !config.ledger_path().exists() && !config.certificate_path(Holder::Issuer).exists();
    load::ledger(config, issuer, fresh, printer)
}

fn import(certificate: &Path, chain: &[PathBuf], config: &Path, printer: Printer) -> Result<Exit, Fault> {
    let config = load::config(config, printer)?;
    let mut certificates = load::certificates(&[certificate.to_owned()])?;
    if certificates.is_empty() {
        return Err(Fault::usage(format!("`{}` holds no certificate", Printable::new(certificate))));
    }
    let mut above = certificates.split_off(1);
    above.extend(load::certificates(chain)?);
    let first = certificates.remove(0);
    let imported = match ca::import(&config, first, above, &Secrets) {
        // shown with its place in the file
        Err(CaError::Config(errors)) => return Err(errors.into()),
        other => other?,
    };
    let role = match imported.holder {
        Holder::Issuer => "issuing CA",
        Holder::Manifest => "manifest signer",
    };
    match printer.format {
        Format::Json => printer.json(&json!({
            "files": imported.files.iter().map(|file| render::path_json(file)).collect::<Vec<_>>(),
            "certificate": described(role, &imported.certificate),
        })),
        Format::Text => {
            for file in &imported.files {
                printer.data(&format!("{}\n", Printable::new(file)));
            }
            if imported.files.is_empty() {
                printer.say("already in its place");
            }
            let validity = imported.certificate.validity();
            printer.say(&format!("{role:<16}{}", imported.certificate.subject()));
            printer.say(&format!("{:<16}{}", "issued by", imported.certificate.issuer()));
            printer.say(&format!("{:<16}{} to {}", "valid", validity.not_before(), validity.not_after()));
            for note in named_notes(&imported.certificate) {
                printer.say(&format!("{:<16}{note}", "note"));
            }
        }
    }
    Ok(Exit::Done)
}

fn show(config: &Path, printer: Printer) -> Result<Exit, Fault> {
    let config = load::config(config, printer)?;
    let issuer = config.issuer_identity()?;
    let manifest = config.manifest_certificate()?;
    let anchors = config.anchors()?;
    let mut certificates = vec![("issuing CA", issuer.certificate())];
    certificates.extend(issuer.chain().iter().map(|above| ("above it", above)));
    certificates.push(("manifest signer", &manifest));
    certificates.extend(anchors.iter().map(|anchor| ("source anchor", anchor)));
    match printer.format {
        Format::Json => {
            let list: Vec<Value> =
                certificates.iter().map(|(role, certificate)| described(role, certificate)).collect();
            printer.json(&json!({ "config": render::path_json(config.file()), "certificates": list }));
        }
        Format::Text => {
            for (role, certificate) in certificates {
                let validity = certificate.validity();
                let lines = [
                    (role, certificate.subject().to_string()),
                    ("  issuer", certificate.issuer().to_string()),
                    ("  serial", hex::encode_upper(certificate.serial_octets())),
                    ("  key", certificate.spki().algorithm().to_string()),
                    ("  signature", certificate.signature_algorithm().to_string()),
                    ("  valid", format!("{} to {}", validity.not_before(), validity.not_after())),
                    ("  sha256", sha256(certificate.der()).to_string()),
                    ("  key sha256", sha256(certificate.spki().der()).to_string()),
                ];
                for (name, value) in lines {
                    printer.data(&format!("{name:<16}{value}\n"));
                }
                for note in named_notes(certificate) {
                    printer.data(&format!("{:<16}{note}\n", "  note"));
                }
            }
        }
    }
    Ok(Exit::Done)
}

fn described(role: &str, certificate: &Certificate) -> Value {
    json!({
        "role": role,
        "subject": certificate.subject().to_string(),
        "issuer": certificate.issuer().to_string(),
        "serial": hex::encode_upper(certificate.serial_octets()),
        "key": certificate.spki().algorithm().to_string(),
        "signature": certificate.signature_algorithm().to_string(),
        "not_before": certificate.validity().not_before().to_string(),
        "not_after": certificate.validity().not_after().to_string(),
        "sha256": sha256(certificate.der()).to_string(),
        "spki_sha256": sha256(certificate.spki().der()).to_string(),
        "notes": named_notes(certificate),
    })
}
