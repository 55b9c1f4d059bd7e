//! What several commands read of their options before they do anything. Files are read by `reroot_core::load`.

use std::collections::BTreeMap;
use std::path::Path;

use reroot_core::crypto::VerificationEngine;
use reroot_core::delivery::check_place;
use reroot_core::durable::DurableError;
use reroot_core::durable::output::Shape;
use reroot_core::x509::Sha256Digest;

use crate::fault::Fault;

pub use reroot_core::load::{beacon, bytes, bytes_up_to, certificates, expected, inputs, policy};

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
