//! What is wrong with a configuration: every mistake at once, each with its place in the file.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::class::Class;
use crate::origin::Code;
use crate::signer::{Pkcs11Error, SignerError};
use crate::text::Printable;

codes! {
    pub(super) const;

    ANCHOR_TWICE = "config.anchor.twice", "The same trust anchor is configured twice.";
    CERTIFICATE_COUNT = "config.certificate.count", "A certificate file holds another number of certificates than one.";
    CERTIFICATE_MALFORMED = "config.certificate.malformed", "A certificate file holds something that is not a certificate.";
    CHAIN_EXTENSION = "config.chain.extension", "The issuing CA or one above it has an extension or a constraint that must be processed and is not.";
    CHAIN_INCOMPLETE = "config.chain.incomplete", "The chain does not reach a root.";
    CHAIN_NOT_CA = "config.chain.not-ca", "A certificate of the chain is not a CA's, or must not sign certificates.";
    CHAIN_ORDER = "config.chain.order", "The chain is out of order: a certificate's issuer is not the next one's subject.";
    CHAIN_PATH_LENGTH = "config.chain.path-length", "pathLenConstraint of a chain certificate forbids the CAs below it.";
    CHAIN_SIGNATURE = "config.chain.signature", "A signature in the issuer's chain does not verify.";
    FILE_SHARED = "config.file.shared", "Somebody else owns or can change the configuration, a file that it names or a folder above one, or can read a key or secret.";
    FILE_UNREADABLE = "config.file.unreadable", "A configured file cannot be read.";
    ISSUER_UNFIT = "config.issuer.unfit", "The issuer certificate is not one that can issue.";
    MANIFEST_ISSUER = "config.manifest.issued-by-issuing-ca", "The manifest signer's certificate was issued by the issuing CA's key, which device certificates share.";
    MANIFEST_KEY = "config.manifest.key-is-a-ca-key", "The manifest signer's key is a CA's key.";
    MANIFEST_SIGNATURE = "config.manifest.signature", "The manifest signer's certificate names an issuer of the chain, whose key did not sign it.";
    MANIFEST_UNFIT = "config.manifest.unfit", "The manifest signer's certificate lacks the document signing purpose or says too much.";
    MISSING = "config.schema.missing", "A required section or key is absent.";
    SECRET_IN_FILE = "config.secret.in-file", "A passphrase or PIN is written into the configuration.";
    SECRET_SOURCE = "config.secret.source", "`secret` is not one of the known sources, or there are two.";
    SIGNER_MISMATCH = "config.signer.mismatch", "The private key is not the certificate's.";
    SIGNER_NONE = "config.signer.none", "No key is configured where one is needed.";
    SIGNER_OPEN = "config.signer.open", "The signer cannot be opened: wrong passphrase, unreadable key, unreachable token.";
    SYNTAX = "config.schema.syntax", "The file is not TOML.";
    TYPE = "config.schema.type", "A value has another type than expected.";
    UNKNOWN = "config.schema.unknown", "A section or key that does not exist.";
    VALUE = "config.schema.value", "A value has the right type and says nothing usable.";
}

/// One mistake in a configuration or in a file it names.
#[derive(Debug)]
pub struct ConfigError {
    code: Code,
    message: String,
    span: Range<usize>,
    hint: Option<String>,
    signer: Option<SignerError>,
}

impl ConfigError {
    /// The stable code, one of [`CODES`].
    pub fn code(&self) -> Code {
        self.code
    }

    /// What was found and what was expected: a lower-case fragment, safe to print.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The place in the configuration's text, in bytes.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The signer's own error, if it was the signer that failed.
    pub fn signer(&self) -> Option<&SignerError> {
        self.signer.as_ref()
    }
}

/// All mistakes of one configuration, in the order of their places, with the text they point into.
#[derive(Debug)]
pub struct ConfigErrors {
    file: PathBuf,
    text: String,
    errors: Vec<ConfigError>,
}

