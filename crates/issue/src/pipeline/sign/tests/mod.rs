//! The second pass over any store and any signer: what fails, when, what is reported, and what is on the ledger
//! afterwards.

pub(in crate::pipeline) mod fakes;
pub(in crate::pipeline) mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;

use crate::error::CoreError;
use crate::error::Error;
use crate::ledger::{Fault, Kind, Ledger, LedgerError, MemoryStore, StoreError};

use super::{Chunk, Run};
use fakes::{Ledgers, Watched};
use world::World;

/// An output that takes everything.
fn taken(certificates: &mut Vec<Vec<u8>>) -> impl FnMut(Chunk) -> Result<(), Error> {
    |chunk| {
        certificates.extend(chunk.0.iter().map(|made| made.certificate.der().to_vec()));
        Ok(())
    }
}

/// The batch by a good signer, over what is there; each signature of the batch is on the ledger once.
fn finished(world: &World, store: &MemoryStore) -> Vec<Vec<u8>> {
    let mut certificates = Vec::new();
    let ledger = world.open(store);
    world.issue(&ledger, &Watched::good(store), &mut taken(&mut certificates)).unwrap();
    assert_eq!(certificates.len(), world.rows());
    ledger.verify().unwrap();
    certificates
}

fn certificates_on(store: &MemoryStore) -> u64 {
    let issued = store.snapshot().into_iter().filter(|record| record.entry.place.kind == Kind::Issued);
    issued.map(|record| record.entry.count).sum()
}

/// Until there are so many records of this kind.
fn wait_for(store: &MemoryStore, kind: Kind, count: usize) {
    let there = || store.snapshot().iter().filter(|record| record.entry.place.kind == kind).count();
    while there() < count {
        std::thread::yield_now();
    }
}

fn is_fault(error: &Error) -> bool {
    matches!(error, Error::Ledger(LedgerError::Store(StoreError::Fault)))
}

/// What is done to the scratch file.
type Change = fn(&mut Vec<u8>);

#[test]
fn a_failing_output_leaves_every_signature_on_the_ledger_and_nothing_more_is_signed() {
    let world = World::new(6, 2, false);
    let store = world.begun();
    let (begin, begun) = sync_channel::<()>(0);
    let signer = Watched::good(&store).before(move |message| {
        if message == 2 {
            // the second chunk is being signed when the output fails
            begin.send(()).unwrap();
        }
    });
    let mut handed_on = 0;
    let error = world
        .issue(&world.open(&store), &signer, &mut |_| {
            handed_on += 1;
            begun.recv().unwrap();
            Err(Error::OutputExists { path: "batch".into() })
        })
        .unwrap_err();
    assert!(matches!(error, Error::OutputExists { .. }), "{error}");
    assert_eq!((handed_on, signer.made().len()), (1, 4), "one chunk was handed on, the third was not signed");
    signer.assert_recorded();
    let again = Watched::good(&store);
    let mut certificates = Vec::new();
    assert!(world.issue(&world.open(&store), &again, &mut taken(&mut certificates)).unwrap(), "the ledger held some");
    assert_eq!((certificates.len(), again.made().len()), (6, 2));
}

#[test]
fn a_chunk_that_is_not_what_was_linted_is_neither_recorded_nor_signed() {
    /// Where the second of three records begins, and where the third does.
    fn places(share: &[u8]) -> [usize; 2] {
        let length = |at: usize| 4 + usize::try_from(u32::from_be_bytes(*share[at..].first_chunk().unwrap())).unwrap();
        let second = length(0);
        [second, second + length(second)]
    }
    let world = World::new(18, 6, false);
    let changes: [(&str, Change); 7] = [
        ("the last byte of one", |share| {
            let [second, _] = places(share);
            share[second - 1] ^= 1;
        }),
        ("a bit of a serial number", |share| share[20] ^= 1),
        ("a length", |share| share[3] ^= 1),
        ("one is missing", |share| share.truncate(places(share)[1])),
        ("one is there twice", |share| share.extend_from_within(places(share)[1]..)),
        ("one is there in place of another", |share| {
            let [second, third] = places(share);
            share.copy_within(..second, second);
            share.truncate(third.min(share.len()));
        }),
        ("two have changed places", |share| {
            let [second, third] = places(share);
            share[..third].rotate_left(second);
        }),
    ];
    for (what, change) in changes {
        let world = world.with_changed(change);
        let store = world.begun();
        let signer = Watched::good(&store);
        let error = world.issue(&world.open(&store), &signer, &mut taken(&mut vec![])).unwrap_err();
        assert!(matches!(error, Error::Core(CoreError::SpoolChanged)), "{what}: {error}");
        assert!(signer.made().len() <= 6, "{what}: at most the first chunk was signed");
        let intents = store.snapshot().iter().filter(|record| record.entry.place.kind == Kind::Intent).count();
        assert_eq!(intents, 1, "{what}");
    }
    finished(&world, &world.begun());
}

