//! From a configuration and plain choices to a run: what every front door starts from.
//!
//! Guarantees: front doors with the same configuration, files and choices make the same batch. Every mistake in a
//! choice, a certificate or a key is found here, before the ledger is opened. A front door keeps what is its own: how
//! choices are typed, who is asked for secrets, what is printed, the clock and the random generator ([`Surroundings`]).
//!
//! Each kind of run is one type: [`Reel`] issues or plans, [`Vault`] signs plans, [`Returned`] finishes one. Each is made in
//! the same three steps: `ready` or `open` reads the certificates and opens the keys, the caller opens the ledger of
//! `issuer_key`, and `issue`, `plan`, `sign` or `finish` runs. A [`Vault`] is opened once and signs one plan after the other.

mod reel;
mod returned;
mod vault;

use std::io::Read;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::cert::Seed;
use crate::config::Config;
use crate::delivery::BatchReader;
use crate::durable::output;
use crate::error::{Error, SetupError};
use crate::ledger::BatchId;
use crate::manifest::{Entry, STATEMENT_FILE};
use crate::pipeline::Progress;
use crate::signer::{SecretResolver, Signer};
use crate::x509::{Certificate, Time};

pub use reel::{By, Choices, Reel};
pub use returned::{Came, FinishChoices, Returned};
pub use vault::{SignChoices, Vault, WorkChoices};

/// What a run takes from its front door.
#[expect(missing_debug_implementations, reason = "holds a reader and callbacks")]
pub struct Surroundings<'s> {
    /// The instant of the run.
    pub now: Time,
    /// `now` in milliseconds since 1970, for the name of a new batch.
    pub now_millis: u64,
    /// Fills a buffer with fresh random bytes.
    pub random: &'s (dyn Fn(&mut [u8]) + Sync),
    /// Pauses, between questions to a CA that is not ready.
    pub pause: &'s (dyn Fn(Duration) + Sync),
    /// Where an input `-` is read from.
    pub stdin: &'s mut (dyn Read + Send),
    /// Receives how far the run is.
    pub progress: &'s dyn Progress,
    /// Ends the run at the next border between chunks.
    pub cancel: &'s AtomicBool,
    /// Name and version of the program, for the statement.
    pub tool: &'s str,
}

impl Surroundings<'_> {
    fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.random)(&mut bytes);
        bytes
    }

    fn seed(&self) -> Seed {
        Seed(self.bytes())
    }

    fn batch_id(&self) -> BatchId {
        BatchId::new(self.now_millis, self.bytes())
    }
}

/// Who seals batches and signs plans.
struct ManifestSigner {
    certificate: Certificate,
    signer: Box<dyn Signer>,
}

impl ManifestSigner {
    fn open(config: &Config, secrets: &dyn SecretResolver) -> Result<Self, Error> {
        let certificate = config.manifest_certificate()?;
        Ok(Self { certificate, signer: config.open_manifest_signer(secrets)? })
    }
}

/// Refuses an output that exists and is not what this command makes, before a passphrase is asked for. When `is_one` says
/// that it may be, the run looks again, with the ledger.
fn check_exists(out: &Path, is_one: impl FnOnce(&Path) -> bool) -> Result<(), Error> {
    if output::is_free(out) || is_one(out) { Ok(()) } else { Err(Error::OutputExists { path: out.to_owned() }) }
}

/// Whether a directory has a statement, as a batch has.
fn looks_like_a_batch(out: &Path) -> bool {
    BatchReader::open(out).is_ok_and(|reader| reader.read(STATEMENT_FILE).is_ok())
}

/// A reason that is recorded must be one.
fn check_reason(reason: Option<&str>, wrong: SetupError) -> Result<(), SetupError> {
    match reason {
        Some(reason) if Entry::check_reason("reason", reason).is_err() => Err(wrong),
        _ => Ok(()),
    }
}
