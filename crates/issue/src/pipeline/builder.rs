//! How a job is made: what every job names, and the choices that have a default.

use std::path::Path;

use crate::approval::{Given, Rule};
use crate::cert::{IssuerIdentity, Seed};
use crate::crypto::VerificationEngine;
use crate::delivery::Form;
use crate::ledger::{BatchId, KnownNames, OnReject};
use crate::policy::{Params, Policy};
use crate::reel::{Input, Limits};
use crate::signer::Signer;
use crate::verify::ExpectedList;
use crate::x509::{Certificate, Sha256Digest, Time};

use super::job::{FinishJob, Job, OnMissing, OnSurplus, SignJob};
use super::known::KnownLedger;

/// What every job names. None of it has a default: it decides what is signed.
#[expect(missing_debug_implementations, reason = "holds a signer")]
pub struct JobBasis<'a> {
    /// What to read, in this order.
    pub inputs: &'a [Input],
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
    /// Where the batch directory or the plan goes.
    pub out: &'a Path,
    /// The instant of the run, used if a new batch begins.
    pub now: Time,
    /// Fresh random bytes, used if a new batch begins.
    pub seed: Seed,
    /// A fresh name, used if a new batch begins.
    pub batch_id: BatchId,
}

/// What every job of a signing machine names.
#[derive(Clone, Copy, Debug)]
pub struct SignBasis<'a> {
    /// The plan.
    pub plan: &'a Path,
    /// The signature file to create.
    pub out: &'a Path,
    /// The issuing CA, without its key.
    pub issuer: &'a IssuerIdentity,
    /// Trust anchors for source leaves: this machine's own.
    pub anchors: &'a [Certificate],
    /// Manifest certificates of the planners whose plans are accepted.
    pub planners: &'a [Certificate],
    /// SHA-256 of the approved policies.
    pub policies: &'a [Sha256Digest],
    /// How many days the plan's instant may be from this machine's clock.
    pub max_days: u32,
    /// How many persons must approve, and who can.
    pub rule: Rule<'a>,
    /// This machine's clock.
    pub now: Time,
}

/// What every job names that finishes a plan.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "holds a signer")]
pub struct FinishBasis<'a> {
    /// The plan.
    pub plan: &'a Path,
    /// Where the batch directory goes.
    pub out: &'a Path,
    /// The issuing CA, without its key.
    pub issuer: &'a IssuerIdentity,
    /// Trust anchors for source leaves, those of the plan.
    pub anchors: &'a [Certificate],
    /// The certificate of the manifest signer, who is the planner too.
    pub manifest_certificate: &'a Certificate,
    /// The manifest signer's key.
    pub manifest_signer: &'a dyn Signer,
    /// The instant of the run.
    pub now: Time,
}

/// Makes a [`Job`] from its [`JobBasis`]. What is not chosen has the strictest value.
#[expect(missing_debug_implementations, reason = "holds a signer")]
pub struct JobBuilder<'a>(Job<'a>);

impl<'a> Job<'a> {
    /// Begins a job: one thread, DER certificates, and nothing is signed if anything is rejected, missing or surplus.
    pub fn builder(basis: JobBasis<'a>) -> JobBuilder<'a> {
        let JobBasis { inputs, policy, params, issuer, manifest_certificate, manifest_signer, anchors, .. } = basis;
        JobBuilder(Job {
            inputs,
            limits: Limits::default(),
            policy,
            params,
            issuer,
            manifest_certificate,
            manifest_signer,
            anchors,
            out: basis.out,
            findings: None,
            forms: vec![Form::Der],
            on_reject: OnReject::Stop,
            on_missing: OnMissing::Stop,
            on_surplus: OnSurplus::Reject,
            expected: None,
            expected_sha256: None,
            expect_count: None,
            reissue: None,
            bulk_id: None,
            publish_bulk_id: false,
            expect_head: None,
            accept_clock: None,
            now: basis.now,
            seed: basis.seed,
            beacon: None,
            batch_id: basis.batch_id,
            jobs: 1,
            engine: VerificationEngine::default(),
            chunk_size: None,
            again: None,
            known_ledgers: &[],
            known_names: &[],
            pool: None,
            dry_run: false,
            tool: TOOL,
        })
    }
}

/// Makes a [`SignJob`] from its [`SignBasis`].
#[derive(Clone, Copy, Debug)]
pub struct SignJobBuilder<'a>(SignJob<'a>);

