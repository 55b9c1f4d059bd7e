//! Files that several commands read before they do anything.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reroot_core::crypto::{VerificationEngine, sha256};
use reroot_core::delivery::check_place;
use reroot_core::durable::DurableError;
use reroot_core::durable::output::Shape;
use reroot_core::input;
use reroot_core::policy::Policy;
use reroot_core::reel::Input;
use reroot_core::text::Printable;
use reroot_core::verify::{ExpectedList, Family};
use reroot_core::x509::{Certificate, Sha256Digest, bundle, form};

use crate::args::AnchorArgs;
use crate::fault::Fault;
use crate::printer::Printer;
use crate::render;
use crate::world::World;

/// Largest policy, list or certificate file that is read.
const MAX_FILE: u64 = 64 << 20;

/// Reads a file that must fit into memory; `what` it is, for the message.
pub fn bytes(what: &str, path: &Path) -> Result<Vec<u8>, Fault> {
    bytes_up_to(MAX_FILE, what, path)
}

/// As [`bytes`], of a file that may be larger: receipts have some 350 octets a chip.
pub fn bytes_up_to(max: u64, what: &str, path: &Path) -> Result<Vec<u8>, Fault> {
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
pub fn place(out: &Path, shape: Shape) -> Result<(), Fault> {
    if out.symlink_metadata().is_ok() {
        return Err(DurableError::Exists { path: out.to_owned() }.into());
    }
    Ok(check_place(out, shape)?)
}

/// Which code checks signatures, by `--generic`.
pub const fn engine(generic: bool) -> VerificationEngine {
    if generic { VerificationEngine::Generic } else { VerificationEngine::FixedKey }
}

/// Reads and proves a policy.
pub fn policy(path: &Path) -> Result<Policy, Fault> {
    let text = String::from_utf8(bytes("policy", path)?).map_err(|error| {
        let what = match form::byte_order_mark(error.as_bytes()) {
            Some(mark) => format!("starts with {mark}, expected UTF-8 text"),
            None => "is not UTF-8 text".to_owned(),
        };
        Fault::usage(format!("policy `{}` {what}", Printable::new(path)))
    })?;
    Policy::parse(&text, &render::path_json(path)).map_err(Into::into)
}

/// Trust anchors, from options or else from the configuration.
pub struct Anchors {
    /// Of the source leaves.
    pub source: Vec<Certificate>,
    /// Of the new certificates.
    pub issuer: Vec<Certificate>,
    /// Of the manifest signer.
    pub manifest: Vec<Certificate>,
}

/// Reads the trust anchors.
pub fn anchors(args: &AnchorArgs, world: &World, printer: Printer) -> Result<Anchors, Fault> {
    let wanted = args.source_anchor.is_empty() || args.issuer_anchor.is_none();
    let configured = if wanted { world.configured(&args.config, printer, NO_ANCHORS)? } else { None };
    let source = match &configured {
        Some(configured) if args.source_anchor.is_empty() => configured.source_anchors()?,
        _ => certificates(&args.source_anchor)?,
    };
    let issuer = match (&args.issuer_anchor, &configured) {
        (Some(path), _) => certificates(std::slice::from_ref(path))?,
        (None, Some(configured)) => configured.issuer()?.anchor().cloned().into_iter().collect(),
        (None, None) => vec![],
    };
    if issuer.is_empty() || source.is_empty() {
        return Err(Fault::usage("no trust anchor")
            .hint("Name the root of the source leaves with --source-anchor and your own with --issuer-anchor."));
    }
    let manifest = match (&args.manifest_anchor, &configured) {
        (Some(path), _) => certificates(std::slice::from_ref(path))?,
        // an option for the issuer's anchor speaks for both, as it always did
        (None, Some(configured)) if args.issuer_anchor.is_none() => configured.manifest_anchors()?,
        (None, _) => issuer.clone(),
    };
    Ok(Anchors { source, issuer, manifest })
}

const NO_ANCHORS: &str =
    "Name the trust anchors with --source-anchor and --issuer-anchor, or a configuration that has them with --config.";

/// The digest of a beacon, which may be any file.
pub fn beacon(path: &Path) -> Result<Sha256Digest, Fault> {
    let content = bytes("beacon", path)?;
    if content.is_empty() {
        return Err(Fault::usage(format!("beacon `{}` is empty", Printable::new(path)))
            .hint("Name a file with a public value that nobody could know earlier; every empty file is the same."));
    }
    Ok(sha256(&content))
}

/// Reads an expected list.
pub fn expected(path: &Path, family: Family) -> Result<(ExpectedList, Sha256Digest), Fault> {
    let content = bytes("expected list", path)?;
    let list = ExpectedList::parse(family, &content, &render::path_json(path)).map_err(|error| {
        let hint = error.hint().unwrap_or_default();
        Fault::usage(error.to_string()).hint(&hint)
    })?;
    Ok((list, sha256(&content)))
}

/// Reads certificates, PEM or DER.
pub fn certificates(paths: &[PathBuf]) -> Result<Vec<Certificate>, Fault> {
    let mut list = Vec::new();
    for path in paths {
        let name = Printable::new(path);
        let content = bytes("certificate", path)?;
        list.extend(bundle::named(&content).map_err(|error| {
            let fault = Fault::usage(format!("`{name}`: {error}"));
            match error.hint() {
                Some(hint) => fault.hint(hint),
                None => fault,
            }
        })?);
    }
    Ok(list)
}

/// Paths on the command line as inputs; `-` is standard input.
pub fn inputs(paths: &[PathBuf]) -> Result<Vec<Input>, Fault> {
    let stdin = |path: &&PathBuf| path.as_os_str() == "-";
    if paths.iter().filter(stdin).count() > 1 {
        return Err(Fault::usage("standard input (`-`) is named twice, and can be read once"));
    }
    Ok(paths.iter().map(|path| if stdin(&path) { Input::Stdin } else { Input::Path(path.clone()) }).collect())
}

/// The digest of `--head`.
pub fn chain_head(text: &str) -> Result<Sha256Digest, Fault> {
    text.parse().map_err(|error| {
        Fault::usage(format!("--head is not a digest: {error}")).hint(
            "Give the SHA-256 of manifest.json that `issue` printed as `statement`: 64 lower-case hexadecimal digits.",
        )
    })
}

/// `NAME=VALUE` pairs of `--set`.
pub fn params(set: &[String]) -> Result<BTreeMap<String, String>, Fault> {
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
