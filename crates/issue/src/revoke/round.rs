//! A round of lists: built, recorded, signed, recorded, published. Killed at any place, the same command goes on.

use std::path::Path;

use crate::cert::IssuerIdentity;
use crate::crl;
use crate::crypto::{PublicKey, sha256};
use crate::error::{Error, RevokeError};
use crate::issue::sign_recorded;
use crate::ledger::{CrlRound, Ledger, LedgerError, Recorded, SignedList, TbsCertList};
use crate::signer::Signer;
use crate::text::Printable;
use crate::x509::Time;

use super::lists::{self, Lists, Terms};
use super::publish;

/// What a round is made of.
#[expect(missing_debug_implementations, reason = "holds a signer")]
pub struct RoundJob<'a> {
    /// The issuing CA.
    pub issuer: &'a IssuerIdentity,
    /// Its key.
    pub signer: &'a dyn Signer,
    /// The directory in which the lists are published.
    pub out: &'a Path,
    /// The instant of the run.
    pub now: Time,
    /// Seconds before it that thisUpdate is: for relying parties whose clock is slow.
    pub skew: i64,
    /// Seconds from `now` to nextUpdate.
    pub validity: i64,
}

/// What was made.
#[derive(Clone, Debug)]
pub struct Round {
    /// The round.
    pub round: CrlRound,
    /// Signatures made in this run.
    pub signatures_made: u64,
    /// Whether an earlier run had started it.
    pub resumed: bool,
    /// Names of the files, in the order of the round's lists.
    pub files: Vec<String>,
}

/// Makes a round: the one that an earlier run began and did not publish, or a new one.
///
/// # Errors
/// The ledger lacks what was published, the clock is behind the last round, or a step fails: then the same command goes
/// on.
pub fn make(job: &RoundJob<'_>, ledger: &Ledger) -> Result<Round, Error> {
    let published = publish::check(job.out, job.issuer, ledger)?;
    let last = ledger.round_before(u64::MAX)?;
    check_clock(job.now, last.as_ref())?;
    if let Some(last) = last.filter(|last| published < last.number) {
        tracing::info!(round = last.number, "round resumed");
        let resumed = finish(job, ledger, last)?;
        // what was recorded since waits for no other run, and a list that is old already is not the answer
        let stale = ledger.revocations_changed()? > resumed.round.position;
        let old = job.now.unix() - resumed.round.this_update.unix() > job.skew + RESUMED_SECONDS;
        if !stale && !old {
            return Ok(resumed);
        }
    }
    loop {
        let lists = new_round(ledger, job.issuer, (job.now, job.skew, job.validity))?;
        let round = lists.round.clone();
        match ledger.record_round(&round, lists.tbs) {
            // a different process recorded a revocation meanwhile: the list would be without it
            Err(LedgerError::RoundStale { .. }) => {}
            Err(error) => return Err(error.into()),
            // recorded, not yet signed: a crash here leaves a round that the same command signs
            Ok(recorded) => {
                tracing::info!(round = round.number, lists = round.lists.len() as u64, "round recorded");
                return sign(job, ledger, &round, &recorded, false);
            }
        }
    }
}

/// Refuses a clock that is behind the last round, whether or not that round was signed: relying parties whose clock is
/// right would take the older list.
pub(super) fn check_clock(now: Time, last: Option<&CrlRound>) -> Result<(), RevokeError> {
    match last {
        Some(last) if now <= last.this_update => {
            Err(RevokeError::ClockBehind { now, number: last.number, last: last.this_update })
        }
        _ => Ok(()),
    }
}

/// The lists of the next round, from all that is on the ledger now.
pub(super) fn new_round(
    ledger: &Ledger,
    issuer: &IssuerIdentity,
    (now, skew, validity): (Time, i64, i64),
) -> Result<Lists, Error> {
    let last = ledger.round_before(u64::MAX)?;
    // two rounds within the skew: the second is still after the first
    let first = last.as_ref().map_or(i64::MIN, |last| last.this_update.unix() + 1);
    let time = |seconds: i64| Time::from_unix(seconds).unwrap_or(Time::NEVER);
    let (this_update, next_update) = (time(first.max(now.unix() - skew)), time(now.unix().saturating_add(validity)));
    if next_update <= this_update {
        return Err(RevokeError::Validity { this_update, next_update }.into());
    }
    let number = last.map_or(1, |last| last.number + 1);
    let terms = Terms { number, this_update, next_update, position: ledger.records()? };
    let revocations = ledger.revocations(terms.position)?;
    lists::build(ledger, issuer, &terms, &[], revocations)
}

