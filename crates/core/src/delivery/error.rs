//! What goes wrong with a batch on its way to disk or back.

use std::path::PathBuf;

use crate::class::Class;
use crate::durable::DurableError;
use crate::origin::{Code, Uid};
use crate::text::Printable;
use crate::x509::Sha256Digest;

/// Why a batch could not be written, or is not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// An archive holds something that this program does not write.
    #[error("`{name}`: at byte {at}: {what} is not {expected}")]
    Archive {
        /// The archive.
        name: String,
        /// Where, counted from 0.
        at: u64,
        /// What was read.
        what: &'static str,
        /// What was expected.
        expected: &'static str,
        /// The refusal's code.
        code: Code,
    },
    /// A name that AWS IoT policies do not have.
    #[error(
        "`{}` is not a name for an AWS IoT policy, expected 1 to 128 letters, digits and _+=,.@-",
        Printable::new(found)
    )]
    AwsPolicyName {
        /// The name found.
        found: String,
    },
    /// A batch's name that is not a UUID.
    #[error("batch name `{}` is not made of lower-case hexadecimal digits and hyphens", Printable::new(found))]
    BatchName {
        /// The name found.
        found: String,
    },
    /// Two batches of one export have the same chip.
    #[error("chip {uid} is in two of the batches")]
    ChipTwice {
        /// The chip.
        uid: Uid,
    },
    /// Certificates, sources and entries are not equally many.
    #[error("{certificates} certificates, {sources} sources and {entries} entries were delivered, expected one number")]
    Counts {
        /// Certificates delivered.
        certificates: u64,
        /// Sources delivered.
        sources: u64,
        /// Entries delivered.
        entries: u64,
    },
    /// A file of a batch is not the one its statement names.
    #[error("`{name}` has SHA-256 {found}, the statement says {expected}")]
    Differs {
        /// The file.
        name: String,
        /// Digest found.
        found: Sha256Digest,
        /// Digest stated.
        expected: Sha256Digest,
    },
    /// The file system refused.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// A certificate and the line about it do not agree.
    #[error("certificate of {uid}: {what} is not what its line in manifest.jsonl says")]
    EntryDiffers {
        /// The chip, as the line has it.
        uid: Uid,
        /// What differs.
        what: &'static str,
    },
    /// An entry that is larger than archives of batches have.
    #[error("certificate of {uid} has {bytes} bytes, at most {limit} are delivered")]
    EntryTooLarge {
        /// The chip.
        uid: Uid,
        /// Bytes found.
        bytes: usize,
        /// Most that is delivered.
        limit: usize,
    },
    /// A file name that a batch directory does not have.
    #[error("`{}` is not a name for a file of a batch", Printable::new(found))]
    FileName {
        /// The name found.
        found: String,
    },
    /// Something was delivered after the report.
    #[error("`{what}` was delivered after the batch was finished")]
    Finished {
        /// What was delivered.
        what: String,
    },
    /// The batch is not complete.
    #[error("batch cannot be published: {missing} is missing")]
    Incomplete {
        /// The file or step that is missing.
        missing: &'static str,
    },
    /// Two entries in the wrong order.
    #[error("{what} of {found} follows that of {previous}, expected strictly increasing UIDs")]
    Order {
        /// Certificates, sources or entries.
        what: &'static str,
        /// The UID before.
        previous: String,
        /// The UID found.
        found: String,
    },
    /// A line of a batch's files is broken.
    #[error("`{name}`, line {line}: {what}")]
    Line {
        /// The file.
        name: String,
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A file of a batch that cannot be read as what it is.
    #[error("`{name}`: {reason}")]
    Malformed {
        /// The file.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that a batch must have.
    #[error("batch has no file `{name}`")]
    Missing {
        /// The file.
        name: String,
    },
    /// Chips that were asked for and are in no batch.
    #[error("chip {} is in none of the batches{}", Printable::new(chip), more(*count))]
    NotInBatches {
        /// The first of them.
        chip: String,
        /// How many there are.
        count: usize,
    },
    /// Nothing to export.
    #[error("no batch was named")]
    NoBatch,
    /// Batches of several CAs in one export.
    #[error("the batches have several issuing CAs, and one export has one")]
    SeveralIssuers,
    /// Two devices with one name.
    #[error("{target}: name `{name}` of {uid} is another chip's too")]
    NameTwice {
        /// The second chip.
        uid: Uid,
        /// Who takes the export in.
        target: &'static str,
        /// The name.
        name: String,
    },
    /// A certificate that the target cannot name a device after.
    #[error("{target}: {uid} has a {found}, expected {expected}")]
    NameUnfit {
        /// The chip.
        uid: Uid,
        /// Who takes the export in.
        target: &'static str,
        /// What was found.
        found: String,
        /// What it takes.
        expected: &'static str,
    },
    /// No form of certificates was asked for.
    #[error("no form of certificates was asked for, expected der, pem or both")]
    NoForm,
    /// The size of the zone was not given.
    #[error("the size of the zone was not given")]
    NoZone,
    /// The batch is not a directory.
    #[error("`{}` is not a batch directory", Printable::new(path))]
    NotABatch {
        /// What was to be opened.
        path: PathBuf,
    },
    /// A name of a batch that is not a plain file.
    #[error("`{name}` is not a plain file")]
    NotAFile {
        /// The name.
        name: String,
    },
    /// The output exists; nothing is ever overwritten.
    #[error("output `{}` exists already", Printable::new(path))]
    OutputExists {
        /// The output.
        path: PathBuf,
    },
    /// The output's path has no last component.
    #[error("output `{}` does not end in a name", Printable::new(path))]
    OutputName {
        /// The output.
        path: PathBuf,
    },
    /// The output would be inside a sealed batch.
    #[error(
        "`{}` would be inside the sealed batch `{}`, which takes no other file",
        Printable::new(path),
        Printable::new(batch)
    )]
    InsideBatch {
        /// The output.
        path: PathBuf,
        /// The batch.
        batch: PathBuf,
    },
    /// What should hold the output is not a directory, or was taken away during the run.
    #[error("the output cannot be in `{}`, which is not a directory", Printable::new(path))]
    OutputParent {
        /// The directory.
        path: PathBuf,
    },
    /// A line pack that cannot be read, or written.
    #[error("line pack `{}`: {reason}", Printable::new(path))]
    Pack {
        /// The pack.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// Something else has the name of the unfinished output.
    #[error(
        "`{}` is in the way of the unfinished output and is not a directory of an earlier run",
        Printable::new(path)
    )]
    PartialInTheWay {
        /// The name.
        path: PathBuf,
    },
    /// Reading failed.
    #[error("`{}`: {source}", Printable::new(path))]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that is larger than it may be.
    #[error("`{name}` has more than {limit} bytes")]
    TooLarge {
        /// The file.
        name: String,
        /// Most that is read.
        limit: usize,
    },
    /// A certificate, or a chain, that the zone does not hold.
    #[error("stsafe-zone: {uid} has {found}, expected {expected}")]
    ZoneUnfit {
        /// The chip.
        uid: Uid,
        /// What was found.
        found: String,
        /// What the zone holds.
        expected: String,
    },
}

