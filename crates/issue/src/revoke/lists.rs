//! The lists of a round: a pure function of the ledger's records up to a position, two times, and the CA's certificate.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use crate::cert::IssuerIdentity;
use crate::crl::{CrlEntry, CrlParameters, IssuingDistributionPoint, tbs_cert_list};
use crate::crypto::{Sha256, sha256};
use crate::error::{Error, RevokeError};
use crate::ledger::{CrlRound, Ledger, Revocations, Revoked, RoundList, Scope};
use crate::lint;
use crate::x509::{SerialNumber, Sha256Digest, Time};

use super::certificates::BatchCertificates;

/// The version of the encoder of lists.
pub const ENCODER: u32 = 1;

/// The lists of a round, not signed.
#[derive(Debug)]
pub struct Lists {
    /// What is recorded of them.
    pub round: CrlRound,
    /// The TBSCertLists in the order of the round.
    pub tbs: Vec<Vec<u8>>,
}

/// What a round is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) number: u64,
    pub(super) this_update: Time,
    pub(super) next_update: Time,
    /// Revocations up to this record are taken.
    pub(super) position: u64,
}

/// Makes the lists of a round. `more` are scopes that have lists besides those of the ledger's batches.
pub(super) fn build(
    ledger: &Ledger,
    issuer: &IssuerIdentity,
    terms: &Terms,
    more: &[Scope],
    revocations: Revocations,
) -> Result<Lists, Error> {
    let before = ledger.signed_round_before(terms.number)?;
    let mut revoked = revocations.into_certificates();
    revoked.retain(|one| !has_left(one, before.as_ref()));
    revoked.sort_unstable_by(|a, b| order(&a.serial, &b.serial));
    let (policies_sha256, mut scopes) = scopes(ledger, issuer, 0..=terms.position)?;
    scopes.extend(more.iter().filter(|scope| !scope.is_full()).cloned());
    scopes.extend(
        revoked
            .iter()
            .map(|one| &one.scope)
            .filter(|scope| !scope.is_full())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .cloned(),
    );
    let mut of_scope: BTreeMap<&Scope, Vec<&Revoked>> = scopes.iter().map(|scope| (scope, Vec::new())).collect();
    for one in &revoked {
        if let Some(list) = of_scope.get_mut(&one.scope) {
            list.push(one);
        }
    }
    let full = Scope::default();
    let plan: Vec<(&Scope, Vec<&Revoked>)> =
        std::iter::once((&full, revoked.iter().collect())).chain(of_scope).collect();
    let mut lists = Vec::with_capacity(plan.len());
    let mut tbs = Vec::with_capacity(plan.len());
    for (scope, members) in plan {
        let point = (!scope.is_full()).then(|| IssuingDistributionPoint::of_urls(scope.urls().to_vec()));
        let parameters = CrlParameters {
            issuer: issuer.subject().clone(),
            authority_key_identifier: issuer.key_identifier().cloned(),
            number: terms.number,
            this_update: terms.this_update,
            next_update: terms.next_update,
            signature: issuer.spki().algorithm().usual_signature(),
            distribution_point: point,
        };
        let entries =
            members.iter().map(|one| CrlEntry { serial: one.serial, revoked_at: one.since, reason: one.reason });
        let der = linted(issuer, &parameters, scope, tbs_cert_list(&parameters, entries))?;
        lists.push(RoundList {
            scope: scope.clone(),
            entries: members.len() as u64,
            tbs_sha256: sha256(&der),
            tbs_bytes: der.len() as u64,
        });
        tbs.push(der);
    }
    let round = CrlRound {
        number: terms.number,
        issuer_sha256: sha256(issuer.certificate().der()),
        this_update: terms.this_update,
        next_update: terms.next_update,
        position: terms.position,
        encoder: ENCODER,
        policies_sha256,
        lists,
    };
    Ok(Lists { round, tbs })
}

/// A list that breaks a rule is not signed, nor recorded.
fn linted(issuer: &IssuerIdentity, parameters: &CrlParameters, scope: &Scope, tbs: Vec<u8>) -> Result<Vec<u8>, Error> {
    match lint::check_crl(issuer, parameters, tbs) {
        Ok(linted) => Ok(linted.into_tbs()),
        Err(findings) => {
            let scope = scope.urls().first().map_or("full list", String::as_str).to_owned();
            let finding = findings.first().map(ToString::to_string).unwrap_or_default();
            Err(RevokeError::Lint { scope, number: parameters.number, finding }.into())
        }
    }
}

/// Whether a certificate was on a list that was made after it expired (RFC 5280 §3.3: "An entry MUST NOT be removed from
/// the CRL until it appears on one regularly scheduled CRL issued beyond the revoked certificate's validity period").
fn has_left(one: &Revoked, before: Option<&CrlRound>) -> bool {
    before.is_some_and(|round| round.this_update > one.not_after && round.position >= one.position)
}

/// Serial numbers as numbers: their content is minimal, so the longer one is the larger one.
fn order(one: &SerialNumber, other: &SerialNumber) -> std::cmp::Ordering {
    let (one, other) = (one.content(), other.content());
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

/// Whether a batch that began after a round has certificates whose distribution point is that of none of its lists.
pub(super) fn lacks_scope(ledger: &Ledger, issuer: &IssuerIdentity, round: &CrlRound) -> Result<bool, Error> {
    let (_, scopes) = scopes(ledger, issuer, round.position.saturating_add(1)..=u64::MAX)?;
    Ok(scopes.iter().any(|scope| round.lists.iter().all(|list| list.scope != *scope)))
}

/// The digest of the policies of the batches that began at these positions, and every scope that their certificates can
/// have.
fn scopes(
    ledger: &Ledger,
    issuer: &IssuerIdentity,
    positions: RangeInclusive<u64>,
) -> Result<(Sha256Digest, BTreeSet<Scope>), Error> {
    let mut policies = BTreeSet::new();
    let mut scopes = BTreeSet::new();
    for (id, number) in ledger.batch_ids()? {
        if !positions.contains(&number) {
            continue;
        }
        if let Some(mut batch) = BatchCertificates::open(ledger, issuer, &id)? {
            policies.insert(batch.row.terms.policy_sha256);
            scopes.extend(batch.all_scopes()?);
        }
    }
    let mut hash = Sha256::new();
    hash.update(b"reroot-crl-policies/1\0");
    for policy in policies {
        hash.update(policy.as_bytes());
    }
    Ok((hash.finish(), scopes))
}
