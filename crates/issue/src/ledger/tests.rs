//! The ledger without signatures; what needs certificates is tested in [`issue`](crate::issue).

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use proptest::prelude::*;

use super::index::Patience;
use super::testing::{batch_id, be_patient, issuer_spki, leaf, leaf_spki, leaves, row, terms, uid};
use super::*;
use crate::cert::Encoder;
use crate::crypto::sha256;
use crate::verify::Relaxation;
use crate::x509::Time;

fn on_every_store(body: impl Fn(&Ledger)) {
    super::testing::on_every_store(&issuer_spki(), body);
}

fn begin(ledger: &Ledger, n: u32, policy: &str, leaves: &[LeafKey], chunk_size: u32) -> Result<(), LedgerError> {
    ledger.begin(row(n, terms(policy, leaves), chunk_size), leaves)
}

fn standing(ledger: &Ledger, policy: &str, leaves: &[LeafKey]) -> Vec<Standing> {
    ledger.standing(&terms(policy, leaves).policy_use(), leaves, None).unwrap()
}

#[test]
fn a_batch_is_found_by_its_terms_and_by_its_name() {
    on_every_store(|ledger| {
        let list = leaves(0..10);
        let expected = row(1, terms("test", &list), 4);
        assert_eq!(ledger.find(&expected.terms.key()).unwrap(), None);
        ledger.begin(expected.clone(), &list).unwrap();
        assert_eq!(ledger.find(&expected.terms.key()).unwrap(), Some(expected.clone()));
        assert_eq!(ledger.batch(&batch_id(1)).unwrap(), Some(expected.clone()));
        assert_eq!(ledger.open_batches().unwrap(), [expected]);
        assert_eq!(ledger.batch(&batch_id(2)).unwrap(), None);
        assert_eq!(ledger.sealed(&batch_id(1)).unwrap(), None);
        assert_eq!(ledger.last_sealed().unwrap(), None);
        assert!(matches!(ledger.sealed(&batch_id(2)), Err(LedgerError::UnknownBatch { .. })));
    });
}

#[test]
fn every_term_enters_the_key() {
    let base = terms("test", &leaves(0..3));
    let changes: [fn(&mut BatchTerms); 17] = [
        |terms| terms.issuer_sha256 = sha256(b"x"),
        |terms| terms.policy_name = "x".to_owned(),
        |terms| terms.policy_sha256 = sha256(b"x"),
        |terms| terms.policy = b"x".to_vec(),
        |terms| terms.params.clear(),
        |terms| drop(terms.params.insert("lot".to_owned(), "B".to_owned())),
        |terms| drop(terms.params.insert("x".to_owned(), String::new())),
        |terms| terms.anchors.clear(),
        |terms| terms.anchors.push(sha256(b"x")),
        |terms| terms.relaxations.push(Relaxation::ExpiredLeaf),
        |terms| terms.on_reject = OnReject::Skip,
        |terms| terms.encoder = Encoder::One,
        |terms| terms.inputs_sha256 = sha256(b"x"),
        |terms| terms.reissue = Some(String::new()),
        |terms| terms.reissue = Some("x".to_owned()),
        |terms| terms.bulk_id = Some("x".to_owned()),
        |terms| terms.expected_sha256 = Some(sha256(b"x")),
    ];
    let mut keys = vec![base.key()];
    for change in changes {
        let mut changed = base.clone();
        change(&mut changed);
        keys.push(changed.key());
    }
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), changes.len() + 1);
}

/// Which leaves of an input pass can change between two runs; whose batch it is cannot.
#[test]
fn the_leaves_do_not_enter_the_key() {
    let base = terms("test", &leaves(0..3));
    assert_eq!(BatchTerms { leaves_sha256: sha256(b"x"), leaf_count: 4, ..base.clone() }.key(), base.key());
}

