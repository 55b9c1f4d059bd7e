//! The one place that prints: data to standard output, talk to standard error.

use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use reroot::error::Error;

use super::args::Format;
use super::render;

/// Whether data could not be written.
static LOST: AtomicBool = AtomicBool::new(false);

/// Where and how to print.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    /// Text for people or JSON for programs.
    pub(crate) format: Format,
    /// Whether standard error is a terminal: only then progress is drawn.
    pub(crate) terminal: bool,
    quiet: bool,
}

#[expect(clippy::unused_self, reason = "one door for everything that is printed, whatever it needs to know")]
impl Printer {
    pub(crate) fn new(format: Format, quiet: bool) -> Self {
        Self { format, terminal: std::io::stderr().is_terminal(), quiet }
    }

    /// Data: something that could be piped.
    pub(crate) fn data(self, text: &str) {
        self.octets(text.as_bytes());
    }

    /// Data that is not text.
    pub(crate) fn octets(self, octets: &[u8]) {
        let mut out = std::io::stdout().lock();
        match out.write_all(octets).and_then(|()| out.flush()) {
            // a closed pipe (`| head`) is the reader's choice, not a fault
            Err(error) if error.kind() != ErrorKind::BrokenPipe && !LOST.swap(true, Ordering::Relaxed) => {
                self.failure(&format!("standard output: {error}"), None);
            }
            _ => {}
        }
    }

    /// Whether data was lost: then a command has not done what it was asked to do.
    pub(crate) fn lost_data() -> bool {
        LOST.load(Ordering::Relaxed)
    }

    /// A JSON value as data, one document.
    pub(crate) fn json(self, value: &serde_json::Value) {
        let text = serde_json::to_string_pretty(value).expect("values made here serialise");
        self.data(&format!("{text}\n"));
    }

    /// A JSON object as data whose last member is a long list, one element a line: not held as one text.
    pub(crate) fn json_with_list(
        self,
        head: &serde_json::Value,
        name: &str,
        list: impl Iterator<Item = Result<serde_json::Value, Error>>,
    ) -> Result<(), Error> {
        const PIECE: usize = 1 << 20;
        let head = serde_json::to_string_pretty(head).expect("values made here serialise");
        let head = head.strip_suffix("\n}").expect("an object with members");
        let mut text = format!("{head},\n  \"{name}\": [");
        for (at, value) in list.enumerate() {
            text.push_str(if at == 0 { "\n    " } else { ",\n    " });
            text.push_str(&value?.to_string());
            if text.len() >= PIECE {
                self.data(&text);
                text.clear();
            }
        }
        text.push_str("\n  ]\n}\n");
        self.data(&text);
        Ok(())
    }

    /// Talk: what is going on.
    pub(crate) fn say(self, text: &str) {
        if !self.quiet {
            talk(text);
        }
    }

    /// A warning, also when quiet.
    pub(crate) fn warn(self, text: &str) {
        talk(&format!("warning: {text}"));
    }

    /// An error with its hint, in the format asked for.
    pub(crate) fn error(self, error: &Error) {
        match self.format {
            Format::Text => talk(&render::error(error, self.terminal)),
            Format::Json => {
                let text = serde_json::to_string(&render::error_json(error)).expect("values made here serialise");
                talk(&text);
            }
        }
    }

    /// A plain failure of the front door's own.
    pub(crate) fn failure(self, message: &str, hint: Option<&str>) {
        match self.format {
            Format::Text => {
                talk(&format!("error: {message}"));
                if let Some(hint) = hint {
                    talk(&format!("\nhint: {hint}"));
                }
            }
            Format::Json => talk(&serde_json::json!({ "error": message, "hint": hint }).to_string()),
        }
    }
}

/// Talk that nobody can hear is no reason to stop: by then something may have been signed.
fn talk(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = out.write_all(format!("{text}\n").as_bytes());
}
