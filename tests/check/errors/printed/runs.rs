//! Runs, plans, revocations and external CAs.

use reroot::approval::ApprovalError;
use reroot::audit_log::JournalError;
use reroot::cmp::{CmpError, TransportError};
use reroot::crypto::{KeyError, SignatureError};
use reroot::error::{Error, PlanError, PoolError, RevokeError, SetupError};
use reroot::issue::IssueError;
use reroot::ledger::AuthorityKind;
use reroot::manifest::ManifestError;
use reroot::signer::SignerError;
use reroot::x509::{KeyAlgorithm, SignatureAlgorithm};

use super::{BATCH, BEFORE, LATER, NOW, digest, disk, path, time, uid};
use crate::errors::transcripts::Sheet;

pub(super) fn all(sheet: &mut Sheet<'_>) {
    runs(sheet);
    signing(sheet);
    approvals(sheet);
    audit_logs(sheet);
    plans(sheet);
    revocations(sheet);
    external(sheet);
}

fn runs(sheet: &mut Sheet<'_>) {
    let batch = || BATCH.to_owned();
    sheet.ends(Error::Account { items: 10, accounted: 9 });
    sheet.ends(Error::AnswerUnusable { uid: uid(), reason: "it cannot be read".to_owned() });
    sheet.ends(Error::AuthorityUnfit { task: "makes a plan", authority: AuthorityKind::Local });
    sheet.ends(Error::BeaconUnused { reason: "the policy takes serial numbers from the UID" });
    sheet.ends(Error::ClockJump { clock: time(BEFORE), known: time(NOW), what: "behind", limit: 400 });
    let [recorded, asked] = ["--form der", "--form pem"].map(str::to_owned);
    sheet.ends(Error::DeliveryDiffers { batch: batch(), recorded, asked });
    sheet.ends(Error::HeadDiffers { found: digest(1), expected: digest(2) });
    sheet.ends(Error::LeavesDiffer { batch: batch() });
    let item = "reel.zip!leaf.der".to_owned();
    sheet.ends(Error::LintDiffers { item, reason: "its serial number is not the one before".to_owned() });
    sheet.ends(Error::ManifestSigner(SignerError::Failed { algorithm: SignatureAlgorithm::EcdsaSha256 }));
    sheet.ends(Error::NotItsSources { batch: batch() });
    sheet.ends(Error::NotSealedYet { batch: batch() });
    sheet.ends(Error::OutputDamaged { path: path("batch"), file: "manifest.json".to_owned() });
    sheet.ends(Error::OutputExists { path: path("batch") });
    sheet.ends(Error::RepublishDiffers { batch: batch(), file: "manifest.json".to_owned() });
    for error in [
        SetupError::AcceptClock,
        SetupError::AskAgain,
        SetupError::BulkId,
        SetupError::CertificatesFromStdin,
        SetupError::Reissue,
    ] {
        sheet.ends(Error::Setup(error));
    }
}

fn signing(sheet: &mut Sheet<'_>) {
    let (algorithm, key) = (SignatureAlgorithm::EcdsaSha384, KeyAlgorithm::P256);
    sheet.ends(IssueError::AlgorithmNotOfKey { uid: uid(), algorithm, key });
    sheet.ends(IssueError::Key(KeyError::NotOnCurve { algorithm: key }));
    sheet.ends(IssueError::KeyMismatch { found: digest(1), expected: digest(2) });
    sheet.ends(IssueError::NeverFullWidth { uid: uid(), signatures: 32 });
    sheet.ends(IssueError::NotFullWidth { uid: uid() });
    sheet.ends(IssueError::ReturnedDiffers { uid: uid() });
    sheet.ends(IssueError::SignatureCount { found: 9, expected: 10 });
}

fn plans(sheet: &mut Sheet<'_>) {
    let batch = || BATCH.to_owned();
    let days = 30;
    sheet.ends(PlanError::Anchors);
    sheet.ends(PlanError::Clock { issued_at: time(BEFORE), now: time(LATER), max_days: days });
    sheet.ends(PlanError::Declined);
    sheet.ends(PlanError::Differs { what: "digest of the certificates" });
    sheet.ends(PlanError::Encoder { found: 7, expected: 2 });
    let subject = "CN=Issuing CA".to_owned();
    sheet.ends(PlanError::Issuer { subject, found: digest(1).to_string(), expected: digest(2) });
    sheet.ends(PlanError::Leaves { count: 2, first: "0209A021E021C4E1D00139: signature does not verify".to_owned() });
    sheet.ends(PlanError::Malformed { what: "it ends early".to_owned() });
    sheet.ends(PlanError::Mode { found: "an external CA", expected: "an offline signer" });
    sheet.ends(PlanError::NotPlanned { batch: batch() });
    sheet.ends(PlanError::NothingReturned);
    sheet.ends(PlanError::OtherBatch { batch: batch() });
    sheet.ends(PlanError::PlannerSignature { source: ManifestError::Digest });
    sheet.ends(PlanError::PlannerUnknown);
    sheet.ends(PlanError::PolicyNotApproved { name: "aws-iot".to_owned(), sha256: digest(1) });
    sheet.ends(PlanError::Read { path: path("plan"), source: disk() });
    sheet.ends(PlanError::Section { name: "policy" });
    sheet.ends(PlanError::SeedTaken { batch: batch() });
    sheet.ends(PlanError::Signatures { path: path("signatures"), what: "it is for another plan".to_owned() });
    sheet.ends(PlanError::Taken { count: 2, uid: uid(), reason: "it has a certificate".to_owned() });
    sheet.ends(PoolError::Approvals { needed: 2 });
    let batch = batch();
    sheet.ends(PoolError::Issuer { batch: batch.clone(), found: digest(1), expected: digest(2) });
    let place = "/srv/leaves/00.leaves".to_owned();
    sheet.ends(PoolError::Leaves { place, what: "No such file or directory (os error 2)".to_owned() });
    sheet.ends(PoolError::NotDone { batch: batch.clone(), made: 4_096, leaves: 5_000 });
    sheet.ends(PoolError::NotPlanned { batch });
}

