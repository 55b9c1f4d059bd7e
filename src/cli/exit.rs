//! Exit codes: exhaustive, documented for operators, never renumbered (docs/operator-guide.md).

use reroot::ca::CaError;
use reroot::config::ConfigErrors;
use reroot::delivery::DeliveryError;
use reroot::durable::DurableError;
use reroot::error::Error;
use reroot::issue::IssueError;
use reroot::ledger::LedgerError;
use reroot::manifest::ManifestError;
use reroot::plan::PlanError;
use reroot::reel::ReelError;
use reroot::signer::{Pkcs11Error, SignerError};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: all done, also: already done
    Done,
    /// 1: issued with rejections (`--on-reject skip`) or missing chips (`--on-missing note`), findings (`inspect --verify`), an
    /// input without a certificate (`inspect`), or the content does not hold
    Findings,
    /// 2: usage, configuration or policy is wrong; output exists
    Usage,
    /// 3: input cannot be read, was rejected, or nothing was left to issue
    Input,
    /// 4: the signer failed
    Signer,
    /// 5: ledger or output failed, or the spooled input changed under the run
    Storage,
    /// 6: interrupted; the same command resumes
    Interrupted,
    /// 70: a bug in this program
    Bug,
}

impl Exit {
    /// The number for the shell.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Findings => 1,
            Self::Usage => 2,
            Self::Input => 3,
            Self::Signer => 4,
            Self::Storage => 5,
            Self::Interrupted => 6,
            Self::Bug => 70,
        }
    }

    /// The exit for an error; every error has one.
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::Config(errors) if errors.only_signers() => signers(errors),
            Error::Config(_) | Error::Expected(_) | Error::Policy(_) | Error::Verify(_) => Self::Usage,
            Error::CertificateNotValid { .. }
            | Error::ChainIncomplete { .. }
            | Error::ClockJump { .. }
            | Error::Unverifiable { .. }
            | Error::DeliveryDiffers { .. }
            | Error::InputTwice { .. }
            | Error::OutputDamaged { .. }
            | Error::Findings(_)
            | Error::OutputExists { .. }
            | Error::HeadDiffers { .. } => Self::Usage,
            Error::Ca(error) => ca(error),
            Error::Chip { .. } => Self::Usage,
            Error::Cmp(_) => Self::Signer,
            Error::Delivery(error) => delivery(error),
            Error::Durable(error) => durable(error),
            Error::Interrupted => Self::Interrupted,
            Error::Issue(error) => issue(error),
            Error::LeavesDiffer { .. } | Error::RepublishDiffers { .. } | Error::SpoolChanged => Self::Storage,
            Error::Ledger(error) => ledger(error),
            Error::Account { .. } | Error::Engine(_) | Error::LintDiffers { .. } => Self::Bug,
            Error::Manifest(error) => manifest(error),
            Error::NotSealed(_) => Self::Findings,
            Error::Plan(error) => plan(error),
            Error::Reel(error) => reel(error),
            Error::Signer(error) => signer(error),
        }
    }
}

/// A name that is taken or too long, and a file system that cannot give names, are the choice of who named the output.
fn durable(error: &DurableError) -> Exit {
    match error {
        DurableError::Exists { .. }
        | DurableError::NameTooLong { .. }
        | DurableError::NoSafeName { .. }
        | DurableError::OutputNameTooLong { .. } => Exit::Usage,
        DurableError::Io { .. } => Exit::Storage,
    }
}

fn ca(error: &CaError) -> Exit {
    match error {
        CaError::Config(errors) if errors.only_signers() => signers(errors),
        CaError::KeysLeft { reason, .. } => ca(reason),
        CaError::ChainCount { .. }
        | CaError::ChainUnused { .. }
        | CaError::Code { .. }
        | CaError::Days { .. }
        | CaError::Directory { .. }
        | CaError::Exists { .. }
        | CaError::InUse { .. }
        | CaError::IssuerNotValid { .. }
        | CaError::Kept { .. }
        | CaError::KeyAlgorithm { .. }
        | CaError::MatterId { .. }
        | CaError::MatterKey { .. }
        | CaError::NewConfig(_)
        | CaError::Organization { .. }
        | CaError::PolicyName { .. }
        | CaError::SecretSource { .. }
        | CaError::Time(_)
        | CaError::TokenId { .. }
        | CaError::Years { .. }
        | CaError::Config(_) => Exit::Usage,
        CaError::Durable(error) => durable(error),
        CaError::Read { .. } => Exit::Storage,
        CaError::Ledger(error) => ledger(error),
        CaError::Signer(error) => signer(error),
        CaError::FullWidth { .. } | CaError::Signature(_) => Exit::Signer,
        CaError::Anchor | CaError::Certificate(_) | CaError::Key(_) | CaError::Random => Exit::Bug,
    }
}

