//! A round whose key is on a machine without a network: `plan` here, `sign` there, `finish` here again.
//!
//! The machine with the key has a ledger of its own, with its own records of revocations and rounds. A plan brings the
//! records that it lacks; then it makes the lists itself, from its ledger, and signs them only if they are those of the
//! plan. A planner that leaves out an entry, or takes a serial number that is not of the leaf, is refused.

use std::io::Read as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use reroot_core::report::count;

use crate::approval::{self, Action, ApprovalMode, Demand, Given, Rule};
use crate::cert::IssuerIdentity;
use crate::crypto::sha256;
use crate::delivery;
use crate::durable::output::Shape;
use crate::error::{Error, RevokeError};
use crate::input;
use crate::ledger::{BatchId, CarriedRecord, CrlRound, Ledger, LedgerError, Scope, SignedList};
use crate::signer::Signer;
use crate::text::brief;
use crate::x509::{Certificate, Sha256Digest, Time};

use super::certificates::BatchCertificates;
use super::lists::{self, Lists, Terms};
use super::publish;
use super::round::{self, Round};
use super::routine::is_routine;
use super::sealed::{malformed, read, read_sealed, write, write_sealed};

/// What the planner signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    format: String,
    issuer_spki_sha256: String,
    round: u64,
    this_update: i64,
    next_update: i64,
    lists: Vec<PlanList>,
    /// Revocations and releases since the round that was signed last, in the order in which they were recorded.
    records: Vec<PlanRecord>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanList {
    urls: Vec<String>,
    entries: u64,
    tbs_sha256: String,
    tbs_bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanRecord {
    released: bool,
    batch: Option<String>,
    part: u32,
    count: u64,
    body: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signatures {
    format: String,
    round: u64,
    plan_sha256: String,
    lists: Vec<ListSignature>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListSignature {
    tbs_sha256: String,
    signature: String,
}

/// What a plan is made of.
#[expect(missing_debug_implementations, reason = "holds a signer")]
pub struct PlanJob<'a> {
    /// The issuing CA.
    pub issuer: &'a IssuerIdentity,
    /// The planner's certificate and key: the manifest signer's.
    pub planner: (&'a Certificate, &'a dyn Signer),
    /// The plan file to create.
    pub out: &'a Path,
    /// The directory in which the lists are published, to notice a ledger that lacks what is there.
    pub published: Option<&'a Path>,
    /// The instant of the run.
    pub now: Time,
    /// As for a round that is signed here.
    pub skew: i64,
    /// As for a round that is signed here.
    pub validity: i64,
}

/// Plans a round: the one that was planned last, if it says everything and was not signed yet, or a new one.
///
/// # Errors
/// The ledger lacks what was published, the clock is behind the last round, or a step fails.
pub fn plan(job: &PlanJob<'_>, ledger: &Ledger) -> Result<CrlRound, Error> {
    if let Some(out) = job.published {
        publish::check(out, job.issuer, ledger)?;
    }
    let last = ledger.round_before(u64::MAX)?;
    round::check_clock(job.now, last.as_ref())?;
    let open = match last {
        Some(last) if ledger.round_issued(last.number)?.is_none() && !is_stale(ledger, job.issuer, &last)? => {
            Some(last)
        }
        _ => None,
    };
    if open.is_none() {
        // no plan of a round that is not on the ledger was ever written: what has the name is another file
        delivery::check_place(job.out, Shape::PLAIN)?;
    }
    let lists = match open {
        Some(last) => round::rebuilt(ledger, job.issuer, &last)?,
        None => loop {
            let lists = round::new_round(ledger, job.issuer, (job.now, job.skew, job.validity))?;
            match ledger.record_round(&lists.round, lists.tbs.clone()) {
                Err(LedgerError::RoundStale { .. }) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => break lists,
            }
        },
    };
    let payload = payload(ledger, job.issuer, &lists)?;
    let bytes = serde_json::to_vec(&payload).expect("a plan has text for keys");
    ledger.conclude()?;
    write_sealed(job.out, KIND, bytes, job.planner, job.now)?;
    Ok(lists.round)
}

/// Whether a round no longer says everything: a certificate was revoked or released since, or a batch began whose
/// certificates name a list that it does not have. A machine that has signed that batch refuses the plan of such a round.
///
/// # Errors
/// The ledger cannot be read.
pub fn is_stale(ledger: &Ledger, issuer: &IssuerIdentity, round: &CrlRound) -> Result<bool, Error> {
    Ok(ledger.revocations_changed()? > round.position || lists::lacks_scope(ledger, issuer, round)?)
}

fn payload(ledger: &Ledger, issuer: &IssuerIdentity, lists: &Lists) -> Result<Payload, Error> {
    let round = &lists.round;
    let since = ledger.signed_round_before(round.number)?.map_or(0, |last| last.position);
    let record = |carried: CarriedRecord| PlanRecord {
        released: carried.released,
        batch: carried.batch.map(|batch| batch.to_string()),
        part: carried.part,
        count: carried.count,
        body: hex::encode(carried.body),
    };
    Ok(Payload {
        format: PLAN.to_owned(),
        issuer_spki_sha256: sha256(issuer.spki().der()).to_string(),
        round: round.number,
        this_update: round.this_update.unix(),
        next_update: round.next_update.unix(),
        lists: round
            .lists
            .iter()
            .map(|list| PlanList {
                urls: list.scope.urls().to_vec(),
                entries: list.entries,
                tbs_sha256: list.tbs_sha256.to_string(),
                tbs_bytes: list.tbs_bytes,
            })
            .collect(),
        records: ledger.carried_revocations(since, round.position)?.into_iter().map(record).collect(),
    })
}

/// A plan that was read.
#[derive(Debug)]
pub struct CrlPlan {
    payload: Payload,
    /// SHA-256 of what the planner signed.
    pub sha256: Sha256Digest,
    /// The planner's name.
    pub planner: String,
}

/// Whether a file is a plan of a round, by how it begins.
pub fn is_plan(path: &Path) -> bool {
    let mut begin = [0; PLAN_BEGIN.len()];
    let read = input::open(path).and_then(|mut file| file.read_exact(&mut begin));
    read.is_ok() && begin == *PLAN_BEGIN.as_bytes()
}

impl CrlPlan {
    /// What must be approved.
    ///
    /// # Errors
    /// The plan names no issuing key.
    pub fn demand(&self, path: &Path) -> Result<Demand, Error> {
        let issuer = self.payload.issuer_spki_sha256.parse();
        let issuer =
            issuer.map_err(|_| malformed(path, KIND, "its `issuer_spki_sha256` is not a digest".to_owned()))?;
        Ok(Demand {
            action: Action::SignCrlPlan,
            subject: self.sha256,
            issuer,
            policy: None,
            count: self.payload.lists.len() as u64,
        })
    }

    /// Names and values for people who approve the plan on a machine that has neither the ledger nor the key.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let payload = &self.payload;
        let time = |seconds| Time::from_unix(seconds).map_or_else(|_| "no time".to_owned(), |time| time.to_string());
        let changes: u64 = payload.records.iter().map(|record| record.count).sum();
        vec![
            ("plan", self.sha256.to_string()),
            ("planner", format!("`{}`", self.planner)),
            ("issuing key", format!("SHA-256 {}", payload.issuer_spki_sha256)),
            ("round", format!("{}, {} to {}", payload.round, time(payload.this_update), time(payload.next_update))),
            ("changes", format!("{} certificates revoked or released since the last round", count(changes))),
            ("entries", format!("{} on the full list", count(payload.lists.first().map_or(0, |list| list.entries)))),
            ("to approve", format!("{} revocation lists", count(payload.lists.len() as u64))),
        ]
    }
}

/// What a person is shown before the key is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlCeremony {
    /// SHA-256 of the plan.
    pub plan_sha256: Sha256Digest,
    /// Persons who approved it, if that was demanded.
    pub approved_by: Vec<String>,
    /// The planner's name.
    pub planner: String,
    /// The round.
    pub round: CrlRound,
    /// Certificates whose revocation or release is new to this machine.
    pub changes: u64,
    /// Entries of the full list in the last round that was signed here.
    pub entries_before: Option<u64>,
}

