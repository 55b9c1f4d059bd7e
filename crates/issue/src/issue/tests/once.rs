//! "Once" (docs/adr/0036-identity-of-a-certificate.md), each sentence a test, over every store.

use std::collections::BTreeMap;

use super::run::{Order, Stop, run, statement};
use crate::cert::UncheckedCertificate;
use crate::crypto::sha256;
use crate::issue::testing::{identity, issuer, seed, serial_for, template, template_with, validity};
use crate::issue::{IssueError, Serials, Signed, check};
use crate::ledger::testing::{batch_id, leaf, leaves, row, terms};
use crate::ledger::{BatchState, BatchTerms, Ledger, LedgerError, RecordedLeaf, Standing};
use crate::lint::LintedTbs;
use crate::x509::Time;

/// Runs a test body over a ledger of each kind.
fn on_every_store(body: impl Fn(&Ledger)) {
    crate::ledger::testing::on_every_store(identity().spki(), body);
}

fn linted(number: u64, attempt: u32) -> LintedTbs {
    let identity = identity();
    let template = template(number);
    let serial = serial_for(&template, &seed(), &identity, attempt);
    identity.prepare(&template, serial, attempt).unwrap()
}

#[test]
fn the_same_order_again_changes_nothing() {
    on_every_store(|ledger| {
        let issuer = issuer();
        let first = run(ledger, &issuer, &Order::of(0..10), (1, 4)).unwrap();
        let head = ledger.head().unwrap();
        let second = run(ledger, &issuer, &Order::of(0..10), (2, 5)).unwrap();
        assert_eq!(first, second);
        assert_eq!(ledger.head().unwrap(), head);
        let row = ledger.batch(&batch_id(1)).unwrap().unwrap();
        assert_eq!((row.state, row.chunk_size), (BatchState::Sealed, 4));
        assert!(ledger.batch(&batch_id(2)).unwrap().is_none());
        assert!(ledger.open_batches().unwrap().is_empty());
        assert_eq!(ledger.sealed(&row.id).unwrap().unwrap().0, statement(&row.id, &first));
        let statement = sha256(&statement(&row.id, &first));
        assert_eq!(ledger.last_sealed().unwrap(), Some((row.id, statement)));
    });
}

#[test]
fn a_certificate_from_the_ledger_is_checked_before_it_is_released() {
    let issuer = issuer();
    let ledger = Ledger::in_memory(issuer.identity().spki());
    let issued = run(&ledger, &issuer, &Order::of([0]), (1, 4)).unwrap();
    let row = ledger.batch(&batch_id(1)).unwrap().unwrap();
    let template = template(0);
    let serial = Serials::new(&row.serial_basis(), issuer.identity().spki()).of(&template, 0);
    let linted = issuer.identity().prepare(&template, serial, 0).unwrap();
    let RecordedLeaf::AlreadyIssued(unchecked) = ledger.record(&row.id, 0, vec![linted]).unwrap().remove(0) else {
        panic!("it was issued")
    };
    assert_eq!(check(issuer.identity(), unchecked.clone()).unwrap(), issued[0]);
    let mut signature = unchecked.signature().to_vec();
    *signature.last_mut().unwrap() ^= 1;
    let forged = UncheckedCertificate::new(unchecked.tbs().clone(), signature);
    assert!(matches!(check(issuer.identity(), forged), Err(IssueError::WrongSignature { .. })));
}