fn manifest(error: &ManifestError) -> Exit {
    match error {
        ManifestError::AnchorExtension { .. }
        | ManifestError::AnchorKey { .. }
        | ManifestError::AnchorNotACa { .. }
        | ManifestError::SignerCa
        | ManifestError::SignerCertificate(_)
        | ManifestError::SignerCertificateAlgorithm { .. }
        | ManifestError::SignerCertificateSignature { .. }
        | ManifestError::SignerCriticalExtension { .. }
        | ManifestError::SignerKey { .. }
        | ManifestError::SignerKeyMismatch
        | ManifestError::SignerKeyUsage { .. }
        | ManifestError::SignerNoTrustAnchor { .. }
        | ManifestError::SignerPublicKey { .. }
        | ManifestError::SignerPurpose { .. }
        | ManifestError::SignerValidity { .. }
        | ManifestError::Value { .. } => Exit::Usage,
        ManifestError::Signer(error) => signer(error),
        ManifestError::NewSealSignature { .. } | ManifestError::SealSignature { .. } => Exit::Signer,
        ManifestError::Timestamp { .. } => Exit::Findings,
        ManifestError::Digest
        | ManifestError::Form { .. }
        | ManifestError::Format { .. }
        | ManifestError::SealDer(_)
        | ManifestError::SigningTime { .. }
        | ManifestError::Syntax { .. } => Exit::Bug,
    }
}

fn delivery(error: &DeliveryError) -> Exit {
    match error {
        DeliveryError::AwsPolicyName { .. }
        | DeliveryError::NameTwice { .. }
        | DeliveryError::NameUnfit { .. }
        | DeliveryError::NoForm
        | DeliveryError::NoZone
        | DeliveryError::ZoneUnfit { .. }
        | DeliveryError::NotABatch { .. }
        | DeliveryError::OutputExists { .. }
        | DeliveryError::OutputName { .. }
        | DeliveryError::OutputParent { .. }
        | DeliveryError::PartialInTheWay { .. } => Exit::Usage,
        DeliveryError::Durable(error) => durable(error),
        DeliveryError::Read { .. } => Exit::Storage,
        DeliveryError::Archive { .. }
        | DeliveryError::Differs { .. }
        | DeliveryError::EntryDiffers { .. }
        | DeliveryError::Line { .. }
        | DeliveryError::Malformed { .. }
        | DeliveryError::Missing { .. }
        | DeliveryError::NotAFile { .. }
        | DeliveryError::Order { .. }
        | DeliveryError::Pack { .. }
        | DeliveryError::TooLarge { .. } => Exit::Findings,
        DeliveryError::BatchName { .. }
        | DeliveryError::Counts { .. }
        | DeliveryError::EntryTooLarge { .. }
        | DeliveryError::FileName { .. }
        | DeliveryError::Finished { .. }
        | DeliveryError::Incomplete { .. } => Exit::Bug,
    }
}

fn issue(error: &IssueError) -> Exit {
    match error {
        IssueError::AlgorithmNotOfKey { .. } | IssueError::Key(_) | IssueError::KeyMismatch { .. } => Exit::Usage,
        IssueError::NeverFullWidth { .. }
        | IssueError::NotFullWidth { .. }
        | IssueError::ReturnedDiffers { .. }
        | IssueError::SignatureCount { .. }
        | IssueError::WrongSignature { .. } => Exit::Signer,
        IssueError::Engine(_) => Exit::Bug,
        IssueError::Signer(error) => signer(error),
    }
}

/// A plan or a signature file is an input like any other; what this machine's configuration does not allow is its matter.
fn plan(error: &PlanError) -> Exit {
    match error {
        PlanError::Anchors | PlanError::Issuer { .. } | PlanError::Mode { .. } | PlanError::NotPlanned { .. } => {
            Exit::Usage
        }
        PlanError::Clock { .. }
        | PlanError::Differs { .. }
        | PlanError::Encoder { .. }
        | PlanError::Leaves { .. }
        | PlanError::Malformed { .. }
        | PlanError::OtherBatch { .. }
        | PlanError::PlannerSignature { .. }
        | PlanError::PlannerUnknown
        | PlanError::PolicyNotApproved { .. }
        | PlanError::Read { .. }
        | PlanError::Section { .. }
        | PlanError::SeedTaken { .. }
        | PlanError::Signatures { .. }
        | PlanError::Taken { .. } => Exit::Input,
        PlanError::Declined => Exit::Interrupted,
    }
}

