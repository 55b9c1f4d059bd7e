//! Files of a batch that count only as the files that its statement names.

use crate::crypto::sha256;
use crate::manifest::Statement;
use crate::x509::{Certificate, Sha256Digest, bundle};

use super::error::DeliveryError;
use super::output::WrittenFile;
use super::read::BatchReader;

impl BatchReader {
    /// Reads the certificates of `chain.pem` or `source-chain.pem`, at least one, once the file is the one that the
    /// statement names.
    ///
    /// # Errors
    /// As [`read`](Self::read) and [`check_stated`]; or the file is not one of certificates in the one form of a batch.
    pub fn chain(&self, name: &str, statement: &Statement) -> Result<Vec<Certificate>, DeliveryError> {
        let content = self.read(name)?;
        check_stated(statement, name, sha256(&content))?;
        bundle::of_batch(&content).map_err(|reason| DeliveryError::malformed(name, reason.to_string()))
    }
}

/// Checks that a file of this digest is the one that the statement names.
///
/// # Errors
/// The statement names another, or none of this name.
pub fn check_stated(statement: &Statement, name: &str, found: Sha256Digest) -> Result<(), DeliveryError> {
    match statement.digests().find(|(stated, _)| *stated == name) {
        Some((_, expected)) => check_digest(name, found, expected),
        None => Err(DeliveryError::malformed(name, "the statement does not name this file")),
    }
}

/// Checks that every part of an archive of new certificates is one that the statement names, and that none is missing.
///
/// # Errors
/// As [`check_stated`]; or the statement names another part.
pub fn check_parts(statement: &Statement, read: &[WrittenFile]) -> Result<(), DeliveryError> {
    for file in read {
        check_stated(statement, &file.name, file.sha256)?;
    }
    let is_part = |name: &str| name.strip_suffix(".zip").is_some_and(|stem| stem.starts_with("certificates"));
    match statement.files.iter().find(|file| is_part(&file.name) && !read.iter().any(|part| part.name == file.name)) {
        Some(file) => Err(DeliveryError::Missing { name: file.name.clone() }),
        None => Ok(()),
    }
}

/// Compares the digest of a file with the one that the statement says.
///
/// # Errors
/// They differ.
pub fn check_digest(name: &str, found: Sha256Digest, expected: Sha256Digest) -> Result<(), DeliveryError> {
    if found == expected { Ok(()) } else { Err(DeliveryError::Differs { name: name.to_owned(), found, expected }) }
}
