//! A worker at a desk of its own, with a good signer: what it signs, and what it tells the desk.

#![expect(clippy::disallowed_methods, reason = "files are changed and removed as a person does")]

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use super::*;
use crate::approval::ApprovalMode;
use crate::crypto::sha256;
use crate::error::{PlanError, PoolError};
use crate::ledger::{ChunkFile, Kind, MemoryStore};
use crate::pipeline::sign::tests::fakes::Watched;
use crate::pipeline::sign::tests::world::{World, anchor};

/// Hands out the chunks of a batch, and notes what became of each.
struct TestDesk {
    chunks: VecDeque<Claim>,
    settled: Vec<(u64, String)>,
    /// Whether a lease can be made longer.
    keeps: bool,
    /// How often leases were made longer.
    beats: Arc<Mutex<u32>>,
}

impl Desk for TestDesk {
    fn claim(&mut self, _: &Worker, _: Duration, limit: usize) -> Result<Vec<Claim>, LedgerError> {
        let count = limit.min(self.chunks.len());
        Ok(self.chunks.drain(..count).collect())
    }

    fn extend(&mut self, _: &Worker, claims: &[Claim], _: Duration) -> Result<Vec<u64>, LedgerError> {
        *self.beats.lock().unwrap() += 1;
        Ok(if self.keeps { claims.iter().map(|claim| claim.token).collect() } else { vec![] })
    }

    fn settle(&mut self, claim: &Claim, how: Settled<'_>) -> Result<bool, LedgerError> {
        let reason = match how {
            Settled::Done => "done".to_owned(),
            Settled::Open { reason } => reason.to_owned(),
            Settled::Parked { reason } => format!("parked: {reason}"),
            Settled::Untouched => "untouched".to_owned(),
        };
        self.settled.push((claim.chunk, reason));
        Ok(true)
    }

    fn left(&mut self) -> Result<(u64, u64), LedgerError> {
        Ok((self.chunks.len() as u64, 0))
    }
}

struct Site {
    world: World,
    store: MemoryStore,
    folder: tempfile::TempDir,
    desk: TestDesk,
    policies: Vec<Sha256Digest>,
    approvals: usize,
    lease: Duration,
    at_once: usize,
}

impl Site {
    /// So many leaves, in chunks of this size, all handed out.
    fn new(leaves: u32, chunk: u32) -> Self {
        let world = World::new(leaves, chunk, false);
        let store = world.begun();
        let folder = tempfile::tempdir().unwrap();
        let claims = (0..).zip(world.chunk_files()).map(|(number, content)| {
            let sha256 = sha256(&content);
            crate::plan::chunk_file::save(folder.path(), &sha256, &content).unwrap();
            let file = ChunkFile { sha256, leaves: u64::from(chunk) };
            Claim { batch: world.batch().id.clone(), chunk: number, token: number + 100, attempts: 1, file }
        });
        let chunks = claims.collect();
        let desk = TestDesk { chunks, settled: vec![], keeps: true, beats: Arc::default() };
        let policies = vec![world.batch().terms.policy_sha256];
        Self { world, store, folder, desk, policies, approvals: 0, lease: Duration::from_secs(60), at_once: 2 }
    }

    fn run(&mut self, signer: &Watched, cancel: &AtomicBool) -> Result<Worked, Error> {
        let worker =
            Worker { name: "one".to_owned(), build: String::new(), signer: String::new(), host: String::new() };
        let instant = self.world.batch().issued_at;
        let job = PoolJob {
            issuer: &signer.issuer(),
            anchors: &[anchor()],
            policies: &self.policies,
            max_days: 1,
            rule: Rule { needed: self.approvals, approvers: &[], mode: ApprovalMode::Signed },
            leaves: &LeafStore::at(self.folder.path()),
            scratch: &std::env::temp_dir(),
            worker: &worker,
            lease: self.lease,
            at_once: self.at_once,
            until_empty: true,
            jobs: 2,
            clock: &move || instant,
            random: &|_| {},
            note: &|_| {},
        };
        super::run(&job, &self.world.open(&self.store), &mut self.desk, &(), cancel)
    }