fn reel(error: &ReelError) -> Exit {
    match error {
        ReelError::Changed { .. }
        | ReelError::Configuration { .. }
        | ReelError::Io { .. }
        | ReelError::NotAFile { .. }
        | ReelError::StdinMissing
        | ReelError::StdinRead { .. } => Exit::Input,
        // what is set aside lies beside the output
        ReelError::Scratch { .. } | ReelError::SpoolRead { .. } | ReelError::SpoolWrite { .. } => Exit::Storage,
    }
}

/// A wrong PIN or passphrase, an unreadable key, a token that is away: all are the signer's.
fn signer(error: &SignerError) -> Exit {
    match error {
        // the policy asks for what this key cannot do, or the URI for what cannot be meant; nothing was recorded
        SignerError::Algorithm { .. }
        | SignerError::Pkcs11(
            Pkcs11Error::Ambiguous { .. }
            | Pkcs11Error::Exists { .. }
            | Pkcs11Error::Generate { .. }
            | Pkcs11Error::ModuleMissing { .. },
        ) => Exit::Usage,
        SignerError::Pkcs11(Pkcs11Error::NoThread { .. }) => Exit::Storage,
        SignerError::EncryptionCost { .. }
        | SignerError::EncryptionUnsupported { .. }
        | SignerError::Failed { .. }
        | SignerError::Generate { .. }
        | SignerError::KeyInvalid { .. }
        | SignerError::KeyUnsupported { .. }
        | SignerError::OneBlock { .. }
        | SignerError::PassphraseMissing
        | SignerError::PassphraseUnused
        | SignerError::PassphraseWrong
        | SignerError::Pem(_)
        | SignerError::Pkcs11(_)
        | SignerError::RsaSize { .. }
        | SignerError::Secret(_)
        | SignerError::Structure
        | SignerError::TraditionalFormat { .. }
        | SignerError::WrongLabel { .. } => Exit::Signer,
    }
}

/// A system without threads is not the signer's fault.
fn signers(errors: &ConfigErrors) -> Exit {
    let no_thread = |error: &SignerError| matches!(error, SignerError::Pkcs11(Pkcs11Error::NoThread { .. }));
    if errors.signers().all(no_thread) { Exit::Storage } else { Exit::Signer }
}

fn ledger(error: &LedgerError) -> Exit {
    match error {
        LedgerError::Exists { .. } | LedgerError::IssuerDiffers { .. } | LedgerError::Missing { .. } => Exit::Usage,
        LedgerError::AttemptDiffers { .. }
        | LedgerError::BatchExists { .. }
        | LedgerError::CaDiffers { .. }
        | LedgerError::CertificateDiffers { .. }
        | LedgerError::ChunkLength { .. }
        | LedgerError::Damaged { .. }
        | LedgerError::Durable(_)
        | LedgerError::Foreign { .. }
        | LedgerError::HeadFile { .. }
        | LedgerError::Incomplete { .. }
        | LedgerError::LeafDiffers { .. }
        | LedgerError::LeafOrder { .. }
        | LedgerError::LeafTaken { .. }
        | LedgerError::Linked { .. }
        | LedgerError::Locked { .. }
        | LedgerError::LogMissing { .. }
        | LedgerError::Newer { .. }
        | LedgerError::NoLeaves { .. }
        | LedgerError::NoSuchChunk { .. }
        | LedgerError::NoLocks { .. }
        | LedgerError::NotComplete { .. }
        | LedgerError::NotRecorded { .. }
        | LedgerError::NotedHead { .. }
        | LedgerError::ReadOnly { .. }
        | LedgerError::RetryUnchanged { .. }
        | LedgerError::SealDiffers { .. }
        | LedgerError::Sealed { .. }
        | LedgerError::SeedTaken { .. }
        | LedgerError::Store(_)
        | LedgerError::TbsDiffers { .. }
        | LedgerError::TermsDiffer { .. }
        | LedgerError::TermsExist { .. }
        | LedgerError::TooManyLeaves { .. }
        | LedgerError::UnknownBatch { .. } => Exit::Storage,
    }
}
