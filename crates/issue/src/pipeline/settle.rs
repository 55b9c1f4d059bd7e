//! Between the passes: which of the verified leaves are to be issued in this batch, and is it an earlier one?

use std::collections::BTreeSet;

use crate::error::Error;
use crate::findings::{FindingSpool, Findings};
use crate::ledger::{self, BatchId, BatchRow, BatchState, BatchTerms, Delivery, Ledger, OnReject, Standing, Standings};
use crate::manifest::MissingLine;
use crate::origin::{Code, Disposition, Finding};
use crate::plan::head::Met;
use crate::reel::{InputRecord, Spool};
use crate::text::Printable;
use crate::verify::{self, MissingChip, Verifier};

use super::again::{self, Again};
use super::intake::Account;
use super::job::{Job, OnMissing, OnSurplus};
use super::kept::Kept;
use super::outcome::Refusal;
use super::terms::{LeavesOf, fix_leaves, input_lines, terms, usual_chunk};
use crate::intake::{self, LaidAside, Listed, Pass1, Row};

/// The leaves to issue in UID order, and everything else that became of the input.
pub(super) struct Settled {
    pub(super) spool: Spool,
    pub(super) verifier: Verifier,
    pub(super) inputs: Vec<InputRecord>,
    pub(super) items: u64,
    /// What became of all other items, until they are listed.
    pub(super) findings: FindingSpool,
    /// What became of all other items, in the order of the input.
    pub(super) listed: Findings,
    pub(super) warnings: Vec<String>,
    /// Leaves of this batch, strictly increasing by UID.
    pub(super) rows: Vec<Row>,
    /// With an earlier batch found: leaves that it does not hold and that are expected to fail again.
    pub(super) not_in_batch: Vec<Row>,
    /// The tbsCertificates of the leaves of this batch, once they are built.
    pub(super) kept: Option<Kept>,
    pub(super) terms: BatchTerms,
    missing: Vec<MissingChip>,
    /// Findings that are there because the list does not name a chip.
    surplus: u64,
    /// Reasons that stop the run with any options.
    stop: Vec<String>,
    /// As those, but the rest is looked at first, so that everything is listed.
    unmet: Vec<String>,
    /// Whether those would be fewer with [`OnMissing::Note`].
    note_helps: bool,
    /// Reasons that are noted and stop nothing.
    notes: Vec<String>,
    /// Batches that have issued chips of this input, from the same leaf under the same policy.
    issued_in: BTreeSet<BatchId>,
    /// The batch that the run goes on with, if it was found by its leaves.
    pub(super) found_by_leaves: Option<BatchId>,
}

/// Applies the rules that need all leaves at once. Returns the batch of an earlier run too: the one that the command
/// was found by, or one of the same leaves and terms.
pub(super) fn settle(
    job: &Job<'_>,
    ledger: &Ledger,
    mut intake: Pass1,
    earlier: Option<BatchRow>,
) -> Result<(Settled, Option<BatchRow>), Error> {
    intake.take_out_conflicts()?;
    let Pass1 { spool, rows, findings, inputs, without_certificates, items, mut warnings, notes, verifier } = intake;
    warnings.extend(notes.iter().map(ToString::to_string));
    let terms = terms(job, &inputs);
    let Listed { missing, unexpected } = match job.expected {
        Some(expected) => intake::compare(expected, &rows),
        None => Listed { missing: vec![], unexpected: vec![] },
    };
    let mut settled = Settled {
        spool,
        verifier,
        inputs,
        items,
        findings,
        listed: Findings::default(),
        warnings,
        rows,
        not_in_batch: vec![],
        kept: None,
        terms,
        missing,
        surplus: 0,
        stop: vec![],
        unmet: vec![],
        note_helps: false,
        notes: vec![],
        issued_in: BTreeSet::new(),
        found_by_leaves: None,
    };
    for input in without_certificates {
        let reason = format!("no certificate in input {input}");
        let reasons = if job.on_reject == OnReject::Skip { &mut settled.notes } else { &mut settled.unmet };
        reasons.push(reason);
    }
    let earlier = if let Some(row) = earlier {
        let differ = || Error::LeavesDiffer { batch: row.id.to_string() };
        let members = ledger.members(&row.id, &settled.leaves())?.ok_or_else(differ)?;
        settled.go_on(job, ledger, &row, &members, &unexpected)?;
        Some(row)
    } else {
        let standings = ledger.standings(&settled.terms.policy_use(), &settled.leaves(), None)?;
        match again::find(job, ledger, &settled, &standings, &unexpected)? {
            Again::Found(row, members) => {
                settled.go_on(job, ledger, &row, &members, &unexpected)?;
                settled.found_by_leaves = Some(row.id.clone());
                Some(*row)
            }
            Again::New(warning) => {
                settled.warnings.extend(warning);
                settled.begin(job, ledger, &standings, &unexpected)?;
                None
            }
        }
    };
    settled.apply_expectations(job, earlier.as_ref());
    settled.warn(job, ledger)?;
    Ok((settled, earlier))
}