/// Reads a plan and verifies the planner's signature.
///
/// # Errors
/// It is not a plan, or of no planner that this machine takes plans from.
pub fn read_plan(path: &Path, planners: &[Certificate]) -> Result<CrlPlan, Error> {
    let malformed = |what: String| malformed(path, KIND, what);
    let sealed = read_sealed(path, KIND, planners)?;
    let payload: Payload =
        serde_json::from_slice(&sealed.bytes).map_err(|error| malformed(brief(&error.to_string())))?;
    if payload.format != PLAN {
        return Err(malformed(format!("its format is not `{PLAN}`")));
    }
    Ok(CrlPlan { payload, sha256: sealed.sha256(), planner: sealed.planner })
}

/// SHA-256 of a plan as the planner printed it, of a plan that was read before.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn plan_digest(path: &Path) -> Result<Sha256Digest, Error> {
    let content = read(path)?;
    Ok(sha256(content.split(|byte| *byte == b'\n').next().unwrap_or_default()))
}

/// The inputs and the output of a machine that signs lists.
#[expect(missing_debug_implementations, reason = "holds a signer")]
pub struct CrlSignJob<'a> {
    /// The plan's file.
    pub plan: &'a Path,
    /// The file of signatures to create.
    pub out: &'a Path,
    /// The issuing CA.
    pub issuer: &'a IssuerIdentity,
    /// Its key.
    pub signer: &'a dyn Signer,
    /// Whose plans are taken.
    pub planners: &'a [Certificate],
    /// How many persons must approve, and who can.
    pub rule: Rule<'a>,
    /// What was given for the plan.
    pub given: Given<'a>,
    /// How many days a plan may be from this machine's clock.
    pub max_days: u32,
    /// How many days after now the lists of a round end at the latest that changes nothing and needs no approval.
    pub routine_days: Option<u32>,
    /// The instant of the run.
    pub now: Time,
}

