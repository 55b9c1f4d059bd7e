//! Parse, call, print, exit.

mod cli;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use clap::Parser;
use reroot::signer::pkcs11::{hanging_calls, leave};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

fn main() -> ExitCode {
    let arguments = match cli::Cli::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return cli::usage(&error),
    };
    let begun = Instant::now();
    let printer = reroot_check::Printer::new("reroot", arguments.format, arguments.quiet);
    let cancel: &'static Arc<AtomicBool> = Box::leak(Box::default());
    let patience = cli::Patience { seconds: arguments.wait, cancel };
    let printer = cli::Printer::with(printer, arguments.sharing(), patience);
    if let Err(error) = keep_memory_private() {
        printer.warn(&format!("cannot keep this program's memory from other programs and from core files: {error}"));
    }
    let outcome = std::panic::catch_unwind(|| cli::run(&arguments, &mut world(cancel, printer), printer));
    // a panic has been printed by then; for any input it is a bug of this program
    let exit = outcome.unwrap_or(cli::Exit::Bug);
    reroot::durable::output::remove_unused_parents();
    let exit = if exit == cli::Exit::Done && reroot_check::Printer::lost_data() { cli::Exit::Storage } else { exit };
    cli::log::ended(exit, begun.elapsed());
    // a library whose call hangs may hang again when the process ends in order; everything was recorded and said
    if hanging_calls() > 0 {
        leave(exit.code());
    }
    ExitCode::from(exit.code())
}

/// Keys and PINs are in memory: no core file is made, and no other program of the same user may read it.
fn keep_memory_private() -> rustix::io::Result<()> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}

/// Returns the time since 1970.
#[expect(clippy::disallowed_methods, reason = "the one place that asks the clock")]
fn clock() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}

fn world(cancel: &Arc<AtomicBool>, printer: cli::Printer) -> cli::World {
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // the first signal asks for an orderly end, the second one ends at once
        let _ = signal_hook::flag::register_conditional_shutdown(signal, 6, Arc::clone(cancel));
        let _ = signal_hook::flag::register(signal, Arc::clone(cancel));
    }
    let checking = reroot_check::World {
        now: cli::instant(clock()),
        stdin: Box::new(cli::Stdin { cancel: Arc::clone(cancel) }),
        cancel: Arc::clone(cancel),
        configuration: Some(Box::new(cli::FromFile(printer.sharing, printer.patience))),
    };
    cli::World {
        checking,
        clock,
        random: |bytes| aws_lc_rs::rand::fill(bytes).expect("the system's random generator works"),
    }
}
