//! Seals by the manifest key: over statements, supplements of possession, heads of plans and closed files of audit logs.
//!
//! What a seal is, and how it is checked, is [`manifest`](crate::manifest)'s.

use std::path::Path;

use reroot_core::journal;

use crate::durable::{self, Access, DurableError};
use crate::error::Error;
use crate::input;
use crate::manifest::possession::Supplement;
use crate::manifest::{ManifestError, Statement, seal};
use crate::signer::Signer;
use crate::x509::{Certificate, Time};

/// Seals a statement: the bytes of `manifest.json.p7s`. `created` is the statement's own and becomes signingTime.
///
/// # Errors
/// The bytes are not a statement made at `created`; and as [`seal_bytes`].
pub fn sign(statement: &[u8], certificate: &Certificate, signer: &dyn Signer, created: Time) -> Result<Vec<u8>, Error> {
    let claimed = Statement::parse(statement)?.created;
    if claimed != created {
        return Err(ManifestError::SigningTime { signing_time: created, created: claimed }.into());
    }
    seal_bytes(statement, certificate, signer, created)
}

/// Seals a supplement of possession: the bytes of `NAME.pop.json.p7s`.
///
/// # Errors
/// As [`seal_bytes`].
pub fn sign_supplement(
    supplement: &Supplement,
    certificate: &Certificate,
    signer: &dyn Signer,
) -> Result<Vec<u8>, Error> {
    seal_bytes(supplement.to_line().as_bytes(), certificate, signer, supplement.created)
}

/// Seals any other bytes of this program, such as a plan's head. They begin with their format, so that none can be
/// taken for a statement.
///
/// # Errors
/// The certificate is not one of a manifest signer valid at `created`; the signer fails, holds another key, or returns
/// a wrong signature.
pub fn seal_bytes(
    bytes: &[u8],
    certificate: &Certificate,
    signer: &dyn Signer,
    created: Time,
) -> Result<Vec<u8>, Error> {
    if signer.public_key() != certificate.spki() {
        seal::check_signer(certificate, created)?;
        return Err(ManifestError::SignerKeyMismatch.into());
    }
    seal::seal(bytes, certificate, created, |algorithm, message| {
        let mut signatures = Vec::with_capacity(1);
        signer.sign_bytes(algorithm, &[message], &mut signatures).map_err(Error::ManifestSigner)?;
        Ok(signatures.pop().unwrap_or_default())
    })
}

/// Seals every closed file of the audit log in a folder that has no seal, and returns their names. The last file of the log is open.
///
/// # Errors
/// The folder cannot be read or written, or the manifest key fails.
pub fn sign_closed_journal(
    folder: &Path,
    certificate: &Certificate,
    signer: &dyn Signer,
    now: Time,
) -> Result<Vec<String>, Error> {
    let mut files = journal::list(folder)?;
    files.pop();
    let mut sealed = Vec::new();
    for file in files.iter().filter(|file| !file.seal().exists()) {
        let read = |source| DurableError::Io { doing: "read", path: file.path.clone(), source };
        let bytes = input::read(&file.path).map_err(read)?;
        let seal = seal_bytes(&bytes, certificate, signer, now)?;
        durable::write_new(&file.seal(), Access::Private, &seal)?;
        sealed.push(file.part.to_string());
    }
    Ok(sealed)
}
