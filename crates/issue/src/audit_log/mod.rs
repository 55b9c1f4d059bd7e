//! Writes the audit log of a service. Closed files are sealed by [`seal`](crate::seal).
//!
//! Guarantees: an event is on disk when [`Journal::append`] returns, so that a caller who appends first and acts afterwards
//! leaves no action without an event, also after a power loss. No line is ever changed. A line that a crash has cut off is set
//! aside in a file of its own, and the next event says so. What a log is and how it is verified is
//! [`reroot_core::journal`]'s.

mod error;

pub use error::JournalError;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use reroot_core::journal::{Auth, Entry, Event, Head, LogFile, MAX_FILE, MAX_LINE, Outcome, Part, list};

use crate::crypto::sha256;
use crate::durable::{self, Access, DurableError};
use crate::input;
use crate::x509::Time;

/// A log that this process writes. No other process can have it at the same time.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    open: Option<Open>,
    head: Head,
    /// Whether the end of the file on disk is not known any more.
    lost: bool,
    _held: File,
}

/// The last file.
#[derive(Debug)]
struct Open {
    file: LogFile,
    handle: File,
    bytes: u64,
}

impl Journal {
    /// Opens the log in a folder, and makes the folder if it is not there. What a crash has cut off is set aside; then the log
    /// has one event more.
    ///
    /// # Errors
    /// Another process has the log, the last line is not an event, or the folder cannot be written.
    pub fn open(folder: &Path, now: Time) -> Result<Self, JournalError> {
        match durable::create_directory(folder, Access::Private) {
            Ok(()) | Err(DurableError::Exists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let held = durable::hold(folder)?.ok_or_else(|| JournalError::Held { folder: folder.to_owned() })?;
        let mut journal = Self { folder: folder.to_owned(), open: None, head: Head::EMPTY, lost: false, _held: held };
        journal.recover(now)?;
        Ok(journal)
    }

    /// The end of the log.
    pub const fn head(&self) -> Head {
        self.head
    }

    /// Appends events and flushes them together. The numbers are those of consecutive events from the one returned.
    ///
    /// # Errors
    /// An event is too long, or the disk refuses. Then none of them is on the log, and the caller must not act. After a
    /// failure in which the end of the file is not known, every call fails until the log is opened again.
    pub fn append(&mut self, now: Time, entries: Vec<Entry>) -> Result<u64, JournalError> {
        if self.lost {
            return Err(JournalError::Lost { folder: self.folder.clone() });
        }
        let first = self.head.seq + 1;
        let mut head = self.head;
        let mut text = String::new();
        for entry in entries {
            let line = Event::after(head, now, entry).line();
            if line.len() > MAX_LINE {
                return Err(JournalError::TooLong { found: line.len(), expected: MAX_LINE });
            }
            head = Head::of(head.seq + 1, line.as_bytes());
            text.push_str(&line);
            text.push('\n');
        }
        self.rotate(now, text.len() as u64)?;
        let open = self.open.as_mut().expect("a file is open after the rotation");
        let written = open.handle.write_all(text.as_bytes());
        if let Err(source) = written.and_then(|()| open.handle.sync_data()) {
            // what was written of it may be on disk: without it the file ends where it did
            let cleared = open.handle.set_len(open.bytes).and_then(|()| open.handle.sync_data());
            self.lost = cleared.is_err();
            return Err(DurableError::Io { doing: "write", path: open.file.path.clone(), source }.into());
        }
        open.bytes += text.len() as u64;
        self.head = head;
        Ok(first)
    }

    /// Makes the next file where the day has changed or the file has become large. A clock that was set back changes nothing.
    fn rotate(&mut self, now: Time, bytes: u64) -> Result<(), JournalError> {
        let today = Part::first(now);
        let part = match &self.open {
            Some(open) if open.file.part.day < today.day => today,
            Some(open) if open.bytes > 0 && open.bytes + bytes > MAX_FILE => {
                Part { day: open.file.part.day.clone(), number: open.file.part.number.saturating_add(1) }
            }
            Some(_) => return Ok(()),
            None => today,
        };
        let file = LogFile::new(&self.folder, part);
        let handle = durable::create_new(&file.path, Access::Private)?;
        durable::sync_directory(&self.folder)?;
        self.open = Some(Open { file, handle, bytes: 0 });
        Ok(())
    }

    /// Finds the end of the log.
    fn recover(&mut self, now: Time) -> Result<(), JournalError> {
        let mut files = list(&self.folder)?;
        let Some(last) = files.pop() else { return Ok(()) };
        let at = |source| DurableError::Io { doing: "read", path: last.path.clone(), source };
        let handle = durable::open_record(&last.path)?;
        let End { last: line, torn, bytes } = End::of(&last)?;
        // a crash after a file was made and before its first line: the end is that of the file before it
        let (ends_in, line) = match (line, files.last()) {
            (None, Some(before)) => (before, End::of(before)?.last),
            (line, _) => (&last, line),
        };
        match line {
            Some(line) => {
                let event =
                    Event::read(&line).ok_or_else(|| JournalError::NotAnEvent { file: ends_in.path.clone() })?;
                self.head = Head::of(event.seq, &line);
            }
            None if files.is_empty() => {}
            None => return Err(JournalError::NotAnEvent { file: ends_in.path.clone() }),
        }
        if last.seal().exists() {
            return self.after_seal(&last);
        }
        self.open = Some(Open { file: last.clone(), handle, bytes });
        if torn.is_empty() {
            return Ok(());
        }
        let digest = sha256(&torn);
        let aside = self.folder.join(format!("{}.torn-{}", last.part, &digest.to_string()[..16]));
        // a crash in here does the same again
        match durable::write_new(&aside, Access::Private, &torn) {
            Ok(()) => {}
            Err(DurableError::Exists { .. }) if input::read(&aside).map_err(at)? == torn => {}
            Err(error) => return Err(error.into()),
        }
        let open = self.open.as_mut().expect("it was opened above");
        open.handle.set_len(bytes).and_then(|()| open.handle.sync_all()).map_err(at)?;
        self.append(
            now,
            vec![Entry {
                actor: SERVICE.to_owned(),
                auth: Auth::Service,
                role: String::new(),
                ip: None,
                action: "audit.set-aside".to_owned(),
                object: aside.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
                before: None,
                after: Some(format!("{} bytes, sha256 {digest}", torn.len())),
                result: Outcome::Done,
                code: None,
                of: None,
            }],
        )?;
        Ok(())
    }

    /// A file that is sealed takes nothing more: the next event is in a new one.
    fn after_seal(&mut self, last: &LogFile) -> Result<(), JournalError> {
        let part = Part { day: last.part.day.clone(), number: last.part.number.saturating_add(1) };
        let file = LogFile::new(&self.folder, part);
        let handle = durable::create_new(&file.path, Access::Private)?;
        durable::sync_directory(&self.folder)?;
        self.open = Some(Open { file, handle, bytes: 0 });
        Ok(())
    }
}

/// How a file ends.
#[derive(Default)]
struct End {
    /// The last whole line, without its newline.
    last: Option<Vec<u8>>,
    /// What follows it: a line without a newline.
    torn: Vec<u8>,
    /// Bytes of all whole lines.
    bytes: u64,
}

impl End {
    fn of(file: &LogFile) -> Result<Self, JournalError> {
        let failed = |source| DurableError::Io { doing: "read", path: file.path.clone(), source };
        let mut input = BufReader::new(input::open(&file.path).map_err(failed)?);
        let mut end = Self::default();
        loop {
            let mut line = Vec::new();
            (&mut input).take(MAX_FILE).read_until(b'\n', &mut line).map_err(failed)?;
            if line.is_empty() {
                return Ok(end);
            }
            if line.last() == Some(&b'\n') {
                end.bytes += line.len() as u64;
                line.pop();
                end.last = Some(line);
            } else {
                end.torn = line;
            }
        }
    }
}

/// The actor of what the service does by itself.
pub const SERVICE: &str = "service";

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests play a crash, and a person who changes the log")]
mod tests;
