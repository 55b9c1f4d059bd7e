//! `verify BATCH`: the pipeline's knowledge, read backwards.
//!
//! Nothing in the batch is believed before it is derived again from the source leaves, the policy, the published seed
//! and the caller's own anchors. No ledger is needed, and no word of the provider's beyond the sealed statement.
//!
//! ```text
//! seal       the statement's signature, under a manifest anchor, before a byte of it is parsed
//! files      every file of the batch has the digest the statement names; nothing else is beside
//! issuer     the chain of the issuing CA reaches the issuer anchor                                   (audit/issuer)
//! entries    line by line: source chain, SPKI, UID, template, TBS bit for bit, signature, digests    (audit/entries)
//! tree       order, count and RFC 9162 root
//! time-stamp if there is one: the authority's signature over the statement, under its own anchor
//! history    with the other batches of the ledger: who follows whom, and no chip twice              (audit/history)
//! account    items = issued + rejected + ignored, each named once, every code on the closed list (audit/account)
//! inputs     with the inputs: every item of theirs, once, and every finding derived again             (audit/derive)
//! expected   with the list: its digest and count, and which of its chips are missing                (audit/expected)
//! ```
//!
//! Taken on the signer's word, because nothing in the batch proves it: `created`, `tool`, `bulk_id`, `reissue`,
//! signatures beyond those of the lines; without the history `previous` and what findings say of earlier batches;
//! without the list
//! `expected`, but for the form and number of what is missing and surplus; without the inputs all findings. A
//! time-stamp shows when the statement existed at the latest, a beacon that no derived serial number is older than it.

mod account;
mod claims;
mod derive;
mod details;
mod entries;
mod expected;
mod grounds;
mod history;
mod inputs;
mod issuer;
mod items;
mod missing;
mod names;
mod possession;
mod report;
mod source;
mod tally;

use names::Names;

pub use details::{BatchDetails, Example};
pub use expected::{ListFile, ListShown};
pub use grounds::{Ground, LIST, ListedCode, list_markdown, listed_codes};
pub use history::{Chained, History, follows};
pub(crate) use issuer::identify;
pub use issuer::{check_chain, check_issuer, deviations, not_valid};
pub use possession::{PossessionShown, Supplements};
pub use report::code::CODES;
pub use report::{AuditReport, Fault, NotGiven, code};
pub(crate) use source::AuditContext;
pub use source::Contradiction;
pub use tally::Tally;

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use crate::crypto::{VerificationEngine, sha256};
use crate::delivery::{BatchReader, DeliveryError, WrittenFile};
use crate::error::Error;
use crate::manifest::timestamp::Token;
use crate::manifest::{self, IssuerMode, ManifestAnchor, SignedManifest, Statement};
use crate::policy::Policy;
use crate::reel::{Input, Limits};
use crate::x509::{Certificate, Sha256Digest, Time, bundle};

/// What to check and against what.
#[expect(missing_debug_implementations, reason = "holds a closure")]
pub struct Audit<'a> {
    /// The batch directory.
    pub batch: &'a Path,
    /// Roots of source leaves, from the auditor, never from the batch.
    pub source_anchors: &'a [Certificate],
    /// Roots of the new certificates.
    pub issuer_anchors: &'a [Certificate],
    /// Roots of the manifest signer.
    pub manifest_anchors: &'a [Certificate],
    /// The other batches of the ledger, in any order; may be empty.
    pub history: &'a [PathBuf],
    /// SHA-256 of the statement that was the last one of the ledger, kept elsewhere.
    pub head: Option<Sha256Digest>,
    /// The list of expected chips.
    pub expected: Option<ListFile<'a>>,
    /// A time-stamp over the statement, read from beside the batch.
    pub timestamp: Option<&'a [u8]>,
    /// Roots of the time-stamping authority; without one a time-stamp is not believed.
    pub tsa_anchors: &'a [Certificate],
    /// SHA-256 of the public value that is expected as the batch's beacon.
    pub beacon: Option<Sha256Digest>,
    /// Days that a time-stamp may be younger than the statement; none makes a warning of more than [`STAMP_DELAY`].
    pub max_stamp_delay: Option<u32>,
    /// The auditor's clock.
    pub now: Time,
    /// Receipts of possession, read from beside the batch.
    pub possession: Option<Supplements<'a>>,
    /// The inputs of the batch, for the accounting of their items; may be empty.
    pub inputs: &'a [Input],
    /// Limits while reading the inputs.
    pub limits: Limits,
    /// Directory for scratch files.
    pub scratch: &'a Path,
    /// Threads.
    pub jobs: usize,
    /// Who checks signatures.
    pub engine: VerificationEngine,
    /// Told how many certificates have been checked.
    pub advance: &'a (dyn Fn(u64) + Sync),
    /// Ends the work early.
    pub cancel: &'a AtomicBool,
}

