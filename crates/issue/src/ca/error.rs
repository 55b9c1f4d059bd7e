//! Why no CA was made.

use std::path::PathBuf;

use crate::cert::IssuerIdentityError;
use crate::class::Class;
use crate::config::ConfigErrors;
use crate::crypto::{KeyError, SignatureError};
use crate::durable::DurableError;
use crate::ledger::LedgerError;
use crate::signer::SignerError;
use crate::text::Printable;
use crate::x509::{CertificateError, KeyAlgorithm, Time, TimeError};

/// Why no CA was made. Nothing was left at the final place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaError {
    /// The anchor in this program is not the one it should be.
    #[error("the source anchor inside this program is not the genuine STM STSAFE-A PROD CA 01 (SHA-256 differs)")]
    Anchor,
    /// What was made does not read back: a bug, or a full disk.
    #[error("a new certificate does not read back: {0}")]
    Certificate(#[from] CertificateError),
    /// A code that cannot be in a name.
    #[error("code `{}` is not 1 to 64 letters, digits, `-` and `_`", Printable::new(found))]
    Code {
        /// The code found.
        found: String,
    },
    /// A certificate of the chain whose issuer is missing.
    #[error("the chain does not reach a root: `{subject}` was issued by `{issuer}`, whose certificate was not given")]
    ChainIncomplete {
        /// The last certificate that was found.
        subject: String,
        /// Who issued it.
        issuer: String,
    },
    /// A certificate of the chain that its issuer did not sign.
    #[error("certificate of `{subject}` was not signed by the key of `{issuer}`: {reason}")]
    ChainSignature {
        /// Whose certificate.
        subject: String,
        /// Who should have signed it.
        issuer: String,
        /// Why it did not.
        reason: String,
        /// What to do about its algorithm.
        hint: Option<&'static str>,
    },
    /// A CA of the chain must not stand where it does.
    #[error("{reason}")]
    ChainUnfit {
        /// What does not hold, with the certificate's name.
        reason: String,
    },
    /// A certificate that is not of the chain.
    #[error("certificate of `{subject}` is not above the issuing CA")]
    ChainUnrelated {
        /// Whose certificate.
        subject: String,
    },
    /// Certificates for the issuing CA and another number of files above it.
    #[error("{found} certificates above the issuing CA's, and the configuration's `chain` names {expected} files")]
    ChainCount {
        /// Certificates given.
        found: usize,
        /// Files named.
        expected: usize,
    },
    /// A chain for a certificate whose chain is not kept.
    #[error("a manifest signer's certificate comes alone, found {found} certificates behind it")]
    ChainUnused {
        /// Certificates behind the first.
        found: usize,
    },
    /// The configuration, a file it names, or a key of it is wrong.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// A possession certificate for no time, or for too long.
    #[error("validity of {days} days for a possession certificate, expected 1 to {limit}")]
    Days {
        /// The days asked for.
        days: u16,
        /// Most days.
        limit: u16,
    },
    /// The place cannot become a CA's directory.
    #[error("`{}` {what}", Printable::new(path))]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Writing failed.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// Something of a CA is there already.
    #[error("`{}` exists already, nothing was changed", Printable::new(path))]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// No signature had full width.
    #[error("{tries} signatures in a row had an r or s that begins with a zero byte: the random generator is broken")]
    FullWidth {
        /// Signatures made.
        tries: u32,
    },
    /// Another process makes a CA at the same place.
    #[error("another process is making a CA in `{}`", Printable::new(path))]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The certificates are not those of a CA that can issue.
    #[error(transparent)]
    Issuer(#[from] IssuerIdentityError),
    /// The key of the CA cannot be opened.
    #[error("key `{}`: {source}", Printable::new(place))]
    IssuerKey {
        /// Where the key is.
        place: String,
        /// Why it cannot be opened.
        source: Box<SignerError>,
    },
    /// The issuing CA ends too early, or is not valid yet.
    #[error("`{subject}` is valid from {not_before} to {not_after}, a certificate was to be valid until {end}")]
    IssuerNotValid {
        /// Whose certificate.
        subject: String,
        /// Its first second.
        not_before: Time,
        /// Its last second.
        not_after: Time,
        /// The last second asked for.
        end: Time,
    },
    /// Another certificate is in the place.
    #[error("`{}` holds another certificate, and nothing is overwritten", Printable::new(path))]
    Kept {
        /// The file.
        path: PathBuf,
    },
    /// A key that is not one.
    #[error("new key: {0}")]
    Key(#[from] KeyError),
    /// CAs have keys of two kinds.
    #[error("a CA cannot be made with a {key} key, expected P-256 or P-384")]
    KeyAlgorithm {
        /// The kind asked for.
        key: KeyAlgorithm,
    },
    /// The key is not the certificate's.
    #[error("the key is not the key of the certificate of `{subject}`{}", kinds_text(*kinds))]
    KeyMismatch {
        /// Whose certificate.
        subject: String,
        /// The kinds of the key and of the certificate's, where the key's is known.
        kinds: Option<(KeyAlgorithm, KeyAlgorithm)>,
    },
    /// The path of the key cannot be written into a configuration.
    #[error("the path of the issuing CA's key is not UTF-8")]
    KeyPath,
    /// A later step failed, and the token keeps the keys.
    #[error("{reason} (these new keys stay in the token: {})", keys.join(" "))]
    KeysLeft {
        /// What failed.
        reason: Box<CaError>,
        /// The keys' URIs.
        keys: Vec<String>,
    },
    /// The ledger refused.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A vendor or product id that Matter does not have.
    #[error("Matter {what} id `{}` is not 4 upper-case hexadecimal digits other than 0000", Printable::new(found))]
    MatterId {
        /// `vendor` or `product`.
        what: &'static str,
        /// The id found.
        found: String,
    },
    /// Matter knows one kind of key.
    #[error("a Matter PAA or PAI cannot have a {key} key, expected P-256 (Matter core specification §6.2.2)")]
    MatterKey {
        /// The kind asked for.
        key: KeyAlgorithm,
    },
    /// The new configuration does not hold.
    #[error("the new configuration does not hold: {0}")]
    NewConfig(#[source] ConfigErrors),
    /// No certificate was given.
    #[error("no certificate of the issuing CA was given")]
    NoCertificate,
    /// A certificate that is not valid now.
    #[error("certificate of `{subject}` is valid from {not_before} to {not_after}, not at {now}")]
    NotValid {
        /// Whose certificate.
        subject: String,
        /// Its first second.
        not_before: Time,
        /// Its last second.
        not_after: Time,
        /// The present.
        now: Time,
    },
    /// The root above the issuing CA is to certify the manifest signer, and there is none.
    #[error("`{subject}` is its own root: no root above it can certify the manifest signer")]
    OneLevel {
        /// The issuing CA.
        subject: String,
    },
    /// The organization cannot be in a name.
    #[error("organization {what}, expected 1 to 64 characters of text (RFC 5280 appendix A, ub-organization-name)")]
    Organization {
        /// What is wrong with it.
        what: &'static str,
    },
    /// A policy's file name.
    #[error("policy file name `{}` is not a plain name ending in .toml, or is there twice", Printable::new(name))]
    PolicyName {
        /// The name found.
        name: String,
    },
    /// The random bytes are not random.
    #[error("random bytes repeat: the random generator is broken")]
    Random,
    /// Reading the place failed.
    #[error("`{}`: {source}", Printable::new(path))]
    Read {
        /// The directory.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that is not a request.
    #[error("not a certificate request: {reason} (RFC 2986 §4)")]
    Request {
        /// What is wrong with it.
        reason: String,
    },
    /// A source for a passphrase and no passphrase, or a path that is not text.
    #[error("passphrase source cannot be configured: {what}")]
    SecretSource {
        /// What is wrong with it.
        what: &'static str,
    },
    /// The key of the root is to be certified by itself.
    #[error("the request is for the key of `{subject}` itself, expected a key of its own")]
    SelfCertified {
        /// The root.
        subject: String,
    },
    /// A new signature does not verify under the signer's own public key. It has not left this program.
    #[error("a new signature of the key does not verify under its public key: {0}")]
    Signature(#[from] SignatureError),
    /// A key could not be made or used.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// A period that does not exist.
    #[error("validity: {0}")]
    Time(#[from] TimeError),
    /// A URI of one key, where several are to be made.
    #[error(
        "URI names the key with id {id}, expected a URI of the token alone: the new keys get identifiers of their own"
    )]
    TokenId {
        /// The identifier.
        id: String,
    },
    /// A certificate that would outlive the root, or no time at all.
    #[error("validity of {years} years for the {what}, expected 1 to the root's {root}")]
    Years {
        /// Which certificate.
        what: &'static str,
        /// The years asked for.
        years: u16,
        /// The root's years.
        root: u16,
    },
}

fn kinds_text(kinds: Option<(KeyAlgorithm, KeyAlgorithm)>) -> String {
    let differ = kinds.filter(|(key, certificate)| key != certificate);
    differ.map(|(key, certificate)| format!(" (the key is {key}, the certificate's {certificate})")).unwrap_or_default()
}

impl CaError {
    /// The kind of failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Config(errors) => errors.class(),
            Self::KeysLeft { reason, .. } => reason.class(),
            Self::IssuerKey { source, .. } => source.class(),
            Self::ChainCount { .. }
            | Self::ChainIncomplete { .. }
            | Self::ChainSignature { .. }
            | Self::ChainUnfit { .. }
            | Self::ChainUnrelated { .. }
            | Self::ChainUnused { .. }
            | Self::Code { .. }
            | Self::Days { .. }
            | Self::Directory { .. }
            | Self::Exists { .. }
            | Self::InUse { .. }
            | Self::Issuer(_)
            | Self::IssuerNotValid { .. }
            | Self::KeyMismatch { .. }
            | Self::KeyPath
            | Self::NoCertificate
            | Self::NotValid { .. }
            | Self::OneLevel { .. }
            | Self::Kept { .. }
            | Self::KeyAlgorithm { .. }
            | Self::MatterId { .. }
            | Self::MatterKey { .. }
            | Self::NewConfig(_)
            | Self::Organization { .. }
            | Self::PolicyName { .. }
            | Self::Request { .. }
            | Self::SecretSource { .. }
            | Self::SelfCertified { .. }
            | Self::Time(_)
            | Self::TokenId { .. }
            | Self::Years { .. } => Class::Usage,
            Self::Durable(error) => error.class(),
            Self::Read { .. } => Class::Storage,
            Self::Ledger(error) => error.class(),
            Self::Signer(error) => error.class(),
            Self::FullWidth { .. } | Self::Signature(_) => Class::Signer,
            Self::Anchor | Self::Certificate(_) | Self::Key(_) | Self::Random => Class::Bug,
        }
    }

    /// Adds the keys that stay in a token.
    pub(super) fn leaving(self, keys: Vec<String>) -> Self {
        if keys.is_empty() { self } else { Self::KeysLeft { reason: Box::new(self), keys } }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Anchor | Self::FullWidth { .. } | Self::Random => "Do not use this build or machine for a CA.",
            Self::ChainIncomplete { .. } => "Give every certificate up to the root, in PEM or DER.",
            Self::ChainSignature { hint, .. } => return hint.map(str::to_owned),
            Self::ChainUnrelated { .. } => "Give the certificates of this chain alone.",
            Self::Issuer(error) => return error.hint().map(str::to_owned),
            Self::IssuerKey { source, .. } => return source.hint(),
            Self::KeyMismatch { .. } => {
                "Compare: openssl pkey -in KEY -pubout; openssl x509 -in CERTIFICATE -noout -pubkey; for a token: \
                 examine it"
            }
            Self::NoCertificate => "Give the certificate of the issuing CA; of PKCS#12, it is in the file.",
            Self::KeyPath => "Move the key to a path of plain letters.",
            Self::NotValid { not_after, now, .. } if not_after < now => {
                "Have the CA's certificate issued again for the same key, and adopt the new one."
            }
            Self::NotValid { .. } => "Check this machine's clock.",
            Self::OneLevel { .. } => "Let the manifest signer have an anchor of its own.",
            Self::Code { .. } => "Copy the code as the cloud shows it.",
            Self::IssuerNotValid { .. } => "Check this machine's clock, or ask for a shorter validity.",
            Self::MatterKey { .. } => "Leave out the kind of key.",
            Self::Directory { .. } => "Name a directory that does not exist yet below one that does.",
            Self::InUse { .. } => "Wait until the other one has ended, then look at what it made.",
            Self::Exists { .. } | Self::Durable(DurableError::Exists { .. }) => {
                "A CA is made once. Name another directory; an existing CA is never replaced."
            }
            Self::Durable(error) => return error.hint(),
            Self::KeyAlgorithm { .. } => "Choose P-256 or P-384; the others are made in tokens only.",
            Self::Request { .. } => "Name the request that was made for the new key, in PEM or DER.",
            Self::SelfCertified { .. } => "Make the request with the new key.",
            Self::PolicyName { .. } => "Name policies like `aws-iot.toml`.",
            Self::Signature(_) => {
                "The private key is not the other half of the public key that the token shows (a stale public key object), \
                 or the signer or its connection is faulty: see docs/guide/hsm.md, \"A public key object that is stale or \
                 missing\"."
            }
            Self::Signer(error) => return error.hint(),
            Self::ChainCount { .. } => {
                "Give every certificate up to the root, nearest first, or change `chain` in reroot.toml."
            }
            Self::ChainUnused { .. } => "Leave the chain out; who seals is checked against a manifest anchor.",
            Self::Kept { .. } => "Name a new file for it in reroot.toml, then import again.",
            Self::KeysLeft { reason, .. } => {
                let hint = reason.hint().map(|hint| hint + " ").unwrap_or_default();
                return Some(
                    hint + "The keys signed nothing that counts: delete them with the token's own tool, or \
                                    choose other labels with `object` in the URI.",
                );
            }
            Self::TokenId { .. } => "Leave `id` out. `object` is what the new labels begin with.",
            Self::Years { .. } => "A certificate must not outlive the one above it.",
            _ => return None,
        };
        Some(text.to_owned())
    }
}
