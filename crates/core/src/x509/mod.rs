//! Exact vocabulary of X.509: small types that several stages share.
//!
//! Guarantees: every type here is parsed once, holds private fields and keeps the bytes it was read from where bytes
//! matter (names, public keys). No input, output, clock or cryptography: hashing and verifying live in
//! [`crypto`](crate::crypto).

mod algorithm;
pub mod bundle;
mod certificate;
mod deviation;
mod digest;
mod extensions;
pub mod form;
mod key_algorithm;
mod key_id;
mod name;
pub mod oid;
pub mod pem;
mod serial;
mod short;
mod spki;
pub mod tlv;
mod validity;

pub use algorithm::{AlgorithmError, OtherAlgorithm, Scheme, Sha2, SignatureAlgorithm};
pub use certificate::{BasicConstraints, Certificate, CertificateError, Extension, KeyUsage, Leniency};
pub use deviation::Deviation;
pub use digest::{DigestParseError, LazySha256, Sha1Digest, Sha256Digest};
pub use extensions::{ExtensionError, Place, Purposes, Role, check_ca, check_extensions, check_purposes};
pub use key_algorithm::KeyAlgorithm;
pub use key_id::KeyIdentifier;
pub use name::{Attribute, Name, NameError};
pub use serial::{SerialNumber, SerialNumberError};
pub(crate) use short::Short;
pub use spki::{Spki, SpkiError};
pub use validity::{Time, TimeError, Validity};
