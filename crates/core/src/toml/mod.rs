//! TOML files that people write, read with a closed schema: the policy and the configuration.
//!
//! Guarantees: every key that a reader does not ask for is a mistake, every mistake has its place in the text, and one
//! mistake does not hide the next. Codes and words are those of the kind of file: see [`Wording`]. What values mean is left
//! to the reader.

mod document;
mod mistakes;

pub use document::{Table, Value, Wording, parse};
pub use mistakes::{FileError, FileErrors, Mistakes};