#[test]
fn what_was_signed_until_the_signer_failed_is_recorded_and_its_failure_is_told() {
    let world = World::new(9, 3, false);
    let undisturbed = finished(&world, &world.begun());
    for lost_at in 0..9 {
        let store = world.begun();
        let signer = Watched::good(&store).lost_at(lost_at);
        let error = world.issue(&world.open(&store), &signer, &mut taken(&mut vec![])).unwrap_err();
        assert!(matches!(error, Error::Issue(_)), "{error}");
        assert_eq!((signer.made().len(), certificates_on(&store)), (lost_at, lost_at as u64));
        signer.assert_recorded();
        let again = Watched::good(&store);
        let mut certificates = Vec::new();
        world.issue(&world.open(&store), &again, &mut taken(&mut certificates)).unwrap();
        assert_eq!((certificates, again.made().len()), (undisturbed.clone(), 9 - lost_at), "nothing was signed twice");
    }
}

#[test]
fn an_output_that_fails_at_any_chunk_and_any_number_of_workers_loses_nothing() {
    let world = World::new(20, 3, false);
    let undisturbed = finished(&world, &world.begun());
    for (jobs, fails_at) in [1, 3].into_iter().flat_map(|jobs| (0..7).map(move |chunk| (jobs, chunk))) {
        let world = world.with_jobs(jobs);
        let store = world.begun();
        let signer = Watched::good(&store);
        let mut chunks = 0;
        let error = world
            .issue(&world.open(&store), &signer, &mut |_| {
                chunks += 1;
                if chunks > fails_at { Err(Error::OutputExists { path: "batch".into() }) } else { Ok(()) }
            })
            .unwrap_err();
        assert!(matches!(error, Error::OutputExists { .. }), "{error}");
        assert_eq!(chunks, fails_at + 1, "nothing is handed on after a failure");
        let most = world.rows().min(3 * (fails_at + 2));
        assert!(
            signer.made().len() <= most,
            "{} signatures, the output failed at chunk {fails_at}",
            signer.made().len()
        );
        signer.assert_recorded();
        assert_eq!(finished(&world, &store), undisturbed);
    }
}

/// The real two stages over the real three threads, where [`crate::issue`]'s tests have one of each.
#[test]
fn after_a_failure_of_the_store_at_any_step_the_batch_ends_the_same() {
    let world = World::new(7, 3, false);
    let undisturbed = finished(&world, &world.begun());
    for fault in [Fault::Failed, Fault::FailedButPersisted] {
        let mut step = 0;
        loop {
            step += 1;
            let store = world.begun();
            let ledger = world.open(&store);
            store.fail_at(step, fault);
            let result = world.issue(&ledger, &Watched::good(&store), &mut taken(&mut vec![]));
            let reached = store.repair();
            assert_eq!(result.is_err(), reached, "step {step}");
            result.err().inspect(|error| assert!(is_fault(error), "{error}"));
            assert_eq!(finished(&world, &store), undisturbed, "step {step}");
            if !reached {
                break;
            }
        }
        assert!(step > 30, "{step} steps of a run of three chunks");
    }
}

