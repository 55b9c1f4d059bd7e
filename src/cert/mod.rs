//! The new certificate on its way: template, tbsCertificate, certificate; and the issuer as everybody may see it.
//!
//! Guarantees: the issuer's name and the source key's SubjectPublicKeyInfo enter the certificate byte for byte; what
//! was encoded is never encoded again. Signing and checking are [`issue`](crate::issue)'s.

mod difference;
mod encoder;
mod identity;
mod issued;
mod seed;
mod tbs;
mod template;

pub use difference::{Difference, differences};
pub use encoder::{Encoder, SerialBasis};
pub use identity::{IssuerIdentity, IssuerIdentityError};
pub use issued::{IssuedCertificate, UncheckedCertificate};
pub use seed::Seed;
pub use tbs::TbsCertificate;
pub use template::{DeviceLimits, ObjectTemplate, Profile, Profiles, RuleScope, SerialRule};
