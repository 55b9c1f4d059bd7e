//! How many sessions sign at a time: as many as still make it faster, found out on the real work.
//!
//! A software token on the same machine is fastest with one session per core, an HSM behind a network with dozens.
//! Doubling the number while the rate grows by a seventh or more finds either within the first few hundred signatures,
//! without signing anything for the sake of measuring.

use std::time::Duration;

/// Chooses the number of sessions per token.
#[derive(Debug)]
pub(crate) struct Tuner {
    active: usize,
    limit: usize,
    /// The fastest so far: sessions and signatures a second.
    best: Option<(usize, f64)>,
    settled: bool,
}

impl Tuner {
    /// Tries up to `limit` sessions.
    pub(crate) fn new(limit: usize) -> Self {
        Self { active: FIRST.min(limit), limit, best: None, settled: limit <= FIRST }
    }

    /// Always `sessions`.
    pub(crate) fn fixed(sessions: usize) -> Self {
        Self { active: sessions, limit: sessions, best: None, settled: true }
    }

    /// How many sessions to use now.
    pub(crate) fn active(&self) -> usize {
        self.active
    }

    /// How many of `remaining` messages to sign before asking again.
    pub(crate) fn slice(&self, remaining: usize) -> usize {
        if self.settled { remaining } else { remaining.min(self.active * PER_SESSION) }
    }

    /// Learns that `signatures` took `elapsed` with the present number of sessions.
    pub(crate) fn learn(&mut self, signatures: usize, elapsed: Duration) {
        // a short slice says more about starting and ending than about the token
        if self.settled || signatures < self.active * PER_SESSION / 2 {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no 52 bits")]
        let rate = signatures as f64 / elapsed.as_secs_f64().max(1e-9);
        let (sessions, fastest) = match self.best {
            Some((sessions, before)) if rate < before * WORTHWHILE => {
                self.settled = true;
                (sessions, before)
            }
            _ => (self.active, rate),
        };
        self.best = Some((sessions, fastest));
        self.settled |= self.active >= self.limit;
        self.active = if self.settled { sessions } else { (2 * self.active).min(self.limit) };
    }
}

const FIRST: usize = 2;
/// Signatures per session and measurement.
const PER_SESSION: usize = 32;
/// A doubling that brings less is not worth the sessions.
const WORTHWHILE: f64 = 8.0 / 7.0;

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs against a token that serves `parallel` calls at a time, each of one millisecond.
    fn settle(limit: usize, parallel: usize) -> usize {
        let mut tuner = Tuner::new(limit);
        for _ in 0..20 {
            let signatures = tuner.slice(10_000);
            let rounds = signatures.div_ceil(tuner.active().min(parallel));
            tuner.learn(signatures, Duration::from_millis(rounds as u64));
        }
        assert!(tuner.settled);
        tuner.active()
    }

    #[test]
    fn sessions_grow_while_they_help_and_stay_within_the_limit() {
        assert_eq!(settle(32, 1), 2);
        assert_eq!(settle(32, 4), 4);
        assert_eq!(settle(32, 1000), 32);
        assert_eq!(settle(10, 1000), 10);
        assert_eq!(settle(1, 1000), 1);
    }

    #[test]
    fn a_set_number_is_kept() {
        let mut tuner = Tuner::fixed(7);
        tuner.learn(10_000, Duration::from_millis(1));
        assert_eq!((tuner.active(), tuner.slice(500)), (7, 500));
    }
}
