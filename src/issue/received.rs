//! Signatures that were made elsewhere over what this ledger has recorded.

use crate::cert::{IssuedCertificate, UncheckedCertificate};
use crate::crypto::{PublicKey, is_full_width};
use crate::ledger::RecordedTbs;
use crate::x509::Spki;

use super::IssueError;

/// Looks at a signature over a recorded tbsCertificate, as at one from a signer at hand: it verifies under the issuer's
/// key, and it is of full width where the policy wants that.
///
/// # Errors
/// It is not.
pub fn received(
    key: &PublicKey,
    issuer: &Spki,
    recorded: RecordedTbs,
    signature: Vec<u8>,
) -> Result<IssuedCertificate, IssueError> {
    let tbs = recorded.into_tbs();
    let uid = || tbs.origin().uid;
    key.verify(tbs.signature_algorithm(), tbs.der(), &signature)
        .map_err(|source| IssueError::WrongSignature { uid: uid(), source })?;
    if tbs.full_width_signature() && !is_full_width(issuer.algorithm(), &signature) {
        return Err(IssueError::NotFullWidth { uid: uid() });
    }
    Ok(IssuedCertificate::assert_verified(UncheckedCertificate { tbs, signature }))
}
