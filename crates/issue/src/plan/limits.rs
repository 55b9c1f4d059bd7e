//! How much a plan may say. Each bound is that of the command that plans or of the stage that the value comes from, so an
//! honest plan never meets one. Checked when the head is read, before anything of it is shown, computed or recorded.

use crate::cert::Encoder;
use crate::ledger::{Delivery, OnReject};
use crate::manifest::{Entry, FindingLine, InputLine, MissingLine};
use crate::origin::Disposition;
use crate::policy::Policy;
use crate::verify;

use super::head::{Head, Mode};
use crate::error::PlanError;

/// Leaves a chunk, as `--chunk` allows.
const MAX_CHUNK: u32 = 65_536;
/// Leaves of a batch: what the ledger can number.
const MAX_LEAVES: u64 = u32::MAX as u64;
/// Digests of anchors, and names of relaxations.
const MAX_LIST: usize = 1_000;
/// Characters of names that the program itself gives: relaxations, parameters.
const MAX_WORD: usize = 100;
/// Characters of the policy's name.
const MAX_NAME: usize = 200;
/// Characters of a parameter's value: a policy's pattern allows no more.
const MAX_VALUE: usize = 256;
/// Characters of the CA's subject as it is shown.
const MAX_SUBJECT: usize = 16 << 10;

/// Every member of the head is one that a planner's program can have written. What the policy decides is not looked at.
pub(crate) fn check(head: &Head) -> Result<(), PlanError> {
    let unfit = |member: &str| Err(PlanError::Malformed { what: format!("its `{member}` is not one") });
    let fits = |text: &str, most: usize| text.chars().nth(most).is_none();
    if head.delivery.parse::<Delivery>().map_or(true, |delivery| delivery.authority != head.mode.authority()) {
        return unfit("delivery");
    }
    if head.mode == Mode::Foreign && head.beacon.as_ref().is_some_and(|beacon| beacon.0.is_some()) {
        return unfit("beacon");
    }
    if !(1..=MAX_CHUNK).contains(&head.chunk_size) {
        return unfit("chunk_size");
    }
    if !fits(&head.issuer.subject, MAX_SUBJECT) {
        return unfit("issuer");
    }
    if head.anchors.len() > MAX_LIST {
        return unfit("anchors");
    }
    if head.relaxations.len() > MAX_LIST || !head.relaxations.iter().all(|name| fits(name, MAX_WORD)) {
        return unfit("relaxations");
    }
    if OnReject::from_name(&head.on_reject).is_none() {
        return unfit("on_reject");
    }
    if head.reissue.as_deref().is_some_and(|reason| Entry::check_reason("reissue", reason).is_err()) {
        return unfit("reissue");
    }
    if head.bulk_id.as_deref().is_some_and(|id| Entry::check_bulk_id(id).is_err()) {
        return unfit("bulk_id");
    }
    if head.policy_name.is_empty() || !fits(&head.policy_name, MAX_NAME) {
        return unfit("policy_name");
    }
    if head.policy.len() > Policy::MAX_BYTES {
        return unfit("policy");
    }
    let short = |(name, value): (&String, &String)| fits(name, MAX_WORD) && fits(value, MAX_VALUE);
    if head.params.len() > MAX_LIST || !head.params.iter().all(short) {
        return unfit("params");
    }
    if !(1..=MAX_LEAVES).contains(&head.counts.leaves) {
        return unfit("counts");
    }
    Ok(())
}

/// The lines of the inputs that go into the batch are such lines.
pub(crate) fn check_inputs(inputs: &str) -> Result<(), PlanError> {
    let broken = || unfit(super::file::INPUTS);
    for line in lines(inputs, InputLine::MAX_LINE).ok_or_else(broken)? {
        InputLine::parse(line).map_err(|_| broken())?;
    }
    Ok(())
}

/// The missing chips are such lines, strictly increasing, and as many as the head says.
pub(crate) fn check_missing(missing: &str, head: &Head) -> Result<(), PlanError> {
    let broken = || unfit(super::file::MISSING);
    let mut last: Option<&str> = None;
    let mut count = 0;
    for line in lines(missing, MissingLine::MAX_LINE).ok_or_else(broken)? {
        MissingLine::parse(line).map_err(|_| broken())?;
        if last.is_some_and(|last| last >= line) {
            return Err(broken());
        }
        last = Some(line);
        count += 1;
    }
    if count == head.unmet().0 { Ok(()) } else { Err(PlanError::Differs { what: "number of missing chips" }) }
}

/// Bytes of the longest line of `rejected.jsonl`, with its end.
pub(crate) const MAX_FINDING_LINE: u64 = FindingLine::MAX_LINE as u64 + 1;

/// What became of the items as `rejected.jsonl` has it: how many were rejected, how many ignored.
#[derive(Default)]
pub(crate) struct Lines {
    rejected: u64,
    ignored: u64,
    /// Because the list of expected chips does not name them.
    surplus: u64,
}

impl Lines {
    /// One line more, with its end.
    pub(crate) fn with(mut self, line: &[u8]) -> Result<Self, PlanError> {
        let broken = || unfit(super::file::REJECTED);
        let line = line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok()).ok_or_else(broken)?;
        let line = FindingLine::parse(line).map_err(|_| broken())?;
        match line.disposition() {
            Disposition::Rejected => self.rejected += 1,
            Disposition::Ignored => self.ignored += 1,
        }
        let surplus = [verify::EXPECT_SURPLUS.as_str(), verify::EXPECT_UNEXPECTED.as_str()];
        self.surplus += u64::from(surplus.contains(&line.code()));
        Ok(self)
    }

    /// Whether the head counts the same: every item is a leaf or has a line.
    pub(crate) fn agree(&self, head: &Head) -> bool {
        let Self { rejected, ignored, surplus } = *self;
        let counts = head.counts;
        let sum = counts.leaves.checked_add(rejected).and_then(|sum| sum.checked_add(ignored));
        let first = head.encoder == Encoder::One.number();
        (rejected, ignored) == (counts.rejected, counts.ignored)
            && sum == Some(counts.items)
            && (first || surplus == head.unmet().1)
    }
}

/// Lines that all end, none of them too long.
fn lines(section: &str, most: usize) -> Option<std::str::SplitTerminator<'_, char>> {
    let lines = section.split_terminator('\n');
    let whole = section.is_empty() || section.ends_with('\n');
    (whole && lines.clone().all(|line| line.len() <= most)).then_some(lines)
}

fn unfit(section: &str) -> PlanError {
    PlanError::Malformed { what: format!("its section `{section}` does not have lines") }
}
