//! What the ledger and a CA say of themselves, for programs: values that serialize themselves, as `reroot-core`'s reports do.

use std::path::Path;

use serde::{Serialize, Serializer};

use crate::ca::{AdoptReport, AdoptedManifest};
use crate::crypto::sha256;
use crate::ledger::{LedgerOverview, LedgerReport, LedgerStats, OpenBatch, PolicyStats};
use crate::text::Printable;
use crate::x509::{Certificate, Sha256Digest, Time};

#[derive(Serialize)]
struct Counts {
    abandoned: u64,
    records: u64,
    batches: u64,
    sealed: u64,
    open: u64,
    leaves: u64,
    intended: u64,
    certificates: u64,
    signatures_made: u64,
    retries: u64,
    ca_records: u64,
    accepted: u64,
    revoked: u64,
    released: u64,
    blocked: u64,
    unblocked: u64,
    crl_rounds: u64,
    crls: u64,
}

impl Serialize for LedgerStats {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counts = Counts {
            abandoned: self.abandoned,
            records: self.records,
            batches: self.batches,
            sealed: self.sealed,
            open: self.open(),
            leaves: self.leaves,
            intended: self.intended,
            certificates: self.certificates,
            signatures_made: self.signatures_made,
            retries: self.retries,
            ca_records: self.ca_records,
            accepted: self.accepted,
            revoked: self.revoked,
            released: self.released,
            blocked: self.blocked,
            unblocked: self.unblocked,
            crl_rounds: self.crl_rounds,
            crls: self.crls,
        };
        counts.serialize(serializer)
    }
}

#[derive(Serialize)]
struct Overview<'a> {
    total: LedgerStats,
    policies: Vec<OfPolicy<'a>>,
    open: Vec<Open<'a>>,
}

#[derive(Serialize)]
struct OfPolicy<'a> {
    name: &'a str,
    batches: u64,
    sealed: u64,
    leaves: u64,
    certificates: u64,
    signatures_made: u64,
    retries: u64,
}

#[derive(Serialize)]
struct Open<'a> {
    batch: String,
    policy: &'a str,
    issued_at: Time,
    leaves: u64,
    intended: u64,
    certificates: u64,
}

impl<'a> From<(&'a String, &'a PolicyStats)> for OfPolicy<'a> {
    fn from((name, of): (&'a String, &'a PolicyStats)) -> Self {
        Self {
            name,
            batches: of.batches,
            sealed: of.sealed,
            leaves: of.leaves,
            certificates: of.certificates,
            signatures_made: of.signatures_made,
            retries: of.retries,
        }
    }
}

impl<'a> From<&'a OpenBatch> for Open<'a> {
    fn from(batch: &'a OpenBatch) -> Self {
        Self {
            batch: batch.id.to_string(),
            policy: &batch.policy,
            issued_at: batch.issued_at,
            leaves: batch.leaves,
            intended: batch.intended,
            certificates: batch.certificates,
        }
    }
}

impl Serialize for LedgerOverview {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let policies = self.policies.iter().map(OfPolicy::from).collect();
        let open = self.open.iter().map(Open::from).collect();
        Overview { total: self.total, policies, open }.serialize(serializer)
    }
}

#[derive(Serialize)]
struct Examined {
    head: Sha256Digest,
    total: LedgerStats,
    findings: Vec<Found>,
    compared: bool,
    holds: bool,
}

#[derive(Serialize)]
struct Found {
    record: u64,
    finding: &'static str,
}

impl Serialize for LedgerReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let findings = self.findings.iter().map(|found| Found { record: found.position, finding: found.what });
        let examined = Examined {
            head: self.head,
            total: self.stats,
            findings: findings.collect(),
            compared: self.compared,
            holds: self.findings.is_empty(),
        };
        examined.serialize(serializer)
    }
}

#[derive(Serialize)]
struct Adopted<'a> {
    directory: String,
    files: Vec<String>,
    certificates: Vec<Named<'a>>,
    requests: Vec<Requested>,
    notes: &'a [String],
    encrypted: bool,
}

#[derive(Serialize)]
struct Named<'a> {
    role: &'a str,
    subject: String,
    sha256: Sha256Digest,
    not_after: Time,
}

#[derive(Serialize)]
struct Requested {
    role: &'static str,
    subject: String,
}

impl<'a> Named<'a> {
    fn new(role: &'a str, certificate: &Certificate) -> Self {
        Self {
            role,
            subject: certificate.subject().to_string(),
            sha256: sha256(certificate.der()),
            not_after: certificate.validity().not_after(),
        }
    }
}

impl Serialize for AdoptReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut certificates = vec![Named::new("issuing CA", &self.issuing)];
        certificates.extend(self.chain.iter().map(|above| Named::new("above it", above)));
        let mut requests = Vec::new();
        match &self.manifest {
            AdoptedManifest::Certified { signer, anchor } => {
                certificates.extend([Named::new("manifest signer", signer), Named::new("manifest anchor", anchor)]);
            }
            AdoptedManifest::Requested(name) => {
                requests.push(Requested { role: "manifest signer", subject: name.to_string() });
            }
        }
        certificates.push(Named::new("source anchor", &self.anchor));
        let text = |path: &Path| path.to_str().map_or_else(|| Printable::new(path).to_string(), str::to_owned);
        let adopted = Adopted {
            directory: text(&self.directory),
            files: self.files.iter().map(|file| text(file)).collect(),
            certificates,
            requests,
            notes: &self.notes,
            encrypted: !self.plain,
        };
        adopted.serialize(serializer)
    }
}
