//! Lines of `rejected.jsonl` and `inputs.jsonl`: what became of every item that was not issued, and what was read.

use serde::{Deserialize, Deserializer, Serialize};

use crate::origin::{Code, Disposition, Finding, ItemName, Uid};
use crate::x509::Sha256Digest;

use super::error::{ManifestError, Part};
use super::json;

/// A rejected or ignored item as a batch records it.
///
/// A [`Finding`] read back: its code is text, because a later release may have retired it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FindingLine {
    item: ItemName,
    disposition: Disposition,
    #[serde(deserialize_with = "code")]
    code: Box<str>,
    reason: Box<str>,
    uid: Option<Uid>,
    source_sha256: Option<Sha256Digest>,
}

impl FindingLine {
    /// Longest line that is written or read, in bytes.
    pub const MAX_LINE: usize = 64 * 1024;

    /// Characters of a reason that are kept: with every one of them escaped, a line stays below its limit.
    const MAX_REASON: usize = 2000;

    /// The line for a finding. A reason of more than 2000 characters is cut and ends in `...`: it is for people.
    pub fn new(finding: &Finding) -> Self {
        let reason = match finding.reason.char_indices().nth(Self::MAX_REASON) {
            None => finding.reason.as_str().into(),
            Some((at, _)) => format!("{}...", &finding.reason[..at]).into(),
        };
        Self {
            item: finding.item.clone(),
            disposition: finding.disposition,
            code: finding.code.as_str().into(),
            reason,
            uid: finding.uid,
            source_sha256: finding.source_sha256,
        }
    }

    /// The line, without a newline.
    pub fn line(&self) -> String {
        json::line(self)
    }

    /// Reads one line without its newline: exactly what [`line`](Self::line) writes.
    ///
    /// # Errors
    /// The line is spelled otherwise, or a value is not one its key can have.
    pub fn parse(line: &str) -> Result<Self, ManifestError> {
        let read: Self = json::read(Part::Finding, line.as_bytes())?;
        json::same(Part::Finding, line.as_bytes(), &read.line())?;
        Ok(read)
    }

    /// The item.
    pub fn item(&self) -> &ItemName {
        &self.item
    }

    /// Rejected or ignored.
    pub fn disposition(&self) -> Disposition {
        self.disposition
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// What was found and what was expected; not trusted to be safe to print.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The chip, where it was known.
    pub fn uid(&self) -> Option<&Uid> {
        self.uid.as_ref()
    }

    /// SHA-256 of the certificate, where the item held one.
    pub fn source_sha256(&self) -> Option<Sha256Digest> {
        self.source_sha256
    }
}

/// A chip of the expected list that is not among the verified leaves.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MissingLine {
    chip: Uid,
}

impl MissingLine {
    /// Longest line that is read, in bytes.
    pub const MAX_LINE: usize = 64;

    /// The line for a chip: its UID, or what the UID begins with where the list says no more.
    pub fn new(chip: Uid) -> Self {
        Self { chip }
    }

    /// The line, without a newline.
    pub fn line(&self) -> String {
        json::line(self)
    }

    /// Reads one line without its newline: exactly what [`line`](Self::line) writes.
    ///
    /// # Errors
    /// The line is spelled otherwise, or the value is not a UID.
    pub fn parse(line: &str) -> Result<Self, ManifestError> {
        let read: Self = json::read(Part::Missing, line.as_bytes())?;
        json::same(Part::Missing, line.as_bytes(), &read.line())?;
        Ok(read)
    }

    /// The UID, or what it begins with.
    pub fn chip(&self) -> &Uid {
        &self.chip
    }
}

/// One input, or one file of a directory that was an input.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct InputLine {
    name: ItemName,
    bytes: u64,
    sha256: Sha256Digest,
}

impl InputLine {
    /// Longest line that is written or read, in bytes.
    pub const MAX_LINE: usize = 64 * 1024;

    /// The line for an input of this name, length in bytes and digest.
    pub fn new(name: ItemName, bytes: u64, sha256: Sha256Digest) -> Self {
        Self { name, bytes, sha256 }
    }

    /// The line, without a newline.
    pub fn line(&self) -> String {
        json::line(self)
    }

    /// Reads one line without its newline: exactly what [`line`](Self::line) writes.
    ///
    /// # Errors
    /// The line is spelled otherwise, or a value is not one its key can have.
    pub fn parse(line: &str) -> Result<Self, ManifestError> {
        let read: Self = json::read(Part::Input, line.as_bytes())?;
        json::same(Part::Input, line.as_bytes(), &read.line())?;
        Ok(read)
    }

    /// The input's name.
    pub fn name(&self) -> &ItemName {
        &self.name
    }

    /// Its length in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Its SHA-256.
    pub fn sha256(&self) -> Sha256Digest {
        self.sha256
    }
}

fn code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<str>, D::Error> {
    let read = |text: &str| Code::is_one(text).then(|| text.into());
    deserializer.deserialize_str(json::Spelled("a dotted code in kebab case", read))
}

#[cfg(test)]
mod tests;
