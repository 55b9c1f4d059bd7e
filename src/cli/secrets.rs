//! Where the library's questions for passphrases and PINs go: the environment and the terminal.

use std::ffi::OsString;

use reroot::signer::SecretResolver;
use reroot::text::Printable;

/// Asks the process's environment and its terminal.
pub(crate) struct Secrets;

impl SecretResolver for Secrets {
    fn env(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn prompt(&self, question: &str) -> std::io::Result<String> {
        rpassword::prompt_password(format!("{}: ", Printable::new(question))).map_err(|error| {
            match error.raw_os_error() {
                // ENOENT or ENXIO of /dev/tty: nobody to ask
                Some(2 | 6) => std::io::Error::other("there is no terminal"),
                _ => error,
            }
        })
    }
}
