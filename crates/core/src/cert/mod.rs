//! The new certificate on its way: template, tbsCertificate, certificate; and the issuer as everybody may see it.
//!
//! Guarantees: the issuer's name and the source key's SubjectPublicKeyInfo enter the certificate byte for byte; what
//! was encoded is never encoded again; serial numbers follow from seed, issuer, leaf and attempt alone; a certificate counts as
//! issued when its signature was verified under the issuer's own key. Signing is `reroot-issue`'s.

mod answered;
mod check;
mod difference;
mod encoder;
mod identity;
mod issued;
mod seed;
mod serial;
mod tbs;
mod template;

pub use answered::{AnswerFault, CODES as ANSWER_CODES, answered, object};
pub use check::{WrongSignature, check_all, claim, released};
pub use difference::{Difference, differences};
pub use encoder::{Encoder, SerialBasis};
pub use identity::{IssuerIdentity, IssuerIdentityError};
pub use issued::{IssuedCertificate, UncheckedCertificate};
pub use seed::Seed;
pub use serial::Serials;
pub use tbs::TbsCertificate;
pub use template::{DeviceLimits, ObjectTemplate, Profile, Profiles, RuleScope, SerialRule, TemplateFields};