#[test]
fn the_members_of_a_batch_are_told_from_other_leaves() {
    on_every_store(|ledger| {
        begin(ledger, 1, "test", &leaves([1, 3, 4]), 2).unwrap();
        let members = |list: &[LeafKey]| ledger.members(&batch_id(1), list).unwrap();
        assert_eq!(members(&leaves([1, 3, 4])), Some(vec![true; 3]));
        assert_eq!(members(&leaves(0..6)), Some(vec![false, true, false, true, true, false]));
        assert_eq!(members(&leaves([1, 3])), None, "one is missing");
        assert_eq!(members(&leaves([1, 2, 4])), None);
        let mut other_source = leaves([1, 3, 4]);
        other_source[1].source = sha256(b"renewed");
        assert_eq!(members(&other_source), None, "not the leaf that was recorded");
        assert!(ledger.members(&batch_id(9), &[]).is_err());
    });
}

#[test]
fn what_was_known_when_a_batch_began_can_still_be_told() {
    on_every_store(|ledger| {
        let genesis = ledger.head().unwrap();
        begin(ledger, 1, "test", &leaves(0..3), 2).unwrap();
        let first = ledger.head().unwrap();
        begin(ledger, 2, "test", &leaves(3..6), 2).unwrap();
        assert_eq!(ledger.head_before(&batch_id(1)).unwrap(), genesis);
        assert_eq!(ledger.head_before(&batch_id(2)).unwrap(), first);
        let policy = terms("test", &[]);
        let asked = leaves([1, 4]);
        let before = |batch| ledger.standing(&policy.policy_use(), &asked, Some(&batch_id(batch))).unwrap();
        assert_eq!(before(1), [Standing::Free, Standing::Free]);
        assert_eq!(before(2), [Standing::Held { batch: batch_id(1) }, Standing::Free]);
        assert_eq!(ledger.known_uids(&asked, Some(&batch_id(2))).unwrap(), [Some(batch_id(1)), None]);
    });
}

#[test]
fn a_row_comes_back_as_it_was() {
    let list = leaves(0..3);
    let full = BatchTerms {
        relaxations: vec![Relaxation::ExpiredLeaf, Relaxation::TestAnchor],
        reissue: Some("lost".to_owned()),
        bulk_id: Some("4711".to_owned()),
        expected_sha256: Some(sha256(b"list")),
        ..terms("test", &list)
    };
    let first = BatchTerms { encoder: Encoder::One, ..full.clone() };
    let begun = BatchRow { beacon: Some(sha256(b"beacon")), ..row(1, full.clone(), 2) };
    for expected in [row(1, full, 2), begun, row(1, first, 2)] {
        let ledger = Ledger::in_memory(&issuer_spki());
        ledger.begin(expected.clone(), &list).unwrap();
        assert_eq!(ledger.batch(&batch_id(1)).unwrap().unwrap(), expected);
    }
}

