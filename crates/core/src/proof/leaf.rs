//! A leaf as a station reads it from a chip.

use crate::reel::certificates_in_pem;
use crate::x509::tlv::Reader;
use crate::x509::{Certificate, Leniency};

/// What was read from a chip and is not a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeafError {
    /// Neither PEM nor the DER of a certificate.
    #[error("holds no leaf certificate")]
    NotALeaf,
    /// Something follows the certificate.
    #[error("holds no leaf certificate")]
    Padding,
}

impl LeafError {
    /// What to do about it.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::NotALeaf => "Give the leaf as the chip has it: DER, alone or at the beginning of a zone, or PEM.",
            Self::Padding => "After the certificate a zone holds nothing but 00 or FF.",
        }
    }
}

/// Reads a leaf that is alone, DER or PEM, or DER at the beginning of a zone, whose rest is all 00 or all FF.
///
/// # Errors
/// There is no leaf in it, or something else behind it.
pub fn leaf_from_chip(bytes: &[u8]) -> Result<Certificate, LeafError> {
    let der = if bytes.first() == Some(&0x30) {
        let first = Reader::new(bytes).element("leaf").map_err(|_| LeafError::NotALeaf)?.raw;
        let padding = &bytes[first.len()..];
        if ![0x00, 0xFF].iter().any(|filler| padding.iter().all(|byte| byte == filler)) {
            return Err(LeafError::Padding);
        }
        first.to_vec()
    } else {
        let found = certificates_in_pem(bytes).ok().and_then(|list| list.into_iter().next());
        found.ok_or(LeafError::NotALeaf)?
    };
    let leniency = Leniency { explicit_default_boolean: true };
    Certificate::from_der_leniently(&der, leniency).map(|(leaf, _)| leaf).map_err(|_| LeafError::NotALeaf)
}
