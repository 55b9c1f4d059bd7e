//! The head, noted in a file of its own: best on another disk than the ledger.
//!
//! The file has one line, the head as `reroot ledger head` prints it and the number of records up to it. The ledger may
//! have gone on since, as after a kill; it may not have another record there, or fewer.

use std::path::{Path, PathBuf};

use crate::durable;
use crate::input;
use crate::x509::Sha256Digest;

use super::LedgerError;
use super::open::State;
use super::record::Head;

/// Where the head is noted.
pub(super) struct Noted {
    pub(super) file: PathBuf,
    /// The head that was compared, or is in the file.
    pub(super) head: Head,
}

impl State {
    /// Whether a head is noted in the file. It must be one that the ledger has had.
    pub(super) fn compare_head(&mut self, file: &Path) -> Result<bool, LedgerError> {
        Ok(self.noted_head(file)?.is_some())
    }

    /// The head that is noted in the file, if there is one. It must be one that the ledger has had.
    pub(super) fn noted_head(&mut self, file: &Path) -> Result<Option<Head>, LedgerError> {
        let unreadable = |source| LedgerError::HeadFile { path: file.to_owned(), source };
        let content = match input::read(file) {
            Ok(content) => content,
            // the disk may not be there: only its folder tells
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && durable::parent(file).is_dir() => {
                return Ok(None);
            }
            Err(error) => return Err(unreadable(error)),
        };
        let Some((digest, position)) = parse(&content) else {
            return Err(unreadable(std::io::Error::other("it is not a head as this program prints it")));
        };
        let head = self.store.head()?;
        let positions = match position {
            Some(position) => position..=position,
            None => 1..=head.records,
        };
        for records in positions.rev() {
            if self.digest_at(records)? == Some(digest) {
                return Ok(Some(Head { records, digest }));
            }
        }
        Err(LedgerError::NotedHead { file: file.to_owned(), noted: digest, found: head.digest })
    }

    /// Notes the head, if it is not noted yet.
    pub(super) fn note_head(&mut self) -> Result<(), LedgerError> {
        let head = self.store.head()?;
        let Some(noted) = &mut self.noted else { return Ok(()) };
        if noted.head != head || !noted.file.exists() {
            let line = format!("{} {}\n", head.digest, head.records);
            durable::replace_note(&noted.file, line.as_bytes())?;
            noted.head = head;
        }
        Ok(())
    }

    fn digest_at(&mut self, position: u64) -> Result<Option<Sha256Digest>, LedgerError> {
        Ok(self.store.at(position)?.map(|record| record.digest))
    }
}

impl Drop for State {
    /// A run that failed has added records too.
    fn drop(&mut self) {
        if self.noted.is_some() && self.store.check().is_ok() {
            let _ = self.note_head();
        }
    }
}

