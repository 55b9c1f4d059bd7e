//! Published revocation lists as they are in their folder: what each says, read once for each version of its file.
//!
//! A list is replaced by renaming, so an open file is one version of it, whole, whatever is published meanwhile.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use reroot_core::crl::Crl;
use reroot_core::crypto::sha256;
use reroot_core::input;
use reroot_core::x509::{Sha256Digest, Time};

use crate::version::Version;

/// What a list says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List {
    /// thisUpdate
    pub this_update: Time,
    /// nextUpdate
    pub next_update: Time,
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: Sha256Digest,
}

/// Versions of files that were read.
#[derive(Debug, Default)]
pub struct Lists(Mutex<HashMap<String, (Version, List)>>);

impl Lists {
    /// Opens a list of a folder. Nothing comes back where there is no list of that name.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open(&self, folder: &Path, name: &str) -> io::Result<Option<(File, List)>> {
        if !is_file_name(name) {
            return Ok(None);
        }
        let mut file = match input::open(&folder.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let version = Version::of(&file.metadata()?);
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied();
        if let Some((_, list)) = known.filter(|(known, _)| *known == version) {
            return Ok(Some((file, list)));
        }
        let mut der = Vec::new();
        file.read_to_end(&mut der)?;
        let (bytes, sha256) = (der.len() as u64, sha256(&der));
        let Ok(crl) = Crl::from_der(der) else { return Ok(None) };
        let list = List { this_update: crl.this_update(), next_update: crl.next_update(), bytes, sha256 };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), (version, list));
        Ok(Some((file, list)))
    }
}

/// Whether a name is one that a list can have: it never leads out of the folder.
fn is_file_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.is_empty() && name.len() <= 100 && !name.starts_with('.') && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        for good in ["full.crl", "17.crl", "scope-0123456789abcdef.crl"] {
            assert!(is_file_name(good), "{good}");
        }
        for bad in ["", ".", "..", ".hidden", "a/b", "../jobs.sqlite", "a b", "full.crl\0"] {
            assert!(!is_file_name(bad), "{bad}");
        }
    }
}
