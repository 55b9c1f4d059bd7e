//! Revocations, releases, blocks and rounds on a ledger of each kind.

use super::*;
use crate::crypto::sha256;
use crate::ledger::testing::{batch_id, issuer_spki, leaves, row, terms, uid};
use crate::ledger::{CrlRound, Recorded, RoundList, SignedList, StoreError};
use crate::origin::Uid;

fn time(text: &str) -> Time {
    Time::from_rfc3339(text).unwrap()
}

fn instruction(day: u8) -> Instruction {
    Instruction {
        at: time(&format!("2026-03-{day:02}T00:00:00Z")),
        requester: "quality".to_owned(),
        approvals: vec![sha256(b"approval")],
    }
}

fn certificate(index: u32) -> Revocable {
    let serial = [&[0x40; 12][..], &index.to_be_bytes()].concat();
    Revocable {
        index,
        serial: SerialNumber::from_content(&serial).unwrap(),
        not_after: time("2040-01-01T00:00:00Z"),
        scope: Scope::new([format!("http://pki.example/{}.crl", index % 3)]),
    }
}

fn revocation(batch: u32, reason: Reason, day: u8, indexes: impl IntoIterator<Item = u32>) -> Revocation {
    Revocation {
        batch: Some(batch_id(batch)),
        reason,
        instruction: instruction(day),
        certificates: indexes.into_iter().map(certificate).collect(),
    }
}

fn release(batch: u32, day: u8, indexes: &[u32]) -> Release {
    Release { batch: Some(batch_id(batch)), instruction: instruction(day), indexes: indexes.to_vec() }
}

/// Runs a test body over a ledger of each kind that has two batches.
fn on_every_store(body: impl Fn(&Ledger)) {
    let begin = |ledger: &Ledger| {
        for n in [1, 2] {
            let list = leaves(u64::from(n) * 100..u64::from(n) * 100 + 50);
            ledger.begin(row(n, terms("p", &list), 8), &list).unwrap();
        }
        body(ledger);
        assert_eq!(ledger.verify().unwrap().findings, []);
    };
    crate::ledger::testing::on_every_store(&issuer_spki(), begin);
}

fn reasons(ledger: &Ledger) -> Vec<(u32, Reason)> {
    let revocations = ledger.revocations(u64::MAX).unwrap();
    revocations.certificates().iter().map(|one| (one.index, one.reason)).collect()
}

#[test]
fn what_was_revoked_comes_back_and_a_second_time_changes_nothing() {
    on_every_store(|ledger| {
        let both = [
            revocation(1, Reason::KeyCompromise, 1, [0, 3, 49]),
            revocation(2, Reason::Superseded, 2, [7]),
            revocation(1, Reason::CertificateHold, 3, [1]),
        ];
        assert_eq!(ledger.record_revoked(&both).unwrap(), RevokedCount { recorded: 5, unchanged: 0 });
        let found = ledger.revocations(u64::MAX).unwrap();
        let numbers: Vec<u64> = found.certificates().iter().map(|one| one.batch).collect();
        let (first, second) = (ledger.batch_number(&batch_id(1)).unwrap(), ledger.batch_number(&batch_id(2)).unwrap());
        assert_eq!(numbers, [first, first, first, first, second]);
        let one = found.find(first, 3).unwrap();
        let expected = certificate(3);
        assert_eq!((one.serial, one.not_after, &one.scope), (expected.serial, expected.not_after, &expected.scope));
        assert_eq!((one.reason, one.since), (Reason::KeyCompromise, instruction(1).at));
        assert!(found.find(second, 3).is_none());
        let head = ledger.head().unwrap();
        assert_eq!(ledger.record_revoked(&both).unwrap(), RevokedCount { recorded: 0, unchanged: 5 });
        assert_eq!(ledger.head().unwrap(), head, "nothing is recorded");
        assert_eq!(ledger.revocations_of(Some(&batch_id(2))).unwrap().certificates().len(), 1);
        assert!(ledger.revocations(found.changed() - 1).unwrap().certificates().len() < 5, "as of a position");
    });
}

#[test]
fn a_reason_changes_as_the_rules_say_and_a_hold_keeps_its_date() {
    on_every_store(|ledger| {
        ledger.record_revoked(&[revocation(1, Reason::CertificateHold, 1, [5])]).unwrap();
        ledger.record_revoked(&[revocation(1, Reason::Superseded, 2, [5])]).unwrap();
        assert_eq!(reasons(ledger), [(5, Reason::Superseded)]);
        for refused in [Reason::CertificateHold, Reason::CessationOfOperation, Reason::Unspecified] {
            let error = ledger.record_revoked(&[revocation(1, refused, 3, [4, 5])]).unwrap_err();
            assert!(matches!(error, LedgerError::ReasonChange { .. }), "{error}");
            assert_eq!(reasons(ledger), [(5, Reason::Superseded)], "all or nothing");
        }
        ledger.record_revoked(&[revocation(1, Reason::KeyCompromise, 4, [5])]).unwrap();
        assert!(ledger.record_revoked(&[revocation(1, Reason::Superseded, 5, [5])]).is_err());
        let found = ledger.revocations(u64::MAX).unwrap();
        assert_eq!(found.certificates()[0].since, instruction(1).at, "revoked since the hold");
    });
}

