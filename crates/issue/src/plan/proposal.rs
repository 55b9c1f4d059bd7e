//! What an approver is shown of a plan, on a machine that has neither the ledger nor the key.

use std::path::Path;

use reroot_core::report::count;

use crate::approval::{Action, Demand};
use crate::error::{Error, PlanError};
use crate::verify::Relaxation;
use crate::x509::{Certificate, Sha256Digest, Time};

use super::PlanFile;
use super::head::Mode;

/// A plan as its head describes it. The planner's signature was verified; leaves and certificates are derived again by the
/// machine that signs, which refuses a plan whose head is wrong about them.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// What an approval of this plan says.
    pub demand: Demand,
    /// The planner's certificate: its subject.
    pub planner: String,
    /// The batch.
    pub batch: String,
    /// The instant of issue.
    pub issued_at: Time,
    /// The issuing CA's name.
    pub issuer: String,
    /// The policy's name and its text.
    pub policy: (String, String),
    /// The operator's parameters.
    pub params: Vec<(String, String)>,
    /// Deviations from strict intake that the policy allows.
    pub relaxations: Vec<Relaxation>,
    /// Why chips that have a certificate get a second one.
    pub reissue: Option<String>,
    /// Items that were rejected when the reel was read.
    pub rejected: u64,
}

impl Proposal {
    /// Reads a plan for a signing machine, and verifies the planner's signature.
    ///
    /// # Errors
    /// It is not a plan for a signing machine, or none of `planners` signed it.
    pub fn read(path: &Path, planners: &[Certificate]) -> Result<Self, Error> {
        let plan = PlanFile::open(path, planners)?;
        let head = &plan.head;
        if head.mode != Mode::AirGapped {
            return Err(PlanError::Mode { found: head.mode.as_str(), expected: Mode::AirGapped.as_str() }.into());
        }
        let row = head.row()?;
        let terms = row.terms;
        let policy: Sha256Digest = terms.policy_sha256;
        if crate::crypto::sha256(&terms.policy) != policy {
            return Err(PlanError::Differs { what: "digest of the policy" }.into());
        }
        Ok(Self {
            demand: Demand {
                action: Action::SignPlan,
                subject: plan.digest,
                issuer: terms.issuer_sha256,
                policy: Some(policy),
                count: head.counts.leaves,
            },
            planner: planners[plan.planner].subject().to_string(),
            batch: row.id.to_string(),
            issued_at: row.issued_at,
            issuer: head.issuer.subject.clone(),
            policy: (terms.policy_name, head.policy.clone()),
            params: terms.params.into_iter().collect(),
            relaxations: terms.relaxations,
            reissue: terms.reissue,
            rejected: head.counts.rejected,
        })
    }

    /// Names and values for people. What decides is last, right above the question.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            ("plan", self.demand.subject.to_string()),
            ("planner", format!("`{}`", self.planner)),
            ("batch", self.batch.clone()),
            ("issued at", self.issued_at.to_string()),
        ];
        facts.extend(self.relaxations.iter().map(|relaxation| ("relaxation", relaxation.as_str().to_owned())));
        facts.extend(self.params.iter().map(|(name, value)| ("parameter", format!("{name} = {value}"))));
        if self.rejected > 0 {
            facts.push(("rejected", format!("{} items of the reel are left out", count(self.rejected))));
        }
        facts.push(("issuing CA", format!("{}, SHA-256 {}", self.issuer, self.demand.issuer)));
        facts
            .extend(self.reissue.iter().map(|reason| ("REISSUE", format!("chips get a second certificate: {reason}"))));
        if let Some(digest) = self.demand.policy {
            facts.push(("policy", format!("{}, SHA-256 {digest}", self.policy.0)));
        }
        let again = if self.reissue.is_some() { ", all of them a REISSUE" } else { "" };
        facts.push(("to approve", format!("{} certificates{again}", count(self.demand.count))));
        facts
    }
}
