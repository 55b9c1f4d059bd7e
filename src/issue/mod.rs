//! The CA half: from a template to a tbsCertificate, from a recorded tbsCertificate to a certificate.
//!
//! Guarantees: only what the ledger has recorded is signed; a signature is verified under the issuer's own key before
//! anyone sees it; serial numbers follow from seed, issuer, leaf and attempt alone. Deciding what a certificate says is
//! [`policy`](crate::policy)'s, recording is [`ledger`](crate::ledger)'s, holding the key [`signer`](crate::signer)'s.

mod answered;
mod error;
mod prepare;
mod received;
mod serial;
mod sign;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use crate::cert::Seed;
pub use answered::{ANSWER_CODES, AnswerFault, answered, object};
pub use error::IssueError;
pub use received::received;
pub use serial::Serials;
pub use sign::{Issuer, SignReport, Signed, check, check_all};
