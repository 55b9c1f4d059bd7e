//! Where an export of several files puts them: into a folder, or one after the other into one tar archive.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::delivery::error::DeliveryError;
use crate::delivery::output::{Output, at};
use crate::durable::{self, Access};
use crate::input;
use crate::x509::Time;

use super::FILE;

pub(super) enum Files {
    Folder(PathBuf),
    /// Without the owner and the modes of this machine, so that the same export is the same bytes.
    Archive {
        archive: Box<tar::Builder<Output>>,
        path: PathBuf,
        time: u64,
    },
}

impl Files {
    /// An archive is a file in the folder.
    pub(super) fn create(folder: &Path, archive: bool, time: Time) -> Result<Self, DeliveryError> {
        if !archive {
            return Ok(Self::Folder(folder.to_owned()));
        }
        let archive = Box::new(tar::Builder::new(Output::create(folder, FILE)?));
        Ok(Self::Archive { archive, path: folder.join(FILE), time: time.unix().unsigned_abs() })
    }

    /// Adds a whole file.
    pub(super) fn add(&mut self, name: &str, content: &[u8]) -> Result<(), DeliveryError> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                let mut file = durable::create_new(&path, Access::Public)?;
                file.write_all(content).map_err(|source| at(&path, source))
            }
            Self::Archive { archive, path, time } => {
                let mut header = header(*time, content.len() as u64);
                archive.append_data(&mut header, name, content).map_err(|source| at(path, source))
            }
        }
    }

    /// Adds a large file that was written in the folder under this name.
    pub(super) fn add_written(&mut self, folder: &Path, name: &str) -> Result<(), DeliveryError> {
        let Self::Archive { archive, path, time } = self else { return Ok(()) };
        let mut append = || {
            let content = input::open(&folder.join(name))?;
            archive.append_data(&mut header(*time, content.metadata()?.len()), name, content)
        };
        append().map_err(|source| at(path, source))
    }

    /// Everything is on disk on return: one flush for all files, as a flush a file would take minutes.
    pub(super) fn finish(self) -> Result<(), DeliveryError> {
        match self {
            Self::Folder(folder) => Ok(durable::output::sync_filesystem(&folder)?),
            Self::Archive { archive, path, .. } => {
                archive.into_inner().map_err(|source| at(&path, source))?.finish().map(drop)
            }
        }
    }
}

fn header(time: u64, bytes: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o644);
    header.set_mtime(time);
    header
}
