//! What a signing machine shows before it signs.

use std::collections::BTreeMap;

use crate::verify::Relaxation;
use crate::x509::{Sha256Digest, Time};

/// What a person must know before the key is used.
#[derive(Clone, Debug)]
pub struct Ceremony {
    /// SHA-256 of the plan's head, as `plan` printed it.
    pub plan_sha256: Sha256Digest,
    /// The planner's certificate: subject and SHA-256.
    pub planner: (String, Sha256Digest),
    /// The batch.
    pub batch: String,
    /// The instant of issue.
    pub issued_at: Time,
    /// The issuing CA.
    pub issuer: String,
    /// The policy's name and SHA-256.
    pub policy: (String, Sha256Digest),
    /// The operator's parameters.
    pub params: BTreeMap<String, String>,
    /// Deviations from strict intake that the policy allows.
    pub relaxations: Vec<Relaxation>,
    /// Why chips that have a certificate under this policy get another one.
    pub reissue: Option<String>,
    /// Certificates to sign.
    pub count: u64,
    /// Whether an earlier run of this command has begun.
    pub resumed: bool,
    /// Leaves by the anchor their chain reaches.
    pub anchors: BTreeMap<String, u64>,
    /// The first and the last certificate.
    pub shown: [Shown; 2],
    /// Things worth a look that stop nothing.
    pub warnings: Vec<String>,
}

/// A certificate before it is signed.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The chip.
    pub uid: String,
    /// subject
    pub subject: String,
    /// serialNumber, upper-case hexadecimal.
    pub serial: String,
    /// First second.
    pub not_before: Time,
    /// Last second.
    pub not_after: Time,
}
