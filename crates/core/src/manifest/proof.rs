//! The proof of one chip: everything that checking it needs but the anchors, in one line of JSON.
//!
//! This is the format alone. Nothing in a [`Proof`] is believed; what it proves is for [`crate::proof`] to say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::origin::Uid;
use crate::x509::Sha256Digest;

use super::entry::Entry;
use super::error::{ManifestError, Part};
use super::json::{Scan, push_hex_upper, push_number, push_string, upper_hex};
use super::statement::{Statement, seal_kind};

/// A proof as it is written down: `<UID>.proof.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The version of its format.
    pub version: ProofVersion,
    /// The chip that it is about.
    pub uid: Uid,
    /// The chip's certificates; `None` claims that the chip is not in the batch.
    pub chip: Option<ProofChip>,
    /// The chip's line with those before and after it, or the lines between which it would be.
    pub lines: Vec<ProofLine>,
    /// `policy.toml`: exactly where the statement is of version 1 and the policy's family is not STSAFE-A. None in version 1.
    pub policy: Option<Vec<u8>>,
    /// The octets of `manifest.json`.
    pub statement: Vec<u8>,
    /// The octets of `manifest.json.p7s`.
    pub seal: Vec<u8>,
    /// Further seals of the statement, sorted by kind. None in version 1.
    pub seals: Vec<ProofSeal>,
}

/// A version of the format of proofs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProofVersion {
    /// `reroot-proof/1`, of batches of version 1.
    One,
    /// `reroot-proof/2`, of any batch.
    Two,
}

impl ProofVersion {
    /// Every version.
    pub const ALL: [Self; 2] = [Self::One, Self::Two];

    /// The format's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::One => "reroot-proof/1",
            Self::Two => "reroot-proof/2",
        }
    }
}

/// A seal of a kind that may be checked by a later release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofSeal {
    /// What it is: lower-case letters, digits and hyphens.
    pub kind: String,
    /// Its octets.
    pub seal: Vec<u8>,
    /// Who made it: what checking it needs besides an anchor.
    pub signer: Vec<u8>,
}

/// The certificates of a chip that is in the batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofChip {
    /// The genuine leaf, DER.
    pub source: Vec<u8>,
    /// Certificates between leaf and source anchor, nearest first.
    pub source_chain: Vec<Vec<u8>>,
    /// The new certificate, DER.
    pub certificate: Vec<u8>,
    /// The issuing CA's certificate, then those above it.
    pub chain: Vec<Vec<u8>>,
}

/// A line of `manifest.jsonl` and how it is in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofLine {
    /// Its place, counted from 0.
    pub index: u64,
    /// Its inclusion path (RFC 9162 §2.1.3), nearest sibling first.
    pub path: Vec<Sha256Digest>,
    /// Its octets, without the newline.
    pub line: String,
}

impl Proof {
    /// Largest proof that is read, in octets. Ordinary ones have less than 12,000.
    pub const MAX_BYTES: usize = 32 << 20;

    /// Most digests of an inclusion path.
    pub const MAX_PATH: usize = 64;

    /// Most certificates of a chain.
    pub const MAX_CHAIN: usize = 8;

    /// Largest certificate that is read, in bytes.
    pub const MAX_CERTIFICATE: usize = 64 * 1024;

    /// Largest policy that is read, in bytes.
    pub const MAX_POLICY: usize = 1 << 20;

    /// Largest further seal that is read, and largest signer of one, in bytes.
    pub const MAX_FURTHER_SEAL: usize = 1 << 20;

