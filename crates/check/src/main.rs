//! Parse, call, print, exit: the program for auditors.

mod cli;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use reroot_check::{Exit, Printer, Stdin, World};
use reroot_core::x509::Time;

fn main() -> ExitCode {
    let arguments = match cli::Cli::from_process() {
        Ok(arguments) => arguments,
        Err(error) => return cli::usage(&error),
    };
    let printer = Printer::new(cli::PROGRAM, arguments.format, arguments.quiet);
    let outcome = std::panic::catch_unwind(|| cli::run(&arguments, &mut world(), printer));
    // the panic has been printed by now; it is a bug of this program, even if the input is bad
    let exit = outcome.unwrap_or(Exit::Bug);
    reroot_core::durable::output::remove_unused_parents();
    let exit = if exit == Exit::Done && Printer::lost_data() { Exit::Storage } else { exit };
    ExitCode::from(exit.code())
}

#[expect(clippy::disallowed_methods, reason = "the one place of this program that asks the clock")]
fn world() -> World {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(since_epoch.as_secs()).ok().and_then(|seconds| Time::from_unix(seconds).ok());
    let cancel = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // the first signal asks for an orderly end, the second one ends at once
        let _ = signal_hook::flag::register_conditional_shutdown(signal, 6, Arc::clone(&cancel));
        let _ = signal_hook::flag::register(signal, Arc::clone(&cancel));
    }
    World {
        now: now.expect("the clock shows a year before 10000"),
        stdin: Box::new(Stdin { cancel: Arc::clone(&cancel) }),
        cancel,
        configuration: None,
    }
}
