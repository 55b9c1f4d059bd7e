//! `reroot init`

use std::path::{Path, PathBuf};

use reroot::ca::{self, CaYears, InitOptions, InitReport, MatterIds, RequestReport, TokenPlace};
use reroot::crypto::sha256;
use reroot::ownership::Role;
use reroot::policy;
use reroot::signer::pkcs11::Settings;
use reroot::signer::{KeyUri, Secret, SecretSource};
use reroot::text::Printable;
use serde_json::json;

use super::args::{Format, InitArgs};
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World, hsm, load, render};

pub(crate) fn run(args: &InitArgs, world: &World, printer: Printer) -> Result<Exit, Fault> {
    let settings = Settings::default();
    // before a key is made: what holds the directory holds the keys
    load::guarded(&args.dir, Role::Trusted, printer)?;
    let uri = args.pkcs11.as_deref().map(|text| typed_uri(text, printer)).transpose()?;
    let (source, secret) = match &uri {
        Some(uri) => (hsm::pin_source(&args.pin), hsm::pin(uri, &args.pin, &settings, printer)?),
        None if hsm::pin_source(&args.pin).is_some() => {
            return Err(Fault::usage("--pin-env and --pin-file are for tokens (--pkcs11)")
                .hint("The passphrase of key files: --passphrase-env, --passphrase-file or --passphrase-prompt."));
        }
        None => {
            let source = secret_source(args);
            if let Some(SecretSource::File(path)) = &source {
                load::guarded(path, Role::Secret, printer)?;
            }
            let secret = source.as_ref().map(passphrase).transpose()?;
            (source, secret)
        }
    };
    let source = source.map(absolute).transpose()?;
    let key = hsm::key_algorithm(&args.key);
    let policies = policy::shipped_for(key);
    let policies: Vec<(&str, &str)> = policies.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let options = InitOptions {
        organization: &args.organization,
        matter: args.vendor_id.as_deref().map(|vendor| MatterIds { vendor, product: args.product_id.as_deref() }),
        key,
        token: uri.as_ref().map(|uri| TokenPlace { uri, settings: &settings }),
        secret: secret.as_ref(),
        secret_source: source.as_ref(),
        policies: &policies,
        now: world.now,
        years: CaYears::USUAL,
        random: world.random(),
    };
    if args.without_root {
        requests(args, &ca::init_without_root(&args.dir, &options)?, printer);
    } else {
        certificates(args, &ca::init(&args.dir, &options)?, printer);
    }
    Ok(Exit::Done)
}

/// What was made, for a CA that is complete.
fn certificates(args: &InitArgs, report: &InitReport, printer: Printer) {
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
            "directory": render::path_json(&report.directory),
            "files": names(&report.files),
            "certificates": certificates.iter().map(|(role, certificate)| json!({
                "role": role,
                "subject": certificate.subject().to_string(),
                "sha256": sha256(certificate.der()).to_string(),
                "not_after": certificate.validity().not_after().to_string(),
            })).collect::<Vec<_>>(),
            "encrypted": !report.plain,
        })),
        Format::Text => {
            for file in &report.files {
                printer.data(&format!("{}\n", Printable::new(&report.directory.join(file))));
            }
            for (role, certificate) in certificates {
                let not_after = certificate.validity().not_after();
                printer.say(&format!("{role:<16}{}  until {not_after}", certificate.subject()));
                printer.say(&format!("{:<16}sha256 {}", "", sha256(certificate.der())));
            }
            warn_if_plain(report.plain, printer);
            printer.say(if args.pkcs11.is_some() {
                "next: back up the token; the root's key is needed only to certify another issuing CA"
            } else {
                "next: move ca/root.key.pem offline; it is needed only to certify another issuing CA"
            });
        }
    }
}

/// What was made, for a CA that another root is to certify.
fn requests(args: &InitArgs, report: &RequestReport, printer: Printer) {
    match printer.format {
        Format::Json => printer.json(&json!({
            "directory": render::path_json(&report.directory),
            "files": names(&report.files),
            "requests": [
                { "role": "issuing CA", "subject": report.issuing.to_string() },
                { "role": "manifest signer", "subject": report.manifest.to_string() },
            ],
            "encrypted": !report.plain,
        })),
        Format::Text => {
            for file in &report.files {
                printer.data(&format!("{}\n", Printable::new(&report.directory.join(file))));
            }
            printer.say(&format!("{:<16}{}", "issuing CA", report.issuing));
            printer.say(&format!("{:<16}{}", "manifest signer", report.manifest));
            warn_if_plain(report.plain, printer);
            let config = args.dir.join(reroot::config::FILE_NAME);
            printer.say(&format!(
                "next: have both requests certified by the other root, then\n  reroot ca import ISSUING-CERTIFICATE \
                 --chain ROOT-CERTIFICATE --config {0}\n  reroot ca import MANIFEST-CERTIFICATE --config {0}",
                Printable::new(&config)
            ));
        }
    }
}

fn names(files: &[PathBuf]) -> Vec<String> {
    files.iter().map(|file| render::path_json(file)).collect()
}

fn warn_if_plain(plain: bool, printer: Printer) {
    if plain {
        printer.warn("the keys are not encrypted: fit for trying out (see `reroot init --help`)");
    }
}

/// A URI as the configuration can repeat it: relative paths in it are of the present directory, which is not the
/// configuration's.
fn typed_uri(text: &str, printer: Printer) -> Result<KeyUri, Fault> {
    let mut uri = hsm::uri(text, printer)?;
    if let Some(path) = &mut uri.pin_source {
        *path = in_this_directory(path)?;
    }
    Ok(uri)
}

fn absolute(source: SecretSource) -> Result<SecretSource, Fault> {
    match source {
        SecretSource::File(path) => Ok(SecretSource::File(in_this_directory(&path)?)),
        other => Ok(other),
    }
}

pub(super) fn in_this_directory(path: &Path) -> Result<PathBuf, Fault> {
    std::path::absolute(path).map_err(|error| Fault::usage(format!("`{}`: {error}", Printable::new(path))))
}

fn secret_source(args: &InitArgs) -> Option<SecretSource> {
    if let Some(path) = &args.passphrase_file {
        return Some(SecretSource::File(path.clone()));
    }
    if let Some(name) = &args.passphrase_env {
        return Some(SecretSource::Env(name.clone()));
    }
    args.passphrase_prompt.then_some(SecretSource::Prompt)
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
