//! Work on all cores with results in the order of the input. The one place in the library that starts threads.
//!
//! A system may have no thread left (`ulimit -u`, `pids.max` of a cgroup, memory for a stack). Then the work is done by
//! fewer threads, in the end by the calling one alone; only a call that must be watched from outside fails ([`NoThread`]).

use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, JoinHandle, Scope, ScopedJoinHandle};

/// The system has no thread left.
#[derive(Debug, thiserror::Error)]
#[error("cannot start a thread: {0}")]
pub struct NoThread(#[from] std::io::Error);

/// Starts a thread that outlives the caller.
///
/// # Errors
/// The system has no thread to spare.
pub fn start<T: Send + 'static>(
    name: String,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, NoThread> {
    Ok(Builder::new().name(name).spawn(work)?)
}

/// Starts a thread that ends before the scope does. If there is none, `work` is dropped.
///
/// # Errors
/// The system has no thread to spare.
pub fn start_in<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>, NoThread> {
    Ok(Builder::new().spawn_scoped(scope, work)?)
}

/// What a thread returned; its panic goes on here.
pub fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// Returns how many threads this machine runs at once: the default where the caller gives no number.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Applies `work` to every item on up to `jobs` threads; results come back in order.
pub fn map<T: Send, R: Send>(jobs: usize, items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let work = |share: Vec<T>| share.into_iter().map(&work).collect::<Vec<R>>();
    map_shares(jobs, items, work).into_iter().flatten().collect()
}

/// Applies `work` to the shares of up to `jobs` threads; results come back in order.
pub fn map_shares<T: Send, R: Send>(jobs: usize, items: Vec<T>, work: impl Fn(Vec<T>) -> R + Sync) -> Vec<R> {
    let share = items.len().div_ceil(jobs.max(1)).max(1);
    if items.len() <= share || items.len() < 16 {
        return vec![work(items)];
    }
    let mut shares = Vec::with_capacity(jobs);
    let mut items = items.into_iter();
    loop {
        let part: Vec<T> = items.by_ref().take(share).collect();
        if part.is_empty() {
            break;
        }
        shares.push(part);
    }
    map_each(shares, work)
}

/// Does two things at once, or one after the other.
pub fn both<A: Send, B>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B) -> (A, B) {
    let one = Mutex::new(Some(one));
    let do_one = || {
        let work = one.lock().unwrap_or_else(PoisonError::into_inner).take();
        work.expect("it is taken once")()
    };
    std::thread::scope(|scope| {
        let thread = start_in(scope, do_one);
        let other = other();
        (thread.map_or_else(|_| do_one(), joined), other)
    })
}

/// Applies `work` to the items, as many at once as there are items and threads to be had, this one among them; results come
/// back in order.
pub fn map_each<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let count = items.len();
    let queue = Mutex::new(items.into_iter().enumerate());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let run = || {
        let mut done = Vec::new();
        while let Some((at, item)) = next() {
            done.push((at, work(item)));
        }
        done
    };
    let mut results = std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..count).map_while(|_| start_in(scope, run).ok()).collect();
        let mut results = run();
        results.extend(helpers.into_iter().flat_map(joined));
        results
    });
    results.sort_unstable_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Applies `work` to the items on `jobs` threads that live until the last is done, and meanwhile `take` to the results on
/// this one, in the order of the items. Threads are at most `2 jobs` items ahead, which bounds the memory. One item alone is
/// not worth a thread.
///
/// # Errors
/// The first of `take`; what is under way then is dropped.
pub fn in_order<T: Send, R: Send, E>(
    jobs: usize,
    items: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    work: impl Fn(T) -> R + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let mut items = items.into_iter();
    let jobs = if items.len() > 1 { jobs.clamp(1, items.len()) } else { 0 };
    let (to_workers, queue) = sync_channel::<(u64, T)>(jobs * 2);
    let (to_caller, results) = sync_channel(jobs * 2);
    let (queue, work) = (Mutex::new(queue), &work);
    std::thread::scope(|scope| {
        let queue = &queue;
        let hire = |_: &usize| {
            let to_caller = to_caller.clone();
            let run = move || {
                while let Ok((at, item)) = { queue.lock().unwrap_or_else(PoisonError::into_inner).recv() } {
                    let result = catch_unwind(AssertUnwindSafe(|| work(item)));
                    if to_caller.send((at, result)).is_err() {
                        return;
                    }
                }
            };
            start_in(scope, run).is_ok()
        };
        let hired = (0..jobs).take_while(hire).count();
        drop(to_caller);
        // they end with this closure, also by an error or a panic: then the workers end as well
        let (to_workers, results) = (to_workers, results);
        if hired == 0 {
            return items.try_for_each(|item| take(work(item)));
        }
        let (mut sent, mut taken, mut early) = (0, 0, BTreeMap::new());
        loop {
            while sent < taken + 2 * jobs as u64
                && let Some(item) = items.next()
            {
                to_workers.send((sent, item)).expect("the queue outlives the scope");
                sent += 1;
            }
            if taken == sent {
                return Ok(());
            }
            let (at, result) = results.recv().expect("what was sent is done");
            early.insert(at, result.unwrap_or_else(|panic| resume_unwind(panic)));
            while let Some(result) = early.remove(&taken) {
                taken += 1;
                take(result)?;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_taken_in_order_by_the_caller() {
        for (count, jobs) in [(0, 2), (1, 2), (2, 0), (3, 64), (5, 1), (1000, 3)] {
            let mut seen = vec![];
            let slow = |item: u32| {
                // the first of each few is the last to be done
                std::thread::sleep(std::time::Duration::from_micros(if item.is_multiple_of(7) { 300 } else { 0 }));
                item * 2
            };
            in_order(jobs, 0..count, slow, |result| {
                seen.push(result);
                Ok::<(), ()>(())
            })
            .unwrap();
            assert_eq!(seen, (0..count).map(|item| item * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    #[should_panic(expected = "planted")]
    fn a_panic_of_the_caller_ends_the_workers() {
        let refuse = |item| if item == 3 { panic!("planted") } else { Ok::<(), ()>(()) };
        in_order(2, 0..1000, |item: u32| item, refuse).unwrap();
    }

    #[test]
    fn the_first_error_ends_the_work() {
        let done = std::sync::atomic::AtomicU32::new(0);
        let count = |item: u32| (done.fetch_add(1, std::sync::atomic::Ordering::Relaxed), item).1;
        let refuse = |item| if item == 10 { Err(item) } else { Ok(()) };
        assert_eq!(in_order(2, 0..1_000_000, count, refuse), Err(10));
        assert!(done.into_inner() <= 15, "no more than was under way");
    }

    #[test]
    #[should_panic(expected = "planted")]
    fn a_panic_of_a_worker_goes_on() {
        let work = |item: u32| assert_ne!(item, 3, "planted");
        in_order(2, 0..10, work, |()| Ok::<(), ()>(())).unwrap();
    }

    #[test]
    fn results_keep_the_order_of_the_items() {
        for count in [0, 1, 2, 15, 16, 17, 1000] {
            for jobs in [0, 1, 2, 3, 64] {
                let doubled = map(jobs, (0..count).collect(), |item: u32| item * 2);
                assert_eq!(doubled, (0..count).map(|item| item * 2).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn both_are_done() {
        assert_eq!(both(|| 1, || 2), (1, 2));
    }
}
