//! What is wrong with a configuration: the codes, and which of the mistakes are a signer's.

use std::fmt;
use std::ops::{Deref, Range};

use crate::class::Class;
use crate::origin::Code;
use crate::signer::{Pkcs11Error, SignerError};
use crate::toml::{FileError, FileErrors, Mistakes};

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
    FILE_SHARED = "config.file.shared", "A different user owns or can change the configuration, a file that it names or a folder above one, or can read a key or secret.";
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

/// All mistakes of one configuration, in the order of their places, with the text they point into. Behind some is the
/// error of a signer.
#[derive(Debug)]
pub struct ConfigErrors(FileErrors<SignerError>);

impl ConfigErrors {
    /// The kind of failure: a key that cannot be opened is the signer's matter, everything else the configuration's. A
    /// system without threads is not the signer's fault, nor a person who ended the program when asked.
    pub fn class(&self) -> Class {
        let no_thread = |error: &SignerError| matches!(error, SignerError::Pkcs11(Pkcs11Error::NoThread { .. }));
        if !self.only_signers() {
            Class::Usage
        } else if self.errors().iter().filter_map(FileError::cause).any(|error| error.class() == Class::Interrupted) {
            Class::Interrupted
        } else if self.errors().iter().filter_map(FileError::cause).all(no_thread) {
            Class::Storage
        } else {
            Class::Signer
        }
    }

    /// Whether the configuration is right and only a signer failed (exit code 4 rather than 2).
    pub fn only_signers(&self) -> bool {
        self.errors().iter().all(|error| error.cause().is_some())
    }
}

impl Deref for ConfigErrors {
    type Target = FileErrors<SignerError>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for ConfigErrors {}

impl From<FileErrors> for ConfigErrors {
    fn from(errors: FileErrors) -> Self {
        Self(errors.with_cause())
    }
}

impl From<FileErrors<SignerError>> for ConfigErrors {
    fn from(errors: FileErrors<SignerError>) -> Self {
        Self(errors)
    }
}

/// Notes that a signer failed, with the code of what that means.
pub(super) fn push_signer<T>(
    errors: &Mistakes<SignerError>,
    (code, span): (Code, &Range<usize>),
    what: &str,
    error: SignerError,
) -> Option<T> {
    errors.push_cause(code, span, format!("{what}: {error}"), (error.hint(), error))
}