impl ConfigErrors {
    /// The kind of failure: a key that cannot be opened is the signer's matter, everything else the configuration's. A
    /// system without threads is not the signer's fault.
    pub fn class(&self) -> Class {
        let no_thread = |error: &SignerError| matches!(error, SignerError::Pkcs11(Pkcs11Error::NoThread { .. }));
        if !self.only_signers() {
            Class::Usage
        } else if self.signers().all(no_thread) {
            Class::Storage
        } else {
            Class::Signer
        }
    }

    /// The configuration file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The configuration's text, into which spans point; empty if the file could not be read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The mistakes; never empty.
    pub fn errors(&self) -> &[ConfigError] {
        &self.errors
    }

    /// Whether the configuration is right and only a signer failed (exit code 4 rather than 2).
    pub fn only_signers(&self) -> bool {
        self.errors.iter().all(|error| error.signer.is_some())
    }

    /// The failures of signers among the mistakes.
    pub fn signers(&self) -> impl Iterator<Item = &SignerError> {
        self.errors.iter().filter_map(|error| error.signer.as_ref())
    }

    /// Line and column of a mistake, both from 1, the column in characters.
    pub fn position(&self, error: &ConfigError) -> (usize, usize) {
        let before = self.text.get(..error.span.start).unwrap_or(&self.text);
        let line = before.rsplit('\n').next().unwrap_or(before);
        (before.matches('\n').count() + 1, line.chars().count() + 1)
    }
}

/// One line for each mistake: `file:line:column: code: message`.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.errors.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            let (line, column) = self.position(error);
            write!(f, "{}:{line}:{column}: {}: {}", Printable::new(&self.file), error.code, error.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Collects mistakes, so that one does not hide the next.
#[derive(Debug, Default)]
pub(super) struct Errors(RefCell<Vec<ConfigError>>);

impl Errors {
    /// Notes a mistake; returns `None` so that a reader can end with it.
    pub(super) fn push<T>(&self, code: Code, span: &Range<usize>, message: impl Into<String>) -> Option<T> {
        self.note(code, span, &message.into(), None, None)
    }

    /// As [`push`](Self::push), with what to do about it.
    pub(super) fn push_hint<T>(
        &self,
        code: Code,
        span: &Range<usize>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Option<T> {
        self.note(code, span, &message.into(), Some(hint.into()), None)
    }

    /// Notes that a signer failed.
    pub(super) fn push_signer<T>(&self, span: &Range<usize>, what: &str, error: SignerError) -> Option<T> {
        self.note(SIGNER_OPEN, span, &format!("{what}: {error}"), error.hint(), Some(error))
    }

    /// Notes that a signer holds another key than the certificate's: the token is to be looked at, not the file.
    pub(super) fn push_signer_mismatch<T>(&self, span: &Range<usize>, what: &str, error: SignerError) -> Option<T> {
        self.note(SIGNER_MISMATCH, span, &format!("{what}: {error}"), error.hint(), Some(error))
    }

    /// How many mistakes were noted.
    pub(super) fn count(&self) -> usize {
        self.0.borrow().len()
    }

    /// `value` if nothing is wrong, otherwise everything that is.
    pub(super) fn finish<T>(self, file: &Path, text: &str, value: Option<T>) -> Result<T, ConfigErrors> {
        let mut errors = self.0.into_inner();
        match value {
            Some(value) if errors.is_empty() => Ok(value),
            _ => {
                errors.sort_by_key(|error| error.span.start);
                Err(ConfigErrors { file: file.to_owned(), text: text.to_owned(), errors })
            }
        }
    }

    fn note<T>(
        &self,
        code: Code,
        span: &Range<usize>,
        message: &str,
        hint: Option<String>,
        signer: Option<SignerError>,
    ) -> Option<T> {
        // whatever text of the file or of another file the words repeat, they are printable
        let message = Printable::new(message).to_string();
        let hint = hint.map(|hint| Printable::new(&hint).to_string());
        self.0.borrow_mut().push(ConfigError { code, message, span: span.clone(), hint, signer });
        None
    }
}
