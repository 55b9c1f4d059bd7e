//! What only the binary may ask: the clock, the random generator, the environment, the terminal.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use reroot::x509::Time;

/// The surroundings of one invocation.
pub(crate) struct World {
    /// The instant at which the program was started.
    pub(crate) now: Time,
    /// Milliseconds of the same instant, for batch names.
    pub(crate) now_millis: u64,
    /// Fills a buffer from the system's random generator.
    pub(crate) random: fn(&mut [u8]),
    /// Set by Ctrl-C and SIGTERM.
    pub(crate) cancel: Arc<AtomicBool>,
    /// Standard input.
    pub(crate) stdin: Box<dyn Read + Send>,
}

impl World {
    /// Random octets.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.random)(&mut bytes);
        bytes
    }
}