#[test]
fn only_a_hold_is_released() {
    on_every_store(|ledger| {
        ledger
            .record_revoked(&[
                revocation(1, Reason::CertificateHold, 1, [1, 2]),
                revocation(1, Reason::Superseded, 1, [3]),
            ])
            .unwrap();
        assert!(matches!(ledger.record_released(&[release(1, 2, &[1, 3])]), Err(LedgerError::NotOnHold { .. })));
        assert_eq!(ledger.record_released(&[release(1, 2, &[1, 9])]).unwrap(), 1, "9 is not revoked");
        assert_eq!(reasons(ledger), [(2, Reason::CertificateHold), (3, Reason::Superseded)]);
        assert_eq!(ledger.record_released(&[release(1, 2, &[1])]).unwrap(), 0, "a second time");
        ledger.record_revoked(&[revocation(1, Reason::KeyCompromise, 5, [1])]).unwrap();
        let found = ledger.revocations(u64::MAX).unwrap();
        assert_eq!(found.certificates()[0].since, instruction(5).at, "the hold is over");
    });
}

#[test]
fn a_leaf_is_named_once_and_in_order() {
    on_every_store(|ledger| {
        for wrong in [vec![2, 2], vec![3, 2]] {
            let error = ledger.record_revoked(&[revocation(1, Reason::Superseded, 1, wrong)]).unwrap_err();
            assert!(matches!(error, LedgerError::RevokedTwice { .. }), "{error}");
        }
        let twice = [revocation(1, Reason::Superseded, 1, [2]), revocation(1, Reason::KeyCompromise, 1, [2])];
        assert!(ledger.record_revoked(&twice).is_err());
        assert!(matches!(
            ledger.record_revoked(&[revocation(9, Reason::Superseded, 1, [0])]),
            Err(LedgerError::UnknownBatch { .. })
        ));
        assert_eq!(reasons(ledger), []);
    });
}

#[test]
fn blocked_chips_are_known_until_they_are_unblocked() {
    on_every_store(|ledger| {
        let chips: Vec<Uid> = [5, 3, 4, 5].into_iter().map(uid).collect();
        assert_eq!(ledger.record_blocked(&instruction(1), "stolen reel", &chips).unwrap(), 3);
        assert_eq!(ledger.record_blocked(&instruction(2), "again", &chips).unwrap(), 0);
        let list = leaves(300..303);
        ledger.begin(row(3, terms("p", &list), 8), &list).unwrap();
        assert_eq!(ledger.record_unblocked(&instruction(3), "found", &[uid(4), uid(9)]).unwrap(), 1);
        let blocked = ledger.blocked(None).unwrap();
        assert_eq!(blocked.iter().collect::<Vec<_>>(), [(&uid(3), "stolen reel"), (&uid(5), "stolen reel")]);
        assert_eq!(blocked.reason(&uid(4)), None);
        assert_eq!(ledger.blocked(Some(&batch_id(3))).unwrap().count(), 3, "when the batch began");
        assert!(ledger.blocked(Some(&batch_id(1))).unwrap().is_empty());
        assert_eq!(ledger.record_blocked(&instruction(4), "stolen again", &[uid(4)]).unwrap(), 1);
        assert_eq!(ledger.blocked(None).unwrap().reason(&uid(4)), Some("stolen again"));
    });
}

#[test]
fn leaves_are_found_by_uid_in_every_batch() {
    on_every_store(|ledger| {
        let again = leaves(120..122);
        ledger.begin(row(3, terms("other", &again), 8), &again).unwrap();
        let found = ledger.find_uids(&[uid(220), uid(121), uid(999)]).unwrap();
        let places: Vec<_> = found.iter().map(|one| (one.batch.clone(), one.index, one.sought)).collect();
        assert_eq!(places, [(batch_id(1), 21, 1), (batch_id(2), 20, 0), (batch_id(3), 1, 1)]);
        let chunk = ledger.chunk_leaves(&batch_id(1), 2).unwrap();
        assert_eq!((chunk.len(), chunk[5].uid, chunk[5].attempt, chunk[5].issued), (8, uid(121), 0, false));
        assert!(ledger.chunk_leaves(&batch_id(1), 7).is_err());
    });
}

fn round(number: u64, minute: u8, position: u64, lists: &[Vec<u8>]) -> CrlRound {
    let list = |(at, list): (usize, &Vec<u8>)| RoundList {
        scope: if at == 0 { Scope::default() } else { Scope::new([format!("http://pki.example/{at}.crl")]) },
        entries: 1,
        tbs_sha256: sha256(list),
        tbs_bytes: list.len() as u64,
    };
    CrlRound {
        number,
        issuer_sha256: sha256(b"issuer"),
        this_update: time(&format!("2026-03-01T00:{minute:02}:00Z")),
        next_update: time("2026-03-09T00:00:00Z"),
        position,
        encoder: 1,
        policies_sha256: sha256(b"policies"),
        lists: lists.iter().enumerate().map(list).collect(),
    }
}

