//! Where a small file goes that a command makes: to its place, or to standard output (`-`).

use std::path::Path;

use reroot::durable::Access;
use reroot::durable::output::{self, Shape};
use reroot::text::Printable;

use super::args::Format;
use super::{Fault, Printer, load};

/// Whether the file goes to standard output.
pub(crate) fn is_stream(out: &Path) -> bool {
    out.as_os_str() == "-"
}

/// Refuses a destination that cannot be written, before anything is signed; writing looks again.
pub(crate) fn check(out: &Path, printer: Printer) -> Result<(), Fault> {
    if !is_stream(out) {
        return load::place(out, Shape::PLAIN);
    }
    if printer.format == Format::Json {
        return Err(Fault::usage("--out - and --format json both want standard output").hint("Name a file with --out."));
    }
    Ok(())
}

/// Writes text, and names its place.
pub(crate) fn text(out: &Path, text: &str, printer: Printer) -> Result<(), Fault> {
    if is_stream(out) {
        printer.exact(text);
        return Ok(());
    }
    file(out, text.as_bytes(), printer)
}

/// As [`text`], of what is not text.
pub(crate) fn binary(out: &Path, bytes: &[u8], printer: Printer) -> Result<(), Fault> {
    if is_stream(out) { printer.binary(bytes) } else { file(out, bytes, printer) }
}

fn file(out: &Path, bytes: &[u8], printer: Printer) -> Result<(), Fault> {
    output::write_new(out, Access::Public, bytes)?;
    if printer.format == Format::Text {
        printer.data(&format!("{}\n", Printable::new(out)));
    }
    Ok(())
}
