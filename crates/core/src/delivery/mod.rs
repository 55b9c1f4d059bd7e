//! Port: where a batch goes, and how it is read back.
//!
//! Guarantees: a batch directory appears complete and on disk, under a name that was free, or not at all; the same
//! content is the same bytes every time. What is read back is read strictly: an archive that this program would not
//! have written is refused. What the files say is not judged here.

mod archive;
mod directory;
mod error;
mod export;
mod output;
mod pack;
mod parts;
mod pem;
mod read;
mod rows;
mod staged;
mod stated;
mod zip;

pub use archive::{ArchiveEntry, ArchiveReader};
pub use directory::{BatchWriter, ChipFiles, Form, Report, check_place};
pub use error::codes::CODES;
pub use error::{DeliveryError, codes};
pub use export::{ExportOptions, ExportWriter, Object, Target, Zone};
pub use output::WrittenFile;
pub use pack::{PackReader, PackWriter};
pub use pem::certificate_to_pem;
pub use read::{BatchReader, CertificateStream, Lines, StoredCertificate};
pub use rows::{Row, Rows, Torn};
pub use staged::Staged;
pub use stated::{check_digest, check_parts, check_stated};
pub use zip::{Stamp, ZipWriter};
