//! What only the binary may ask: the clock, the random generator, the environment, the terminal.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use reroot::x509::Time;

/// The surroundings of one invocation.
pub(crate) struct World {
    /// What the verbs that check need of them.
    pub(crate) checking: reroot_check::World,
    /// Fills a buffer from the system's random generator.
    pub(crate) random: fn(&mut [u8]),
    /// Returns the time since 1970.
    pub(crate) clock: fn() -> Duration,
}

impl World {
    /// Reads the clock. A command that has waited for the ledger works at this time and not at that of its start, which may
    /// be before the newest instant on the ledger by now.
    pub(crate) fn time(&self) -> Time {
        self.time_and_millis().0
    }

    /// As [`time`](Self::time), with the milliseconds since 1970 of the same reading.
    pub(crate) fn time_and_millis(&self) -> (Time, u64) {
        let now = (self.clock)();
        (instant(now), u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
    }

    /// Random bytes.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.random)(&mut bytes);
        bytes
    }
}

/// The instant that is so long after the beginning of 1970.
pub(crate) fn instant(since_1970: Duration) -> Time {
    let seconds = i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX);
    Time::from_unix(seconds).expect("the clock shows a year before 10000")
}

impl Deref for World {
    type Target = reroot_check::World;

    fn deref(&self) -> &Self::Target {
        &self.checking
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.checking
    }
}