/// Checks a plan against this machine's ledger, has it confirmed, signs it. Returns the round.
///
/// # Errors
/// The plan is not what this ledger gives, was not confirmed, or a step fails.
pub fn sign(
    job: &CrlSignJob<'_>,
    ledger: &Ledger,
    confirm: &mut dyn FnMut(&CrlCeremony) -> bool,
) -> Result<CrlRound, Error> {
    let plan = read_plan(job.plan, job.planners)?;
    let payload = &plan.payload;
    let own = sha256(job.issuer.spki().der()).to_string();
    if payload.issuer_spki_sha256 != own {
        return Err(differs("issuer key", &payload.issuer_spki_sha256, &own));
    }
    let time =
        |seconds| Time::from_unix(seconds).map_err(|_| malformed(job.plan, KIND, "a time of it is not one".to_owned()));
    let (this_update, next_update) = (time(payload.this_update)?, time(payload.next_update)?);
    if let Some(signed) = ledger.round_issued(payload.round)? {
        // what is signed already is only written down once more
        let round = ledger.round(payload.round)?.ok_or(LedgerError::UnknownRound { number: payload.round })?;
        same(payload, &round)?;
        write_signatures(job.out, &plan, &round, &signed)?;
        return Ok(round);
    }
    // nothing of this round was signed yet, so what has the name is another file
    delivery::check_place(job.out, Shape::PLAIN)?;
    if job.now.unix().abs_diff(this_update.unix()) > u64::from(job.max_days) * 86_400 {
        return Err(differs(
            "thisUpdate",
            &this_update.to_string(),
            &format!("{} days around {}", job.max_days, job.now),
        ));
    }
    if let Some(last) = ledger.round_before(u64::MAX)?
        && last.number != payload.round
        && (payload.round < last.number || this_update <= last.this_update)
    {
        let (number, last_number, last_this_update) = (payload.round, last.number, last.this_update);
        return Err(LedgerError::RoundBehind { number, this_update, last_number, last_this_update }.into());
    }
    let before = ledger.signed_round_before(u64::MAX)?;
    let records = carried(payload, job)?;
    check_serials(ledger, job.issuer, &records)?;
    // in memory: nothing of a plan that is refused, or not confirmed, comes to the ledger
    let revocations = ledger.revocations_with(&records)?;
    let terms = Terms { number: payload.round, this_update, next_update, position: u64::MAX };
    let scopes: Vec<Scope> = payload.lists.iter().map(|list| Scope::new(list.urls.iter().cloned())).collect();
    let lists = lists::build(ledger, job.issuer, &terms, &scopes, revocations)?;
    same(payload, &lists.round)?;
    let ceremony = CrlCeremony {
        plan_sha256: plan.sha256,
        planner: plan.planner.clone(),
        approved_by: vec![],
        changes: records.iter().map(|record| record.count).sum(),
        entries_before: before.as_ref().and_then(|round| round.lists.first().map(|list| list.entries)),
        round: lists.round.clone(),
    };
    let about = format!("round {}", payload.round);
    let routine = job
        .routine_days
        .is_some_and(|days| records.is_empty() && is_routine(&lists.round, before.as_ref(), job.now, days));
    // approvals that were given must hold all the same
    let rule = if routine && job.given.click.is_none() {
        Rule { needed: 0, mode: ApprovalMode::Signed, ..job.rule }
    } else {
        job.rule
    };
    approval::pass(&rule, ledger, (&plan.demand(job.plan)?, &about), job.given, job.now, |approved_by| {
        let ceremony = CrlCeremony { approved_by, ..ceremony };
        if confirm(&ceremony) { Ok(()) } else { Err(Error::from(RevokeError::Declined)) }
    })?;
    ledger.record_carried(&records)?;
    let mut round = lists.round;
    round.position = ledger.records()?;
    let recorded = match ledger.round(round.number)? {
        Some(earlier) if earlier.lists == round.lists => ledger.resume_round(round.number, lists.tbs)?,
        _ => ledger.record_round(&round, lists.tbs)?,
    };
    let signed = round::signatures(job.issuer, job.signer, &recorded)?;
    ledger.record_round_issued(round.number, &signed, signed.len() as u64)?;
    ledger.conclude()?;
    write_signatures(job.out, &plan, &round, &signed)?;
    Ok(round)
}

