//! What can be checked without a key: leaves, batches, proofs, their formats and second readers of them; and what the
//! repository says about itself.

use reroot_test_support as support;

mod architecture;
mod audit;
mod audit_log;
mod auditor;
mod borders;
mod docs;
mod errors;
mod export;
mod fixtures;
mod grouped;
mod intake;
mod manifest_format;
mod manifest_seal;
mod packaging;
mod proof;
mod relying;
mod repository;
mod source;
