//! The files of air-gapped and external signing, and the ceremony on the signing machine. The order of the steps is the
//! [`pipeline`](crate::pipeline)'s.
//!
//! ```text
//! plan     a reel, read and settled; batch row and intents are recorded; one file, signed by the planner
//!            └ carried to the signing machine
//! sign     the planner's signature; every leaf under the machine's own anchors; every tbsCertificate derived again;
//!          its own ledger: no chip twice; a person confirms what the ceremony shows
//!            └ a file of signatures is carried back
//! finish   leaves and tbsCertificates once more; every signature is verified; the batch is sealed
//! ```
//!
//! The signing machine believes nothing of a plan that it can derive. What is left to trust is its own configuration:
//! whose plans it takes, which policies it signs under, whose leaves are genuine. Each of the three commands, given
//! again, goes on where it was interrupted and leaves the same files behind. `docs/spec/plan-format.md` specifies the files.
//!
//! An external CA reads neither plans nor signature files. For it the plan comes with the requests in neutral form
//! (`hand_over`), and certificates come back in place of signatures.

mod ceremony;
pub(crate) mod chunk_file;
pub(crate) mod file;
pub(crate) mod hand_over;
pub(crate) mod head;
mod leaf_store;
mod limits;
mod proposal;
pub(crate) mod signatures;

pub use ceremony::{Ceremony, Shown};
pub(crate) use file::PlanFile;
pub use leaf_store::LeafStore;
pub use proposal::Proposal;
pub(crate) use signatures::{SignatureFile, SignatureWriter};

pub use crate::error::PlanError;

/// Reads bytes as each part of a plan and as signatures, without asking who signed them.
#[cfg(fuzzing)]
pub fn fuzz(bytes: &[u8]) {
    if let Ok(head) = head::Head::parse(bytes) {
        let _ = (head.row(), head.expected(""), head.tbs_root());
    }
    file::fuzz(bytes);
    signatures::fuzz(bytes);
}