impl Settled {
    fn apply_expectations(&mut self, job: &Job<'_>, earlier: Option<&BatchRow>) {
        // what was missing when an open batch was started was said then, and did not stop it
        let open = earlier.filter(|row| row.state == BatchState::Open);
        let same_list = open.is_some_and(|row| row.terms.expected_sha256 == self.terms.expected_sha256);
        if !self.missing.is_empty() {
            let reason = format!("expected chips that the input lacks: {}", self.missing.len());
            self.miss(reason, job.on_missing == OnMissing::Note || same_list);
        }
        let found = self.rows.len() as u64;
        if let Some(expected) = job.expect_count.filter(|expected| *expected != found) {
            let reason = format!("chips that verified: {found}, expected {expected} (the count that was given)");
            if found < expected {
                let begun = open.is_some() && job.on_reject == OnReject::Skip;
                self.miss(reason, job.on_missing == OnMissing::Note || begun);
            } else {
                // which of them are too many only a list can say
                self.unmet.push(reason);
            }
        }
    }

    /// Something expected is missing.
    fn miss(&mut self, reason: String, note: bool) {
        if note {
            self.notes.push(reason);
        } else {
            self.unmet.push(reason);
            self.note_helps = true;
        }
    }

    /// What the ledger knows of these chips decides which of them are issued in a new batch.
    fn begin(
        &mut self,
        job: &Job<'_>,
        ledger: &Ledger,
        standings: &Standings,
        unexpected: &[usize],
    ) -> Result<(), Error> {
        self.set_aside_all(job, standings, unexpected)?;
        self.set_aside_blocked(ledger, None)?;
        self.set_aside_elsewhere(job)?;
        self.refuse_repeated_serials(job, ledger, None)
    }

    /// Takes out chips for which nothing may be issued; with `before`, those that were known when the batch started.
    fn set_aside_blocked(&mut self, ledger: &Ledger, before: Option<&BatchId>) -> Result<(), Error> {
        let blocked = ledger.blocked(before)?;
        let found = self.rows.iter().enumerate().filter_map(|(at, row)| Some((at, blocked.reason(&row.key.uid)?)));
        let found: Vec<(usize, &str)> = if blocked.is_empty() { vec![] } else { found.collect() };
        self.set_aside_where(found.into_iter(), |settled, row, why| {
            let reason = format!("chip {} is blocked: {}", row.key.uid, Printable::new(why));
            settled.set_aside(row, Disposition::Rejected, ledger::code::BLOCKED, reason)?;
            Ok(Judged::SetAside)
        })
    }

    /// Takes out chips that a different site has issued for, unless there is a reason for issuing again.
    fn set_aside_elsewhere(&mut self, job: &Job<'_>) -> Result<(), Error> {
        for names in job.known_names {
            // read to its end even so: a damaged list is refused in any case
            let found = names.among(self.rows.iter().map(|row| row.key.uid.as_bytes()))?;
            let found = if job.reissue.is_some() { vec![] } else { found };
            self.set_aside_where(found.into_iter().map(|at| (at, ())), |settled, row, ()| {
                let list = Printable::new(names.path());
                let reason = format!("chip {} is in the list `{list}` of a different site", row.key.uid);
                settled.set_aside(row, Disposition::Rejected, ledger::code::ELSEWHERE, reason)?;
                Ok(Judged::SetAside)
            })?;
        }
        Ok(())
    }

