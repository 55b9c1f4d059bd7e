//! Files that several commands read before they do anything.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reroot::config::{Config, Sharing};
use reroot::crypto::{VerificationEngine, sha256};
use reroot::delivery::check_place;
use reroot::durable::DurableError;
use reroot::durable::output::Shape;
use reroot::error::Error;
use reroot::input;
use reroot::ledger::Ledger;
use reroot::ownership::{Ownership, Role, Shared};
use reroot::policy::Policy;
use reroot::reel::{Input, certificates_in_pem};
use reroot::text::Printable;
use reroot::verify::{ExpectedList, Family};
use reroot::x509::form::{self, Form};
use reroot::x509::{Certificate, Sha256Digest, Spki};

use super::args::AnchorArgs;
use super::{Fault, Printer, render};

/// Largest policy, list or certificate file that is read.
const MAX_FILE: u64 = 64 << 20;

/// Reads a file that must fit into memory; `what` it is, for the message.
pub(crate) fn bytes(what: &str, path: &Path) -> Result<Vec<u8>, Fault> {
    bytes_up_to(MAX_FILE, what, path)
}

/// As [`bytes`], of a file that may be larger: receipts have some 350 octets a chip.
pub(crate) fn bytes_up_to(max: u64, what: &str, path: &Path) -> Result<Vec<u8>, Fault> {
    let fault = |source: std::io::Error| {
        let fault = Fault::usage(format!("cannot read {what} `{}`: {source}", Printable::new(path)));
        if source.kind() == std::io::ErrorKind::NotFound {
            fault.hint("Check the name; it is relative to the current directory.")
        } else {
            fault
        }
    };
    let length = std::fs::metadata(path).map_err(fault)?.len();
    if length > max {
        let message = format!("{what} `{}` has {length} bytes, expected at most {max}", Printable::new(path));
        return Err(Fault::usage(message));
    }
    input::read(path).map_err(fault)
}

/// Refuses an output that could not be written at `out`, before anything is done for it.
pub(crate) fn place(out: &Path, shape: Shape) -> Result<(), Fault> {
    if out.symlink_metadata().is_ok() {
        return Err(DurableError::Exists { path: out.to_owned() }.into());
    }
    Ok(check_place(out, shape)?)
}

/// Who checks signatures, by `--generic-verify`.
pub(crate) const fn engine(generic: bool) -> VerificationEngine {
    if generic { VerificationEngine::Generic } else { VerificationEngine::FixedKey }
}

/// Reads and proves a policy.
pub(crate) fn policy(path: &Path) -> Result<Policy, Fault> {
    let text = String::from_utf8(bytes("policy", path)?).map_err(|error| {
        let what = match form::byte_order_mark(error.as_bytes()) {
            Some(mark) => format!("starts with {mark}, expected UTF-8 text"),
            None => "is not UTF-8 text".to_owned(),
        };
        Fault::usage(format!("policy `{}` {what}", Printable::new(path)))
    })?;
    Policy::parse(&text, &render::path_json(path)).map_err(|errors| Error::from(errors).into())
}

/// Reads the configuration.
pub(crate) fn config(path: &Path, printer: Printer) -> Result<Config, Fault> {
    config_or(path, printer, "Make one with `reroot init DIR`, or name one with --config.")
}

/// Reads the configuration, and says which; `hint` says what else would do.
pub(crate) fn config_or(path: &Path, printer: Printer, hint: &str) -> Result<Config, Fault> {
    if !path.exists() {
        return Err(Fault::usage(format!("there is no configuration `{}`", Printable::new(path))).hint(hint));
    }
    let config = Config::load_with(path, printer.sharing).map_err(Error::from)?;
    printer.configuration(&path.canonicalize().unwrap_or_else(|_| path.to_owned()));
    overruled(config.overruled(), printer);
    Ok(config)
}

/// Refuses a file that an option names if somebody else could change it, or read a secret.
pub(crate) fn guarded(path: &Path, role: Role, printer: Printer) -> Result<(), Fault> {
    match (Ownership::of_this_process().check(path, role), printer.sharing) {
        (Ok(()), _) => Ok(()),
        (Err(shared), Sharing::Allowed) => {
            overruled(&[shared], printer);
            Ok(())
        }
        (Err(shared), Sharing::Refused) => Err(Fault::usage(shared.to_string()).hint(&shared.hint())),
    }
}

fn overruled(shared: &[Shared], printer: Printer) {
    for shared in shared {
        printer.warn(&format!("{shared}; --allow-shared overrules this"));
    }
}

/// Opens the ledger that the configuration names, or makes it where that was asked for.
pub(crate) fn ledger(config: &Config, issuer: &Spki, new: bool, printer: Printer) -> Result<Ledger, Fault> {
    let unnoted = config.head_file().filter(|file| !file.exists());
    let ledger = if new { config.open_or_create_ledger(issuer) } else { config.open_ledger(issuer) }?;
    if let Some(file) = unnoted {
        let file = Printable::new(file);
        printer.warn(&format!(
            "there is no `{file}` to compare the ledger's head with; it is written at the end of this run"
        ));
    }
    Ok(ledger)
}

