//! A batch that is about to be made, what disturbs it, and what must hold afterwards.

use std::collections::{BTreeMap, BTreeSet};

use reroot::cert::Seed;
use reroot::crypto::sha256;
use reroot::delivery::BatchReader;
use reroot::ledger::{BatchState, Kind, LeafKey, Ledger, LedgerStore, Record, SqliteStore, leaf_set_digest};
use reroot::origin::Uid;
use reroot::x509::{Certificate, pem};

pub(crate) use crate::support::faulty::faulty;
use crate::support::run::{Finished, Run};
use crate::support::workshop::Workshop;

/// A provider's folder with a reel, and a ledger that has an earlier batch on it.
pub(crate) struct Bench {
    start: Workshop,
    /// What is on the ledger before anything is disturbed.
    pub(crate) before: Vec<Record>,
    /// UIDs of the reel.
    pub(crate) uids: BTreeSet<String>,
    chunk: String,
}

/// A disturbed run.
pub(crate) struct Disturbed {
    /// Where it was.
    pub(crate) workshop: Workshop,
    /// How it ended.
    pub(crate) finished: Finished,
    /// Name and path of each call that changed something, in order.
    pub(crate) calls: Vec<String>,
    /// What it left on the ledger.
    pub(crate) left: Vec<Record>,
}

impl Bench {
    /// A reel of so many leaves, signed in chunks of so many.
    pub(crate) fn new(leaves: u64, chunk: u64) -> Self {
        Self::of(Workshop::new(), leaves, chunk)
    }

    /// As [`new`](Self::new), with this CA.
    pub(crate) fn of(start: Workshop, leaves: u64, chunk: u64) -> Self {
        start.reel("earlier.zip", 1_000_000..1_000_002);
        start.issue("earlier.zip", "earlier", &[]).success();
        let reel: Vec<_> = start.pki.leaves(0..leaves);
        let names: Vec<String> = reel.iter().map(|leaf| format!("{}.der", leaf.uid())).collect();
        let files: Vec<(&str, &[u8])> =
            names.iter().map(String::as_str).zip(reel.iter().map(|leaf| &leaf.der[..])).collect();
        start.write("reel.zip", &crate::support::pki::archive::zip(&files));
        let before = records(&start);
        let uids = reel.iter().map(crate::support::pki::TestLeaf::uid).collect();
        Self { start, before, uids, chunk: chunk.to_string() }
    }

    /// As [`new`](Self::new), with this many more batches on the ledger, of one leaf each, which no run has finished.
    pub(crate) fn after(batches: u32, leaves: u64, chunk: u64) -> Self {
        let mut bench = Self::new(leaves, chunk);
        let ledger = ledger(&bench.start);
        let earlier = bench.start.statement("earlier")["batch"].as_str().unwrap().parse().unwrap();
        let model = ledger.batch(&earlier).unwrap().unwrap();
        for number in 0..batches {
            let bytes = number.to_be_bytes();
            let uid = Uid::from_bytes(&[&[2, 9][..], &bytes, &[0xEA, 0x27, 0, 1, 0x39]].concat()).unwrap();
            let leaf = LeafKey { uid, spki: sha256(&[&[1][..], &bytes].concat()), source: sha256(&bytes) };
            let mut row = model.clone();
            row.id = format!("01890a5d-ac96-774b-bcce-{number:012x}").parse().unwrap();
            row.seed = Seed(*sha256(&bytes).as_bytes());
            row.state = BatchState::Open;
            row.terms.inputs_sha256 = sha256(&bytes);
            row.terms.leaves_sha256 = leaf_set_digest(std::slice::from_ref(&leaf));
            row.terms.leaf_count = 1;
            ledger.begin(row, std::slice::from_ref(&leaf)).unwrap();
        }
        drop(ledger);
        bench.before = records(&bench.start);
        bench
    }

    /// The command that makes the batch.
    pub(crate) fn command(&self) -> Vec<&str> {
        let mut command = vec!["issue", "reel.zip", "--policy", "policy.toml", "--out", "batch"];
        command.extend(["--config", "pki/reroot.toml", "--set", "lot=A1", "--jobs", "2", "--chunk", &self.chunk]);
        command
    }

    /// A folder as it was before.
    pub(crate) fn fresh(&self) -> Workshop {
        self.start.copy()
    }

    /// Runs the command with one fault.
    pub(crate) fn disturb(&self, fault: &[&str]) -> Disturbed {
        self.disturb_in(self.fresh(), fault)
    }

    /// As [`disturb`](Self::disturb), in a workshop where the batch may have been begun already.
    pub(crate) fn disturb_in(&self, workshop: Workshop, fault: &[&str]) -> Disturbed {
        disturb(workshop, fault, &self.command())
    }
}

/// Runs a command with one fault.
pub(crate) fn disturb(workshop: Workshop, fault: &[&str], command: &[&str]) -> Disturbed {
    let record = tempfile::NamedTempFile::new().unwrap();
    let run = Run::tool(faulty()).args(["--under", ".", "--record"]).arg(record.path()).args(fault);
    let run = run.arg(env!("CARGO_BIN_EXE_reroot")).args(command).folder(workshop.folder());
    let run = workshop.env.iter().fold(run, |run, (name, value)| run.env(name, value));
    let finished = run.run();
    assert_ne!(finished.code, Some(125), "{}", finished.err());
    let calls = std::fs::read_to_string(record.path()).unwrap().lines().map(ToOwned::to_owned).collect();
    let left = records(&workshop);
    Disturbed { workshop, finished, calls, left }
}

