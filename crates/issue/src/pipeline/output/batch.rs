//! A batch directory.

use std::path::Path;

use crate::delivery::{BatchWriter, ChipFiles, Form};
use crate::error::Error;
use crate::ledger::{Delivery, Ledger};
use crate::manifest::{Entry, Format, TreeBuilder, leaf_hash};
use crate::parallel;
use crate::signer::Signer;
use crate::x509::{Certificate, SerialNumber, Time};

use super::super::authority::{Asked, Authority, Chunk, Made, Receiver, Report};
use super::super::build::Work;
use super::super::intake::Ready;
use super::super::outcome::{Refusal, Summary, Timings};
use super::super::seal;
use super::{Found, Output};

/// A batch directory, and who seals it.
#[expect(missing_debug_implementations, reason = "holds a signer")]
pub struct Batch<'a> {
    pub(in super::super) out: &'a Path,
    pub(in super::super) manifest_certificate: &'a Certificate,
    pub(in super::super) manifest_signer: &'a dyn Signer,
    pub(in super::super) now: Time,
    /// Name and version of this program for the statement.
    pub(in super::super) tool: &'a str,
}

impl Output for Batch<'_> {
    type Product = Summary;
    type Made = (Written, Report);

    fn check_place(&self, ledger: &Ledger) -> Result<(), Error> {
        seal::check_output_place(self.out, ledger)
    }

    fn found(&self, ready: &mut Ready<'_>, ledger: &Ledger) -> Result<Option<Found<Summary>>, Error> {
        Ok(seal::already_published(self.out, ledger, ready)?.map(Found::Done))
    }

    fn make(&self, asked: &Asked<'_>, authority: &dyn Authority) -> Result<Result<(Written, Report), Refusal>, Error> {
        let family = asked.ready.policy.source().family;
        let format = Format::of(asked.work.batch.terms.encoder, family);
        let mut filler = Filler { out: self.out, work: &asked.work, format, written: None };
        Ok(match authority.issue(asked, &mut filler)? {
            Ok(report) => Ok((filler.written.expect("every batch has leaves"), report)),
            Err(refusal) => Err(refusal),
        })
    }

    fn seal(
        &self,
        ready: &mut Ready<'_>,
        (written, report): (Written, Report),
        ledger: &Ledger,
    ) -> Result<(bool, Summary), Error> {
        let mut summary = ready.summary();
        summary.resumed = report.resumed;
        summary.warnings.extend(report.warnings);
        if ready.plan.is_some() {
            // what was rejected when the plan was made was reported then
            summary.findings = report.findings;
        }
        seal::seal_and_publish(self, ready, ledger, written, report.signatures_made, &mut summary)?;
        Ok((false, summary))
    }

    fn timed(summary: Summary, timings: Timings) -> Summary {
        Summary { timings, ..summary }
    }
}

/// Everything of a batch but its small files, in a directory beside the output's place.
#[expect(missing_debug_implementations, reason = "holds open files")]
pub struct Written {
    pub(in super::super) writer: BatchWriter,
    pub(in super::super) tree: TreeBuilder,
    /// Serial numbers that were given up for full-width signatures.
    pub(in super::super) discarded: Vec<SerialNumber>,
}

/// Writes chunks into the directory.
struct Filler<'a> {
    out: &'a Path,
    work: &'a Work<'a>,
    /// How its lines are spelled.
    format: Format,
    written: Option<Written>,
}

impl Receiver for Filler<'_> {
    fn begin(&mut self) -> Result<(), Error> {
        let batch = self.work.batch;
        let writer = BatchWriter::create(self.out, batch.id.as_str(), &forms(batch.delivery), batch.issued_at)?;
        self.written = Some(Written { writer, tree: TreeBuilder::new(), discarded: vec![] });
        Ok(())
    }

    fn take(&mut self, Chunk(made): Chunk) -> Result<(), Error> {
        let (work, format) = (self.work, self.format);
        let reissue = work.batch.terms.reissue.as_deref();
        let lines = parallel::map(work.jobs, made, |Made { leaf, certificate, differs }| {
            let entry = Entry::new(format, &certificate, &leaf, reissue);
            let line = match differs {
                None => entry.line(),
                Some(differs) => entry.made_elsewhere(differs).line(),
            };
            let hash = leaf_hash(line.as_bytes());
            (leaf, certificate, line, hash)
        });
        let files = lines.iter().map(|(leaf, certificate, line, _)| ChipFiles {
            uid: leaf.uid(),
            certificate: certificate.der(),
            source: leaf.certificate().der(),
            line,
        });
        let written = self.written.as_mut().expect("an authority begins before its first chunk");
        written.writer.add(&files.collect::<Vec<_>>())?;
        for (leaf, certificate, _, hash) in lines {
            written.tree.push_hash(hash);
            let given_up = |attempt| work.bound.serials.derive(&leaf.origin().fingerprint, attempt);
            written.discarded.extend((0..certificate.attempt()).map(given_up));
        }
        Ok(())
    }
}

/// Encodings of a batch's certificates.
fn forms(delivery: Delivery) -> Vec<Form> {
    let forms = [(delivery.der, Form::Der), (delivery.pem, Form::Pem)];
    forms.into_iter().filter(|(wanted, _)| *wanted).map(|(_, form)| form).collect()
}
