//! What `verify` would refuse is refused before anything is recorded: the auditor's own checks of chain, history and
//! clock, asked of a batch that does not exist yet.
//!
//! A clock that jumps is the one thing that a person can accept, because only a person can look at another clock. The
//! reason goes onto the ledger before the batch.

use crate::audit::{check_issuer, deviations, follows};
use crate::cert::IssuerIdentity;
use crate::error::Error;
use crate::ledger::{AuthorityKind, BatchRow, Ledger};
use crate::manifest::{ManifestAnchor, Statement, seal};
use crate::policy::Policy;
use crate::x509::{Certificate, Time};

/// Days by which the clock may be ahead of the newest instant that is known: a year, and a month for a plant that works
/// once a year.
pub const MAX_AHEAD_DAYS: i64 = 400;

/// When this release was written, 2026-11-28: no right clock shows less, so that it counts as a known instant.
const RELEASED: i64 = 1_795_824_000;

/// What a batch is about to be made with.
pub(crate) struct Ground<'a> {
    /// Who signs.
    pub(crate) authority: AuthorityKind,
    pub(crate) policy: &'a Policy,
    pub(crate) issuer: &'a IssuerIdentity,
    /// Who seals the batch; none on a machine that only signs.
    pub(crate) manifest_certificate: Option<&'a Certificate>,
    /// The anchors of the source leaves.
    pub(crate) anchors: &'a [Certificate],
    /// The instant of issue.
    pub(crate) issued_at: Time,
    /// The clock.
    pub(crate) now: Time,
    /// Why a jump of the clock is right.
    pub(crate) accept_clock: Option<&'a str>,
}

/// Nothing is in the way of the batch.
#[derive(Debug)]
pub(crate) struct Cleared {
    /// Things worth a look that stop nothing.
    pub(crate) notes: Vec<String>,
    jump: Option<Jump>,
}

/// A jump of the clock that a person accepts.
#[derive(Debug)]
struct Jump {
    clock: Time,
    known: Time,
    reason: String,
}

impl Cleared {
    /// Makes it durable that a person accepted the clock, if that was needed. Before the batch begins.
    pub(crate) fn record(&self, ledger: &Ledger) -> Result<(), Error> {
        let Some(jump) = &self.jump else { return Ok(()) };
        Ok(ledger.record_accepted_clock(jump.clock, jump.known, &jump.reason)?)
    }
}

/// Checks that what is about to be sealed can be verified.
pub(crate) fn check(ground: &Ground<'_>, ledger: &Ledger) -> Result<Cleared, Error> {
    let mut notes = check_issuer(ground.policy, ground.issuer, ground.issued_at)?;
    if let Some(signer) = ground.manifest_certificate {
        manifest_signer(signer, ground.issuer)?;
        // the instant at which the batch will say that it was sealed
        seal::check_signer(signer, created(ledger, ground.now, ground.issued_at)?)?;
        notes.extend(deviations("manifest signer", signer));
    }
    notes.extend(ground.anchors.iter().flat_map(|anchor| deviations("source anchor", anchor)));
    shards(ground, ledger)?;
    let jump = clock(ground, ledger)?;
    if let Some(jump) = &jump {
        let Jump { clock, known, reason } = jump;
        notes.push(format!("the clock says {clock}, the newest instant known is {known}; accepted: {reason}"));
    }
    Ok(Cleared { notes, jump })
}

/// Refuses a policy with shards where the issuing key has issued without, and the other way: a certificate without a
/// distribution point is judged by some relying parties with any CRL of its issuer, such as a shard that does not list
/// it. Every batch was admitted like this, so the newest one speaks for all. An external CA publishes its own CRLs.
fn shards(ground: &Ground<'_>, ledger: &Ledger) -> Result<(), Error> {
    if ground.authority.is_external() {
        return Ok(());
    }
    for (id, _) in ledger.batch_ids()?.iter().rev() {
        let Some(BatchRow { terms, delivery, .. }) = ledger.batch(id)? else { continue };
        if delivery.authority.is_external() {
            continue;
        }
        if terms.policy == ground.policy.bytes() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&terms.policy);
        let earlier = Policy::parse(&text, &format!("policy of batch {id}"))?;
        let count = |policy: &Policy| Some(policy.shards()?.count());
        let (shards, earlier_shards) = (count(ground.policy), count(&earlier));
        if shards.is_some() == earlier_shards.is_some() {
            return Ok(());
        }
        let (policy, earlier) = (ground.policy.name().to_owned(), earlier.name().to_owned());
        return Err(Error::ShardsDiffer { policy, shards, batch: id.to_string(), earlier, earlier_shards });
    }
    Ok(())
}

/// The instant that a batch says it was sealed at: never before its own instant of issue, nor before the batch that it
/// follows, however a clock was set back between them.
pub(crate) fn created(ledger: &Ledger, now: Time, issued_at: Time) -> Result<Time, Error> {
    let before = ledger.last_statement()?.and_then(|statement| created_of(&statement));
    Ok(now.max(issued_at).max(before.unwrap_or(now)))
}

/// A CA of the chain that certified the manifest signer can serve as its anchor. Of another CA nothing is known here.
fn manifest_signer(signer: &Certificate, issuer: &IssuerIdentity) -> Result<(), Error> {
    let cas = std::iter::once(issuer.certificate()).chain(issuer.chain());
    for ca in cas.filter(|ca| ca.subject() == signer.issuer()) {
        ManifestAnchor::from_certificate(ca)?;
    }
    Ok(())
}

/// The jump that is accepted, if there is one.
fn clock(ground: &Ground<'_>, ledger: &Ledger) -> Result<Option<Jump>, Error> {
    let times = ledger.known_times()?;
    let sealed = times.sealed.as_deref().and_then(created_of);
    let accepted = times.accepted.as_ref().map(|accepted| accepted.clock);
    let last = [accepted, times.issued_at, sealed].into_iter().flatten().max();
    let begins = |certificate: &Certificate| certificate.validity().not_before();
    let released = Time::from_unix(RELEASED).expect("it lies in the year 2026");
    let certificates = std::iter::once(ground.issuer.certificate()).chain(ground.manifest_certificate);
    let newest = certificates.map(begins).chain(last).fold(released, Time::max);
    let clock = ground.now;
    let (known, what) = match last {
        Some(last) if follows(last, clock).is_err() => (last, "behind"),
        _ if clock.unix() > newest.unix().saturating_add(MAX_AHEAD_DAYS * 86_400) => (newest, "ahead"),
        _ => return Ok(None),
    };
    match ground.accept_clock {
        Some(reason) => Ok(Some(Jump { clock, known, reason: reason.to_owned() })),
        None => Err(Error::ClockJump { clock, known, what, limit: MAX_AHEAD_DAYS }),
    }
}

fn created_of(statement: &[u8]) -> Option<Time> {
    // on a signing machine it is the head of a plan, which says nothing of this
    Statement::parse(statement).ok().map(|statement| statement.created)
}
