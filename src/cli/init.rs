//! `reroot init`

use std::path::{Path, PathBuf};

use reroot::ca::{
    self, AdoptReport, AdoptedManifest, CaYears, ExistingCa, ExistingKey, InitOptions, InitReport, ManifestIssuer,
    MatterIds, NewSecret, NewSecrets, RequestReport, TokenPlace,
};
use reroot::crypto::sha256;
use reroot::ownership::Role;
use reroot::policy;
use reroot::signer::pkcs11::Settings;
use reroot::signer::{KeyLocation, KeyUri, Secret, SecretSource};
use reroot::text::Printable;

use super::args::{AdoptArgs, Format, InitArgs, ManifestUnderArg, PinArgs};
use super::secrets::{self, Secrets};
use super::{Exit, Fault, Printer, World, hsm, load};

pub(crate) fn run(args: &InitArgs, world: &World, printer: Printer) -> Result<Exit, Fault> {
    let settings = Settings::default();
    // before anything is asked for, and before a key is made: what holds the directory holds the keys
    load::guarded(&args.dir, Role::Trusted, printer)?;
    ca::check_directory(&args.dir)?;
    let organization = organization(args)?;
    let adopted = args.adopt.issuer_key.as_deref();
    let adopted = adopted.map(|key| existing(key, args, world, &settings, printer)).transpose()?;
    let uri = args.pkcs11.as_deref().map(|text| typed_uri(text, printer)).transpose()?;
    let new_keys = NewKeys::of(args, uri.as_ref(), &settings, printer)?;
    let key = hsm::key_algorithm(&args.key);
    let policies = policy::shipped_for(adopted.as_ref().map_or(key, ExistingCa::algorithm), &organization);
    let policies: Vec<(&str, &str)> = policies.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let options = InitOptions {
        organization: &organization,
        matter: args.vendor_id.as_deref().map(|vendor| MatterIds { vendor, product: args.product_id.as_deref() }),
        key,
        token: uri.as_ref().map(|uri| TokenPlace { uri, settings: &settings }),
        secrets: new_keys.secrets(),
        policies: &policies,
        now: world.now,
        years: CaYears::USUAL,
        random: world.random(),
    };
    if let Some(ca) = adopted {
        let manifest = match args.adopt.manifest_under {
            ManifestUnderArg::OwnAnchor => ManifestIssuer::OwnAnchor,
            ManifestUnderArg::Root => ManifestIssuer::Root,
        };
        adoption(args, &ca::adopt(&args.dir, &options, ca, manifest)?, printer);
    } else if args.without_root {
        requests(args, &ca::init_without_root(&args.dir, &options)?, printer);
    } else {
        certificates(args, &ca::init(&args.dir, &options)?, printer);
    }
    Ok(Exit::Done)
}

/// The organization, asked for where no option names it.
fn organization(args: &InitArgs) -> Result<String, Fault> {
    if let Some(organization) = &args.organization {
        return Ok(organization.clone());
    }
    match secrets::ask("organization in the names of the new certificates and in the policies") {
        Some(answer) => {
            answer.map_err(|error| Fault::usage(format!("the organization could not be asked for: {error}")))
        }
        None => Err(Fault::usage("no organization for the names of the new certificates and for the policies")
            .hint("Give it with --organization \"Your organization\".")),
    }
}

/// The CA that options name, with its key opened.
fn existing(
    key: &str,
    args: &InitArgs,
    world: &World,
    settings: &Settings,
    printer: Printer,
) -> Result<ExistingCa, Fault> {
    let AdoptArgs { issuer_cert, chain, issuer_passphrase_file, issuer_passphrase_env, .. } = &args.adopt;
    let (file, variable) = (issuer_passphrase_file.as_deref(), issuer_passphrase_env.as_deref());
    let (place, secret) = key_place(key, file, variable, &args.pin, printer)?;
    let files: Vec<PathBuf> = issuer_cert.iter().chain(chain).cloned().collect();
    let key = ExistingKey { place: &place, secret: secret.as_ref(), settings };
    Ok(ExistingCa::open(&key, load::certificates(&files)?, world.now, &Secrets)?)
}