    /// The octets of the proof: one line of JSON, ended by a newline.
    pub fn to_line(&self) -> String {
        let mut out = String::with_capacity(12_000);
        out.push_str("{\"format\":\"");
        out.push_str(self.version.as_str());
        out.push_str("\",\"uid\":");
        push_hex_upper(&mut out, self.uid.as_bytes());
        out.push_str(",\"chip\":");
        match &self.chip {
            None => out.push_str("null"),
            Some(chip) => {
                out.push_str("{\"source\":");
                push_base64(&mut out, &chip.source);
                out.push_str(",\"source_chain\":");
                push_list(&mut out, &chip.source_chain);
                out.push_str(",\"certificate\":");
                push_base64(&mut out, &chip.certificate);
                out.push_str(",\"chain\":");
                push_list(&mut out, &chip.chain);
                out.push('}');
            }
        }
        out.push_str(",\"lines\":[");
        let mut before: &[Sha256Digest] = &[];
        for (position, line) in self.lines.iter().enumerate() {
            out.push_str(if position > 0 { ",{\"index\":" } else { "{\"index\":" });
            push_number(&mut out, line.index);
            let shared = shared(before, &line.path);
            out.push_str(",\"shared\":");
            push_number(&mut out, shared as u64);
            out.push_str(",\"path\":");
            let own = &line.path[..line.path.len() - shared];
            push_base64(&mut out, &own.iter().flat_map(Sha256Digest::as_bytes).copied().collect::<Vec<u8>>());
            out.push_str(",\"line\":");
            push_string(&mut out, &line.line);
            out.push('}');
            before = &line.path;
        }
        out.push(']');
        if self.version >= ProofVersion::Two {
            out.push_str(",\"policy\":");
            match &self.policy {
                None => out.push_str("null"),
                Some(policy) => push_base64(&mut out, policy),
            }
        }
        out.push_str(",\"statement\":");
        push_base64(&mut out, &self.statement);
        out.push_str(",\"seal\":");
        push_base64(&mut out, &self.seal);
        if self.version >= ProofVersion::Two {
            out.push_str(",\"seals\":[");
            for (position, seal) in self.seals.iter().enumerate() {
                out.push_str(if position > 0 { ",{\"kind\":" } else { "{\"kind\":" });
                push_string(&mut out, &seal.kind);
                out.push_str(",\"seal\":");
                push_base64(&mut out, &seal.seal);
                out.push_str(",\"signer\":");
                push_base64(&mut out, &seal.signer);
                out.push('}');
            }
            out.push(']');
        }
        out.push_str("}\n");
        out
    }

    /// Reads a proof: exactly what [`to_line`](Self::to_line) writes.
    ///
    /// # Errors
    /// It is spelled otherwise, is of another version, or a value is not one its key can have.
    pub fn parse(text: &[u8]) -> Result<Self, ManifestError> {
        let value = |key, expected| ManifestError::value(Part::Proof, key, "", expected);
        if text.len() > Self::MAX_BYTES {
            return Err(value("proof", "at most 32 MiB"));
        }
        let mut scan = Scan::new(Part::Proof, text);
        scan.literal("{\"format\":")?;
        let version = scan.value("format", "`reroot-proof/1` or `reroot-proof/2`", |found| {
            ProofVersion::ALL.into_iter().find(|version| version.as_str() == found)
        })?;
        let second = version >= ProofVersion::Two;
        scan.literal(",\"uid\":")?;
        let uid = scan.value("uid", "1 to 20 octets in upper-case hexadecimal", |text| {
            upper_hex(text).and_then(|octets| Uid::from_bytes(&octets).ok())
        })?;
        scan.literal(",\"chip\":")?;
        let chip = if scan.takes("null") { None } else { Some(chip(&mut scan)?) };
        scan.literal(",\"lines\":[")?;
        let mut lines: Vec<ProofLine> = Vec::new();
        while !scan.takes("]") {
            if lines.len() == MAX_LINES {
                return Err(value("lines", "at most 3 lines"));
            }
            scan.literal(if lines.is_empty() { "{\"index\":" } else { ",{\"index\":" })?;
            let index = scan.number(u64::MAX)?;
            scan.literal(",\"shared\":")?;
            let shared = scan.number32()? as usize;
            scan.literal(",\"path\":")?;
            let own = scan.value("path", "digests of 32 octets in base64", |text| {
                let octets = base64(text)?;
                let (digests, rest) = octets.as_chunks::<32>();
                rest.is_empty().then(|| digests.iter().copied().map(Sha256Digest::new).collect::<Vec<_>>())
            })?;
            scan.literal(",\"line\":")?;
            let line = scan.value("line", "a line of at most 65536 octets", |text| {
                (text.len() <= Entry::MAX_LINE).then(|| text.to_owned())
            })?;
            scan.literal("}")?;
            let before: &[Sha256Digest] = lines.last().map_or(&[], |line| &line.path);
            let Some(end) = before.len().checked_sub(shared).filter(|_| own.len() + shared <= Proof::MAX_PATH) else {
                return Err(value("shared", "at most the digests of the path before, 64 in all"));
            };
            let path = [&own, &before[end..]].concat();
            lines.push(ProofLine { index, path, line });
        }
        let mut policy = None;
        if second {
            scan.literal(",\"policy\":")?;
            if !scan.takes("null") {
                policy = Some(octets(&mut scan, "policy", Self::MAX_POLICY)?);
            }
        }
        scan.literal(",\"statement\":")?;
        let statement = octets(&mut scan, "statement", Statement::MAX_BYTES)?;
        scan.literal(",\"seal\":")?;
        let seal = octets(&mut scan, "seal", super::SignedManifest::MAX_SEAL_BYTES)?;
        let seals = if second { further_seals(&mut scan)? } else { vec![] };
        scan.literal("}\n")?;
        scan.finish()?;
        let proof = Self { version, uid, chip, lines, policy, statement, seal, seals };
        // two ways to share digests would be two spellings
        if proof.to_line().as_bytes() == text {
            Ok(proof)
        } else {
            Err(value("proof", "the one spelling of its content"))
        }
    }
}

