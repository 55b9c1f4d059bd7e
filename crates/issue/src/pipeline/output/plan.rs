//! A plan; for an external CA, a directory with the plan and the requests.

use std::io::{BufReader, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use crate::cert::Encoder;
use crate::crypto::sha256;
use crate::delivery::{self, Staged};
use crate::durable::{self, Access, DurableError, output};
use crate::error::Error;
use crate::ledger::{BatchRow, ChunkFile, Ledger};
use crate::manifest::TreeBuilder;
use crate::origin::Disposition;
use crate::plan::file::{self, LeafWriter};
use crate::plan::hand_over::{self, HandOver};
use crate::plan::head::{CountsHead, Head, Mode, Rest, SectionHead};
use crate::plan::{PlanFile, chunk_file};
use crate::verify::{Relaxation, VerifiedLeaf};
use crate::x509::Sha256Digest;

use super::super::authority::{Asked, Authority};
use super::super::intake::Ready;
use super::super::job::Job;
use super::super::outcome::{Planned, Refusal, Summary, Timings};
use super::{Found, Output};

/// A plan, and where it goes.
#[expect(missing_debug_implementations, reason = "holds signers")]
pub struct PlanOutput<'a> {
    pub(in super::super) job: &'a Job<'a>,
    /// Whether the plan is for an external CA: then it is in a directory with the requests.
    pub(in super::super) external: bool,
}

/// The leaves of a plan and, for an external CA, the requests.
#[expect(missing_debug_implementations, reason = "holds an open file")]
pub struct Drawn {
    leaves: BufReader<std::fs::File>,
    section: SectionHead,
    tbs_root: Sha256Digest,
    /// The directory with the requests, under its unfinished name.
    requests: Option<Staged>,
    /// The files of the chunks, for the workers of a pool.
    chunks: Vec<ChunkFile>,
}

