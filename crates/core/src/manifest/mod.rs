//! The manifest of a batch: one line per certificate, a Merkle tree over the lines, a statement, a seal.
//!
//! Guarantees: every format has exactly one spelling, so that what is read and written again is the same bytes; a
//! [`SignedManifest`] exists only for a statement whose seal was verified under a manifest anchor *before* the
//! statement was parsed. The formats are specified in `docs/spec/manifest-format.md`. Files are
//! [`delivery`](crate::delivery)'s, and whether the lines are true is `audit`'s to find out.

mod entry;
mod error;
mod findings;
mod format;
mod json;
mod open;
pub mod possession;
mod proof;
pub mod seal;
mod statement;
pub mod timestamp;
mod tree;

pub use entry::Entry;
pub use error::codes::CODES;
pub use error::{ManifestError, Part, codes};
pub use findings::{FindingLine, InputLine, MissingLine};
pub use format::Format;
pub(crate) use json::line as canonical_line;
pub use open::{ManifestAnchor, SignedManifest, open_bytes, open_supplement, verify_bytes, verify_detached};
pub use proof::{Proof, ProofChip, ProofLine, ProofSeal, ProofVersion};
pub use statement::{
    AnchorReference, Counts, EntriesReference, Expected, FileDigest, InputsReference, IssuerMode, IssuerReference,
    PolicyReference, Possession, Previous, Statement, Unmet,
};
pub use tree::{InclusionError, Tree, TreeBuilder, inclusion_path, leaf_hash, root_from_leaf_hashes, verify_inclusion};

/// The manifest's lines, one an issued certificate.
pub const ENTRIES_FILE: &str = "manifest.jsonl";
/// One line per rejected or ignored item.
pub const REJECTED_FILE: &str = "rejected.jsonl";
/// Of version 2 and where a list was to be met: one line per chip of the list that is not among the verified leaves.
pub const MISSING_FILE: &str = "missing.jsonl";
/// One line per input.
pub const INPUTS_FILE: &str = "inputs.jsonl";
/// The statement.
pub const STATEMENT_FILE: &str = "manifest.json";
/// The statement's seal.
pub const SEAL_FILE: &str = "manifest.json.p7s";
/// The certificate of the seal's signer.
pub const SIGNER_FILE: &str = "manifest.pem";
/// The issuing CA's certificate and those above it.
pub const CHAIN_FILE: &str = "chain.pem";
/// The certificates between the source leaves and their anchors, and the anchors.
pub const SOURCE_CHAIN_FILE: &str = "source-chain.pem";
