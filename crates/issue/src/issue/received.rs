//! Signatures that were made elsewhere over what this ledger has recorded.

use crate::cert::{IssuedCertificate, TbsCertificate, UncheckedCertificate, WrongSignature};
use crate::crypto::{PublicKey, is_full_width, kept_form};
use crate::ledger::Recorded;
use crate::x509::Spki;

use super::IssueError;

/// Looks at a signature over a recorded tbsCertificate, as at one from a signer at hand: it verifies under the issuer's
/// key, and it is of full width where the policy wants that.
///
/// Anyone on the way can have exchanged it for its twin. So the form is kept that a signer at hand would have been kept
/// in, unless `as_sent` says that the bytes are proved to be those that left the signing machine. Releases that kept
/// the form in which the signer answered made signatures of which only the higher s is of full width: these stay as
/// they are.
///
/// # Errors
/// It is not.
pub fn received(
    key: &PublicKey,
    issuer: &Spki,
    recorded: Recorded<TbsCertificate>,
    signature: Vec<u8>,
    as_sent: bool,
) -> Result<IssuedCertificate, IssueError> {
    let tbs = recorded.into_tbs();
    let uid = || tbs.origin().uid;
    key.verify(tbs.signature_algorithm(), tbs.der(), &signature)
        .map_err(|source| WrongSignature { uid: uid(), source })?;
    let (key, full_width) = (issuer.algorithm(), tbs.full_width_signature());
    let unfit = |signature: &[u8]| full_width && !is_full_width(key, signature);
    let signature = if as_sent {
        signature
    } else {
        let kept = kept_form(key, full_width, signature.clone());
        if unfit(&kept) { signature } else { kept }
    };
    if unfit(&signature) {
        return Err(IssueError::NotFullWidth { uid: uid() });
    }
    Ok(IssuedCertificate::assert_verified(UncheckedCertificate::new(tbs, signature)))
}
