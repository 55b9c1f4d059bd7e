//! `reroot ca`

use std::path::Path;

use reroot::ca::{self, ProofOptions};
use reroot::crypto::sha256;
use reroot::delivery::certificate_to_pem;
use reroot::durable::{self, Access, DurableError};
use reroot::ledger::Ledger;
use reroot::x509::Certificate;
use serde_json::{Value, json};

use super::args::{CaCommand, Format};
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World, load};

pub(crate) fn run(command: &CaCommand, world: &World, printer: Printer) -> Result<Exit, Fault> {
    match command {
        CaCommand::Proof { code, out, days, config } => proof(code, *days, out, config, world, printer),
        CaCommand::Show { config } => show(config, printer),
    }
}

fn proof(code: &str, days: u16, out: &Path, config: &Path, world: &World, printer: Printer) -> Result<Exit, Fault> {
    // looked at before anything is signed; writing looks again
    if std::fs::symlink_metadata(out).is_ok() {
        return Err(DurableError::Exists { path: out.to_owned() }.into());
    }
    let config = load::config(config)?;
    let issuer = config.issuer_identity()?;
    let signer = config.open_issuer_signer(&Secrets)?;
    let ledger = Ledger::open(config.ledger_path(), issuer.spki())?;
    let options = ProofOptions { code, days, now: world.now, random: world.random() };
    let certificate = ca::proof(&issuer, &*signer, &ledger, &options)?;
    durable::write_new(out, Access::Public, certificate_to_pem(certificate.der()).as_bytes())?;
    match printer.format {
        Format::Json => printer.json(&described("possession", &certificate)),
        Format::Text => {
            printer.data(&format!("{}\n", out.display()));
            printer.say(&format!("issued by {}", certificate.issuer()));
            printer.say(&format!("valid until {}; its key was thrown away", certificate.validity().not_after()));
        }
    }
    Ok(Exit::Done)
}

fn show(config: &Path, printer: Printer) -> Result<Exit, Fault> {
    let config = load::config(config)?;
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
            printer.json(&json!({ "config": config.file().display().to_string(), "certificates": list }));
        }
        Format::Text => {
            for (role, certificate) in certificates {
                let validity = certificate.validity();
                let lines = [
                    (role, certificate.subject().to_string()),
                    ("  issuer", certificate.issuer().to_string()),
                    ("  serial", hex::encode_upper(certificate.serial().content())),
                    ("  key", certificate.spki().algorithm().to_string()),
                    ("  signature", certificate.signature_algorithm().to_string()),
                    ("  valid", format!("{} to {}", validity.not_before(), validity.not_after())),
                    ("  sha256", sha256(certificate.der()).to_string()),
                    ("  key sha256", sha256(certificate.spki().der()).to_string()),
                ];
                for (name, value) in lines {
                    printer.data(&format!("{name:<16}{value}\n"));
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
        "serial": hex::encode_upper(certificate.serial().content()),
        "key": certificate.spki().algorithm().to_string(),
        "signature": certificate.signature_algorithm().to_string(),
        "not_before": certificate.validity().not_before().to_string(),
        "not_after": certificate.validity().not_after().to_string(),
        "sha256": sha256(certificate.der()).to_string(),
        "spki_sha256": sha256(certificate.spki().der()).to_string(),
    })
}
