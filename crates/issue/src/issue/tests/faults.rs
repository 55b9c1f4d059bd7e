//! The store fails at each step in turn; afterwards the four rules still hold, and the same order ends the same.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::run::{Order, Stop, run};
use crate::cert::{Encoder, IssuedCertificate, SerialBasis};
use crate::crypto::sha256;
use crate::issue::testing::{ChangingSigner, identity, issuer};
use crate::issue::{Issuer, Seed, Serials};
use crate::ledger::testing::{batch_id, leaf};
use crate::ledger::{Fault, Kind, Ledger, LedgerError, MemoryStore, SqliteStore, StoreError};
use crate::signer::{Signer, SignerError};
use crate::x509::{Sha256Digest, SignatureAlgorithm, Spki};

/// A signer that looks at the ledger before it signs: is every message intended there?
struct Suspicious {
    inner: ChangingSigner,
    store: MemoryStore,
}

impl Signer for Suspicious {
    fn public_key(&self) -> &Spki {
        self.inner.public_key()
    }

    fn sign_batch(
        &self,
        algorithm: SignatureAlgorithm,
        messages: &[&[u8]],
        signatures: &mut Vec<Vec<u8>>,
    ) -> Result<(), SignerError> {
        let intended = intended(&self.store);
        for message in messages {
            assert!(intended.contains(&sha256(message)), "signed without an intent");
        }
        self.inner.sign_batch(algorithm, messages, signatures)
    }
}

/// SHA-256 of everything that may be signed, straight from the records.
fn intended(store: &MemoryStore) -> BTreeSet<Sha256Digest> {
    let mut digests = BTreeSet::new();
    for record in store.snapshot() {
        let digest = |bytes: &[u8]| Sha256Digest::new(bytes.try_into().unwrap());
        match record.entry.place.kind {
            Kind::Intent => digests.extend(record.body.chunks(32).map(digest)),
            Kind::Retry => {
                digests.insert(digest(&record.body[8..40]));
            }
            _ => {}
        }
    }
    digests
}

fn order() -> Order {
    Order::of(0..10)
}

fn suspicious(store: &MemoryStore, start: u64) -> Issuer {
    let signer = Suspicious { inner: ChangingSigner::issuing(start), store: store.clone() };
    Issuer::new(identity(), Box::new(signer)).unwrap()
}

fn serials(certificates: &[IssuedCertificate]) -> Vec<String> {
    certificates.iter().map(|certificate| certificate.serial().to_string()).collect()
}

/// Breaks the store at `step`, then repairs it and gives the same order again. Returns whether the step was reached.
fn broken_at(step: u64, fault: Fault, undisturbed: &[IssuedCertificate]) -> bool {
    let store = MemoryStore::new();
    let open = || Ledger::over(Box::new(store.clone()), identity().spki());
    open().unwrap();
    store.fail_at(step, fault);
    let first = open().map_err(Stop::from).and_then(|ledger| run(&ledger, &suspicious(&store, 0), &order(), (1, 4)));
    let reached = store.repair();
    assert_eq!(first.is_err(), reached);
    if let Err(stop) = &first {
        assert!(matches!(stop, Stop::Ledger(LedgerError::Store(StoreError::Fault))), "{stop:?}");
    }
    let kept: Vec<_> = store.snapshot().into_iter().filter(|record| record.entry.place.kind == Kind::Issued).collect();

    let ledger = open().unwrap();
    // a new batch would be drawn with another seed, name and chunk size: the old one has to be found
    let drawn = if ledger.find(&order().terms().key()).unwrap().is_some() { (2, 3) } else { (1, 4) };
    let certificates = run(&ledger, &suspicious(&store, 1_000), &order(), drawn).unwrap();
    assert_eq!(serials(&certificates), serials(undisturbed), "step {step}");
    let same_bytes = certificates.iter().zip(undisturbed).all(|(a, b)| a.tbs() == b.tbs());
    assert!(same_bytes, "step {step}");
    let stats = ledger.verify().unwrap().stats;
    assert_eq!((stats.batches, stats.sealed, stats.certificates), (1, 1, 10), "step {step}");
    let now = store.snapshot();
    assert!(kept.iter().all(|record| now.contains(record)), "what was recorded stays");
    reached
}

#[test]
fn after_a_failure_at_any_step_the_same_order_ends_in_the_same_serials() {
    let undisturbed = {
        let issuer = Issuer::new(identity(), Box::new(ChangingSigner::issuing(0))).unwrap();
        run(&Ledger::in_memory(identity().spki()), &issuer, &order(), (1, 4)).unwrap()
    };
    for fault in [Fault::Failed, Fault::FailedButPersisted] {
        let steps = (1..1_000).take_while(|step| broken_at(*step, fault, &undisturbed)).count();
        assert!(steps > 40, "{steps} steps of a run of three chunks");
    }
}

