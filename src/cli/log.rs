//! A log for other programs: what the steps of a run say (`tracing`), one line of JSON each. Off unless asked for.
//!
//! Guarantees: only events of this program's own crates are written, and none of them is given a secret: passphrases and PINs
//! are in types that cannot be printed. A line that cannot be written stops nothing, because something may have been signed
//! by then. A file is only added to, and only if it is a log already.

use std::fmt::Debug;
use std::fs::File;
use std::io::{Read as _, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clap::{CommandFactory as _, ValueEnum as _};
use reroot::durable;
use reroot::error::Error;
use reroot::text::{Printable, printable_json};
use reroot::x509::Time;
use reroot_check::words::ours;
use serde::Serialize;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::args::LogLevel;
use super::{Cli, Exit, Fault};

/// Begins the log that the options or the environment ask for. `clock` returns the time since 1970.
pub(crate) fn begin(cli: &Cli, clock: fn() -> Duration) -> Result<(), Fault> {
    let wanted = match (cli.log, &cli.log_file) {
        (None, Some(_)) => Some(LogLevel::Info),
        (None, None) => from_environment()?,
        (level, _) => level,
    };
    let Some(level) = wanted else { return Ok(()) };
    let out: Box<dyn Write + Send> = match &cli.log_file {
        Some(path) => Box::new(open(path)?),
        None => Box::new(std::io::stderr()),
    };
    let log = Log { level: level.filter(), clock, out: Mutex::new(out) };
    tracing::subscriber::set_global_default(log).expect("a program begins one log");
    tracing::info!(command = command(), version = reroot_check::VERSION, "started");
    Ok(())
}

/// Says how the command ended.
pub(crate) fn ended(exit: Exit, after: Duration) {
    tracing::info!(exit_code = exit.code(), seconds = after.as_secs_f64(), "ended");
}

/// Says why the command failed. `message` and `hint` are those that are printed.
pub(crate) fn failed(exit: Exit, message: &str, hint: Option<&str>, codes: &[&str]) {
    let (codes, hint) = (codes.join(" "), hint.map(ours).unwrap_or_default());
    tracing::error!(exit_code = exit.code(), error = ours(message), hint, codes, "failed");
}

fn from_environment() -> Result<Option<LogLevel>, Fault> {
    let Some(value) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) else { return Ok(None) };
    let level = value.to_str().and_then(|text| LogLevel::from_str(text, false).ok());
    level.map(Some).ok_or_else(|| {
        let message = format!("{VARIABLE} is `{}`, which is not a level of the log", Printable::new(&value));
        Fault::usage(message).hint("Set it to error, warn, info or debug, or remove it.")
    })
}

/// Opens a log to add to it. A file with something else in it, such as a ledger or a key, is refused.
fn open(path: &Path) -> Result<File, Fault> {
    let named = Printable::new(path);
    let mut file = durable::open_log(path).map_err(Error::from)?;
    let mut begins = [0; BEGINS.len()];
    let read = match file.metadata() {
        Ok(about) if about.is_file() => file.read(&mut begins),
        Ok(_) => return Err(Fault::usage(format!("the log `{named}` is not a file"))),
        Err(error) => Err(error),
    };
    match read {
        Ok(0) => Ok(file),
        Ok(_) if begins == *BEGINS => Ok(file),
        Ok(_) => Err(Fault::usage(format!("`{named}` is not a log of this program, and is left as it is"))
            .hint("Choose another --log-file.")),
        Err(error) => Err(Fault::usage(format!("cannot read the log `{named}`: {error}"))),
    }
}

/// The command that was typed, without its options.
fn command() -> String {
    let mut names = Vec::new();
    let matches = Cli::command().try_get_matches_from(std::env::args_os()).ok();
    let mut rest = matches.as_ref().and_then(clap::ArgMatches::subcommand);
    while let Some((name, matches)) = rest {
        names.push(name);
        rest = matches.subcommand();
    }
    names.join(" ")
}

impl LogLevel {
    const fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
        }
    }
}

/// Writes events. There are no spans in this program.
struct Log {
    level: LevelFilter,
    clock: fn() -> Duration,
    out: Mutex<Box<dyn Write + Send>>,
}

impl Subscriber for Log {
    fn enabled(&self, about: &Metadata<'_>) -> bool {
        let own = OWN.contains(&about.target().split("::").next().unwrap_or_default());
        own && about.is_event() && *about.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = Line {
            timestamp: timestamp((self.clock)()),
            level: event.metadata().level().as_str().to_lowercase(),
            pid: std::process::id(),
            message: fields.message,
            fields: fields.others,
        };
        let text = serde_json::to_string(&line).expect("fields have text for names");
        // one write a line: other processes may add to the same file
        let line = format!("{}\n", printable_json(&text));
        let _ = self.out.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Serialize)]
struct Line {
    timestamp: String,
    level: String,
    pid: u32,
    message: String,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

/// RFC 3339, to the millisecond.
fn timestamp(since: Duration) -> String {
    let seconds = i64::try_from(since.as_secs()).ok().and_then(|seconds| Time::from_unix(seconds).ok());
    let text = seconds.map_or_else(String::new, |time| time.to_string());
    format!("{}.{:03}Z", text.trim_end_matches('Z'), since.subsec_millis())
}

/// What an event says. An empty text is a field that this event does not have.
#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: impl Into<Value>) {
        self.others.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            _ if value.is_empty() => {}
            _ => self.add(field, value),
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }

    /// To the thousandth: every such value is a number of seconds.
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, (value * 1000.0).round() / 1000.0);
    }
}

/// The environment variable with the level.
const VARIABLE: &str = "REROOT_LOG";

/// The first bytes of every line.
const BEGINS: &[u8; 14] = b"{\"timestamp\":\"";

/// Crates whose events are written.
const OWN: [&str; 3] = ["reroot", "reroot_issue", "pkcs11_pool"];
