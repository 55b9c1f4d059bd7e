//! From names to certificates: what would be recorded, what is in doubt, and what the lists would weigh.

use std::collections::{BTreeMap, BTreeSet};

use crate::cert::IssuerIdentity;
use crate::crl::Reason;
use crate::crypto::{PublicKey, sha256};
use crate::error::Error;
use crate::ledger::{
    BatchId, BatchState, Ledger, Release, Revocable, Revocation, Revocations, Revoked, Scope, may_become,
};
use crate::text::Printable;
use crate::x509::{Certificate, Sha256Digest, Time};

use super::certificates::BatchCertificates;
use super::chosen::{Chosen, Decision, Finding};
use super::select::{Named, Selection};
use super::sizes::sizes;

/// A certificate that was named.
struct Pick<'s> {
    index: u32,
    reason: Option<Reason>,
    at: Option<Time>,
    place: &'s str,
    /// Whether a whole batch was named, or the batch that supersedes it, and not this certificate.
    of_batch: bool,
    of_reel: bool,
    /// The certificate's own end, if it is at hand.
    end: Option<Time>,
}

/// Finds what was named and decides what would be revoked. Nothing is recorded.
///
/// # Errors
/// The ledger cannot be read, or a batch's policy cannot be bound any more.
pub fn choose(
    ledger: &Ledger,
    issuer: &IssuerIdentity,
    selection: &Selection,
    decision: &Decision<'_>,
) -> Result<Chosen, Error> {
    let (mut chooser, known) = Chooser::picked(ledger, issuer, selection, decision)?;
    chooser.settle(&known)?;
    let blocked = ledger.blocked(None)?;
    let named = chooser.chosen.block.len();
    chooser.chosen.block.retain(|uid| blocked.reason(uid).is_none());
    chooser.chosen.counts.already += (named - chooser.chosen.block.len()) as u64;
    chooser.chosen.sizes = sizes(&known, &chooser.chosen.revocations, &chooser.limits);
    Ok(chooser.chosen)
}

/// As [`choose`], of certificates that are on hold and are to be valid again.
///
/// # Errors
/// As there.
pub fn choose_release(
    ledger: &Ledger,
    issuer: &IssuerIdentity,
    selection: &Selection,
    decision: &Decision<'_>,
) -> Result<Chosen, Error> {
    let (mut chooser, known) = Chooser::picked(ledger, issuer, selection, decision)?;
    chooser.settle_release(&known)?;
    // chips of a reel that have no certificate
    chooser.chosen.counts.valid += std::mem::take(&mut chooser.chosen.block).len() as u64;
    Ok(chooser.chosen)
}

struct Chooser<'a> {
    ledger: &'a Ledger,
    issuer: &'a IssuerIdentity,
    selection: &'a Selection,
    decision: &'a Decision<'a>,
    /// What was picked of each batch.
    picks: BTreeMap<BatchId, Vec<Pick<'a>>>,
    /// The most bytes of a list of a batch's certificates, where its policy says so.
    limits: BTreeMap<BatchId, u64>,
    /// Certificates of no batch that were given.
    others: Vec<(&'a str, &'a Certificate)>,
    chosen: Chosen,
}

impl<'a> Chooser<'a> {
    /// Finds what was named, and reads what the ledger says of it.
    fn picked(
        ledger: &'a Ledger,
        issuer: &'a IssuerIdentity,
        selection: &'a Selection,
        decision: &'a Decision<'a>,
    ) -> Result<(Self, Revocations), Error> {
        let chosen = Chosen { findings: selection.findings.clone(), ..Chosen::default() };
        let (picks, limits, others) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let mut chooser = Self { ledger, issuer, selection, decision, picks, limits, others, chosen };
        chooser.pick()?;
        Ok((chooser, ledger.revocations(u64::MAX)?))
    }

    fn find(&mut self, place: &str, kind: &'static str, what: String) {
        match kind {
            "unknown" => self.chosen.counts.unknown += 1,
            "foreign" => self.chosen.counts.foreign += 1,
            _ => {}
        }
        self.chosen.findings.push(Finding::new(place, kind, what));
    }

