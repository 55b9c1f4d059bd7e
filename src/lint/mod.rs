//! Rules that a tbsCertificate must meet before it may be signed: one rule a file, foldered by authority.

mod linted;

pub use linted::LintedTbs;
