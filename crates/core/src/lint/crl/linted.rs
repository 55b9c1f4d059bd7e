//! A tbsCertList that has passed.

use crate::crl;
use crate::x509::SignatureAlgorithm;

/// An encoded tbsCertList without a finding: the only kind that may be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LintedCrl {
    tbs: Vec<u8>,
    signature: SignatureAlgorithm,
}

impl LintedCrl {
    /// Asserts that every rule was run without a finding. Only this module says so.
    pub(super) fn assert_clean(tbs: Vec<u8>, signature: SignatureAlgorithm) -> Self {
        Self { tbs, signature }
    }

    /// The bytes to sign.
    pub fn tbs(&self) -> &[u8] {
        &self.tbs
    }

    /// Gives up the bytes to sign.
    pub fn into_tbs(self) -> Vec<u8> {
        self.tbs
    }

    /// The algorithm of the signature to come.
    pub const fn signature_algorithm(&self) -> SignatureAlgorithm {
        self.signature
    }

    /// The CertificateList: these very bytes, the algorithm, and `signature`.
    pub fn wrap(&self, signature: &[u8]) -> Vec<u8> {
        crl::wrap(&self.tbs, self.signature, signature)
    }
}
