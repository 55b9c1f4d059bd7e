//! A batch that has started: TEST leaves that verify, a policy, and all that the second pass works on.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::DecodePrivateKey as _;

use crate::cert::IssuerIdentity;
use crate::crypto::{VerificationEngine, sha256};
use crate::error::Error;
use crate::intake::{self, Pass1, Row, Source};
use crate::issue::Serials;
use crate::issue::testing::identity;
use crate::ledger::testing::{row, terms};
use crate::ledger::{AuthorityKind, BatchRow, BatchTerms, Delivery, Ledger, MemoryStore, leaf_set_digest};
use crate::origin::ItemName;
use crate::pipeline::build::{self, Bound, Work};
use crate::pipeline::kept::{Keeper, Kept};
use crate::pipeline::terms::LeavesOf;
use crate::pipeline::{Progress, Stage};
use crate::plan::chunk_file;
use crate::policy::{BatchContext, Policy};
use crate::reel::{Limits, SourceLeaf, Spool};
use crate::x509::tlv::{Reader, element, tag};
use crate::x509::{Certificate, pem};

use super::super::{Chunk, issue_all};
use super::fakes::Watched;

pub(in crate::pipeline) struct World {
    intake: Arc<Pass1>,
    issuer: Arc<IssuerIdentity>,
    bound: Arc<Bound>,
    kept: Arc<Kept>,
    batch: BatchRow,
    jobs: usize,
    cancel: Arc<AtomicBool>,
}

impl World {
    pub(in crate::pipeline) fn new(leaves: u32, chunk: u32, full_width: bool) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let policy = Policy::parse(&POLICY.replace("FULL", &full_width.to_string()), "policy.toml").unwrap();
        let batch = row(1, terms("test", &[]), chunk);
        let cancel = Arc::new(AtomicBool::new(false));
        let source = Source {
            inputs: &[],
            limits: &Limits::default(),
            anchors: &[anchor()],
            rules: policy.source(),
            at: batch.issued_at,
            scratch: scratch.path(),
            jobs: 2,
            engine: VerificationEngine::default(),
            advance: &|_| {},
            cancel: &cancel,
        };
        let all = source_leaves(leaves);
        let mut intake = intake::verify_leaves::<reroot_core::error::Error>(&source, &[], |each| {
            let taken = all.into_iter().all(|leaf| each(leaf).is_continue());
            assert!(taken);
            Ok(())
        })
        .unwrap();
        assert!(intake.resolve(None).unwrap().is_empty());
        assert_eq!((intake.rows.len(), intake.findings.len()), (leaves as usize, 0), "findings");
        let listed = LeavesOf(&intake.rows);
        let issuer = identity();
        let terms = BatchTerms {
            issuer_sha256: sha256(issuer.certificate().der()),
            policy_sha256: sha256(policy.bytes()),
            policy: policy.bytes().to_vec(),
            params: [].into(),
            relaxations: policy.source().relax.clone(),
            leaves_sha256: leaf_set_digest(&listed),
            leaf_count: u64::from(leaves),
            ..batch.terms
        };
        let delivery = Delivery { authority: AuthorityKind::AirGapped, ..batch.delivery };
        let batch = BatchRow { terms, delivery, ..batch };
        let params = policy.params(&[].into()).unwrap();
        let context = BatchContext { batch: batch.id.to_string(), issued_at: batch.issued_at, params };
        let serials = Serials::new(&batch.serial_basis(), issuer.spki());
        let bound = Bound { policy: policy.bind(&issuer, &context).unwrap(), serials };
        let mut keeper = Keeper::new(Spool::create(scratch.path()).unwrap(), chunk, 2);
        for row in &intake.rows {
            let mut spool = intake.spool.reader();
            let built = build::prepare(&issuer, &bound, &batch, &mut spool, &intake.verifier, row, 0).unwrap();
            keeper.add(&built.unwrap().1).unwrap();
        }
        let kept = Arc::new(keeper.finish().unwrap());
        let (intake, issuer, bound) = (Arc::new(intake), Arc::new(issuer), Arc::new(bound));
        Self { intake, issuer, bound, kept, batch, jobs: 1, cancel }
    }

    /// The same with so many workers.
    pub(in crate::pipeline) fn with_jobs(&self, jobs: usize) -> Self {
        let Self { intake, issuer, bound, kept, batch, cancel, .. } = self;
        let (intake, issuer, bound) = (Arc::clone(intake), Arc::clone(issuer), Arc::clone(bound));
        Self { intake, issuer, bound, kept: Arc::clone(kept), batch: batch.clone(), jobs, cancel: Arc::clone(cancel) }
    }

    /// The same after another process has changed the first share of the second chunk in the scratch file.
    pub(in crate::pipeline) fn with_changed(&self, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let kept = Arc::new(self.kept.changed(1, 0, change));
        Self { kept, ..self.with_jobs(self.jobs) }
    }

    pub(in crate::pipeline) fn rows(&self) -> usize {
        self.intake.rows.len()
    }

    pub(in crate::pipeline) fn batch(&self) -> &BatchRow {
        &self.batch
    }

    /// The file of each chunk.
    pub(in crate::pipeline) fn chunk_files(&self) -> Vec<Vec<u8>> {
        let file = |(number, rows): (u64, &[Row])| {
            let leaves: Vec<_> = rows.iter().map(|row| row.load(&self.intake.spool).unwrap()).collect();
            let named = leaves.iter().map(|leaf| (&leaf.item, leaf.der.clone()));
            chunk_file::write(self.batch.id.as_str(), number, &[], named)
        };
        self.with_work(|work| work.chunks().map(file).collect())
    }

    /// What Ctrl-C sets.
    pub(in crate::pipeline) fn cancel(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancel)
    }

    /// A store with the batch on it.
    pub(in crate::pipeline) fn begun(&self) -> MemoryStore {
        let store = MemoryStore::new();
        self.open(&store).begin(self.batch.clone(), &LeavesOf(&self.intake.rows)).unwrap();
        store
    }

    pub(in crate::pipeline) fn open(&self, store: &MemoryStore) -> Ledger {
        Ledger::over(Box::new(store.clone()), self.issuer.spki()).unwrap()
    }

    pub(in crate::pipeline) fn with_work<T>(&self, with: impl FnOnce(&Work<'_>) -> T) -> T {
        with(&Work {
            issuer: &self.issuer,
            bound: &self.bound,
            batch: &self.batch,
            rows: &self.intake.rows,
            first: 0,
            spool: &self.intake.spool,
            kept: Some(&self.kept),
            verifier: &self.intake.verifier,
            jobs: self.jobs,
            progress: &Silent,
            cancel: &self.cancel,
        })
    }

    /// The second pass.
    pub(in crate::pipeline) fn issue(
        &self,
        ledger: &Ledger,
        signer: &Watched,
        each: &mut dyn FnMut(Chunk) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        self.with_work(|work| issue_all(work, ledger, &signer.issuer(), each))
    }
}

