//! `reroot man DIR`

use clap::{Command, CommandFactory};
use reroot::durable::output::{create_directory, write_new};
use reroot::durable::{Access, DurableError};
use reroot::text::Printable;

use super::args::{Cli, ManArgs};
use super::{Exit, Fault, Printer};

pub(crate) fn run(args: &ManArgs, printer: Printer) -> Result<Exit, Fault> {
    match create_directory(&args.dir, Access::Public) {
        Ok(()) | Err(DurableError::Exists { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let mut command = Cli::command().name("reroot");
    command.build();
    let mut pages = Vec::new();
    collect("reroot".to_owned(), &command, &mut pages);
    for (name, command) in pages {
        let mut page = Vec::new();
        let name: &'static str = name.leak();
        clap_mangen::Man::new(command.name(name)).render(&mut page).expect("writing to memory");
        let path = args.dir.join(format!("{name}.1"));
        write_new(&path, Access::Public, &page)?;
        printer.say(&format!("wrote {}", Printable::new(&path)));
    }
    Ok(Exit::Done)
}

/// One page a command, `reroot-policy-check` for `reroot policy check`.
fn collect(name: String, command: &Command, pages: &mut Vec<(String, Command)>) {
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        collect(format!("{name}-{}", sub.get_name()), sub, pages);
    }
    pages.push((name, command.clone()));
}