#[test]
fn after_a_failure_at_any_step_a_deterministic_signer_ends_in_the_same_bytes() {
    // among these leaves are some whose first signature is short, so that retries are among the steps
    let short = |number: &u64| {
        let issuer = issuer();
        let order = Order { full_width: true, ..Order::of([*number]) };
        let certificates = run(&Ledger::in_memory(identity().spki()), &issuer, &order, (1, 1)).unwrap();
        certificates[0].attempt() > 0
    };
    let first = (0..2_000).find(short).unwrap();
    let order = Order { full_width: true, ..Order::of([first]) };
    let undisturbed = run(&Ledger::in_memory(identity().spki()), &issuer(), &order, (1, 1)).unwrap();
    let mut step = 0;
    loop {
        step += 1;
        let store = MemoryStore::new();
        let open = || Ledger::over(Box::new(store.clone()), identity().spki()).unwrap();
        let ledger = open();
        let fault = if step % 2 == 0 { Fault::Failed } else { Fault::FailedButPersisted };
        store.fail_at(step / 2 + 1, fault);
        let broken = run(&ledger, &issuer(), &order, (1, 1)).is_err();
        store.repair();
        assert_eq!(run(&open(), &issuer(), &order, (1, 1)).unwrap(), undisturbed, "step {step}");
        if !broken {
            break;
        }
    }
    assert!(step > 40);
}

#[test]
fn a_disk_that_fills_up_at_any_page_loses_nothing() {
    let order = Order::of(0..200);
    let undisturbed = run(&Ledger::in_memory(identity().spki()), &issuer(), &order, (1, 50)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut refused = 0;
    for extra_pages in 0.. {
        let path = folder.path().join(format!("{extra_pages}.db"));
        drop(Ledger::create(&path, identity().spki()).unwrap());
        let mut store = SqliteStore::open(&path).unwrap();
        store.limit_growth(extra_pages);
        let ledger = Ledger::over(Box::new(store), identity().spki()).unwrap();
        let first = run(&ledger, &issuer(), &order, (1, 50));
        if first.is_err() {
            refused += 1;
            let again = run(&ledger, &issuer(), &order, (1, 50)).unwrap_err();
            assert!(matches!(again, Stop::Ledger(LedgerError::Store(StoreError::Broken))), "{again:?}");
        }
        drop(ledger);
        let ledger = Ledger::open(&path, identity().spki()).unwrap();
        assert_eq!(run(&ledger, &issuer(), &order, (1, 50)).unwrap(), undisturbed);
        ledger.verify().unwrap();
        if first.is_ok() {
            break;
        }
    }
    assert!(refused > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// After any faults, in any number, the certificates are those of the batch row that became durable first.
    #[test]
    fn any_sequence_of_failures_ends_in_one_set_of_serials(
        faults in proptest::collection::vec((1..60_u64, any::<bool>()), 0..6),
        chunk_size in 1..8_u32,
    ) {
        let store = MemoryStore::new();
        let open = || Ledger::over(Box::new(store.clone()), identity().spki());
        let mut start = 0;
        let mut signed: Vec<IssuedCertificate> = Vec::new();
        for (step, persisted) in faults {
            store.fail_at(step, if persisted { Fault::FailedButPersisted } else { Fault::Failed });
            start += 1_000;
            let result = open().map_err(Stop::from).and_then(|ledger| {
                run(&ledger, &suspicious(&store, start), &order(), (1, chunk_size))
            });
            store.repair();
            if let Ok(certificates) = result {
                signed = certificates;
            }
        }
        let ledger = open().unwrap();
        let certificates = run(&ledger, &suspicious(&store, start + 1_000), &order(), (1, chunk_size)).unwrap();
        prop_assert!(signed.is_empty() || signed == certificates);
        prop_assert_eq!(certificates.len(), 10);
        let seed = Seed(*sha256(&1_u32.to_be_bytes()).as_bytes());
        let batch = batch_id(1);
        let basis = SerialBasis { encoder: Encoder::NEW, batch: batch.as_str(), seed: &seed, beacon: None };
        let serials = Serials::new(&basis, identity().spki());
        for (number, certificate) in (0..).zip(&certificates) {
            let expected = serials.derive(&leaf(number).source, 0);
            prop_assert_eq!(certificate.serial(), &expected);
        }
        prop_assert_eq!(ledger.verify().unwrap().stats.certificates, 10);
    }
}
