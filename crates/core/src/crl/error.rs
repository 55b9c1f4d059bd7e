//! Why bytes are not a list that this program reads.

use der::asn1::ObjectIdentifier;

use crate::x509::pem::PemError;
use crate::x509::tlv::DerError;
use crate::x509::{AlgorithmError, NameError, SerialNumberError, TimeError, oid};

/// Why bytes are not a complete, direct revocation list of version 2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CrlError {
    /// Not a signature algorithm of a list.
    #[error("signature algorithm of the CRL: {0}")]
    Algorithm(#[from] AlgorithmError),
    /// Two different algorithms.
    #[error("signature algorithm inside the CRL is not the one outside (RFC 5280 §5.1.1.2)")]
    AlgorithmMismatch,
    /// authorityKeyIdentifier without a keyIdentifier.
    #[error("authorityKeyIdentifier of the CRL has no keyIdentifier (RFC 5280 §5.2.1)")]
    AuthorityKeyIdentifier,
    /// A critical extension that is not known.
    #[error("{place} has the critical extension {}, which this program does not process (RFC 5280 §5.2, §5.3)", oid::shown(*.oid))]
    CriticalExtension {
        /// The list or an entry.
        place: &'static str,
        /// The extension.
        oid: ObjectIdentifier,
    },
    /// A list of changes.
    #[error("CRL is a delta CRL (RFC 5280 §5.2.4), expected a complete one")]
    Delta,
    /// Not DER.
    #[error(transparent)]
    Der(#[from] DerError),
    /// The same extension twice.
    #[error("{place} has the extension {} twice (RFC 5280 §4.2)", oid::shown(*.oid))]
    DuplicateExtension {
        /// The list or an entry.
        place: &'static str,
        /// The extension.
        oid: ObjectIdentifier,
    },
    /// revokedCertificates without a certificate, or extensions without one.
    #[error("{what} is present and empty (RFC 5280 §5.1)")]
    Empty {
        /// The field.
        what: &'static str,
    },
    /// What is wrong with one entry.
    #[error("entry {number} of the CRL: {source}")]
    Entry {
        /// Counted from 1.
        number: usize,
        /// What is wrong.
        source: Box<Self>,
    },
    /// A BOOLEAN that is not TRUE in DER.
    #[error("CRL has a BOOLEAN that is not FF, as DER writes TRUE where FALSE is the default (X.690 §11.1, §11.5)")]
    Flag,
    /// A PEM block of another kind.
    #[error("PEM block {found} is not a CRL, expected X509 CRL (RFC 7468 §7)")]
    Label {
        /// The label found.
        found: String,
    },
    /// An extension that RFC 5280 demands.
    #[error("CRL has no {extension} extension ({clause})")]
    MissingExtension {
        /// Its name.
        extension: &'static str,
        /// The clause that demands it.
        clause: &'static str,
    },
    /// The issuer is not a name.
    #[error("issuer of the CRL: {0}")]
    Name(#[from] NameError),
    /// No nextUpdate.
    #[error("CRL has no nextUpdate (RFC 5280 §5.1.2.5)")]
    NoNextUpdate,
    /// cRLNumber out of range.
    #[error("cRLNumber is not a non-negative integer of at most 20 bytes (RFC 5280 §5.2.3)")]
    Number,
    /// Not PEM.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// A CRLReason that no complete list has.
    #[error("reasonCode {found} is not one that a complete CRL can have (RFC 5280 §5.3.1)")]
    Reason {
        /// The code found.
        found: u8,
    },
    /// A scope that this program does not process.
    #[error("issuingDistributionPoint of the CRL has {field}, which this program does not process (RFC 5280 §5.2.5)")]
    Scope {
        /// What it has.
        field: &'static str,
    },
    /// Not a serial number.
    #[error(transparent)]
    Serial(#[from] SerialNumberError),
    /// The signature is not whole bytes.
    #[error("signature of the CRL has unused bits")]
    SignatureUnusedBits,
    /// Not a time.
    #[error("{field}: {source}")]
    Time {
        /// The field.
        field: &'static str,
        /// Why it is not one.
        source: TimeError,
    },
    /// Not version 2.
    #[error("CRL is not of version 2 (RFC 5280 §5.1.2.1)")]
    Version,
}