#[test]
fn an_issued_identity_is_known_with_its_latest_batch() {
    on_every_store(|ledger| {
        let issuer = issuer();
        run(ledger, &issuer, &Order::of(0..10), (1, 4)).unwrap();
        let again = Order { reissue: Some("lost"), ..Order::of(5..15) };
        run(ledger, &issuer, &again, (2, 4)).unwrap();
        let terms = again.terms();
        let mut asked = leaves([0, 5, 14, 15]);
        asked[1].source = sha256(b"a re-signed twin");
        let standing = ledger.standing(&terms.policy_use(), &asked, None).unwrap();
        let issued =
            |n, same_source| Standing::Issued { batch: batch_id(n), same_policy: true, same_params: true, same_source };
        assert_eq!(standing, [issued(1, true), issued(2, false), issued(2, true), Standing::Free]);
        let edited = BatchTerms { policy_sha256: sha256(b"edited"), params: BTreeMap::new(), ..terms.clone() };
        let Standing::Issued { same_policy, same_params, .. } =
            ledger.standing(&edited.policy_use(), &asked, None).unwrap().swap_remove(0)
        else {
            panic!("it was issued")
        };
        assert!(!same_policy && !same_params);
        let other = BatchTerms { policy_name: "other".to_owned(), ..terms };
        let standing = ledger.standing(&other.policy_use(), &asked, None).unwrap();
        assert_eq!(standing, vec![Standing::Free; 4], "another policy name is another certificate");
    });
}

#[test]
fn an_issued_leaf_enters_another_batch_only_with_a_reason() {
    on_every_store(|ledger| {
        let issuer = issuer();
        run(ledger, &issuer, &Order::of(0..10), (1, 4)).unwrap();
        let stop = run(ledger, &issuer, &Order::of(9..12), (2, 4)).unwrap_err();
        let Stop::Ledger(LedgerError::LeafTaken { uid, reason }) = stop else { panic!("{stop:?}") };
        assert_eq!(uid, leaf(9).uid);
        assert!(reason.contains(batch_id(1).as_str()), "{reason}");
        let again = Order { reissue: Some("field return"), ..Order::of(9..12) };
        assert_eq!(run(ledger, &issuer, &again, (2, 4)).unwrap().len(), 3);
        let other = Order { policy: "other", ..Order::of(0..10) };
        assert_eq!(run(ledger, &issuer, &other, (3, 4)).unwrap().len(), 10);
        assert_eq!(ledger.verify().unwrap().stats.certificates, 23);
    });
}

#[test]
fn other_bytes_for_a_recorded_leaf_are_refused() {
    on_every_store(|ledger| {
        let leaves = leaves(0..3);
        let row = row(1, terms("test", &leaves), 2);
        ledger.begin(row.clone(), &leaves).unwrap();
        let all = |attempt| vec![linted(0, attempt), linted(1, attempt)];
        assert!(matches!(
            ledger.record(&row.id, 0, all(0)).unwrap()[..],
            [RecordedLeaf::Fresh(_), RecordedLeaf::Fresh(_)]
        ));
        assert!(matches!(
            ledger.record(&row.id, 0, all(0)).unwrap()[..],
            [RecordedLeaf::Resumed(_), RecordedLeaf::Resumed(_)]
        ));
        let changed = {
            let changed = validity("2026-01-31T12:00:00Z", "2056-01-31T11:59:58Z");
            let template = template_with(1, |fields| fields.validity = changed);
            let serial = serial_for(&template, &seed(), &identity(), 0);
            identity().prepare(&template, serial, 0).unwrap()
        };
        let error = ledger.record(&row.id, 0, vec![linted(0, 0), changed]).unwrap_err();
        assert!(matches!(&error, LedgerError::TbsDiffers { uid, .. } if *uid == leaf(1).uid), "{error}");
        assert!(error.hint().is_some());
    });
}

