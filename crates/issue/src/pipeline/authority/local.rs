//! The issuing key at hand, in a file or a token.

use crate::error::Error;
use crate::findings::Findings;
use crate::issue::Issuer;
use crate::ledger::AuthorityKind;
use crate::policy::Policy;

use super::super::outcome::Refusal;
use super::super::sign::issue_all;
use super::{Asked, Authority, Receiver, Report};

/// Signs with the issuing key at hand.
#[derive(Clone, Copy, Debug)]
pub struct Local<'a> {
    /// The issuing CA and its key.
    pub issuer: &'a Issuer,
}

impl Authority for Local<'_> {
    fn kind(&self) -> AuthorityKind {
        AuthorityKind::Local
    }

    fn check_policy(&self, policy: &Policy) -> Result<(), Error> {
        Ok(self.issuer.check_algorithm(policy.signature())?)
    }

    fn issue(&self, asked: &Asked<'_>, to: &mut dyn Receiver) -> Result<Result<Report, Refusal>, Error> {
        let Asked { work, ledger, .. } = asked;
        to.begin()?;
        let resumed = issue_all(work, ledger, self.issuer, &mut |chunk| to.take(chunk))?;
        let signatures_made = ledger.signatures_made(&work.batch.id)?;
        Ok(Ok(Report { resumed, signatures_made, findings: Findings::default(), warnings: vec![] }))
    }
}
