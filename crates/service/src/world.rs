//! What only the front door may ask: the clock, the random generator, the secrets.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use reroot_core::x509::Time;
use reroot_issue::config::{Config, Sharing};
use reroot_issue::error::Error;
use reroot_issue::signer::SecretResolver;

/// The surroundings of the process.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds functions")]
pub struct World {
    /// Returns the time since 1970.
    pub clock: fn() -> Duration,
    /// Fills a buffer from the system's random generator.
    pub random: fn(&mut [u8]),
    /// Answers the questions for passphrases and PINs of the manifest key.
    pub secrets: Arc<dyn SecretResolver + Send + Sync>,
    /// Whether files that other users can change are taken.
    pub sharing: Sharing,
    /// Ends the process in order.
    pub cancel: Arc<AtomicBool>,
    /// Name and version of the program.
    pub tool: &'static str,
}

impl World {
    /// The instant.
    pub fn now(&self) -> Time {
        let seconds = i64::try_from((self.clock)().as_secs()).unwrap_or(i64::MAX);
        Time::from_unix(seconds).expect("the clock shows a year before 10000")
    }

    /// The instant in milliseconds since 1970.
    pub fn now_millis(&self) -> u64 {
        u64::try_from((self.clock)().as_millis()).unwrap_or(u64::MAX)
    }

    /// Reads the planner's configuration.
    ///
    /// # Errors
    /// It is wrong, or other users can change it and may not.
    pub fn config(&self, file: &Path) -> Result<Config, Error> {
        Ok(Config::load_with(file, self.sharing)?)
    }

    /// Random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.random)(&mut bytes);
        bytes
    }
}
