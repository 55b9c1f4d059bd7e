//! The one place that prints: data to standard output, talk to standard error.
//!
//! The printer makes every text printable once more, line by line, as the last line of defence. It cannot tell a line
//! feed of this program from one inside a value, so values are escaped where they enter a text
//! (`reroot_core::text::Printable`).

use std::io::{ErrorKind, IsTerminal, Read, Write};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use reroot_core::error::Error;
use reroot_core::failure::Failure;
use reroot_core::text::{Printable, printable_json, printable_lines};
use serde::Serialize;

use crate::args::Format;
use crate::fault::Fault;
use crate::render;
use crate::words::{ours, ours_in};

/// Whether data could not be written.
static LOST: AtomicBool = AtomicBool::new(false);

/// The configuration that was read, for what is printed as JSON.
static CONFIGURATION: OnceLock<String> = OnceLock::new();

/// Where and how to print.
#[derive(Clone, Copy, Debug)]
pub struct Printer {
    /// Text for people or JSON for programs.
    pub format: Format,
    /// Whether standard error is a terminal: only then progress is drawn.
    pub terminal: bool,
    /// The name of the program, for hints that name a command.
    pub program: &'static str,
    quiet: bool,
}

impl Printer {
    /// Returns the printer of a program with this name.
    pub fn new(program: &'static str, format: Format, quiet: bool) -> Self {
        Self { format, terminal: std::io::stderr().is_terminal(), program, quiet }
    }

    /// Whether progress is drawn: for people who look on.
    pub fn draws(self) -> bool {
        self.terminal && self.format == Format::Text
    }

    /// Data: text that could be piped.
    pub fn data(self, text: &str) {
        self.bytes(printable_lines(text).as_bytes());
    }

    /// Data whose bytes are a format, such as a proof or a script: exact, but on a terminal printable.
    pub fn exact(self, text: &str) {
        if std::io::stdout().is_terminal() { self.data(text) } else { self.bytes(text.as_bytes()) }
    }

    /// Data that is not text. Not on a terminal.
    pub fn binary(self, bytes: &[u8]) -> Result<(), Fault> {
        if std::io::stdout().is_terminal() {
            return Err(Fault::usage("binary data is not written to a terminal")
                .hint("Send it to a file or another program, such as `> certificate.der`."));
        }
        self.bytes(bytes);
        Ok(())
    }

    /// Data from a file, piece by piece. On a terminal text is made printable, and what is binary is refused.
    pub fn stream(self, source: &mut dyn Read, binary: bool) -> Result<(), Fault> {
        let failed = |error: std::io::Error| Fault::usage(format!("cannot read what was made: {error}"));
        if std::io::stdout().is_terminal() {
            let mut whole = Vec::new();
            source.read_to_end(&mut whole).map_err(failed)?;
            if binary {
                return self.binary(&whole);
            }
            self.data(&String::from_utf8_lossy(&whole));
            return Ok(());
        }
        let mut piece = vec![0; 1 << 16];
        loop {
            match source.read(&mut piece).map_err(failed)? {
                0 => return Ok(()),
                read => self.bytes(&piece[..read]),
            }
        }
    }

