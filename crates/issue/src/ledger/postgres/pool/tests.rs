//! Leases, and the fence around what a worker may record.

use std::collections::BTreeSet;

use super::*;
use crate::crypto::sha256;
use crate::ledger::postgres::PostgresStore;
use crate::ledger::postgres::testing::Server;
use crate::ledger::store::LedgerStore as _;
use crate::ledger::testing::{batch_id, issuer_spki, leaves, row, terms};
use crate::ledger::{Draft, Ledger, Place, Record, StoreError};

/// A ledger with a batch of `chunks` chunks with two leaves each, handed out.
struct Fixture {
    server: Server,
    pool: Pool,
}

impl Fixture {
    fn new(chunks: u64) -> Self {
        let server = Server::start();
        let ledger = Ledger::create(&server.url("reroot"), &issuer_spki()).unwrap();
        let list = leaves(0..chunks * 2);
        ledger.begin(row(1, terms("test", &list), 2), &list).unwrap();
        let mut pool = Pool::open(&server.url("reroot")).unwrap();
        pool.hand_out(&batch_id(1), &files(chunks)).unwrap();
        Self { server, pool }
    }

    fn store(&self) -> PostgresStore {
        PostgresStore::open_as_worker(&self.server.url("reroot")).unwrap()
    }

    fn claim_one(&mut self, name: &str, lease: Duration) -> Claim {
        let mut claims = self.pool.claim(&worker(name), lease, 1).unwrap();
        assert_eq!(claims.len(), 1);
        claims.remove(0)
    }
}

fn files(chunks: u64) -> Vec<ChunkFile> {
    (0..chunks).map(|chunk| ChunkFile { sha256: sha256(&chunk.to_be_bytes()), leaves: 2 }).collect()
}

fn worker(name: &str) -> Worker {
    let text = |what: &str| what.to_owned();
    Worker { name: text(name), build: text("1.0"), signer: text("file key"), host: text("here") }
}

/// The number of the batch: after the record of the issuer.
const BATCH: u64 = 2;
const NO_TIME: Duration = Duration::ZERO;
const LONG: Duration = Duration::from_secs(3600);

/// Adds a record that claims to be of the one batch.
fn add(store: &mut PostgresStore, kind: Kind, chunk: u64, part: u32) -> Result<(), StoreError> {
    let head = store.head()?;
    let place = Place::new(kind, BATCH, chunk).part(part);
    let draft = Draft { place, count: 2, signatures: 2, body: vec![7; 100] };
    store.append(&head, &mut std::iter::once(Record::after(&head, draft)))
}

fn is_fenced(result: &Result<(), StoreError>, chunk: u64) -> bool {
    matches!(result, Err(StoreError::Fenced { batch: BATCH, chunk: refused }) if *refused == chunk)
}