impl DeliveryError {
    /// A file of a batch that cannot be read as what it is.
    pub(crate) fn malformed(name: &str, reason: impl Into<String>) -> Self {
        Self::Malformed { name: name.to_owned(), reason: reason.into() }
    }

    /// The kind of failure.
    pub fn class(&self) -> Class {
        match self {
            Self::AwsPolicyName { .. }
            | Self::ChipTwice { .. }
            | Self::NoBatch
            | Self::NotInBatches { .. }
            | Self::SeveralIssuers
            | Self::NameTwice { .. }
            | Self::NameUnfit { .. }
            | Self::NoForm
            | Self::NoZone
            | Self::ZoneUnfit { .. }
            | Self::InsideBatch { .. }
            | Self::NotABatch { .. }
            | Self::OutputExists { .. }
            | Self::OutputName { .. }
            | Self::OutputParent { .. }
            | Self::PartialInTheWay { .. } => Class::Usage,
            Self::Durable(error) => error.class(),
            Self::Read { .. } => Class::Storage,
            Self::Archive { .. }
            | Self::Differs { .. }
            | Self::EntryDiffers { .. }
            | Self::Line { .. }
            | Self::Malformed { .. }
            | Self::Missing { .. }
            | Self::NotAFile { .. }
            | Self::Order { .. }
            | Self::Pack { .. }
            | Self::TooLarge { .. } => Class::Content,
            Self::BatchName { .. }
            | Self::Counts { .. }
            | Self::EntryTooLarge { .. }
            | Self::FileName { .. }
            | Self::Finished { .. }
            | Self::Incomplete { .. } => Class::Bug,
        }
    }