fn approvals(sheet: &mut Sheet<'_>) {
    sheet.ends(Error::Approval(ApprovalError::ClickNotTaken));
    sheet.ends(Error::Approval(ApprovalError::ClickPerson { who: "person", what: "is longer than 200 bytes" }));
    sheet.ends(Error::Approval(ApprovalError::ClickTime { at: time(BEFORE), now: time(LATER) }));
    sheet.ends(Error::Approval(ApprovalError::KeyMismatch { subject: "CN=bert".to_owned() }));
    sheet.ends(Error::Approval(ApprovalError::Requester { what: "is longer than 200 bytes" }));
    sheet.ends(Error::Approval(ApprovalError::Signature(ManifestError::SignerKeyMismatch)));
    sheet.ends(Error::Approval(ApprovalError::Signer(SignerError::PassphraseWrong)));
}

fn audit_logs(sheet: &mut Sheet<'_>) {
    let folder = || path("/var/lib/reroot/audit");
    sheet.ends(Error::Journal(JournalError::Held { folder: folder() }));
    sheet.ends(Error::Journal(JournalError::Lost { folder: folder() }));
    sheet.ends(Error::Journal(JournalError::NotAnEvent { file: folder().join("2026-11-28-0001.jsonl") }));
    sheet.ends(Error::Journal(JournalError::TooLong { found: 20_000, expected: 16_384 }));
}

fn revocations(sheet: &mut Sheet<'_>) {
    let index = || path("crl/index.json");
    sheet.ends(Error::Revoke(RevokeError::ClockBehind { now: time(BEFORE), number: 6, last: time(NOW) }));
    sheet.ends(Error::Revoke(RevokeError::Declined));
    sheet.ends(Error::Revoke(RevokeError::IndexIssuer { path: index() }));
    sheet.ends(Error::Revoke(RevokeError::IndexMalformed { path: index(), what: "it ends early".to_owned() }));
    sheet.ends(Error::Revoke(RevokeError::LedgerBehind { path: index(), published: 7, known: 6 }));
    let [scope, finding] = ["shard 3", "nextUpdate is absent"].map(str::to_owned);
    sheet.ends(Error::Revoke(RevokeError::Lint { scope, number: 6, finding }));
    let [what, found, expected] = ["last round", "5", "6"].map(str::to_owned);
    sheet.ends(Error::Revoke(RevokeError::PlanDiffers { what, found, expected }));
    let (kind, what) = ("plan of revocation lists", "it ends early".to_owned());
    sheet.ends(Error::Revoke(RevokeError::PlanMalformed { path: path("plan"), kind, what }));
    let source = SignatureError::Invalid;
    sheet.ends(Error::Revoke(RevokeError::Returned { path: path("signatures"), source }));
    sheet.ends(Error::Revoke(RevokeError::RoundOver { path: path("signatures"), number: 5, last: 6 }));
    sheet.ends(Error::Revoke(RevokeError::ScopeUnknown { batch: BATCH.to_owned() }));
    sheet.ends(Error::Revoke(RevokeError::Signature(source)));
    sheet.ends(Error::Revoke(RevokeError::UnknownBatch { batch: BATCH.to_owned() }));
    let (this_update, next_update) = (time(NOW), time(BEFORE));
    sheet.ends(Error::Revoke(RevokeError::Validity { this_update, next_update }));
}

fn external(sheet: &mut Sheet<'_>) {
    let reason = || "its issuer is another one".to_owned();
    let answer = || "an error message".to_owned();
    for error in [
        CmpError::Transport(TransportError::NotSent { reason: "connection refused".to_owned() }),
        CmpError::Transport(TransportError::Lost { reason: "the connection was closed".to_owned() }),
        CmpError::Transport(TransportError::Status { status: 404 }),
        CmpError::Certificate { reason: reason() },
        CmpError::Foreign { what: "transactionID" },
        CmpError::Malformed { what: "PKIMessage is truncated".to_owned() },
        CmpError::NotAcknowledged { reason: "the connection was closed".to_owned() },
        CmpError::Protection { what: "the MAC is wrong".to_owned() },
        CmpError::Refused { status: "rejection".to_owned(), reason: Some("unknown device".to_owned()) },
        CmpError::RefusedLate { answer: answer() },
        CmpError::RejectionNotAcknowledged { answer: answer(), reason: reason() },
        CmpError::Signer(SignerError::Failed { algorithm: SignatureAlgorithm::EcdsaSha256 }),
        CmpError::StillWaiting { polls: 20 },
        CmpError::Unclear { answer: answer() },
        CmpError::Unprotected { says: answer() },
    ] {
        sheet.ends(error);
    }
}
