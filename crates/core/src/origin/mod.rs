//! Where a certificate came from: items of an input, the chip's UID, and what became of an item.
//!
//! Every item of a reel ends as exactly one of issued, rejected or ignored; the last two are [`Finding`]s.

mod chip;
pub mod ledger_codes;
mod typed;

pub use chip::{ChipName, ChipNameError};
pub use typed::{LOST_ZEROS, SPREADSHEET_HINT, TypedError, TypedList, typed_bytes};

pub use crate::code::Code;

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;
use std::sync::Arc;

use crate::crypto::sha256;
use crate::x509::{SerialNumber, Sha256Digest, Short};

/// The name of an item: `reel.zip!inner.zip!path#n`, safe to print.
///
/// Bytes outside printable ASCII, and `%`, `!`, `#` inside a component, appear as `%XX`.
///
/// Copies share the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemName(Arc<str>);

impl ItemName {
    /// Longest escaped component that is kept whole; a longer one is cut and ends in `%..` and the first 16 digits of
    /// its SHA-256, so that two long names stay two names.
    pub const MAX_COMPONENT: usize = 512;

    /// Longest name that is read back from another machine's file. A name of our own stays far below: an input, two
    /// archives and an entry of at most [`MAX_COMPONENT`](Self::MAX_COMPONENT) and what marks them as cut, and some
    /// digits.
    pub const MAX: usize = 4_096;

    /// The name of an input: the last component of its path as given, or `-` for standard input.
    pub fn input(name: &[u8]) -> Self {
        Self(Self::escaped(name).into())
    }

    /// The text of an [`input`](Self::input)'s name.
    pub(crate) fn escaped(name: &[u8]) -> String {
        let mut text = String::with_capacity(name.len());
        escape(&mut text, name);
        text
    }

    /// An entry inside this archive or directory.
    #[must_use]
    pub fn entry(&self, path: &[u8]) -> Self {
        let mut text = String::with_capacity(self.0.len() + 1 + path.len());
        text.push_str(&self.0);
        text.push('!');
        escape(&mut text, path);
        Self(text.into())
    }

    /// The n-th certificate inside this file, counted from 1.
    #[must_use]
    pub fn nth(&self, n: u64) -> Self {
        Self(format!("{}#{n}", self.0).into())
    }

    /// The n-th entry of this very name in an archive, for `n` from 2: no other name looks like this.
    #[must_use]
    pub fn again(&self, n: u64) -> Self {
        Self(format!("{}%={n}", self.0).into())
    }

    /// Takes a name that was escaped before, as read from a batch.
    ///
    /// # Errors
    /// The text has characters that an escaped name cannot have.
    pub fn from_escaped(text: &str) -> Result<Self, OriginError> {
        if !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x20..=0x7E)) {
            Ok(Self(text.into()))
        } else {
            Err(OriginError::ItemName)
        }
    }

    /// The escaped text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn escape(text: &mut String, bytes: &[u8]) {
    let start = text.len();
    for byte in bytes {
        if text.len() - start >= ItemName::MAX_COMPONENT {
            write!(text, "%..{}", &sha256(bytes).to_string()[..16]).expect("writing to a String");
            break;
        }
        match byte {
            b'%' | b'!' | b'#' => write!(text, "%{byte:02X}").expect("writing to a String"),
            0x20..=0x7E => text.push(char::from(*byte)),
            _ => write!(text, "%{byte:02X}").expect("writing to a String"),
        }
    }
}

impl fmt::Display for ItemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ItemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ItemName({})", self.0)
    }
}

/// A chip's unique identifier: the content bytes of its leaf certificate's serial number.
///
/// For STSAFE-A these are 11 bytes: `02 09`, then the ST number of 9 (unique number 7, product id 2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(Short);

impl Uid {
    /// The UID that a source leaf's serial number carries.
    pub fn from_serial(serial: &SerialNumber) -> Self {
        Self(Short::new(serial.content()).expect("a serial number has 20 bytes at most"))
    }