fn further_seals(scan: &mut Scan<'_>) -> Result<Vec<ProofSeal>, ManifestError> {
    scan.literal(",\"seals\":[")?;
    let mut seals: Vec<ProofSeal> = Vec::new();
    while !scan.takes("]") {
        scan.literal(if seals.is_empty() { "{\"kind\":" } else { ",{\"kind\":" })?;
        let kind = scan.value("kind", "kinds of seals, sorted, each once", |text| {
            (seal_kind(text) && seals.last().is_none_or(|last| last.kind.as_str() < text)).then(|| text.to_owned())
        })?;
        scan.literal(",\"seal\":")?;
        let seal = octets(scan, "seal", Proof::MAX_FURTHER_SEAL)?;
        scan.literal(",\"signer\":")?;
        let signer = octets(scan, "signer", Proof::MAX_FURTHER_SEAL)?;
        scan.literal("}")?;
        seals.push(ProofSeal { kind, seal, signer });
    }
    Ok(seals)
}

fn chip(scan: &mut Scan<'_>) -> Result<ProofChip, ManifestError> {
    scan.literal("{\"source\":")?;
    let source = octets(scan, "source", Proof::MAX_CERTIFICATE)?;
    scan.literal(",\"source_chain\":")?;
    let source_chain = list(scan, "source_chain")?;
    scan.literal(",\"certificate\":")?;
    let certificate = octets(scan, "certificate", Proof::MAX_CERTIFICATE)?;
    scan.literal(",\"chain\":")?;
    let chain = list(scan, "chain")?;
    scan.literal("}")?;
    Ok(ProofChip { source, source_chain, certificate, chain })
}

fn octets(scan: &mut Scan<'_>, key: &'static str, max: usize) -> Result<Vec<u8>, ManifestError> {
    scan.value(key, "octets in base64, not too many", |text| base64(text).filter(|octets| octets.len() <= max))
}

fn list(scan: &mut Scan<'_>, key: &'static str) -> Result<Vec<Vec<u8>>, ManifestError> {
    scan.literal("[")?;
    let mut list = Vec::new();
    while !scan.takes("]") {
        if list.len() == Proof::MAX_CHAIN {
            return Err(ManifestError::value(Part::Proof, key, "more", "at most 8 certificates"));
        }
        if !list.is_empty() {
            scan.literal(",")?;
        }
        list.push(octets(scan, key, Proof::MAX_CERTIFICATE)?);
    }
    Ok(list)
}

/// Base64 of RFC 4648 §4 with padding; unused bits are zero, so that there is one spelling.
fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

fn push_base64(out: &mut String, octets: &[u8]) {
    out.push('"');
    STANDARD.encode_string(octets, out);
    out.push('"');
}

fn push_list(out: &mut String, list: &[Vec<u8>]) {
    out.push('[');
    for (position, octets) in list.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        push_base64(out, octets);
    }
    out.push(']');
}

