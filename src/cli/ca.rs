//! `reroot ca`

use std::path::{Path, PathBuf};

use reroot::ca::{self, CaCertificates, CaError, ProofOptions, Request, RequestMade, RequestRole};
use reroot::config::{Config, Holder};
use reroot::delivery::certificate_to_pem;
use reroot::ledger::Ledger;
use reroot::report::{Described, Table};
use reroot::text::Printable;
use reroot::x509::{Name, Spki, pem};

use super::args::{CaCommand, Format, RoleArg};
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World, ceremony, destination, load};

pub(crate) fn run(command: &CaCommand, world: &World, printer: Printer) -> Result<Exit, Fault> {
    match command {
        CaCommand::Csr { role, organization, out, config } => {
            csr(*role, organization.as_deref(), out, config, world, printer)
        }
        CaCommand::Import { certificate, chain, config } => import(certificate, chain, config, printer),
        CaCommand::Proof { code, out, days, config } => proof(code, *days, out, config, world, printer),
        CaCommand::Issue { request, ceremony } => ceremony::issue(request, ceremony, world, printer),
        CaCommand::Renew(ceremony) => ceremony::renew(ceremony, world, printer),
        CaCommand::Show { config } => show(config, printer),
    }
}

fn proof(code: &str, days: u16, out: &Path, config: &Path, world: &World, printer: Printer) -> Result<Exit, Fault> {
    destination::check(out, printer)?;
    let config = load::config(config, printer)?;
    load::ending(&config, world, printer);
    let issuer = config.issuer_identity()?;
    let signer = config.open_issuer_signer(&Secrets)?;
    let ledger = load::ledger(&config, issuer.spki(), false, printer)?;
    let options = ProofOptions { code, days, now: world.time(), random: world.random() };
    let certificate = ca::proof(&issuer, &*signer, &ledger, &options)?;
    destination::text(out, &certificate_to_pem(certificate.der()), printer)?;
    match printer.format {
        Format::Json => printer.json(&Described { role: "possession", certificate: &certificate }),
        Format::Text => {
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
    destination::check(out, printer)?;
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
    let der = ca::request(&*signer, &ledger, &Request { role, subject: &subject, now: world.time() })?;
    destination::text(out, &pem::write("CERTIFICATE REQUEST", &der), printer)?;
    match printer.format {
        Format::Json => printer.json(&RequestMade::new(out, &subject, signer.public_key())),
        Format::Text => {
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
    match printer.format {
        Format::Json => printer.json(&imported),
        Format::Text => {
            for file in &imported.files {
                printer.data(&format!("{}\n", Printable::new(file)));
            }
            if imported.files.is_empty() {
                printer.say("already in its place");
            }
            printer.say(table(imported.facts()).trim_end());
        }
    }
    Ok(Exit::Done)
}

fn show(config: &Path, printer: Printer) -> Result<Exit, Fault> {
    let config = load::config(config, printer)?;
    let certificates = CaCertificates::of(&config)?;
    match printer.format {
        Format::Json => printer.json(&certificates),
        Format::Text => printer.data(&table(certificates.facts())),
    }
    Ok(Exit::Done)
}

fn table(facts: Vec<(&'static str, String)>) -> String {
    let mut table = Table::new(16);
    table.extend(facts);
    table.finish()
}