/// The place of a key that an option names, and where its passphrase or PIN comes from.
pub(super) fn key_place(
    key: &str,
    passphrase_file: Option<&Path>,
    passphrase_env: Option<&str>,
    pin: &PinArgs,
    printer: Printer,
) -> Result<(KeyLocation, Option<SecretSource>), Fault> {
    let (place, secret) = if KeyLocation::is_uri(key) {
        (KeyLocation::Pkcs11(Box::new(typed_uri(key, printer)?)), hsm::pin_source(pin))
    } else {
        let path = in_this_directory(Path::new(key))?;
        load::guarded(&path, Role::Secret, printer)?;
        let file = passphrase_file.map(|path| SecretSource::File(path.to_owned()));
        (KeyLocation::File(path), file.or_else(|| passphrase_env.map(|name| SecretSource::Env(name.to_owned()))))
    };
    if let Some(SecretSource::File(path)) = &secret {
        load::guarded(path, Role::Secret, printer)?;
    }
    Ok((place, secret.map(absolute).transpose()?))
}

/// What protects the new keys: for each role the source and the secret.
struct NewKeys {
    sources: [Option<SecretSource>; 3],
    secrets: [Option<Secret>; 3],
}

/// The roles of new keys, as options name them, and the questions for their passphrases.
const ROLES: [(&str, &str); 3] =
    [("root", "the new root key"), ("issuing", "the new issuing key"), ("manifest", "the new manifest key")];

impl NewKeys {
    fn of(args: &InitArgs, uri: Option<&KeyUri>, settings: &Settings, printer: Printer) -> Result<Self, Fault> {
        if let Some(uri) = uri {
            let source = hsm::pin_source(&args.pin).map(absolute).transpose()?;
            let pin = hsm::pin(uri, &args.pin, settings, printer)?;
            let pins = [copy(pin.as_ref())?, copy(pin.as_ref())?, pin];
            return Ok(Self { sources: [source.clone(), source.clone(), source], secrets: pins });
        }
        let issuer = args.adopt.issuer_key.as_deref();
        let pin_used = issuer.is_some_and(KeyLocation::is_uri);
        if hsm::pin_source(&args.pin).is_some() && !pin_used {
            return Err(Fault::usage("--pin-env and --pin-file are for tokens (--pkcs11)")
                .hint("The passphrase of key files: --passphrase-env, --passphrase-file or --passphrase-prompt."));
        }
        // which of the keys are made
        let made =
            [!args.without_root && args.adopt.manifest_under == ManifestUnderArg::OwnAnchor, issuer.is_none(), true];
        let sources = sources(args, made)?;
        for source in sources.iter().flatten() {
            if let SecretSource::File(path) = source {
                load::guarded(path, Role::Secret, printer)?;
            }
        }
        let secrets = if args.one_passphrase {
            let one = passphrase(&SecretSource::Prompt, "the new keys")?;
            [copy(Some(&one))?, copy(Some(&one))?, Some(one)]
        } else {
            let mut secrets = [None, None, None];
            for ((secret, source), (_, purpose)) in secrets.iter_mut().zip(&sources).zip(ROLES) {
                *secret = source.as_ref().map(|source| passphrase(source, purpose)).transpose()?;
            }
            secrets
        };
        let [root, issuing, manifest] = sources.map(|source| source.map(absolute).transpose());
        Ok(Self { sources: [root?, issuing?, manifest?], secrets })
    }

    fn secrets(&self) -> NewSecrets<'_> {
        let [root, issuing, manifest] = [0, 1, 2].map(|role| {
            let secret = self.secrets[role].as_ref()?;
            Some(NewSecret { secret, source: self.sources[role].as_ref() })
        });
        NewSecrets { root, issuing, manifest }
    }
}

/// Where the passphrase of each key that is made comes from.
fn sources(args: &InitArgs, made: [bool; 3]) -> Result<[Option<SecretSource>; 3], Fault> {
    let (option, given): (_, Vec<SecretSource>) = if args.passphrase_file.is_empty() {
        ("--passphrase-env", args.passphrase_env.iter().cloned().map(SecretSource::Env).collect())
    } else {
        ("--passphrase-file", args.passphrase_file.iter().map(|text| SecretSource::File(text.into())).collect())
    };
    let mut sources = made.map(|made| (made && args.passphrase_prompt).then_some(SecretSource::Prompt));
    for source in given {
        let (role, source) = role(source);
        for (place, ((name, _), made)) in sources.iter_mut().zip(ROLES.iter().zip(made)) {
            let wanted = made && role.is_none_or(|role| role == *name);
            if wanted && place.replace(source.clone()).is_some() {
                return Err(Fault::usage(format!("{option} names two passphrases for the {name} key")));
            }
        }
        if let Some((name, _)) =
            ROLES.iter().zip(made).find_map(|(role_of, made)| (!made && role == Some(role_of.0)).then_some(role_of))
        {
            return Err(Fault::usage(format!(
                "{option} names a passphrase for the {name} key, which is not made here"
            )));
        }
    }
    if sources.iter().any(Option::is_some)
        && let Some(((name, _), _)) =
            ROLES.iter().zip(made).zip(&sources).find_map(|(role, source)| (role.1 && source.is_none()).then_some(role))
    {
        return Err(Fault::usage(format!("{option} names no passphrase for the {name} key"))
            .hint("Name one for each key, or one without a role for all."));
    }
    Ok(sources)
}

