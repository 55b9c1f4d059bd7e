//! Keys in PKCS#11 tokens: smart cards, network HSMs, cloud key services (OASIS PKCS #11 v2.40 to v3.2).
//!
//! Guarantees: one login per token and one session per worker; the key is looked up once. A PIN that was refused is
//! never tried again. If a call hangs, the caller waits no longer than [`Settings::call_timeout`]. After any failure,
//! the signatures that [`sign`](Pkcs11Signer::sign) hands over are those of the first messages, in order. No message
//! carries a PIN.
//!
//! `unsafe` is needed for one `C_SignInit` and one `C_Sign` a signature, and is allowed in `c_sign` alone.
//!
//! Left to others: verifying each signature (the issuer does, under its own certificate), and deciding what is signed.
//! Nothing is signed here for the sake of trying, except by [`bench()`], with a key made for it.

#![deny(unsafe_code)]

mod bench;
#[expect(unsafe_code, reason = "calling a C function, and leaving a process in which such a call hangs")]
mod c_sign;
mod doctor;
mod error;
mod fault;
mod generate;
mod locate;
mod mechanism;
mod module;
mod open;
mod pool;
mod public_key;
mod state;
mod token;
mod tuner;
mod uri;
mod watchdog;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use reroot_core::{class, crypto, parallel, text, x509};

pub use bench::{Bench, BenchKey, BenchReport, BenchRow, bench};
pub use c_sign::leave;
pub use doctor::{DoctorReport, DoctorStep, Outcome, doctor};
pub use error::Pkcs11Error;
pub use generate::{NewTokenKey, generate};
pub use open::{Pkcs11Signer, TokenKey};
pub use token::wants_pin;
pub use uri::{KeyUri, KeyUriError};
pub use watchdog::hanging_calls;

/// How to treat tokens. [`Settings::default`] suits an HSM on the local network that signs through the night.
#[derive(Clone)]
pub struct Settings {
    /// Sessions per token. `None`: as many as make it faster, within what the token allows.
    pub sessions: Option<NonZeroUsize>,
    /// Longest time that the caller waits for one call into the library.
    pub call_timeout: Duration,
    /// Further attempts after a failed one, of a signature and of a token, before the token is given up.
    pub retries: u32,
    /// Pause before the first further attempt; each next one is twice as long.
    pub first_pause: Duration,
    /// Longest pause.
    pub longest_pause: Duration,
    /// Waits in place of the clock, for tests.
    pub wait: Option<Arc<dyn Fn(Duration) + Send + Sync>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sessions: None,
            call_timeout: Duration::from_secs(30),
            retries: 8,
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(15),
            wait: None,
        }
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("sessions", &self.sessions)
            .field("call_timeout", &self.call_timeout)
            .field("retries", &self.retries)
            .field("first_pause", &self.first_pause)
            .field("longest_pause", &self.longest_pause)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Waits before attempt `attempt` + 1, where no other thread can end the wait early.
    fn pause(&self, attempt: u32) {
        match &self.wait {
            Some(wait) => wait(self.pause_after(attempt)),
            None => std::thread::sleep(self.pause_after(attempt)),
        }
    }

    /// The pause after the `attempt`th attempt.
    fn pause_after(&self, attempt: u32) -> Duration {
        let doubled = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first_pause.saturating_mul(doubled).min(self.longest_pause)
    }
}

/// The most sessions that are opened at one token unless told otherwise.
const MOST_SESSIONS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let settings = Settings::default();
        let pauses: Vec<u128> = (1..=9).map(|attempt| settings.pause_after(attempt).as_millis()).collect();
        assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
        assert_eq!(settings.pause_after(u32::MAX), settings.longest_pause);
    }
}