#[test]
fn after_a_failure_of_the_store_among_retries_the_batch_ends_the_same() {
    let world = World::new(260, 7, true).with_jobs(2);
    let undisturbed = finished(&world, &world.begun());
    let mut steps = (1..).step_by(89).map(|step| {
        let store = world.begun();
        let ledger = world.open(&store);
        store.fail_at(step, if step % 2 == 0 { Fault::Failed } else { Fault::FailedButPersisted });
        let result = world.issue(&ledger, &Watched::good(&store), &mut taken(&mut vec![]));
        let reached = store.repair();
        assert_eq!(result.is_err(), reached, "step {step}");
        assert_eq!(finished(&world, &store), undisturbed, "step {step}");
        reached
    });
    assert!(steps.position(|reached| !reached).unwrap() > 5);
}

/// A store that has failed only says so from then on, to three threads that ask.
#[test]
fn the_failure_that_is_told_is_the_first_and_not_what_follows_from_it() {
    let world = World::new(12, 2, false);
    let undisturbed = finished(&world, &world.begun());
    for fails_at in (1..=12).flat_map(|append| [append; 5]) {
        let store = world.begun();
        let ledger = Ledgers::breaking(&store, fails_at);
        let signer = Watched::good(&store);
        let error = world.issue(&ledger, &signer, &mut taken(&mut vec![])).unwrap_err();
        assert!(is_fault(&error), "append {fails_at}: {error}");
        assert_eq!(finished(&world, &store), undisturbed, "append {fails_at}");
    }
}

#[test]
fn a_signers_failure_is_told_although_what_it_made_cannot_be_recorded() {
    let world = World::new(6, 3, false);
    let store = world.begun();
    let broken = store.clone();
    let signer = Watched::good(&store).lost_at(4).before(move |message| {
        if message == 4 {
            // after these, no other thread uses the ledger
            wait_for(&broken, Kind::Intent, 2);
            wait_for(&broken, Kind::Issued, 1);
            broken.fail_at(1, Fault::Failed);
        }
    });
    let error = world.issue(&world.open(&store), &signer, &mut taken(&mut vec![])).unwrap_err();
    assert!(matches!(error, Error::Issue(_)), "{error}");
    store.repair();
    finished(&world, &store);
}

#[test]
fn ctrl_c_ends_the_run_between_two_chunks_with_everything_recorded() {
    let world = World::new(8, 2, false);
    let undisturbed = finished(&world, &world.begun());
    for pressed_at in 0..8 {
        let store = world.begun();
        let cancel = world.cancel();
        let signer = Watched::good(&store).before(move |message| {
            if message == pressed_at {
                cancel.store(true, Ordering::Relaxed);
            }
        });
        let result = world.issue(&world.open(&store), &signer, &mut taken(&mut vec![]));
        world.cancel().store(false, Ordering::Relaxed);
        // the chunk is finished
        assert_eq!(signer.made().len(), pressed_at / 2 * 2 + 2);
        signer.assert_recorded();
        match result {
            Err(error) => assert!(matches!(error, Error::Core(CoreError::Interrupted)), "{error}"),
            Ok(_) => assert!(pressed_at >= 6, "{pressed_at}"),
        }
        assert_eq!(finished(&world, &store), undisturbed);
    }
}

/// An operator who presses Ctrl-C and waits must see the failure.
#[test]
fn a_failure_after_ctrl_c_is_told() {
    let world = World::new(6, 2, false);
    let store = world.begun();
    let (cancel, broken) = (world.cancel(), store.clone());
    let (go_on, proceed) = sync_channel::<()>(0);
    let proceed = Mutex::new(proceed);
    let signer = Watched::good(&store).before(move |message| {
        if message == 2 {
            cancel.store(true, Ordering::Relaxed);
            // the first chunk is being handed on, the last is recorded: who comes next to the ledger has signatures
            proceed.lock().unwrap().recv().unwrap();
            wait_for(&broken, Kind::Intent, 3);
            broken.fail_at(1, Fault::Failed);
        }
    });
    let mut first = true;
    let error = world
        .issue(&world.open(&store), &signer, &mut |_| {
            if std::mem::take(&mut first) {
                go_on.send(()).unwrap();
            }
            Ok(())
        })
        .unwrap_err();
    world.cancel().store(false, Ordering::Relaxed);
    assert!(is_fault(&error), "{error}");
    store.repair();
    finished(&world, &store);
}

