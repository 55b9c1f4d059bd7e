//! A policy that is good, alone and under an issuing CA.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Serialize, Serializer};

use crate::audit::check_issuer;
use crate::cert::IssuerIdentity;
use crate::crl::CrlLoad;
use crate::crypto::{named_notes, sha256};
use crate::error::Error;
use crate::policy::{BatchContext, Policy, PolicyErrors};
use crate::preview::STAND_IN_BATCH;
use crate::verify::Family;
use crate::x509::{Sha256Digest, Time};

use super::{Failed, Place, PlaceInFile};

/// A CA to check policies against.
#[derive(Debug)]
pub struct Issuing {
    /// The CA.
    pub identity: IssuerIdentity,
    /// The instant of issuance.
    pub at: Time,
    /// The operator's parameters.
    pub params: BTreeMap<String, String>,
}

/// A good policy.
#[derive(Debug)]
pub struct CheckedPolicy {
    /// The policy.
    pub policy: Policy,
    /// The most bytes of a certificate under the CA that was given.
    pub max_bytes: Option<usize>,
    /// What is worth a note about that CA.
    pub notes: Vec<String>,
}

/// Checks a policy under a CA, if one is given.
///
/// # Errors
/// The policy cannot be bound to the CA, or nothing issued under it could be verified.
pub fn check_policy(policy: Policy, issuing: Option<&Issuing>) -> Result<CheckedPolicy, Error> {
    let max_bytes = issuing.map(|issuing| max_bytes(&policy, issuing)).transpose()?;
    let notes = match issuing {
        // without the chain, nothing can be said of it
        Some(Issuing { identity, at, .. }) if !identity.chain().is_empty() => check_issuer(&policy, identity, *at)?,
        Some(Issuing { identity, .. }) => named_notes(identity.certificate()),
        None => vec![],
    };
    Ok(CheckedPolicy { policy, max_bytes, notes })
}

/// Binds the policy to the CA, which finds every mistake that only shows there. Values that other policies declare are
/// not meant for this one.
fn max_bytes(policy: &Policy, issuing: &Issuing) -> Result<usize, PolicyErrors> {
    let mut given = issuing.params.clone();
    given.retain(|name, _| policy.declared_params().any(|(declared, _)| declared == name));
    let params = policy.params(&given)?;
    let context = BatchContext { batch: STAND_IN_BATCH.to_owned(), issued_at: issuing.at, params };
    Ok(policy.bind(&issuing.identity, &context)?.max_certificate_bytes(&issuing.identity))
}

impl CheckedPolicy {
    /// Kinds of keys that leaves may have.
    pub fn keys(&self) -> Vec<String> {
        self.policy.source().keys.iter().map(ToString::to_string).collect()
    }
}

#[derive(Serialize)]
struct Whole<'a> {
    good: bool,
    name: &'a str,
    version: u32,
    description: &'a str,
    sha256: Sha256Digest,
    family: Family,
    keys: Vec<String>,
    params: BTreeMap<&'a str, &'a str>,
    #[serde(rename = "max_octets")]
    max_bytes: Option<usize>,
    notes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    crls: Option<Crls>,
}

#[derive(Serialize)]
struct Crls {
    #[serde(flatten)]
    load: CrlLoad,
    stay_permanently: bool,
}

impl Serialize for CheckedPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let policy = &self.policy;
        let whole = Whole {
            good: true,
            name: policy.name(),
            version: policy.version(),
            description: policy.description(),
            sha256: sha256(policy.bytes()),
            family: policy.source().family,
            keys: self.keys(),
            params: policy.declared_params().collect(),
            max_bytes: self.max_bytes,
            notes: &self.notes,
            crls: policy.crl_load().map(|load| Crls { load, stay_permanently: policy.never_ends() }),
        };
        whole.serialize(serializer)
    }
}

/// A file that was checked.
#[derive(Debug, Serialize)]
pub struct PolicyFile<'a> {
    file: Place<'a>,
    #[serde(flatten)]
    verdict: Verdict,
}

/// Several files that were checked.
#[derive(Debug, Serialize)]
pub struct PolicyFiles<'a> {
    /// The files, in the order in which they were named.
    pub files: Vec<PolicyFile<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Verdict {
    Good(Box<CheckedPolicy>),
    Bad { good: bool, mistakes: Vec<Mistaken> },
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Mistaken {
    At(PlaceInFile),
    Whole { message: String },
}

impl<'a> PolicyFile<'a> {
    /// A good policy.
    pub fn good(file: &'a Path, checked: CheckedPolicy) -> Self {
        Self { file: Place(file), verdict: Verdict::Good(Box::new(checked)) }
    }

    /// A file that is not a good policy, with each mistake in it or, where it could not be read, with the reason.
    pub fn bad(file: &'a Path, failed: Failed) -> Self {
        let mut mistakes: Vec<Mistaken> = failed.places.into_iter().map(Mistaken::At).collect();
        if mistakes.is_empty() {
            mistakes.push(Mistaken::Whole { message: failed.error });
        }
        Self { file: Place(file), verdict: Verdict::Bad { good: false, mistakes } }
    }
}
