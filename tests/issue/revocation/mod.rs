//! Revocation through the program: names to certificates, rounds of lists, a vault, relying parties.
#![expect(clippy::unwrap_used, reason = "`unwrap` is for tests")]

mod field;
mod guide;
mod killed;
mod printed;
mod relying;
mod rounds;
mod select;
mod token;
mod vault;