/// Trust anchors, from options or else from the configuration.
pub(crate) struct Anchors {
    /// Of the source leaves.
    pub(crate) source: Vec<Certificate>,
    /// Of the new certificates.
    pub(crate) issuer: Vec<Certificate>,
    /// Of the manifest signer.
    pub(crate) manifest: Vec<Certificate>,
}

/// Reads the trust anchors.
pub(crate) fn anchors(args: &AnchorArgs, printer: Printer) -> Result<Anchors, Fault> {
    let configured = args.source_anchor.is_empty() || args.issuer_anchor.is_none();
    let config = if configured { Some(config_or(&args.config, printer, NO_ANCHORS)?) } else { None };
    let source = match &config {
        Some(config) if args.source_anchor.is_empty() => config.anchors()?,
        _ => certificates(&args.source_anchor)?,
    };
    let issuer = match (&args.issuer_anchor, &config) {
        (Some(path), _) => certificates(std::slice::from_ref(path))?,
        (None, Some(config)) => config.issuer_identity()?.chain().last().cloned().into_iter().collect(),
        (None, None) => vec![],
    };
    if issuer.is_empty() || source.is_empty() {
        return Err(Fault::usage("no trust anchor")
            .hint("Name the root of the source leaves with --source-anchor and your own with --issuer-anchor."));
    }
    let manifest = match &args.manifest_anchor {
        Some(path) => certificates(std::slice::from_ref(path))?,
        None => issuer.clone(),
    };
    Ok(Anchors { source, issuer, manifest })
}

const NO_ANCHORS: &str =
    "Name the trust anchors with --source-anchor and --issuer-anchor, or a configuration that has them with --config.";

/// The digest of a beacon, which may be any file.
pub(crate) fn beacon(path: &Path) -> Result<Sha256Digest, Fault> {
    let content = bytes("beacon", path)?;
    if content.is_empty() {
        return Err(Fault::usage(format!("beacon `{}` is empty", Printable::new(path)))
            .hint("Name a file with a public value that nobody could know earlier; every empty file is the same."));
    }
    Ok(sha256(&content))
}

/// Reads an expected list.
pub(crate) fn expected(path: &Path, family: Family) -> Result<(ExpectedList, Sha256Digest), Fault> {
    let content = bytes("expected list", path)?;
    let list = ExpectedList::parse(family, &content, &render::path_json(path)).map_err(|error| {
        let hint = error.hint().unwrap_or_default();
        Fault::usage(error.to_string()).hint(&hint)
    })?;
    Ok((list, sha256(&content)))
}

/// Reads certificates, PEM or DER.
pub(crate) fn certificates(paths: &[PathBuf]) -> Result<Vec<Certificate>, Fault> {
    let mut list = Vec::new();
    for path in paths {
        let name = Printable::new(path);
        let content = bytes("certificate", path)?;
        let found = certificates_in_pem(&content).map_err(|error| {
            let fault = Fault::usage(format!("`{name}`: {error}"));
            match Form::of(&content).and_then(Form::hint) {
                Some(hint) => fault.hint(hint),
                None => fault,
            }
        })?;
        for der in found {
            let certificate =
                Certificate::from_named_der(&der).map_err(|error| Fault::usage(format!("`{name}`: {error}")))?;
            list.push(certificate);
        }
    }
    Ok(list)
}

/// Paths on the command line as inputs; `-` is standard input.
pub(crate) fn inputs(paths: &[PathBuf]) -> Result<Vec<Input>, Fault> {
    let stdin = |path: &&PathBuf| path.as_os_str() == "-";
    if paths.iter().filter(stdin).count() > 1 {
        return Err(Fault::usage("standard input (`-`) is named twice, and can be read once"));
    }
    Ok(paths.iter().map(|path| if stdin(&path) { Input::Stdin } else { Input::Path(path.clone()) }).collect())
}

/// The digest of `--expect-head`.
pub(crate) fn head(text: &str) -> Result<Sha256Digest, Fault> {
    text.parse().map_err(|error| Fault::usage(format!("--expect-head is not a digest: {error}")))
}

/// The digest of `--head`.
pub(crate) fn chain_head(text: &str) -> Result<Sha256Digest, Fault> {
    text.parse().map_err(|error| {
        Fault::usage(format!("--head is not a digest: {error}")).hint(
            "Give the SHA-256 of manifest.json that `issue` printed as `statement`: 64 lower-case hexadecimal digits.",
        )
    })
}

/// The digest of `--expect-signatures`.
pub(crate) fn digest_of_signatures(text: &str) -> Result<Sha256Digest, Fault> {
    text.parse().map_err(|error| Fault::usage(format!("--expect-signatures is not a digest: {error}")))
}

/// `NAME=VALUE` pairs of `--set`.
pub(crate) fn params(set: &[String]) -> Result<BTreeMap<String, String>, Fault> {
    let mut params = BTreeMap::new();
    for pair in set {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(Fault::usage(format!("--set {pair:?} is not NAME=VALUE")));
        };
        if params.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(Fault::usage(format!("--set names `{name}` twice")));
        }
    }
    Ok(params)
}