#[test]
fn rounds_ascend_and_say_what_was_signed() {
    on_every_store(|ledger| {
        let lists = vec![b"full".to_vec(), b"shard".to_vec()];
        let signed = [b"one", b"two"].map(|text| SignedList { signature: text.to_vec(), crl_sha256: sha256(text) });
        let position = ledger.records().unwrap();
        let first = round(1, 1, position, &lists);
        assert!(ledger.record_round_issued(1, &signed, 2).is_err(), "no such round");
        let recorded = ledger.record_round(&first, lists.clone()).unwrap();
        assert_eq!(recorded.iter().map(Recorded::bytes).collect::<Vec<_>>(), [b"full".as_slice(), b"shard"]);
        assert_eq!(ledger.round(1).unwrap(), Some(first.clone()));
        assert_eq!(ledger.resume_round(1, lists.clone()).unwrap().len(), 2);
        assert!(matches!(
            ledger.resume_round(1, vec![b"full".to_vec(), b"other".to_vec()]),
            Err(LedgerError::RoundDiffers { .. })
        ));
        assert_eq!(ledger.round_numbers().unwrap(), [(1, false)]);
        assert!(ledger.record_round_issued(1, &signed[..1], 1).is_err());
        ledger.record_round_issued(1, &signed, 2).unwrap();
        ledger.record_round_issued(1, &signed, 2).unwrap();
        assert_eq!(ledger.round_issued(1).unwrap().unwrap(), signed);
        let mut other = signed.to_vec();
        other[0].signature = b"three".to_vec();
        assert!(matches!(ledger.record_round_issued(1, &other, 2), Err(LedgerError::RoundDiffers { .. })));

        let position = ledger.records().unwrap();
        for behind in [round(1, 2, position, &lists), round(2, 1, position, &lists), round(2, 0, position, &lists)] {
            let error = ledger.record_round(&behind, lists.clone()).unwrap_err();
            assert!(matches!(
                error,
                LedgerError::RoundBehind { .. } | LedgerError::Store(StoreError::PlaceTaken { .. })
            ));
        }
        ledger.record_revoked(&[revocation(1, Reason::Superseded, 1, [1])]).unwrap();
        let stale = ledger.record_round(&round(2, 2, position, &lists), lists.clone()).unwrap_err();
        assert!(matches!(stale, LedgerError::RoundStale { .. }), "{stale}");
        ledger.record_round(&round(2, 2, ledger.records().unwrap(), &lists), lists.clone()).unwrap();
        assert_eq!(ledger.round_before(2).unwrap().unwrap().number, 1);
        assert_eq!(ledger.round_before(u64::MAX).unwrap().unwrap().number, 2);
        assert_eq!(ledger.round_numbers().unwrap(), [(1, true), (2, false)]);
        let stats = ledger.stats().unwrap();
        assert_eq!((stats.revoked, stats.crl_rounds, stats.crls), (1, 2, 2));
    });
}

/// What no ledger of this program writes.
#[test]
fn records_that_contradict_each_other_are_found() {
    type Damage = (&'static str, Kind, fn() -> Vec<u8>);
    let damage: [Damage; 4] = [
        ("a reason that may not follow", Kind::Revoked, || {
            write(Reason::Superseded, &instruction(2), &[&certificate(1)])
        }),
        ("a leaf that is not there", Kind::Revoked, || write(Reason::Superseded, &instruction(2), &[&certificate(99)])),
        ("another serial number", Kind::Revoked, || {
            let other = Revocable { serial: certificate(7).serial, ..certificate(2) };
            write(Reason::KeyCompromise, &instruction(2), &[&other])
        }),
        ("not on hold", Kind::Released, || {
            let mut body = Writer::default();
            instruction(2).write(&mut body);
            body.u32(1);
            body.finish()
        }),
    ];
    for (what, kind, body) in damage {
        let ledger = Ledger::in_memory(&issuer_spki());
        let list = leaves(0..50);
        ledger.begin(row(1, terms("p", &list), 8), &list).unwrap();
        ledger
            .record_revoked(&[
                revocation(1, Reason::CessationOfOperation, 1, [1]),
                revocation(1, Reason::CertificateHold, 1, [2]),
            ])
            .unwrap();
        let part = if kind == Kind::Revoked { 2 } else { 0 };
        ledger
            .with(|state| {
                let (head, number) = (state.store.head()?, state.number_of(Some(&batch_id(1)))?);
                let draft = Draft { count: 1, ..Draft::new(Place::new(kind, number, 0).part(part), body()) };
                state.append(&head, std::iter::once(draft))
            })
            .unwrap();
        assert!(matches!(ledger.verify(), Err(LedgerError::Damaged { .. })), "{what}");
    }
}
