//! A request to revoke or to release that a second person approves before anything of it is recorded.
//!
//! The file is sealed by the planner's manifest key, so that an approver, and the machine with the CA key, know whose request
//! it is. It holds everything that would be recorded: what was approved is what is recorded, whatever the ledger says later.
//! Recording it a second time changes nothing.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use reroot_core::report::count;
use serde::{Deserialize, Serialize};

use crate::approval::{Action, Demand};
use crate::cert::IssuerIdentity;
use crate::crypto::sha256;
use crate::error::Error;
use crate::input;
use crate::ledger::{BatchId, Instruction, Ledger, Release, Revocable, Revocation, Scope};
use crate::origin::Uid;
use crate::signer::Signer;
use crate::text::brief;
use crate::x509::{Certificate, SerialNumber, Sha256Digest, Time};

use super::sealed::{malformed, read_sealed, write_sealed};
use super::{Chosen, parse_reason};

/// What the planner seals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    format: String,
    action: Action,
    issuer_spki_sha256: String,
    requester: String,
    at: String,
    changes: Vec<Change>,
    /// Chips without a certificate, of which nothing may be issued.
    block: Vec<String>,
    /// Why they are blocked.
    why: String,
}

/// Certificates of one batch that change in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    /// `null` for certificates of CAs and manifest signers.
    batch: Option<String>,
    /// `null` where certificates are released.
    reason: Option<String>,
    at: String,
    certificates: Vec<One>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    index: u32,
    /// `null` where certificates are released: the ledger has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_after: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    urls: Vec<String>,
}

/// A request whose seal was verified.
#[derive(Clone, Debug)]
pub struct Request {
    payload: Payload,
    revocations: Vec<Revocation>,
    releases: Vec<Release>,
    block: Vec<Uid>,
    issuer: Sha256Digest,
    at: Time,
    /// SHA-256 of what the planner sealed.
    pub sha256: Sha256Digest,
    /// The planner's name.
    pub planner: String,
}

/// What a request is made of.
#[expect(missing_debug_implementations, reason = "holds a signer")]
pub struct Asked<'a> {
    /// The issuing CA.
    pub issuer: &'a IssuerIdentity,
    /// The planner's certificate and key: the manifest signer's.
    pub planner: (&'a Certificate, &'a dyn Signer),
    /// Who asks.
    pub requester: &'a str,
    /// Why chips without a certificate are blocked.
    pub why: &'a str,
    /// The instant of the run.
    pub now: Time,
}

/// Writes what was chosen as a request.
///
/// # Errors
/// The seal cannot be made, or the file cannot be written.
pub fn write(out: &Path, action: Action, chosen: &Chosen, asked: &Asked<'_>) -> Result<(), Error> {
    let batch = |batch: &Option<BatchId>| batch.as_ref().map(ToString::to_string);
    let revoked = chosen.revocations.iter().map(|revocation| Change {
        batch: batch(&revocation.batch),
        reason: Some(revocation.reason.name().to_owned()),
        at: revocation.instruction.at.to_string(),
        certificates: revocation.certificates.iter().map(One::of).collect(),
    });
    let released = chosen.releases.iter().map(|release| Change {
        batch: batch(&release.batch),
        reason: None,
        at: release.instruction.at.to_string(),
        certificates: release.indexes.iter().map(|index| One::bare(*index)).collect(),
    });
    let payload = Payload {
        format: FORMAT.to_owned(),
        action,
        issuer_spki_sha256: sha256(asked.issuer.spki().der()).to_string(),
        requester: asked.requester.to_owned(),
        at: asked.now.to_string(),
        changes: revoked.chain(released).collect(),
        block: chosen.block.iter().map(ToString::to_string).collect(),
        why: asked.why.to_owned(),
    };
    let bytes = serde_json::to_vec(&payload).expect("a request has text for keys");
    write_sealed(out, KIND, bytes, asked.planner, asked.now)
}

/// What a file asks for, by how it begins; nothing if it is not a request.
pub fn action_of(path: &Path) -> Option<Action> {
    let mut begin = Vec::with_capacity(LONGEST_BEGIN);
    input::open(path).ok()?.take(LONGEST_BEGIN as u64).read_to_end(&mut begin).ok()?;
    let begins = |action: &Action| begin.starts_with(begin_of(*action).as_bytes());
    [Action::Revoke, Action::Release].into_iter().find(begins)
}

fn begin_of(action: Action) -> String {
    format!("{{\"format\":\"{FORMAT}\",\"action\":\"{}\"", action.as_str())
}

impl Request {
    /// Reads a request and verifies the planner's seal.
    ///
    /// # Errors
    /// It is not a request, or of no planner that this machine takes plans from.
    pub fn read(path: &Path, planners: &[Certificate]) -> Result<Self, Error> {
        let sealed = read_sealed(path, KIND, planners)?;
        let payload: Payload =
            serde_json::from_slice(&sealed.bytes).map_err(|error| malformed(path, KIND, brief(&error.to_string())))?;
        let sha256 = sealed.sha256();
        Self::of(payload, sha256, sealed.planner).map_err(|what| malformed(path, KIND, what))
    }

