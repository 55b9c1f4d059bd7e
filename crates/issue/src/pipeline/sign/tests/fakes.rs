//! A signer that is watched and fails on demand, stores that fail as a disk does.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::atomic::{self, AtomicUsize};
use std::sync::{Arc, Mutex};

use crate::crypto::{low_s, sha256};
use crate::issue::Issuer;
use crate::issue::testing::{DeterministicSigner, identity};
use crate::ledger::{Entry, Head, Kind, Ledger, LedgerStore, MemoryStore, Place, Record, StoreError};
use crate::signer::{Signer, SignerError};
use crate::x509::{KeyAlgorithm, SignatureAlgorithm, Spki};

/// Signs what has an intent on the ledger, and remembers all that it has signed.
#[derive(Clone)]
pub(in crate::pipeline) struct Watched {
    store: MemoryStore,
    made: Arc<Mutex<Vec<Vec<u8>>>>,
    /// How many messages came to be signed: each has a number of its own, whichever thread brings it.
    came: Arc<AtomicUsize>,
    /// Message at which it is lost.
    lost_at: usize,
    before: Arc<Before>,
}

/// Told the number of the message that is about to be signed.
type Before = dyn Fn(usize) + Send + Sync;

struct Key {
    inner: DeterministicSigner,
    watched: Watched,
}

impl Watched {
    pub(in crate::pipeline) fn good(store: &MemoryStore) -> Self {
        Self {
            store: store.clone(),
            made: Arc::default(),
            came: Arc::default(),
            lost_at: usize::MAX,
            before: Arc::new(|_| {}),
        }
    }

    /// It is lost before this message, counted from 0.
    pub(in crate::pipeline) fn lost_at(self, message: usize) -> Self {
        Self { lost_at: message, ..self }
    }

    pub(in crate::pipeline) fn before(self, before: impl Fn(usize) + Send + Sync + 'static) -> Self {
        Self { before: Arc::new(before), ..self }
    }

    pub(in crate::pipeline) fn issuer(&self) -> Issuer {
        let key = Key { inner: DeterministicSigner::issuing(), watched: self.clone() };
        Issuer::new(identity(), Box::new(key)).unwrap()
    }

    /// Every signature that was made, in the form in which it is kept.
    pub(in crate::pipeline) fn made(&self) -> Vec<Vec<u8>> {
        self.made.lock().unwrap().clone()
    }

    /// Every signature that was made is on the ledger, and none twice.
    pub(in crate::pipeline) fn assert_recorded(&self) {
        let records = self.store.snapshot();
        let issued: Vec<&Record> = records.iter().filter(|record| record.entry.place.kind == Kind::Issued).collect();
        for signature in self.made() {
            let holds = |record: &&&Record| record.body.windows(signature.len()).any(|window| window == signature);
            assert_eq!(issued.iter().filter(holds).count(), 1, "a signature is lost or there twice");
        }
        self.assert_counted();
    }

    /// The ledger knows how many were made.
    pub(in crate::pipeline) fn assert_counted(&self) {
        let counted: u64 = self.store.snapshot().iter().map(|record| record.entry.signatures).sum();
        assert_eq!(counted, self.made().len() as u64);
    }
}

impl Signer for Key {
    fn public_key(&self) -> &Spki {
        self.inner.public_key()
    }

    fn sign_batch(
        &self,
        algorithm: SignatureAlgorithm,
        messages: &[&[u8]],
        signatures: &mut Vec<Vec<u8>>,
    ) -> Result<(), SignerError> {
        let Watched { store, made, came, lost_at, before } = &self.watched;
        let mut intended = BTreeSet::new();
        for record in store.snapshot() {
            match record.entry.place.kind {
                Kind::Intent => intended.extend(record.body.chunks(32).map(<[u8]>::to_vec)),
                Kind::Retry => drop(intended.insert(record.body[8..40].to_vec())),
                _ => {}
            }
        }
        for message in messages {
            assert!(intended.contains(&sha256(message).as_bytes()[..]), "signed without an intent");
            let number = came.fetch_add(1, atomic::Ordering::Relaxed);
            before(number);
            if number >= *lost_at {
                return Err(SignerError::Algorithm { key: KeyAlgorithm::P256, algorithm });
            }
            let signature = self.inner.sign(message);
            made.lock().unwrap().push(low_s(KeyAlgorithm::P256, signature.clone()));
            signatures.push(signature);
        }
        Ok(())
    }
}

/// A store of which one append goes wrong.
pub(super) struct Ledgers {
    inner: MemoryStore,
    appends: usize,
    fails_at: usize,
    panics: bool,
}

impl Ledgers {
    /// From this append on nothing is written; only the first time says why, as `SqliteStore` does.
    pub(super) fn breaking(store: &MemoryStore, fails_at: usize) -> Ledger {
        Self::over(store, fails_at, false)
    }

    /// This append panics.
    pub(super) fn panicking(store: &MemoryStore, fails_at: usize) -> Ledger {
        Self::over(store, fails_at, true)
    }

    fn over(store: &MemoryStore, fails_at: usize, panics: bool) -> Ledger {
        let store = Self { inner: store.clone(), appends: 0, fails_at, panics };
        Ledger::over(Box::new(store), identity().spki()).unwrap()
    }
}

impl LedgerStore for Ledgers {
    fn head(&mut self) -> Result<Head, StoreError> {
        self.inner.head()
    }

    fn append(&mut self, at: &Head, records: &mut dyn Iterator<Item = Record>) -> Result<(), StoreError> {
        self.appends += 1;
        match self.appends.cmp(&self.fails_at) {
            Ordering::Equal => {
                assert!(!self.panics, "told to");
                Err(StoreError::Fault)
            }
            Ordering::Greater => Err(StoreError::Broken),
            Ordering::Less => self.inner.append(at, records),
        }
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.inner.flush()
    }

    fn read(&mut self, place: Place) -> Result<Option<Record>, StoreError> {
        self.inner.read(place)
    }

    fn entry(&mut self, place: Place) -> Result<Option<Entry>, StoreError> {
        self.inner.entry(place)
    }

    fn entries(&mut self, kind: Kind, first: u64, last: u64) -> Result<Vec<Entry>, StoreError> {
        self.inner.entries(kind, first, last)
    }

    fn at(&mut self, position: u64) -> Result<Option<Record>, StoreError> {
        self.inner.at(position)
    }
}
