//! The printer, with what the operator decided about files that other users can change.

use std::ops::Deref;

use reroot::config::Sharing;

/// Where and how to print.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    printer: reroot_check::Printer,
    /// What of the operator's decision to share files is to be told whenever it matters.
    pub(crate) sharing: Sharing,
}

impl Printer {
    pub(crate) const fn with(printer: reroot_check::Printer, sharing: Sharing) -> Self {
        Self { printer, sharing }
    }
}

impl Deref for Printer {
    type Target = reroot_check::Printer;

    fn deref(&self) -> &Self::Target {
        &self.printer
    }
}
