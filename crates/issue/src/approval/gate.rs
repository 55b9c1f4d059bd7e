//! Between a demand and the key: enough approvals, a person's word where one is asked, and a record of both.

use crate::ledger::{Ledger, LedgerError, SignedApproval, SignerRequest};
use crate::x509::Time;

use super::{Approval, ApprovalError, Approved, Demand, Rule};

/// Lets a demand pass if its approvals meet the rule and `confirm`, which is given the approvals, agrees. Where approvals are needed or given, the demand
/// and what became of it are on the ledger before this returns; the key is used after it.
///
/// `about` is the batch or the round, for those who read the ledger later.
///
/// # Errors
/// The approvals do not meet the rule, `confirm` does not agree, or the ledger cannot be written.
pub(crate) fn pass<E: From<ApprovalError> + From<LedgerError>>(
    rule: &Rule<'_>,
    ledger: &Ledger,
    (demand, about): (&Demand, &str),
    given: &[Approval],
    now: Time,
    confirm: impl FnOnce(&[Approved]) -> Result<(), E>,
) -> Result<(), E> {
    if rule.needed == 0 && given.is_empty() {
        return confirm(&[]);
    }
    let record = |refused: Option<String>, approved: Vec<Approved>| {
        let approvals = approved.into_iter();
        let approvals =
            approvals.map(|Approved { person, line, signature }| SignedApproval { person, line, signature }).collect();
        ledger.record_signer_request(&SignerRequest {
            at: now,
            action: demand.action.as_str().to_owned(),
            subject: demand.subject,
            about: about.to_owned(),
            refused,
            approvals,
        })
    };
    match rule.check(demand, given, now) {
        Ok(approved) => {
            confirm(&approved)?;
            Ok(record(None, approved)?)
        }
        Err(error) => {
            record(Some(error.to_string()), vec![])?;
            Err(error.into())
        }
    }
}
