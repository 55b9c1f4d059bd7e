//! The command line: parses, calls the library, prints. Decides nothing.

mod args;
mod load;
pub(crate) mod log;
mod printer;
mod progress;
mod secrets;
mod world;

mod approve;
mod batches;
mod block;
mod ca;
mod ceremony;
mod completions;
mod crl;
#[cfg(feature = "service")]
mod demo;
mod destination;
mod export;
mod finish;
mod hsm;
mod init;
mod issue;
mod ledger;
mod man;
mod plan;
mod pool;
mod pop;
mod prove;
mod quickstart;
mod revoke;
#[cfg(feature = "service")]
mod serve;
mod sign;
mod signer;
mod status;
mod timestamp;
mod work;

pub(crate) use args::Cli;
pub(crate) use load::FromFile;
pub(crate) use printer::{Patience, Printer};
pub(crate) use reroot_check::{Exit, Fault, Stdin};
pub(crate) use world::{World, instant};

use std::process::ExitCode;

use clap::Parser as _;
use reroot::delivery::BatchWriter;
use reroot::text::Printable;
use reroot_check::render;
use reroot_check::verb::{audit, inspect, lookup, policy, verify, verify_proof};

use args::Command;

/// Names what is left of a run that did not end, this one or an earlier one: certificates that were signed may be in it.
fn name_leftovers(command: &Command, printer: Printer) {
    let out = match command {
        Command::Finish(args) => &args.out,
        Command::Issue(args) => &args.issue.out,
        _ => return,
    };
    for left in BatchWriter::leftovers(out) {
        let left = Printable::new(&left);
        printer.warn(&format!("`{left}` is left of a run that did not end; it may hold certificates that were signed"));
    }
}

/// Prints help and version as asked for, and what is wrong with the arguments: they can hold anything, too.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    reroot_check::usage(error, |arguments| Cli::try_parse_from(arguments).err())
}

/// Runs one command and says how it ended.
pub(crate) fn run(cli: &Cli, world: &mut World, printer: Printer) -> Exit {
    let result = log::begin(cli, world.clock).and_then(|()| verb(cli, world, printer));
    for note in reroot::durable::output::notes() {
        printer.warn(&note);
    }
    match result {
        Ok(exit) => exit,
        Err(Fault::Library(error)) => {
            printer.error(&*error);
            name_leftovers(&cli.command, printer);
            let exit = Exit::of(error.class());
            let mistakes = error.mistakes().map_or(vec![], |found| found.mistakes);
            let codes: Vec<&str> = mistakes.iter().map(|mistake| mistake.code).collect();
            log::failed(exit, &error.to_string(), error.hint().as_deref(), &codes);
            exit
        }
        Err(Fault::FrontDoor { exit, message, hint }) => {
            printer.failure(&printer.value(&message), hint.as_deref());
            log::failed(exit, &message, hint.as_deref(), &[]);
            exit
        }
    }
}

fn verb(cli: &Cli, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    match &cli.command {
        Command::Audit(command) => audit::run(command, world, *printer),
        Command::Block(args) => block::block(args, world, printer),
        Command::Ca(command) => ca::run(command, world, printer),
        Command::Completions(args) => Ok(completions::run(args, printer)),
        Command::Crl(args) => crl::run(args, world, printer),
        Command::Export(args) => export::run(args, world, printer),
        Command::Finish(args) => finish::run(args, world, printer),
        Command::Hsm(command) => hsm::run(command, printer),
        Command::Init(args) => init::run(args, world, printer),
        Command::Inspect(args) => inspect::run(args, world, *printer),
        Command::Issue(args) => issue::run(args, world, printer),
        Command::Ledger(command) => ledger::run(command, world, printer),
        Command::Lookup(args) => lookup::run(args, world, *printer),
        Command::Man(args) => man::run(args, printer),
        Command::Plan(args) => plan::run(args, world, printer),
        Command::Policy(args) => policy::run(args, world, *printer),
        Command::Pool(command) => pool::run(command, printer),
        Command::Pop(command) => pop::run(command, world, printer),
        Command::Prove(args) => prove::run(args, world, printer),
        Command::Quickstart(args) => quickstart::run(args, world, printer),
        Command::Release(args) => revoke::release(args, world, printer),
        Command::Revoke(args) => revoke::run(args, world, printer),
        Command::Approve(args) => approve::run(args, world, printer),
        #[cfg(feature = "service")]
        Command::Serve(args) => serve::run(args, world, printer),
        Command::Sign(args) => sign::run(args, world, printer),
        Command::Signer(args) => signer::run(args, world, printer),
        Command::Status(args) => status::run(args, world, printer),
        Command::Timestamp(command) => timestamp::run(command, world, printer),
        Command::Unblock(args) => block::unblock(args, world, printer),
        Command::Verify(args) => verify::run(args, world, *printer),
        Command::VerifyProof(args) => verify_proof::run(args, world, *printer),
    }
}