    fn count(&self, kind: Kind) -> u64 {
        let records = self.store.snapshot().into_iter().filter(|record| record.entry.place.kind == kind);
        records.map(|record| record.entry.count).sum()
    }

    fn file_of(&self, chunk: usize) -> PathBuf {
        crate::plan::chunk_file::place(self.folder.path(), &self.desk.chunks[chunk].file.sha256)
    }

    fn settled(&mut self) -> Vec<(u64, String)> {
        self.desk.settled.sort();
        std::mem::take(&mut self.desk.settled)
    }
}

fn go() -> AtomicBool {
    AtomicBool::new(false)
}

#[test]
fn every_chunk_is_signed_and_settled() {
    let mut site = Site::new(10, 4);
    let signer = Watched::good(&site.store);
    let worked = site.run(&signer, &go()).unwrap();
    assert_eq!(worked, Worked { chunks: 3, certificates: 10, failed: 0, parked: 0 });
    assert_eq!(site.settled(), [0, 1, 2].map(|chunk| (chunk, "done".to_owned())));
    assert_eq!((site.count(Kind::Intent), site.count(Kind::Issued)), (10, 10));
    signer.assert_recorded();
    site.world.open(&site.store).verify().unwrap();
}

#[test]
fn what_a_different_run_has_signed_is_not_signed_again() {
    let mut site = Site::new(10, 4);
    let claims = site.desk.chunks.clone();
    site.run(&Watched::good(&site.store), &go()).unwrap();
    site.desk.chunks = claims;
    let again = Watched::good(&site.store);
    assert_eq!(site.run(&again, &go()).unwrap().certificates, 10);
    assert_eq!((again.made().len(), site.count(Kind::Issued)), (0, 10));
}

#[test]
fn a_chunk_whose_file_is_wrong_goes_back_with_the_reason_and_the_others_are_signed() {
    type Change = fn(Vec<u8>) -> Vec<u8>;
    let first = Site::new(10, 4).world.chunk_files().remove(0);
    let changes: [(Change, &str); 3] = [
        (|content| content[..content.len() - 1].to_vec(), "has a different SHA-256"),
        (
            |mut content| {
                content.push(0);
                content
            },
            "has a different SHA-256",
        ),
        (|_| vec![], "has a different SHA-256"),
    ];
    for (change, reason) in changes {
        let mut site = Site::new(10, 4);
        std::fs::write(site.file_of(1), change(first.clone())).unwrap();
        let worked = site.run(&Watched::good(&site.store), &go()).unwrap();
        assert_eq!((worked.chunks, worked.failed), (2, 1));
        let settled = site.settled();
        assert!(settled[1].1.contains(reason), "{settled:?}");
    }
}

/// The file is whole and was handed out, and its leaves are not those of the chunk.
#[test]
fn leaves_of_a_different_chunk_are_not_signed() {
    let mut site = Site::new(8, 4);
    let second = String::from_utf8_lossy(&site.world.chunk_files()[1]).find("\n1\n").unwrap();
    let mut content = site.world.chunk_files().remove(1);
    content[second + 1] = b'0';
    let digest = sha256(&content);
    crate::plan::chunk_file::save(site.folder.path(), &digest, &content).unwrap();
    site.desk.chunks[0].file.sha256 = digest;
    let signer = Watched::good(&site.store);
    assert_eq!(site.run(&signer, &go()).unwrap().certificates, 4);
    let settled = site.settled();
    assert!(settled[0].1.contains("UID"), "{settled:?}");
    assert_eq!((signer.made().len(), site.count(Kind::Intent)), (4, 4));
}

#[test]
fn a_file_that_is_not_there_ends_the_worker_and_names_the_place() {
    let mut site = Site::new(4, 4);
    std::fs::remove_file(site.file_of(0)).unwrap();
    let error = site.run(&Watched::good(&site.store), &go()).unwrap_err();
    assert!(matches!(error, Error::Pool(PoolError::Leaves { .. })), "{error}");
    assert_eq!(site.settled(), [(0, "untouched".to_owned())]);
    assert_eq!(site.count(Kind::Intent), 0);
}

