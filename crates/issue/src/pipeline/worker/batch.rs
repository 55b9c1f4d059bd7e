//! What a worker takes from the ledger of a batch, once: it signs what an approved policy says, as the signing machine of a
//! plan does.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use crate::crypto::sha256;
use crate::error::{Error, PlanError, PoolError};
use crate::ledger::{AuthorityKind, BatchId, BatchRow, BatchState, Ledger, LedgerError};
use crate::policy::Policy;
use crate::text::brief;

use super::super::build::Bound;
use super::super::intake::plan::read_policy;
use super::super::intake::signing::check_times;
use super::PoolJob;

/// A batch that this worker may sign.
pub(super) struct Batch {
    pub(super) row: BatchRow,
    pub(super) policy: Policy,
    pub(super) bound: Bound,
}

impl Batch {
    /// Reads the batch and checks, cheapest first, that this machine signs it.
    fn admit(job: &PoolJob<'_>, ledger: &Ledger, id: &BatchId) -> Result<Self, Error> {
        let Some(row) = ledger.batch(id)? else { return Err(PlanError::NotPlanned { batch: id.to_string() }.into()) };
        if row.state == BatchState::Abandoned {
            return Err(LedgerError::Abandoned { batch: row.id }.into());
        }
        if row.delivery.authority != AuthorityKind::AirGapped {
            return Err(PoolError::NotPlanned { batch: row.id.to_string() }.into());
        }
        let issuer = job.issuer.identity();
        let expected = sha256(issuer.certificate().der());
        if row.terms.issuer_sha256 != expected {
            let (batch, found) = (row.id.to_string(), row.terms.issuer_sha256);
            return Err(PoolError::Issuer { batch, found, expected }.into());
        }
        if sha256(&row.terms.policy) != row.terms.policy_sha256 {
            return Err(PlanError::Differs { what: "digest of the policy" }.into());
        }
        if !job.policies.contains(&row.terms.policy_sha256) {
            let name = brief(&row.terms.policy_name);
            return Err(PlanError::PolicyNotApproved { name, sha256: row.terms.policy_sha256 }.into());
        }
        if job.rule.needed > 0 {
            return Err(PoolError::Approvals { needed: job.rule.needed }.into());
        }
        let (policy, params) = read_policy(&row, issuer, &format!("policy of batch {}", row.id))?;
        job.issuer.check_algorithm(policy.signature())?;
        let bound = Bound::new(&policy, &params, issuer, &row)?;
        Ok(Self { row, policy, bound })
    }
}

/// The batches of which chunks were claimed.
pub(super) struct Batches<'a> {
    job: &'a PoolJob<'a>,
    ledger: &'a Ledger,
    known: Mutex<HashMap<BatchId, Arc<Batch>>>,
}

impl<'a> Batches<'a> {
    pub(super) fn new(job: &'a PoolJob<'a>, ledger: &'a Ledger) -> Self {
        Self { job, ledger, known: Mutex::new(HashMap::new()) }
    }

    /// Returns a batch that this worker may sign now.
    pub(super) fn get(&self, id: &BatchId) -> Result<Arc<Batch>, Error> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() == MAX_KNOWN && !known.contains_key(id) {
            known.clear();
        }
        let batch = match known.entry(id.clone()) {
            Entry::Occupied(found) => Arc::clone(found.get()),
            Entry::Vacant(place) => Arc::clone(place.insert(Arc::new(Batch::admit(self.job, self.ledger, id)?))),
        };
        if batch.row.state == BatchState::Open {
            check_times(&batch.row, self.job.issuer.identity(), self.job.max_days, (self.job.clock)())?;
        }
        Ok(batch)
    }
}

/// Batches that are kept: each has its policy in memory.
const MAX_KNOWN: usize = 64;
