//! How a job waits for the catalog: it says that its batch is published when the catalog has looked at it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Looks at the folder of batches, and those who ask for one.
#[derive(Debug, Default)]
pub(super) struct Looks {
    counts: Mutex<Counts>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Counts {
    asked: u64,
    /// The last of those who asked before a look that has ended.
    answered: u64,
}

impl Looks {
    /// Asks for a look that begins from now on, and waits for its end or for `cancel`.
    pub(super) fn ask(&self, cancel: &AtomicBool) {
        let mut counts = self.counts();
        counts.asked += 1;
        let mine = counts.asked;
        self.changed.notify_all();
        while counts.answered < mine && !cancel.load(Ordering::Relaxed) {
            counts = self.pause(counts);
        }
    }

    /// Calls `look` again and again until `cancel` is set: when somebody asks, and at least as often as `every`.
    pub(super) fn keep(&self, every: Duration, cancel: &AtomicBool, mut look: impl FnMut(&Turn<'_>)) {
        let _gone = Gone(self);
        while !cancel.load(Ordering::Relaxed) {
            let turn = Turn { looks: self, asked: self.counts().asked };
            look(&turn);
            let began = Instant::now();
            let mut counts = self.counts();
            while counts.asked == turn.asked && began.elapsed() < every && !cancel.load(Ordering::Relaxed) {
                counts = self.pause(counts);
            }
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pause<'a>(&self, counts: MutexGuard<'a, Counts>) -> MutexGuard<'a, Counts> {
        self.changed.wait_timeout(counts, PAUSE).unwrap_or_else(PoisonError::into_inner).0
    }
}

/// One look.
pub(super) struct Turn<'a> {
    looks: &'a Looks,
    /// The last who asked before it began.
    asked: u64,
}

impl Turn<'_> {
    /// Lets go who asked before this look: it has seen every batch. It may have more to do.
    pub(super) fn answer(&self) {
        self.looks.counts().answered = self.asked;
        self.looks.changed.notify_all();
    }

    /// Whether somebody asked since this look began.
    pub(super) fn is_asked_again(&self) -> bool {
        self.looks.counts().asked != self.asked
    }
}

/// Lets everybody go when the thread that looks has ended, also by a panic.
struct Gone<'a>(&'a Looks);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.0.counts().answered = u64::MAX;
        self.0.changed.notify_all();
    }
}

/// How late a flag that cancels is seen.
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    const NEVER: Duration = Duration::from_secs(3600);

    #[test]
    fn who_asks_waits_for_a_look_that_begins_later() {
        let (looks, cancel, sealed) = (Looks::default(), AtomicBool::new(false), AtomicU64::new(0));
        let seen = AtomicU64::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                looks.keep(NEVER, &cancel, |turn| {
                    seen.store(sealed.load(Ordering::SeqCst), Ordering::SeqCst);
                    turn.answer();
                });
            });
            for batch in 1..=1000 {
                sealed.store(batch, Ordering::SeqCst);
                looks.ask(&cancel);
                assert_eq!(seen.load(Ordering::SeqCst), batch);
            }
            cancel.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn nobody_waits_for_a_thread_that_is_gone() {
        let (looks, cancel) = (Looks::default(), AtomicBool::new(false));
        let died = std::thread::scope(|scope| scope.spawn(|| looks.keep(NEVER, &cancel, |_| panic!("a bug"))).join());
        died.unwrap_err();
        looks.ask(&cancel);
    }

    #[test]
    fn long_work_makes_way_for_who_asks() {
        let (looks, cancel) = (Looks::default(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                looks.keep(NEVER, &cancel, |turn| {
                    turn.answer();
                    while !turn.is_asked_again() && !cancel.load(Ordering::Relaxed) {
                        std::thread::yield_now();
                    }
                });
            });
            for _ in 0..10 {
                looks.ask(&cancel);
            }
            cancel.store(true, Ordering::Relaxed);
        });
    }
}