/// Checks a whole batch. What does not hold is in the report.
///
/// # Errors
/// The batch directory or an input cannot be read at all, or an anchor is not one.
pub fn audit(job: &Audit<'_>, stdin: &mut (dyn Read + Send)) -> Result<AuditReport, Error> {
    let anchors = job.manifest_anchors.iter().map(ManifestAnchor::from_certificate).collect::<Result<Vec<_>, _>>()?;
    let reader = BatchReader::open(job.batch)?;
    let mut report = AuditReport { not_given: not_given(job), ..AuditReport::default() };

    let Some((signed, bytes)) = open_statement(&reader, &anchors, &mut report)? else {
        return Ok(report);
    };
    let statement = signed.statement().clone();
    report.statement_sha256 = Some(signed.statement_sha256());
    report.checked("seal of the statement, its signer's purpose and anchor");
    check_timestamp(job, &bytes, &statement, &mut report);
    let before = report.count();
    check_files(&reader, &statement, &mut report)?;
    report.checked_since(before, "digest of every file");

    let policy = policy(&reader, &statement, &mut report)?;
    let identity = issuer::identity(job, &reader, &statement, policy.as_ref(), &mut report)?;
    for (role, anchors) in [
        ("issuer anchor", job.issuer_anchors),
        ("source anchor", job.source_anchors),
        ("manifest anchor", job.manifest_anchors),
        ("manifest signer", std::slice::from_ref(signed.signer())),
        ("time-stamp anchor", job.tsa_anchors),
    ] {
        for anchor in anchors {
            report.note_deviations(role, anchor);
        }
    }
    let list = match &policy {
        Some(policy) => expected::open(job, &statement, policy, &mut report)?,
        None => None,
    };
    let mut names = Names::new(job.scratch);
    if let (Some(identity), Some(policy)) = (&identity, &policy) {
        let receipts = possession::open(job.possession, &anchors, &signed, &mut report);
        let against = entries::ProvenTerms { identity, policy, receipts };
        entries::check(job, &reader, &statement, &against, &mut names, &mut report)?;
    }
    let same_list = list.as_ref().is_some_and(|list| list.same);
    let counted =
        account::check_counts(job, &reader, (&statement, policy.as_ref()), same_list, &mut names, &mut report)?;
    names.finish(&mut report)?;
    missing::check(&reader, &statement, &mut report)?;
    check_beacon(job, &statement, &mut report);
    if !statement.seals.is_empty() {
        let kinds = statement.seals.join(", ");
        report.warnings.push(format!("seals of kinds that this release cannot check were not checked: {kinds}"));
    }
    if let Some(list) = &list {
        expected::check(&reader, &statement, list, &mut report)?;
    }
    let mut claims = None;
    if let (Some(identity), Some(policy), false) = (&identity, &policy, job.inputs.is_empty()) {
        let grounds = derive::Grounds { reader: &reader, statement: &statement, policy, identity };
        claims = derive::check_inputs(job, &grounds, &counted, stdin, &mut report)?;
    }
    let audited = (&reader, &signed);
    if job.history.is_empty() {
        history::check_head(job, signed.statement_sha256(), &mut report);
    } else {
        history::check(job, &anchors, audited, claims.unwrap_or(counted.claims), &mut report)?;
    }
    report.statement = Some(statement);
    Ok(report)
}