/// How many digests the two paths have in common at their upper ends.
fn shared(before: &[Sha256Digest], path: &[Sha256Digest]) -> usize {
    before.iter().rev().zip(path.iter().rev()).take_while(|(before, own)| before == own).count()
}

const MAX_LINES: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn proof() -> Proof {
        let digest = |n: u8| Sha256Digest::new([n; 32]);
        let line = |index, path: &[u8]| ProofLine {
            index,
            path: path.iter().copied().map(digest).collect(),
            line: format!("{{\"n\":\"{index}\"}}"),
        };
        Proof {
            version: ProofVersion::Two,
            uid: Uid::from_bytes(&[2, 9, 1]).unwrap(),
            chip: Some(ProofChip {
                source: vec![1; 5],
                source_chain: vec![],
                certificate: vec![2; 6],
                chain: vec![vec![3; 7], vec![4]],
            }),
            lines: vec![line(4, &[1, 2, 9]), line(5, &[3, 2, 9]), line(6, &[4])],
            policy: Some(vec![6; 3]),
            statement: b"{}\n".to_vec(),
            seal: vec![5; 4],
            seals: vec![
                ProofSeal { kind: "pqc-1".to_owned(), seal: vec![7], signer: vec![8; 2] },
                ProofSeal { kind: "slh-dsa".to_owned(), seal: vec![9], signer: vec![] },
            ],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let with = proof();
        let without = Proof { chip: None, lines: vec![], ..proof() };
        let bare = Proof { policy: None, seals: vec![], ..proof() };
        let first = Proof { version: ProofVersion::One, ..bare.clone() };
        for proof in [with, without, bare, first] {
            let text = proof.to_line();
            assert_eq!(Proof::parse(text.as_bytes()).unwrap(), proof);
            // another reader agrees that it is JSON
            let other: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(other["format"], proof.version.as_str());
        }
    }

    #[test]
    fn paths_of_neighbours_share_their_upper_ends() {
        let text = proof().to_line();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let shared: Vec<u64> =
            value["lines"].as_array().unwrap().iter().map(|line| line["shared"].as_u64().unwrap()).collect();
        assert_eq!(shared, [0, 2, 0]);
        // the same paths, shared less: a second spelling
        let second = &value["lines"][1]["path"];
        let full = STANDARD.encode([[3; 32], [2; 32], [9; 32]].concat());
        let longer =
            text.replace(&format!("\"shared\":2,\"path\":{second}"), &format!("\"shared\":0,\"path\":\"{full}\""));
        assert_ne!(longer, text);
        let error = Proof::parse(longer.as_bytes()).unwrap_err();
        assert_eq!(error.code().as_str(), "manifest.proof.value");
        let more = text.replace("\"shared\":2", "\"shared\":4");
        assert_eq!(Proof::parse(more.as_bytes()).unwrap_err().code().as_str(), "manifest.proof.value");
    }

    #[test]
    fn a_proof_has_one_spelling() {
        let text = proof().to_line();
        for at in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other.remove(at);
            if let Ok(read) = Proof::parse(&other) {
                assert_eq!(read.to_line().as_bytes(), other, "octet {at} left out");
            }
            let mut other = text.clone().into_bytes();
            other.insert(at, b' ');
            if let Ok(read) = Proof::parse(&other) {
                assert_eq!(read.to_line().as_bytes(), other, "a blank at {at}");
            }
        }
        for (from, to) in [
            ("proof/2", "proof/1"),
            ("proof/2", "proof/3"),
            ("pqc-1", "slh-dsa"),
            ("pqc-1", "pqc 1"),
            ("\"policy\":\"BgYG\",", ""),
            ("\"uid\":\"020901\"", "\"uid\":\"02090a\""),
            ("BQUFBQ==", "BQUFBR=="),
            ("BQUFBQ==", "BQUFBQ"),
            ("\n", ""),
            ("\"index\":4", "\"index\":04"),
        ] {
            let other = text.replace(from, to);
            assert_ne!(other, text);
            assert!(Proof::parse(other.as_bytes()).is_err(), "{to}");
        }
    }
}
