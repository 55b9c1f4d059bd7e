//! What comes in: archives, directories, bundles and files, read into [`SourceLeaf`]s of which nothing is believed.
//!
//! [`read`] hands out the items of an input: zip (also inside one other archive), tar, gzip, directories, single
//! certificates and several in a row in DER, PEM text, PKCS#7 bundles, text with base64 or hexadecimal in lines or
//! columns. What a content is, its bytes tell; a name is never believed.
//!
//! A **candidate** is: a PEM block CERTIFICATE; a field of text that begins as a certificate; a byte string that
//! begins with a SEQUENCE; and, where nothing is recognised, a file whose name ends in `.cer`, `.crt`, `.der`, `.p7b`,
//! `.p7c` or `.pem`. One that cannot be read is a rejection. Everything else is ignored, and said to be. A `.pem` file
//! with blocks of other kinds only is ignored: it is what its name says. A name that ends in `.gz`, `.tar`, `.tgz` or
//! `.zip` over something else is a rejection too: an archive that arrived damaged must not look like no archive.
//!
//! What is recognised and not read (other archives, compressed, encrypted, databases, documents, lists of numbers) is a
//! rejection that names it. So is a content of unknown form that holds a certificate. `docs/guide/inputs.md` lists all
//! forms. Which rules apply is an [`Edition`]: accounts of earlier releases follow from the rules of their time.
//!
//! Guarantees: every item once; limits are enforced while reading; nothing is written outside the scratch directory,
//! and there only into files without names. Left to others: whether a candidate is a certificate at all, and whose.

mod ber;
mod bytes;
mod clues;
pub mod codes;
mod columns;
mod companion;
mod content;
mod der;
mod directory;
mod edition;
mod error;
mod fault;
mod feed;
mod gzip;
mod inside;
mod item_sink;
mod limits;
mod names;
mod numbers;
mod openpgp;
mod pem;
mod pkcs7;
mod read;
mod seen;
mod sorted;
mod source;
mod spool;
mod tar;
#[cfg(test)]
mod tests;
mod text;
mod unread;
mod zip;

pub use codes::CODES;
pub use edition::Edition;
pub use error::ReelError;
pub use limits::Limits;
pub use pem::certificates_in_pem;
pub use read::read;
pub use sorted::{Sorted, SortedRecord, SortedRecords, SortedSpool};
pub use source::{Input, InputRecord, Item, SourceLeaf};
pub use spool::{Spool, SpoolReader, SpoolRef};
