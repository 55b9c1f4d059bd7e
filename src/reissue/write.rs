//! What pass 2 leaves behind: the large files of the batch directory, the tree over its lines.

use std::path::Path;

use crate::cert::IssuedCertificate;
use crate::delivery::{BatchWriter, Form};
use crate::error::Error;
use crate::issue::derive_serial;
use crate::ledger::BatchRow;
use crate::manifest::{Entry, TreeBuilder};
use crate::verify::VerifiedLeaf;
use crate::x509::SerialNumber;

use super::issue::Work;
use crate::parallel;

/// Everything of a batch but its small files.
pub(crate) struct Written {
    pub(crate) writer: BatchWriter,
    pub(crate) tree: TreeBuilder,
    /// Serial numbers that were given up for full-width signatures (design §8).
    pub(crate) discarded: Vec<SerialNumber>,
}

impl Written {
    /// Begins a directory beside `out`.
    pub(crate) fn create(out: &Path, batch: &BatchRow, forms: &[Form]) -> Result<Self, Error> {
        let writer = BatchWriter::create(out, &batch.id.to_string(), forms, batch.issued_at)?;
        Ok(Self { writer, tree: TreeBuilder::new(), discarded: vec![] })
    }

    /// Adds a chunk.
    pub(crate) fn add(
        &mut self,
        work: &Work<'_>,
        reissue: Option<&str>,
        certificates: Vec<(VerifiedLeaf, IssuedCertificate)>,
    ) -> Result<(), Error> {
        let lines = parallel::map(work.jobs, certificates, |(leaf, certificate)| {
            let line = Entry::new(&certificate, &leaf, reissue).line();
            (leaf, certificate, line)
        });
        for (leaf, certificate, line) in lines {
            self.writer.certificate(leaf.uid(), certificate.der())?;
            self.writer.source(leaf.uid(), leaf.certificate().der())?;
            self.writer.entry_line(&line)?;
            self.tree.push(line.as_bytes());
            let given_up =
                |attempt| derive_serial(&work.batch.seed, work.issuer.spki(), &leaf.origin().fingerprint, attempt);
            self.discarded.extend((0..certificate.attempt()).map(given_up));
        }
        Ok(())
    }
}
