//! An output that is made beside its final name, and gets that name when it is complete.

use std::path::{Path, PathBuf};

use crate::durable::{self, Access, DurableError};

use super::error::DeliveryError;

/// A directory beside the output in which the output is made. Until it is published, only this directory is there, which
/// the next run of the same command removes.
#[derive(Debug)]
pub struct Staged {
    out: PathBuf,
    folder: PathBuf,
    /// The mode that the directory gets when it is published, if it is private until then.
    mode: Option<u32>,
}

impl Staged {
    /// Makes `folder` for what will be `out`. What an interrupted run left under this name is removed first.
    ///
    /// # Errors
    /// Something that is not a directory has the name of the folder, or the file system fails.
    pub fn create(out: &Path, folder: PathBuf) -> Result<Self, DeliveryError> {
        match folder.symlink_metadata() {
            Ok(found) if found.is_dir() => durable::remove_partial(&folder)?,
            Ok(_) => return Err(DeliveryError::PartialInTheWay { path: folder }),
            Err(_) => {}
        }
        durable::output::create_directory(&folder, Access::Public)?;
        Ok(Self { out: out.to_owned(), folder, mode: None })
    }

    /// Closes the folder to all but its owner until it is published.
    ///
    /// # Errors
    /// The file system fails.
    pub fn private(self) -> Result<Self, DeliveryError> {
        let mode = Some(durable::make_private(&self.folder)?);
        Ok(Self { mode, ..self })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Gives the folder the name of the output: everything in it must be on disk before, the name is on disk after.
    ///
    /// # Errors
    /// The name was taken in the meantime, or the file system fails. The folder is left then.
    pub fn publish(&self) -> Result<(), DeliveryError> {
        durable::output::sync_directory(&self.folder)?;
        give_name(&self.folder, &self.out)?;
        match self.mode {
            // only now: a kill in between leaves it to its owner
            Some(mode) => Ok(durable::set_mode(&self.out, mode)?),
            None => Ok(()),
        }
    }

    /// As [`publish`](Self::publish), of one file in the folder: it must be on disk, with its name.
    ///
    /// # Errors
    /// As there.
    pub fn publish_file(&self, name: &str) -> Result<(), DeliveryError> {
        give_name(&self.folder.join(name), &self.out)
    }

    /// Removes the folder, if it is still there.
    ///
    /// # Errors
    /// Removing fails.
    pub fn remove(self) -> Result<(), DeliveryError> {
        Ok(durable::remove_partial(&self.folder)?)
    }
}

fn give_name(made: &Path, out: &Path) -> Result<(), DeliveryError> {
    match durable::output::publish(made, out) {
        Err(DurableError::Exists { path }) => Err(DeliveryError::OutputExists { path }),
        other => Ok(other?),
    }
}
