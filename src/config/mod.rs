//! `reroot.toml`: issuer, anchors, ledger, manifest signer.
//!
//! Guarantees: the schema is closed, paths are relative to the file, and what can be wrong is said before the first
//! signature, all of it at once, with its place in the file. Issuer and chain belong together by signature and not only
//! by name; a signer that is handed out holds the certificate's own key; the manifest signer is fit to seal and its
//! certificate is not the issuing CA's work.
//!
//! *Trusted.* Who can change this file chooses whose signatures count as ST's (`[source] anchors`) and which ledger
//! remembers what was issued. It holds no secret.

mod check;
mod error;
mod files;
mod schema;
#[cfg(test)]
mod tests;
mod write;

use std::path::{Path, PathBuf};

use toml::Spanned;

use crate::cert::IssuerIdentity;
use crate::signer::{FileSigner, KeyLocation, SecretResolver, SecretSource, Signer, SignerError};
use crate::x509::Certificate;

pub use error::{CODES, ConfigError, ConfigErrors};
pub use write::NewConfig;

use error::Errors;
use schema::{Document, Identity};

/// The configuration's usual name.
pub const FILE_NAME: &str = "reroot.toml";

/// A configuration whose own text is right; the files it names are read by the methods that need them.
#[derive(Debug)]
pub struct Config {
    file: PathBuf,
    text: String,
    document: Document,
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, or is not of the schema: every mistake with its place.
    pub fn load(file: &Path) -> Result<Self, ConfigErrors> {
        let errors = Errors::default();
        let Some(content) = files::read(file, &(0..0), &errors) else {
            return errors.finish(file, "", None);
        };
        let Ok(text) = std::str::from_utf8(&content) else {
            errors.push::<()>(error::SYNTAX, &(0..0), "not UTF-8 (TOML §3)");
            return errors.finish(file, "", None);
        };
        Self::parse(text, file)
    }

