//! `reroot init`

use reroot::ca::{self, CaYears, InitOptions, MatterIds};
use reroot::crypto::sha256;
use reroot::policy;
use reroot::signer::{Secret, SecretSource};
use reroot::x509::KeyAlgorithm;
use serde_json::json;

use super::args::{Format, InitArgs};
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World};

pub(crate) fn run(args: &InitArgs, world: &World, printer: Printer) -> Result<Exit, Fault> {
    if args.pkcs11.is_some() {
        return Err(Fault::usage("--pkcs11: keys in a PKCS#11 token are not supported by this version")
            .hint("Use file keys, or wait for the HSM support that docs/design.md describes."));
    }
    let source = secret_source(args)?;
    let secret = source.as_ref().map(passphrase).transpose()?;
    let options = InitOptions {
        organization: &args.organization,
        matter: args.vendor_id.as_deref().map(|vendor| MatterIds { vendor, product: args.product_id.as_deref() }),
        key: if args.key == "P-384" { KeyAlgorithm::P384 } else { KeyAlgorithm::P256 },
        secret: secret.as_ref(),
        secret_source: source.as_ref(),
        policies: policy::SHIPPED,
        now: world.now,
        years: CaYears::USUAL,
        random: world.random(),
    };
    let report = ca::init(&args.dir, &options)?;
    let (root, issuing) =
        if args.vendor_id.is_some() { ("Matter PAA", "Matter PAI") } else { ("root CA", "issuing CA") };
    let certificates = [
        (root, &report.root),
        (issuing, &report.issuing),
        ("manifest signer", &report.manifest),
        ("source anchor", &report.anchor),
    ];
    match printer.format {
        Format::Json => printer.json(&json!({
            "directory": report.directory.display().to_string(),
            "files": report.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>(),
            "certificates": certificates.iter().map(|(role, certificate)| json!({
                "role": role,
                "subject": certificate.subject().to_string(),
                "sha256": sha256(certificate.der()).to_string(),
                "not_after": certificate.validity().not_after().to_string(),
            })).collect::<Vec<_>>(),
            "encrypted": report.encrypted,
        })),
        Format::Text => {
            for file in &report.files {
                printer.data(&format!("{}\n", report.directory.join(file).display()));
            }
            for (role, certificate) in certificates {
                let not_after = certificate.validity().not_after();
                printer.say(&format!("{role:<16}{}  until {not_after}", certificate.subject()));
                printer.say(&format!("{:<16}sha256 {}", "", sha256(certificate.der())));
            }
            if !report.encrypted {
                printer.warn("the keys are not encrypted: fit for trying out (see `reroot init --help`)");
            }
            printer.say("next: move ca/root.key.pem offline; it is needed only to certify another issuing CA");
        }
    }
    Ok(Exit::Done)
}

/// Paths in a configuration are relative to it, those on the command line to the current directory.
fn secret_source(args: &InitArgs) -> Result<Option<SecretSource>, Fault> {
    if let Some(path) = &args.passphrase_file {
        let absolute = std::path::absolute(path)
            .map_err(|error| Fault::usage(format!("passphrase file `{}`: {error}", path.display())))?;
        return Ok(Some(SecretSource::File(absolute)));
    }
    if let Some(name) = &args.passphrase_env {
        return Ok(Some(SecretSource::Env(name.clone())));
    }
    Ok(args.passphrase_prompt.then_some(SecretSource::Prompt))
}

/// A new passphrase typed by a person is asked for twice.
fn passphrase(source: &SecretSource) -> Result<Secret, Fault> {
    let error = |error| Fault::from(reroot::error::Error::Signer(reroot::signer::SignerError::from(error)));
    let secret = source.resolve("the new keys", &Secrets).map_err(error)?;
    if *source == SecretSource::Prompt {
        let again = source.resolve("the new keys, once more", &Secrets).map_err(error)?;
        if again.expose() != secret.expose() {
            return Err(Fault::usage("the two passphrases differ"));
        }
    }
    Ok(secret)
}
