//! reroot gives every STSAFE-A secure element a second root of trust without breaking the first.
//!
//! In: the archive of leaf certificates that ST hands out for a reel. Out: one object certificate per chip under the
//! customer's own CA, over the same public key and the same UID, and a signed manifest that proves the continuity.
//!
//! This package is the program, and the paved path for those who use the library: `reroot-core` checks (no private key,
//! network or clock), `reroot-issue` signs and remembers. Their modules are here under one name.
//!
//! Together they guarantee four things, by their types and by their order of steps:
//!
//! 1. A CA key signs nothing that is not already on the ledger ([`ledger`], [`issue`]). The manifest key's rule is another: it
//!    seals a statement after its certificates are on the ledger, and before the batch gets its name ([`seal`]).
//! 2. The policy file decides what a certificate says; flags only choose files ([`policy`]).
//! 3. A value's type says what has been proved about it: holding a [`VerifiedLeaf`](verify::VerifiedLeaf) means the chain
//!    was checked, a [`LintedTbs`](lint::LintedTbs) that no rule was broken, a [`Recorded`](ledger::Recorded) that its
//!    intent is durable, an [`IssuedCertificate`](cert::IssuedCertificate) that its signature was verified.
//! 4. Every item of a reel is accounted for: issued, rejected or ignored, once.
//!
//! ```text
//! archive
//!   └ reel::read                       -> SourceLeaf         bytes and a name; nothing believed
//!       └ Verifier::examine            -> VerifiedLeaf       | Finding
//!           └ BoundPolicy::template    -> ObjectTemplate     every field decided; SPKI as received
//!               └ IssuerIdentity::prepare -> LintedTbs       encoded and clean, or it does not exist
//!                   └ Ledger::record   -> Recorded<_>        durable
//!                       └ Issuer::sign -> IssuedCertificate  signature verified before anyone sees it
//!                           └ Entry, TreeBuilder, Statement, seal, BatchWriter
//! ```
//!
//! The paved path is [`pipeline::run`], which knows the order, and [`audit::audit`], which walks it backwards;
//! [`plan`] goes the same way on two machines. The library asks neither clock nor random generator, prints nothing, and runs synchronously.

pub use reroot_core::{
    audit, cert, class, crl, crypto, delivery, durable, export, failure, findings, input, inspect, intake, journal,
    lint, load, manifest, origin, parallel, policy, preview, proof, reel, report, text, verify, x509,
};
pub use reroot_issue::{
    approval, audit_log, ca, cmp, config, error, issue, ledger, ownership, pipeline, plan, possession, query, revoke,
    seal, setup, signer, signing_service, status,
};