/// Takes the signatures of a planned round and publishes its lists.
///
/// # Errors
/// The file is not of a round of this ledger, a signature does not verify, or a step fails.
pub fn finish(signatures: &Path, issuer: &IssuerIdentity, ledger: &Ledger, out: &Path) -> Result<Round, Error> {
    publish::check(out, issuer, ledger)?;
    let malformed = |what: String| malformed(signatures, "file of signatures over revocation lists", what);
    let content = read(signatures)?;
    let file: Signatures = serde_json::from_slice(&content).map_err(|error| malformed(brief(&error.to_string())))?;
    if file.format != SIGNATURES {
        return Err(malformed(format!("its format is not `{SIGNATURES}`")));
    }
    let round = ledger.round(file.round)?.ok_or(LedgerError::UnknownRound { number: file.round })?;
    let last = ledger.signed_round_before(u64::MAX)?.map_or(0, |last| last.number);
    if last > round.number {
        return Err(RevokeError::RoundOver { path: signatures.to_owned(), number: round.number, last }.into());
    }
    let lists = round::rebuilt(ledger, issuer, &round)?;
    let named = file.lists.iter().map(|list| list.tbs_sha256.clone());
    if !named.eq(round.lists.iter().map(|list| list.tbs_sha256.to_string())) {
        return Err(malformed(format!("its lists are not those of round {}", round.number)));
    }
    let mut made = Vec::with_capacity(lists.tbs.len());
    for (tbs, list) in lists.tbs.iter().zip(&file.lists) {
        let signature =
            hex::decode(&list.signature).map_err(|_| malformed("a signature is not hexadecimal".to_owned()))?;
        made.push((tbs.as_slice(), signature));
    }
    let signed = round::verified(issuer, made).map_err(|error| match error {
        Error::Revoke(RevokeError::Signature(source)) => {
            Error::Revoke(RevokeError::Returned { path: signatures.to_owned(), source })
        }
        other => other,
    })?;
    let resumed = ledger.round_issued(round.number)?.is_some();
    ledger.record_round_issued(round.number, &signed, signed.len() as u64)?;
    let files = round::release(issuer, ledger, out, &round, &lists.tbs, &signed)?;
    Ok(Round { round, signatures_made: 0, resumed, files })
}