    /// An open batch has its chips, and is not finished while one of them is blocked.
    fn stop_if_blocked(&mut self, ledger: &Ledger, row: &BatchRow) -> Result<(), Error> {
        if row.state == BatchState::Sealed {
            return Ok(());
        }
        let blocked = ledger.blocked(None)?;
        let among = if blocked.is_empty() {
            0
        } else {
            self.rows.iter().filter(|row| blocked.reason(&row.key.uid).is_some()).count()
        };
        if among > 0 {
            self.stop.push(format!(
                "batch {} is open and has blocked chips: {among}; it is finished when they are unblocked",
                row.id
            ));
        }
        Ok(())
    }

    /// An earlier batch keeps its chips, even if the list has changed. The other chips are judged by what the ledger
    /// had when that batch began: what was issued since does not change the batch.
    fn go_on(
        &mut self,
        job: &Job<'_>,
        ledger: &Ledger,
        row: &BatchRow,
        members: &[bool],
        unexpected: &[usize],
    ) -> Result<(), Error> {
        // the leaves of an earlier batch wait beside, and only if there is one: rows of millions stay where they are
        let mut flags = members.iter();
        let others: Vec<Row> = self.rows.extract_if(.., |_| flags.next() == Some(&false)).collect();
        let members_rows = std::mem::replace(&mut self.rows, others);
        let mut others = 0;
        let mut among_others = Vec::new();
        let mut unlisted = 0_u64;
        let mut unexpected = unexpected.iter().peekable();
        for (at, member) in members.iter().enumerate() {
            let surplus = unexpected.next_if(|next| **next == at).is_some();
            match (member, surplus) {
                (true, surplus) => unlisted += u64::from(surplus),
                (false, true) => among_others.push(others),
                (false, false) => {}
            }
            others += usize::from(!member);
        }
        let before = Some(&row.id);
        let standings = ledger.standings(&self.terms.policy_use(), &self.leaves(), before)?;
        self.set_aside_all(job, &standings, &among_others)?;
        self.set_aside_blocked(ledger, before)?;
        self.set_aside_elsewhere(job)?;
        self.refuse_repeated_serials(job, ledger, before)?;
        self.not_in_batch = std::mem::replace(&mut self.rows, members_rows);
        self.stop_if_blocked(ledger, row)?;
        match row.state {
            BatchState::Open if unlisted > 0 => self.stop.push(format!(
                "batch {} is open and has chips that the list does not name: {unlisted}; give the list that it was begun \
                 with, or none",
                row.id
            )),
            BatchState::Sealed if unlisted > 0 && job.on_surplus == OnSurplus::Reject => {
                self.unmet.push(format!("batch {} is sealed and has chips that the list does not name: {unlisted}", row.id));
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes out what is not on the list and what the ledger knows something of.
    fn set_aside_all(&mut self, job: &Job<'_>, standings: &Standings, unexpected: &[usize]) -> Result<(), Error> {
        let known = standings.iter().filter(|(at, _)| unexpected.binary_search(at).is_err());
        let known = known.map(|(at, standing)| (at, Some(standing)));
        let told = known.chain(unexpected.iter().map(|at| (*at, None)));
        self.set_aside_where(told, |settled, row, standing| {
            if let Some(standing) = standing {
                return settled.judge(job, row, &standing);
            }
            let finding = match job.on_surplus {
                OnSurplus::Ignore => verify::surplus,
                OnSurplus::Reject => verify::unexpected,
            };
            let LaidAside { number, item, .. } = row.load(&settled.spool)?;
            settled.findings.push(number, finding(item, &row.key))?;
            settled.surplus += 1;
            Ok(Judged::SetAside)
        })
    }

    /// Looks at some rows and takes out those that `judge` sets aside.
    fn set_aside_where<T>(
        &mut self,
        told: impl Iterator<Item = (usize, T)>,
        judge: impl Fn(&mut Self, &Row, T) -> Result<Judged, Error>,
    ) -> Result<(), Error> {
        let mut rows = std::mem::take(&mut self.rows);
        let mut stay = vec![true; rows.len()];
        for (at, told) in told {
            stay[at] = judge(self, &rows[at], told)? == Judged::Stays;
        }
        intake::keep(&mut rows, stay);
        self.rows = rows;
        Ok(())
    }

    /// Chips that the run wants and that pass, but that are not in the batch that it goes on with.
    pub(super) fn left_out(&mut self, row: &BatchRow, count: u64) {
        if count == 0 || self.found_by_leaves.is_none() {
            return;
        }
        self.unmet.push(match row.state {
            BatchState::Abandoned | BatchState::Open => format!(
                "batch {} is open and was begun without chips that this run wants: {count}; finish it with its own command, \
                 then run this one",
                row.id
            ),
            BatchState::Sealed => format!(
                "batch {} was sealed from this input without chips that this run wants: {count}; a list of those alone \
                 issues them",
                row.id
            ),
        });
    }

    /// A serial number copied from the leaf is the same in every certificate of the chip, and an issuer uses one once
    /// (RFC 5280 §4.1.2.2). Which earlier certificates of a chip copied it too is not looked into: none may exist.
    fn refuse_repeated_serials(
        &mut self,
        job: &Job<'_>,
        ledger: &Ledger,
        before: Option<&BatchId>,
    ) -> Result<(), Error> {
        if !job.policy.copies_serial() {
            return Ok(());
        }
        let known = ledger.known_uids(&self.leaves(), before)?;
        let known = known.into_iter().enumerate().filter_map(|(at, batch)| Some((at, batch?)));
        self.set_aside_where(known, |settled, row, batch| {
            let reason = format!(
                "chip {} has a certificate of this issuer from batch {batch}, and `serial = \"source\"` could repeat its \
                 serial number",
                row.key.uid
            );
            settled.set_aside(row, Disposition::Rejected, ledger::code::SERIAL_REPEATED, reason)?;
            Ok(Judged::SetAside)
        })
    }

    fn judge(&mut self, job: &Job<'_>, row: &Row, standing: &Standing) -> Result<Judged, Error> {
        match standing {
            Standing::Free => return Ok(Judged::Stays),
            Standing::Held { batch } => {
                let reason = format!("chip {} is held by the open batch {batch}", row.key.uid);
                self.set_aside(row, Disposition::Rejected, ledger::code::HELD, reason)?;
                self.stop_once(format!(
                    "batch {batch} is open and holds chips of this input: run its own command again to finish it"
                ));
            }
            Standing::Abandoned { .. } | Standing::Issued { .. } if job.reissue.is_some() => return Ok(Judged::Stays),
            Standing::Abandoned { batch } => {
                let reason = format!("chip {} may have been signed in batch {batch}, which was abandoned", row.key.uid);
                self.set_aside(row, Disposition::Rejected, ledger::code::ABANDONED, reason)?;
                self.stop_once(format!(
                    "batch {batch} was abandoned and may have signed chips of this input; they are issued again only for a \
                     reason, which is recorded"
                ));
            }
            Standing::Issued { batch, same_policy: true, same_params: true, same_source: true } => {
                let reason = format!("chip {} has a certificate under this policy from batch {batch}", row.key.uid);
                self.set_aside(row, Disposition::Ignored, ledger::code::ALREADY_ISSUED, reason)?;
                if !self.issued_in.contains(batch) {
                    self.issued_in.insert(batch.clone());
                }
            }
            Standing::Issued { batch, same_policy, same_params, same_source } => {
                let differences = [
                    (*same_policy, ledger::code::OTHER_POLICY, "another text of this policy"),
                    (*same_params, ledger::code::OTHER_PARAMS, "other parameters"),
                    (*same_source, ledger::code::OTHER_SOURCE, "another leaf certificate"),
                ];
                let differences = differences.iter().filter(|(same, _, _)| !same);
                let code = differences.clone().map(|(_, code, _)| *code).next().unwrap_or(ledger::code::OTHER_POLICY);
                let what = differences.map(|(_, _, what)| *what).collect::<Vec<_>>().join(" and ");
                let reason = format!("chip {} was issued in batch {batch} from {what}", row.key.uid);
                self.set_aside(row, Disposition::Rejected, code, reason)?;
                self.stop_once(format!(
                    "batch {batch} issued chips of this input under policy `{}` from {what}; they are \
                     issued again only for a reason, which is recorded",
                    job.policy.name()
                ));
            }
            Standing::UidWithOtherKey { batch } => {
                let reason = format!("ALARM: chip {} has another key in batch {batch} of this ledger", row.key.uid);
                self.set_aside(row, Disposition::Rejected, ledger::code::UID_WITH_OTHER_KEY, reason)?;
            }
            Standing::KeyUnderOtherUid { batch, uid } => {
                let reason = format!(
                    "ALARM: the key of chip {} belongs to chip {uid} in batch {batch} of this ledger",
                    row.key.uid
                );
                self.set_aside(row, Disposition::Rejected, ledger::code::KEY_UNDER_OTHER_UID, reason)?;
            }
        }
        Ok(Judged::SetAside)
    }

    fn stop_once(&mut self, reason: String) {
        if !self.stop.contains(&reason) {
            self.stop.push(reason);
        }
    }

    fn warn(&mut self, job: &Job<'_>, ledger: &Ledger) -> Result<(), Error> {
        if job.expected.is_none() && !self.rows.is_empty() {
            self.warnings.push(
                "reel membership was not checked: a valid leaf proves a genuine ST part, not one of this reel; no list of chips was given"
                    .into(),
            );
        }
        for known in job.known_ledgers {
            self.warnings.extend(known.report(&self.rows)?);
        }
        let last = ledger.last_sealed()?.map(|(batch, _)| ledger.batch(&batch)).transpose()?.flatten();
        if let Some(last) = last.filter(|last| last.issued_at > job.now) {
            let (id, then, now) = (last.id, last.issued_at, job.now);
            self.warnings.push(format!("this machine's clock says {now}, but batch {id} was issued at {then}"));
        }
        Ok(())
    }

    /// Turns a verified leaf into a finding.
    pub(super) fn set_aside(
        &mut self,
        row: &Row,
        disposition: Disposition,
        code: Code,
        reason: String,
    ) -> Result<(), Error> {
        let LaidAside { number, item, .. } = row.load(&self.spool)?;
        let finding = match disposition {
            Disposition::Ignored => Finding::ignored(item, code, reason),
            Disposition::Rejected => Finding::rejected(item, code, reason),
        };
        Ok(self.findings.push(number, finding.of(Some(row.uid()), Some(row.source())))?)
    }

    /// The leaves of the batch as the ledger knows them, in UID order.
    pub(super) fn leaves(&self) -> LeavesOf<'_> {
        LeavesOf(&self.rows)
    }

    /// A new batch row; its leaf set is fixed by [`confirm`](Self::confirm) when every leaf has been linted.
    pub(super) fn draw(&self, job: &Job<'_>, delivery: Delivery) -> BatchRow {
        BatchRow {
            id: job.batch_id.clone(),
            terms: self.terms.clone(),
            seed: job.seed.clone(),
            beacon: job.beacon,
            issued_at: job.now,
            chunk_size: job.chunk_size.unwrap_or_else(|| usual_chunk(self.rows.len())),
            delivery,
            state: BatchState::Open,
        }
    }

    /// Fixes the leaf set of a new batch; an earlier batch must have exactly the one that was linted.
    pub(super) fn confirm(&self, mut row: BatchRow, earlier: bool) -> Result<BatchRow, Error> {
        let recorded = row.terms.leaves_sha256;
        fix_leaves(&mut row.terms, &self.leaves());
        if earlier && row.terms.leaves_sha256 != recorded {
            return Err(Error::LeavesDiffer { batch: row.id.to_string() });
        }
        Ok(row)
    }

    /// Every item is exactly one of issued, rejected, ignored: rule four, before anything is signed.
    pub(super) fn check_account(&self) -> Result<(), Error> {
        let accounted = self.rows.len() as u64 + self.findings.len() + self.listed.len();
        if accounted == self.items { Ok(()) } else { Err(Error::Account { items: self.items, accounted }) }
    }

    pub(super) fn count(&self, disposition: Disposition) -> u64 {
        self.findings.count(disposition) + self.listed.count(disposition)
    }

    /// Whether there is nothing to issue under any policy about rejections.
    pub(super) fn nothing_left(&self) -> bool {
        self.rows.is_empty() || !self.stop.is_empty()
    }

    pub(super) fn stops(&self, on_reject: OnReject) -> bool {
        let flawed = on_reject == OnReject::Stop && self.count(Disposition::Rejected) > 0;
        self.nothing_left() || !self.unmet.is_empty() || flawed
    }

    /// Adds a reason that nothing takes away.
    pub(super) fn refuse(&mut self, reason: String) {
        self.stop.push(reason);
    }

    pub(super) fn refused(mut self, on_reject: OnReject) -> Result<Refusal, Error> {
        self.list_findings()?;
        let rejected = self.count(Disposition::Rejected);
        let faults = rejected + (self.missing.len() + self.stop.len() + self.unmet.len() + self.notes.len()) as u64;
        let issued_in =
            if self.rows.is_empty() && faults == 0 { std::mem::take(&mut self.issued_in) } else { BTreeSet::new() };
        let skip_helps = on_reject == OnReject::Stop && rejected > 0 && !self.nothing_left();
        let note_helps = self.note_helps && !self.nothing_left();
        let mut reasons = std::mem::take(&mut self.stop);
        reasons.append(&mut self.unmet);
        reasons.append(&mut self.notes);
        if rejected > 0 {
            reasons.push(format!("items rejected: {rejected} of {}", self.items));
        }
        if self.rows.is_empty() {
            reasons.push("there is nothing left to issue".into());
        }
        Ok(Refusal {
            items: self.items,
            ready: self.rows.len() as u64,
            skip_helps,
            note_helps,
            issued_in: issued_in.iter().map(ToString::to_string).collect(),
            findings: self.listed,
            missing: self.missing,
            reasons,
            warnings: self.warnings,
        })
    }

    /// What became of the expected list, if there was one.
    pub(super) fn expected(&self, job: &Job<'_>) -> Option<Met> {
        let (list, sha256) = job.expected.zip(job.expected_sha256)?;
        let family = job.policy.source().family;
        let mut missing: Vec<String> =
            self.missing.iter().map(|chip| MissingLine::new(chip.uid(family)).line() + "\n").collect();
        missing.sort_unstable();
        Some(Met { sha256, count: list.len() as u64, missing: missing.concat(), surplus: self.surplus })
    }

    /// Puts the findings in order: from now on there are no others.
    pub(super) fn list_findings(&mut self) -> Result<(), Error> {
        if self.listed.is_empty() {
            let none = self.findings.empty();
            self.listed = std::mem::replace(&mut self.findings, none).finish()?;
        }
        Ok(())
    }

    /// What pass 2 needs, and what became of everything else.
    pub(super) fn into_account(self, job: &Job<'_>) -> (Account, Vec<Row>, (Spool, Option<Kept>), Verifier) {
        let account = Account {
            items: self.items,
            rejected: self.count(Disposition::Rejected),
            ignored: self.count(Disposition::Ignored),
            expected: self.expected(job),
            inputs: input_lines(&self.inputs),
            bulk_id: job.bulk_id.clone().filter(|_| job.publish_bulk_id),
            findings: self.listed,
            missing: self.missing,
            reasons: self.notes,
            warnings: self.warnings,
        };
        (account, self.rows, (self.spool, self.kept), self.verifier)
    }
}

/// What becomes of a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judged {
    SetAside,
    Stays,
}