#[test]
fn a_chunk_must_be_the_leaf_list_s() {
    on_every_store(|ledger| {
        let leaves = leaves(0..3);
        let row = row(1, terms("test", &leaves), 2);
        ledger.begin(row.clone(), &leaves).unwrap();
        let record = |chunk, linted| ledger.record(&row.id, chunk, linted).unwrap_err();
        assert!(matches!(record(0, vec![linted(0, 0)]), LedgerError::ChunkLength { found: 1, expected: 2, .. }));
        assert!(matches!(record(0, vec![linted(1, 0), linted(0, 0)]), LedgerError::LeafDiffers { what: "UID", .. }));
        assert!(matches!(
            record(0, vec![linted(0, 0), linted(1, 1)]),
            LedgerError::AttemptDiffers { found: 1, expected: 0, .. }
        ));
        assert!(matches!(record(1, vec![linted(1, 0)]), LedgerError::LeafDiffers { what: "UID", .. }));
        assert!(matches!(record(2, vec![]), LedgerError::NoSuchChunk { chunk: 2, chunks: 2, .. }));
        let other_source = template_with(2, |fields| fields.origin.fingerprint = sha256(b"another leaf"));
        let serial = serial_for(&other_source, &seed(), &identity(), 0);
        let linted_other = identity().prepare(&other_source, serial, 0).unwrap();
        assert!(matches!(record(1, vec![linted_other]), LedgerError::LeafDiffers { what: "source leaf", .. }));
        let other_key = template_with(2, |fields| fields.spki = crate::ledger::testing::leaf_spki(3));
        let serial = serial_for(&other_key, &seed(), &identity(), 0);
        let linted_other = identity().prepare(&other_key, serial, 0).unwrap();
        assert!(matches!(record(1, vec![linted_other]), LedgerError::LeafDiffers { what: "key", .. }));
        let error = ledger.record(&batch_id(9), 0, vec![]).unwrap_err();
        assert!(matches!(error, LedgerError::UnknownBatch { .. }));
    });
}

#[test]
fn a_retry_is_one_attempt_further_with_another_serial() {
    on_every_store(|ledger| {
        let leaves = leaves(0..2);
        let row = row(1, terms("test", &leaves), 2);
        ledger.begin(row.clone(), &leaves).unwrap();
        let retry = |linted| ledger.retry(&row.id, 0, linted);
        assert!(matches!(retry(linted(0, 1)), Err(LedgerError::NotRecorded { .. })), "no intent yet");
        ledger.record(&row.id, 0, vec![linted(0, 0), linted(1, 0)]).unwrap();
        assert!(matches!(retry(linted(0, 0)), Err(LedgerError::AttemptDiffers { found: 0, expected: 1, .. })));
        assert!(matches!(retry(linted(0, 2)), Err(LedgerError::AttemptDiffers { found: 2, expected: 1, .. })));
        let same_serial = {
            let serial = serial_for(&template(0), &seed(), &identity(), 0);
            identity().prepare(&template(0), serial, 1).unwrap()
        };
        assert!(matches!(retry(same_serial), Err(LedgerError::RetryUnchanged { attempt: 1, .. })));
        assert!(matches!(retry(linted(7, 1)), Err(LedgerError::NotRecorded { .. })), "not of this chunk");
        assert_eq!(*retry(linted(0, 1)).unwrap().tbs(), *linted(0, 1).tbs());
        let head = ledger.head().unwrap();
        retry(linted(0, 1)).unwrap();
        assert_eq!(ledger.head().unwrap(), head, "the same retry again adds nothing");
        assert_eq!(ledger.attempts(&row.id, 0).unwrap(), [1, 0]);
        assert!(matches!(
            ledger.record(&row.id, 0, vec![linted(0, 0), linted(1, 0)]),
            Err(LedgerError::AttemptDiffers { found: 0, expected: 1, .. })
        ));
        ledger.record(&row.id, 0, vec![linted(0, 1), linted(1, 0)]).unwrap();
    });
}