/// The root of the leaves.
pub(in crate::pipeline) fn anchor() -> Certificate {
    Certificate::from_der(&pem::read(&fixture("root.pem")).unwrap().remove(0).der).unwrap()
}

struct Silent;

impl Progress for Silent {
    fn begin(&self, _: Stage) {}
    fn total(&self, _: u64) {}
    fn advance(&self, _: u64) {}
    fn end(&self, _: Stage) {}
}

/// Leaves as the one in `fixtures/pki/`, each with UID and key of its own.
fn source_leaves(count: u32) -> Vec<SourceLeaf> {
    let model = fixture("leaf-0209010000007E57000139.der");
    let key = pem::read(&fixture("root.TEST-key.pem")).unwrap().remove(0).der;
    let root = SigningKey::from_pkcs8_der(&key).unwrap();
    let fields = Reader::new(&model).element("certificate").unwrap().content;
    let mut fields = Reader::new(fields);
    let tbs = fields.element("tbsCertificate").unwrap().raw;
    let algorithm = fields.element("signatureAlgorithm").unwrap().raw;
    let point = Certificate::from_der(&model).unwrap().spki().key().to_vec();
    let leaf = |number: u32| {
        let counter = number.to_be_bytes();
        let uid = [&[2, 9][..], &counter, &[0x7E, 0x57, 0, 1, 0x39]].concat();
        let device = SigningKey::from_slice(sha256(&counter).as_bytes()).unwrap();
        let device = device.verifying_key().to_sec1_point(false);
        let tbs = replaced(tbs, &hex::decode(MODEL).unwrap(), &uid);
        let tbs = replaced(&tbs, MODEL.as_bytes(), hex::encode_upper(&uid).as_bytes());
        let tbs = replaced(&tbs, &point, device.as_bytes());
        let signature: DerSignature = root.sign(&tbs);
        let signature = element(tag::BIT_STRING, &[&[0], signature.as_bytes()]);
        let item = ItemName::input(b"made-up.zip").entry(format!("{number}.der").as_bytes());
        SourceLeaf { item, der: element(tag::SEQUENCE, &[&tbs, algorithm, &signature]), file_name: None }
    };
    (0..count).map(leaf).collect()
}

fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let at = bytes.windows(old.len()).position(|window| window == old).unwrap();
    [&bytes[..at], new, &bytes[at + old.len()..]].concat()
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/pki")).join(name)).unwrap()
}

const MODEL: &str = "0209010000007E57000139";

const POLICY: &str = r#"
version = 1
name = "test"
description = "for tests"
[source]
family = "stsafe-a"
keys = ["P-256"]
relax = ["test-anchor"]
[certificate]
subject = [{ CN = "{uid}" }]
serial = "derived"
not_before = "issuance"
not_after = "20y"
outlives_issuer = "error"
signature = "ecdsa-sha256"
[device]
target = "none"
full_width_signature = FULL
"#;
