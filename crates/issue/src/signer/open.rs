//! A key file with what opens it.

use std::io::Read as _;
use std::path::Path;

use zeroize::Zeroizing;

use crate::input;
use crate::text::Printable;
use crate::x509::Certificate;

use super::{FileSigner, Secret, SecretResolver, SecretSource, SignerError};

/// Longest key file that is read: PKCS#12 with a chain has some ten thousand bytes.
const MAX_BYTES: u64 = 1 << 20;

/// The content of a key file and its passphrase, which was asked for once.
pub struct KeyFile {
    content: Zeroizing<Vec<u8>>,
    secret: Option<Secret>,
}

impl KeyFile {
    /// Reads the file, then as [`new`](Self::new).
    ///
    /// # Errors
    /// The file cannot be read or is too long; or as for [`new`](Self::new).
    pub fn read(path: &Path, source: Option<&SecretSource>, secrets: &dyn SecretResolver) -> Result<Self, SignerError> {
        let failed = |source| SignerError::Read { path: path.to_owned(), source };
        let file = input::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len().min(MAX_BYTES);
        // one allocation that never grows: no copy of the key stays behind
        let mut content = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 64));
        file.take(MAX_BYTES + 1).read_to_end(&mut content).map_err(failed)?;
        if content.len() as u64 > MAX_BYTES {
            return Err(failed(std::io::Error::other(format!("the file is longer than {MAX_BYTES} bytes"))));
        }
        Self::new(path, content, source, secrets)
    }

    /// Takes the content of the file. A plain key file asks for no passphrase; an encrypted one without a source asks a
    /// person.
    ///
    /// # Errors
    /// The file is not a key, or its passphrase cannot be had.
    pub fn new(
        path: &Path,
        content: Zeroizing<Vec<u8>>,
        source: Option<&SecretSource>,
        secrets: &dyn SecretResolver,
    ) -> Result<Self, SignerError> {
        let source = match source {
            Some(source) => Some(source),
            None if FileSigner::is_encrypted(&content)? => Some(&SecretSource::Prompt),
            None => None,
        };
        let purpose = format!("`{}`", Printable::new(path));
        let secret = source.map(|source| source.resolve(&purpose, secrets)).transpose()?;
        Ok(Self { content, secret })
    }

    /// Opens the key.
    ///
    /// # Errors
    /// As [`FileSigner::open`].
    pub fn open(&self) -> Result<FileSigner, SignerError> {
        FileSigner::open(&self.content, self.secret.as_ref())
    }

    /// The certificates beside the key: those of PKCS#12.
    ///
    /// # Errors
    /// As [`FileSigner::certificates`].
    pub fn certificates(&self) -> Result<Vec<Certificate>, SignerError> {
        FileSigner::certificates(&self.content, self.secret.as_ref())
    }

    /// Whether the key is in the file as it is.
    pub const fn is_plain(&self) -> bool {
        self.secret.is_none()
    }
}

impl std::fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyFile({} bytes)", self.content.len())
    }
}
