//! Seals by the manifest key: over statements, supplements of possession and heads of plans.
//!
//! What a seal is, and how it is checked, is [`manifest`](crate::manifest)'s.

use crate::error::Error;
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
