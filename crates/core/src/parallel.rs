//! Work on all cores with results in the order of the input. The one place in the library that starts threads.
//!
//! A system may have no thread left (`ulimit -u`, `pids.max` of a cgroup, memory for a stack). Then the work is done by
//! fewer threads, in the end by the calling one alone; only a call that must be watched from outside fails ([`NoThread`]).

use std::num::NonZero;
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
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
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

#[cfg(test)]
mod tests {
    use super::*;

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
