//! What pass 2 leaves behind: the large files of the batch directory, the tree over its lines.

use std::path::Path;

use crate::cert::IssuedCertificate;
use crate::delivery::{BatchWriter, Form};
use crate::error::Error;
use crate::ledger::BatchRow;
use crate::manifest::{Entry, Format, TreeBuilder};
use crate::verify::{Family, VerifiedLeaf};
use crate::x509::SerialNumber;

use super::work::Work;
use crate::parallel;

/// Everything of a batch but its small files.
pub(crate) struct Written {
    pub(crate) writer: BatchWriter,
    pub(crate) tree: TreeBuilder,
    /// How its lines are spelled.
    format: Format,
    /// Serial numbers that were given up for full-width signatures.
    pub(crate) discarded: Vec<SerialNumber>,
}

impl Written {
    /// Begins a directory beside `out`.
    pub(crate) fn create(out: &Path, batch: &BatchRow, family: Family, forms: &[Form]) -> Result<Self, Error> {
        let writer = BatchWriter::create(out, &batch.id.to_string(), forms, batch.issued_at)?;
        let format = Format::of(batch.terms.encoder, family);
        Ok(Self { writer, tree: TreeBuilder::new(), format, discarded: vec![] })
    }

    /// Adds a chunk.
    pub(crate) fn add(
        &mut self,
        work: &Work<'_>,
        reissue: Option<&str>,
        certificates: Vec<(VerifiedLeaf, IssuedCertificate)>,
    ) -> Result<(), Error> {
        let format = self.format;
        let lines = parallel::map(work.jobs, certificates, |(leaf, certificate)| {
            let line = Entry::new(format, &certificate, &leaf, reissue).line();
            (leaf, certificate, line)
        });
        for (leaf, certificate, line) in lines {
            self.add_line(&leaf, &certificate, &line)?;
            let given_up = |attempt| work.bound.serials.derive(&leaf.origin().fingerprint, attempt);
            self.discarded.extend((0..certificate.attempt()).map(given_up));
        }
        Ok(())
    }

    /// Adds a chunk of another CA's certificates, each with the fields in which it differs from what was asked for.
    pub(crate) fn add_elsewhere(
        &mut self,
        jobs: usize,
        reissue: Option<&str>,
        certificates: Vec<(VerifiedLeaf, IssuedCertificate, Vec<String>)>,
    ) -> Result<(), Error> {
        let format = self.format;
        let lines = parallel::map(jobs, certificates, |(leaf, certificate, differs)| {
            let line = Entry::new(format, &certificate, &leaf, reissue).made_elsewhere(differs).line();
            (leaf, certificate, line)
        });
        lines.iter().try_for_each(|(leaf, certificate, line)| self.add_line(leaf, certificate, line))
    }

    fn add_line(&mut self, leaf: &VerifiedLeaf, certificate: &IssuedCertificate, line: &str) -> Result<(), Error> {
        self.writer.certificate(leaf.uid(), certificate.der())?;
        self.writer.source(leaf.uid(), leaf.certificate().der())?;
        self.writer.entry_line(line)?;
        self.tree.push(line.as_bytes());
        Ok(())
    }
}
