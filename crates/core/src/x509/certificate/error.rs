//! Why bytes are not a certificate.

use der::asn1::ObjectIdentifier;

use crate::x509::algorithm::AlgorithmError;
use crate::x509::name::NameError;
use crate::x509::oid;
use crate::x509::serial::SerialNumberError;
use crate::x509::spki::SpkiError;
use crate::x509::tlv::DerError;
use crate::x509::validity::TimeError;

/// Why bytes are not a certificate this program reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// An algorithm is unknown or has wrong parameters.
    #[error(transparent)]
    Algorithm(#[from] AlgorithmError),
    /// The two algorithm fields differ.
    #[error("signatureAlgorithm differs from the signature field inside tbsCertificate (RFC 5280 §4.1.1.2)")]
    AlgorithmMismatch,
    /// A BOOLEAN that is neither 00 nor FF.
    #[error("{what} is a BOOLEAN other than TRUE (FF) (X.690 §11.1)")]
    Boolean {
        /// Field found.
        what: &'static str,
    },
    /// The DER is broken.
    #[error(transparent)]
    Der(#[from] DerError),
    /// The same extension twice.
    #[error("extension {} appears more than once (RFC 5280 §4.2)", oid::shown(*.oid))]
    DuplicateExtension {
        /// Extension found.
        oid: ObjectIdentifier,
    },
    /// A list that must not be empty.
    #[error("{what} is empty, expected at least one element (RFC 5280 §4.1)")]
    EmptySequence {
        /// List found.
        what: &'static str,
    },
    /// A default written out.
    #[error("{what} is an explicit FALSE, which DER leaves away (X.690 §11.5)")]
    ExplicitDefault {
        /// Field found.
        what: &'static str,
    },
    /// Extensions in an old certificate.
    #[error("extensions in a certificate of version {version}, expected version 3 (RFC 5280 §4.1.2.9)")]
    ExtensionsNeedVersion3 {
        /// Version found.
        version: u8,
    },
    /// The value is not a KeyUsage.
    #[error("keyUsage is not a non-empty named bit list in DER (RFC 5280 §4.2.1.3)")]
    KeyUsage,
    /// A name is broken.
    #[error("{field}: {source}")]
    Name {
        /// Field found.
        field: &'static str,
        /// What is broken.
        source: NameError,
    },
    /// pathLenConstraint out of range.
    #[error("pathLenConstraint is not a small non-negative integer (RFC 5280 §4.2.1.9)")]
    PathLen,
    /// The serial number is broken.
    #[error(transparent)]
    Serial(#[from] SerialNumberError),
    /// The signature is not a whole number of bytes.
    #[error("signature value is not a whole number of octets")]
    SignatureUnusedBits,
    /// The public key is broken or unknown.
    #[error(transparent)]
    Spki(#[from] SpkiError),
    /// A time is broken.
    #[error("{field}: {source}")]
    Time {
        /// Field found.
        field: &'static str,
        /// What is broken.
        source: TimeError,
    },
    /// More extensions than the limit.
    #[error("more than {limit} extensions")]
    TooManyExtensions {
        /// Most that are read.
        limit: usize,
    },
    /// issuerUniqueID or subjectUniqueID.
    #[error("{field} is present, which conforming CAs never write (RFC 5280 §4.1.2.8)")]
    UniqueIdentifier {
        /// Field found.
        field: &'static str,
    },
    /// A version other than 1 (absent), 2 or 3.
    #[error("version is not 2 (v3) and not absent (v1) (RFC 5280 §4.1.2.1)")]
    Version,
}