    fn of(payload: Payload, sha256: Sha256Digest, planner: String) -> Result<Self, String> {
        if payload.format != FORMAT {
            return Err(format!("its format is not `{FORMAT}`"));
        }
        let releasing = match payload.action {
            Action::Release => true,
            Action::Revoke => false,
            other => return Err(format!("its action is `{}`", other.as_str())),
        };
        let issuer = payload.issuer_spki_sha256.parse().map_err(|_| "its `issuer_spki_sha256` is not a digest")?;
        let at = time(&payload.at)?;
        let (mut revocations, mut releases) = (Vec::new(), Vec::new());
        for change in &payload.changes {
            let instruction =
                Instruction { at: time(&change.at)?, requester: payload.requester.clone(), approvals: vec![] };
            let batch = change.batch.as_deref().map(str::parse::<BatchId>).transpose();
            let batch = batch.map_err(|_| "a change of it names no batch")?;
            match (&change.reason, releasing) {
                (None, true) => {
                    let indexes = change.certificates.iter().map(|one| one.index).collect();
                    releases.push(Release { batch, instruction, indexes });
                }
                (Some(reason), false) => {
                    let reason = parse_reason(reason).ok_or_else(|| format!("`{}` is not a reason", brief(reason)))?;
                    let certificates = change.certificates.iter().map(One::revocable).collect::<Result<_, _>>()?;
                    revocations.push(Revocation { batch, reason, instruction, certificates });
                }
                _ => return Err("a change of it is not what its action says".to_owned()),
            }
        }
        let block = payload.block.iter().map(|text| text.parse().map_err(|_| "a chip of it is not a UID"));
        let block = block.collect::<Result<Vec<Uid>, _>>()?;
        if releasing && !block.is_empty() {
            return Err("it releases certificates and blocks chips".to_owned());
        }
        Ok(Self { payload, revocations, releases, block, issuer, at, sha256, planner })
    }

    /// What must be approved.
    pub fn demand(&self) -> Demand {
        let (subject, issuer) = (self.sha256, self.issuer);
        Demand { action: self.payload.action, subject, issuer, policy: None, count: self.count() }
    }

    /// Certificates, and chips to block.
    fn count(&self) -> u64 {
        self.payload.changes.iter().map(|change| change.certificates.len() as u64).sum::<u64>()
            + self.block.len() as u64
    }

    /// Who asks.
    pub fn requester(&self) -> &str {
        &self.payload.requester
    }

    /// Names and values for people who approve it on a machine that has neither the ledger nor the key.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            ("request", self.sha256.to_string()),
            ("planner", format!("`{}`", self.planner)),
            ("issuing key", format!("SHA-256 {}", self.payload.issuer_spki_sha256)),
            ("asked", format!("{} by `{}`", self.at, self.payload.requester)),
        ];
        let mut sorts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for change in &self.payload.changes {
            let what = change.reason.as_deref().unwrap_or("release");
            let batch = change.batch.as_deref().unwrap_or("no batch (CAs and manifest signers)");
            *sorts.entry((batch, what)).or_default() += change.certificates.len() as u64;
        }
        let lines = sorts.len().saturating_sub(MAX_SHOWN);
        for ((batch, what), number) in sorts.into_iter().take(MAX_SHOWN) {
            facts.push(("batch", format!("{batch}: {} for {what}", count(number))));
        }
        if lines > 0 {
            facts.push(("", format!("and {} more", count(lines as u64))));
        }
        if !self.block.is_empty() {
            facts.push(("to block", format!("{} chips", count(self.block.len() as u64))));
        }
        let verb = if self.payload.action == Action::Release { "release" } else { "revoke" };
        let certificates = self.count() - self.block.len() as u64;
        facts.push(("to approve", format!("{verb} {} certificates", count(certificates))));
        facts
    }

    /// Records what was asked for, with the digests of the approvals. What is recorded already is passed over.
    ///
    /// # Errors
    /// A reason may not follow the one that is recorded, a certificate is not on hold, or the store fails.
    pub fn record(&self, ledger: &Ledger, approvals: &[Sha256Digest]) -> Result<(), Error> {
        let with = |instruction: &Instruction| Instruction { approvals: approvals.to_vec(), ..instruction.clone() };
        let revocations = self.revocations.iter();
        let revocations: Vec<_> =
            revocations.map(|one| Revocation { instruction: with(&one.instruction), ..one.clone() }).collect();
        let releases = self.releases.iter();
        let releases: Vec<_> =
            releases.map(|one| Release { instruction: with(&one.instruction), ..one.clone() }).collect();
        ledger.record_revoked(&revocations)?;
        ledger.record_released(&releases)?;
        if !self.block.is_empty() {
            let requester = self.payload.requester.clone();
            let instruction = Instruction { at: self.at, requester, approvals: approvals.to_vec() };
            ledger.record_blocked(&instruction, &self.payload.why, &self.block)?;
        }
        Ok(ledger.conclude()?)
    }
}

impl One {
    const fn bare(index: u32) -> Self {
        Self { index, serial: None, not_after: None, urls: vec![] }
    }

    fn of(one: &Revocable) -> Self {
        Self {
            index: one.index,
            serial: Some(hex::encode(one.serial.content())),
            not_after: Some(one.not_after.unix()),
            urls: one.scope.urls().to_vec(),
        }
    }

    fn revocable(&self) -> Result<Revocable, String> {
        let serial = self.serial.as_deref().and_then(|text| SerialNumber::from_content(&hex::decode(text).ok()?).ok());
        let not_after = self.not_after.and_then(|seconds| Time::from_unix(seconds).ok());
        let (Some(serial), Some(not_after)) = (serial, not_after) else {
            return Err("a certificate of it has no serial number or no end".to_owned());
        };
        Ok(Revocable { index: self.index, serial, not_after, scope: Scope::new(self.urls.iter().cloned()) })
    }
}

fn time(text: &str) -> Result<Time, String> {
    Time::from_rfc3339(text).map_err(|_| format!("`{}` is not a time", brief(text)))
}

const FORMAT: &str = "reroot-revocation-request/1";
const KIND: &str = "request to revoke or release";
/// Bytes that are read to tell what a file is.
const LONGEST_BEGIN: usize = 128;
/// Batches that are shown.
const MAX_SHOWN: usize = 20;
