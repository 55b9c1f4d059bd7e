//! The policy file: TOML in, every field of a certificate out.
//!
//! Guarantees: a policy is read with a closed schema and all its mistakes are reported at once, each with its place;
//! what holds or fails for all UIDs and all parameter values is decided when the policy is loaded, what depends on the
//! issuer when it is bound; [`BoundPolicy::template`] only fills in. No right of a CA can be written.
//!
//! Left to others: verifying leaves ([`verify`](crate::verify)), encoding ([`cert`](crate::cert)), the last word on the
//! encoding ([`lint`](crate::lint)). Hashes come from [`crypto`](crate::crypto).

mod bind;
mod document;
mod duration;
mod error;
mod field;
mod leaf;
mod node;
mod params;
mod parse;
mod pattern;
mod recorded;
mod reference;
mod sample;
mod shape;
mod shipped;
mod text;
mod value;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use bind::{BatchContext, BoundPolicy};
pub use error::{CODES, PolicyError, PolicyErrors};
pub use field::foreign::difference_name;
pub use field::{FIELDS, Field};
pub use params::Params;
pub use parse::Policy;
pub use recorded::{CommonNameNeeded, RecordedValues};
pub use reference::reference_markdown;
pub use shipped::{SHIPPED, shipped_for};