/// The lists of a round that is on the ledger, made again.
pub(super) fn rebuilt(ledger: &Ledger, issuer: &IssuerIdentity, round: &CrlRound) -> Result<Lists, Error> {
    let CrlRound { number, this_update, next_update, position, .. } = *round;
    let scopes: Vec<_> = round.lists.iter().map(|list| list.scope.clone()).collect();
    let revocations = ledger.revocations(position)?;
    lists::build(ledger, issuer, &Terms { number, this_update, next_update, position }, &scopes, revocations)
}

/// Signs and publishes a round that an earlier run recorded.
fn finish(job: &RoundJob<'_>, ledger: &Ledger, round: CrlRound) -> Result<Round, Error> {
    let lists = rebuilt(ledger, job.issuer, &round)?;
    if let Some(signed) = ledger.round_issued(round.number)? {
        let files = release(job.issuer, ledger, job.out, &round, &lists.tbs, &signed)?;
        return Ok(Round { round, signatures_made: 0, resumed: true, files });
    }
    let recorded = ledger.resume_round(round.number, lists.tbs)?;
    sign(job, ledger, &round, &recorded, true)
}

fn sign(
    job: &RoundJob<'_>,
    ledger: &Ledger,
    round: &CrlRound,
    recorded: &[Recorded<TbsCertList>],
    resumed: bool,
) -> Result<Round, Error> {
    let signed = signatures(job.issuer, job.signer, recorded)?;
    ledger.record_round_issued(round.number, &signed, signed.len() as u64)?;
    let tbs: Vec<&[u8]> = recorded.iter().map(Recorded::bytes).collect();
    let files = release(job.issuer, ledger, job.out, round, &tbs, &signed)?;
    Ok(Round { round: round.clone(), signatures_made: signed.len() as u64, resumed, files })
}

/// Signs what was recorded; every signature is verified before anyone sees it.
pub(super) fn signatures(
    issuer: &IssuerIdentity,
    signer: &dyn Signer,
    recorded: &[Recorded<TbsCertList>],
) -> Result<Vec<SignedList>, Error> {
    let algorithm = issuer.spki().algorithm().usual_signature();
    let mut signatures = Vec::with_capacity(recorded.len());
    sign_recorded(signer, algorithm, recorded, &mut signatures)?;
    let made: Vec<(&[u8], Vec<u8>)> = recorded.iter().map(Recorded::bytes).zip(signatures).collect();
    verified(issuer, made)
}

/// Verifies signatures over lists.
pub(super) fn verified(issuer: &IssuerIdentity, made: Vec<(&[u8], Vec<u8>)>) -> Result<Vec<SignedList>, Error> {
    let algorithm = issuer.spki().algorithm().usual_signature();
    let key = PublicKey::from_spki(issuer.spki()).map_err(crate::issue::IssueError::from)?;
    made.into_iter()
        .map(|(tbs, signature)| {
            key.verify(algorithm, tbs, &signature).map_err(RevokeError::from)?;
            let crl_sha256 = sha256(&crl::wrap(tbs, algorithm, &signature));
            Ok(SignedList { signature, crl_sha256 })
        })
        .collect()
}

/// Brings the ledger to where it stays, then publishes: signed lists are released when what they say cannot be lost.
pub(super) fn release<T: AsRef<[u8]>>(
    issuer: &IssuerIdentity,
    ledger: &Ledger,
    out: &Path,
    round: &CrlRound,
    tbs: &[T],
    signed: &[SignedList],
) -> Result<Vec<String>, Error> {
    ledger.conclude()?;
    let algorithm = issuer.spki().algorithm().usual_signature();
    let lists = tbs.iter().zip(signed).map(|(tbs, signed)| crl::wrap(tbs.as_ref(), algorithm, &signed.signature));
    let files = publish::publish(out, issuer, round, lists)?;
    tracing::info!(round = round.number, lists = files.len() as u64, out = %Printable::new(out), "round published");
    Ok(files)
}

/// A round that an earlier run left is published alone if it is not older than this.
const RESUMED_SECONDS: i64 = 3_600;
