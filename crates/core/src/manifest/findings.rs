//! Lines of `rejected.jsonl` and `inputs.jsonl`: what became of every item that was not issued, and what was read.

use crate::origin::{Code, Disposition, Finding, ItemName, Uid};
use crate::x509::Sha256Digest;

use super::error::{ManifestError, Part};
use super::json::{Scan, push_hex_lower, push_hex_upper, push_number, push_string, upper_hex};

/// A rejected or ignored item as a batch records it.
///
/// A [`Finding`] read back: its code is text, because a later release may have retired it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingLine {
    item: ItemName,
    disposition: Disposition,
    code: Box<str>,
    reason: Box<str>,
    uid: Option<Uid>,
    source_sha256: Option<Sha256Digest>,
}

impl FindingLine {
    /// Longest line that is written or read, in octets.
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
        let mut line = String::with_capacity(256 + self.reason.len());
        line.push_str("{\"item\":");
        push_string(&mut line, self.item.as_str());
        line.push_str(",\"disposition\":");
        push_string(&mut line, self.disposition.as_str());
        line.push_str(",\"code\":");
        push_string(&mut line, &self.code);
        line.push_str(",\"reason\":");
        push_string(&mut line, &self.reason);
        line.push_str(",\"uid\":");
        match &self.uid {
            Some(uid) => push_hex_upper(&mut line, uid.as_bytes()),
            None => line.push_str("null"),
        }
        line.push_str(",\"source_sha256\":");
        match &self.source_sha256 {
            Some(digest) => push_hex_lower(&mut line, digest.as_bytes()),
            None => line.push_str("null"),
        }
        line.push('}');
        line
    }

    /// Reads one line without its newline: exactly what [`line`](Self::line) writes.
    ///
    /// # Errors
    /// The line is spelled otherwise, or a value is not one its key can have.
    pub fn parse(line: &str) -> Result<Self, ManifestError> {
        let mut scan = Scan::new(Part::Finding, line.as_bytes());
        scan.literal("{\"item\":")?;
        let item = item_name(&mut scan, "item")?;
        scan.literal(",\"disposition\":")?;
        let disposition = scan.value("disposition", "`rejected` or `ignored`", |text| {
            [Disposition::Rejected, Disposition::Ignored].into_iter().find(|one| one.as_str() == text)
        })?;
        scan.literal(",\"code\":")?;
        let code = scan.value("code", "a dotted code in kebab case", |text| Code::is_one(text).then(|| text.into()))?;
        scan.literal(",\"reason\":")?;
        let reason = scan.string()?.into();
        scan.literal(",\"uid\":")?;
        let uid = scan.value_or_null("uid", "null or 1 to 20 octets in upper-case hexadecimal", |text| {
            upper_hex(text).and_then(|bytes| Uid::from_bytes(&bytes).ok())
        })?;
        scan.literal(",\"source_sha256\":")?;
        let source_sha256 =
            scan.value_or_null("source_sha256", "null or 64 lower-case hexadecimal digits", |text| text.parse().ok())?;
        scan.literal("}")?;
        scan.finish()?;
        Ok(Self { item, disposition, code, reason, uid, source_sha256 })
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
        let mut line = String::with_capacity(Self::MAX_LINE);
        line.push_str("{\"chip\":");
        push_hex_upper(&mut line, self.chip.as_bytes());
        line.push('}');
        line
    }

    /// Reads one line without its newline: exactly what [`line`](Self::line) writes.
    ///
    /// # Errors
    /// The line is spelled otherwise, or the value is not a UID.
    pub fn parse(line: &str) -> Result<Self, ManifestError> {
        let mut scan = Scan::new(Part::Missing, line.as_bytes());
        scan.literal("{\"chip\":")?;
        let chip = scan.value("chip", "1 to 20 octets in upper-case hexadecimal", |text| {
            upper_hex(text).and_then(|bytes| Uid::from_bytes(&bytes).ok())
        })?;
        scan.literal("}")?;
        scan.finish()?;
        Ok(Self { chip })
    }

    /// The UID, or what it begins with.
    pub fn chip(&self) -> &Uid {
        &self.chip
    }
}

/// One input, or one file of a directory that was an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputLine {
    name: ItemName,
    bytes: u64,
    sha256: Sha256Digest,
}

impl InputLine {
    /// Longest line that is written or read, in octets.
    pub const MAX_LINE: usize = 64 * 1024;

    /// The line for an input of this name, length in octets and digest.
    pub fn new(name: ItemName, bytes: u64, sha256: Sha256Digest) -> Self {
        Self { name, bytes, sha256 }
    }

    /// The line, without a newline.
    pub fn line(&self) -> String {
        let mut line = String::with_capacity(160);
        line.push_str("{\"name\":");
        push_string(&mut line, self.name.as_str());
        line.push_str(",\"bytes\":");
        push_number(&mut line, self.bytes);
        line.push_str(",\"sha256\":");
        push_hex_lower(&mut line, self.sha256.as_bytes());
        line.push('}');
        line
    }

    /// Reads one line without its newline: exactly what [`line`](Self::line) writes.
    ///
    /// # Errors
    /// The line is spelled otherwise, or a value is not one its key can have.
    pub fn parse(line: &str) -> Result<Self, ManifestError> {
        let mut scan = Scan::new(Part::Input, line.as_bytes());
        scan.literal("{\"name\":")?;
        let name = item_name(&mut scan, "name")?;
        scan.literal(",\"bytes\":")?;
        let bytes = scan.number(u64::MAX)?;
        scan.literal(",\"sha256\":")?;
        let sha256 = scan.value("sha256", "64 lower-case hexadecimal digits", |text| text.parse().ok())?;
        scan.literal("}")?;
        scan.finish()?;
        Ok(Self { name, bytes, sha256 })
    }

    /// The input's name.
    pub fn name(&self) -> &ItemName {
        &self.name
    }

    /// Its length in octets.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Its SHA-256.
    pub fn sha256(&self) -> Sha256Digest {
        self.sha256
    }
}

fn item_name(scan: &mut Scan<'_>, key: &'static str) -> Result<ItemName, ManifestError> {
    scan.value(key, "an item name in printable ASCII", |text| ItemName::from_escaped(text).ok())
}

#[cfg(test)]
mod tests;
