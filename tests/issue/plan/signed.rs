//! Signature files in their parts, and what an attacker who carries one could change in it.

use std::path::Path;

use reroot::crypto::sha256;

use crate::support::judges::put;

/// Bytes of the first line, in every version.
const FIRST: usize = 20;

/// A signature file in its parts.
#[derive(Clone)]
pub(crate) struct SignatureFile {
    first: Vec<u8>,
    pub(crate) head: String,
    pub(crate) entries: Vec<(u16, Vec<u8>)>,
}

impl SignatureFile {
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let (first, rest) = bytes.split_at(FIRST);
        let (length, rest) = rest.split_first_chunk::<4>().unwrap();
        let (head, mut rest) = rest.split_at(u32::from_be_bytes(*length).try_into().unwrap());
        let mut entries = Vec::new();
        while let Some((attempt, after)) = rest.split_first_chunk::<2>() {
            let (length, after) = after.split_first_chunk::<2>().unwrap();
            let (signature, after) = after.split_at(u16::from_be_bytes(*length).into());
            entries.push((u16::from_be_bytes(*attempt), signature.to_vec()));
            rest = after;
        }
        Self { first: first.to_vec(), head: String::from_utf8(head.to_vec()).unwrap(), entries }
    }

    /// The head with another text in one place.
    pub(crate) fn replace(&mut self, from: &str, to: &str) {
        assert_eq!(self.head.matches(from).count(), 1, "{from} in {}", self.head);
        self.head = self.head.replace(from, to);
    }

    /// A member as it is written.
    pub(crate) fn member(&self, name: &str) -> String {
        let json: serde_json::Value = serde_json::from_str(&self.head).unwrap();
        json[name].to_string()
    }

    fn section(&self) -> Vec<u8> {
        let mut section = Vec::new();
        for (attempt, signature) in &self.entries {
            section.extend_from_slice(&attempt.to_be_bytes());
            section.extend_from_slice(&u16::try_from(signature.len()).unwrap().to_be_bytes());
            section.extend_from_slice(signature);
        }
        section
    }

    /// Makes size and digest those of the entries, as an attacker who changes the file would.
    pub(crate) fn recount(&mut self) {
        let section = self.section();
        self.replace(&format!("\"bytes\":{}", self.member("bytes")), &format!("\"bytes\":{}", section.len()));
        self.replace(
            &format!(",\"sha256\":{}", self.member("sha256")),
            &format!(",\"sha256\":\"{}\"", sha256(&section)),
        );
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.head.len()).unwrap().to_be_bytes();
        [&self.first[..], &length, self.head.as_bytes(), &self.section()].concat()
    }

    pub(crate) fn write(&self, path: &Path) {
        put(path, self.bytes());
    }
}

/// The other signature over the same message.
pub(crate) fn twin(signature: &[u8]) -> Vec<u8> {
    let signature = p256::ecdsa::Signature::from_der(signature).unwrap();
    let (r, s) = signature.split_scalars();
    p256::ecdsa::Signature::from_scalars(*r, -*s).unwrap().to_der().as_bytes().to_vec()
}