/// What the plan carries, as records of this ledger.
fn carried(payload: &Payload, job: &CrlSignJob<'_>) -> Result<Vec<CarriedRecord>, Error> {
    let malformed = |what: &str| malformed(job.plan, "plan of revocation lists", what.to_owned());
    let each = payload.records.iter().map(|record| {
        let batch = record.batch.as_deref().map(str::parse::<BatchId>).transpose();
        Ok(CarriedRecord {
            released: record.released,
            batch: batch.map_err(|_| malformed("a record of it names no batch"))?,
            part: record.part,
            count: record.count,
            body: hex::decode(&record.body).map_err(|_| malformed("a record of it is not hexadecimal"))?,
        })
    });
    each.collect()
}

/// The serial numbers, ends and scopes are those that this machine derives from its own batches.
fn check_serials(ledger: &Ledger, issuer: &IssuerIdentity, records: &[CarriedRecord]) -> Result<(), Error> {
    for record in records.iter().filter(|record| !record.released) {
        let Some(id) = &record.batch else { continue };
        let Some(mut batch) = BatchCertificates::open(ledger, issuer, id)? else { continue };
        for one in record.certificates()? {
            let what = || format!("certificate of leaf {} of batch {id}", one.index);
            if one.index >= batch.leaves() {
                return Err(differs(&what(), "revoked", "no such leaf"));
            }
            match batch.revocable(one.index)? {
                Some(own) if own.serial == one.serial && own.scope == one.scope => {}
                Some(own) => return Err(differs(&what(), &one.serial.to_string(), &own.serial.to_string())),
                None => return Err(differs(&what(), &one.serial.to_string(), "no certificate")),
            }
        }
    }
    Ok(())
}

/// The lists of the plan are those that this ledger gives.
fn same(payload: &Payload, round: &CrlRound) -> Result<(), Error> {
    if payload.lists.len() != round.lists.len() {
        return Err(differs("number of lists", &payload.lists.len().to_string(), &round.lists.len().to_string()));
    }
    for (planned, own) in payload.lists.iter().zip(&round.lists) {
        let name = own.scope.urls().first().map_or("full list", String::as_str);
        if planned.urls != own.scope.urls() {
            return Err(differs("URLs of a list", &planned.urls.join(" "), &own.scope.urls().join(" ")));
        }
        if planned.tbs_sha256 != own.tbs_sha256.to_string() {
            let entries = |entries: u64, digest: &str| format!("{entries} entries, SHA-256 {digest}");
            return Err(differs(
                &format!("list `{name}`"),
                &entries(planned.entries, &planned.tbs_sha256),
                &entries(own.entries, &own.tbs_sha256.to_string()),
            ));
        }
    }
    Ok(())
}

fn write_signatures(out: &Path, plan: &CrlPlan, round: &CrlRound, signed: &[SignedList]) -> Result<(), Error> {
    let lists = round.lists.iter().zip(signed).map(|(list, signed)| ListSignature {
        tbs_sha256: list.tbs_sha256.to_string(),
        signature: hex::encode(&signed.signature),
    });
    let file = Signatures {
        format: SIGNATURES.to_owned(),
        round: round.number,
        plan_sha256: plan.sha256.to_string(),
        lists: lists.collect(),
    };
    let mut content = serde_json::to_vec(&file).expect("signatures have text for keys");
    content.push(b'\n');
    write(out, &content)
}

fn differs(what: &str, found: &str, expected: &str) -> Error {
    RevokeError::PlanDiffers { what: what.to_owned(), found: brief(found), expected: expected.to_owned() }.into()
}

const PLAN: &str = "reroot-crl-plan/1";
const KIND: &str = "plan of revocation lists";
const PLAN_BEGIN: &str = "{\"format\":\"reroot-crl-plan/";
const SIGNATURES: &str = "reroot-crl-signatures/1";