/// A public value that the batch cannot be older than.
fn check_beacon(job: &Audit<'_>, statement: &Statement, report: &mut AuditReport) {
    let Some(expected) = job.beacon else { return };
    match statement.beacon {
        Some(found) if found == expected => {
            report.checked("the beacon: no derived serial number is older than the value that was given");
        }
        Some(found) => {
            let message = format!("the beacon has the SHA-256 {found}, that of the value given is {expected}");
            report.fault(code::BEACON_DIFFERS, manifest::STATEMENT_FILE, &message);
        }
        None => {
            let message = format!("the batch has no beacon, expected one with the SHA-256 {expected}");
            report.fault(code::BEACON_DIFFERS, manifest::STATEMENT_FILE, &message);
        }
    }
}

/// What the auditor could have given.
fn not_given(job: &Audit<'_>) -> Vec<NotGiven> {
    let given = [
        (NotGiven::Inputs, !job.inputs.is_empty()),
        (NotGiven::History, !job.history.is_empty()),
        (NotGiven::ExpectedList, job.expected.is_some()),
        (NotGiven::TimestampAnchor, !job.tsa_anchors.is_empty()),
    ];
    given.into_iter().filter(|(_, given)| !given).map(|(what, _)| what).collect()
}

/// A third party's word for when the statement existed at the latest.
fn check_timestamp(job: &Audit<'_>, statement: &[u8], claims: &Statement, report: &mut AuditReport) {
    const PLACE: &str = "time-stamp";
    if claims.created > job.now {
        let note =
            format!("the statement says it was made at {}, and this machine's clock says {}", claims.created, job.now);
        report.warnings.push(note);
    }
    let Some(bytes) = job.timestamp else {
        if !job.tsa_anchors.is_empty() {
            report.fault(code::TIMESTAMP_MISSING, PLACE, "there is no time-stamp, but an authority's anchor was given");
        }
        return;
    };
    if job.tsa_anchors.is_empty() {
        let note = "the time-stamp was not looked at: no authority's anchor was given";
        report.warnings.push(note.into());
        return;
    }
    match Token::read(bytes).and_then(|token| token.verify(statement, job.tsa_anchors)) {
        // both clocks may be off by a little; a statement that is a day younger than its time-stamp is a forgery
        Ok(stamped) if stamped.time.unix().saturating_add(CLOCKS) < claims.created.unix() => {
            let message = format!("is of {}, when the statement says it was made at {}", stamped.time, claims.created);
            report.fault(code::TIMESTAMP_TIME, PLACE, &message);
        }
        Ok(stamped) => {
            let allowed = job.max_stamp_delay.unwrap_or(STAMP_DELAY);
            if stamped.time.unix().saturating_sub(claims.created.unix()) > i64::from(allowed) * DAY {
                let message = format!(
                    "is of {}, more than {allowed} days after the statement says it was made ({}): it shows only that the \
                     statement existed then",
                    stamped.time, claims.created
                );
                match job.max_stamp_delay {
                    Some(_) => report.fault(code::TIMESTAMP_LATE, PLACE, &message),
                    None => report.warnings.push(format!("the time-stamp {message}")),
                }
            }
            report.checked("the time-stamp under the authority's anchor (RFC 3161): the statement existed then");
            report.timestamp = Some(stamped);
        }
        Err(error) => report.fault(error.code(), PLACE, &error.to_string()),
    }
}

/// Seconds by which the clocks of signer and authority may differ.
const CLOCKS: i64 = DAY;

/// Days after which a time-stamp is noted to be late.
pub const STAMP_DELAY: u32 = 7;

const DAY: i64 = 24 * 60 * 60;

