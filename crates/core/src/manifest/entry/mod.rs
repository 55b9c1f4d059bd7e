//! One line of `manifest.jsonl`: one issued certificate and the genuine leaf it descends from.

use std::fmt::Write as _;

use serde::Deserialize;

use crate::cert::{Encoder, IssuedCertificate};
use crate::crypto::{sha1, sha256};
use crate::origin::{ItemName, Uid};
use crate::verify::{Relaxation, VerifiedLeaf};
use crate::x509::{Certificate, SerialNumber, Sha1Digest, Sha256Digest, Time, Validity};

use super::error::{ManifestError, Part};
use super::format::Format;
use super::json::{self, REASON, is_reason, present, push_hex_lower, push_hex_upper, push_number, push_string};
use super::statement::out_of_order;

/// What the manifest says about one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    format: Format,
    uid: Uid,
    st_number: Option<[u8; ST_NUMBER_BYTES]>,
    source_item: ItemName,
    source_sha256: Sha256Digest,
    spki_sha256: Sha256Digest,
    serial: SerialNumber,
    attempt: u32,
    sha256: Sha256Digest,
    sha1: Sha1Digest,
    validity: Validity,
    bytes: u32,
    anchor: u32,
    relax: Vec<Relaxation>,
    reissue: Option<Box<str>>,
    /// Of batches that another CA made.
    differs: Option<Vec<Box<str>>>,
}

impl Entry {
    /// Longest line that is written or read, in bytes.
    pub const MAX_LINE: usize = 64 * 1024;

    pub(super) const MAX_REASON: usize = 1000;

    /// Longest bulk identifier, in characters.
    pub const MAX_BULK_ID: usize = 200;

    /// The line for a certificate and the leaf it was issued for; `reissue` is the reason given for issuing again.
    ///
    /// # Panics
    /// Certificate and leaf are of different chips or keys: the caller has mixed up its leaves, and a manifest that
    /// says otherwise must never be sealed.
    pub fn new(format: Format, certificate: &IssuedCertificate, leaf: &VerifiedLeaf, reissue: Option<&str>) -> Self {
        assert_eq!(certificate.origin(), leaf.origin(), "certificate and leaf are of the same chip");
        assert_eq!(certificate.spki(), leaf.spki(), "certificate and leaf have the same key");
        let (spki, attempt) = (sha256(leaf.spki().der()), certificate.attempt());
        let digests = (spki, certificate.sha256());
        let (serial, validity) = (certificate.serial(), certificate.validity());
        Self::of(format, leaf, digests, certificate.der(), (serial, validity), attempt, reissue)
    }

    /// The line that a certificate read back would have: what it says of itself, over the leaf it is shown with.
    /// `None`: it is over another key than the leaf.
    pub fn restated(
        format: Format,
        certificate: &Certificate,
        leaf: &VerifiedLeaf,
        attempt: u32,
        reissue: Option<&str>,
    ) -> Option<Self> {
        if certificate.spki() != leaf.spki() {
            return None;
        }
        let (serial, validity) = (certificate.serial(), certificate.validity());
        let digests = (sha256(leaf.spki().der()), sha256(certificate.der()));
        Some(Self::of(format, leaf, digests, certificate.der(), (serial, validity), attempt, reissue))
    }

    fn of(
        format: Format,
        leaf: &VerifiedLeaf,
        (spki_sha256, sha256): (Sha256Digest, Sha256Digest),
        der: &[u8],
        (serial, validity): (&SerialNumber, Validity),
        attempt: u32,
        reissue: Option<&str>,
    ) -> Self {
        let proof = leaf.proof();
        let mut relax = proof.relaxations().to_vec();
        relax.sort_unstable();
        relax.dedup();
        let st_number = match format {
            Format::One => leaf.st_number(),
            Format::Two(family) => family.st_number(leaf.uid()),
        };
        Self {
            format,
            uid: *leaf.uid(),
            st_number: st_number.map(|number| number.try_into().expect("an ST number has 9 bytes")),
            source_item: leaf.origin().item.clone(),
            source_sha256: leaf.origin().fingerprint,
            spki_sha256,
            serial: *serial,
            attempt,
            sha256,
            sha1: sha1(der),
            validity,
            bytes: u32::try_from(der.len()).expect("a certificate is far smaller than 4 GiB"),
            anchor: u32::try_from(proof.anchor()).expect("anchors are few"),
            relax,
            reissue: reissue.map(Into::into),
            differs: None,
        }
    }

    /// The same entry with what an auditor cannot see in leaf and certificate again: the anchor's place in the
    /// statement's own list, and that the leaf was cut out of a padded zone dump before it was kept.
    #[must_use]
    pub fn stated(mut self, anchor: u32, padded: bool) -> Self {
        self.anchor = anchor;
        if padded && !self.relax.contains(&Relaxation::TrailingPadding) {
            self.relax.push(Relaxation::TrailingPadding);
            self.relax.sort_unstable();
        }
        self
    }