#[test]
fn a_policy_that_is_not_approved_and_a_machine_that_demands_approvals_sign_nothing() {
    let mut site = Site::new(4, 4);
    let claims = site.desk.chunks.clone();
    let policies = std::mem::take(&mut site.policies);
    let error = site.run(&Watched::good(&site.store), &go()).unwrap_err();
    assert!(matches!(error, Error::Plan(PlanError::PolicyNotApproved { .. })), "{error}");
    assert_eq!(site.settled(), [(0, "untouched".to_owned())]);
    (site.desk.chunks, site.policies, site.approvals) = (claims, policies, 1);
    let error = site.run(&Watched::good(&site.store), &go()).unwrap_err();
    assert!(matches!(error, Error::Pool(PoolError::Approvals { needed: 1 })), "{error}");
    assert_eq!(site.count(Kind::Intent), 0);
}

/// Ctrl-C comes while the first slice is signed: it is recorded, the second is not signed, and the chunk goes back.
#[test]
fn a_worker_that_is_told_to_end_records_what_was_signed_and_gives_the_chunk_back() {
    let mut site = Site::new(600, 600);
    site.at_once = 1;
    let cancel: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
    let settled = Arc::new(OnceLock::new());
    let seen = Arc::clone(&settled);
    let beats = Arc::clone(&site.desk.beats);
    // the slice is not over before the worker has seen that it is to end: each beat is after a look
    site.lease = Duration::from_millis(4);
    let signer = Watched::good(&site.store).before(move |message| {
        if message == 100 {
            cancel.store(true, Ordering::Relaxed);
            let now = *beats.lock().unwrap();
            while *beats.lock().unwrap() < now + 2 {
                std::thread::yield_now();
            }
            seen.set(()).unwrap();
        }
    });
    let error = site.run(&signer, cancel).unwrap_err();
    assert!(error.is_interrupted() && settled.get().is_some(), "{error}");
    assert_eq!(site.settled(), [(0, "untouched".to_owned())]);
    let made = signer.made().len() as u64;
    assert!(made < 600 && made == site.count(Kind::Issued), "{made}");
    signer.assert_recorded();
    finish(&mut site);
}

/// The lease runs out while a slice is signed.
#[test]
fn a_worker_that_has_lost_a_chunk_stops_signing_it() {
    let mut site = Site::new(600, 600);
    site.desk.keeps = false;
    site.lease = Duration::from_millis(4);
    let beats = Arc::clone(&site.desk.beats);
    let signer = Watched::good(&site.store).before(move |message| {
        while message == 100 && *beats.lock().unwrap() < 2 {
            std::thread::yield_now();
        }
    });
    site.run(&signer, &go()).unwrap();
    let made = signer.made().len() as u64;
    assert!(made < 600 && made == site.count(Kind::Issued), "{made}");
    assert_eq!(site.settled(), [(0, "untouched".to_owned())]);
    finish(&mut site);
}

/// A different worker does the rest, and signs nothing twice.
fn finish(site: &mut Site) {
    let whole = Site::new(600, 600);
    let before = site.count(Kind::Issued);
    (site.desk.chunks, site.desk.keeps, site.lease) = (whole.desk.chunks, true, Duration::from_secs(60));
    let rest = Watched::good(&site.store);
    assert_eq!(site.run(&rest, &go()).unwrap().certificates, 600);
    assert_eq!(rest.made().len() as u64 + before, 600);
    assert_eq!(site.count(Kind::Issued), 600);
}

#[test]
fn a_signer_that_fails_ends_the_worker_after_what_it_made_was_recorded() {
    let mut site = Site::new(8, 4);
    site.at_once = 1;
    let signer = Watched::good(&site.store).lost_at(2);
    let error = site.run(&signer, &go()).unwrap_err();
    assert!(matches!(error, Error::Issue(_)), "{error}");
    assert_eq!(site.settled(), [(0, "untouched".to_owned())]);
    assert_eq!(site.count(Kind::Issued), signer.made().len() as u64);
}
