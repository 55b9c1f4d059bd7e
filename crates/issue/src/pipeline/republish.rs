//! A sealed batch that is published again from its sources: the ledger has everything else, and no key is used.

use std::path::Path;

use crate::cert::IssuerIdentity;
use crate::delivery::Form;
use crate::error::Error;
use crate::issue::Issuer;
use crate::ledger::{AuthorityKind, BatchId, BatchRow, BatchState, Ledger, LedgerError};
use crate::parallel;
use crate::policy::{Params, Policy};
use crate::reel::Input;
use crate::signer::Keyless;
use crate::x509::{Certificate, Time};

use super::builder::{JobBasis, JobBuilder};
use super::job::{Job, OnMissing};

/// What the ledger has of a sealed batch.
#[expect(missing_debug_implementations, reason = "holds an issuer")]
pub struct Republish {
    row: BatchRow,
    policy: Policy,
    params: Params,
    issuer: Issuer,
    manifest_certificate: Certificate,
    manifest_signer: Keyless,
}

impl Republish {
    /// Reads the terms of a batch that was sealed with the key at hand.
    ///
    /// # Errors
    /// There is no such batch, it is not sealed, another authority made it, or its policy is not read any more.
    pub fn open(
        ledger: &Ledger,
        batch: &BatchId,
        issuer: IssuerIdentity,
        manifest_certificate: Certificate,
    ) -> Result<Self, Error> {
        let row = ledger.batch(batch)?.ok_or_else(|| LedgerError::UnknownBatch { batch: batch.clone() })?;
        let authority = row.delivery.authority;
        if row.state != BatchState::Sealed {
            return Err(Error::NotSealedYet { batch: batch.to_string() });
        }
        if authority != AuthorityKind::Local {
            return Err(Error::AuthorityUnfit { task: "publishes a sealed batch again from its sources", authority });
        }
        let policy = Policy::parse(&String::from_utf8_lossy(&row.terms.policy), &format!("policy of batch {batch}"))?;
        let params = policy.params(&row.terms.params)?;
        let key = Keyless::new(issuer.spki().clone());
        let issuer = Issuer::new(issuer, Box::new(key))?;
        let manifest_signer = Keyless::new(manifest_certificate.spki().clone());
        Ok(Self { row, policy, params, issuer, manifest_certificate, manifest_signer })
    }

    /// The issuer, without its key.
    pub const fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The policy of the batch.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Begins the job that publishes the batch again, and does nothing if these are not its sources.
    pub fn job<'a>(
        &'a self,
        inputs: &'a [Input],
        anchors: &'a [Certificate],
        out: &'a Path,
        now: Time,
    ) -> JobBuilder<'a> {
        let (terms, delivery) = (&self.row.terms, self.row.delivery);
        let basis = JobBasis {
            inputs,
            policy: &self.policy,
            params: self.params.clone(),
            issuer: self.issuer.identity(),
            manifest_certificate: &self.manifest_certificate,
            manifest_signer: &self.manifest_signer,
            anchors,
            out,
            now,
            seed: self.row.seed.clone(),
            batch_id: self.row.id.clone(),
        };
        let forms = [(delivery.der, Form::Der), (delivery.pem, Form::Pem)];
        Job::builder(basis)
            .forms(forms.into_iter().filter(|(wanted, _)| *wanted).map(|(_, form)| form).collect())
            .on_reject(terms.on_reject)
            // what was missing was said when the batch was made
            .on_missing(OnMissing::Note)
            .reissue(terms.reissue.clone())
            .bulk_id(terms.bulk_id.clone())
            .publish_bulk_id(delivery.publish_bulk_id)
            .jobs(parallel::cores())
            .again(Some(self.row.id.clone()))
    }
}