/// RFC 9562, appendix A.6.
#[test]
fn a_batch_name_is_made_of_milliseconds_and_random_bits() {
    let name = BatchId::new(0x017F_22E2_79B0, [0xFC, 0xC3, 0xD8, 0xC4, 0xDC, 0x0C, 0x0C, 0x07, 0x39, 0x8F]);
    assert_eq!(name.as_str(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    assert_eq!(name, name.as_str().parse().unwrap());
}

#[test]
fn only_a_lower_case_uuid_of_version_7_names_a_batch() {
    assert!("01890a5d-ac96-774b-bcce-b302099a8057".parse::<BatchId>().is_ok());
    for text in [
        "",
        "01890A5D-ac96-774b-bcce-b302099a8057",
        "01890a5d-ac96-474b-bcce-b302099a8057",
        "01890a5d-ac96-774b-ccce-b302099a8057",
        "01890a5dac96774bbcceb302099a8057",
        "01890a5d-ac96-774b-bcce-b302099a805\n",
        "01890a5d-ac96-774b-bcce-b302099a80577",
    ] {
        let error = text.parse::<BatchId>().unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn a_batch_begins_only_with_the_leaves_its_terms_name() {
    on_every_store(|ledger| {
        let list = leaves(0..3);
        let good = terms("test", &list);
        let begin = |terms: BatchTerms, chunk_size, list: &[LeafKey]| {
            ledger.begin(row(1, terms, chunk_size), list).unwrap_err()
        };
        let fewer = BatchTerms { leaf_count: 2, ..good.clone() };
        assert!(matches!(begin(fewer, 2, &list), LedgerError::TermsDiffer { what: "number of leaves", .. }));
        assert!(matches!(
            begin(good.clone(), 2, &leaves([0, 1, 3])),
            LedgerError::TermsDiffer { what: "digest of leaves", .. }
        ));
        assert!(matches!(begin(good.clone(), 0, &list), LedgerError::NoLeaves { .. }));
        assert!(matches!(begin(terms("test", &[]), 2, &[]), LedgerError::NoLeaves { .. }));
        for disorder in [leaves([1, 0]), leaves([1, 1])] {
            assert!(matches!(begin(terms("test", &disorder), 2, &disorder), LedgerError::LeafOrder { .. }));
            let terms = terms("test", &disorder);
            assert!(ledger.standing(&terms.policy_use(), &disorder, None).is_err());
        }
        ledger.begin(row(1, good.clone(), 2), &list).unwrap();
        let other = leaves(5..6);
        assert!(matches!(begin(terms("test", &other), 2, &other), LedgerError::BatchExists { .. }));
        let twin = ledger.begin(row(2, good, 2), &list).unwrap_err();
        assert!(matches!(twin, LedgerError::TermsExist { batch } if batch == batch_id(1)));
    });
}

#[test]
fn an_open_batch_holds_its_leaves_against_every_other_batch() {
    on_every_store(|ledger| {
        begin(ledger, 1, "test", &leaves(0..10), 4).unwrap();
        let held = Standing::Held { batch: batch_id(1) };
        assert_eq!(standing(ledger, "test", &leaves([9, 10])), [held, Standing::Free]);
        assert!(matches!(begin(ledger, 2, "test", &leaves([9, 10]), 4), Err(LedgerError::LeafTaken { .. })));
        let reissue = BatchTerms { reissue: Some("lost".to_owned()), ..terms("test", &leaves([9, 10])) };
        let error = ledger.begin(row(2, reissue, 4), &leaves([9, 10])).unwrap_err();
        assert!(matches!(error, LedgerError::LeafTaken { uid, .. } if uid == leaf(9).uid), "a reason changes nothing");
        begin(ledger, 2, "other", &leaves([9, 10]), 4).unwrap();
    });
}

#[test]
fn a_uid_with_another_key_and_a_key_under_another_uid_are_found_under_every_policy() {
    on_every_store(|ledger| {
        begin(ledger, 1, "test", &leaves(0..10), 4).unwrap();
        let other_key = LeafKey { spki: sha256(leaf_spki(77).der()), ..leaf(3) };
        let other_uid = LeafKey { spki: leaf(8).spki, ..leaf(20) };
        let both = LeafKey { spki: leaf(9).spki, ..leaf(4) };
        let asked = [other_key, both, other_uid];
        let uid_differs = Standing::UidWithOtherKey { batch: batch_id(1) };
        let key_differs = Standing::KeyUnderOtherUid { batch: batch_id(1), uid: uid(8) };
        for policy in ["test", "other"] {
            let expected = [uid_differs.clone(), uid_differs.clone(), key_differs.clone()];
            assert_eq!(standing(ledger, policy, &asked), expected);
            for leaf in asked.chunks(1) {
                let terms = BatchTerms { reissue: Some("no".to_owned()), ..terms(policy, leaf) };
                let error = ledger.begin(row(2, terms, 4), leaf).unwrap_err();
                assert!(matches!(error, LedgerError::LeafTaken { .. }));
            }
        }
    });
}

#[test]
fn a_uid_is_known_whatever_policy_and_key_it_came_with() {
    on_every_store(|ledger| {
        begin(ledger, 1, "test", &leaves(0..10), 4).unwrap();
        begin(ledger, 2, "other", &leaves(5..15), 4).unwrap();
        let other_key = LeafKey { spki: sha256(leaf_spki(77).der()), ..leaf(14) };
        let known = ledger.known_uids(&[leaf(0), leaf(5), other_key, leaf(15)], None).unwrap();
        assert_eq!(known, [Some(batch_id(1)), Some(batch_id(2)), Some(batch_id(2)), None]);
    });
}

#[test]
fn every_code_is_of_this_stage_and_listed_once() {
    let mut codes: Vec<_> = code::CODES.iter().map(|(code, _)| code.as_str()).collect();
    assert!(codes.iter().all(|code| code.starts_with("ledger.")));
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), code::CODES.len());
}

#[test]
fn keys_that_only_begin_alike_are_different_keys() {
    let ledger = Ledger::in_memory(&issuer_spki());
    let mut twin = *leaf(3).spki.as_bytes();
    twin[31] ^= 1;
    let twin = LeafKey { spki: crate::x509::Sha256Digest::new(twin), ..leaf(20) };
    begin(&ledger, 1, "test", &leaves(0..10), 4).unwrap();
    assert_eq!(standing(&ledger, "test", &[twin]), [Standing::Free]);
}

#[test]
fn one_chunk_size_finds_the_same_as_any_other() {
    for chunk_size in [1, 2, 3, 7, 100] {
        let ledger = Ledger::in_memory(&issuer_spki());
        begin(&ledger, 1, "test", &leaves((0..40).step_by(2)), chunk_size).unwrap();
        begin(&ledger, 2, "test", &leaves((1..40).step_by(4)), chunk_size).unwrap();
        let found = standing(&ledger, "test", &leaves(0..50));
        for (number, standing) in found.into_iter().enumerate() {
            let expected = match number {
                40.. => Standing::Free,
                number if number % 2 == 0 => Standing::Held { batch: batch_id(1) },
                number if number % 4 == 1 => Standing::Held { batch: batch_id(2) },
                _ => Standing::Free,
            };
            assert_eq!(standing, expected, "leaf {number}, chunks of {chunk_size}");
        }
    }
}

#[test]
fn uids_of_any_length_are_kept_in_byte_order() {
    let short = LeafKey { uid: "7F".parse().unwrap(), ..leaf(1) };
    let long = LeafKey { uid: "7F00000000000000000000000000000000000000".parse().unwrap(), ..leaf(2) };
    let list = [leaf(0), short, long];
    let ledger = Ledger::in_memory(&issuer_spki());
    begin(&ledger, 1, "test", &list, 2).unwrap();
    assert_eq!(standing(&ledger, "test", &list), vec![Standing::Held { batch: batch_id(1) }; 3]);
    ledger.verify().unwrap();
}

#[test]
fn ca_signatures_are_recorded_before_and_after() {
    use crate::x509::tlv::element;
    on_every_store(|ledger| {
        let at = Time::from_rfc3339("2026-01-31T12:00:00Z").unwrap();
        let tbs = element(0x30, &[b"whatever a CA signs"]);
        let signed = element(0x30, &[&tbs, &element(0x30, &[]), &element(3, &[&[0, 1, 2]])]);
        let first = ledger.record_ca("root", &tbs, at).unwrap();
        assert_eq!((first.kind(), first.bytes()), ("root", &tbs[..]));
        let second = ledger.record_ca("crl", &tbs, at).unwrap();
        ledger.record_ca_signed(first, &signed).unwrap();
        let error = ledger.record_ca_signed(second, &element(0x30, &[&element(0x30, &[b"other"])])).unwrap_err();
        assert!(matches!(error, LedgerError::CaDiffers { kind } if kind == "crl"));
        let entries = ledger.ca_entries().unwrap();
        let kinds: Vec<_> = entries.iter().map(|entry| (entry.kind.as_str(), entry.at, entry.der.is_some())).collect();
        assert_eq!(kinds, [("root", at, true), ("crl", at, false)]);
        assert_eq!(entries[0].tbs_sha256, sha256(&tbs));
        assert_eq!(ledger.verify().unwrap().stats.ca_records, 2);
    });
}

#[test]
fn stats_count_what_verify_walks() {
    on_every_store(|ledger| {
        begin(ledger, 1, "test", &leaves(0..10), 4).unwrap();
        begin(ledger, 2, "other", &leaves(0..10), 3).unwrap();
        let report = ledger.verify().unwrap();
        assert_eq!(report.stats, ledger.stats().unwrap());
        assert_eq!(report.head, ledger.head().unwrap());
        assert_eq!((report.stats.batches, report.stats.leaves, report.stats.sealed), (2, 20, 0));
    });
}

#[test]
fn every_store_has_the_same_head() {
    let folder = tempfile::tempdir().unwrap();
    let file = Ledger::create(&folder.path().join("ledger.db"), &issuer_spki()).unwrap();
    let memory = Ledger::in_memory(&issuer_spki());
    for ledger in [&file, &memory] {
        begin(ledger, 1, "test", &leaves(0..10), 4).unwrap();
    }
    assert_eq!(file.head().unwrap(), memory.head().unwrap());
    #[cfg(feature = "postgres")]
    {
        let server = super::postgres::testing::Server::start();
        let ledger = Ledger::create(&server.url("reroot"), &issuer_spki()).unwrap();
        begin(&ledger, 1, "test", &leaves(0..10), 4).unwrap();
        assert_eq!(ledger.head().unwrap(), file.head().unwrap());
    }
}

#[test]
fn a_second_writer_between_reading_and_writing_is_noticed() {
    let store = MemoryStore::new();
    let mut one: Box<dyn LedgerStore> = Box::new(store.clone());
    let mut other: Box<dyn LedgerStore> = Box::new(store);
    let draft = |chunk| Draft::new(Place::new(Kind::CaIntent, 0, chunk), vec![]);
    let head = one.head().unwrap();
    one.append(&head, &mut std::iter::once(Record::after(&head, draft(1)))).unwrap();
    let error = other.append(&head, &mut std::iter::once(Record::after(&head, draft(2)))).unwrap_err();
    assert!(matches!(error, StoreError::HeadMoved { expected: 0, found: 1 }));
}

#[test]
fn a_place_is_taken_once_and_a_refused_append_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteStore::create(&folder.path().join("ledger.db")).unwrap();
    let stores: [Box<dyn LedgerStore>; 2] = [Box::new(file), Box::new(MemoryStore::new())];
    #[cfg(feature = "postgres")]
    let server = super::postgres::testing::Server::start();
    #[cfg(feature = "postgres")]
    let stores = {
        let [file, memory] = stores;
        let url = server.url("reroot");
        [file, memory, Box::new(super::postgres::PostgresStore::create(&url).unwrap()) as Box<dyn LedgerStore>]
    };
    for mut store in stores {
        let draft = |chunk| Draft::new(Place::new(Kind::Intent, 1, chunk), vec![7]);
        let append = |store: &mut dyn LedgerStore, chunks: [u64; 2]| {
            let head = store.head().unwrap();
            let first = Record::after(&head, draft(chunks[0]));
            let second = Record::after(&first.head(), draft(chunks[1]));
            store.append(&head, &mut [first, second].into_iter())
        };
        append(store.as_mut(), [1, 2]).unwrap();
        let head = store.head().unwrap();
        let error = append(store.as_mut(), [3, 2]).unwrap_err();
        assert!(matches!(error, StoreError::PlaceTaken { kind: Kind::Intent, batch: 1, chunk: 2 }), "{error:?}");
        assert_eq!(store.head().unwrap(), head);
        assert!(store.read(Place::new(Kind::Intent, 1, 3)).unwrap().is_none());
        append(store.as_mut(), [3, 4]).unwrap();
        assert_eq!(store.entries(Kind::Intent, 0, u64::MAX).unwrap().len(), 4);
        assert_eq!(store.at(3).unwrap().unwrap().entry.place, Place::new(Kind::Intent, 1, 3));
        assert!(store.at(0).unwrap().is_none() && store.at(5).unwrap().is_none());
    }
}

#[test]
fn a_ledger_is_created_once_and_private() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::create(&path, &issuer_spki()).unwrap();
    begin(&ledger, 1, "test", &leaves(0..3), 2).unwrap();
    for name in ["ledger.db", "ledger.db-wal"] {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    drop(ledger);
    assert!(matches!(Ledger::create(&path, &issuer_spki()), Err(LedgerError::Exists { path: found }) if found == path));
    assert!(Ledger::open(&path, &issuer_spki()).is_ok());
}

#[test]
fn a_copy_without_its_write_ahead_log_is_missed_and_never_a_new_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let copy = |name: &str| {
        let to = folder.path().join(name);
        crate::durable::write_new(&to, crate::durable::Access::Private, &std::fs::read(&path).unwrap()).unwrap();
        Ledger::open(&to, &issuer_spki())
    };
    let ledger = Ledger::create(&path, &issuer_spki()).unwrap();
    let head = ledger.head().unwrap();
    begin(&ledger, 1, "test", &leaves(0..3), 2).unwrap();
    assert!(matches!(copy("copy.db"), Err(LedgerError::LogMissing { .. })));
    let earlier = Ledger::open_to_read(&folder.path().join("copy.db")).unwrap();
    assert_eq!(earlier.head().unwrap(), head);
    assert_eq!(earlier.examine(&|_, _| {}).unwrap().findings.len(), 1);
    drop(ledger);
    assert_ne!(copy("whole.db").unwrap().head().unwrap(), head);
    let bare = folder.path().join("bare.db");
    drop(SqliteStore::create(&bare).unwrap());
    assert!(matches!(Ledger::open(&bare, &issuer_spki()), Err(LedgerError::Incomplete { .. })));
}