    /// From bytes that were a serial number's content before (ledger, manifest).
    ///
    /// # Errors
    /// Not 1 to 20 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, OriginError> {
        let short = Short::new(bytes).filter(|_| !bytes.is_empty());
        short.map(Self).ok_or(OriginError::UidLength { bytes: bytes.len() })
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Upper-case hexadecimal, the one spelling of a UID.
impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uid({self})")
    }
}

/// Reads hexadecimal in either case.
impl FromStr for Uid {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let bytes = hex::decode(text).map_err(|_| OriginError::UidText)?;
        Self::from_bytes(&bytes)
    }
}

/// What ties a certificate to the item it was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The item of the input.
    pub item: ItemName,
    /// The chip.
    pub uid: Uid,
    /// SHA-256 of the source leaf's DER.
    pub fingerprint: Sha256Digest,
}

/// Whether a finding ignores its item, which is not an error, or rejects it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Disposition {
    /// Not a candidate, a duplicate, or issued before: no certificate is missing because of it.
    Ignored,
    /// A candidate that failed: by default it stops the run before anything is signed.
    Rejected,
}

impl Disposition {
    /// The word in `rejected.jsonl`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ignored => "ignored",
            Self::Rejected => "rejected",
        }
    }
}

/// Why an item has no new certificate.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// Rejected or ignored.
    pub disposition: Disposition,
    /// The item.
    pub item: ItemName,
    /// The stable code.
    pub code: Code,
    /// What was found and what was expected, safe to print.
    pub reason: String,
    /// The chip, where the item could be read so far.
    pub uid: Option<Uid>,
    /// SHA-256 of the certificate, where the item held one.
    pub source_sha256: Option<Sha256Digest>,
}

impl Finding {
    /// A rejection of an item that could not be read as a leaf.
    pub fn rejected(item: ItemName, code: Code, reason: impl Into<String>) -> Self {
        Self::new(Disposition::Rejected, item, code, reason.into())
    }

    /// An item that is left out without fault.
    pub fn ignored(item: ItemName, code: Code, reason: impl Into<String>) -> Self {
        Self::new(Disposition::Ignored, item, code, reason.into())
    }

    /// Adds what is known of the chip and its leaf.
    #[must_use]
    pub fn of(mut self, uid: Option<Uid>, source_sha256: Option<Sha256Digest>) -> Self {
        self.uid = uid;
        self.source_sha256 = source_sha256;
        self
    }

    fn new(disposition: Disposition, item: ItemName, code: Code, reason: String) -> Self {
        Self { disposition, item, code, reason, uid: None, source_sha256: None }
    }
}

/// Why text or bytes are not part of an origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OriginError {
    /// Not an escaped item name.
    #[error("not an item name: expected printable ASCII")]
    ItemName,
    /// Not 1 to 20 bytes.
    #[error("UID has {bytes} octets, expected 1 to 20")]
    UidLength {
        /// Bytes found.
        bytes: usize,
    },
    /// Not hexadecimal.
    #[error("UID is not hexadecimal")]
    UidText,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn item_names_are_safe_to_print() {
        let name = ItemName::input(b"reel.zip").entry(b"in!ner.zip").entry(b"a\n\x1b\xff/%#.der").nth(2);
        assert_eq!(name.as_str(), "reel.zip!in%21ner.zip!a%0A%1B%FF/%25%23.der#2");
        let long = ItemName::input(&[b'a'; 10_000]);
        // printf 'a%.0s' {1..10000} | sha256sum
        assert!(long.as_str().len() < 600 && long.as_str().ends_with("a%..27dd1f61b867b6a0"), "{long}");
        assert_ne!(long, ItemName::input(&[b'a'; 10_001]));
    }

    #[test]
    fn a_uid_has_one_spelling_and_reads_both_cases() {
        let uid: Uid = "0209b0846159e439520139".parse().unwrap();
        assert_eq!(uid.to_string(), "0209B0846159E439520139");
        assert!("".parse::<Uid>().is_err());
        assert!("0g".parse::<Uid>().is_err());
    }
}