/// A file of the batch that says something wrong is a fault of the batch; a disk that cannot be read is an error.
fn believed<T>(result: Result<T, DeliveryError>, place: &str, report: &mut AuditReport) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_about_content() => {
            report.fault(error.code(), place, &error.to_string());
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Verify before parse: a statement that no anchor vouches for is not looked into.
fn open_statement(
    reader: &BatchReader,
    anchors: &[ManifestAnchor],
    report: &mut AuditReport,
) -> Result<Option<(SignedManifest, Vec<u8>)>, Error> {
    let mut file = |name| believed(reader.read(name), name, report);
    let statement = file(manifest::STATEMENT_FILE)?;
    let seal = file(manifest::SEAL_FILE)?;
    let signer = file(manifest::SIGNER_FILE)?;
    let (Some(statement), Some(seal), Some(signer)) = (statement, seal, signer) else { return Ok(None) };
    let signer = match bundle::one_of_batch(&signer) {
        Ok(signer) => signer,
        Err(reason) => {
            report.fault(code::FILE_UNREADABLE, manifest::SIGNER_FILE, &reason.to_string());
            return Ok(None);
        }
    };
    match SignedManifest::open(&statement, &seal, &signer, anchors) {
        Ok(signed) => Ok(Some((signed, statement))),
        Err(error) => {
            report.fault(error.code(), manifest::STATEMENT_FILE, &error.to_string());
            Ok(None)
        }
    }
}

/// Every file the statement names has its digest, and no other file is in the directory.
fn check_files(reader: &BatchReader, statement: &Statement, report: &mut AuditReport) -> Result<(), Error> {
    let missing: BTreeSet<&str> = reader.missing(statement).into_iter().collect();
    for name in &missing {
        report.fault(code::FILE_MISSING, name, "the statement names this file, which is missing");
    }
    for name in reader.unexpected(statement) {
        report.fault(code::FILE_UNEXPECTED, name, "the statement does not name this file");
    }
    for (name, _) in statement.digests().filter(|(name, _)| !missing.contains(name)) {
        if let Some(found) = believed(reader.digest(name), name, report)? {
            check_digest(&found, statement, report);
        }
    }
    Ok(())
}

/// A file that was read to its end is the one that the statement names. Files are read more than once: what is looked
/// into must be what was digested.
fn check_digest(found: &WrittenFile, statement: &Statement, report: &mut AuditReport) {
    let name = found.name.as_str();
    match statement.digests().find(|(stated, _)| *stated == name) {
        Some((_, expected)) if expected == found.sha256 => {}
        Some((_, expected)) => {
            report.fault_once(code::FILE_DIGEST, name, &format!("SHA-256 is {}, expected {expected}", found.sha256));
        }
        None => report.fault_once(code::FILE_UNEXPECTED, name, "the statement does not name this file"),
    }
}

/// The policy whose digest the statement names.
fn policy(reader: &BatchReader, statement: &Statement, report: &mut AuditReport) -> Result<Option<Policy>, Error> {
    const FILE: &str = "policy.toml";
    let Some(bytes) = believed(reader.read(FILE), FILE, report)? else { return Ok(None) };
    let (found, expected) = (sha256(&bytes), statement.policy.sha256);
    if found != expected {
        let message = format!("the policy is not the one the statement names: SHA-256 is {found}, expected {expected}");
        report.fault(code::POLICY_DIGEST, FILE, &message);
        return Ok(None);
    }
    let parsed = String::from_utf8(bytes)
        .map_err(|error| error.to_string())
        .and_then(|text| Policy::parse(&text, FILE).map_err(|errors| errors.to_string()));
    let policy = match parsed {
        Ok(policy) => policy,
        Err(reason) => {
            report.fault(code::FILE_UNREADABLE, FILE, &reason);
            return Ok(None);
        }
    };
    if statement.issuer.mode == IssuerMode::Foreign
        && let Err(errors) = policy.check_foreign()
    {
        report.fault(code::POLICY_DIFFERS, FILE, &format!("no external CA can be asked for this: {errors}"));
    }
    let relaxations = &policy.source().relax;
    if policy.name() != statement.policy.name
        || policy.version() != statement.policy.version
        || *relaxations != statement.relaxations
    {
        report.fault(code::POLICY_DIFFERS, FILE, "name, version or relaxations differ from the statement's");
    }
    if statement.format.family().is_some_and(|family| family != policy.source().family) {
        report.fault(code::POLICY_DIFFERS, FILE, "the family differs from the statement's");
    }
    if statement.beacon.is_some() && policy.copies_serial() {
        let reason = "there is a beacon, and no serial number depends on it: the policy copies those of the leaves";
        report.fault(code::BEACON_UNUSED, manifest::STATEMENT_FILE, reason);
    }
    Ok(Some(policy))
}
