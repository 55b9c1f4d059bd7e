//! The one door to a CA key: what the ledger has recorded goes in, and nothing else.

use crate::ledger::{Recorded, ToBeSigned};
use crate::signer::{Signer, SignerError};
use crate::x509::SignatureAlgorithm;

/// Has a CA key sign what the ledger has recorded, in order; appends the signatures, of each ECDSA
/// signature the form with the lower s.
///
/// The caller owns the recorded values and gives them up with the signature. Here they are only read, because a signature
/// that is not of full width is made again over the same bytes.
///
/// # Errors
/// As for [`Signer::sign_batch`].
pub(crate) fn sign_recorded<'a, T: ToBeSigned + 'a>(
    signer: &dyn Signer,
    algorithm: SignatureAlgorithm,
    recorded: impl IntoIterator<Item = &'a Recorded<T>>,
    signatures: &mut Vec<Vec<u8>>,
) -> Result<(), SignerError> {
    let messages: Vec<&[u8]> = recorded.into_iter().map(Recorded::bytes).collect();
    signer.sign_bytes(algorithm, &messages, signatures)?;
    tracing::debug!(signatures = messages.len() as u64, "CA key used");
    Ok(())
}
