//! What is proved of a chip.

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::audit::Fault;
use crate::delivery::certificate_to_pem;
use crate::proof::{ChipName, Presence, Proved};
use crate::verify::Family;
use crate::x509::{Certificate, Sha256Digest, Time};

#[derive(Serialize)]
struct Whole<'a> {
    holds: bool,
    uid: crate::origin::Uid,
    family: Family,
    present: bool,
    batch: &'a str,
    issued_at: Time,
    policy: OfPolicy<'a>,
    statement_sha256: Sha256Digest,
    tree_size: u64,
    chip: Option<Chip<'a>>,
    checks: &'a [&'static str],
    unchecked_seals: &'a [String],
}

#[derive(Serialize)]
struct OfPolicy<'a> {
    name: &'a str,
    sha256: Sha256Digest,
}

#[derive(Serialize)]
struct Chip<'a> {
    index: u64,
    source_anchor: &'a str,
    line: Value,
}

impl<'a> Chip<'a> {
    fn of(presence: &'a Presence) -> Self {
        // a line is JSON
        let line = serde_json::from_str(&presence.entry.line()).unwrap_or_default();
        Self { index: presence.index, source_anchor: &presence.anchor, line }
    }
}

impl Serialize for Proved {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let statement = &self.statement;
        let whole = Whole {
            holds: true,
            uid: self.uid,
            family: self.family,
            present: self.presence.is_some(),
            batch: &statement.batch,
            issued_at: statement.issued_at,
            policy: OfPolicy { name: &statement.policy.name, sha256: statement.policy.sha256 },
            statement_sha256: self.statement_sha256,
            tree_size: statement.entries.tree_size,
            chip: self.presence.as_ref().map(Chip::of),
            checks: &self.checks,
            unchecked_seals: &self.unchecked_seals,
        };
        whole.serialize(serializer)
    }
}

/// What a proof shows, as names and values for people.
pub fn facts_of_proof(proved: &Proved) -> Vec<(&'static str, String)> {
    let statement = &proved.statement;
    let mut facts: Vec<(&'static str, String)> =
        vec![("chip", proved.uid.to_string()), ("family", proved.family.as_str().to_owned())];
    if let Some(presence) = &proved.presence {
        let entry = &presence.entry;
        facts.push(("certificate", format!("sha256 {}, serial {}", entry.sha256(), entry.serial())));
        facts.push(("subject", presence.certificate.subject().to_string()));
        let validity = entry.validity();
        facts.push(("valid", format!("{} to {}", validity.not_before(), validity.not_after())));
        facts.push(("issuer", statement.issuer.subject.clone()));
        facts.push(("source leaf", format!("sha256 {}", entry.source_sha256())));
        facts.push(("source anchor", presence.anchor.clone()));
        let relax: Vec<&str> = entry.relax().iter().map(|one| one.as_str()).collect();
        if !relax.is_empty() {
            facts.push(("relaxations", relax.join(", ")));
        }
        facts.push(("place", format!("line {} of {}", presence.index + 1, statement.entries.tree_size)));
    }
    for (side, beside) in ["after", "before"].into_iter().zip(&proved.beside) {
        facts.extend(beside.map(|uid| (side, format!("chip {uid}"))));
    }
    facts.push(("batch", statement.batch.clone()));
    facts.push(("issued at", statement.issued_at.to_string()));
    facts.push(("policy", format!("{} (sha256 {})", statement.policy.name, statement.policy.sha256)));
    facts.push(("statement", format!("sha256 {}", proved.statement_sha256)));
    facts.extend(proved.checks.iter().map(|check| ("checked", (*check).to_owned())));
    if !proved.unchecked_seals.is_empty() {
        facts.push(("not checked", format!("seals of the kinds {}", proved.unchecked_seals.join(", "))));
    }
    facts
}

/// A chip whose certificate was looked up, and its proof checked.
#[derive(Clone, Copy, Debug)]
pub struct Present<'a> {
    /// The chip's certificates.
    pub presence: &'a Presence,
    /// What was proved.
    pub proved: &'a Proved,
}

#[derive(Serialize)]
struct LookedUp<'a> {
    uid: &'a crate::origin::Uid,
    st_number: Option<String>,
    batch: &'a str,
    sha256: Sha256Digest,
    serial: String,
    certificate: String,
    chain: Vec<String>,
}

impl<'a> Present<'a> {
    /// The issuing CA's certificate and those above it.
    pub fn chain(&self) -> impl Iterator<Item = &'a Certificate> {
        let identity = &self.presence.identity;
        std::iter::once(identity.certificate()).chain(identity.chain())
    }

    /// Names and values for people.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let entry = &self.presence.entry;
        let validity = entry.validity();
        vec![
            ("chip", entry.uid().to_string()),
            ("subject", self.presence.certificate.subject().to_string()),
            ("serial", entry.serial().to_string()),
            ("valid", format!("{} to {}", validity.not_before(), validity.not_after())),
            ("sha256", entry.sha256().to_string()),
            ("bytes", entry.bytes().to_string()),
            ("batch", self.proved.statement.batch.clone()),
        ]
    }
}

impl Serialize for Present<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entry = &self.presence.entry;
        let found = LookedUp {
            uid: entry.uid(),
            st_number: entry.st_number().map(hex::encode_upper),
            batch: &self.proved.statement.batch,
            sha256: entry.sha256(),
            serial: entry.serial().to_string(),
            certificate: certificate_to_pem(self.presence.certificate.der()),
            chain: self.chain().map(|above| certificate_to_pem(above.der())).collect(),
        };
        found.serialize(serializer)
    }
}

/// A chip that is proved not to be in a batch.
#[derive(Clone, Debug, Serialize)]
pub struct Absent {
    chip: String,
    present: bool,
    family: Family,
    batch: String,
}

impl Absent {
    /// Takes what was proved of the chip.
    pub fn new(chip: &ChipName, proved: &Proved) -> Self {
        Self { chip: chip.to_string(), present: false, family: proved.family, batch: proved.statement.batch.clone() }
    }

    /// Names and values for people.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        vec![("chip", self.chip.clone()), ("family", self.family.to_string()), ("batch", self.batch.clone())]
    }
}

/// A proof that does not hold.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Refused<'a> {
    holds: bool,
    proof: &'a str,
    faults: [&'a Fault; 1],
}

impl<'a> Refused<'a> {
    /// Takes the proof's place and what is wrong with it.
    pub const fn new(proof: &'a str, fault: &'a Fault) -> Self {
        Self { holds: false, proof, faults: [fault] }
    }
}