#[test]
fn a_ledger_of_another_issuer_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    drop(Ledger::create(&path, &issuer_spki()).unwrap());
    assert!(matches!(Ledger::open(&path, &leaf_spki(1)), Err(LedgerError::IssuerDiffers { .. })));
}

#[test]
fn a_second_opening_is_refused_until_the_first_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let first = Ledger::create(&path, &issuer_spki()).unwrap();
    let locked = |path: &Path| matches!(Ledger::open(path, &issuer_spki()), Err(LedgerError::Locked { path: found, .. }) if found == path);
    assert!(locked(&path), "just created");
    drop(first);
    let first = Ledger::open(&path, &issuer_spki()).unwrap();
    assert!(locked(&path), "just opened");
    begin(&first, 1, "test", &leaves(0..3), 2).unwrap();
    assert!(locked(&path), "written to");
    drop(first);
    assert!(Ledger::open(&path, &issuer_spki()).is_ok());
}

#[test]
fn the_process_that_has_a_ledger_reads_it_meanwhile_and_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::create(&path, &issuer_spki()).unwrap();
    for number in 1..4 {
        begin(&ledger, number, "test", &leaves(u64::from(number) * 10..u64::from(number) * 10 + 3), 2).unwrap();
        let read = Ledger::open_to_read(&path).unwrap();
        assert_eq!(read.head().unwrap(), ledger.head().unwrap());
        assert_eq!(read.batch_ids().unwrap().len(), number as usize);
        drop(read);
        assert!(matches!(Ledger::open(&path, &issuer_spki()), Err(LedgerError::Locked { .. })), "it is still held");
    }
    ledger.conclude().unwrap();
    drop(ledger);
    let ledger = Ledger::open(&path, &issuer_spki()).unwrap();
    assert_eq!(ledger.batch_ids().unwrap().len(), 3);
}

