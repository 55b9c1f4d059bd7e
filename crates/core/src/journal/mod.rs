//! The audit log of a service: who asked for what, when, from where, and what came of it. One event a line, each line with the
//! digest of the line before it.
//!
//! Guarantees: a log that [`verify`] accepts has every event from the first to the last, in order and unchanged, as far as
//! the seals of closed files and a head that was noted elsewhere reach. The format is specified in
//! `docs/spec/audit-log.md`. Appending and sealing are the writer's, in the crate that signs.

mod event;
mod files;
mod verify;

pub use event::{Auth, Entry, Event, Head, Outcome};
pub use files::{LogFile, Part, list};
pub use verify::{CODES, JournalFault, JournalReport, code, verify};

/// Largest line, in bytes, without its newline.
pub const MAX_LINE: usize = 16 * 1024;

/// Bytes from which a file is closed before its day has ended. A seal is made over the whole file in memory.
pub const MAX_FILE: u64 = 64 * 1024 * 1024;
