//! `reroot completions SHELL`

use clap::CommandFactory;

use super::args::{Cli, CompletionsArgs};
use super::{Exit, Printer};

pub(crate) fn run(args: &CompletionsArgs, printer: Printer) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "reroot", &mut script);
    printer.exact(&String::from_utf8_lossy(&script));
    Exit::Done
}