impl Output for PlanOutput<'_> {
    type Product = Planned;
    type Made = Drawn;

    fn check_place(&self, _ledger: &Ledger) -> Result<(), Error> {
        let out = self.job.out;
        if output::is_free(out) {
            delivery::check_place(out, if self.external { hand_over::SHAPE } else { file::SHAPE })?;
        } else if !file::looks_like_one(&self.place()) {
            return Err(self.other());
        }
        match self.job.pool {
            Some(folder) if !self.job.dry_run => {
                output::make_parents(&folder.join("chunk"), Access::Public)?;
                // the plan cannot have the name of the directory that was just made
                let is_out =
                    folder.canonicalize().is_ok_and(|folder| out.canonicalize().is_ok_and(|out| out == folder));
                if is_out { Err(self.other()) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    /// A plan says with which inputs and list its batch was started; a command that is spelled otherwise makes no other
    /// plan.
    fn found(&self, ready: &mut Ready<'_>, ledger: &Ledger) -> Result<Option<Found<Planned>>, Error> {
        if self.job.dry_run || !ready.found_by_leaves {
            return Ok(None);
        }
        if let Some((plan_sha256, bytes)) = self.planned_before(&ready.row)? {
            if self.job.pool.is_some() {
                // the files of the chunks may be missing: `make` writes them, and `seal` finds the plan
                return Ok(None);
            }
            let summary = Summary { head: Some(ledger.head()?), ..ready.summary() };
            return Ok(Some(Found::Done(Planned { summary, plan_sha256, bytes, chunks: vec![] })));
        }
        let reason = format!(
            "batch {} was started from inputs with other names, or with a different list or bulk identifier; its plan can \
             only be made from the same ones",
            ready.row.id
        );
        Ok(Some(Found::Refused(ready.refused(reason))))
    }

    /// Records the intent of every chunk and writes the leaves as they are in the file. For a pool it writes the file of
    /// each chunk, and the worker that signs a chunk records its intent.
    fn make(&self, asked: &Asked<'_>, _authority: &dyn Authority) -> Result<Result<Drawn, Refusal>, Error> {
        let Asked { ready, work, ledger } = asked;
        let intermediates = file::certificates_section(ready.verifier.intermediates());
        let mut chunks = Vec::new();
        let mut requests = if self.external { Some(HandOver::create(self.job.out)?) } else { None };
        let scratch = durable::parent(self.job.out);
        let at = |source| DurableError::Io { doing: "write to a file in", path: scratch.to_owned(), source };
        let mut writer = LeafWriter::new(BufWriter::with_capacity(1 << 20, durable::scratch(scratch)?));
        let mut tree = TreeBuilder::new();
        work.progress.total(work.rows.len() as u64);
        for (number, rows) in work.chunks() {
            work.interrupted()?;
            let (leaves, linted) = work.read_back(number, rows, &[])?;
            for linted in &linted {
                tree.push(linted.tbs().der());
            }
            for leaf in &leaves {
                writer.add(&leaf.origin().item, &as_found(leaf)).map_err(at)?;
                if let Some(requests) = &mut requests {
                    requests.add(leaf, &work.bound.template(leaf).map_err(Error::lint_differs)?)?;
                }
            }
            if let Some(folder) = self.job.pool {
                let named = leaves.iter().map(|leaf| (&leaf.origin().item, as_found(leaf)));
                let content = chunk_file::write(work.batch.id.as_str(), number, &intermediates, named);
                let found = ChunkFile { sha256: sha256(&content), leaves: leaves.len() as u64 };
                chunk_file::save(folder, &found.sha256, &content)?;
                chunks.push(found);
                work.progress.advance(rows.len() as u64);
                continue;
            }
            // with later attempts the batch is being finished, and its intents are older than that
            if ledger.attempts(&work.batch.id, number)?.iter().all(|attempt| *attempt == 0) {
                // some of it may have its certificates already; those of an external CA are recorded whole
                if self.external {
                    ledger.request(&work.batch.id, number, linted)?;
                } else {
                    ledger.record(&work.batch.id, number, linted)?;
                }
            }
            work.progress.advance(rows.len() as u64);
        }
        let (out, section) = writer.finish();
        let mut file = out.into_inner().map_err(|error| at(error.into_error()))?;
        file.flush().and_then(|()| file.rewind()).map_err(at)?;
        let leaves = BufReader::with_capacity(1 << 20, file);
        let requests = requests.map(HandOver::finish).transpose()?;
        Ok(Ok(Drawn { leaves, section, tbs_root: tree.root(), requests, chunks }))
    }

    fn seal(&self, ready: &mut Ready<'_>, mut drawn: Drawn, ledger: &Ledger) -> Result<(bool, Planned), Error> {
        let (job, place) = (self.job, self.place());
        let encoder = ready.row.terms.encoder;
        let account = &ready.account;
        let missing = account.expected.as_ref().filter(|_| encoder >= Encoder::Two);
        let missing = missing.map_or_else(String::new, |met| met.missing.clone());
        let intermediates = file::certificates_section(ready.verifier.intermediates());
        let small = [intermediates.as_slice(), account.inputs.as_bytes()];
        let head = head(ready, small, &missing, &drawn)?.to_bytes();

        let already = !output::is_free(job.out);
        let chunks = std::mem::take(&mut drawn.chunks);
        if already && ready.found_by_leaves {
            // the plan says how the inputs were called when it was made
            let (plan_sha256, bytes) = self.planned_before(&ready.row)?.ok_or_else(|| self.other())?;
            let summary = Summary { head: Some(ledger.head()?), ..ready.summary() };
            return Ok((true, Planned { summary, plan_sha256, bytes, chunks }));
        }
        if already {
            let same = drawn.requests.take().map_or(Ok(true), |staged| hand_over::same_wishes(staged, job.out))?;
            if !same {
                return Err(self.other());
            }
            self.check_same(&place, &head)?;
            file::remove_partial(&place)?;
        } else {
            ledger.conclude()?;
            // every intent is on disk: a plan that leaves the house can be finished by this ledger
            let staged = drawn.requests.take();
            let path = staged.as_ref().map_or_else(|| place.clone(), |staged| staged.folder().join(hand_over::PLAN));
            // a directory of this run's own is where nothing can be replaced
            let give = if self.external { output::rename_inside } else { output::publish };
            let signer = (job.manifest_certificate, job.manifest_signer);
            let created = job.now.max(ready.row.issued_at);
            let sections = (small, &account.findings, missing.as_str());
            file::write(&path, (head.as_slice(), encoder), signer, created, sections, &mut drawn.leaves, give)?;
            staged.as_ref().map_or(Ok(()), Staged::publish)?;
        }
        let bytes = size(&place)?;
        let summary = Summary { head: Some(ledger.head()?), ..ready.summary() };
        Ok((already, Planned { summary, plan_sha256: sha256(&head), bytes, chunks }))
    }

    fn timed(planned: Planned, timings: Timings) -> Planned {
        Planned { summary: Summary { timings, ..planned.summary }, ..planned }
    }
}

impl PlanOutput<'_> {
    /// The plan's own place.
    fn place(&self) -> PathBuf {
        if self.external { self.job.out.join(hand_over::PLAN) } else { self.job.out.to_owned() }
    }

    /// Digest and size of the plan at its place, if it is one of this batch, whole.
    fn planned_before(&self, row: &BatchRow) -> Result<Option<(Sha256Digest, u64)>, Error> {
        let place = self.place();
        let planners = std::slice::from_ref(self.job.manifest_certificate);
        let Ok(mut found) = PlanFile::open(&place, planners) else { return Ok(None) };
        if found.head.batch != row.id.to_string() || found.leaves(|_| true).is_err() {
            return Ok(None);
        }
        Ok(Some((sha256(&found.signed.0), size(&place)?)))
    }

    /// The file at the plan's place is this very plan, whole.
    fn check_same(&self, place: &Path, head: &[u8]) -> Result<(), Error> {
        let planners = std::slice::from_ref(self.job.manifest_certificate);
        let mut found = PlanFile::open(place, planners).map_err(|_| self.other())?;
        if found.signed.0 != head {
            return Err(self.other());
        }
        found.leaves(|_| true).map_err(|_| self.other())
    }

    fn other(&self) -> Error {
        Error::OutputExists { path: self.job.out.to_owned() }
    }
}

/// The head of the plan of this batch.
fn head(ready: &Ready<'_>, small: [&[u8]; 2], missing: &str, drawn: &Drawn) -> Result<Head, Error> {
    let account = &ready.account;
    let names = [file::INTERMEDIATES, file::INPUTS];
    let mut sections: Vec<SectionHead> =
        names.iter().zip(small).map(|(name, part)| file::section(name, part)).collect();
    sections.push(file::rejected_section(&account.findings)?);
    if ready.row.terms.encoder >= Encoder::Two {
        sections.push(file::section(file::MISSING, missing.as_bytes()));
    }
    sections.push(drawn.section.clone());
    let counts = CountsHead {
        items: account.items,
        leaves: ready.rows.len() as u64,
        rejected: account.findings.count(Disposition::Rejected),
        ignored: account.findings.count(Disposition::Ignored),
    };
    let rest = Rest {
        mode: Mode::of(ready.row.delivery.authority),
        issuer: ready.issuer.subject().to_string(),
        expected: account.expected.clone(),
        counts,
        policy: String::from_utf8(ready.policy.bytes().to_vec()).expect("a policy is text"),
        tbs_root: drawn.tbs_root,
        sections,
    };
    Ok(Head::of(&ready.row, rest))
}

/// A leaf's bytes; one that was cut out of a padded zone keeps a byte of padding, so that verifying it again needs the
/// same relaxation.
fn as_found(leaf: &VerifiedLeaf) -> Vec<u8> {
    let mut der = leaf.certificate().der().to_vec();
    if leaf.proof().relaxations().contains(&Relaxation::TrailingPadding) {
        der.push(0);
    }
    der
}

fn size(place: &Path) -> Result<u64, Error> {
    let at = |source| DurableError::Io { doing: "look at", path: place.to_owned(), source };
    Ok(std::fs::metadata(place).map_err(at)?.len())
}
