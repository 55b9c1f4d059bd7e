//! The signature file that a signing machine hands back for a plan.

use std::path::Path;

use crate::crypto::sha256;
use crate::delivery;
use crate::durable::output;
use crate::error::Error;
use crate::ledger::{BatchState, Ledger};
use crate::plan::{SignatureWriter, file, signatures};

use super::super::authority::{Asked, Authority, Chunk, Receiver, Report};
use super::super::intake::Ready;
use super::super::outcome::{Refusal, Signed, Timings};
use super::{Found, Output};

/// A signature file.
#[derive(Clone, Copy, Debug)]
pub struct SignatureFile<'a> {
    pub(in super::super) out: &'a Path,
}

/// The signatures of a plan.
#[expect(missing_debug_implementations, reason = "holds all signatures")]
pub struct SignaturesMade {
    writer: SignatureWriter,
    report: Report,
}

impl Output for SignatureFile<'_> {
    type Product = Signed;
    type Made = SignaturesMade;

    fn check_place(&self, _ledger: &Ledger) -> Result<(), Error> {
        if output::is_free(self.out) {
            delivery::check_place(self.out, file::SHAPE)?;
        }
        Ok(())
    }

    fn found(&self, _ready: &mut Ready<'_>, _ledger: &Ledger) -> Result<Option<Found<Signed>>, Error> {
        // the content decides, and it follows from the ledger: `seal` compares it
        Ok(None)
    }

    fn make(&self, asked: &Asked<'_>, authority: &dyn Authority) -> Result<Result<SignaturesMade, Refusal>, Error> {
        let mut filler = Filler(SignatureWriter::new());
        Ok(authority.issue(asked, &mut filler)?.map(|report| SignaturesMade { writer: filler.0, report }))
    }

    fn seal(
        &self,
        ready: &mut Ready<'_>,
        SignaturesMade { writer, report }: SignaturesMade,
        ledger: &Ledger,
    ) -> Result<(bool, Signed), Error> {
        let plan = ready.plan.as_ref().expect("signatures are made for a plan");
        if ready.row.state == BatchState::Open {
            // on this machine a batch is done when its plan is signed: then its chips are no longer held
            ledger.seal(&ready.row.id, &plan.signed.0, &plan.signed.1)?;
        }
        ledger.conclude()?;
        let content = writer.finish(plan, report.signatures_made);
        let there = signatures::publish(self.out, &content)?;
        let signed = Signed {
            batch: plan.head.batch.clone(),
            plan_sha256: plan.digest,
            count: ready.rows.len() as u64,
            signatures_made: report.signatures_made,
            bytes: content.len() as u64,
            file_sha256: sha256(&content),
            resumed: report.resumed,
            head: ledger.head()?,
        };
        Ok((there, signed))
    }

    fn timed(signed: Signed, _timings: Timings) -> Signed {
        signed
    }
}

struct Filler(SignatureWriter);

impl Receiver for Filler {
    fn begin(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn take(&mut self, chunk: Chunk) -> Result<(), Error> {
        for made in &chunk.0 {
            self.0.add(&made.certificate);
        }
        Ok(())
    }
}
