//! What a planner with its key could write, honest or not.

use std::path::Path;

use reroot::crypto::sha256;
use reroot::ledger::{LeafKey, leaf_set_digest};
use reroot::seal::seal_bytes;
use reroot::signer::FileSigner;
use reroot::x509::{Certificate, Time, pem};

use crate::support::judges::put;

/// A plan in its parts.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) head: String,
    pub(crate) seal: Vec<u8>,
    /// intermediates, inputs, rejected, missing
    pub(crate) small: [Vec<u8>; 4],
    pub(crate) leaves: Vec<(String, Vec<u8>)>,
}

const MAGIC: &[u8] = b"reroot-plan/2\n";

impl Plan {
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let mut rest = bytes.strip_prefix(MAGIC).unwrap();
        let mut sized = || {
            let (length, after) = rest.split_first_chunk::<4>().unwrap();
            let (part, after) = after.split_at(u32::from_be_bytes(*length).try_into().unwrap());
            rest = after;
            part.to_vec()
        };
        let head = String::from_utf8(sized()).unwrap();
        let seal = sized();
        let json: serde_json::Value = serde_json::from_str(&head).unwrap();
        let mut sections = json["sections"].as_array().unwrap().iter().map(|section| {
            let (part, after) = rest.split_at(section["bytes"].as_u64().unwrap().try_into().unwrap());
            rest = after;
            part.to_vec()
        });
        let small = std::array::from_fn(|_| sections.next().unwrap());
        let leaves = leaves(&sections.next().unwrap());
        Self { head, seal, small, leaves }
    }

    /// The head with another text in one place.
    pub(crate) fn replace(&mut self, from: &str, to: &str) {
        assert_eq!(self.head.matches(from).count(), 1, "{from} in {}", self.head);
        self.head = self.head.replace(from, to);
    }

    /// The value of a member, as it is written.
    pub(crate) fn member(&self, name: &str) -> String {
        let json: serde_json::Value = serde_json::from_str(&self.head).unwrap();
        json[name].as_str().unwrap().to_owned()
    }

    /// Makes digests, sizes and counts those of the leaves: what a planner would write who planned these leaves.
    pub(crate) fn recount(&mut self) {
        let json: serde_json::Value = serde_json::from_str(&self.head).unwrap();
        let section = self.section();
        let stated = &json["sections"][4];
        let before = format!("\"leaves\",\"bytes\":{},\"sha256\":{}", stated["bytes"], stated["sha256"]);
        let after = format!("\"leaves\",\"bytes\":{},\"sha256\":\"{}\"", section.len(), sha256(&section));
        self.replace(&before, &after);
        let keys: Vec<LeafKey> = self.leaves.iter().filter_map(|(_, der)| key(der)).collect();
        self.replace(&self.member("leaves_sha256"), &leaf_set_digest(&keys).to_string());
        let count = json["counts"]["leaves"].as_u64().unwrap();
        if count != self.leaves.len() as u64 {
            self.replace(&format!("\"leaves\":{count},"), &format!("\"leaves\":{},", self.leaves.len()));
        }
    }

    /// Signs the head again with the manifest key.
    pub(crate) fn sign(&mut self, folder: &Path, key: &str) {
        let certificate = pem::read(&std::fs::read(folder.join("pki/ca/manifest.pem")).unwrap()).unwrap().remove(0);
        let certificate = Certificate::from_der(&certificate.der).unwrap();
        let signer = FileSigner::open(&std::fs::read(folder.join(key)).unwrap(), None).unwrap();
        let at = Time::from_rfc3339(&self.member("issued_at")).ok();
        let at = at.filter(|at| certificate.validity().contains(*at));
        let at = at.unwrap_or_else(|| certificate.validity().not_before());
        self.seal = seal_bytes(self.head.as_bytes(), &certificate, &signer, at).unwrap();
    }

    fn section(&self) -> Vec<u8> {
        let mut section = Vec::new();
        let mut before: &[u8] = b"";
        for (name, der) in &self.leaves {
            let shared = before.iter().zip(name.as_bytes()).take(255).take_while(|(a, b)| a == b).count();
            section.push(u8::try_from(shared).unwrap());
            for part in [&name.as_bytes()[shared..], der] {
                section.extend_from_slice(&u16::try_from(part.len()).unwrap().to_be_bytes());
                section.extend_from_slice(part);
            }
            before = name.as_bytes();
        }
        section
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let sized = |part: &[u8]| [&u32::try_from(part.len()).unwrap().to_be_bytes()[..], part].concat();
        let parts = [MAGIC.to_vec(), sized(self.head.as_bytes()), sized(&self.seal)];
        [parts.concat(), self.small.concat(), self.section()].concat()
    }

    pub(crate) fn write(&self, path: &Path) {
        put(path, self.bytes());
    }
}

fn key(der: &[u8]) -> Option<LeafKey> {
    let leaf = Certificate::from_der(der).ok()?;
    let uid = reroot::origin::Uid::from_serial(leaf.serial());
    Some(LeafKey { uid, spki: sha256(leaf.spki().der()), source: sha256(der) })
}

fn leaves(mut section: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut leaves: Vec<(String, Vec<u8>)> = Vec::new();
    while let Some((shared, rest)) = section.split_first() {
        section = rest;
        let mut sized = || {
            let (length, rest) = section.split_first_chunk::<2>().unwrap();
            let (part, rest) = rest.split_at(u16::from_be_bytes(*length).into());
            section = rest;
            part.to_vec()
        };
        let before = leaves.last().map_or("", |(name, _)| name.as_str());
        let name = before[..usize::from(*shared)].to_owned() + std::str::from_utf8(&sized()).unwrap();
        leaves.push((name, sized()));
    }
    leaves
}
