//! Certificate revocation lists (RFC 5280 §5): what a list says, how it is encoded, and a strict reader.
//!
//! Guarantees: [`tbs_cert_list`] is a pure function of its arguments, so a second implementation rebuilds a list byte for
//! byte from what the ledger recorded. A [`Crl`] is a complete, direct list of version 2 whose every entry was read. No
//! key and no clock: a signer wraps what was encoded here, and the caller says which time it is.

mod encode;
mod entry;
mod error;
mod load;
mod number;
mod read;
mod scope;
mod shard;
mod status;

pub use encode::{CrlParameters, tbs_cert_list, wrap};
pub use entry::{CrlEntry, Reason};
pub use error::CrlError;
pub use load::{CrlLoad, load};
pub use number::CrlNumber;
pub use read::{Crl, Entries};
pub use scope::{IssuingDistributionPoint, OnlyContains};
pub use shard::{Shards, ShardsError};
pub use status::{CrlSignatureError, Status, VerifiedCrls, crl_urls};

#[cfg(test)]
mod tests;
