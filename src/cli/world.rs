//! What only the binary may ask: the clock, the random generator, the environment, the terminal.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

/// The surroundings of one invocation.
pub(crate) struct World {
    /// What the verbs that check need of them.
    pub(crate) checking: reroot_check::World,
    /// Milliseconds of the instant at which the program was started, for batch names.
    pub(crate) now_millis: u64,
    /// Fills a buffer from the system's random generator.
    pub(crate) random: fn(&mut [u8]),
    /// Returns the time since 1970, for the log.
    pub(crate) clock: fn() -> Duration,
}

impl World {
    /// Random bytes.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.random)(&mut bytes);
        bytes
    }
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
