//! The verbs that check: `verify`, `verify-proof`, `lookup`, `inspect`, `policy`, `audit`. They parse, call `reroot-core`, and print.
//!
//! Two programs use them. `reroot-check` is for auditors: it depends on `reroot-core` alone, so it has no private key,
//! opens no connection, and writes no file but those that the caller names (`--report`, `--findings`, `--der`, `man`).
//! `reroot` also has the verbs that sign, and a configuration ([`Configuration`]) that names the anchors.
//!
//! Line packs are opened read-only and immutable (`reroot_core::delivery::PackReader`).

#![expect(clippy::missing_errors_doc, reason = "every error is a `Fault`, and a caller prints it")]

pub mod anchors;
pub mod args;
pub mod beside;
pub mod chip;
pub mod lists;
pub mod load;
pub mod man;
pub mod printer;
pub mod progress;
pub mod render;
pub mod verb;
pub mod words;

mod exit;
mod fault;
mod stdin;
mod usage;
mod world;

/// The version with the commit, as `--version` names it (`build.rs`).
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("REROOT_BUILT_FROM"), ")");

pub use exit::Exit;
pub use fault::Fault;
pub use printer::Printer;
pub use stdin::Stdin;
pub use usage::usage;
pub use world::{Configuration, Configured, World};
