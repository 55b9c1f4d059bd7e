//! The CA half: from a template to a tbsCertificate, from a recorded tbsCertificate to a certificate.
//!
//! Guarantees: only what the ledger has recorded is signed; a signature is verified under the issuer's own key before
//! anyone sees it; serial numbers follow from seed, issuer, leaf and attempt alone. Deciding what a certificate says is
//! [`policy`](crate::policy)'s, recording is [`ledger`](crate::ledger)'s, holding the key [`signer`](crate::signer)'s.

mod ca_key;
mod error;
mod received;
mod sign;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use crate::cert::Seed;
pub(crate) use ca_key::sign_recorded;
pub use error::IssueError;
pub use received::received;
pub use reroot_core::cert::{ANSWER_CODES, AnswerFault, Serials, answered, object};
pub use sign::{Issuer, SignReport, Signed, check};
