//! What goes wrong with a manifest, each with its dotted code.

use std::borrow::Cow;
use std::fmt;

use crate::class::Class;
use crate::crypto::{KeyError, SignatureError};
use crate::origin::Code;
use crate::x509::tlv::DerError;
use crate::x509::{CertificateError, ExtensionError, KeyAlgorithm, SignatureAlgorithm, Time};

use crate::text::quoted;

/// Something with a format of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A line of `manifest.jsonl`.
    Entry,
    /// A line of `rejected.jsonl`.
    Finding,
    /// A line of `inputs.jsonl`.
    Input,
    /// Challenges, receipts and supplements of possession.
    Possession,
    /// A line of `missing.jsonl`.
    Missing,
    /// The proof of one chip.
    Proof,
    /// `manifest.json`.
    Statement,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Entry => "line of manifest.jsonl",
            Self::Finding => "line of rejected.jsonl",
            Self::Input => "line of inputs.jsonl",
            Self::Missing => "line of missing.jsonl",
            Self::Possession => "possession",
            Self::Proof => "proof",
            Self::Statement => "manifest.json",
        })
    }
}

/// Why a manifest could not be made, or is not believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// A manifest anchor has an extension or a constraint that must be processed and is not.
    #[error("manifest anchor `{subject}`: {source}")]
    AnchorExtension {
        /// The anchor.
        subject: String,
        /// What was found.
        source: ExtensionError,
    },
    /// A manifest anchor's key cannot be used.
    #[error("manifest anchor `{subject}`: {source}")]
    AnchorKey {
        /// The anchor.
        subject: String,
        /// What is wrong with its key.
        source: KeyError,
    },
    /// A manifest anchor that may not certify anyone.
    #[error("manifest anchor `{subject}` is not a CA certificate: {found}, expected {expected}")]
    AnchorNotACa {
        /// The anchor.
        subject: String,
        /// What was found.
        found: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// The seal's digest is of other bytes.
    #[error("seal's messageDigest is not the digest of manifest.json (RFC 5652 §11.2)")]
    Digest,
    /// A part of the seal differs from the one form that seals have.
    #[error("seal: {what} is not {expected} (RFC 5652 {clause})")]
    Form {
        /// The field.
        what: &'static str,
        /// What it must be.
        expected: &'static str,
        /// The clause of RFC 5652 that defines the field.
        clause: &'static str,
        /// The refusal's code.
        code: Code,
    },
    /// The batch was made by rules that are not known here, or that do not go with its format.
    #[error(
        "manifest.json has the format `{format}` and the encoder {found}, expected `reroot-manifest/1` with encoder 1 or \
         `reroot-manifest/2` with encoder 2"
    )]
    Encoder {
        /// The format found, one that is known.
        format: &'static str,
        /// The encoder found.
        found: String,
    },
    /// The statement is of a format that is not known here.
    #[error("manifest.json begins with {found}, expected the format `reroot-manifest/1` or `reroot-manifest/2`")]
    Format {
        /// The beginning found, escaped.
        found: String,
    },
    /// A seal that was just made does not verify. It has not left this program.
    #[error("manifest signer's new signature does not verify under the key of its own certificate: {source}")]
    NewSealSignature {
        /// What the engine said.
        source: SignatureError,
    },
    /// The seal is not DER.
    #[error("seal: {0}")]
    SealDer(#[from] DerError),
    /// The seal's signature is the twin of the one that was made.
    #[error("seal's signature has the higher of the two values of s that verify, expected the lower one")]
    SealForm,
    /// The seal's signature does not hold.
    #[error("seal's signature does not verify under the key of manifest.pem: {source}")]
    SealSignature {
        /// What the engine said.
        source: SignatureError,
    },
    /// The signer's certificate is a CA's.
    #[error("manifest signer's certificate is a CA certificate, expected one for an end entity")]
    SignerCa,
    /// The signer's certificate cannot be read.
    #[error("manifest signer's certificate: {0}")]
    SignerCertificate(#[from] CertificateError),
    /// The signer's certificate is signed with SHA-1.
    #[error("manifest signer's certificate is signed with {algorithm}, expected SHA-256 or stronger")]
    SignerCertificateAlgorithm {
        /// Algorithm found.
        algorithm: SignatureAlgorithm,
    },
    /// The signer's certificate is not one by the anchor.
    #[error("manifest signer's certificate is not signed by the manifest anchor `{issuer}`: {source}")]
    SignerCertificateSignature {
        /// Name of the anchor.
        issuer: String,
        /// What the engine said.
        source: SignatureError,
    },
    /// An extension that this program does not understand.
    #[error("manifest signer's certificate has the critical extension {oid}, which is not understood (RFC 5280 §4.2)")]
    SignerCriticalExtension {
        /// Extension found.
        oid: String,
    },
    /// The signer's key cannot seal.
    #[error("manifest signer's key is {found}, expected P-256 or P-384")]
    SignerKey {
        /// Key found.
        found: KeyAlgorithm,
    },
    /// The signer holds another key than the certificate.
    #[error("manifest signer's key is not the key of its certificate")]
    SignerKeyMismatch,
    /// The signer's key may sign other things than manifests, or no manifests.
    #[error("manifest signer's keyUsage is {found}, expected digitalSignature, at most with nonRepudiation")]
    SignerKeyUsage {
        /// What was found.
        found: String,
    },
    /// No anchor has the name of the signer's issuer.
    #[error("manifest signer's certificate was issued by `{issuer}`, which is not a manifest anchor")]
    SignerNoTrustAnchor {
        /// The issuer found.
        issuer: String,
    },
    /// The signer's certificate is not for sealing manifests.
    #[error(
        "manifest signer's extendedKeyUsage is {found}, expected critical and exactly id-kp-documentSigning (RFC 9336)"
    )]
    SignerPurpose {
        /// What was found.
        found: String,
    },
    /// The public key is broken.
    #[error("manifest signer's public key: {source}")]
    SignerPublicKey {
        /// What is wrong with the key.
        source: KeyError,
    },
    /// The certificate was not valid when the seal says it was made.
    #[error("manifest signer's certificate is valid from {not_before} to {not_after}, not at {at}")]
    SignerValidity {
        /// The seal's instant.
        at: Time,
        /// Begin found.
        not_before: Time,
        /// End found.
        not_after: Time,
    },
    /// The seal says another time than the statement.
    #[error("seal's signingTime is {signing_time}, expected the statement's `created`, {created}")]
    SigningTime {
        /// Instant in the seal.
        signing_time: Time,
        /// Instant in the statement.
        created: Time,
    },
    /// Bytes that the one spelling does not have there.
    #[error("{part}: at byte {at}: {problem}")]
    Syntax {
        /// What was read.
        part: Part,
        /// Where, counted from 0.
        at: usize,
        /// What is wrong there, safe to print.
        problem: String,
    },
    /// A time-stamp that is not one, or not of this statement.
    #[error("time-stamp: {reason}")]
    Timestamp {
        /// What was found and what was expected.
        reason: String,
        /// The refusal's code.
        code: Code,
    },
    /// A value that its key cannot have.
    #[error("{part}: `{key}` is {found}, expected {expected}")]
    Value {
        /// What was read.
        part: Part,
        /// The key.
        key: Cow<'static, str>,
        /// The value found, escaped.
        found: String,
        /// What was expected.
        expected: Cow<'static, str>,
    },
}

