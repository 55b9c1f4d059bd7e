//! Between a demand and the key: enough approvals, a person's word where one is asked, and a record of both.

use crate::ledger::{
    Ledger, LedgerError, RecordedClick, ServiceOutcome, ServiceRequest, SignedApproval, SignerRequest,
};
use crate::x509::{Sha256Digest, Time};

use super::{Approval, ApprovalError, ApprovalMode, Approved, Click, Demand, Rule};

/// What was given for a demand, and how it came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    /// Approvals that were signed.
    pub approvals: &'a [Approval],
    /// A click that was told.
    pub click: Option<&'a Click>,
    /// Who handed the plan over, where it came over the socket of the signing service.
    pub socket: Option<Socket>,
}

/// A plan that came over the socket.
#[derive(Clone, Copy, Debug)]
pub struct Socket {
    /// The user at the other end.
    pub peer: u32,
    /// SHA-256 of the plan's file.
    pub file: Sha256Digest,
}

impl Given<'_> {
    /// What the ledger keeps of how the demand came.
    pub fn service(&self, outcome: ServiceOutcome) -> Option<ServiceRequest> {
        let Socket { peer, file } = self.socket?;
        let click = self.click.map(|Click { person, requester, at }| RecordedClick {
            person: person.clone(),
            requester: requester.clone(),
            at: *at,
        });
        Some(ServiceRequest { file, peer, click, outcome })
    }
}

/// Lets a demand pass if its approvals meet the rule and `confirm`, which is given the names of those who approved, agrees.
/// Where approvals are needed or given, or the demand came over the socket, the demand and what became of it are on the ledger
/// before this returns; the key is used after it.
///
/// `about` is the batch or the round, for those who read the ledger later.
///
/// # Errors
/// The approvals do not meet the rule, `confirm` does not agree, or the ledger cannot be written.
pub(crate) fn pass<E: From<ApprovalError> + From<LedgerError>>(
    rule: &Rule<'_>,
    ledger: &Ledger,
    (demand, about): (&Demand, &str),
    given: Given<'_>,
    now: Time,
    confirm: impl FnOnce(Vec<String>) -> Result<(), E>,
) -> Result<(), E> {
    if rule.needed == 0 && given.approvals.is_empty() && given.click.is_none() && given.socket.is_none() {
        return confirm(vec![]);
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
            service: given.service(ServiceOutcome::Decided),
        })
    };
    match approved(rule, demand, given, now) {
        Ok((persons, approved)) => {
            confirm(persons)?;
            Ok(record(None, approved)?)
        }
        Err(error) => {
            record(Some(error.to_string()), vec![])?;
            Err(error.into())
        }
    }
}

/// Who approved, by the way that the rule demands.
fn approved(
    rule: &Rule<'_>,
    demand: &Demand,
    given: Given<'_>,
    now: Time,
) -> Result<(Vec<String>, Vec<Approved>), ApprovalError> {
    match (rule.mode, given.click) {
        (ApprovalMode::Signed, Some(_)) => Err(ApprovalError::ClickNotTaken),
        (ApprovalMode::Signed, None) => {
            let approved = rule.check(demand, given.approvals, now)?;
            Ok((approved.iter().map(|approved| approved.person.clone()).collect(), approved))
        }
        (ApprovalMode::Console, click) => {
            // with no approver of this machine every signed approval is refused
            Rule { needed: 0, ..*rule }.check(demand, given.approvals, now)?;
            let click = click.ok_or(ApprovalError::TooFew { found: 0, needed: rule.needed })?;
            click.check(now)?;
            Ok((vec![click.person.clone()], vec![]))
        }
    }
}
