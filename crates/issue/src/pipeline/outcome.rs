//! What a run reports: its progress, and how it ended.

use std::time::{Duration, Instant};

use crate::findings::Findings;
use crate::ledger::ChunkFile;
use crate::verify::MissingChip;
use crate::x509::{Sha256Digest, Time};

/// How a run ended when nothing was wrong with the environment.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a run has one")]
pub enum Outcome<P> {
    /// The output's place already holds the product, whole.
    AlreadyDone(P),
    /// The product was made, or published again.
    Done(P),
    /// Everything was checked, nothing recorded, written or signed.
    DryRun(Summary),
    /// Nothing was made because of what was found.
    Refused(Refusal),
}

/// A plan.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What issuing would report; `root_hash` is None, because there are no lines yet.
    pub summary: Summary,
    /// SHA-256 of the plan's head: its name on the signing machine.
    pub plan_sha256: Sha256Digest,
    /// Bytes of the file.
    pub bytes: u64,
    /// The files of the chunks, in order, where the plan is for the workers of a pool.
    pub chunks: Vec<ChunkFile>,
}

/// A signature file.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The batch.
    pub batch: String,
    /// SHA-256 of the plan's head.
    pub plan_sha256: Sha256Digest,
    /// Certificates signed.
    pub count: u64,
    /// Signatures made, repeats for full width included.
    pub signatures_made: u64,
    /// Bytes of the signature file.
    pub bytes: u64,
    /// SHA-256 of the signature file: carried beside the file, it proves the file.
    pub file_sha256: Sha256Digest,
    /// Whether signatures of an earlier run were taken from the ledger.
    pub resumed: bool,
    /// The head of the signing machine's ledger after the run.
    pub head: Sha256Digest,
}

/// Why nothing was signed.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Items read.
    pub items: u64,
    /// Leaves that could have been issued.
    pub ready: u64,
    /// Whether [`OnReject::Skip`](super::OnReject::Skip) takes a reason away.
    pub skip_helps: bool,
    /// Whether [`OnMissing::Note`](super::OnMissing::Note) takes a reason away.
    pub note_helps: bool,
    /// Where nothing is wrong and nothing is left to do: the batches in which every chip of the input has its certificate.
    pub issued_in: Vec<String>,
    /// Every rejected or ignored item, in the order of the input.
    pub findings: Findings,
    /// Chips of the expected list that are not in the input.
    pub missing: Vec<MissingChip>,
    /// Reasons that concern the input as a whole.
    pub reasons: Vec<String>,
    /// Things worth a look that stop nothing.
    pub warnings: Vec<String>,
}

/// What was done.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The batch.
    pub batch: String,
    /// The instant of issue.
    pub issued_at: Time,
    /// Items read.
    pub items: u64,
    /// Certificates in the batch.
    pub issued: u64,
    /// Items rejected.
    pub rejected: u64,
    /// Items ignored.
    pub ignored: u64,
    /// Signatures made by the issuing key for this batch, full-width repeats included.
    pub signatures_made: u64,
    /// Whether certificates of an earlier run were taken from the ledger.
    pub resumed: bool,
    /// Whether an earlier run had sealed the batch, so that it came out again as it was and nothing was signed.
    pub republished: bool,
    /// Rejected and ignored items, in the order of the input.
    pub findings: Findings,
    /// Chips of the expected list that are not in the input.
    pub missing: Vec<MissingChip>,
    /// What concerns the input as a whole and would have stopped the run but for [`OnMissing::Note`](super::OnMissing::Note).
    pub reasons: Vec<String>,
    /// Things worth a look that stop nothing.
    pub warnings: Vec<String>,
    /// The Merkle tree's root over the manifest's lines, once there are lines.
    pub root_hash: Option<Sha256Digest>,
    /// SHA-256 of the statement, once it is sealed.
    pub statement_sha256: Option<Sha256Digest>,
    /// The ledger's head after the run.
    pub head: Option<Sha256Digest>,
    /// Where the time went.
    pub timings: Timings,
}

/// A part of the run, for progress and timings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading and verifying.
    Intake,
    /// Conflicts, expectations, ledger.
    Settle,
    /// Building and linting every tbsCertificate.
    Lint,
    /// Recording, signing, checking, writing.
    Issue,
    /// Statement, signature, publication.
    Seal,
}

impl Stage {
    /// Every stage in order.
    pub const ALL: [Self; 5] = [Self::Intake, Self::Settle, Self::Lint, Self::Issue, Self::Seal];

    /// The word for operators.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intake => "verify",
            Self::Settle => "settle",
            Self::Lint => "lint",
            Self::Issue => "issue",
            Self::Seal => "seal",
        }
    }
}

/// How long each stage took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings([Elapsed; 5]);

/// Time that has passed, and what of it the program worked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Elapsed {
    /// By the clock on the wall.
    pub wall: Duration,
    /// Of all threads together: at most `wall` times the number of cores.
    pub cpu: Duration,
}

impl Timings {
    /// Adds the time since a stage began, and returns it.
    pub(crate) fn add(&mut self, stage: Stage, since: &Start) -> Duration {
        let spent = &mut self.0[stage as usize];
        let wall = since.wall.elapsed();
        spent.wall += wall;
        spent.cpu += cpu_time().saturating_sub(since.cpu);
        wall
    }

    /// How long a stage took.
    pub fn of(&self, stage: Stage) -> Elapsed {
        self.0[stage as usize]
    }
}

/// When a stage began.
pub(crate) struct Start {
    wall: Instant,
    cpu: Duration,
}

impl Start {
    pub(crate) fn now() -> Self {
        Self { wall: Instant::now(), cpu: cpu_time() }
    }
}

/// What the process has worked until now, all its threads together.
fn cpu_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    now.try_into().unwrap_or_default()
}

/// Receives the progress of a run. Implementations may draw a bar or do nothing.
pub trait Progress: Sync {
    /// A stage begins.
    fn begin(&self, stage: Stage);
    /// How much the current stage will count, once known.
    fn total(&self, count: u64);
    /// The current stage has done `count` more.
    fn advance(&self, count: u64);
    /// The stage is over.
    fn end(&self, stage: Stage);
}

/// Does nothing.
impl Progress for () {
    fn begin(&self, _: Stage) {}
    fn total(&self, _: u64) {}
    fn advance(&self, _: u64) {}
    fn end(&self, _: Stage) {}
}
