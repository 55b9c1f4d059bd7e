//! A backup: a copy of the ledger's file, made while no run can add to it, flushed, and read before it gets its name.

use std::io;
use std::path::Path;

use crate::durable::output::{self, Shape};
use crate::durable::{self, Access, DurableError};
use crate::input::{self, FileId};
use crate::x509::{Sha256Digest, Spki};

use super::held::{Held, log_path};
use super::sqlite::look;
use super::{Ledger, LedgerError, is_url, log};

impl Ledger {
    /// Copies the ledger of this issuer key to the new file `to`, and returns the head of the copy. Runs are kept out until
    /// the copy is complete.
    ///
    /// # Errors
    /// As [`open`](Self::open); `to` exists or cannot be written; or another process took the ledger.
    pub fn back_up(path: &Path, issuer: &Spki, to: &Path) -> Result<Sha256Digest, LedgerError> {
        if is_url(path) {
            return Err(LedgerError::NotAFile { url: path.to_owned() });
        }
        let partial = beside(to);
        output::make_parents(to, Access::Public)?;
        output::check(to, Shape::file(PARTIAL.len(), 0))?;
        if !output::is_free(to) {
            return Err(LedgerError::Exists { path: to.to_owned() });
        }
        // what a killed run left in the write-ahead log is in the file when it is closed
        let ledger = Self::open(path, issuer)?;
        ledger.conclude()?;
        drop(ledger);
        let unreadable = |source| look(path, source);
        let mut from = input::open(path).map_err(unreadable)?;
        let opened = FileId::of(&from.metadata().map_err(unreadable)?);
        // SQLite has no connection here: closing a second descriptor of the file would release its locks
        let mut held = Held::take(path)?;
        let locked = FileId::of(&path.metadata().map_err(unreadable)?);
        if opened != locked || log::is_one(&log_path(held.path())).map_err(unreadable)? {
            // another run had the ledger between the two locks, and was killed
            return Err(LedgerError::Locked { path: path.to_owned(), process: None });
        }
        durable::remove_partial_file(&partial)?;
        let mut copy = durable::create_new(&partial, Access::Private)?;
        let failed = |source| DurableError::Io { doing: "write", path: partial.clone(), source };
        io::copy(&mut from, &mut copy).map_err(failed)?;
        output::sync_file(&partial, &copy)?;
        held.check()?;
        drop(held);
        let copy = Self::open_to_read(&partial)?;
        let head = copy.head()?;
        drop(copy);
        output::publish(&partial, to)?;
        Ok(head)
    }
}

/// Where the copy is while it is written.
fn beside(to: &Path) -> std::path::PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(PARTIAL);
    name.into()
}

const PARTIAL: &str = ".partial";

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test plays a run that was killed")]
mod tests {
    use super::*;
    use crate::ledger::testing::issuer_spki;

    #[test]
    fn a_copy_has_every_record_and_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let ledger = Ledger::create(&at("ledger.db"), &issuer_spki()).unwrap();
        let in_use = Ledger::back_up(&at("ledger.db"), &issuer_spki(), &at("copy.db")).unwrap_err();
        assert!(matches!(in_use, LedgerError::Locked { .. }), "{in_use}");
        let head = ledger.head().unwrap();
        drop(ledger);
        // what a backup left that was killed
        std::fs::write(at("copy.db.partial"), "half").unwrap();
        assert_eq!(Ledger::back_up(&at("ledger.db"), &issuer_spki(), &at("copy.db")).unwrap(), head);
        assert!(!at("copy.db.partial").exists());
        assert_eq!(Ledger::open(&at("copy.db"), &issuer_spki()).unwrap().head().unwrap(), head);
        let before = std::fs::read(at("copy.db")).unwrap();
        let there = Ledger::back_up(&at("ledger.db"), &issuer_spki(), &at("copy.db")).unwrap_err();
        assert!(matches!(there, LedgerError::Exists { .. }), "{there}");
        assert_eq!(std::fs::read(at("copy.db")).unwrap(), before);
    }
}
