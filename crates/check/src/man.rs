//! Man pages of a program, one a command, written into a folder that the caller named.

use std::path::Path;

use clap::Command;
use reroot_core::durable::output::{create_directory, make_parents, write_new};
use reroot_core::durable::{Access, DurableError};
use reroot_core::text::Printable;

use crate::fault::Fault;
use crate::printer::Printer;

/// Writes the pages of `command` and of all commands below it: `reroot-policy-check.1` for `reroot policy check`.
pub fn write(mut command: Command, dir: &Path, printer: Printer) -> Result<(), Fault> {
    make_parents(dir, Access::Public)?;
    match create_directory(dir, Access::Public) {
        Ok(()) | Err(DurableError::Exists { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    command.build();
    let mut pages = Vec::new();
    collect(command.get_name().to_owned(), &command, &mut pages);
    for (name, command) in pages {
        let mut page = Vec::new();
        let name: &'static str = name.leak();
        clap_mangen::Man::new(command.name(name)).render(&mut page).expect("writing to memory");
        let path = dir.join(format!("{name}.1"));
        write_new(&path, Access::Public, &page)?;
        printer.say(&format!("wrote {}", Printable::new(&path)));
    }
    Ok(())
}

fn collect(name: String, command: &Command, pages: &mut Vec<(String, Command)>) {
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        collect(format!("{name}-{}", sub.get_name()), sub, pages);
    }
    pages.push((name, command.clone()));
}
