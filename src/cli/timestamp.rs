//! `reroot timestamp`

use std::path::{Path, PathBuf};

use reroot::delivery::BatchReader;
use reroot::durable::Access;
use reroot::durable::output::{self, Shape};
use reroot::error::CoreError;
use reroot::manifest::timestamp::{Token, request};
use reroot::manifest::{STATEMENT_FILE, Statement};
use reroot::report::{FileMade, Place, StampMade};
use reroot::text::Printable;
use reroot_check::beside;

use super::args::{Format, TimestampCommand};
use super::{Exit, Fault, Printer, World, destination, load};

pub(crate) fn run(command: &TimestampCommand, world: &World, printer: Printer) -> Result<Exit, Fault> {
    match command {
        TimestampCommand::Attach { batch, answer, tsa_anchor } => attach(batch, answer, tsa_anchor, printer),
        TimestampCommand::Request { batch, out } => {
            destination::check(out, printer)?;
            let request = request(&statement(batch)?, world.random());
            destination::binary(out, &request, printer)?;
            if printer.format == Format::Json {
                printer.json(&FileMade { out: Place(out) });
            }
            Ok(Exit::Done)
        }
    }
}

fn attach(batch: &Path, answer: &Path, tsa_anchor: &[PathBuf], printer: Printer) -> Result<Exit, Fault> {
    let out = beside::timestamp(batch)
        .ok_or_else(|| Fault::usage(format!("`{}` does not end in a name", Printable::new(batch))))?;
    load::place(&out, Shape::PLAIN)?;
    let statement = statement(batch)?;
    let anchors = load::certificates(tsa_anchor)?;
    let token = Token::read(&load::bytes("answer", answer)?)?;
    let stamped = if anchors.is_empty() {
        token.check_imprint(&statement)?;
        printer.warn("nothing says yet whose word this is: give the authority's root with --tsa-anchor");
        None
    } else {
        Some(token.verify(&statement, &anchors)?)
    };
    output::write_new(&out, Access::Public, token.der())?;
    match printer.format {
        Format::Json => printer.json(&StampMade::new(&out, stamped.as_ref())),
        Format::Text => {
            printer.data(&format!("{}\n", Printable::new(&out)));
            if let Some(stamped) = &stamped {
                printer.say(&format!("stamped at {} by `{}`", stamped.time, stamped.authority));
            }
        }
    }
    Ok(Exit::Done)
}

/// The bytes of a statement that can be read; whether it is believed is not asked here.
fn statement(batch: &Path) -> Result<Vec<u8>, Fault> {
    let bytes = BatchReader::open(batch)?.read(STATEMENT_FILE)?;
    Statement::parse(&bytes).map_err(CoreError::NotSealed)?;
    Ok(bytes)
}
