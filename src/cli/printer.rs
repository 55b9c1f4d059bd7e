//! The printer, with what the operator decided about files that other users can change and about a ledger that is in use.

use std::fmt::Display;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reroot::config::Sharing;
use reroot::error::Error;
use reroot::ledger::{Ledger, LedgerError};

use super::Fault;
use super::args::Format;

/// Where and how to print.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    common: reroot_check::Printer,
    /// What of the operator's decision to share files is to be told whenever it matters.
    pub(crate) sharing: Sharing,
    /// How long to wait for what another process has.
    pub(crate) patience: Patience,
}

impl Printer {
    pub(crate) const fn with(printer: reroot_check::Printer, sharing: Sharing, patience: Patience) -> Self {
        Self { common: printer, sharing, patience }
    }

    /// Talk about something that the document for programs has.
    pub(crate) fn tell(self, text: &str) {
        if self.format == Format::Text {
            self.say(text);
        }
    }

    /// A warning, which the log has too.
    pub(crate) fn warn(self, text: &str) {
        tracing::warn!(warning = text, "warning");
        self.common.warn(text);
    }

    /// What went wrong at tokens without stopping the work.
    pub(crate) fn notes(self, notes: Vec<String>) {
        for note in notes {
            self.warn(&format!("{note} (another token went on)"));
        }
    }

    /// Opens a ledger, again and again while another process has it and the operator wants to wait (`--wait`).
    pub(crate) fn when_free(self, open: impl FnMut() -> Result<Ledger, LedgerError>) -> Result<Ledger, Fault> {
        self.when(|error| matches!(error, LedgerError::Locked { .. }), open)
    }

    /// Tries again and again while it fails because something is in use and the operator wants to wait (`--wait`).
    pub(crate) fn when<T, E: Display + Into<Fault>>(
        self,
        in_use: impl Fn(&E) -> bool,
        mut attempt: impl FnMut() -> Result<T, E>,
    ) -> Result<T, Fault> {
        let end = Instant::now() + Duration::from_secs(self.patience.seconds);
        let mut said = false;
        loop {
            match attempt() {
                Err(error) if in_use(&error) && Instant::now() < end => {
                    if self.patience.cancel.load(Ordering::Relaxed) {
                        return Err(Error::INTERRUPTED.into());
                    }
                    if !said {
                        self.say(&format!("{error}; waiting up to {} s", self.patience.seconds));
                        tracing::info!(seconds = self.patience.seconds, reason = %error, "waiting until it is free");
                        said = true;
                    }
                    std::thread::sleep(PAUSE);
                }
                other => return other.map_err(Into::into),
            }
        }
    }
}

/// How long to wait for what another process has, and what ends the wait early.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// 0: fail at once.
    pub(crate) seconds: u64,
    /// Set by the first SIGINT or SIGTERM.
    pub(crate) cancel: &'static AtomicBool,
}

impl Deref for Printer {
    type Target = reroot_check::Printer;

    fn deref(&self) -> &Self::Target {
        &self.common
    }
}

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(200);