    /// The same entry for a certificate that another CA made: the names of the fields in which it differs from what was
    /// asked for.
    #[must_use]
    pub fn made_elsewhere(mut self, differs: impl IntoIterator<Item = String>) -> Self {
        let mut names: Vec<Box<str>> = differs.into_iter().map(Into::into).collect();
        names.sort_unstable();
        names.dedup();
        self.differs = Some(names);
        self
    }

    /// Proves that a text can be in a manifest under this key, before anything is signed for it: why chips are issued
    /// again (`reissue`), or ST's `bulk_id`.
    ///
    /// # Errors
    /// The text is blank or longer than 1000 characters.
    pub fn check_reason(key: &'static str, text: &str) -> Result<(), ManifestError> {
        if text.trim().is_empty() || text.chars().nth(Self::MAX_REASON).is_some() {
            return Err(ManifestError::value(Part::Entry, key, text, "a text of at most 1000 characters"));
        }
        Ok(())
    }

    /// Proves that a text can be ST's bulk identifier; ST's own are far shorter.
    ///
    /// # Errors
    /// The text is blank or longer than 200 characters.
    pub fn check_bulk_id(text: &str) -> Result<(), ManifestError> {
        if text.trim().is_empty() || text.chars().nth(Self::MAX_BULK_ID).is_some() {
            return Err(ManifestError::value(Part::Entry, "bulk_id", text, "a text of at most 200 characters"));
        }
        Ok(())
    }

    /// The line, without a newline: exactly the bytes that the tree hashes.
    pub fn line(&self) -> String {
        let mut line = String::with_capacity(640 + self.source_item.as_str().len());
        self.write_line(&mut line);
        line
    }

    /// Appends the line, without a newline, to `out`.
    pub fn write_line(&self, out: &mut String) {
        out.push_str("{\"uid\":");
        push_hex_upper(out, self.uid.as_bytes());
        if self.second() {
            out.push_str(",\"object\":null,\"label\":null");
        }
        out.push_str(",\"st_number\":");
        match &self.st_number {
            Some(number) => push_hex_upper(out, number),
            None => out.push_str("null"),
        }
        out.push_str(",\"source_item\":");
        push_string(out, self.source_item.as_str());
        out.push_str(",\"source_sha256\":");
        push_hex_lower(out, self.source_sha256.as_bytes());
        out.push_str(",\"spki_sha256\":");
        push_hex_lower(out, self.spki_sha256.as_bytes());
        out.push_str(",\"serial\":");
        push_hex_upper(out, self.serial.content());
        out.push_str(",\"attempt\":");
        push_number(out, u64::from(self.attempt));
        out.push_str(",\"sha256\":");
        push_hex_lower(out, self.sha256.as_bytes());
        out.push_str(",\"sha1\":");
        push_hex_lower(out, self.sha1.as_bytes());
        write!(
            out,
            ",\"not_before\":\"{}\",\"not_after\":\"{}\",\"bytes\":{},\"anchor\":{},\"relax\":[",
            self.validity.not_before(),
            self.validity.not_after(),
            self.bytes,
            self.anchor
        )
        .expect("writing to a String");
        for (position, relaxation) in self.relax.iter().enumerate() {
            if position > 0 {
                out.push(',');
            }
            push_string(out, relaxation.as_str());
        }
        out.push(']');
        if self.second() {
            out.push_str(",\"evidence\":\"x509\"");
        }
        out.push_str(",\"reissue\":");
        match &self.reissue {
            Some(reason) => push_string(out, reason),
            None => out.push_str("null"),
        }
        if let Some(differs) = &self.differs {
            out.push_str(",\"differs\":[");
            for (position, name) in differs.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                push_string(out, name);
            }
            out.push(']');
        }
        out.push('}');
    }

    /// The UID at the beginning of a line, in hexadecimal; the rest of the line is not looked at.
    pub fn uid_of(line: &str) -> Option<&str> {
        line.strip_prefix("{\"uid\":\"")?.split_once('"').map(|(uid, _)| uid)
    }

    /// Reads one line of a batch of this format, without its newline. Exactly what [`line`](Self::line) writes is read:
    /// same keys, same order, no spaces, canonical escapes.
    ///
    /// # Errors
    /// The line is spelled otherwise, or a value is not one its key can have.
    pub fn parse(format: Format, line: &str) -> Result<Self, ManifestError> {
        if line.len() > Self::MAX_LINE {
            let length = format!("{} bytes", line.len());
            return Err(ManifestError::value(Part::Entry, "line", &length, "at most 65536 bytes"));
        }
        let read: Line = json::read(Part::Entry, line.as_bytes())?;
        let entry = read.into_entry(format)?;
        json::same(Part::Entry, line.as_bytes(), &entry.line())?;
        Ok(entry)
    }

    /// Whether the line is of version 2.
    fn second(&self) -> bool {
        self.format.encoder() >= Encoder::Two
    }

    /// The chip.
    pub fn uid(&self) -> &Uid {
        &self.uid
    }

    /// The ST number, where the family has one.
    pub fn st_number(&self) -> Option<&[u8]> {
        self.st_number.as_ref().map(<[u8; ST_NUMBER_BYTES]>::as_slice)
    }

    /// The item that held the leaf.
    pub fn source_item(&self) -> &ItemName {
        &self.source_item
    }

    /// SHA-256 of the leaf's DER.
    pub fn source_sha256(&self) -> Sha256Digest {
        self.source_sha256
    }

    /// SHA-256 of the SubjectPublicKeyInfo that leaf and certificate share.
    pub fn spki_sha256(&self) -> Sha256Digest {
        self.spki_sha256
    }

    /// The certificate's serial number.
    pub fn serial(&self) -> &SerialNumber {
        &self.serial
    }

    /// How many serial numbers were given up for this leaf before this one.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// SHA-256 of the certificate's DER.
    pub fn sha256(&self) -> Sha256Digest {
        self.sha256
    }

    /// SHA-1 of the certificate's DER, by which some clouds name it.
    pub fn sha1(&self) -> Sha1Digest {
        self.sha1
    }

    /// The certificate's validity.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// Length of the certificate's DER in bytes.
    pub fn bytes(&self) -> u32 {
        self.bytes
    }

    /// Index into the statement's anchors.
    pub fn anchor(&self) -> usize {
        self.anchor as usize
    }

    /// Relaxations without which the leaf would have been rejected.
    pub fn relax(&self) -> &[Relaxation] {
        &self.relax
    }

    /// Why the chip was issued for again, if it was.
    pub fn reissue(&self) -> Option<&str> {
        self.reissue.as_deref()
    }

    /// In what a certificate that another CA made differs from what was asked for; none for certificates of one's own.
    pub fn differs(&self) -> Option<&[Box<str>]> {
        self.differs.as_deref()
    }
}

