//! What a certificate says that revocation needs, from what the ledger has of its leaf: no certificate, no delivery, no
//! archive is opened.

use crate::x509::tlv::{Reader, tag};
use crate::x509::{Name, SerialNumber, Time, oid};

use super::bind::{BoundExtensionValue, BoundName, BoundPolicy, BoundValidity};
use super::field::serial::SerialSource;
use super::field::validity::OutlivesIssuer;
use super::leaf::{LeafKey, LeafValues, SourceName};
use super::node::Node;
use super::text::Part;
use super::value::Variable;

/// What the ledger has of a leaf.
#[derive(Clone, Copy, Debug)]
pub struct RecordedValues<'a> {
    /// The chip's UID.
    pub uid: &'a [u8],
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub spki_sha256: [u8; 32],
    /// SHA-256 of the source leaf.
    pub source_sha256: [u8; 32],
}

impl<'a> RecordedValues<'a> {
    fn values(&self) -> LeafValues<'a> {
        LeafValues {
            uid: self.uid,
            source_sha256: self.source_sha256,
            spki: LeafKey::Sha256(self.spki_sha256),
            key: &[],
            // no name: one that is asked for is unfit
            name: SourceName::Sample(""),
        }
    }
}

/// The CRL distribution point depends on the source leaf's common name, which the ledger does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its CRL distribution point depends on the source leaf's common name, which is not on the ledger")]
pub struct CommonNameNeeded;

impl BoundPolicy {
    /// The URLs of the certificate's CRL distribution point, in their order; none without the extension.
    ///
    /// # Errors
    /// They depend on what the ledger does not have.
    pub fn crl_urls(&self, leaf: &RecordedValues<'_>) -> Result<Vec<String>, CommonNameNeeded> {
        let Some(extension) = self.extensions.iter().find(|one| one.oid == oid::CRL_DISTRIBUTION_POINTS) else {
            return Ok(vec![]);
        };
        match &extension.value {
            BoundExtensionValue::Fixed(der) => Ok(urls(der)),
            BoundExtensionValue::FromLeaf(node) => {
                let mut der = Vec::with_capacity(256);
                node.render(&leaf.values(), &mut der).map_err(|_| CommonNameNeeded)?;
                Ok(urls(&der))
            }
        }
    }

    /// Every list of URLs that the CRL distribution points of the batch's certificates can have, if that follows from
    /// the policy alone: one, or one for each shard.
    pub fn all_crl_urls(&self) -> Option<Vec<Vec<String>>> {
        let extension = self.extensions.iter().find(|one| one.oid == oid::CRL_DISTRIBUTION_POINTS);
        let Some(BoundExtensionValue::FromLeaf(node)) = extension.map(|one| &one.value) else {
            let none = RecordedValues { uid: &[], spki_sha256: [0; 32], source_sha256: [0; 32] };
            return self.crl_urls(&none).ok().map(|urls| vec![urls]);
        };
        let variables = leaf_variables(node);
        let [Variable::CrlShard(Some(shards)), rest @ ..] = variables.as_slice() else { return None };
        if rest.iter().any(|other| !matches!(other, Variable::CrlShard(_))) {
            return None;
        }
        // the number of a list follows from the UID: some UID has each of them
        let mut of_shard: Vec<Option<Vec<String>>> = vec![None; usize::from(shards.count())];
        let mut missing = of_shard.len();
        for number in 0_u64.. {
            if missing == 0 {
                break;
            }
            let uid = number.to_be_bytes();
            let urls = &mut of_shard[usize::from(shards.of(&uid)) - 1];
            if urls.is_none() {
                let values = RecordedValues { uid: &uid, spki_sha256: [0; 32], source_sha256: [0; 32] };
                *urls = self.crl_urls(&values).ok();
                missing -= 1;
            }
        }
        of_shard.into_iter().collect()
    }

    /// The last common name of the certificate's subject, if there is one and the ledger has what it depends on.
    pub fn recorded_common_name(&self, leaf: &RecordedValues<'_>) -> Option<String> {
        let subject = match &self.subject {
            BoundName::Fixed(name) => name.clone(),
            BoundName::FromLeaf(node) => {
                let mut der = Vec::with_capacity(256);
                node.render(&leaf.values(), &mut der).ok()?;
                Name::from_der(&der).ok()?
            }
        };
        subject.common_name()
    }

    /// The end of the certificates' validity, and whether it is exact. A policy that copies the end from the source
    /// leaf has the latest that the policy allows instead.
    pub fn latest_end(&self) -> (Time, bool) {
        match &self.validity {
            BoundValidity::Fixed(validity) => (validity.not_after(), true),
            BoundValidity::FromLeaf { rule, issuer, .. } => match rule.outlives {
                OutlivesIssuer::Allow => (Time::NEVER, false),
                OutlivesIssuer::Clamp | OutlivesIssuer::Error => (issuer.not_after(), false),
            },
        }
    }

    /// The certificate's serial number, if the policy copies it from the source leaf, whose serial number is the UID.
    pub fn copied_serial(&self, uid: &[u8]) -> Option<SerialNumber> {
        let copies = self.serial() == SerialSource::Source;
        copies.then(|| SerialNumber::from_content(uid).ok()).flatten()
    }
}

/// What a bound node takes from the leaf.
fn leaf_variables(node: &Node) -> Vec<Variable> {
    match node {
        Node::Filled(parts, _) => {
            let variable = |part: &Part| match part {
                Part::Value(variable, _) => Some(variable.clone()),
                Part::Literal(_) => None,
            };
            parts.iter().filter_map(variable).collect()
        }
        Node::Element(_, members) | Node::SetOf(members) => members.iter().flat_map(leaf_variables).collect(),
        Node::Content(_) | Node::Bytes(_) => vec![],
    }
}

/// The URLs in an extension that this program encoded: one distribution point, whose fullName has only URLs.
fn urls(der: &[u8]) -> Vec<String> {
    let inside = |der, tag| Reader::new(der).expect(tag, "cRLDistributionPoints").map(|element| element.content);
    let names = inside(der, tag::SEQUENCE)
        .and_then(|points| inside(points, tag::SEQUENCE))
        .and_then(|point| inside(point, 0xA0))
        .and_then(|name| inside(name, 0xA0))
        .expect("the policy encodes one distribution point with a fullName");
    let mut reader = Reader::new(names);
    let mut urls = Vec::new();
    while !reader.is_empty() {
        let name = reader.element("distribution point").expect("the policy encodes DER");
        urls.push(String::from_utf8(name.content.to_vec()).expect("the policy encodes URLs as text"));
    }
    urls
}