#[test]
fn what_is_no_ledger_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str| Ledger::open(&folder.path().join(name), &issuer_spki()).unwrap_err();
    let write = |name: &str, content: &[u8]| {
        crate::durable::write_new(&folder.path().join(name), crate::durable::Access::Private, content).unwrap();
    };
    assert!(matches!(open("missing.db"), LedgerError::Missing { .. }));
    assert!(matches!(open("."), LedgerError::Foreign { .. }));
    write("text.db", &b"not a database, but long enough to look like one. ".repeat(100));
    assert!(matches!(open("text.db"), LedgerError::Foreign { .. }));
    write("empty.db", b"");
    assert!(matches!(open("empty.db"), LedgerError::Incomplete { .. }));
    let sqlite = |name: &str, sql: &str| {
        rusqlite::Connection::open(folder.path().join(name)).unwrap().execute_batch(sql).unwrap();
    };
    sqlite("other.db", "CREATE TABLE other (x); PRAGMA user_version = 1;");
    assert!(matches!(open("other.db"), LedgerError::Foreign { .. }));
    drop(Ledger::create(&folder.path().join("newer.db"), &issuer_spki()).unwrap());
    sqlite("newer.db", "PRAGMA user_version = 2;");
    assert!(matches!(open("newer.db"), LedgerError::Newer { found: 2, supported: 1, .. }));
}

