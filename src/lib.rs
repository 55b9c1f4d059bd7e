//! reroot gives every STSAFE-A secure element a second root of trust without breaking the first.
//!
//! In: the archive of leaf certificates that ST hands out for a reel. Out: one object certificate per chip under the
//! customer's own CA, over the same public key and the same UID, and a signed manifest that proves the continuity.
//!
//! The crate guarantees four things, by its types and by its order of steps:
//!
//! 1. Nothing is signed that is not already on the ledger ([`ledger`], [`issue`]).
//! 2. The policy file decides what a certificate says; flags only choose files ([`policy`]).
//! 3. A value's type says what has been proved about it: holding a [`VerifiedLeaf`](verify::VerifiedLeaf) means the chain
//!    was checked, a [`LintedTbs`](lint::LintedTbs) that no rule was broken, a [`RecordedTbs`](ledger::RecordedTbs) that
//!    its intent is durable, an [`IssuedCertificate`](cert::IssuedCertificate) that its signature was verified.
//! 4. Every item of a reel is accounted for: issued, rejected or ignored, once.
//!
//! ```text
//! archive
//!   └ reel::read                       -> SourceLeaf         bytes and a name; nothing believed
//!       └ Verifier::examine            -> VerifiedLeaf       | Finding
//!           └ BoundPolicy::template    -> ObjectTemplate     every field decided; SPKI as received
//!               └ IssuerIdentity::prepare -> LintedTbs       encoded and clean, or it does not exist
//!                   └ Ledger::record   -> RecordedTbs        durable
//!                       └ Issuer::sign -> IssuedCertificate  signature verified before anyone sees it
//!                           └ Entry, TreeBuilder, Statement, seal, BatchWriter
//! ```
//!
//! The paved path is [`reissue::reissue`], which knows the order, and [`audit::audit`], which walks it backwards;
//! [`plan`] goes the same way on two machines. The library asks neither clock nor random generator, prints nothing, and runs synchronously.

pub mod audit;
pub mod ca;
pub mod cert;
pub mod cmp;
pub mod config;
pub mod crypto;
pub mod delivery;
pub mod durable;
pub mod error;
pub mod export;
pub mod findings;
pub mod input;
pub mod inspect;
mod intake;
pub mod issue;
pub mod ledger;
pub mod lint;
pub mod manifest;
pub mod origin;
pub mod ownership;
mod parallel;
pub mod plan;
pub mod policy;
pub mod preview;
pub mod proof;
pub mod reel;
pub mod reissue;
pub mod signer;
pub mod text;
pub mod verify;
pub mod x509;
