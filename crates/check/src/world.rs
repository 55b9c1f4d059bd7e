//! What only a binary may ask: the clock, the signals, standard input; and, in a program that has one, the configuration.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use reroot_core::cert::IssuerIdentity;
use reroot_core::x509::{Certificate, Time};

use crate::fault::Fault;
use crate::printer::Printer;

/// The surroundings of one invocation.
pub struct World {
    /// The instant at which the program was started.
    pub now: Time,
    /// Set by Ctrl-C and SIGTERM.
    pub cancel: Arc<AtomicBool>,
    /// Standard input.
    pub stdin: Box<dyn Read + Send>,
    /// Where anchors are that no option names. `reroot-check` has no such place.
    pub configuration: Option<Box<dyn Configuration>>,
}

impl World {
    /// Reads the configuration, where the program has one. `hint` says what else would do.
    pub fn configured(&self, path: &Path, printer: Printer, hint: &str) -> Result<Option<Box<dyn Configured>>, Fault> {
        self.configuration.as_ref().map(|configuration| configuration.load(path, printer, hint)).transpose()
    }
}

/// Reads a configuration.
pub trait Configuration {
    /// Reads the one at this path and says so. `hint` says what else would do, for a path where nothing is.
    fn load(&self, path: &Path, printer: Printer, hint: &str) -> Result<Box<dyn Configured>, Fault>;
}

/// What a configuration names for the verbs that check.
pub trait Configured {
    /// The trust anchors of the source leaves.
    fn source_anchors(&self) -> Result<Vec<Certificate>, Fault>;

    /// The issuing CA and the chain above it.
    fn issuer(&self) -> Result<IssuerIdentity, Fault>;

    /// The trust anchors of the manifest signer.
    fn manifest_anchors(&self) -> Result<Vec<Certificate>, Fault>;
}
