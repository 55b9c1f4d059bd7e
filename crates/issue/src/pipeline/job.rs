//! What a run is asked to do. Time and randomness are part of it: the library asks for neither.

use std::path::Path;

use crate::approval::Given;
use crate::cert::{IssuerIdentity, Seed};
use crate::crypto::VerificationEngine;
use crate::delivery::Form;
use crate::ledger::{AuthorityKind, BatchId, Delivery, KnownNames, OnReject};
use crate::policy::{Params, Policy};
use crate::reel::{Input, Limits};
use crate::signer::Signer;
use crate::verify::ExpectedList;
use crate::x509::{Certificate, Sha256Digest, Time};

use super::builder::{FinishBasis, SignBasis};
use super::known::KnownLedger;

/// What to make of the archives of a reel: a batch, or a plan for one.
#[expect(missing_debug_implementations, reason = "holds signers")]
pub struct Job<'a> {
    /// What to read, in this order.
    pub(super) inputs: &'a [Input],
    /// Limits while reading.
    pub(super) limits: Limits,
    /// The policy.
    pub(super) policy: &'a Policy,
    /// The operator's parameters, checked against the policy.
    pub(super) params: Params,
    /// The issuing CA, without its key.
    pub(super) issuer: &'a IssuerIdentity,
    /// The manifest signer's certificate.
    pub(super) manifest_certificate: &'a Certificate,
    /// The manifest signer's key.
    pub(super) manifest_signer: &'a dyn Signer,
    /// Trust anchors for source leaves.
    pub(super) anchors: &'a [Certificate],
    /// Where the batch directory or the plan goes.
    pub(super) out: &'a Path,
    /// A file to list every rejected or ignored item in, written before anything is recorded.
    pub(super) findings: Option<&'a Path>,
    /// Encodings of the certificates to deliver.
    pub(super) forms: Vec<Form>,
    /// What a rejected item does to the run.
    pub(super) on_reject: OnReject,
    /// What an expected chip that is missing does to the run.
    pub(super) on_missing: OnMissing,
    /// What becomes of a leaf that is not on the list.
    pub(super) on_surplus: OnSurplus,
    /// The chips that must be there, and no others.
    pub(super) expected: Option<&'a ExpectedList>,
    /// SHA-256 of that list's bytes.
    pub(super) expected_sha256: Option<Sha256Digest>,
    /// How many leaves must verify.
    pub(super) expect_count: Option<u64>,
    /// Issue again what was issued before, for this reason.
    pub(super) reissue: Option<String>,
    /// ST's bulk identifier, kept on the ledger.
    pub(super) bulk_id: Option<String>,
    /// Write the bulk identifier into the statement too.
    pub(super) publish_bulk_id: bool,
    /// The ledger head the operator expects, against a ledger restored from an old backup.
    pub(super) expect_head: Option<Sha256Digest>,
    /// Why a jump of this machine's clock is right, if there is one.
    pub(super) accept_clock: Option<String>,
    /// The instant of the run, used if a new batch begins.
    pub(super) now: Time,
    /// Fresh random bytes, used if a new batch begins.
    pub(super) seed: Seed,
    /// SHA-256 of a public value that was read before this run, used if a new batch begins.
    pub(super) beacon: Option<Sha256Digest>,
    /// A fresh name, used if a new batch begins.
    pub(super) batch_id: BatchId,
    /// Threads.
    pub(super) jobs: usize,
    /// Who checks the leaves' signatures.
    pub(super) engine: VerificationEngine,
    /// Leaves a chunk, used if a new batch begins; `None`: as many as fit the number of leaves.
    pub(super) chunk_size: Option<u32>,
    /// The sealed batch that this run publishes again, where it may do nothing else.
    pub(super) again: Option<BatchId>,
    /// Ledgers of earlier keys: chips with a certificate there are reported.
    pub(super) known_ledgers: &'a [KnownLedger],
    /// Lists of the chips of other sites, for which nothing is issued here.
    pub(super) known_names: &'a [KnownNames],
    /// Where the files of the chunks go, if the workers of a pool sign the plan.
    pub(super) pool: Option<&'a Path>,
    /// Stop before anything is recorded or signed.
    pub(super) dry_run: bool,
    /// Name and version of this program for the statement.
    pub(super) tool: &'a str,
}

impl Job<'_> {
    /// What the batch row keeps of how the batch is made and delivered.
    pub(super) fn delivery(&self, authority: AuthorityKind) -> Delivery {
        let (der, pem) = (self.forms.contains(&Form::Der), self.forms.contains(&Form::Pem));
        let publish_bulk_id = self.bulk_id.is_some() && self.publish_bulk_id;
        Delivery { authority, der, pem, publish_bulk_id }
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

/// What a signing machine is to sign, and what its configuration allows.
#[derive(Clone, Copy, Debug)]
pub struct SignJob<'a> {
    pub(super) basis: SignBasis<'a>,
    /// What was given for the plan.
    pub(super) given: Given<'a>,
    /// Why a jump of this machine's clock is right, if there is one.
    pub(super) accept_clock: Option<&'a str>,
    /// Threads.
    pub(super) jobs: usize,
}

/// What is to be finished with what came back for a plan.
#[expect(missing_debug_implementations, reason = "holds a signer")]
pub struct FinishJob<'a> {
    pub(super) basis: FinishBasis<'a>,
    /// A file to list every certificate in that was left out or is wrong, written before anything is recorded.
    pub(super) findings: Option<&'a Path>,
    /// Why a jump of this machine's clock is right, if there is one.
    pub(super) accept_clock: Option<&'a str>,
    /// Threads.
    pub(super) jobs: usize,
    /// Name and version of this program for the statement.
    pub(super) tool: &'a str,
}
