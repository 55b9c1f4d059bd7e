//! Examination on all cores: one thread reads, several examine, one collects. Where the system has no threads, this one does
//! all of it.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use crate::crypto::EngineError;
use crate::error::Error;
use crate::parallel;
use crate::reel::{Item, SourceLeaf};
use crate::verify::Verifier;

use super::{Collector, Seen, Source, seen};

/// What a block of leaves came to.
pub(super) type Results = Result<Vec<Seen>, EngineError>;
type Numbered = Vec<(u64, SourceLeaf)>;

/// Runs `produce` on this thread, examination on the others, collection on one of its own.
pub(super) fn examine_all<E: From<Error>>(
    source: &Source<'_>,
    verifier: &Verifier,
    collector: &mut Collector,
    produce: impl FnOnce(&mut dyn FnMut(u64, Item) -> ControlFlow<()>) -> Result<(), E>,
) -> Result<(), E> {
    let workers = source.jobs.max(1);
    let (to_workers, work) = sync_channel::<Numbered>(workers * 2);
    let (to_collector, results) = sync_channel::<Results>(workers * 4);
    // only the workers hold it: when the last of them has ended, even by a panic, sending fails instead of waiting
    let work = Arc::new(Mutex::new(work));
    let collector = Mutex::new(collector);
    std::thread::scope(|scope| {
        let hire = |_: &usize| {
            let (to_collector, work) = (to_collector.clone(), Arc::clone(&work));
            parallel::start_in(scope, move || examine_blocks(&work, verifier, &to_collector)).is_ok()
        };
        let hired = (0..workers).take_while(hire).count();
        drop(work);
        let collect = || collector.lock().unwrap_or_else(PoisonError::into_inner).collect(results, source, verifier);
        let collected = if hired > 0 { parallel::start_in(scope, collect).ok() } else { None };
        let Some(collected) = collected else {
            // ends those that were hired
            drop(to_workers);
            let mut collector = collector.lock().unwrap_or_else(PoisonError::into_inner);
            return examine_alone(source, verifier, &mut collector, produce);
        };
        let produced = {
            let mut block = Block::default();
            let mut send = |number, item| {
                if source.interrupted().is_err() {
                    return ControlFlow::Break(());
                }
                match item {
                    Item::Candidate(leaf) => {
                        block.add(number, leaf).map_or(ControlFlow::Continue(()), |full| flow(&to_workers.send(full)))
                    }
                    Item::Finding(finding) => flow(&to_collector.send(Ok(vec![Seen::Finding(number, finding)]))),
                }
            };
            let produced = produce(&mut send);
            // if the workers have ended and this fails, the collector returns the reason
            drop(to_workers.send(block.leaves));
            produced
        };
        drop(to_workers);
        drop(to_collector);
        let collected = parallel::joined(collected);
        source.interrupted()?;
        collected?;
        produced
    })
}

/// The same without other threads.
fn examine_alone<E: From<Error>>(
    source: &Source<'_>,
    verifier: &Verifier,
    collector: &mut Collector,
    produce: impl FnOnce(&mut dyn FnMut(u64, Item) -> ControlFlow<()>) -> Result<(), E>,
) -> Result<(), E> {
    let mut block = Block::default();
    let mut collected = Ok(());
    let mut take = |seen: Results| {
        collected = collector.take_all(seen, source, verifier);
        flow(&collected)
    };
    let produced = produce(&mut |number, item| {
        if source.interrupted().is_err() {
            return ControlFlow::Break(());
        }
        match item {
            Item::Candidate(leaf) => {
                block.add(number, leaf).map_or(ControlFlow::Continue(()), |full| take(examine(full, verifier)))
            }
            Item::Finding(finding) => take(Ok(vec![Seen::Finding(number, finding)])),
        }
    });
    source.interrupted()?;
    collected?;
    produced?;
    Ok(collector.take_all(examine(block.leaves, verifier), source, verifier)?)
}

fn flow<T, E>(sent: &Result<T, E>) -> ControlFlow<()> {
    if sent.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

fn examine_blocks(work: &Mutex<Receiver<Numbered>>, verifier: &Verifier, results: &SyncSender<Results>) {
    loop {
        let block = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(block) = block else { return };
        if results.send(examine(block, verifier)).is_err() {
            return;
        }
    }
}

fn examine(block: Numbered, verifier: &Verifier) -> Results {
    let (numbers, leaves): (Vec<u64>, Vec<SourceLeaf>) = block.into_iter().unzip();
    verifier.examine_all(&leaves).map(|examined| {
        let all = numbers.into_iter().zip(&leaves).zip(examined);
        all.map(|((number, leaf), examined)| seen(number, leaf, examined)).collect()
    })
}

/// Leaves that wait until there are enough of them to be handed over.
#[derive(Default)]
struct Block {
    leaves: Numbered,
    bytes: usize,
}

impl Block {
    /// Adds a leaf. All of them, if there are enough now.
    fn add(&mut self, number: u64, leaf: SourceLeaf) -> Option<Numbered> {
        self.bytes += leaf.der.len();
        self.leaves.push((number, leaf));
        if self.leaves.len() < BLOCK && self.bytes < BLOCK_BYTES {
            return None;
        }
        self.bytes = 0;
        Some(std::mem::replace(&mut self.leaves, Vec::with_capacity(BLOCK)))
    }
}

/// Items handed to a worker at once.
const BLOCK: usize = 1024;

/// Bytes after which fewer items are handed over: a candidate may have a mebibyte, and many blocks are under way.
const BLOCK_BYTES: usize = 1 << 20;