#[test]
fn a_leaf_has_one_certificate() {
    on_every_store(|ledger| {
        let leaves = leaves(0..2);
        let row = row(1, terms("test", &leaves), 2);
        ledger.begin(row.clone(), &leaves).unwrap();
        let sign = |from: u64| {
            let recorded = ledger.record(&row.id, 0, vec![linted(0, 0), linted(1, 0)]).unwrap();
            let recorded = recorded.into_iter().filter_map(|recorded| match recorded {
                RecordedLeaf::Fresh(recorded) | RecordedLeaf::Resumed(recorded) => Some(recorded),
                RecordedLeaf::AlreadyIssued(_) => None,
            });
            let signer = crate::issue::testing::ChangingSigner::issuing(from);
            let issuer = crate::issue::Issuer::new(identity(), Box::new(signer)).unwrap();
            let outcomes = issuer.sign(recorded.collect()).outcomes.into_iter();
            let issued = outcomes.map(|outcome| match outcome {
                Signed::Issued(certificate) => certificate,
                other => panic!("{other:?}"),
            });
            issued.collect::<Vec<_>>()
        };
        let (first, other) = (sign(0), sign(100));
        assert_ne!(first[0], other[0]);
        assert!(matches!(
            ledger.record_issued(&row.id, 0, &[first[0].clone(), first[0].clone()], 2),
            Err(LedgerError::CertificateDiffers { .. })
        ));
        ledger.record_issued(&row.id, 0, &first[1..], 1).unwrap();
        let error = ledger.seal(&row.id, b"too early", b"").unwrap_err();
        assert!(matches!(error, LedgerError::NotComplete { issued: 1, leaves: 2, .. }));
        let head = ledger.head().unwrap();
        ledger.record_issued(&row.id, 0, &first[1..], 1).unwrap();
        assert_eq!(ledger.head().unwrap(), head, "the same result again adds nothing");
        assert!(matches!(
            ledger.record_issued(&row.id, 0, &other, 2),
            Err(LedgerError::CertificateDiffers { uid, .. }) if uid == leaf(1).uid
        ));
        assert!(matches!(ledger.retry(&row.id, 0, linted(1, 1)), Err(LedgerError::CertificateDiffers { .. })));
        let recorded = ledger.record(&row.id, 0, vec![linted(0, 0), linted(1, 0)]).unwrap();
        assert!(matches!(recorded[..], [RecordedLeaf::Resumed(_), RecordedLeaf::AlreadyIssued(_)]));
        ledger.record_issued(&row.id, 0, &other[..1], 1).unwrap();
        ledger.record_issued(&row.id, 0, &[], 1).unwrap();
        assert_eq!(ledger.signatures_made(&row.id).unwrap(), 3, "one was made and thrown away");
        ledger.verify().unwrap();
    });
}

#[test]
fn a_batch_is_sealed_once() {
    on_every_store(|ledger| {
        run(ledger, &issuer(), &Order::of(0..3), (1, 2)).unwrap();
        let (statement, cms) = ledger.sealed(&batch_id(1)).unwrap().unwrap();
        ledger.seal(&batch_id(1), &statement, &cms).unwrap();
        let sealed = ledger.seal(&batch_id(1), b"other", &cms);
        assert!(matches!(sealed, Err(LedgerError::SealDiffers { .. })));
        assert!(matches!(ledger.seal(&batch_id(1), &statement, b"other"), Err(LedgerError::SealDiffers { .. })));
        assert!(matches!(ledger.record_issued(&batch_id(1), 0, &[], 1), Err(LedgerError::Sealed { .. })));
    });
}

#[test]
fn an_open_batch_survives_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let spki = identity().spki().clone();
    let head = {
        let ledger = Ledger::create(&path, &spki).unwrap();
        let leaves = leaves(0..10);
        ledger.begin(row(1, Order::of(0..10).terms(), 3), &leaves).unwrap();
        ledger.record_ca("crl", b"tbs", Time::from_unix(0).unwrap()).unwrap();
        ledger.head().unwrap()
    };
    let ledger = Ledger::open(&path, &spki).unwrap();
    assert_eq!(ledger.head().unwrap(), head);
    assert_eq!(ledger.open_batches().unwrap().len(), 1);
    assert_eq!(run(&ledger, &issuer(), &Order::of(0..10), (2, 5)).unwrap().len(), 10);
    assert_eq!(ledger.batch(&batch_id(1)).unwrap().unwrap().state, BatchState::Sealed);
}