#[test]
fn workers_that_claim_at_once_never_get_the_same_chunk() {
    let fixture = Fixture::new(30);
    let url = fixture.server.url("reroot");
    let claimed: Vec<Vec<Claim>> = std::thread::scope(|scope| {
        let claim = |name: String| {
            let mut pool = Pool::open(&url).unwrap();
            let mut all = Vec::new();
            loop {
                let claims = pool.claim(&worker(&name), LONG, 2).unwrap();
                if claims.is_empty() {
                    return all;
                }
                all.extend(claims);
            }
        };
        let threads: Vec<_> = (0..3).map(|n| scope.spawn(move || claim(format!("w{n}")))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let all: Vec<&Claim> = claimed.iter().flatten().collect();
    let chunks: BTreeSet<u64> = all.iter().map(|claim| claim.chunk).collect();
    let tokens: BTreeSet<u64> = all.iter().map(|claim| claim.token).collect();
    assert_eq!((all.len(), chunks.len(), tokens.len()), (30, 30, 30));
    for claim in all {
        assert_eq!((&claim.batch, claim.attempts), (&batch_id(1), 1));
        assert_eq!(claim.file, files(30)[usize::try_from(claim.chunk).unwrap()]);
    }
}

#[test]
fn a_lease_that_ran_out_is_taken_over_under_a_new_token_and_the_old_one_records_no_intent() {
    let mut fixture = Fixture::new(1);
    let (mut slow, mut next) = (fixture.store(), fixture.store());
    assert!(is_fenced(&add(&mut slow, Kind::Intent, 0, 0), 0), "without a lease");
    let first = fixture.claim_one("slow", NO_TIME);
    slow.hold(BATCH, 0, first.token);
    add(&mut slow, Kind::Retry, 0, 0).unwrap();
    let second = fixture.claim_one("next", LONG);
    assert_eq!((second.chunk, second.attempts), (0, 2));
    assert!(second.token > first.token);
    assert_eq!(fixture.pool.claim(&worker("third"), LONG, 1).unwrap(), [], "nothing is left");
    next.hold(BATCH, 0, second.token);
    add(&mut next, Kind::Intent, 0, 0).unwrap();
    for (kind, part) in [(Kind::Intent, 1), (Kind::Retry, 1)] {
        let refused = add(&mut slow, kind, 0, part);
        assert!(is_fenced(&refused, 0), "{refused:?}");
    }
    // what was signed is of bytes that were recorded: it is never wasted
    add(&mut slow, Kind::Issued, 0, 0).unwrap();
    assert!(is_fenced(&add(&mut next, Kind::Intent, 1, 0), 1), "a chunk that it has no lease for");
    next.let_go(first.token);
    add(&mut next, Kind::Retry, 0, 1).unwrap();
    next.let_go(second.token);
    assert!(is_fenced(&add(&mut next, Kind::Retry, 0, 2), 0));
    slow.check().unwrap();
}

#[test]
fn no_chunk_is_taken_over_while_an_intent_is_added() {
    let mut fixture = Fixture::new(1);
    let claim = fixture.claim_one("one", NO_TIME);
    let mut store = fixture.store();
    store.hold(BATCH, 0, claim.token);
    let head = store.head().unwrap();
    let draft = Draft { place: Place::new(Kind::Intent, BATCH, 0), count: 2, signatures: 0, body: vec![7] };
    let record = Record::after(&head, draft);
    let mut other = Pool::open(&fixture.server.url("reroot")).unwrap();
    let end = record.head();
    let second = Record::after(&end, Draft::new(Place::new(Kind::Issued, BATCH, 0), vec![8]));
    // asked for the second one, the store has added the first, and not committed
    let mut records = std::iter::once(record).chain(std::iter::once_with(|| {
        assert_eq!(other.claim(&worker("two"), LONG, 1).unwrap(), []);
        second
    }));
    store.append(&head, &mut records).unwrap();
    assert_eq!(other.claim(&worker("two"), LONG, 1).unwrap().len(), 1);
}

/// A worker that is halted in the middle of an append has the lock on the head: its session is ended, and nothing of it
/// stays.
#[test]
fn a_worker_that_stops_in_the_middle_of_an_append_keeps_no_other_from_its_own() {
    let fixture = Fixture::new(1);
    let (mut halted, mut other) = (fixture.store(), fixture.store());
    let head = halted.head().unwrap();
    let issued = |chunk| Draft::new(Place::new(Kind::Issued, BATCH, chunk), vec![7]);
    let first = Record::after(&head, issued(0));
    let second = Record::after(&first.head(), issued(1));
    let mut records = std::iter::once(first).chain(std::iter::once_with(|| {
        add(&mut other, Kind::Issued, 5, 0).unwrap();
        second
    }));
    let stopped = halted.append(&head, &mut records);
    assert!(matches!(stopped, Err(StoreError::Postgres { .. })), "{stopped:?}");
    assert_eq!(other.head().unwrap().records, head.records + 1);
}

#[test]
fn a_chunk_that_five_workers_had_is_parked_with_the_last_reason_until_it_is_handed_out_again() {
    let mut fixture = Fixture::new(2);
    for n in 1..=MOST_ATTEMPTS {
        let claim = fixture.claim_one("one", LONG);
        assert_eq!((claim.chunk, claim.attempts), (0, n));
        let reason = format!("leaf 1 is wrong, {n}");
        assert!(fixture.pool.settle(&claim, Settled::Open { reason: &reason }).unwrap());
    }
    // five that ended without a word
    for n in 1..=MOST_ATTEMPTS {
        assert_eq!(fixture.claim_one("killed", NO_TIME).attempts, n);
    }
    assert_eq!(fixture.pool.claim(&worker("one"), LONG, 2).unwrap(), []);
    let status = fixture.pool.status().unwrap();
    let [first, second] = &status.parked[..] else { panic!("{status:?}") };
    assert_eq!((first.chunk, first.attempts, first.reason.as_str()), (0, 5, "leaf 1 is wrong, 5"));
    assert_eq!(second.reason, "5 workers had it, the last one `killed`, and none said why it ended");
    assert_eq!((status.batches[0].parked, status.unfinished()), (2, 0));
    // again, from a file that was mended
    let mut mended = files(2);
    mended[0].sha256 = sha256(b"mended");
    fixture.pool.hand_out(&batch_id(1), &mended).unwrap();
    let claim = fixture.claim_one("one", LONG);
    assert_eq!((claim.chunk, claim.attempts, claim.file), (0, 1, mended[0]));
    assert!(fixture.pool.settle(&claim, Settled::Parked { reason: "by hand" }).unwrap());
    assert_eq!(fixture.pool.status().unwrap().parked[0].reason, "by hand");
}

#[test]
fn a_lease_that_goes_back_untouched_does_not_count() {
    let mut fixture = Fixture::new(1);
    for _ in 0..=MOST_ATTEMPTS {
        let claim = fixture.claim_one("one", LONG);
        assert_eq!(claim.attempts, 1);
        assert!(fixture.pool.settle(&claim, Settled::Untouched).unwrap());
    }
}

#[test]
fn only_leases_that_are_still_held_are_made_longer_or_ended() {
    let mut fixture = Fixture::new(2);
    let one = worker("one");
    let first = fixture.pool.claim(&one, NO_TIME, 2).unwrap();
    let taken = fixture.claim_one("two", LONG);
    assert_eq!(taken.chunk, 0);
    // the other's time is over too, but nobody took it
    assert_eq!(fixture.pool.extend(&one, &first, LONG).unwrap(), [first[1].token]);
    assert_eq!(fixture.pool.claim(&worker("three"), LONG, 1).unwrap(), []);
    let before = fixture.pool.status().unwrap().batches;
    for how in [Settled::Open { reason: "x" }, Settled::Parked { reason: "x" }, Settled::Untouched, Settled::Done] {
        assert!(!fixture.pool.settle(&first[0], how).unwrap(), "{how:?}");
    }
    assert_eq!(fixture.pool.status().unwrap().batches, before);
    assert!(fixture.pool.settle(&taken, Settled::Untouched).unwrap());
    assert!(!fixture.pool.settle(&taken, Settled::Untouched).unwrap(), "it was given back");
}

#[test]
fn a_chunk_is_done_when_the_records_show_it() {
    let mut fixture = Fixture::new(2);
    let lost = fixture.claim_one("slow", NO_TIME);
    let held = fixture.claim_one("next", LONG);
    assert_eq!(lost.chunk, held.chunk);
    let mut store = fixture.store();
    assert!(!fixture.pool.settle(&held, Settled::Done).unwrap(), "no certificate is recorded");
    add(&mut store, Kind::Issued, 0, 0).unwrap();
    assert!(fixture.pool.settle(&lost, Settled::Done).unwrap());
    assert!(fixture.pool.settle(&held, Settled::Done).unwrap());
    assert_eq!(fixture.claim_one("next", LONG).chunk, 1);
    // a worker counts what it did itself
    add(&mut store, Kind::Issued, 1, 0).unwrap();
    let last = fixture.pool.claim(&worker("none"), LONG, 1).unwrap();
    assert_eq!(last, []);
    let status = fixture.pool.status().unwrap();
    let batch = &status.batches[0];
    assert_eq!((batch.done, batch.leased, batch.open, batch.certificates, batch.leaves), (1, 1, 0, 4, 4));
    let next = status.workers.iter().find(|found| found.worker.name == "next").unwrap();
    assert_eq!((next.leased, next.certificates, &next.worker), (1, 0, &worker("next")));
    assert!(next.seen_seconds <= next.started_seconds && next.started_seconds < 600);
    // handed out again, what is done stays done
    fixture.pool.hand_out(&batch_id(1), &files(2)).unwrap();
    assert_eq!(fixture.pool.status().unwrap().batches, status.batches);
}

#[test]
fn a_worker_counts_the_certificates_of_the_chunks_that_it_finished() {
    let mut fixture = Fixture::new(1);
    let claim = fixture.claim_one("one", LONG);
    add(&mut fixture.store(), Kind::Issued, 0, 0).unwrap();
    assert!(fixture.pool.settle(&claim, Settled::Done).unwrap());
    assert!(fixture.pool.settle(&claim, Settled::Done).unwrap());
    assert_eq!(fixture.pool.status().unwrap().workers[0].certificates, 2, "once");
}

#[test]
fn nothing_is_handed_out_of_a_batch_that_is_closed_nor_of_a_ledger_that_moved() {
    let mut fixture = Fixture::new(1);
    let ledger = Ledger::open(&fixture.server.url("reroot"), &issuer_spki()).unwrap();
    let list = leaves(10..12);
    ledger.begin(row(2, terms("test", &list), 2), &list).unwrap();
    fixture.pool.hand_out(&batch_id(2), &files(1)).unwrap();
    add(&mut fixture.store(), Kind::Abandoned, 0, 0).unwrap();
    assert_eq!(fixture.claim_one("one", NO_TIME).batch, batch_id(2));
    let ids = |pool: &mut Pool| pool.status().unwrap().batches.into_iter().map(|found| found.batch).collect::<Vec<_>>();
    assert_eq!(ids(&mut fixture.pool), [batch_id(2)]);
    assert!(matches!(fixture.pool.hand_out(&batch_id(3), &files(1)), Err(LedgerError::UnknownBatch { .. })));
    drop(ledger);
    let mut store = fixture.store();
    let folder = tempfile::tempdir().unwrap();
    Ledger::copy(&fixture.server.url("reroot"), &folder.path().join("ledger.db")).unwrap();
    let refused = |error: &dyn std::fmt::Display| assert!(error.to_string().contains("RR004"), "{error}");
    refused(&fixture.pool.claim(&worker("one"), LONG, 1).unwrap_err());
    refused(&add(&mut store, Kind::Issued, 0, 0).unwrap_err());
    let url = fixture.server.url("reroot");
    assert!(matches!(Ledger::open_as_worker(&url, &issuer_spki()), Err(LedgerError::Moved { .. })));
}

#[test]
fn a_worker_needs_a_server_and_a_format_that_it_knows() {
    let mut fixture = Fixture::new(1);
    fixture.server.execute("UPDATE reroot.head SET format = 9");
    let claimed = fixture.pool.claim(&worker("one"), LONG, 1);
    assert!(matches!(claimed, Err(LedgerError::Newer { found: 9, supported: FORMAT, .. })), "{claimed:?}");
    let error = Ledger::open_as_worker(Path::new("ledger.db"), &issuer_spki()).unwrap_err();
    assert!(matches!(error, LedgerError::NotOnServer { .. }), "{error}");
    let in_file = Pool::open_to_read(Path::new("ledger.db"));
    assert!(matches!(in_file, Err(LedgerError::NotOnServer { .. })), "{in_file:?}");
    let missing = Pool::open(&fixture.server.url("other"));
    assert!(matches!(missing, Err(LedgerError::Missing { .. })), "{missing:?}");
}

#[test]
fn a_pool_connects_again_when_its_connection_was_lost() {
    let mut fixture = Fixture::new(1);
    let mut reader = Pool::open_to_read(&fixture.server.url("reroot")).unwrap();
    fixture.server.crash();
    let claim = fixture.claim_one("one", LONG);
    assert_eq!(reader.status().unwrap().batches[0].leased, 1);
    assert!(reader.claim(&worker("two"), LONG, 1).is_err(), "it was opened to be read");
    fixture.server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'reroot'");
    assert_eq!(fixture.pool.extend(&worker("one"), std::slice::from_ref(&claim), LONG).unwrap(), [claim.token]);
}

#[test]
fn a_role_that_runs_leases_chunks_and_changes_no_lease() {
    let server = Server::start();
    server.execute("CREATE ROLE reroot_writer LOGIN; CREATE ROLE reroot_reader LOGIN");
    drop(Ledger::create(&server.url("reroot"), &issuer_spki()).unwrap());
    let writer = server.url_of("reroot_writer", "reroot");
    let ledger = Ledger::open_as_worker(&writer, &issuer_spki()).unwrap();
    let list = leaves(0..2);
    ledger.begin(row(1, terms("test", &list), 2), &list).unwrap();
    let mut pool = Pool::open(&writer).unwrap();
    pool.hand_out(&batch_id(1), &files(1)).unwrap();
    let claims = pool.claim(&worker("one"), LONG, 1).unwrap();
    let mut store = PostgresStore::open_as_worker(&writer).unwrap();
    store.hold(BATCH, 0, claims[0].token);
    add(&mut store, Kind::Intent, 0, 0).unwrap();
    assert_eq!(pool.extend(&worker("one"), &claims, LONG).unwrap().len(), 1);
    assert_eq!(pool.status().unwrap().workers.len(), 1);
    assert!(pool.settle(&claims[0], Settled::Untouched).unwrap());
    let reader = server.url_of("reroot_reader", "reroot");
    assert_eq!(Pool::open_to_read(&reader).unwrap().status().unwrap().batches[0].open, 1);
    for role in ["reroot_writer", "reroot_reader"] {
        for sql in [
            "UPDATE reroot.chunk_lease SET token = 1",
            "DELETE FROM reroot.chunk_lease",
            "INSERT INTO reroot.worker (name, build, signer, host) VALUES ('a', 'b', 'c', 'd')",
            "SELECT nextval('reroot.lease_token')",
        ] {
            let mut client = server.client();
            client.batch_execute(&format!("SET ROLE {role}")).unwrap();
            let refused = client.batch_execute(sql).unwrap_err();
            assert_eq!(refused.code(), Some(&postgres::error::SqlState::INSUFFICIENT_PRIVILEGE), "{role}: {sql}");
        }
    }
    let mut client = server.client();
    client.batch_execute("SET ROLE reroot_reader").unwrap();
    assert!(client.batch_execute("SELECT reroot.claim('a', 'b', 'c', 'd', 1, 1, 1, 5)").is_err());
}

#[test]
fn a_workers_commit_whose_answer_is_lost_is_looked_up_beside_others() {
    let fixture = Fixture::new(1);
    let (mut store, mut other) = (fixture.store(), fixture.store());
    let head = store.head().unwrap();
    let issued = |chunk| Draft::new(Place::new(Kind::Issued, BATCH, chunk), vec![7]);
    let record = Record::after(&head, issued(0));
    // committed, and the answer did not come; meanwhile others go on
    let (last, committed) = store.add(&head, &mut std::iter::once(record)).unwrap();
    committed.unwrap();
    add(&mut other, Kind::Issued, 1, 0).unwrap();
    let session = store.session.process;
    assert!(store.look_up(&head, &last).unwrap(), "it is there");
    let gone = format!("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = {})", session.0);
    assert!(fixture.server.client().query_one(&gone, &[]).unwrap().get::<_, bool>(0), "the old session has ended");
    // not committed, and another worker's record has the position
    let head = store.head().unwrap();
    let never = Record::after(&head, issued(2)).head();
    add(&mut other, Kind::Issued, 3, 0).unwrap();
    assert!(!store.look_up(&head, &never).unwrap());
    add(&mut store, Kind::Issued, 4, 0).unwrap();
}
