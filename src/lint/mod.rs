//! Rules that a tbsCertificate must meet before it may be signed: one rule a file, foldered by authority.

mod check;
mod linted;

pub use check::{LintFinding, check};
pub use linted::LintedTbs;
