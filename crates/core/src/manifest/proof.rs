//! The proof of one chip: everything that checking it needs but the anchors, in one line of JSON.
//!
//! This is the format alone. Nothing in a [`Proof`] is believed; what it proves is for [`crate::proof`] to say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::origin::Uid;
use crate::x509::Sha256Digest;

use super::entry::Entry;
use super::error::{ManifestError, Part};
use super::json::{self, Nullable, named, present, strings};
use super::statement::{SEAL_KINDS, Statement, out_of_order, seal_kind};

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
    /// `policy.toml`: exactly where the statement is of version 1 and the policy's family is not STSAFE-A. None in
    /// version 1.
    pub policy: Option<Vec<u8>>,
    /// The bytes of `manifest.json`.
    pub statement: Vec<u8>,
    /// The bytes of `manifest.json.p7s`.
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
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ProofSeal {
    /// What it is: lower-case letters, digits and hyphens.
    pub kind: String,
    /// Its bytes.
    #[serde(with = "bytes")]
    pub seal: Vec<u8>,
    /// Who made it: what checking it needs besides an anchor.
    #[serde(with = "bytes")]
    pub signer: Vec<u8>,
}

/// The certificates of a chip that is in the batch.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ProofChip {
    /// The genuine leaf, DER.
    #[serde(with = "bytes")]
    pub source: Vec<u8>,
    /// Certificates between leaf and source anchor, nearest first.
    #[serde(with = "list")]
    pub source_chain: Vec<Vec<u8>>,
    /// The new certificate, DER.
    #[serde(with = "bytes")]
    pub certificate: Vec<u8>,
    /// The issuing CA's certificate, then those above it.
    #[serde(with = "list")]
    pub chain: Vec<Vec<u8>>,
}

/// A line of `manifest.jsonl` and how it is in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofLine {
    /// Its place, counted from 0.
    pub index: u64,
    /// Its inclusion path (RFC 9162 §2.1.3), nearest sibling first.
    pub path: Vec<Sha256Digest>,
    /// Its bytes, without the newline.
    pub line: String,
}

impl Proof {
    /// Largest proof that is read, in bytes. Ordinary ones have less than 12,000.
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

    /// The bytes of the proof: one line of JSON, ended by a newline.
    pub fn to_line(&self) -> String {
        let second = self.version >= ProofVersion::Two;
        let mut before: &[Sha256Digest] = &[];
        let lines = self.lines.iter().map(|line| {
            let shared =
                before.iter().rev().zip(line.path.iter().rev()).take_while(|(before, own)| before == own).count();
            before = &line.path;
            let own = line.path[..line.path.len() - shared].iter().map(Sha256Digest::as_bytes);
            WrittenLine {
                index: line.index,
                shared: shared as u64,
                path: Base64(own.flatten().copied().collect()),
                line: line.line.clone(),
            }
        });
        let written = Written {
            format: self.version,
            uid: self.uid,
            chip: self.chip.clone(),
            lines: lines.collect(),
            policy: second.then(|| Nullable(self.policy.clone().map(Base64))),
            statement: Base64(self.statement.clone()),
            seal: Base64(self.seal.clone()),
            seals: second.then(|| self.seals.clone()),
        };
        json::line(&written) + "\n"
    }

    /// Reads a proof: exactly what [`to_line`](Self::to_line) writes.
    ///
    /// # Errors
    /// It is spelled otherwise, is of another version, or a value is not one its key can have.
    pub fn parse(text: &[u8]) -> Result<Self, ManifestError> {
        if text.len() > Self::MAX_BYTES {
            return Err(value("proof", &text.len(), "at most 32 MiB"));
        }
        let written: Written = json::read(Part::Proof, text)?;
        written.check()?;
        // members of the other version are lost or appear when the proof is written again
        let proof = Self {
            version: written.format,
            uid: written.uid,
            lines: paths(&written)?,
            chip: written.chip,
            policy: written.policy.and_then(|policy| policy.0).map(|policy| policy.0),
            statement: written.statement.0,
            seal: written.seal.0,
            seals: written.seals.unwrap_or_default(),
        };
        json::same(Part::Proof, text, &proof.to_line())?;
        Ok(proof)
    }
}

/// A proof as it is written.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: ProofVersion,
    uid: Uid,
    chip: Option<ProofChip>,
    lines: Vec<WrittenLine>,
    /// Since version 2.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    policy: Option<Nullable<Base64>>,
    statement: Base64,
    seal: Base64,
    /// Since version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seals: Option<Vec<ProofSeal>>,
}

/// A line with the part of its path that it does not share with the line before.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WrittenLine {
    index: u64,
    shared: u64,
    path: Base64,
    line: String,
}

