//! `reroot man DIR`

use clap::CommandFactory;

use super::args::{Cli, ManArgs};
use super::{Exit, Fault, Printer};

pub(crate) fn run(args: &ManArgs, printer: Printer) -> Result<Exit, Fault> {
    reroot_check::man::write(Cli::command().name("reroot"), &args.dir, *printer)?;
    Ok(Exit::Done)
}
