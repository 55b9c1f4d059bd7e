//! Who keeps the catalog, and who waits for it: a batch is there when its job says that it is published.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Looks at the folder of batches, counted by who asked for one.
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

    /// Looks again and again until `cancel` is set: when somebody asks, and at least as often as `every`. Who asked waits for
    /// `look` alone; `then` does the rest, and asks at times whether it should make way.
    pub(super) fn keep(
        &self,
        every: Duration,
        cancel: &AtomicBool,
        mut look: impl FnMut(),
        mut then: impl FnMut(&dyn Fn() -> bool),
    ) {
        let _gone = Gone(self);
        while !cancel.load(Ordering::Relaxed) {
            let asked = self.counts().asked;
            look();
            self.counts().answered = asked;
            self.changed.notify_all();
            then(&|| self.counts().asked != asked);
            let began = Instant::now();
            let mut counts = self.counts();
            while counts.asked == asked && began.elapsed() < every && !cancel.load(Ordering::Relaxed) {
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

/// Its end is the end of the thread that looks, also by a panic: nobody waits for one that is gone.
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
                let look = || seen.store(sealed.load(Ordering::SeqCst), Ordering::SeqCst);
                looks.keep(NEVER, &cancel, look, |_| {});
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
        let died =
            std::thread::scope(|scope| scope.spawn(|| looks.keep(NEVER, &cancel, || panic!("a bug"), |_| {})).join());
        died.unwrap_err();
        looks.ask(&cancel);
    }

    #[test]
    fn long_work_makes_way_for_who_asks() {
        let (looks, cancel) = (Looks::default(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let long = |is_asked: &dyn Fn() -> bool| {
                    while !is_asked() && !cancel.load(Ordering::Relaxed) {
                        std::thread::yield_now();
                    }
                };
                looks.keep(NEVER, &cancel, || {}, long);
            });
            for _ in 0..10 {
                looks.ask(&cancel);
            }
            cancel.store(true, Ordering::Relaxed);
        });
    }
}