impl Written {
    /// The limits of what is read.
    fn check(&self) -> Result<(), ManifestError> {
        let chip = self.chip.iter().flat_map(|chip| {
            let chains = [("source_chain", &chip.source_chain), ("chain", &chip.chain)];
            let chains = chains.into_iter().flat_map(|(key, chain)| chain.iter().map(move |one| (key, one)));
            [("source", &chip.source), ("certificate", &chip.certificate)].into_iter().chain(chains)
        });
        let chip = chip.map(|(key, bytes)| (key, bytes.len(), Proof::MAX_CERTIFICATE));
        let own = [
            (
                "policy",
                self.policy.iter().flat_map(|policy| &policy.0).map(|policy| policy.0.len()).sum(),
                Proof::MAX_POLICY,
            ),
            ("statement", self.statement.0.len(), Statement::MAX_BYTES),
            ("seal", self.seal.0.len(), super::SignedManifest::MAX_SEAL_BYTES),
        ];
        let seals = self.seals.iter().flatten();
        let seals = seals.flat_map(|one| [("seal", &one.seal), ("signer", &one.signer)]);
        let seals = seals.map(|(key, bytes)| (key, bytes.len(), Proof::MAX_FURTHER_SEAL));
        if let Some((key, found, _)) = chip.chain(own).chain(seals).find(|(_, found, max)| found > max) {
            return Err(value(key, &found, "bytes in base64, not too many"));
        }
        for (key, chain) in
            self.chip.iter().flat_map(|chip| [("source_chain", &chip.source_chain), ("chain", &chip.chain)])
        {
            if chain.len() > Proof::MAX_CHAIN {
                return Err(value(key, &chain.len(), "at most 8 certificates"));
            }
        }
        let kinds: Vec<&str> = self.seals.iter().flatten().map(|one| one.kind.as_str()).collect();
        if let Some(kind) = out_of_order(&kinds, seal_kind) {
            return Err(value("kind", &kind, SEAL_KINDS));
        }
        Ok(())
    }
}

/// The lines with their whole paths. Two ways to share digests would be two spellings.
fn paths(written: &Written) -> Result<Vec<ProofLine>, ManifestError> {
    if written.lines.len() > MAX_LINES {
        return Err(value("lines", &written.lines.len(), "at most 3 lines"));
    }
    let mut lines: Vec<ProofLine> = Vec::new();
    for WrittenLine { index, shared, path, line } in &written.lines {
        let (own, rest) = path.0.as_chunks::<32>();
        if !rest.is_empty() {
            return Err(value("path", &path.0.len(), "digests of 32 bytes in base64"));
        }
        if line.len() > Entry::MAX_LINE {
            return Err(value("line", &line.len(), "a line of at most 65536 bytes"));
        }
        let before: &[Sha256Digest] = lines.last().map_or(&[], |line| &line.path);
        let from = usize::try_from(*shared).ok().and_then(|shared| before.len().checked_sub(shared));
        let Some(upper) = from.map(|from| &before[from..]).filter(|upper| own.len() + upper.len() <= Proof::MAX_PATH)
        else {
            return Err(value("shared", &shared, "at most the digests of the path before, 64 in all"));
        };
        let own: Vec<Sha256Digest> = own.iter().copied().map(Sha256Digest::new).collect();
        if own.last().is_some_and(|last| before[..before.len() - upper.len()].last() == Some(last)) {
            return Err(value("shared", &shared, "all digests that the path has in common with the one before"));
        }
        let path = [&own, upper].concat();
        lines.push(ProofLine { index: *index, path, line: line.clone() });
    }
    Ok(lines)
}

fn value(key: &'static str, found: &impl ToString, expected: &'static str) -> ManifestError {
    ManifestError::value(Part::Proof, key, &found.to_string(), expected)
}

/// Bytes in base64 of RFC 4648 §4 with padding; unused bits are zero, so that there is one spelling.
struct Base64(Vec<u8>);

strings! {
    Base64: "bytes in base64", |text| STANDARD.decode(text).ok().map(Self), |bytes| STANDARD.encode(&bytes.0);
    ProofVersion: "`reroot-proof/1` or `reroot-proof/2`", |text| named(Self::ALL, Self::as_str, text),
        |version| version.as_str();
}

mod bytes {
    use super::*;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        Base64::deserialize(deserializer).map(|bytes| bytes.0)
    }
}

mod list {
    use super::*;

    pub(super) fn serialize<S: Serializer>(list: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().map(|bytes| STANDARD.encode(bytes)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u8>>, D::Error> {
        let list = Vec::<Base64>::deserialize(deserializer)?;
        Ok(list.into_iter().map(|bytes| bytes.0).collect())
    }
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
                assert_eq!(read.to_line().as_bytes(), other, "byte {at} left out");
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
