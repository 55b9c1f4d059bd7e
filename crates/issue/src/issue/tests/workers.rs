//! Workers on one batch of a server, whose leases run out at any moment.

use std::path::Path;
use std::time::Duration;

use super::run::{Order, Stop, issue_chunk, run};
use crate::cert::IssuedCertificate;
use crate::crypto::sha256;
use crate::issue::Issuer;
use crate::issue::testing::{ChangingSigner, identity};
use crate::ledger::testing::{Server, batch_id, leaf, row};
use crate::ledger::{ChunkFile, Ledger, LedgerError, Pool, Settled, StoreError, Worker};

const LEAVES: u64 = 120;
const CHUNK: u32 = 8;

fn order(full_width: bool) -> Order {
    Order { full_width, ..Order::of(0..LEAVES) }
}

fn signer(start: u64) -> Issuer {
    Issuer::new(identity(), Box::new(ChangingSigner::issuing(start))).unwrap()
}

/// Works until no chunk is open or leased. Of each two leases one has run out when it begins.
fn work(url: &Path, number: u64, order: &Order) {
    let text = |what: &str| what.to_owned();
    let worker =
        Worker { name: format!("w{number}"), build: text("1"), signer: text("a changing key"), host: text("here") };
    let (mut pool, ledger) = (Pool::open(url).unwrap(), Ledger::open_as_worker(url, identity().spki()).unwrap());
    let issuer = signer(number * 1_000_000);
    let row = ledger.batch(&batch_id(1)).unwrap().unwrap();
    for turn in number.. {
        let lease = if turn % 2 == 0 { Duration::ZERO } else { Duration::from_secs(3600) };
        let claims = pool.claim(&worker, lease, 2).unwrap();
        if claims.is_empty() && pool.status().unwrap().unfinished() == 0 {
            break;
        }
        for claim in claims {
            ledger.hold(&claim).unwrap();
            let at = usize::try_from(claim.chunk).unwrap() * CHUNK as usize;
            let numbers = &order.numbers[at..at + CHUNK as usize];
            let how = match issue_chunk(&ledger, &issuer, order, &row, claim.chunk, numbers) {
                Ok(_) => Settled::Done,
                // a different worker has the chunk, or had it meanwhile
                Err(Stop::Ledger(
                    LedgerError::Store(StoreError::Fenced { .. })
                    | LedgerError::AttemptDiffers { .. }
                    | LedgerError::CertificateDiffers { .. }
                    | LedgerError::TbsDiffers { .. },
                )) => Settled::Untouched,
                Err(stop) => panic!("{stop:?}"),
            };
            let settled = pool.settle(&claim, how).unwrap();
            assert!(settled || how != Settled::Done, "what is recorded is done");
            ledger.let_go(&claim);
        }
    }
}

/// Three workers make the batch, and what is on the ledger is read back.
fn together(order: &Order) -> Vec<IssuedCertificate> {
    let server = Server::start();
    let url = server.url("reroot");
    let row = row(1, order.terms(), CHUNK);
    let leaves: Vec<_> = (0..LEAVES).map(leaf).collect();
    Ledger::create(&url, identity().spki()).unwrap().begin(row.clone(), &leaves).unwrap();
    let files: Vec<_> = (0..row.chunks())
        .map(|chunk| ChunkFile { sha256: sha256(&chunk.to_be_bytes()), leaves: u64::from(CHUNK) })
        .collect();
    let mut pool = Pool::open(&url).unwrap();
    loop {
        // again: chunks whose five leases all ran out are parked
        pool.hand_out(&batch_id(1), &files).unwrap();
        if pool.status().unwrap().unfinished() == 0 {
            break;
        }
        std::thread::scope(|scope| {
            for number in 1..=3 {
                let url = &url;
                scope.spawn(move || work(url, number, order));
            }
        });
    }
    let status = pool.status().unwrap();
    assert_eq!((status.batches[0].done, status.batches[0].certificates), (row.chunks(), LEAVES));
    let ledger = Ledger::open(&url, identity().spki()).unwrap();
    assert_eq!(ledger.verify().unwrap().stats.certificates, LEAVES);
    let made = run(&ledger, &signer(9_000_000), order, (1, CHUNK)).unwrap();
    assert_eq!(ledger.verify().unwrap().stats.certificates, LEAVES, "nothing was left to sign");
    made
}

#[test]
fn workers_whose_leases_run_out_make_the_batch_that_one_machine_makes() {
    let made = together(&order(false));
    let ledger = Ledger::in_memory(identity().spki());
    let alone = run(&ledger, &signer(8_000_000), &order(false), (1, CHUNK)).unwrap();
    let tbs = |certificates: &[IssuedCertificate]| {
        certificates.iter().map(|certificate| certificate.tbs().der().to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(tbs(&made), tbs(&alone));
}

/// Signatures of another length are dropped, and which ones differs with every signer: workers that meet at a chunk have
/// other leaves to retry.
#[test]
fn workers_that_retry_the_same_leaves_make_one_certificate_each() {
    let made = together(&order(true));
    let serials: std::collections::BTreeSet<_> = made.iter().map(|made| made.serial().to_string()).collect();
    assert_eq!(serials.len(), made.len());
}