/// The role before `=`, if there is one, and the rest.
fn role(source: SecretSource) -> (Option<&'static str>, SecretSource) {
    let text = match &source {
        SecretSource::File(path) => path.to_str().unwrap_or_default(),
        SecretSource::Env(name) => name,
        SecretSource::Credential(_) | SecretSource::Prompt => "",
    };
    let Some((name, rest)) =
        ROLES.iter().find_map(|(name, _)| Some((*name, text.strip_prefix(name)?.strip_prefix('=')?)))
    else {
        return (None, source);
    };
    let rest = match &source {
        SecretSource::Env(_) => SecretSource::Env(rest.to_owned()),
        _ => SecretSource::File(rest.into()),
    };
    (Some(name), rest)
}

fn copy(secret: Option<&Secret>) -> Result<Option<Secret>, Fault> {
    let copied = secret.map(|secret| Secret::new(secret.expose().to_vec(), "the same source")).transpose();
    copied.map_err(|error| reroot::error::Error::Signer(error.into()).into())
}

/// What was made around a CA that was there.
fn adoption(args: &InitArgs, report: &AdoptReport, printer: Printer) {
    match printer.format {
        Format::Json => printer.json(report),
        Format::Text => {
            list(&report.directory, &report.files, printer);
            say_certificates(&report.named(), printer);
            for note in &report.notes {
                printer.say(&format!("note: {note}"));
            }
            warn_if_plain(report.plain, printer);
            let config = args.dir.join(reroot::config::FILE_NAME);
            let config = Printable::new(&config);
            match &report.manifest {
                AdoptedManifest::Certified { .. } if args.pkcs11.is_some() => {
                    printer.say("next: back up the token; the manifest anchor's key is needed only to certify another signer");
                }
                AdoptedManifest::Certified { .. } => printer.say(
                    "next: move ca/manifest-anchor.key.pem offline; it is needed only to certify another manifest signer",
                ),
                AdoptedManifest::Requested(name) => {
                    printer.say(&format!("{:<16}{name}, to be certified", "manifest signer"));
                    printer.say(&format!(
                        "next: have ca/manifest.csr.pem certified by the root, then\n  reroot ca import \
                         MANIFEST-CERTIFICATE --config {config}"
                    ));
                }
            }
        }
    }
}

/// Names the files that were made.
fn list(directory: &Path, files: &[PathBuf], printer: Printer) {
    for file in files {
        printer.data(&format!("{}\n", Printable::new(&directory.join(file))));
    }
}

fn say_certificates(named: &[(&str, &reroot::x509::Certificate)], printer: Printer) {
    for (role, certificate) in named {
        let not_after = certificate.validity().not_after();
        printer.say(&format!("{role:<16}{}  until {not_after}", certificate.subject()));
        printer.say(&format!("{:<16}sha256 {}", "", sha256(certificate.der())));
    }
}

/// What was made, for a CA that is complete.
fn certificates(args: &InitArgs, report: &InitReport, printer: Printer) {
    match printer.format {
        Format::Json => printer.json(report),
        Format::Text => {
            list(&report.directory, &report.files, printer);
            say_certificates(&report.named(), printer);
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
        Format::Json => printer.json(report),
        Format::Text => {
            list(&report.directory, &report.files, printer);
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

/// A new passphrase typed by a person is asked for twice.
fn passphrase(source: &SecretSource, purpose: &str) -> Result<Secret, Fault> {
    let error = |error| Fault::from(reroot::error::Error::Signer(reroot::signer::SignerError::from(error)));
    let secret = source.resolve(purpose, &Secrets).map_err(error)?;
    if *source == SecretSource::Prompt {
        let again = source.resolve(&format!("{purpose}, once more"), &Secrets).map_err(error)?;
        if again.expose() != secret.expose() {
            return Err(Fault::usage("the two passphrases differ"));
        }
    }
    Ok(secret)
}
