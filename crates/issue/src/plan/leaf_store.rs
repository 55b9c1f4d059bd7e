//! Where a worker finds the files of chunks.

use std::io::Read;
use std::path::PathBuf;

use crate::error::PoolError;
use crate::input;
use crate::x509::Sha256Digest;

use super::chunk_file::{MAX_BYTES, place};

/// Where a worker finds the files of chunks. What comes from there is compared with the digest that was handed out.
#[derive(Clone, Debug)]
pub enum LeafStore {
    /// A directory that the planner's machine and this one share, or a copy of it.
    Folder(PathBuf),
}

impl LeafStore {
    /// Returns the content of the file that should have this digest.
    pub(crate) fn fetch(&self, digest: &Sha256Digest) -> Result<Vec<u8>, PoolError> {
        let Self::Folder(folder) = self;
        let place = place(folder, digest);
        let mut content = Vec::new();
        let read = input::open(&place).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut content));
        match read {
            Ok(_) => Ok(content),
            Err(error) => {
                Err(PoolError::Leaves { place: place.to_string_lossy().into_owned(), what: error.to_string() })
            }
        }
    }
}