    fn bytes(self, bytes: &[u8]) {
        let mut out = std::io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            // a closed pipe (`| head`) is the reader's choice, not a fault
            Err(error) if error.kind() != ErrorKind::BrokenPipe && !LOST.swap(true, Ordering::Relaxed) => {
                self.failure(&format!("standard output: {error}"), None);
            }
            _ => {}
        }
    }

    /// Whether data was lost: then a command has not done what it was asked to do.
    pub fn lost_data() -> bool {
        LOST.load(Ordering::Relaxed)
    }

    /// Names the configuration that was read: in text now, in JSON as a member of what is printed.
    pub fn configuration(self, place: &Path) {
        let place = render::path_json(place);
        match self.format {
            Format::Text => self.say(&format!("configuration: {place}")),
            Format::Json => drop(CONFIGURATION.set(place)),
        }
    }

    /// A JSON value as data, one document.
    pub fn json(self, report: &impl Serialize) {
        let text = serde_json::to_string_pretty(&finished(report)).expect("values made here serialise");
        self.json_text(&format!("{text}\n"));
    }

    /// A JSON value as data in one line.
    pub fn json_line(self, report: &impl Serialize) {
        let mut value = render::document(report);
        ours_in(&mut value);
        self.json_text(&format!("{value}\n"));
    }

    fn json_text(self, text: &str) {
        self.bytes(printable_json(text).as_bytes());
    }

    /// A JSON object as data whose last member is a long list, one element a line: not held as one text.
    pub fn json_with_list(
        self,
        head: &impl Serialize,
        name: &str,
        list: impl Iterator<Item = Result<serde_json::Value, Error>>,
    ) -> Result<(), Error> {
        const PIECE: usize = 1 << 20;
        let head = serde_json::to_string_pretty(&finished(head)).expect("values made here serialise");
        let head = head.strip_suffix("\n}").expect("an object with members");
        let mut text = format!("{head},\n  \"{name}\": [");
        for (at, value) in list.enumerate() {
            text.push_str(if at == 0 { "\n    " } else { ",\n    " });
            text.push_str(&value?.to_string());
            if text.len() >= PIECE {
                self.json_text(&text);
                text.clear();
            }
        }
        text.push_str("\n  ]\n}\n");
        self.json_text(&text);
        Ok(())
    }

    /// Talk: what is going on.
    pub fn say(self, text: &str) {
        if !self.quiet {
            talk(text);
        }
    }

    /// A warning, also when quiet.
    pub fn warn(self, text: &str) {
        self.labelled("warning", YELLOW, text);
    }

    /// A line that begins with a word, which has a colour on a terminal.
    fn labelled(self, word: &str, colour: &str, text: &str) {
        let text = printable_lines(text);
        if self.colours() {
            write_talk(&format!("{colour}{word}:{PLAIN} {text}"));
        } else {
            write_talk(&format!("{word}: {text}"));
        }
    }

    /// Whether standard error is for eyes that want colours (https://no-color.org).
    fn colours(self) -> bool {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        self.terminal && !unwanted && std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
    }

    /// An error with its hint, in the format asked for.
    pub fn error(self, error: &dyn Failure) {
        match self.format {
            // coloured by escape sequences of this program; what comes from files was escaped in it
            Format::Text if self.colours() => {
                let text = render::error(error, true);
                write_talk(
                    &text
                        .strip_prefix("error:")
                        .map_or_else(|| text.clone(), |rest| format!("{RED}error:{PLAIN}{rest}")),
                );
            }
            Format::Text => talk(&render::error(error, false)),
            Format::Json => talk_json(&render::failed(error)),
        }
    }

    /// A message as it is handed on: one printable line for people, exact for programs.
    pub fn value(self, message: &str) -> String {
        if self.format == Format::Json { message.to_owned() } else { Printable::new(message).to_string() }
    }

    /// A plain failure of the front door's own.
    pub fn failure(self, message: &str, hint: Option<&str>) {
        let (message, hint) = (ours(message), hint.map(ours));
        match self.format {
            Format::Text => {
                self.labelled("error", RED, &message);
                if let Some(hint) = hint {
                    write_talk("");
                    self.labelled("hint", CYAN, &hint);
                }
            }
            Format::Json => talk_json(&Said { error: message, hint }),
        }
    }
}

const RED: &str = "\u{1b}[1;31m";
const YELLOW: &str = "\u{1b}[1;33m";
const CYAN: &str = "\u{1b}[1;36m";
const PLAIN: &str = "\u{1b}[0m";

/// A failure of the front door's own, for programs.
#[derive(Serialize)]
pub(crate) struct Said {
    pub(crate) error: String,
    pub(crate) hint: Option<String>,
}

/// A line or more of talk.
pub fn talk(text: &str) {
    write_talk(&printable_lines(text));
}

pub(crate) fn talk_json(report: &impl Serialize) {
    let mut value = render::document(report);
    ours_in(&mut value);
    write_talk(&printable_json(&value.to_string()));
}

/// The document with this program's words, and the configuration that was read.
fn finished(report: &impl Serialize) -> serde_json::Value {
    let mut value = render::document(report);
    ours_in(&mut value);
    if let (Some(place), Some(members)) = (CONFIGURATION.get(), value.as_object_mut()) {
        members.insert("configuration".to_owned(), place.as_str().into());
    }
    value
}

/// Ignores a failed write to standard error. It is no reason to stop: something may have been signed by then.
fn write_talk(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = out.write_all(format!("{text}\n").as_bytes());
}
