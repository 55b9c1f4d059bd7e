//! Signed certificates, before and after the signature is checked.

use crate::crypto::sha256;
use crate::origin::Origin;
use crate::x509::{LazySha256, SerialNumber, Sha256Digest, Spki, Validity};

use super::TbsCertificate;

/// A signed certificate as it came from a ledger or a signer: the signature proves nothing yet.
///
/// [`check_all`](super::check_all) checks it and makes an [`IssuedCertificate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UncheckedCertificate {
    pub(super) tbs: TbsCertificate,
    pub(super) signature: Vec<u8>,
}

impl UncheckedCertificate {
    /// Joins what was to be signed and the signature.
    pub fn new(tbs: TbsCertificate, signature: Vec<u8>) -> Self {
        Self { tbs, signature }
    }

    /// Returns what was to be signed.
    pub fn tbs(&self) -> &TbsCertificate {
        &self.tbs
    }

    /// Returns the bytes of the signature.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }
}

/// A certificate whose signature was verified under the issuer's own key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedCertificate {
    der: Vec<u8>,
    tbs: TbsCertificate,
    signature: Vec<u8>,
    sha256: LazySha256,
}

impl IssuedCertificate {
    /// Asserts that the signature was verified. Only the modules that verify signatures may call this;
    /// `tests/check/architecture/mod.rs` looks for other callers.
    #[doc(hidden)]
    pub fn assert_verified(unchecked: UncheckedCertificate) -> Self {
        let der = unchecked.tbs.wrap(&unchecked.signature);
        Self { der, tbs: unchecked.tbs, signature: unchecked.signature, sha256: LazySha256::default() }
    }

    /// The whole certificate.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// SHA-256 of the whole certificate, computed when it is first asked for.
    pub fn sha256(&self) -> Sha256Digest {
        self.sha256.get(|| sha256(&self.der))
    }

    /// What was signed.
    pub fn tbs(&self) -> &TbsCertificate {
        &self.tbs
    }

    /// The signature's bytes.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The chip and its item.
    pub fn origin(&self) -> &Origin {
        self.tbs.origin()
    }

    /// serialNumber
    pub fn serial(&self) -> &SerialNumber {
        self.tbs.serial()
    }

    /// How many serial numbers were given up for this leaf before this one.
    pub fn attempt(&self) -> u32 {
        self.tbs.attempt()
    }

    /// validity
    pub fn validity(&self) -> Validity {
        self.tbs.validity()
    }

    /// subjectPublicKeyInfo
    pub fn spki(&self) -> &Spki {
        self.tbs.spki()
    }
}
