//! What is wrong with the arguments.

use std::ffi::OsString;
use std::process::ExitCode;

use reroot_core::text::Printable;

use crate::printer::{Said, talk, talk_json};

/// Prints help and version as asked for, and what is wrong with the arguments: they can hold anything, too. `parse` parses
/// arguments again.
pub fn usage(error: &clap::Error, parse: impl FnOnce(Vec<String>) -> Option<clap::Error>) -> ExitCode {
    if error.use_stderr() {
        // the same arguments, printable, have the same mistake; their words are repeated in the message
        let printable = std::env::args_os().map(|argument| Printable::new(&argument).to_string());
        let again = parse(printable.collect());
        let message = again.as_ref().unwrap_or(error).render().to_string();
        if wants_json(std::env::args_os()) {
            talk_json(&Said { error: message.trim_end().to_owned(), hint: None });
        } else {
            talk(message.trim_end());
        }
    } else {
        // an error here is ignored: it could not be reported either
        let _ = error.print();
    }
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Whether the arguments, which cannot be parsed, ask for JSON.
fn wants_json(arguments: impl Iterator<Item = OsString>) -> bool {
    let arguments: Vec<OsString> = arguments.collect();
    let apart = arguments.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "json");
    apart || arguments.iter().any(|argument| argument == "--format=json")
}
