//! A chip as a person names it.

use std::path::Path;

use reroot_core::proof::{ChipName, ChipNameError};
use reroot_core::text::Printable;

use crate::fault::Fault;

/// Reads the name of a chip.
pub fn chip(text: &str) -> Result<ChipName, Fault> {
    text.parse().map_err(|error: ChipNameError| not_a_chip(&error, text, None))
}

/// Says that a text names no chip; `place` is the line of a list.
pub fn not_a_chip(error: &ChipNameError, text: &str, place: Option<(&Path, u64)>) -> Fault {
    let place = place.map(|(list, line)| format!("{}, line {line}: ", Printable::new(list))).unwrap_or_default();
    let text = Printable::new(text.trim()).brief();
    Fault::usage(format!("{place}`{text}` is not a UID: {error}")).hint(error.hint())
}