    /// As [`load`](Self::load), from the text of a file that lies at `file`.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigErrors> {
        let errors = Errors::default();
        let base = file.parent().unwrap_or(Path::new(""));
        let document = schema::read(text, base, &errors);
        let document = errors.finish(file, text, document)?;
        Ok(Self { file: file.to_owned(), text: text.to_owned(), document })
    }

    /// The configuration file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Where the ledger lies.
    pub fn ledger_path(&self) -> &Path {
        self.document.ledger.get_ref()
    }

    /// The issuing CA and the chain above it.
    ///
    /// # Errors
    /// A file is not readable or not a certificate, the issuer cannot issue, or the chain does not hold: a name, a
    /// signature, a CA bit, keyCertSign or pathLenConstraint.
    pub fn issuer_identity(&self) -> Result<IssuerIdentity, ConfigErrors> {
        self.collect(|errors| self.load_issuer(errors))
    }

    /// The manifest signer's certificate.
    ///
    /// # Errors
    /// As [`issuer_identity`](Self::issuer_identity); the certificate is not one for document signing alone
    /// (RFC 9336), or its key or its issuer's key is the issuing CA's.
    pub fn manifest_certificate(&self) -> Result<Certificate, ConfigErrors> {
        self.collect(|errors| {
            let issuer = self.load_issuer(errors);
            let certificate = files::certificate(&self.document.manifest.certificate, errors)?;
            let span = self.document.manifest.certificate.span();
            check::manifest_signer(&certificate, &issuer?, &span, errors)?;
            Some(certificate)
        })
    }

    /// The source anchors: whose signatures make a leaf a genuine part. Each file holds one or several certificates.
    ///
    /// # Errors
    /// A file is not readable or not of certificates, or one anchor is there twice.
    pub fn anchors(&self) -> Result<Vec<Certificate>, ConfigErrors> {
        self.collect(|errors| {
            let mut anchors: Vec<Certificate> = Vec::new();
            for path in &self.document.anchors {
                for anchor in files::certificates(path, errors).unwrap_or_default() {
                    if anchors.contains(&anchor) {
                        let message = format!("anchor `{}` is configured twice", anchor.subject());
                        errors.push::<()>(error::ANCHOR_TWICE, &path.span(), message);
                    }
                    anchors.push(anchor);
                }
            }
            Some(anchors)
        })
    }

    /// Opens the issuing key and proves it the certificate's.
    ///
    /// # Errors
    /// No key is configured, the key cannot be opened, or it is another certificate's.
    pub fn open_issuer_signer(&self, secrets: &dyn SecretResolver) -> Result<Box<dyn Signer>, ConfigErrors> {
        self.open_signer(&self.document.issuer, secrets)
    }

    /// Opens the manifest signer's key and proves it the certificate's.
    ///
    /// # Errors
    /// As [`open_issuer_signer`](Self::open_issuer_signer).
    pub fn open_manifest_signer(&self, secrets: &dyn SecretResolver) -> Result<Box<dyn Signer>, ConfigErrors> {
        self.open_signer(&self.document.manifest, secrets)
    }

    fn load_issuer(&self, errors: &Errors) -> Option<IssuerIdentity> {
        let at = &self.document.issuer.certificate;
        let certificate = files::certificate(at, errors);
        let mut chain = Vec::new();
        let mut complete = true;
        for path in &self.document.chain {
            let Some(certificates) = files::certificates(path, errors) else {
                complete = false;
                continue;
            };
            chain.extend(certificates.into_iter().map(|above| Spanned::new(path.span(), above)));
        }
        let certificate = certificate.filter(|_| complete)?;
        check::issuer(Spanned::new(at.span(), certificate), chain, errors)
    }

    fn open_signer(&self, identity: &Identity, secrets: &dyn SecretResolver) -> Result<Box<dyn Signer>, ConfigErrors> {
        self.collect(|errors| {
            let Some(key) = &identity.key else {
                let message = format!("[{}] has no `key`, which signing needs", identity.section);
                return errors.push(error::SIGNER_NONE, &identity.header, message);
            };
            let certificate = files::certificate(&identity.certificate, errors)?;
            let span = key.location.span();
            let signer = open(key.location.get_ref(), key.secret.as_ref().map(Spanned::get_ref), secrets, |path| {
                files::read(path, &span, errors)
            });
            let signer = match signer {
                Ok(signer) => signer?,
                Err(error) => return errors.push_signer(&span, &format!("key of [{}]", identity.section), error),
            };
            let (found, expected) = (signer.public_key(), certificate.spki());
            if (found.algorithm(), found.key()) != (expected.algorithm(), expected.key()) {
                let message = format!(
                    "key of [{}] is not the key of its certificate `{}` (the key is {}, the certificate's {})",
                    identity.section,
                    certificate.subject(),
                    found.algorithm(),
                    expected.algorithm(),
                );
                let hint = "Compare: openssl pkey -in KEY -pubout; openssl x509 -in CERTIFICATE -noout -pubkey";
                return errors.push_hint(error::SIGNER_MISMATCH, &span, message, hint);
            }
            Some(signer)
        })
    }

    fn collect<T>(&self, read: impl FnOnce(&Errors) -> Option<T>) -> Result<T, ConfigErrors> {
        let errors = Errors::default();
        let value = read(&errors);
        errors.finish(&self.file, &self.text, value)
    }
}

/// Opens a key. A plain key file asks for no passphrase; an encrypted one without a source asks whoever is there.
/// `Ok(None)`: the file could not be read, which was noted.
fn open(
    location: &KeyLocation,
    secret: Option<&SecretSource>,
    secrets: &dyn SecretResolver,
    read: impl FnOnce(&Path) -> Option<zeroize::Zeroizing<Vec<u8>>>,
) -> Result<Option<Box<dyn Signer>>, SignerError> {
    let path = match location {
        KeyLocation::File(path) => path,
        KeyLocation::Pkcs11(uri) => return Err(SignerError::Pkcs11Unsupported { uri: uri.to_string() }),
    };
    let Some(pem) = read(path) else { return Ok(None) };
    let source = match secret {
        Some(source) => Some(source),
        None if FileSigner::is_encrypted(&pem)? => Some(&SecretSource::Prompt),
        None => None,
    };
    let purpose = format!("`{}`", error::show(path));
    let secret = source.map(|source| source.resolve(&purpose, secrets)).transpose()?;
    Ok(Some(Box::new(FileSigner::open(&pem, secret.as_ref())?)))
}
