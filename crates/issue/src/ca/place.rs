//! A directory that is filled beside its final place and appears there complete, or not at all.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::durable::output::Shape;
use crate::durable::{self, Access};

use super::CaError;

/// Where files are written until all of them are there.
#[derive(Debug)]
pub(super) struct Staging {
    path: PathBuf,
    target: PathBuf,
    /// Whether the target exists, so that the entries move into it one by one.
    existing: bool,
    /// Keeps other processes from filling the same place, whose leftovers they would take for an interrupted run's.
    _held: File,
}

impl Staging {
    /// Checks that none of `entries` exists in `target`, which is a directory or does not exist.
    pub(super) fn check(target: &Path, entries: &[&str]) -> Result<(), CaError> {
        match std::fs::metadata(target) {
            Ok(metadata) if metadata.is_dir() => {
                let there = entries.iter().map(|entry| target.join(entry)).find(|path| path.symlink_metadata().is_ok());
                there.map_or(Ok(()), |path| Err(CaError::Exists { path }))
            }
            Ok(_) => Err(CaError::Directory { path: target.to_owned(), what: "is not a directory" }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(CaError::Read { path: target.to_owned(), source }),
        }
    }

    /// [Checks](Self::check) `target` and makes an empty directory beside (for a new directory, with those above it) or
    /// inside it. What an interrupted run left there is removed first.
    pub(super) fn prepare(target: &Path, entries: &[&str]) -> Result<Self, CaError> {
        let hold = |folder: &Path| durable::hold(folder)?.ok_or(CaError::InUse { path: target.to_owned() });
        let existing = target.is_dir();
        let (path, held) = if existing {
            let held = hold(target)?;
            Self::check(target, entries)?;
            (target.join(NAME), held)
        } else {
            Self::check(target, entries)?;
            let Some(name) = target.file_name() else {
                return Err(CaError::Directory { path: target.to_owned(), what: "does not exist" });
            };
            let parent = durable::parent(target);
            durable::output::make_parents(target, Access::Trusted)?;
            let mut hidden = std::ffi::OsString::from(".");
            hidden.push(name);
            hidden.push(NAME);
            (parent.join(hidden), hold(parent)?)
        };
        // before a key is made, in a token perhaps: afterwards each entry gets its name
        if existing {
            durable::output::check(&target.join(LONGEST), Shape::file(0, 0))?;
            durable::output::check(&target.join(LONGEST), Shape::directory(0, LONGEST.len()))?;
        } else {
            durable::output::check(target, Shape::directory(".".len() + NAME.len(), 2 * LONGEST.len()))?;
        }
        durable::remove_partial(&path)?;
        durable::create_directory(&path, Access::Trusted)?;
        Ok(Self { path, target: target.to_owned(), existing, _held: held })
    }

    /// Where to write.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a directory below.
    pub(super) fn directory(&self, name: &str) -> Result<(), CaError> {
        Ok(durable::create_directory(&self.path.join(name), Access::Trusted)?)
    }

    /// Writes a file below.
    pub(super) fn write(&self, name: &str, access: Access, content: &[u8]) -> Result<(), CaError> {
        Ok(durable::write_new(&self.path.join(name), access, content)?)
    }

    /// Moves everything to its place. `last` is the entry that makes the directory one of ours. After an error the
    /// target is as it was.
    pub(super) fn publish(self, last: &str) -> Result<(), CaError> {
        if !self.existing {
            let published = durable::publish(&self.path, &self.target);
            return published.map_err(|error| self.give_up(error.into()));
        }
        let mut entries = match self.entries() {
            Ok(entries) => entries,
            Err(source) => {
                let path = self.path.clone();
                return Err(self.give_up(CaError::Read { path, source }));
            }
        };
        entries.sort_by_key(|entry| entry == last);
        let mut moved: Vec<&std::ffi::OsString> = Vec::new();
        for entry in &entries {
            if let Err(error) = durable::publish(&self.path.join(entry), &self.target.join(entry)) {
                for entry in moved.into_iter().rev() {
                    // what cannot be moved back is complete and overwrites nothing; the first error is the one to tell
                    let _ = durable::publish(&self.target.join(entry), &self.path.join(entry));
                }
                return Err(self.give_up(error.into()));
            }
            moved.push(entry);
        }
        Ok(durable::remove_partial(&self.path)?)
    }

    /// Removes what was written and passes the reason on.
    pub(super) fn give_up(&self, reason: CaError) -> CaError {
        // the reason matters more than what is left of a directory that the next run removes
        let _ = durable::remove_partial(&self.path);
        reason
    }

    fn entries(&self) -> std::io::Result<Vec<std::ffi::OsString>> {
        std::fs::read_dir(&self.path)?.map(|entry| entry.map(|entry| entry.file_name())).collect()
    }
}

/// The staging directory, or the end of its name beside a directory that is to appear.
const NAME: &str = ".reroot-init-partial";

/// As long as the longest name that is written.
const LONGEST: &str = ".reroot-try-stm-stsafe-a-prod-ca-01.pem";