    /// The stable code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Archive { code, .. } => *code,
            Self::AwsPolicyName { .. } => codes::AWS_POLICY_NAME,
            Self::BatchName { .. } => codes::BATCH_NAME,
            Self::ChipTwice { .. } => codes::CHIP_TWICE,
            Self::Counts { .. } => codes::COUNTS,
            Self::NoBatch => codes::NO_BATCH,
            Self::NotInBatches { .. } => codes::NOT_IN_BATCHES,
            Self::SeveralIssuers => codes::SEVERAL_ISSUERS,
            Self::Differs { .. } => codes::FILE_DIGEST,
            Self::Durable(_) => codes::WRITE,
            Self::EntryDiffers { .. } => codes::ENTRY_DIFFERS,
            Self::EntryTooLarge { .. } => codes::ENTRY_TOO_LARGE,
            Self::FileName { .. } => codes::FILE_NAME,
            Self::Finished { .. } => codes::FINISHED,
            Self::Incomplete { .. } => codes::INCOMPLETE,
            Self::Line { .. } => codes::LINE,
            Self::Malformed { .. } => codes::FILE_MALFORMED,
            Self::Missing { .. } => codes::FILE_MISSING,
            Self::NameTwice { .. } => codes::NAME_TWICE,
            Self::NameUnfit { .. } => codes::NAME_UNFIT,
            Self::NoForm => codes::NO_FORM,
            Self::NoZone => codes::NO_ZONE,
            Self::NotABatch { .. } => codes::NOT_A_BATCH,
            Self::NotAFile { .. } => codes::NOT_A_FILE,
            Self::Order { .. } => codes::ORDER,
            Self::InsideBatch { .. } => codes::INSIDE_BATCH,
            Self::OutputExists { .. } => codes::OUTPUT_EXISTS,
            Self::OutputName { .. } => codes::OUTPUT_NAME,
            Self::OutputParent { .. } => codes::OUTPUT_PARENT,
            Self::Pack { .. } => codes::PACK,
            Self::PartialInTheWay { .. } => codes::PARTIAL_IN_THE_WAY,
            Self::Read { .. } => codes::READ,
            Self::TooLarge { .. } => codes::FILE_TOO_LARGE,
            Self::ZoneUnfit { .. } => codes::ZONE_UNFIT,
        }
    }

    /// Whether what was read is at fault, not the environment: `verify` then answers "does not hold".
    pub const fn is_about_content(&self) -> bool {
        matches!(
            self,
            Self::Archive { .. }
                | Self::Differs { .. }
                | Self::EntryDiffers { .. }
                | Self::Line { .. }
                | Self::Malformed { .. }
                | Self::Missing { .. }
                | Self::NotAFile { .. }
                | Self::Order { .. }
                | Self::Pack { .. }
                | Self::TooLarge { .. }
        )
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::OutputExists { .. } => {
                "Choose another output, or move the old output away; nothing is ever overwritten."
            }
            Self::OutputName { .. } => "Give the output a path that ends in a name.",
            Self::InsideBatch { .. } => "Choose a place beside the batch.",
            Self::OutputParent { .. } => {
                "Choose another output, or move what has this name; a directory that is missing is made by the next run."
            }
            Self::PartialInTheWay { .. } => "Move it away, then run the same command again.",
            Self::Durable(error) if error.hint().is_some() => return error.hint(),
            Self::Durable(_) => "Make room or repair the file system, then run the same command again.",
            Self::NameTwice { .. } | Self::NameUnfit { .. } => {
                "The device is named after the certificate's common name: issue under a policy whose `profiles` name the \
                 target, with the UID in the common name."
            }
            Self::NoZone => "Give the size of the zone: 1000 for zones 1 to 4 of an STSAFE-A120 (SPL05), for example.",
            Self::Pack { .. } => "Make the pack again from the batch.",
            Self::ZoneUnfit { .. } => {
                "Choose a larger zone, or issue under a policy with `max_certificate_bytes` in [device]; a certificate with a \
                 few extensions takes about 460 bytes."
            }
            Self::NoForm => "Choose DER, PEM or both.",
            Self::ChipTwice { .. } => {
                "It was issued again: export the two batches one by one, or leave the earlier one out."
            }
            Self::NotInBatches { .. } => "Correct the list, or name the batches that have these chips.",
            Self::SeveralIssuers => "Export the batches of each CA on their own.",
            _ if self.is_about_content() => {
                "The batch was changed after it was sealed; fetch it again from its provider."
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

fn more(count: usize) -> String {
    if count > 1 { format!(", and {} more are not", count - 1) } else { String::new() }
}

/// The codes of this stage.
pub mod codes {
    codes! {
        pub const;

        ARCHIVE_CONTENT = "delivery.archive.content", "an entry's content is not what its name says";
        ARCHIVE_CRC = "delivery.archive.crc", "an entry's content does not have its CRC-32";
        ARCHIVE_DIRECTORY = "delivery.archive.directory", "the central directory is not exactly that of the entries";
        ARCHIVE_END = "delivery.archive.end", "bytes follow the end of the archive";
        ARCHIVE_HEADER = "delivery.archive.header", "an entry's header is not one that batches have";
        ARCHIVE_NAME = "delivery.archive.name", "an entry's name is not that of a certificate";
        ARCHIVE_TRUNCATED = "delivery.archive.truncated", "the archive ends too early";
        AWS_POLICY_NAME = "delivery.export.aws-policy-name", "the name is not one that AWS IoT policies have";
        BATCH_NAME = "delivery.batch-name", "the batch's name is not a UUID";
        CHIP_TWICE = "delivery.export.chip-twice", "two batches of one export have the same chip";
        COUNTS = "delivery.counts", "certificates, sources and entries are not equally many";
        ENTRY_DIFFERS = "delivery.entry-differs", "a certificate is not the one its line names";
        ENTRY_TOO_LARGE = "delivery.entry-too-large", "a certificate is larger than archives of batches hold";
        FILE_DIGEST = "delivery.file.digest", "a file is not the one the statement names";
        FILE_MALFORMED = "delivery.file.malformed", "a file cannot be read as what it is";
        FILE_MISSING = "delivery.file.missing", "the batch lacks a file";
        FILE_NAME = "delivery.file.name", "the name is not one for a file of a batch";
        FILE_TOO_LARGE = "delivery.file.too-large", "a file is larger than it may be";
        FINISHED = "delivery.finished", "something was delivered after the batch was finished";
        INCOMPLETE = "delivery.incomplete", "the batch lacks its statement or its seal";
        LINE = "delivery.line", "a line is too long, not printable ASCII or not ended by a newline";
        NAME_TWICE = "delivery.export.name-twice", "two devices would have one name";
        NAME_UNFIT = "delivery.export.name-unfit", "the target cannot name a device after the common name";
        NO_BATCH = "delivery.export.no-batch", "no batch was named";
        NO_FORM = "delivery.no-form", "no form of certificates was asked for";
        NO_ZONE = "delivery.no-zone", "the size of the zone was not given";
        NOT_A_BATCH = "delivery.not-a-batch", "there is no batch directory";
        NOT_IN_BATCHES = "delivery.export.not-in-batches", "a chip that was asked for is in none of the batches";
        NOT_A_FILE = "delivery.file.not-plain", "a name of the batch is a directory, a link or a device";
        ORDER = "delivery.order", "UIDs are not strictly increasing";
        OUTPUT_EXISTS = "delivery.output.exists", "the output exists";
        INSIDE_BATCH = "delivery.output.inside-batch", "the output would be inside a sealed batch";
        OUTPUT_NAME = "delivery.output.name", "the output's path does not end in a name";
        OUTPUT_PARENT = "delivery.output.parent", "what should hold the output is not a directory";
        PACK = "delivery.pack", "a line pack cannot be read as one, or cannot be written";
        PARTIAL_IN_THE_WAY = "delivery.output.in-the-way", "something else has the name of the unfinished output";
        READ = "delivery.read", "reading failed";
        SEVERAL_ISSUERS = "delivery.export.several-issuers", "the batches of one export have several issuing CAs";
        ZONE_UNFIT = "delivery.export.zone-unfit", "the zone does not hold the certificate or the chain";
        WRITE = "delivery.write", "writing failed";
    }
}
