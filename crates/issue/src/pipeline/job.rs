//! What a run is asked to do, and what comes of it.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::cert::{IssuerIdentity, ObjectTemplate, Seed};
use crate::crypto::VerificationEngine;
use crate::delivery::Form;
use crate::error::Error;
use crate::findings::Findings;
use crate::issue::Serials;
use crate::ledger::{BatchId, BatchRow, Delivery, Way};
use crate::origin::Finding;
use crate::policy::{BatchContext, BoundPolicy, Params, Policy};
use crate::reel::{Input, Limits};
use crate::signer::Signer;
use crate::verify::{ExpectedList, MissingChip, VerifiedLeaf};
use crate::x509::{Certificate, Sha256Digest, Time};

/// Everything a run needs to know. Time and randomness are among it: the library asks neither.
#[expect(missing_debug_implementations, reason = "holds signers")]
pub struct Job<'a> {
    /// What to read, in this order.
    pub inputs: &'a [Input],
    /// Limits while reading.
    pub limits: Limits,
    /// The policy.
    pub policy: &'a Policy,
    /// The operator's parameters, checked against the policy.
    pub params: Params,
    /// The issuing CA, without its key.
    pub issuer: &'a IssuerIdentity,
    /// The manifest signer's certificate.
    pub manifest_certificate: &'a Certificate,
    /// The manifest signer's key.
    pub manifest_signer: &'a dyn Signer,
    /// Trust anchors for source leaves.
    pub anchors: &'a [Certificate],
    /// Where the batch directory goes.
    pub out: &'a Path,
    /// A file to list every rejected or ignored item in, written before anything is recorded.
    pub findings: Option<&'a Path>,
    /// Encodings of the certificates to deliver.
    pub forms: Vec<Form>,
    /// What a rejected item does to the run.
    pub on_reject: OnReject,
    /// What an expected chip that is missing does to the run.
    pub on_missing: OnMissing,
    /// What becomes of a leaf that is not on the list.
    pub on_surplus: OnSurplus,
    /// The chips that must be there, and no others.
    pub expected: Option<&'a ExpectedList>,
    /// SHA-256 of that list's octets.
    pub expected_sha256: Option<Sha256Digest>,
    /// How many leaves must verify.
    pub expect_count: Option<u64>,
    /// Issue again what was issued before, for this reason.
    pub reissue: Option<String>,
    /// ST's bulk identifier, kept on the ledger.
    pub bulk_id: Option<String>,
    /// Write the bulk identifier into the statement too.
    pub publish_bulk_id: bool,
    /// The ledger head the operator expects, against a ledger restored from an old backup.
    pub expect_head: Option<Sha256Digest>,
    /// Why a jump of this machine's clock is right, if there is one.
    pub accept_clock: Option<String>,
    /// The instant of the run, used if a new batch begins.
    pub now: Time,
    /// Fresh random octets, used if a new batch begins.
    pub seed: Seed,
    /// SHA-256 of a public value that was read before this run, used if a new batch begins.
    pub beacon: Option<Sha256Digest>,
    /// A fresh name, used if a new batch begins.
    pub batch_id: BatchId,
    /// Threads.
    pub jobs: usize,
    /// Who checks the leaves' signatures.
    pub engine: VerificationEngine,
    /// Leaves a chunk, used if a new batch begins.
    pub chunk_size: u32,
    /// Stop before anything is recorded or signed.
    pub dry_run: bool,
    /// Name and version of this program for the statement.
    pub tool: &'a str,
    /// Who signs.
    pub way: Way,
}

impl Job<'_> {
    /// Binds the policy to the issuer and to what the batch row fixes.
    pub(super) fn bind(&self, row: &BatchRow) -> Result<Bound, Error> {
        bind(self.policy, &self.params, self.issuer, row)
    }

    /// What the batch row keeps of how the batch is made and delivered.
    pub(super) fn delivery(&self) -> Delivery {
        let (der, pem) = (self.forms.contains(&Form::Der), self.forms.contains(&Form::Pem));
        let publish_bulk_id = self.bulk_id.is_some() && self.publish_bulk_id;
        Delivery { way: self.way, der, pem, publish_bulk_id }
    }
}

/// Binds a policy to the issuer and to what the batch row fixes.
pub(crate) fn bind(policy: &Policy, params: &Params, issuer: &IssuerIdentity, row: &BatchRow) -> Result<Bound, Error> {
    let context = BatchContext { batch: row.id.to_string(), issued_at: row.issued_at, params: params.clone() };
    let policy = policy.bind(issuer, &context)?;
    Ok(Bound { policy, serials: Serials::new(&row.serial_basis(), issuer.spki()) })
}

/// Everything that a tbsCertificate of a batch follows from, but for its leaf and the issuing CA.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) policy: BoundPolicy,
    pub(crate) serials: Serials,
}

impl Bound {
    /// As [`BoundPolicy::template`].
    pub(crate) fn template(&self, leaf: &VerifiedLeaf) -> Result<ObjectTemplate, Finding> {
        self.policy.template(leaf)
    }
}

/// What a rejected item does to the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnReject {
    /// One rejection stops the run before anything is signed; all of them are listed.
    Stop,
    /// The good leaves are issued, the others listed.
    Skip,
}

impl OnReject {
    /// The word on the command line and in the batch row.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Stop => "stop",
        }
    }
}

/// What an expected chip that is missing does to the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnMissing {
    /// The run goes on, and says which chips are missing.
    Note,
    /// Nothing is signed; all of them are listed.
    Stop,
}

/// What becomes of a leaf that is not on the list of expected chips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnSurplus {
    /// It is left out without fault: the input holds more chips than are wanted.
    Ignore,
    /// It is a rejected item.
    Reject,
}

/// Encodings of a batch's certificates.
pub(crate) fn forms(delivery: Delivery) -> Vec<Form> {
    let forms = [(delivery.der, Form::Der), (delivery.pem, Form::Pem)];
    forms.into_iter().filter(|(wanted, _)| *wanted).map(|(_, form)| form).collect()
}

/// How a run ended when nothing was wrong with the environment.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// `out` already holds this sealed batch: nothing was done.
    AlreadyDone(Summary),
    /// The batch was issued, or published again.
    Done(Summary),
    /// Everything was checked, nothing recorded or signed.
    DryRun(Summary),
    /// Nothing was signed because of what was found.
    Refused(Refusal),
}

/// Why nothing was signed.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Items read.
    pub items: u64,
    /// Leaves that could have been issued.
    pub ready: u64,
    /// Whether [`OnReject::Skip`] takes a reason away.
    pub skip_helps: bool,
    /// Whether [`OnMissing::Note`] takes a reason away.
    pub note_helps: bool,
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
    /// Rejected and ignored items, in the order of the input.
    pub findings: Findings,
    /// Chips of the expected list that are not in the input.
    pub missing: Vec<MissingChip>,
    /// What concerns the input as a whole and would have stopped the run but for [`OnMissing::Note`].
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

impl Summary {
    pub(crate) fn with_timings(mut self, timings: Timings) -> Self {
        self.timings = timings;
        self
    }
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
    pub(crate) fn add(&mut self, stage: Stage, since: &Start) {
        let spent = &mut self.0[stage as usize];
        spent.wall += since.wall.elapsed();
        spent.cpu += cpu_time().saturating_sub(since.cpu);
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

/// Told how far a run is; draws or stays silent.
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
