//! Runs a program and lets one of its system calls go wrong, for tests.
//!
//! ```text
//! faulty-system --under DIR [--calls write,fsync] [--record FILE] [--at N | --from N] [--how HOW]
//!     [--without renameat2=EINVAL,linkat=EPERM] [--lie PATH] [--survive DIR] [--lose WHAT] PROGRAM [ARG...]
//! ```
//!
//! The calls that change files below DIR are counted, from 1, over all threads together: `strace` counts each thread's
//! by itself, so that what a second thread does early can never be met. `--record` gets a line for each: name of the
//! call and path. The one with number N, or each from N on, goes wrong:
//!
//! | HOW | what happens |
//! |---|---|
//! | `error=EIO` | it is not done and returns this error |
//! | `error-after=EIO` | it is done and returns this error |
//! | `kill-before` | the process is killed with SIGKILL; it is not done |
//! | `kill-after` | the process is killed with SIGKILL when it was done |
//! | `kill-within` | half of what was to be written is written, then SIGKILL |
//! | `short` | half of what was to be written is written, and it says so: no fault, but rare |
//!
//! `clone` and `clone3`, which make threads and processes, count only if `--calls` names them; they have no path.
//! `--without` is a file system that lacks some calls: they fail every time, below DIR, and are not counted.
//!
//! A program that makes itself undumpable could not be watched by an ordinary user: that one call is answered and not done.
//!
//! `--lie` makes a program that lacks a flush: those of PATH, which is relative to DIR and may have one `*` for anything
//! but a slash, are not done, not counted, and succeed.
//!
//! `--survive` names an empty folder outside of the first: when the program has ended, it gets what a power loss at that
//! moment would leave of DIR. Lost are, by `--lose`:
//!
//! | WHAT | what is lost |
//! |---|---|
//! | `unflushed` | contents and names that were not flushed (the default) |
//! | `contents` | contents that were not flushed: names are as they were |
//! | `names` | names that were not flushed: contents are as they were |
//!
//! Ends with the program's exit code, 137 if it was killed, 125 if something is wrong here.
#![allow(clippy::disallowed_methods, reason = "the rules of `durable` are the program's, not a test tool's")]

mod calls;
mod disk;
mod trace;

use std::path::PathBuf;
use std::process::ExitCode;

/// What the command line asks for.
struct Order {
    /// Only files below this folder count.
    under: PathBuf,
    /// Only these calls count; all that change something if it is empty.
    calls: Vec<String>,
    record: Option<PathBuf>,
    /// The first call that goes wrong, and the last.
    wrong: std::ops::RangeInclusive<u64>,
    how: How,
    /// Calls that always fail.
    without: Vec<(&'static calls::Call, i32)>,
    /// The paths whose flushes are not done, relative to the folder, with at most one `*`.
    lie: Option<String>,
    /// Where to write what a power loss leaves.
    survive: Option<PathBuf>,
    lose: disk::Lose,
    program: Vec<String>,
}

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Error(i32),
    ErrorAfter(i32),
    KillAfter,
    KillBefore,
    KillWithin,
    Short,
}

fn main() -> ExitCode {
    match order().and_then(|order| trace::run(&order)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("faulty-system: {error}");
            ExitCode::from(125)
        }
    }
}

fn order() -> Result<Order, String> {
    let mut words = std::env::args().skip(1);
    let never = u64::MAX..=u64::MAX;
    let mut order = Order {
        under: PathBuf::new(),
        calls: vec![],
        record: None,
        wrong: never,
        how: How::KillBefore,
        without: vec![],
        lie: None,
        survive: None,
        lose: disk::Lose::Unflushed,
        program: vec![],
    };
    while let Some(word) = words.next() {
        if !word.starts_with("--") {
            order.program = std::iter::once(word).chain(words).collect();
            break;
        }
        let value = words.next().ok_or_else(|| format!("{word} has no value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{word} {value} is no number"));
        match word.as_str() {
            "--under" => order.under = std::fs::canonicalize(&value).map_err(|error| format!("{value}: {error}"))?,
            "--calls" => order.calls = value.split(',').map(ToOwned::to_owned).collect(),
            "--record" => order.record = Some(value.into()),
            "--at" => order.wrong = number()?..=number()?,
            "--from" => order.wrong = number()?..=u64::MAX - 1,
            "--how" => order.how = how(&value)?,
            "--without" => order.without = value.split(',').map(missing).collect::<Result<_, _>>()?,
            "--lie" => order.lie = Some(value),
            "--survive" => order.survive = Some(value.into()),
            "--lose" => order.lose = lose(&value)?,
            _ => return Err(format!("{word} is unknown")),
        }
    }
    if order.program.is_empty() || order.under.as_os_str().is_empty() {
        return Err("a program and --under DIR are needed".to_owned());
    }
    if let Some(unknown) = order.calls.iter().find(|name| calls::named(name).is_none()) {
        return Err(format!("{unknown} is not a call that is counted"));
    }
    Ok(order)
}

/// `renameat2=EINVAL`
fn missing(text: &str) -> Result<(&'static calls::Call, i32), String> {
    let pair = text.split_once('=').and_then(|(call, error)| Some((calls::named(call)?, calls::errno(error)?)));
    pair.ok_or_else(|| format!("--without {text} is not CALL=ERROR"))
}

fn lose(text: &str) -> Result<disk::Lose, String> {
    match text {
        "contents" => Ok(disk::Lose::Contents),
        "names" => Ok(disk::Lose::Names),
        "unflushed" => Ok(disk::Lose::Unflushed),
        _ => Err(format!("--lose {text} is unknown")),
    }
}

fn how(text: &str) -> Result<How, String> {
    let number = |name| calls::errno(name).ok_or_else(|| format!("{name} is not an error that is known here"));
    match text.split_once('=') {
        Some(("error", name)) => Ok(How::Error(number(name)?)),
        Some(("error-after", name)) => Ok(How::ErrorAfter(number(name)?)),
        None if text == "kill-after" => Ok(How::KillAfter),
        None if text == "kill-before" => Ok(How::KillBefore),
        None if text == "kill-within" => Ok(How::KillWithin),
        None if text == "short" => Ok(How::Short),
        _ => Err(format!("--how {text} is unknown")),
    }
}
