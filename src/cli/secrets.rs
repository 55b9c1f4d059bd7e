//! Where the library's questions for passphrases and PINs go: the environment and the terminal.

use std::ffi::OsString;
use std::io::IsTerminal as _;

use reroot::signer::{Answers, SecretResolver};
use reroot::text::Printable;

/// Asks the process's environment and its terminal.
pub(crate) struct Secrets;

impl SecretResolver for Secrets {
    fn env(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn prompt(&self, question: &str) -> std::io::Result<String> {
        // the issuing key and the manifest key may be in one token
        PINS.once(question, || ask_secret(question))
    }
}

/// Asks a person a question whose answer is not a secret. `None`: standard input is not a terminal.
pub(crate) fn ask(question: &str) -> Option<std::io::Result<String>> {
    if !std::io::stdin().is_terminal() {
        return None;
    }
    reroot_check::printer::talk(&format!("{question}:"));
    let mut line = String::new();
    Some(std::io::stdin().read_line(&mut line).map(|_| line.trim().to_owned()))
}

/// The PINs that were typed in this run.
static PINS: Answers = Answers::new();

fn ask_secret(question: &str) -> std::io::Result<String> {
    rpassword::prompt_password(format!("{}: ", Printable::new(question))).map_err(|error| match error.raw_os_error() {
        // ENOENT or ENXIO of /dev/tty: the process has no terminal to ask on
        Some(2 | 6) => std::io::Error::other("there is no terminal"),
        _ => error,
    })
}
