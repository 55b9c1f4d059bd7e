//! A new file whose digest is known when it is complete.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::crypto::Sha256;
use crate::durable::{self, Access, DurableError};
use crate::x509::Sha256Digest;

use super::error::DeliveryError;

/// A file of a batch as it was written, or read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenFile {
    /// Its name inside the batch.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes.
    pub sha256: Sha256Digest,
}

/// A file being written: buffered, digested, on disk once finished.
pub(super) struct Output {
    path: PathBuf,
    name: String,
    file: File,
    buffer: Vec<u8>,
    digest: Sha256,
    bytes: u64,
}

impl Output {
    pub(super) fn create(folder: &Path, name: &str) -> Result<Self, DeliveryError> {
        let path = folder.join(name);
        let file = durable::create_new(&path, Access::Public)?;
        Ok(Self { path, name: name.to_owned(), file, buffer: Vec::new(), digest: Sha256::new(), bytes: 0 })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Appends bytes; an error names the file.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), DeliveryError> {
        self.write_all(bytes).map_err(|source| self.error(source))
    }

    /// Writes out what is buffered and flushes the file to disk.
    pub(super) fn finish(mut self) -> Result<WrittenFile, DeliveryError> {
        self.flush().map_err(|source| self.error(source))?;
        durable::output::sync_file(&self.path, &self.file)?;
        Ok(WrittenFile { name: self.name, bytes: self.bytes, sha256: self.digest.finish() })
    }

    fn error(&self, source: io::Error) -> DeliveryError {
        at(&self.path, source)
    }
}

pub(super) fn at(path: &Path, source: io::Error) -> DeliveryError {
    DurableError::Io { doing: "write", path: path.to_owned(), source }.into()
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() + bytes.len() > BUFFER {
            self.flush()?;
        }
        self.buffer.extend_from_slice(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.digest.update(&self.buffer);
        self.file.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

/// Large enough that system calls and digest calls do not show.
const BUFFER: usize = 256 * 1024;