impl Bench {
    /// What must hold after any disturbance: nothing on the ledger was lost or changed, the output is whole or absent.
    pub(crate) fn check_disturbed(&self, disturbed: &Disturbed, case: &str) {
        self.check_left(&disturbed.workshop, &disturbed.left, disturbed.finished.code, case);
    }

    /// As [`check_disturbed`](Self::check_disturbed), of a run that was ended otherwise.
    pub(crate) fn check_left(&self, workshop: &Workshop, left: &[Record], code: Option<i32>, case: &str) {
        assert!(left.starts_with(&self.before), "{case}: records are missing or changed");
        if workshop.path("batch").exists() {
            workshop.verify("batch", &["--input", "reel.zip"]).success();
        } else {
            assert_ne!(code, Some(0), "{case}: success without an output");
        }
    }

    /// Returns how far a run got: 0 nothing recorded, 1 batch begun, 2 at least one certificate recorded, 3 published.
    pub(crate) fn progress(&self, workshop: &Workshop, left: &[Record]) -> usize {
        let has = |kind| left[self.before.len()..].iter().any(|record| record.entry.place.kind == kind);
        match (workshop.path("batch").exists(), has(Kind::Issued), has(Kind::Batch)) {
            (true, _, _) => 3,
            (_, true, _) => 2,
            (_, _, begun) => usize::from(begun),
        }
    }

    /// The same command again, undisturbed, and all that must hold then.
    pub(crate) fn recover(&self, workshop: &Workshop, left: &[Record], case: &str) {
        self.again(workshop, left, case);
        workshop.verify("batch", &["--input", "reel.zip", "--history", "earlier"]).success();
        ledger(workshop).verify().unwrap();
    }

    /// As [`recover`](Self::recover), without what `verify` says.
    pub(crate) fn again(&self, workshop: &Workshop, left: &[Record], case: &str) {
        let again = workshop.reroot(&self.command()).run();
        assert_eq!(again.code, Some(0), "{case}: {}", again.err());
        self.check_whole(workshop, left, case);
    }

    /// A finished batch that grew out of what was left: one certificate a chip, each over the recorded bytes, nothing
    /// recorded twice.
    pub(crate) fn check_whole(&self, workshop: &Workshop, left: &[Record], case: &str) {
        let records = records(workshop);
        assert!(records.starts_with(left), "{case}: what was on the ledger is there no more");
        let of = |kind| records[self.before.len()..].iter().filter(move |record| record.entry.place.kind == kind);
        let one = |kind| assert_eq!(of(kind).count(), 1, "{case}: {kind:?} records");
        [Kind::Batch, Kind::Terms, Kind::Sealed].into_iter().for_each(one);
        let sum = |kind, what: fn(&Record) -> u64| of(kind).map(what).sum::<u64>();
        let leaves = self.uids.len() as u64;
        assert_eq!(sum(Kind::Intent, |record| record.entry.count), leaves, "{case}: intents");
        assert_eq!(sum(Kind::Issued, |record| record.entry.count), leaves, "{case}: certificates");
        assert_eq!(sum(Kind::Issued, |record| record.entry.signatures), leaves, "{case}: signatures");

        let issued = certificates(workshop, "batch");
        assert_eq!(issued.keys().cloned().collect::<BTreeSet<_>>(), self.uids, "{case}");
        // intents hold the digests in the order of UIDs, chunk after chunk
        let intended: Vec<u8> = of(Kind::Intent).flat_map(|record| record.body.clone()).collect();
        let signed: Vec<u8> = issued.values().flat_map(|tbs| sha256(tbs).as_bytes().to_vec()).collect();
        assert!(intended == signed, "{case}: other bytes were signed than recorded");
        assert_eq!(workshop.leftovers(), Vec::<String>::new(), "{case}");
    }
}

/// UID and tbsCertificate of each certificate of a batch.
pub(crate) fn certificates(workshop: &Workshop, out: &str) -> BTreeMap<String, Vec<u8>> {
    let mut stream = BatchReader::open(&workshop.path(out)).unwrap().certificates().unwrap();
    let mut all = BTreeMap::new();
    while let Some(stored) = stream.next_certificate().unwrap() {
        let tbs = Certificate::from_der(&stored.der).unwrap().tbs().to_vec();
        assert!(all.insert(stored.uid.to_string(), tbs).is_none(), "{} twice", stored.uid);
    }
    all
}

fn ledger(workshop: &Workshop) -> Ledger {
    let text = std::fs::read(workshop.path("pki/ca/issuing.pem")).unwrap();
    let issuing = Certificate::from_der(&pem::read(&text).unwrap()[0].der).unwrap();
    Ledger::open(&workshop.path("pki/ledger.db"), issuing.spki()).unwrap()
}

/// Every record, read from a copy: looking changes nothing.
pub(crate) fn records(workshop: &Workshop) -> Vec<Record> {
    let folder = tempfile::tempdir().unwrap();
    for name in ["ledger.db", "ledger.db-wal"] {
        let path = workshop.path("pki").join(name);
        if path.exists() {
            std::fs::copy(path, folder.path().join(name)).unwrap();
        }
    }
    let mut store = SqliteStore::open(&folder.path().join("ledger.db")).unwrap();
    let head = store.head().unwrap();
    (1..=head.records).map(|position| store.at(position).unwrap().unwrap()).collect()
}

#[expect(clippy::print_stderr, reason = "what was run must be seen")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}
