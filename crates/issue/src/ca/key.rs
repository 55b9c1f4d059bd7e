//! A CA key and what it signs of the CA itself: recorded, signed, verified, recorded.

use crate::crypto::{PublicKey, is_full_width};
use crate::issue::sign_recorded;
use crate::ledger::Ledger;
use crate::signer::Signer;
use crate::x509::{KeyAlgorithm, SignatureAlgorithm, Spki, Time};

use super::CaError;
use super::certificate::wrap;

/// A CA key with its public half.
pub(super) struct CaKey<'a> {
    signer: &'a dyn Signer,
    public: PublicKey,
    algorithm: SignatureAlgorithm,
    full_width: bool,
}

impl<'a> CaKey<'a> {
    /// `public` is the key under which every signature is verified.
    pub(super) fn new(signer: &'a dyn Signer, public: &Spki) -> Result<Self, CaError> {
        let algorithm = public.algorithm().usual_signature();
        Ok(Self { signer, public: PublicKey::from_spki(public)?, algorithm, full_width: false })
    }

    /// Makes signatures in which neither r nor s begins with a zero byte, which ST's host library needs of every
    /// certificate it loads: one signature in 128 is discarded. It reads no other kinds of signature; half of those on
    /// P-521 begin with a zero byte.
    pub(super) fn full_width(self) -> Self {
        let full_width = matches!(self.public.algorithm(), KeyAlgorithm::P256 | KeyAlgorithm::P384);
        Self { full_width, ..self }
    }

    /// The algorithm of its signatures, which the signed bytes name.
    pub(super) const fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// Records `tbs`, signs it, verifies the signature and records the result, which is returned: DER.
    ///
    /// # Errors
    /// A step fails. After the first one the ledger lists what may have been signed.
    pub(super) fn sign(&self, ledger: &Ledger, kind: &str, tbs: &[u8], at: Time) -> Result<Vec<u8>, CaError> {
        let recorded = ledger.record_ca(kind, tbs, at)?;
        // each signature is one over the same recorded bytes, and verified
        for _ in 0..TRIES {
            let mut signatures = Vec::with_capacity(1);
            sign_recorded(self.signer, self.algorithm, [&recorded], &mut signatures)?;
            let signature = signatures.pop().unwrap_or_default();
            self.public.verify(self.algorithm, recorded.bytes(), &signature)?;
            if !self.full_width || is_full_width(self.public.algorithm(), &signature) {
                let der = wrap(recorded.bytes(), self.algorithm, &signature);
                ledger.record_ca_signed(recorded, &der)?;
                return Ok(der);
            }
        }
        Err(CaError::FullWidth { tries: TRIES })
    }
}

/// So often a signature is made until one is of full width: chance does not explain one more.
const TRIES: u32 = 16;