fn parse(content: &[u8]) -> Option<(Sha256Digest, Option<u64>)> {
    let text = std::str::from_utf8(content).ok()?;
    let mut words = text.split_whitespace();
    let digest = words.next()?.parse().ok()?;
    let position = words.next().map(str::parse).transpose().ok()?;
    words.next().is_none().then_some((digest, position))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests play another process with access to the folder")]
mod tests {
    use super::*;
    use crate::ledger::Ledger;
    use crate::ledger::testing::{issuer_spki, leaves, row, terms};

    #[test]
    fn only_what_came_after_a_noted_head_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let [path, file] = ["ledger.db", "head"].map(|name| folder.path().join(name));
        let begin = |ledger: &Ledger, n: u32| {
            let list = leaves(u64::from(n) * 10..u64::from(n) * 10 + 3);
            ledger.begin(row(n, terms("p", &list), 2), &list).unwrap();
        };
        let ledger = Ledger::create(&path, &issuer_spki()).unwrap();
        ledger.note_head_in(&file).unwrap();
        begin(&ledger, 1);
        ledger.conclude().unwrap();
        let after = |ledger: &Ledger| ledger.examine_after(&file, &|_, _| {});
        let all = ledger.examine(&|_, _| {}).unwrap();
        let none = after(&ledger).unwrap();
        assert_eq!((none.stats.records, none.unread, none.head), (0, Some(all.stats.records), all.head));
        drop(ledger);
        let noted = std::fs::read(&file).unwrap();
        let ledger = Ledger::open(&path, &issuer_spki()).unwrap();
        begin(&ledger, 2);
        let new = after(&ledger).unwrap();
        let total = ledger.examine(&|_, _| {}).unwrap();
        assert!(new.findings.is_empty() && new.compared && total.unread.is_none());
        assert_eq!(new.stats.records + all.stats.records, total.stats.records);
        assert_eq!((new.stats.batches, new.stats.leaves, new.head), (1, 3, total.head));
        ledger.conclude().unwrap();
        drop(ledger);
        std::fs::write(&file, noted).unwrap();
        // of a record that is not read, nothing is noticed; of one that is, everything
        let change = |position: u64| {
            let sql = format!("UPDATE record SET body = x'00' WHERE position = {position}");
            rusqlite::Connection::open(&path).unwrap().execute_batch(&sql).unwrap();
            let ledger = Ledger::open_to_read(&path).unwrap();
            (ledger.examine(&|_, _| {}).unwrap().findings.len(), after(&ledger).unwrap().findings.len())
        };
        assert_eq!(change(all.stats.records), (1, 0));
        assert_eq!(change(all.stats.records + 1), (2, 1));
        std::fs::write(&file, format!("{} 3", total.head)).unwrap();
        let ledger = Ledger::open_to_read(&path).unwrap();
        assert!(matches!(after(&ledger), Err(LedgerError::NotedHead { .. })));
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(after(&ledger), Err(LedgerError::HeadFile { .. })));
    }

    #[test]
    fn a_ledger_that_lacks_the_noted_head_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let [path, old, file] = ["ledger.db", "old.db", "head"].map(|name| folder.path().join(name));
        let begin = |ledger: &Ledger, n: u32| {
            let list = leaves(u64::from(n) * 10..u64::from(n) * 10 + 3);
            ledger.begin(row(n, terms("p", &list), 2), &list).unwrap();
        };
        let ledger = Ledger::create(&path, &issuer_spki()).unwrap();
        assert!(!ledger.note_head_in(&file).unwrap(), "nothing is noted yet");
        begin(&ledger, 1);
        ledger.conclude().unwrap();
        let first = std::fs::read_to_string(&file).unwrap();
        assert!(first.starts_with(&format!("{} ", ledger.head().unwrap())), "{first}");
        drop(ledger);
        std::fs::copy(&path, &old).unwrap();

        // a run that fails notes it as well, when the ledger is closed
        let ledger = Ledger::open(&path, &issuer_spki()).unwrap();
        assert!(ledger.note_head_in(&file).unwrap());
        begin(&ledger, 2);
        drop(ledger);
        let second = std::fs::read_to_string(&file).unwrap();
        assert_ne!(first, second);

        // an old copy lacks it, also when it has gone on in another way
        let ledger = Ledger::open(&old, &issuer_spki()).unwrap();
        let refused = ledger.note_head_in(&file).unwrap_err();
        assert!(matches!(refused, LedgerError::NotedHead { .. }), "{refused}");
        begin(&ledger, 3);
        begin(&ledger, 4);
        assert!(ledger.note_head_in(&file).is_err());
        drop(ledger);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), second, "what was refused notes nothing");

        // a run that was killed before it could note it: the ledger is ahead; a digest alone will do
        let ledger = Ledger::open(&path, &issuer_spki()).unwrap();
        for earlier in [&first, &first[..64].to_owned()] {
            std::fs::write(&file, earlier).unwrap();
            assert!(ledger.note_head_in(&file).unwrap());
        }
        for wrong in ["", "x", &second[..60], &format!("{second} 3")] {
            std::fs::write(&file, wrong).unwrap();
            assert!(matches!(ledger.note_head_in(&file), Err(LedgerError::HeadFile { .. })), "{wrong:?}");
        }
        let nowhere = folder.path().join("not-mounted/head");
        assert!(matches!(ledger.note_head_in(&nowhere), Err(LedgerError::HeadFile { .. })));
    }
}