#[test]
fn of_several_failures_a_cause_is_told_before_what_follows_and_what_is_none() {
    let world = World::new(2, 2, false);
    let store = world.begun();
    let ledger = world.open(&store);
    let issuer = Watched::good(&store).issuer();
    let broken = || Error::from(LedgerError::from(StoreError::Broken));
    let cause = || Error::from(LedgerError::from(StoreError::Fault));
    let output = || Error::OutputExists { path: "batch".into() };
    let told = |errors: Vec<Error>| {
        world.with_work(|work| {
            let run = Run { work, ledger: &ledger, signer: &issuer, failure: None.into() };
            for error in errors {
                run.fail(error);
            }
            run.failure.into_inner().unwrap().unwrap()
        })
    };
    for errors in [
        vec![cause(), broken(), Error::INTERRUPTED, output()],
        vec![broken(), cause(), output()],
        vec![Error::INTERRUPTED, broken(), cause()],
        vec![broken(), Error::INTERRUPTED, cause(), broken()],
    ] {
        let error = told(errors);
        assert!(is_fault(&error), "{error}");
    }
    assert!(matches!(told(vec![output(), cause()]), Error::OutputExists { .. }));
    assert!(matches!(told(vec![Error::INTERRUPTED]), Error::Core(CoreError::Interrupted)));
}

/// A deterministic signer's short signatures are made again under other serial numbers by the thread that records,
/// while the next chunk is signed.
#[test]
fn other_serial_numbers_are_tried_while_the_next_chunk_is_signed() {
    let world = World::new(260, 7, true);
    let undisturbed = finished(&world, &world.begun());
    for (jobs, lost_at) in [(1, None), (3, None), (1, Some(100)), (3, Some(200)), (1, Some(255))] {
        let world = world.with_jobs(jobs);
        let store = world.begun();
        let mut certificates = Vec::new();
        let signer = match lost_at {
            Some(at) => Watched::good(&store).lost_at(at),
            None => Watched::good(&store),
        };
        let result = world.issue(&world.open(&store), &signer, &mut taken(&mut certificates));
        assert_eq!(result.is_ok(), lost_at.is_none());
        signer.assert_counted();
        assert_eq!(finished(&world, &store), undisturbed, "{jobs} workers, lost at {lost_at:?}");
        let retries = store.snapshot().iter().filter(|record| record.entry.place.kind == Kind::Retry).count();
        assert!(retries > 0);
    }
}

#[test]
fn a_panic_in_any_thread_ends_the_run_and_the_same_command_goes_on() {
    let world = World::new(8, 2, false);
    let undisturbed = finished(&world, &world.begun());
    let panics: Vec<bool> = (0..3)
        .map(|which| {
            let store = world.begun();
            let ledger = if which == 0 { Ledgers::panicking(&store, 3) } else { world.open(&store) };
            let signer = Watched::good(&store).before(move |message| assert!(which != 1 || message != 3));
            let mut each = |_: Chunk| {
                assert!(which != 2);
                Ok(())
            };
            let ended = catch_unwind(AssertUnwindSafe(|| world.issue(&ledger, &signer, &mut each)));
            drop(ledger);
            assert_eq!(finished(&world, &store), undisturbed);
            ended.is_err()
        })
        .collect();
    assert_eq!(panics, [true; 3], "a run of which a thread has panicked is no success");
}

/// What waits does not grow with the batch, nor what a kill can cost.
#[test]
fn no_more_than_three_chunks_have_an_intent_and_two_have_signatures_without_results() {
    let world = World::new(20, 2, false);
    let store = world.begun();
    let seen = store.clone();
    let signer = Watched::good(&store).before(move |message| {
        let of = |kind| seen.snapshot().iter().filter(|record| record.entry.place.kind == kind).count();
        // results first: between the two, their number only grows
        let (issued, intents) = (of(Kind::Issued), of(Kind::Intent));
        assert!(intents <= issued + 3 && intents > message / 2 && message / 2 <= issued + 1, "{intents} {issued}");
    });
    world.issue(&world.open(&store), &signer, &mut taken(&mut vec![])).unwrap();
    let ledger: Ledger = world.open(&store);
    ledger.verify().unwrap();
}