#[test]
fn a_changed_file_does_not_verify() {
    let changes = [
        ("UPDATE record SET body = x'00' WHERE kind = 3", "it does not continue the hash chain"),
        ("UPDATE record SET count = count + 1 WHERE kind = 3", "it does not continue the hash chain"),
        ("DELETE FROM record WHERE position = 3", "it is missing"),
        ("UPDATE place SET count = 9 WHERE kind = 3", "it is not found at its place"),
        ("DELETE FROM place WHERE kind = 7", "it is not found at its place"),
        ("INSERT INTO place VALUES (10, 2, 0, 0, 3, 0, 0)", "there are places without records"),
    ];
    for (sql, expected) in changes {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        {
            let ledger = Ledger::create(&path, &issuer_spki()).unwrap();
            begin(&ledger, 1, "test", &leaves(0..3), 3).unwrap();
            let draft = Draft::new(Place::new(Kind::Intent, 2, 0), vec![0; 96]);
            ledger
                .with(|state| {
                    let head = state.store.head()?;
                    state.append(&head, std::iter::once(draft.clone()))
                })
                .unwrap();
            ledger.verify().unwrap();
        }
        assert!(rusqlite::Connection::open(&path).unwrap().execute(sql, []).unwrap() > 0, "{sql}");
        let error = Ledger::open(&path, &issuer_spki()).unwrap().verify().unwrap_err();
        assert!(matches!(error, LedgerError::Damaged { what, .. } if what == expected), "{sql}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Against the obvious way: look at every leaf of every batch.
    #[test]
    fn standing_is_what_looking_one_by_one_finds(
        batches in proptest::collection::vec(
            (proptest::collection::btree_map(0..30_u64, 0..34_u64, 1..12), 1..5_u32, any::<bool>()), 0..4),
        asked in proptest::collection::btree_map(0..30_u64, 0..34_u64, 1..15),
        patience in (1..40_u64, 1..5_usize),
    ) {
        let list = |pairs: &std::collections::BTreeMap<u64, u64>| -> Vec<LeafKey> {
            // leaf n with the key of k: mostly its own, sometimes a stranger's
            pairs.iter().map(|(n, k)| {
                let key = if *k < 26 { *n } else { *k - 26 };
                LeafKey { spki: leaf(key).spki, ..leaf(*n) }
            }).collect()
        };
        let ledger = Ledger::in_memory(&issuer_spki());
        let (leaves, lists) = patience;
        be_patient(&ledger, Patience { leaves, lists, ..Patience::USUAL });
        let mut begun: Vec<(BatchId, &str, Vec<LeafKey>)> = Vec::new();
        for (n, (pairs, chunk_size, first)) in (0..).zip(&batches) {
            let policy = if *first { "test" } else { "other" };
            let leaves = list(pairs);
            if begin(&ledger, n, policy, &leaves, *chunk_size).is_ok() {
                begun.push((batch_id(n), policy, leaves));
            }
        }
        let asked = list(&asked);
        for (leaf, found) in asked.iter().zip(standing(&ledger, "test", &asked)) {
            let mut expected = Standing::Free;
            let mut weight = 0;
            for (batch, policy, leaves) in &begun {
                for listed in leaves {
                    let (same_uid, same_key) = (listed.uid == leaf.uid, listed.spki == leaf.spki);
                    let (heavy, standing) = match (same_uid, same_key) {
                        (true, false) => (3, Standing::UidWithOtherKey { batch: batch.clone() }),
                        (false, true) => {
                            (2, Standing::KeyUnderOtherUid { batch: batch.clone(), uid: listed.uid })
                        }
                        (true, true) if *policy == "test" => (1, Standing::Held { batch: batch.clone() }),
                        _ => continue,
                    };
                    if heavy >= weight {
                        (expected, weight) = (standing, heavy);
                    }
                }
            }
            // several UIDs of one batch may have the key: any of them is an answer
            use Standing::KeyUnderOtherUid;
            if let (KeyUnderOtherUid { batch: a, .. }, KeyUnderOtherUid { batch: b, .. }) = (&found, &expected) {
                prop_assert_eq!(a, b);
            } else {
                prop_assert_eq!(&found, &expected);
            }
        }
        ledger.verify().unwrap();
    }
}