impl<'a> SignJob<'a> {
    /// Begins a job: one thread, and a jump of the clock is refused.
    pub const fn builder(basis: SignBasis<'a>) -> SignJobBuilder<'a> {
        SignJobBuilder(Self { basis, given: NOTHING, accept_clock: None, jobs: 1 })
    }
}

/// Makes a [`FinishJob`] from its [`FinishBasis`].
#[expect(missing_debug_implementations, reason = "holds a signer")]
pub struct FinishJobBuilder<'a>(FinishJob<'a>);

impl<'a> FinishJob<'a> {
    /// Begins a job: one thread, and a jump of the clock is refused.
    pub const fn builder(basis: FinishBasis<'a>) -> FinishJobBuilder<'a> {
        FinishJobBuilder(Self { basis, findings: None, accept_clock: None, jobs: 1, tool: TOOL })
    }
}

impl<'a> JobBuilder<'a> {
    /// The chips that must be there and no others, and the SHA-256 of the list's bytes.
    #[must_use]
    pub fn expected(mut self, list: Option<(&'a ExpectedList, Sha256Digest)>) -> Self {
        (self.0.expected, self.0.expected_sha256) = list.unzip();
        self
    }
}

/// One method for each choice of the same name.
macro_rules! choices {
    ($builder:ident => $job:ident; $($(#[$doc:meta])* $name:ident: $type:ty;)*) => {
        impl<'a> $builder<'a> {
            $($(#[$doc])*
            #[must_use]
            pub fn $name(mut self, $name: $type) -> Self {
                self.0.$name = $name;
                self
            })*

            /// Returns the job.
            pub fn build(self) -> $job<'a> {
                self.0
            }
        }
    };
}

choices! {
    JobBuilder => Job;
    /// The sealed batch that this run publishes again, where it may do nothing else.
    again: Option<BatchId>;
    /// Why a jump of this machine's clock is right, if there is one.
    accept_clock: Option<String>;
    /// SHA-256 of a public value that was read before this run, used if a new batch begins.
    beacon: Option<Sha256Digest>;
    /// ST's bulk identifier, kept on the ledger.
    bulk_id: Option<String>;
    /// Leaves a chunk, used if a new batch begins: between two chunks the ledger is written to disk. `None`: as many as fit
    /// the number of leaves.
    chunk_size: Option<u32>;
    /// Stops before anything is recorded or signed.
    dry_run: bool;
    /// Who checks the leaves' signatures.
    engine: VerificationEngine;
    /// How many leaves must verify.
    expect_count: Option<u64>;
    /// The ledger head the operator expects, against a ledger restored from an old backup.
    expect_head: Option<Sha256Digest>;
    /// A file to list every rejected or ignored item in, written before anything is recorded.
    findings: Option<&'a Path>;
    /// Encodings of the certificates to deliver.
    forms: Vec<Form>;
    /// Threads.
    jobs: usize;
    /// Ledgers of earlier keys: chips with a certificate there are reported.
    known_ledgers: &'a [KnownLedger];
    /// Lists of the chips of other sites, for which nothing is issued here.
    known_names: &'a [KnownNames];
    /// Limits while reading.
    limits: Limits;
    /// What an expected chip that is missing does to the run.
    on_missing: OnMissing;
    /// What a rejected item does to the run.
    on_reject: OnReject;
    /// What becomes of a leaf that is not on the list.
    on_surplus: OnSurplus;
    /// Where the files of the chunks go, if the workers of a pool sign the plan.
    pool: Option<&'a Path>;
    /// Writes the bulk identifier into the statement too.
    publish_bulk_id: bool;
    /// Issues again what was issued before, for this reason.
    reissue: Option<String>;
    /// Name and version of the program for the statement.
    tool: &'a str;
}

choices! {
    SignJobBuilder => SignJob;
    /// Why a jump of this machine's clock is right, if there is one.
    accept_clock: Option<&'a str>;
    /// What was given for the plan.
    given: Given<'a>;
    /// Threads.
    jobs: usize;
}

choices! {
    FinishJobBuilder => FinishJob;
    /// Why a jump of this machine's clock is right, if there is one.
    accept_clock: Option<&'a str>;
    /// A file to list every certificate in that was left out or is wrong, written before anything is recorded.
    findings: Option<&'a Path>;
    /// Threads.
    jobs: usize;
    /// Name and version of the program for the statement.
    tool: &'a str;
}

/// What the statement calls a program that does not say its name.
const TOOL: &str = concat!("reroot-issue ", env!("CARGO_PKG_VERSION"));

/// Nothing was given for a plan.
const NOTHING: Given<'_> = Given { approvals: &[], click: None, socket: None };
