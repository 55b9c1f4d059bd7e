//! The place of a key: a file, or a PKCS#11 token named by an RFC 7512 URI.

use std::fmt;
use std::path::{Path, PathBuf};

use pkcs11_pool::{KeyUri, KeyUriError};

use crate::text::Printable;

/// The place of a private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyLocation {
    /// A PKCS#8 file.
    File(PathBuf),
    /// An object in a PKCS#11 token.
    Pkcs11(Box<KeyUri>),
}

impl KeyLocation {
    /// Whether a text is meant as a URI. RFC 3986 §3.1: schemes are case-insensitive.
    pub fn is_uri(text: &str) -> bool {
        text.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("pkcs11:"))
    }

    /// Reads `pkcs11:...` as a URI and everything else as a path. Paths are relative to `base`, those in a URI too.
    ///
    /// # Errors
    /// The text is empty, or a broken URI.
    pub fn parse(text: &str, base: &Path) -> Result<Self, KeyUriError> {
        if text.is_empty() {
            return Err(KeyUriError::Empty);
        }
        if Self::is_uri(text) {
            let mut uri = KeyUri::parse(text)?;
            uri.pin_source = uri.pin_source.map(|path| base.join(path));
            // never a bare name, which the loader would look for wherever the environment says
            uri.module_path = uri.module_path.map(|path| in_folder(base, &path));
            Ok(Self::Pkcs11(Box::new(uri)))
        } else {
            Ok(Self::File(base.join(text)))
        }
    }
}

/// The absolute form of a path in a folder.
fn in_folder(base: &Path, path: &Path) -> PathBuf {
    let joined = base.join(path);
    std::path::absolute(&joined).unwrap_or(joined)
}

impl fmt::Display for KeyLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", Printable::new(path)),
            Self::Pkcs11(uri) => write!(f, "{uri}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_path_unless_its_scheme_says_otherwise() {
        let base = Path::new("/etc/reroot");
        assert_eq!(KeyLocation::parse("ca/k.pem", base), Ok(KeyLocation::File("/etc/reroot/ca/k.pem".into())));
        assert_eq!(KeyLocation::parse("/k.pem", base), Ok(KeyLocation::File("/k.pem".into())));
        let location = KeyLocation::parse("pkcs11:token=a?pin-source=file:pin", base).unwrap();
        assert_eq!(location.to_string(), "pkcs11:token=a?pin-source=file:/etc/reroot/pin");
        assert_eq!(KeyLocation::parse("", base), Err(KeyUriError::Empty));
    }
}
