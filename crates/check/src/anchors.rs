//! The trust anchors that options name, or else the configuration.

use std::path::{Path, PathBuf};

use reroot_core::load::{Anchors, certificates};
use reroot_core::x509::Certificate;

use crate::args::AnchorArgs;
use crate::fault::Fault;
use crate::printer::Printer;
use crate::world::{Configured, World};

/// All that a batch or a proof is checked by.
pub fn all(args: &AnchorArgs, world: &World, printer: Printer) -> Result<Anchors, Fault> {
    let wanted = args.source_anchor.is_empty() || args.issuer_anchor.is_none();
    let configured = if wanted { world.configured(&args.config, printer, NO_ANCHORS)? } else { None };
    let configured = configured.as_deref();
    let manifest = match (args.manifest_anchor.as_deref(), configured) {
        (Some(path), _) => Some(certificates(&[path])?),
        // an option for the issuer's anchor speaks for both
        (None, Some(configured)) if args.issuer_anchor.is_none() => Some(configured.manifest_anchors()?),
        (None, _) => None,
    };
    let (source, issuer) =
        (source(&args.source_anchor, configured)?, issuer(args.issuer_anchor.as_deref(), configured)?);
    Ok(Anchors::new(source, issuer, manifest)?)
}

/// Those of the source leaves.
pub fn source(named: &[PathBuf], configured: Option<&dyn Configured>) -> Result<Vec<Certificate>, Fault> {
    match configured {
        Some(configured) if named.is_empty() => configured.source_anchors(),
        _ => Ok(certificates(named)?),
    }
}

/// Those of the new certificates: the end of the chain in the configuration, if no option names another.
fn issuer(named: Option<&Path>, configured: Option<&dyn Configured>) -> Result<Vec<Certificate>, Fault> {
    match (named, configured) {
        (Some(path), _) => Ok(certificates(&[path])?),
        (None, Some(configured)) => Ok(configured.issuer()?.anchor().cloned().into_iter().collect()),
        (None, None) => Ok(vec![]),
    }
}

/// Those of the manifest signer: what the configuration says, if no option names another.
pub fn manifest(named: Option<&Path>, configured: Option<&dyn Configured>) -> Result<Vec<Certificate>, Fault> {
    match (named, configured) {
        (Some(path), _) => Ok(certificates(&[path])?),
        (None, Some(configured)) => configured.manifest_anchors(),
        (None, None) => Ok(vec![]),
    }
}

const NO_ANCHORS: &str =
    "Name the trust anchors with --source-anchor and --issuer-anchor, or a configuration that has them with --config.";
