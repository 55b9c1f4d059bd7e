//! `reroot ca issue`, `reroot ca renew`: what the root's key is fetched for.

use std::path::Path;

use reroot::ca::{self, Ceremony, ExistingKey, RequestRole, Subject};
use reroot::config::{Config, Holder};
use reroot::delivery::certificate_to_pem;
use reroot::ledger::Ledger;
use reroot::report::Described;
use reroot::signer::pkcs11::Settings;
use reroot::text::Printable;
use reroot::x509::{Certificate, pem};

use super::args::{CeremonyArgs, Format, RoleArg};
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World, destination, init, load};

/// Certifies the key of a request.
pub(super) fn issue(request: &Path, args: &CeremonyArgs, world: &World, printer: Printer) -> Result<Exit, Fault> {
    destination::check(&args.out, printer)?;
    let content = load::bytes("request", request)?;
    // PEM or DER
    let der =
        pem::read(&content).ok().and_then(|mut blocks| (blocks.len() == 1).then(|| blocks.remove(0).der.to_vec()));
    let subject = Subject::of_request(der.as_deref().unwrap_or(&content))?;
    let config = load::config(&args.config, printer)?;
    certify(&subject, &config, args, world, printer)
}

/// Certifies a configured key for longer.
pub(super) fn renew(args: &CeremonyArgs, world: &World, printer: Printer) -> Result<Exit, Fault> {
    destination::check(&args.out, printer)?;
    let config = load::config(&args.config, printer)?;
    let holder = match args.role {
        RoleArg::Issuing => Holder::Issuer,
        RoleArg::Manifest => Holder::Manifest,
    };
    let present = certificate(config.certificate_path(holder))?;
    certify(&Subject::of_certificate(&present)?, &config, args, world, printer)
}

fn certify(
    subject: &Subject,
    config: &Config,
    args: &CeremonyArgs,
    world: &World,
    printer: Printer,
) -> Result<Exit, Fault> {
    let (role, name) = match args.role {
        RoleArg::Issuing => (RequestRole::Issuing, "issuing CA"),
        RoleArg::Manifest => (RequestRole::Manifest, "manifest signer"),
    };
    let root = match &args.root_cert {
        Some(path) => certificate(path)?,
        None => root(config, role)?,
    };
    subject.check_below(&root)?;
    // every signature for the CA is recorded on the ledger of its issuing key
    let issuing = config.certificate_path(Holder::Issuer);
    let issuing = match role {
        _ if issuing.exists() => certificate(issuing)?.spki().clone(),
        RequestRole::Issuing => subject.spki().clone(),
        RequestRole::Manifest => config.open_bare_key(Holder::Issuer, &Secrets)?.public_key().clone(),
    };
    let ledger: Ledger = load::ledger(config, &issuing, false, printer)?;
    let (place, secret) = init::key_place(
        &args.root_key,
        args.root_passphrase_file.as_deref(),
        args.root_passphrase_env.as_deref(),
        &args.pin,
        printer,
    )?;
    let settings = Settings::default();
    let key = ExistingKey { place: &place, secret: secret.as_ref(), settings: &settings };
    let signer = key.open(&root, &Secrets)?;
    let ceremony =
        Ceremony { role, subject, root: &root, years: args.years, now: world.time(), random: world.random() };
    let made = ca::certify(&*signer, &ledger, &ceremony)?;
    destination::text(&args.out, &certificate_to_pem(made.der()), printer)?;
    match printer.format {
        Format::Json => printer.json(&Described { role: name, certificate: &made }),
        Format::Text => {
            let validity = made.validity();
            printer.say(&format!("{name:<16}{}", made.subject()));
            printer.say(&format!("{:<16}{}", "issued by", made.issuer()));
            printer.say(&format!("{:<16}{} to {}", "valid", validity.not_before(), validity.not_after()));
            printer.say("next: name it as `certificate` in reroot.toml, or `reroot ca import` it where none is yet");
        }
    }
    Ok(Exit::Done)
}

/// The root that the configuration names.
fn root(config: &Config, role: RequestRole) -> Result<Certificate, Fault> {
    let roots = match role {
        RequestRole::Issuing => config.issuer_identity()?.anchor().cloned().into_iter().collect(),
        RequestRole::Manifest => config.manifest_anchors()?,
    };
    let root = roots.into_iter().next();
    root.ok_or_else(|| Fault::usage("the configuration names no root").hint("Name its certificate with --root-cert."))
}

/// The one certificate of a file.
pub(super) fn certificate(path: &Path) -> Result<Certificate, Fault> {
    let mut certificates = load::certificates(&[path.to_owned()])?;
    if certificates.len() == 1 {
        return Ok(certificates.remove(0));
    }
    let found = certificates.len();
    Err(Fault::usage(format!("`{}` holds {found} certificates, expected exactly one", Printable::new(path))))
}