/// A line as it is read. Members that its version does not have are lost, and missed when the line is written again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    uid: Uid,
    #[serde(default)]
    object: Option<&'a str>,
    #[serde(default)]
    label: Option<&'a str>,
    st_number: Option<Uid>,
    source_item: ItemName,
    source_sha256: Sha256Digest,
    spki_sha256: Sha256Digest,
    serial: SerialNumber,
    attempt: u32,
    sha256: Sha256Digest,
    sha1: Sha1Digest,
    not_before: Time,
    not_after: Time,
    bytes: u32,
    anchor: u32,
    relax: Vec<Relaxation>,
    #[serde(default)]
    evidence: Option<&'a str>,
    reissue: Option<Box<str>>,
    #[serde(default, deserialize_with = "present")]
    differs: Option<Vec<Box<str>>>,
}

impl Line<'_> {
    fn into_entry(self, format: Format) -> Result<Entry, ManifestError> {
        let value = |key, found: &str, expected| Err(ManifestError::value(Part::Entry, key, found, expected));
        if let Some(found) = self.object.or(self.label) {
            return value("object", found, "null, as `label` is, in every line of this family");
        }
        if let Some(found) = self.evidence.filter(|evidence| *evidence != "x509") {
            return value("evidence", found, "`x509`");
        }
        let number = self.st_number.map(|number| number.as_bytes().try_into().ok());
        let st_number: Option<[u8; ST_NUMBER_BYTES]> = number.flatten();
        let fits = |number| matches!(self.uid.as_bytes(), [2, 9, rest @ ..] if rest == number);
        if number.is_some() && !st_number.is_some_and(fits) {
            return value("st_number", "another number", "null or the last 9 bytes of an 0209 uid");
        }
        if let Some(family) = format.family()
            && family.st_number(&self.uid) != st_number.as_ref().map(<[u8; ST_NUMBER_BYTES]>::as_slice)
        {
            let found = if st_number.is_some() { "a number" } else { "null" };
            return value("st_number", found, "what the family has");
        }
        let Ok(validity) = Validity::new(self.not_before, self.not_after) else {
            return value("not_after", &self.not_after.to_string(), "a time that is not before not_before");
        };
        if !self.relax.is_sorted_by(|one, next| one < next) {
            return value("relax", "another order", "the names of relaxations, sorted, each once");
        }
        if self.reissue.as_deref().is_some_and(|reason| !is_reason(reason)) {
            return value("reissue", "another text", REASON);
        }
        if let Some(differs) = &self.differs {
            let names: Vec<&str> = differs.iter().map(AsRef::as_ref).collect();
            let plain = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.');
            if let Some(name) = out_of_order(&names, |name| !name.is_empty() && name.bytes().all(plain)) {
                return value("differs", name, "the names of fields, sorted, each once");
            }
        }
        Ok(Entry {
            format,
            uid: self.uid,
            st_number,
            source_item: self.source_item,
            source_sha256: self.source_sha256,
            spki_sha256: self.spki_sha256,
            serial: self.serial,
            attempt: self.attempt,
            sha256: self.sha256,
            sha1: self.sha1,
            validity,
            bytes: self.bytes,
            anchor: self.anchor,
            relax: self.relax,
            reissue: self.reissue,
            differs: self.differs,
        })
    }
}

const ST_NUMBER_BYTES: usize = 9;

#[cfg(test)]
mod tests;