    fn pick(&mut self) -> Result<(), Error> {
        self.pick_chips()?;
        self.pick_certificates()?;
        self.pick_serials()?;
        self.pick_batches()?;
        self.pick_superseded()
    }

    fn pick_chips(&mut self) -> Result<(), Error> {
        let selection = self.selection;
        let mut uids = Vec::with_capacity(selection.chips.len());
        let mut named: Vec<usize> = Vec::with_capacity(selection.chips.len());
        for (at, one) in selection.chips.iter().enumerate() {
            let candidates = one.chip.candidates();
            if candidates.is_empty() {
                let what = format!(
                    "`{}` is a unique number, which does not name one chip: give the UID or the ST number",
                    one.chip
                );
                self.find(&one.place, "damaged", what);
            }
            for uid in candidates {
                uids.push(uid);
                named.push(at);
            }
        }
        let mut known = vec![false; selection.chips.len()];
        for leaf in self.ledger.find_uids(&uids)? {
            let one: &Named = &selection.chips[named[leaf.sought]];
            known[named[leaf.sought]] = true;
            let pick = Pick {
                index: leaf.index,
                reason: one.reason,
                at: one.at,
                place: &one.place,
                of_batch: false,
                of_reel: one.of_reel,
                end: None,
            };
            self.picks.entry(leaf.batch).or_default().push(pick);
        }
        for (one, known) in selection.chips.iter().zip(known) {
            match one.chip.candidates().first() {
                Some(uid) if !known && one.of_reel => self.chosen.block.push(*uid),
                Some(_) if !known => {
                    self.find(&one.place, "unknown", format!("no certificate of chip {} is on this ledger", one.chip));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn pick_certificates(&mut self) -> Result<(), Error> {
        let selection = self.selection;
        let keys: Vec<Sha256Digest> =
            selection.certificates.iter().map(|(_, certificate)| sha256(certificate.spki().der())).collect();
        let mut of_certificate: Vec<Vec<(BatchId, u32)>> = vec![vec![]; keys.len()];
        for leaf in self.ledger.find_keys(&keys)? {
            of_certificate[leaf.sought].push((leaf.batch, leaf.index));
        }
        for ((place, certificate), leaves) in selection.certificates.iter().zip(of_certificate) {
            if let Err(what) = self.is_ours(certificate) {
                self.find(place, "foreign", what);
                continue;
            }
            let mut of_batch = None;
            for (batch, index) in leaves {
                let Some(mut opened) = BatchCertificates::open(self.ledger, self.issuer, &batch)? else { continue };
                if opened.revocable(index)?.is_some_and(|one| one.serial == *certificate.serial()) {
                    of_batch = Some((batch, index));
                }
            }
            match of_batch {
                None => self.others.push((place, certificate)),
                Some((batch, index)) => {
                    let end = Some(certificate.validity().not_after());
                    let pick = Pick { index, reason: None, at: None, place, of_batch: false, of_reel: false, end };
                    self.picks.entry(batch).or_default().push(pick);
                }
            }
        }
        Ok(())
    }

    fn is_ours(&self, certificate: &Certificate) -> Result<(), String> {
        if certificate.issuer() != self.issuer.subject() {
            return Err(format!(
                "it is a certificate of `{}`, not of `{}`",
                certificate.issuer(),
                self.issuer.subject()
            ));
        }
        let verified = PublicKey::from_spki(self.issuer.spki()).map_err(|error| error.to_string()).and_then(|key| {
            let verdict = key.verify(certificate.signature_algorithm(), certificate.tbs(), certificate.signature());
            verdict.map_err(|error| error.to_string())
        });
        verified.map_err(|error| format!("it does not verify under the issuer's key: {error}"))
    }

    /// A serial number is not on the ledger: it is made of every leaf again until it is found.
    fn pick_serials(&mut self) -> Result<(), Error> {
        let selection = self.selection;
        if selection.serials.is_empty() {
            return Ok(());
        }
        let mut wanted: BTreeMap<_, Vec<&'a str>> = BTreeMap::new();
        for (place, serial) in &selection.serials {
            wanted.entry(*serial).or_default().push(place);
        }
        for (id, _) in self.ledger.batch_ids()? {
            if wanted.is_empty() {
                break;
            }
            let Some(mut batch) = BatchCertificates::open(self.ledger, self.issuer, &id)? else { continue };
            for index in 0..batch.leaves() {
                let Some(places) = batch.revocable(index)?.and_then(|one| wanted.remove(&one.serial)) else { continue };
                let pick = Pick {
                    index,
                    reason: None,
                    at: None,
                    place: places[0],
                    of_batch: false,
                    of_reel: false,
                    end: None,
                };
                self.picks.entry(id.clone()).or_default().push(pick);
            }
        }
        for (serial, places) in wanted {
            self.find(places[0], "unknown", format!("no certificate of this ledger has the serial number {serial}"));
        }
        Ok(())
    }

    fn pick_batches(&mut self) -> Result<(), Error> {
        let selection = self.selection;
        let mut batches: BTreeSet<BatchId> = selection.batches.iter().cloned().collect();
        let mut policies: BTreeSet<&str> = selection.policies.iter().map(String::as_str).collect();
        if !selection.policies.is_empty() || selection.between.is_some() {
            for (id, _) in self.ledger.batch_ids()? {
                let Some(row) = self.ledger.batch(&id)? else { continue };
                let name = row.terms.policy_name.as_str();
                let of_policy = selection.policies.is_empty() || selection.policies.iter().any(|wanted| wanted == name);
                let in_time = selection.between.is_none_or(|(from, to)| (from..=to).contains(&row.issued_at));
                policies.remove(name);
                if of_policy && in_time {
                    batches.insert(id);
                }
            }
            for name in policies {
                self.find(
                    "policy",
                    "unknown",
                    format!("no batch of policy `{}` is on this ledger", Printable::new(name)),
                );
            }
        }
        for id in batches {
            let Some(row) = self.ledger.batch(&id)? else {
                self.find("batch", "unknown", format!("batch {id} is not on this ledger"));
                continue;
            };
            let picks = self.picks.entry(id).or_default();
            let last = u32::try_from(row.terms.leaf_count).expect("the number of leaves was checked to fit");
            picks.extend((0..last).map(|index| Pick {
                index,
                reason: None,
                at: None,
                place: "batch",
                of_batch: true,
                of_reel: false,
                end: None,
            }));
        }
        Ok(())
    }

    fn pick_superseded(&mut self) -> Result<(), Error> {
        let Some(id) = &self.selection.superseded_by else { return Ok(()) };
        let Some(row) = self.ledger.batch(id)? else {
            self.find("superseding batch", "unknown", format!("batch {id} is not on this ledger"));
            return Ok(());
        };
        if row.state == BatchState::Abandoned {
            let what = format!("batch {id} was abandoned, so its certificates supersede none");
            self.find("superseding batch", "abandoned", what);
            return Ok(());
        }
        let number = self.ledger.batch_number(id)?;
        let mut uids = Vec::new();
        for chunk in 0..row.chunks() {
            let leaves = self.ledger.chunk_leaves(id, chunk)?;
            uids.extend(leaves.into_iter().filter(|leaf| leaf.issued).map(|leaf| leaf.uid));
        }
        let mut earlier: BTreeMap<BatchId, bool> = BTreeMap::new();
        for leaf in self.ledger.find_uids(&uids)? {
            let supersedes = if let Some(supersedes) = earlier.get(&leaf.batch) {
                *supersedes
            } else {
                let found = self.ledger.batch(&leaf.batch)?;
                let same = found.is_some_and(|found| found.terms.policy_name == row.terms.policy_name);
                let before = same && self.ledger.batch_number(&leaf.batch)? < number;
                earlier.insert(leaf.batch.clone(), before);
                before
            };
            if supersedes {
                let pick = Pick {
                    index: leaf.index,
                    reason: None,
                    at: None,
                    place: "superseding batch",
                    of_batch: true,
                    of_reel: false,
                    end: None,
                };
                self.picks.entry(leaf.batch).or_default().push(pick);
            }
        }
        Ok(())
    }

    fn settle(&mut self, known: &Revocations) -> Result<(), Error> {
        for (id, mut picks) in std::mem::take(&mut self.picks) {
            let Some(mut batch) = BatchCertificates::open(self.ledger, self.issuer, &id)? else {
                let place = picks[0].place;
                self.find(
                    place,
                    "foreign",
                    format!("an external CA made the certificates of batch {id}, and it alone can revoke them"),
                );
                self.chosen.counts.foreign += picks.len() as u64 - 1;
                continue;
            };
            self.limits.extend(batch.max_crl_bytes.map(|max| (id.clone(), max)));
            picks.sort_by_key(|pick| pick.index);
            let mut groups: BTreeMap<(Reason, Time), Vec<Revocable>> = BTreeMap::new();
            for of_leaf in picks.chunk_by(|a, b| a.index == b.index) {
                let Some(pick) = self.one_of(of_leaf) else { continue };
                if let Some((reason, at, revocable)) = self.judge(&mut batch, known, &pick)? {
                    groups.entry((reason, at)).or_default().push(revocable);
                }
            }
            self.take(&id, groups);
        }
        self.settle_others(known)
    }

    /// Certificates of CAs and manifest signers.
    fn settle_others(&mut self, known: &Revocations) -> Result<(), Error> {
        let listed: Vec<&Revoked> = known.certificates().iter().filter(|one| one.batch == 0).collect();
        let mut next = self.ledger.next_of_no_batch()?;
        let mut fresh = Vec::new();
        for (place, certificate) in std::mem::take(&mut self.others) {
            let earlier = listed.iter().find(|one| one.serial == *certificate.serial());
            let reason = self.decision.reason;
            match earlier {
                Some(one) if !may_become(one.reason, reason) => {
                    self.chosen.counts.already += 1;
                    continue;
                }
                Some(_) => self.chosen.counts.changed += 1,
                None => {}
            }
            if fresh.iter().any(|one: &Revocable| one.serial == *certificate.serial()) {
                self.find(place, "twice", "the certificate was named twice".to_owned());
                continue;
            }
            let index = earlier.map_or(next, |one| one.index);
            next += u32::from(earlier.is_none());
            fresh.push(Revocable {
                index,
                serial: *certificate.serial(),
                not_after: certificate.validity().not_after(),
                scope: Scope::default(),
            });
        }
        fresh.sort_by_key(|one| one.index);
        self.chosen.counts.chosen += fresh.len() as u64;
        if !fresh.is_empty() {
            self.chosen.batches.push((None, fresh.len() as u64));
            let instruction = self.decision.instruction(self.decision.at);
            let reason = self.decision.reason;
            self.chosen.revocations.push(Revocation { batch: None, reason, instruction, certificates: fresh });
        }
        Ok(())
    }

    /// What several names of one certificate come to.
    fn one_of(&mut self, picks: &[Pick<'a>]) -> Option<Pick<'a>> {
        let first = picks.iter().find(|pick| pick.reason.is_some() || pick.at.is_some()).unwrap_or(&picks[0]);
        let differs = picks.iter().find(|pick| {
            (pick.reason.is_some() && pick.reason != first.reason) || (pick.at.is_some() && pick.at != first.at)
        });
        if let Some(other) = differs {
            let what = format!("the certificate is named with another reason or time by {}", first.place);
            self.find(other.place, "twice", what);
            return None;
        }
        let end = picks.iter().find_map(|pick| pick.end);
        Some(Pick {
            end,
            of_batch: picks.iter().all(|pick| pick.of_batch),
            of_reel: picks.iter().all(|pick| pick.of_reel),
            ..*first
        })
    }

    fn judge(
        &mut self,
        batch: &mut BatchCertificates<'_>,
        known: &Revocations,
        pick: &Pick<'_>,
    ) -> Result<Option<(Reason, Time, Revocable)>, Error> {
        let Some(mut revocable) = batch.revocable(pick.index)? else {
            let uid = batch.leaf(pick.index)?.uid;
            if pick.of_reel {
                self.chosen.block.push(uid);
            } else if batch.row.state == BatchState::Open {
                let what = format!("batch {} is open and has no certificate of chip {uid} yet", batch.row.id);
                self.chosen.findings.push(Finding {
                    hint: Some("Finish the batch with its own command, or block the chip.".to_owned()),
                    ..Finding::new(pick.place, "open", what)
                });
            }
            return Ok(None);
        };
        let reason = pick.reason.unwrap_or(self.decision.reason);
        let at = pick.at.unwrap_or(self.decision.at);
        if let Some(one) = known.find(batch.number, pick.index) {
            if !may_become(one.reason, reason) {
                self.chosen.counts.already += 1;
                return Ok(None);
            }
            self.chosen.counts.changed += 1;
        }
        let exact = pick.end.is_some() || batch.exact;
        revocable.not_after = pick.end.unwrap_or(revocable.not_after);
        if exact && revocable.not_after < self.decision.now {
            self.chosen.counts.expired += 1;
            return Ok(None);
        }
        if at > self.decision.now {
            self.find(
                pick.place,
                "time",
                format!("the time of revocation {at} is after this machine's clock, {}", self.decision.now),
            );
            return Ok(None);
        }
        self.chosen.counts.inexact += u64::from(!exact);
        Ok(Some((reason, at, revocable)))
    }

    fn take(&mut self, batch: &BatchId, groups: BTreeMap<(Reason, Time), Vec<Revocable>>) {
        let count: usize = groups.values().map(Vec::len).sum();
        if count == 0 {
            return;
        }
        self.chosen.counts.chosen += count as u64;
        self.chosen.batches.push((Some(batch.clone()), count as u64));
        for ((reason, at), certificates) in groups {
            let instruction = self.decision.instruction(at);
            let batch = Some(batch.clone());
            self.chosen.revocations.push(Revocation { batch, reason, instruction, certificates });
        }
    }

    fn settle_release(&mut self, known: &Revocations) -> Result<(), Error> {
        let of_no_batch: Vec<u32> = {
            let serials: BTreeSet<_> = self.others.iter().map(|(_, certificate)| *certificate.serial()).collect();
            let listed = known.certificates().iter().filter(|one| one.batch == 0);
            listed.filter(|one| serials.contains(&one.serial)).map(|one| one.index).collect()
        };
        self.release(None, 0, of_no_batch.into_iter().map(|index| (index, "certificate")), known);
        for (id, mut picks) in std::mem::take(&mut self.picks) {
            let number = self.ledger.batch_number(&id)?;
            picks.sort_by_key(|pick| pick.index);
            picks.dedup_by_key(|pick| pick.index);
            let picks = picks.into_iter().map(|pick| (pick.index, pick.place));
            self.release(Some(id), number, picks, known);
        }
        Ok(())
    }

    fn release<'p>(
        &mut self,
        batch: Option<BatchId>,
        number: u64,
        picks: impl Iterator<Item = (u32, &'p str)>,
        known: &Revocations,
    ) {
        let mut indexes = Vec::new();
        for (index, place) in picks {
            match known.find(number, index) {
                None => self.chosen.counts.valid += 1,
                Some(one) if one.reason == Reason::CertificateHold => indexes.push(index),
                Some(one) => {
                    let what = format!(
                        "the certificate with serial number {} is revoked for {}, and stays so",
                        one.serial, one.reason
                    );
                    self.find(place, "final", what);
                }
            }
        }
        if !indexes.is_empty() {
            self.chosen.counts.chosen += indexes.len() as u64;
            self.chosen.batches.push((batch.clone(), indexes.len() as u64));
            let instruction = self.decision.instruction(self.decision.at);
            self.chosen.releases.push(Release { batch, instruction, indexes });
        }
    }
}