impl ManifestError {
    /// The kind of failure.
    pub fn class(&self) -> Class {
        match self {
            Self::AnchorExtension { .. }
            | Self::AnchorKey { .. }
            | Self::AnchorNotACa { .. }
            | Self::SignerCa
            | Self::SignerCertificate(_)
            | Self::SignerCertificateAlgorithm { .. }
            | Self::SignerCertificateSignature { .. }
            | Self::SignerCriticalExtension { .. }
            | Self::SignerKey { .. }
            | Self::SignerKeyMismatch
            | Self::SignerKeyUsage { .. }
            | Self::SignerNoTrustAnchor { .. }
            | Self::SignerPublicKey { .. }
            | Self::SignerPurpose { .. }
            | Self::SignerValidity { .. }
            | Self::Value { .. } => Class::Usage,
            Self::NewSealSignature { .. } | Self::SealForm | Self::SealSignature { .. } => Class::Signer,
            Self::Timestamp { .. } => Class::Content,
            Self::Digest
            | Self::Form { .. }
            | Self::Encoder { .. }
            | Self::Format { .. }
            | Self::SealDer(_)
            | Self::SigningTime { .. }
            | Self::Syntax { .. } => Class::Bug,
        }
    }

    /// A [`Value`](Self::Value) with `found` escaped and cut to a readable length.
    pub(super) fn value(
        part: Part,
        key: impl Into<Cow<'static, str>>,
        found: &str,
        expected: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::Value { part, key: key.into(), found: quoted(found), expected: expected.into() }
    }

