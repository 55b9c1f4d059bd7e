//! The registration authority's half: is this a leaf that ST signed, and which chip is it of?
//!
//! Guarantees: a [`VerifiedLeaf`] is strict DER, carries a valid key of an allowed kind, has its family's UID, and its
//! signatures lead to a configured anchor at the instant of verification; every deviation that was tolerated is named
//! in its [`ChainProof`]. What is in an archive is never trusted for being there.
//!
//! Left to others: whether the chip came from the expected reel ([`ExpectedList`] compares with what the operator
//! expects), and what an earlier batch has issued (the ledger's rules).
//!
//! Real ST chains break the profile of RFC 5280 in ways that are no reason to reject: leaves without extensions, leaves
//! that outlive their root, repeated subject names, a root without key identifiers.

mod anchor;
mod codes;
mod conflicts;
mod defect;
mod error;
mod expect;
mod family;
mod leaf;
mod name;
mod path;
mod profile;
mod receipt;
mod relaxations;
mod rules;
mod verifier;

pub use anchor::TrustAnchor;
pub use codes::*;
pub use conflicts::{Conflict, Contender, Row, Verdict, conflicts, key_of_a_ca};
pub use defect::code_of;
pub use error::VerifyError;
pub use expect::{Comparison, ExpectError, Expectation, ExpectedList, MissingChip, surplus, unexpected};
pub(crate) use family::Parts;
pub use family::{Family, NamedUids};
pub use leaf::{ChainProof, VerifiedLeaf};
pub(crate) use receipt::PathIndex;
pub use receipt::Receipt;
pub use rules::{Relaxation, SourceRules};
pub use verifier::{Examined, MAX_CANDIDATE_BYTES, Verifier, Warning};