    /// A [`Syntax`](Self::Syntax) with what was expected escaped and cut to a readable length.
    pub(super) fn syntax(part: Part, at: usize, expected: &str) -> Self {
        Self::Syntax { part, at, problem: format!("expected {}", quoted(expected)) }
    }

    /// A [`Format`](Self::Format) with the beginning escaped.
    pub(super) fn format(beginning: &str) -> Self {
        Self::Format { found: quoted(beginning) }
    }

    /// The stable code.
    pub const fn code(&self) -> Code {
        match self {
            Self::AnchorKey { .. } => codes::ANCHOR_KEY,
            Self::AnchorExtension { .. } => codes::ANCHOR_EXTENSION,
            Self::AnchorNotACa { .. } => codes::ANCHOR_NOT_A_CA,
            Self::Digest => codes::SEAL_DIGEST,
            Self::Form { code, .. } => *code,
            Self::Encoder { .. } => codes::STATEMENT_ENCODER,
            Self::Format { .. } => codes::STATEMENT_FORMAT,
            Self::SealForm => codes::SEAL_FORM,
            Self::SealDer(_) => codes::SEAL_DER,
            Self::NewSealSignature { .. } | Self::SealSignature { .. } => codes::SEAL_SIGNATURE,
            Self::SignerCa => codes::SIGNER_CA,
            Self::SignerCertificate(_) => codes::SIGNER_CERTIFICATE,
            Self::SignerCertificateAlgorithm { .. } => codes::SIGNER_CERTIFICATE_ALGORITHM,
            Self::SignerCertificateSignature { .. } => codes::SIGNER_CERTIFICATE_SIGNATURE,
            Self::SignerCriticalExtension { .. } => codes::SIGNER_CRITICAL_EXTENSION,
            Self::SignerKey { .. } => codes::SIGNER_KEY,
            Self::SignerKeyMismatch => codes::SIGNER_KEY_MISMATCH,
            Self::SignerKeyUsage { .. } => codes::SIGNER_KEY_USAGE,
            Self::SignerNoTrustAnchor { .. } => codes::SIGNER_NO_TRUST_ANCHOR,
            Self::SignerPublicKey { .. } => codes::SIGNER_PUBLIC_KEY,
            Self::SignerPurpose { .. } => codes::SIGNER_PURPOSE,
            Self::SignerValidity { .. } => codes::SIGNER_VALIDITY,
            Self::SigningTime { .. } => codes::SEAL_SIGNING_TIME,
            Self::Syntax { part, .. } => match part {
                Part::Entry => codes::ENTRY_SYNTAX,
                Part::Finding => codes::FINDING_SYNTAX,
                Part::Input => codes::INPUT_SYNTAX,
                Part::Missing => codes::MISSING_SYNTAX,
                Part::Possession => codes::POSSESSION_SYNTAX,
                Part::Proof => codes::PROOF_SYNTAX,
                Part::Statement => codes::STATEMENT_SYNTAX,
            },
            Self::Timestamp { code, .. } => *code,
            Self::Value { part, .. } => match part {
                Part::Entry => codes::ENTRY_VALUE,
                Part::Finding => codes::FINDING_VALUE,
                Part::Input => codes::INPUT_VALUE,
                Part::Missing => codes::MISSING_VALUE,
                Part::Possession => codes::POSSESSION_VALUE,
                Part::Proof => codes::PROOF_VALUE,
                Part::Statement => codes::STATEMENT_VALUE,
            },
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::AnchorExtension { .. } => {
                "Have the manifest signer certified by a CA without this extension; relying parties apply it to everything below."
            }
            Self::AnchorKey { .. } | Self::AnchorNotACa { .. } | Self::SignerNoTrustAnchor { .. } => {
                "Give the CA certificate that certified the batch's manifest.pem as the manifest anchor; obtain it from its owner, never from the batch."
            }
            Self::Encoder { .. } | Self::Format { .. } => "Use a release of reroot that knows this format.",
            Self::NewSealSignature { .. } => {
                "The private key under [manifest] is not the certificate's although the token's public key object is (a stale public key object), or the signer or its connection is faulty: see docs/guide/hsm.md, \"A public key object that is stale or missing\". Then run the same command again."
            }
            Self::SignerKey { .. } | Self::SignerKeyUsage { .. } | Self::SignerPurpose { .. } | Self::SignerCa => {
                "Seal with the certificate that was made with the CA, in ca/manifest.pem, or have one issued with keyUsage digitalSignature and the critical extendedKeyUsage 1.3.6.1.5.5.7.3.36."
            }
            Self::SignerKeyMismatch => {
                "Set certificate and key under [manifest] in reroot.toml to the two halves of one pair."
            }
            Self::SignerValidity { .. } => "Have a new certificate issued for the manifest key.",
            Self::Digest
            | Self::SealForm
            | Self::SealSignature { .. }
            | Self::SigningTime { .. }
            | Self::Syntax { .. }
            | Self::Value { .. } => "The batch was changed after it was sealed; fetch it again from its provider.",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// The codes of this stage.
pub mod codes {
    codes! {
        pub const;

        ANCHOR_KEY = "manifest.anchor.key", "the manifest anchor's public key cannot be used";
        ANCHOR_EXTENSION = "manifest.anchor.extension", "the manifest anchor has an extension or a constraint that must be processed and is not";
        ANCHOR_NOT_A_CA = "manifest.anchor.not-a-ca", "the manifest anchor may not sign certificates";
        ENTRY_SYNTAX = "manifest.entry.syntax", "a line of manifest.jsonl is not in the one spelling of its format";
        ENTRY_VALUE = "manifest.entry.value", "a line of manifest.jsonl has a value that its key cannot have";
        FINDING_SYNTAX = "manifest.rejected.syntax", "a line of rejected.jsonl is not in the one spelling of its format";
        FINDING_VALUE = "manifest.rejected.value", "a line of rejected.jsonl has a value that its key cannot have";
        INPUT_SYNTAX = "manifest.inputs.syntax", "a line of inputs.jsonl is not in the one spelling of its format";
        INPUT_VALUE = "manifest.inputs.value", "a line of inputs.jsonl has a value that its key cannot have";
        MISSING_SYNTAX = "manifest.missing.syntax", "a line of missing.jsonl is not in the one spelling of its format";
        MISSING_VALUE = "manifest.missing.value", "a line of missing.jsonl has a value that its key cannot have";
        POSSESSION_SYNTAX = "manifest.possession.syntax", "a challenge, a receipt or a supplement is not in the one spelling of its format";
        POSSESSION_VALUE = "manifest.possession.value", "a challenge, a receipt or a supplement has a value that its key cannot have";
        PROOF_SYNTAX = "manifest.proof.syntax", "a proof is not in the one spelling of its format";
        PROOF_VALUE = "manifest.proof.value", "a proof has a value that its key cannot have";
        SEAL_ALGORITHM = "manifest.seal.algorithm", "a digest or signature algorithm of the seal is not the one for the signer's key";
        SEAL_ATTRIBUTES = "manifest.seal.attributes", "the seal's signed attributes are not the four expected ones in DER order";
        SEAL_CERTIFICATES = "manifest.seal.certificates", "the seal does not carry exactly the certificate of manifest.pem";
        SEAL_CONTENT = "manifest.seal.content", "the seal is not a detached SignedData over id-data";
        SEAL_DER = "manifest.seal.der", "the seal is not strict DER";
        SEAL_DIGEST = "manifest.seal.digest", "manifest.json was changed: its digest is not the sealed one";
        SEAL_FORM = "manifest.seal.form", "the signature of a seal of version 2 has the higher of the two values of s";
        SEAL_SIGNATURE = "manifest.seal.signature", "the seal's signature does not verify";
        SEAL_SIGNERS = "manifest.seal.signers", "the seal has no or several signers, or names another certificate";
        SEAL_SIGNING_CERTIFICATE = "manifest.seal.signing-certificate", "the seal was made for another certificate than manifest.pem";
        SEAL_SIGNING_TIME = "manifest.seal.signing-time", "signingTime is not a time in DER or differs from the statement's `created`";
        SEAL_VERSION = "manifest.seal.version", "a version number of the seal is not 1";
        SIGNER_CA = "manifest.signer.ca", "the manifest signer's certificate is a CA certificate";
        SIGNER_CERTIFICATE = "manifest.signer.certificate", "an extension of the manifest signer's certificate cannot be read";
        SIGNER_CERTIFICATE_ALGORITHM = "manifest.signer.certificate-algorithm", "the manifest signer's certificate is signed with SHA-1";
        SIGNER_CERTIFICATE_SIGNATURE = "manifest.signer.certificate-signature", "the manifest signer's certificate is not signed by the anchor of its issuer's name";
        SIGNER_CRITICAL_EXTENSION = "manifest.signer.critical-extension", "the manifest signer's certificate has a critical extension that is not understood";
        SIGNER_KEY = "manifest.signer.key", "the manifest signer's key is neither P-256 nor P-384";
        SIGNER_KEY_MISMATCH = "manifest.signer.key-mismatch", "the manifest signer holds another key than its certificate";
        SIGNER_KEY_USAGE = "manifest.signer.key-usage", "the manifest signer's keyUsage is not digitalSignature";
        SIGNER_NO_TRUST_ANCHOR = "manifest.signer.no-trust-anchor", "no manifest anchor has the name of the signer's issuer";
        SIGNER_PUBLIC_KEY = "manifest.signer.public-key", "the manifest signer's public key is not a valid key";
        SIGNER_PURPOSE = "manifest.signer.purpose", "the certificate is not for sealing manifests: extendedKeyUsage is not exactly and critically id-kp-documentSigning";
        SIGNER_VALIDITY = "manifest.signer.validity", "the manifest signer's certificate was not valid when the seal was made";
        STATEMENT_ENCODER = "audit.statement.encoder", "the batch was made by rules this release does not know, or by others than go with its format";
        STATEMENT_FORMAT = "manifest.statement.format", "manifest.json is not of the format reroot-manifest/1 or reroot-manifest/2";
        STATEMENT_SYNTAX = "manifest.statement.syntax", "manifest.json is not in the one spelling of its format";
        STATEMENT_VALUE = "manifest.statement.value", "manifest.json has a value that its key cannot have, or two that contradict each other";
        TIMESTAMP_CHAIN = "manifest.timestamp.chain", "the time-stamp's signer is not one that the anchor certified for time-stamping, valid then";
        TIMESTAMP_FORM = "manifest.timestamp.form", "the time-stamp is not a token of RFC 3161 that this release reads";
        TIMESTAMP_IMPRINT = "manifest.timestamp.imprint", "the time-stamp is of another statement";
        TIMESTAMP_REFUSED = "manifest.timestamp.refused", "the authority refused to make a time-stamp";
        TIMESTAMP_SIGNATURE = "manifest.timestamp.signature", "the time-stamp's signature does not hold";
    }
}
